"""Small rosters that show every kind of problem, carried through the real rooms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import openpyxl

from importer.cli.app import run
from importer.ledger.ledger import Ledger
from importer.model.problem import Problem
from importer.model.roster import ADDED

LOCAL = """\
version: 1
account_type: INTERNAL
ids:
  Id: {digits: 7, pad: true}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  pref_last_name: <$whole.last>
  user_group: {from: <Group>, lookup: groups}
  campus_code: <Campus>
  birth_date: <Born>
  expiry_date: {from: <Ends>, dates: ymd}
  purge_date: {from: <Purge>, dates: ymd}
  job_description: <Job>
  pin_number: <Pin>
  password: <Password>
  contact_info:
    address:
      - {line1: <Street>, postal_code: <Zip>, country: USA, address_type: home}
    email:
      - {email_address: <Email>, email_type: personal}
    phone:
      - {phone_number: {from: <Phone>, clean: [phone]}, phone_type: mobile}
  user_identifier:
    - {id_type: BARCODE, value: <Card>}
values:
  whole: {from: <Whole>, read: name}
lookups:
  groups: {Community: COMM}
"""
CODES = {
    "fetched": "2020-01-02",
    "tables": {"Campuses": {"MAIN": "Main"}, "UserGroups": {"COMM": "Community"}},
}
_HEADINGS = ("Id", "First", "Last", "Group", "Campus", "Born", "Ends", "Purge", "Job", "Pin",
             "Password", "Street", "Zip", "Email", "Phone", "Card", "Whole")  # fmt: skip
_FIRST = ("Ana", "Boris", "Chloe", "Dmitri", "Esther", "Farid", "Greta", "Hugo", "Ingrid", "Jamal",
          "Keiko", "Lars", "Mina", "Nadia", "Oskar", "Petra", "Quinn", "Rosa", "Silas", "Tuula",
          "Ugo", "Vera", "Wanda", "Xavier", "Yara", "Zoltan", "Amara", "Bruno")  # fmt: skip
_LAST = ("Abernathy", "Bystrom", "Castellanos", "Dufresne", "Eriksen", "Fontaine", "Guzman",
         "Hallberg", "Ishikawa", "Jankowski", "Kowalczyk", "Lindqvist", "Mbeki", "Novotny",
         "Okafor", "Petrov", "Quintero", "Rasmussen", "Saavedra", "Thorvald", "Ulrich", "Vasquez",
         "Whitfield", "Xiong", "Yamamoto", "Zielinski", "Achterberg", "Brandeis")  # fmt: skip
_WRONG: tuple[dict[str, str], ...] = (
    {"First": "A\x07na"},
    {"Last": "MuÃ±oz"},
    {"First": "Ana 😀"},
    {"First": "Ana & Bo"},
    {"First": "TBD"},
    {"Last": "Kim, Olivia"},
    {"First": "Dr. Ana"},
    {"Whole": "Ana Maria Lee Kim Roe"},
    {"Purge": "2020-01-02"},
    {"Job": "#REF!"},
    {"Job": "x" * 140_000},
    {"Job": "x" * 300},
    {"Id": "10 000 07"},
    {"Id": "１０００００８"},
    {"Id": '="1000009"'},
    {"Id": "100010"},
    {"Last": ""},
    {"Id": "12345X7"},
    {"Card": "2.00012E+13"},
    {"Group": "Comunity"},
    {"Campus": "main"},
    {"Born": "soon"},
    {"Born": "03/04/1990"},
    {"Born": "1801-01-02"},
    {"Ends": "2001-01-02"},
    {"Purge": "2030-01-02"},
    {"Email": "nobody"},
    {"Phone": "12"},
    {"Street": "1 Elm St", "Zip": "1234567"},
    {"Pin": "12"},
    {"Password": "short"},
)
_TWINS: tuple[dict[str, str], ...] = (
    {"Id": "2000001"},
    {"Id": "2000001", "First": "Other"},
    {"Card": "30001"},
    {"Card": "30001"},
    {"Id": "2000005", "First": "Rosalind", "Last": "Featherstone", "Born": "1971-02-25"},
    {"Id": "2000006", "First": "Rosalind", "Last": "Featherstone", "Born": "1971-02-25"},
    {"Id": "2000007", "First": "Katherine", "Last": "Montgomery", "Born": "1983-11-19"},
    {"Id": "2000008", "First": "Catherine", "Last": "Montgomery", "Born": "1983-11-19"},
    {"Id": "2000009", "Email": "family@example.org"},
    {"Id": "2000010", "Email": "family@example.org"},
)

ALMA = """\
version: 1
account_type: {account_type}
{owner}
match: {{by: [primary_id, BARCODE], new: {new}, known: {known}}}
safety_checks:
  foreign_group: {{percent: 100, count: 100}}
  removals: {{percent: 100, count: 100}}
  renames: {{percent: 100, count: 100}}
