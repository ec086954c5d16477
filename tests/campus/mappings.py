"""The mappings of the campus: one for each roster."""

from __future__ import annotations

_RECORD = """record:
  primary_id: <id>
  first_name: <first>
  last_name: <last>
  pref_first_name: <preferred>
  user_group: {from: <group>OVERRIDE}
  birth_date: <born>
  expiry_date: {from: <expires>, on_update: later}
  purge_date: {from: <@expiry_date>, plus: 2 years, on_update: later}
  job_description: <job>
  pin_number: <pin>
  contact_info:
    address:
      - {line1: <street>, city: Northfield, country: USA, address_type: home, preferred: true}
    email:
      - {email_address: <campus_email>, email_type: school, preferred: true}
      - {email_address: <email>, email_type: personal}
    phone:
      - {phone_number: <phone>, phone_type: mobile}
  user_identifier:
    - {id_type: BARCODE, value: <card>, segment_type: Internal}
  user_note:
    - {note_type: LIBRARY, note_text: In NAME, on_update: never}
patron_role: {expiry: <@expiry_date>}
"""

_MATCH = """  managed_elsewhere: [NZ]
  absent:
    among: {user_group: [GROUPS]}
    set:
      expiry_date: <@today>
      status: INACTIVE
      user_note:
        - {note_type: LIBRARY, note_text: Left}
"""

COMMUNITY = (
    """version: 1
name: community
account_type: INTERNAL
roster: {dates: ymd}
ids: {id: {pattern: "2[0-9]{13}"}}
duplicates: {same_id: keep first}
match:
  keep_old_id: {type: BARCODE}
"""
    + _MATCH.replace("GROUPS", "COMM, FRIEND")
    + _RECORD.replace("OVERRIDE", "").replace("NAME", "community")
)

_EXTERNAL = (
    """version: 1
name: NAME
account_type: EXTERNAL
owning_system: SIS
roster: {dates: ymd}
ids: {id: {digits: 7}, card: {pattern: "2[0-9]{13}"}}
duplicates: {same_id: {keep heaviest: weights}}
match:
  account_type: convert
  keep_old_id: {type: BARCODE}
"""
    + _MATCH
    + _RECORD
    + "lookups:\n  weights: {FACULTY: 4, STAFF: 3, GRAD: 2, UGRD: 1}\n"
)
STUDENTS = (
    _EXTERNAL.replace("GROUPS", "UGRD, GRAD")
    .replace("NAME", "students")
    .replace("OVERRIDE", ", override: true")
)
STAFF = (
    _EXTERNAL.replace("GROUPS", "STAFF, FACULTY").replace("NAME", "staff").replace("OVERRIDE", "")
)

MAPPINGS = {"community": COMMUNITY, "students": STUDENTS, "staff": STAFF}