roster: {{dates: ymd}}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  birth_date: <Born>
  job_description: <Job>
  user_identifier:
    - {{id_type: BARCODE, value: <Card>, segment_type: Internal}}
"""
_ALMAS_HEADINGS = "Id,First,Last,Group,Born,Job,Card"


def problems(folder: Path) -> Iterator[Problem]:
    """The problems of a run."""
    with Ledger.open(folder) as ledger:
        yield from list(ledger.problems())


def typed(*arguments: str) -> int:
    """Type a command."""
    return run(list(arguments))


def offline(folder: Path) -> Iterator[Problem]:
    """What `check` finds in a CSV file, a workbook, uneven rows and an External roster."""
    _csv(folder / "local.csv")
    _book(folder / "book.xlsx")
    heading, blank = ",".join(_HEADINGS), "," * 12
    bo = f"1000002,Bo,Ray,Community{blank}"
    bare = LOCAL.replace("ids:\n  Id: {digits: 7, pad: true}\n", "")
    external = LOCAL.replace("INTERNAL", "EXTERNAL\nowning_system: SIS")
    emails_of = "\n".join(
        "      - {email_type: personal, email_address: {from: <Email>, "
        f'clean: [{{split: {{on: ",", take: {number}}}}}]}}}}'
        for number in (1, 2)
    )
    slip = bare.replace("job_description: <Job>", "job_description: Job")
    slip = slip.replace("      - {email_address: <Email>, email_type: personal}", emails_of)
    emails = '"a@example.org,b@example.org,c@example.org"'
    days = [f"100000{n},Ana,Lee,Community,,0{n}/{n + 20}/1990{blank}" for n in range(1, 6)]
    born = [f"20000{n},Ana{n},Lee,Community,,1990-01-01{blank}" for n in range(10, 22)]
    texts = {
        "codes.json": [json.dumps(CODES)],
        "local.yaml": [LOCAL],
        "external.yaml": [external.replace("  password: <Password>\n", "")],
        "bare.yaml": [bare],
        "first.yaml": [LOCAL, "duplicates: {same_id: keep first}"],
        "slip.yaml": [slip, "roster: {skip: [{when: {First: Bo}, reason: they have left}]}"],
        "days.yaml": ["roster: {dates: dmy}", LOCAL],
        "external.csv": [heading, "," * 15, f",Ana,Lee,Community{blank}", bo],
        "uneven.csv": [heading, "1000001,Ana,Lee", f"{bo},x,y", bo],
        "twice.csv": [heading, bo, bo],
        "several.csv": [heading, bo, f"1000003,Cy,Nash,Community{',' * 10}{emails},,"],
        "born.csv": [heading, *born],
        "days.csv": [heading, *days],
        "decided.csv": [f"{','.join(ADDED)},{heading}", f"2,rejected,maybe,,,{bo}"],
    }
    for name, lines in texts.items():
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    for roster, mapping in (
        ("local.csv", "local"),
        ("decided.csv", "local"),
        ("days.csv", "days"),
        ("born.csv", "local"),
        ("several.csv", "slip"),
        ("twice.csv", "first"),
        ("book.xlsx", "local"),
        ("external.csv", "external"),
        ("uneven.csv", "local"),
        ("external.csv", "bare"),
    ):
        name = f"{Path(roster).stem}-{mapping}"
        typed("check", roster, "-m", f"{mapping}.yaml", "-o", name)
        yield from problems(folder / name)
    (folder / "codes.json").unlink()
    typed("check", "external.csv", "-m", "bare.yaml", "-o", "no codes")
    yield from problems(folder / "no codes")


def _row(at: int, **cells: str) -> list[str]:
    usual = {
        "Id": f"{1_000_001 + at}",
        "First": _FIRST[at % 28],
        "Last": _LAST[at * 3 % 28],
        "Group": "Community",
        "Born": f"{1950 + at}-05-{at % 27 + 1:02}",
        "Ends": "2035-08-31",
        "Purge": "2037-08-31",
    }
    return [{**usual, **cells}.get(name, "") for name in _HEADINGS]


def _csv(path: Path) -> None:
    rows = [_row(at, **cells) for at, cells in enumerate((*_WRONG, *_TWINS))]
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    path.write_text("\n".join([",".join(_HEADINGS), *quoted]) + "\n", "utf-8")


def _book(path: Path) -> None:
    """A column that is not mapped, one without a heading, a hidden row, an example, zeros."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append([*_HEADINGS, "Fines", None])
    sheet.append([f"Example: {cell}" if at == 0 else cell for at, cell in enumerate(_row(0))])
    for at in (1, 2, 3):
        sheet.append([*_row(at), "3", "stray"])
    sheet["A3"] = 12345
    sheet["A3"].number_format = "0000000"
    sheet.row_dimensions[4].hidden = True
    book.create_sheet("Other").append(["not", "read"])
    book.save(path)


Ask = Callable[[str, str, object], object]
"""Calls the back door of the practice Alma: method, path and body."""


def _plan(folder: Path, name: str, mapping: str, *rows: str) -> str:
    (folder / f"{name}.csv").write_text("\n".join([_ALMAS_HEADINGS, *rows]) + "\n", "utf-8")
    typed("plan", f"{name}.csv", "-m", f"{mapping}.yaml", "-o", name)
    return name


def _apply(name: str) -> str:
    typed("apply", name, "--yes", "--allow", "many-changes")
    return name


def _for_the_load() -> str:
    """A row that Alma's SIS load would reject: its user is Internal."""
    typed("users", "refresh")
    typed("plan", "type.csv", "-m", "external.yaml", "--to", "sis-xml", "-o", "for the load")
    return "for the load"


def with_alma(folder: Path, ask: Ask) -> Iterator[Problem]:
    """What `plan`, `apply`, `resolve` and `undo` find."""
    kinds = {
        "internal": ("INTERNAL", "", "create", "update"),
        "external": ("EXTERNAL", "owning_system: SIS", "create", "update"),
        "other": ("EXTERNAL", "owning_system: OTHER", "create", "update"),
        "converts": ("EXTERNAL", "owning_system: SIS", "create, account_type: convert", "update"),
        "only-new": ("INTERNAL", "", "create", "reject"),
        "only-known": ("INTERNAL", "", "reject", "update"),
    }
    for name, (account_type, owner, new, known) in kinds.items():
        text = ALMA.format(account_type=account_type, owner=owner, new=new, known=known)
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    text = ALMA.format(account_type="INTERNAL", owner="", new="create", known="update")
    by_id = text.replace("[primary_id, BARCODE]", "[primary_id]")
    (folder / "by id.yaml").write_text(by_id, "utf-8")
    elsewhere = text.replace("match: {", "match: {managed_elsewhere: [SIS], ")
    (folder / "elsewhere.yaml").write_text(elsewhere, "utf-8")
    ana = "2001,Ana,Nunez,COMM,1990-01-02,,9001"
    bo = "2002,Bo,Doe,COMM,1980-03-04,,9002"
    cy = "3001,Cy,Ito,UGRD,2001-05-06,,"
    dee = "3002,Dee,Oak,UGRD,2001-07-08,,"

    plan = partial(_plan, folder)
    runs = [_apply(plan("first", "internal", ana, bo)), _apply(plan("sis", "external", cy, dee))]
    runs += [
        plan("exists", "only-new", ana),
        plan("missing", "only-known", ana.replace("2001", "2007").replace("9001", "9007")),
        plan("alike", "internal", "2009,Ana,Nunez,COMM,1990-01-02,,"),
        plan("namesake", "internal", "2010,Ana,Nunez,COMM,,,"),
        plan("two", "internal", "2001,Ana,Nunez,COMM,1990-01-02,,9002"),
        plan("another", "internal", "2008,Zoe,Quill,COMM,1961-01-02,,9001"),
        plan("differs", "internal", ana.replace("2001", "2008")),
        plan("known", "by id", ana.replace("2001", "2008")),
        plan("taken", "by id", ana.replace("9001", "9002")),
        plan("elsewhere", "elsewhere", cy),
        plan("born", "internal", ana.replace("01-02", "01-03")),
        plan("convert", "converts", "2001,Ana,Nunez,COMM,1990-01-02,,"),
        plan("type", "external", "2001,Ana,Nunez,COMM,1990-01-02,,"),
        plan("owner", "other", cy),
        plan("stranger", "internal", "2002,Zelda,Quirk,COMM,1980-03-04,,9002"),
    ]
    typed("resolve", "alike", "2", "--as", "create")
    runs.append(plan("changed", "internal", ana.replace("Nunez", "Novak"), bo))
    ask("PATCH", "/_sandbox/users/2001", {"last_name": "Byhand"})
    _apply("changed")
    runs.append(plan("replaces", "internal", ana.replace("Nunez", "Nash")))
    ask("POST", "/_sandbox/users/3001/edited", ["user_group"])
    runs.append(_apply(plan("kept", "external", cy.replace("UGRD", "GRAD"))))
    ask("PATCH", "/_sandbox/users/3002", {"user_group": {"value": "STAFF"}})
    runs.append(plan("edited", "external", dee))
    roles = [{"role_type": {"value": "200"}, "expiry_date": "2020-05-31Z"}]
    block = {"block_description": {"value": "02-GLOBAL"}}
    ask("PATCH", "/_sandbox/users/2001", {"user_role": roles, "user_block": [block]})
    desk = [{"role_type": {"value": "32"}, "scope": {"value": "MAIN"}}]
    runs.append(plan("lapsed", "internal", ana))
    ask("PATCH", "/_sandbox/users/2001", {"user_role": desk})
    runs.append(plan("no role", "internal", ana))
    plan("refused", "internal", "2010,Eve,Fox,COMM,1991-01-02,,")
    ask("POST", "/_sandbox/faults", "rules: [{on: POST, do: refuse, code: '401866'}]")
    runs.append(_apply("refused"))
    ask("POST", "/_sandbox/faults", "rules: [{on: GET, path: '/users*', do: html}]")
    runs.append(plan("unclear", "internal", "2011,Fay,Gil,COMM,1992-01-02,,"))
    ask("POST", "/_sandbox/faults", "")
    ask("POST", "/_sandbox/users/2002/loans", {"loans": 2})
    typed("undo", "first", "--delete-created", "-o", "back")
    typed("undo", "sis", "-o", "stays")
    leavers = "match:\n  absent: {among: {user_group: [COMM]}, set: {status: INACTIVE}}\n"
    (folder / "leavers.yaml").write_text(re.sub("match:.*\n", leavers, text), "utf-8")
    typed("plan", "first.csv", "-m", "leavers.yaml", "-o", "uncompared", "--no-refresh")
    runs += ["uncompared", _hidden_pin(folder, ana.replace("COMM", "FRIEND"))]
    runs += [_apply(plan("leave", "leavers", bo)), plan("return", "leavers", ana, bo)]
    runs += _who_is_who(folder, ask, ana, bo)
    ask("PATCH", "/_sandbox/users/2001", {"user_role": roles, "expiry_date": "2020-05-31Z"})
    runs += [_retire(folder, ana, bo), _for_the_load()]
    for name in (*runs, "back", "stays"):
        yield from problems(folder / name)


def _hidden_pin(folder: Path, row: str) -> str:
    """Plan an update where Alma is known not to show PINs."""
    measured = {"institution": "01SANDBOX_INST", "environment": "sandbox", "measured": "2026-11-28"}
    facts = folder / "facts.json"
    facts.write_text(json.dumps({**measured, "facts": {"get-pin": "hide"}}), "utf-8")
    run = _plan(folder, "pin", "internal", row)
    facts.unlink()
    return run


def _retire(folder: Path, *rows: str) -> str:
    """Plan to list users whose membership has ended."""
    retire = "match: {new: reject, retire: {among: {user_group: [COMM]}}}"
    names = "record: {primary_id: <Id>, first_name: <First>, last_name: <Last>}"
    whole = f"version: 1\naccount_type: INTERNAL\n{retire}\n{names}\n"
    (folder / "retire.yaml").write_text(whole, "utf-8")
    return _plan(folder, "retire", "retire", *rows)


def _who_is_who(folder: Path, ask: Ask, ana: str, bo: str) -> Iterator[str]:
    """Yield plans of a person twice in Alma, of a card that both changed, and of shifted IDs."""
    ask("PATCH", "/_sandbox/users/2001", {"last_name": "Nunez"})
    _apply("alike")
    yield _plan(folder, "one person", "by id", ana.replace("2001", "2009"))
    card = {"id_type": {"value": "BARCODE"}, "value": "9022", "segment_type": "Internal"}
    ask("PATCH", "/_sandbox/users/2002", {"user_identifier": [{**card, "status": "ACTIVE"}]})
    yield _plan(folder, "card", "internal", bo.replace("9002", "9032"))
    crowd = [
        f"{at + 4001},{_FIRST[at]},{_LAST[at]},COMM,{1960 + 5 * at}-0{at + 1}-1{at},,"
        for at in range(7)
    ]
    yield _apply(_plan(folder, "crowd", "internal", *crowd))
    shifted = [f"{at + 4001},{row.partition(',')[2]}" for at, row in enumerate(crowd[1:])]
    yield _plan(folder, "shifted", "internal", *shifted)
