"""Findings about a mapping name the file, the line, the key, and the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.mapper.load import load
from tests.mapper.bench import BASE, findings, loaded, mapping_text

EMAIL = "contact_info:\n  email:\n    - email_address: <E>\n      email_type: work\n"
"""In `mapping_text` the address is on line 10 of the file."""


TYPES = "contact_info: {email: [{email_address: <E>, email_type:"
"""An email whose types are still to be added."""

W = "8: record.job_category.when"
C = "8: record.middle_name.clean[0]"


@pytest.mark.parametrize(
    ("record", "top", "place", "words"),
    [
        ("middle_nmae: <M>", "", "8: record.middle_nmae", ("`middle_name`",)),
        ("full_name: <N>", "", "8: record.full_name", ("first, middle and last",)),
        ("account_type: INTERNAL", "", "8: record.account_type", ("top",)),
        ("external_id: SIS", "", "8: record.external_id", ("owning_system",)),
        ("loans: <N>", "", "8: record.loans", ("only reports",)),
        ("user_role: [{role_type: 200}]", "", "8: record.user_role", ("`patron_role`",)),
        ("email_address: <E>", "", "8: record.email_address", ("`contact_info.email`",)),
        ("birth_date: <B", "", "8: record.birth_date", ("not closed",)),
        ("birth_date: <B #>", "", "8: record.birth_date", ("quotation marks",)),
        ("birth_date: {from: <B>, datse: mdy}", "", "8: record.birth_date.datse", ("`dates`",)),
        ("birth_date: {dates: mdy}", "", "8: record.birth_date", ("`from` is missing",)),
        ("birth_date: {from: <B>, dates: myd}", "", "8: record.birth_date.dates", ("mdy, dmy",)),
        ('birth_date: {from: <B>, dates: "%d %q"}', "", "8: record.birth_date.dates", ("%q",)),
        ("birth_date: {from: <B>, plus: soon}", "", "8: record.birth_date.plus", ("`1 year`",)),
        ("birth_date: {from: <B>, plus: end of term}", "", "8: record.birth_date.plus", ("terms",)),
        ("birth_date: 5/1/2000", "", "8: record.birth_date", ("2027-05-15",)),
        ("birth_date: ''", "", "8: record.birth_date", ("blank",)),
        ("birth_date: [<A>, <B>]", "", "8: record.birth_date", ("not a list",)),
        (
            f"{TYPES} [a, <T>]}}]}}",
            "",
            "8: record.contact_info.email[0].email_type",
            ("codes only",),
        ),
        (
            f"{TYPES} [a, {{from: b}}]}}]}}",
            "",
            "8: record.contact_info.email[0].email_type",
            ("codes only",),
        ),
        (f"{TYPES} [a, b, a]}}]}}", "", "8: record.contact_info.email[0].email_type", ("twice",)),
        (f"{TYPES} []}}]}}", "", "8: record.contact_info.email[0].email_type", ("blank",)),
        (
            "user_identifier: [{id_type: [A, B], value: <V>}]",
            "",
            "8: record.user_identifier[0].id_type",
            ("not a list",),
        ),
        (
            "proxy_for_user: [{full_name: <P>}]",
            "",
            "8: record.proxy_for_user[0].full_name",
            ("only reports",),
        ),
        (
            "proxy_for_user: [{primary_id: <P>, replaces: [A]}]",
            "",
            "8: record.proxy_for_user[0].replaces",
            ("statistics",),
        ),
        (
            "proxy_for_user: [{remove: {matches: A}}]",
            "",
            "8: record.proxy_for_user[0].remove",
            ("statistics",),
        ),
        ("middle_name: {from: <M>, plus: 1 year}", "", "8: record.middle_name.plus", ("dates",)),
        ("middle_name: {from: <M>, on_update: later}", "", "8: record.middle_name.on_update", ()),
        ("middle_name: {from: <M>, on_update: add}", "", "8: record.middle_name.on_update", ()),
        (
            "middle_name: {from: <M>, clean: [uper]}",
            "",
            "8: record.middle_name.clean",
            ("`upper`",),
        ),
        (
            "middle_name: {from: <M>, clean: [{last: four}]}",
            "",
            "8: record.middle_name.clean[0].last",
            ("whole number",),
        ),
        (
            'middle_name: {from: <M>, clean: [{replace: {find: "(", with: ""}}]}',
            "",
            "8: record.middle_name.clean[0].replace.find",
            ("pattern",),
        ),
        (
            'middle_name: {from: <M>, clean: [{replace: {find: "a", with: "\\\\1"}}]}',
            "",
            "8: record.middle_name.clean[0].replace",
            ("group",),
        ),
        (
            'middle_name: {from: <M>, clean: [{split: {on: ",", tkae: 1}}]}',
            "",
            "8: record.middle_name.clean[0].split",
            ("`take`",),
        ),
        (
            "middle_name: {from: <M>, lookup: grups}",
            "lookups: {groups: {a: b}}",
            "8: record.middle_name.lookup",
            ("`groups`",),
        ),
        (
            "middle_name: {from: <M>, default: {from: x, required: true}}",
            "",
            "8: record.middle_name.default.required",
            (),
        ),
        (
            "middle_name: <@brith_date>\nbirth_date: <B>",
            "",
            "8: record.middle_name",
            ("`birth_date`",),
        ),
        ("middle_name: <@middle_name>", "", "8: record.middle_name", ("its own",)),
        (
            "middle_name: {from: <City>, <State>}",
            "",
            "8: record.middle_name.<State>",
            ("quotation",),
        ),
        ("middle_name: {Street}", "", "8: record.middle_name.Street", ("quotation",)),
        (
            EMAIL + "      emial_type: x",
            "",
            "12: record.contact_info.email[0].emial_type",
            ("type",),
        ),
        (EMAIL + "      preferred: maybe", "", "12: record.contact_info.email[0].preferred", ()),
        (EMAIL + "      on_update: erase", "", "12: record.contact_info.email[0].on_update", ()),
        (
            "user_identifier: [{id_type: BARCODE}]",
            "",
            "8: record.user_identifier[0]",
            ("`value` is missing",),
        ),
        (
            "user_identifier: [{id_type: A, value: <V>, segment_type: Mine}]",
            "",
            "8: record.user_identifier[0].segment_type",
            ("`Internal`",),
        ),
        (
            "user_identifier: [{id_type: <A *>, value: <B *>}]",
            "",
            "8: record.user_identifier[0]",
            ("`<A *>` and `<B *>`",),
        ),
        ("", "match: {keep_old_id: {type: X, status: OLD}}", "8: match.keep_old_id.status", ()),
        ("", "match: {keep_old_id: {status: ACTIVE}}", "8: match.keep_old_id", ("`type`",)),
        ("", "match: {absent: {among: {}, set: {}}}", "8: match.absent.among", ("`user_group`",)),
        ("", "match: {absent: {among: {user_group: A}, set: {}}}", "8: match.absent.set", ()),
        (
            "",
            "match: {absent: {among: {user_group: A}, set: {expiry_date: <Until>}}}",
            "8: match.absent.set.expiry_date",
            ("no cells",),
        ),
        ("", "patron_role: {scope: MAIN}", "8: patron_role", ("`expiry`",)),
        ("", "patron_role: {expiry: {from: <D>, dates: x}}", "8: patron_role.expiry.dates", ()),
        # conditions
        ("job_category: {when: {T: {nto: [A]}}, from: X}", "", W + ".T.nto", ("`not`",)),
        ("job_category: {when: {T: {not: {}}}, from: X}", "", W + ".T.not", ("tests nothing",)),
        ("job_category: {when: {T: []}, from: X}", "", W + ".T", ("blank",)),
        ("job_category: {when: {T: {blank: maybe}}, from: X}", "", W + ".T.blank", ("`true`",)),
        ('job_category: {when: {T: {matches: "("}}, from: X}', "", W + ".T.matches", ()),
        ("job_category: {when: {T: {in: {file: a.csv}}}, from: X}", "", W + ".T.in", ("`key`",)),
        (
            "job_category: {when: {T: {in: {file: no.csv, key: K}}}, from: X}",
            "",
            W + ".T.in",
            ("does not exist",),
        ),
        (
            "job_category: {when: {T: {younger_than: old}}, from: X}",
            "",
            W + ".T.younger_than",
            ("`14 days`",),
        ),
        ("job_category: {when: {T: {before: 1/5/2020}}, from: X}", "", W + ".T.before", ("2027",)),
        ("job_category: {when: {any: {T: A}}, from: X}", "", W + ".any", ()),
        ("job_category: {when: {<@brith>: A}, from: X}", "", W + ".<@brith>", ("not a mapped",)),
        ("job_category: {when: {<$role>: A}, from: X}", "", W + ".<$role>", ("`values`",)),
        ('job_category: {when: {"<A> <B>": A}, from: X}', "", W, ("one heading",)),
        ("", "roster: {only: {T: {not: {}}}}", "8: roster.only.T.not", ("tests nothing",)),
        ("", "roster: {skip: [{when: {T: A}}]}", "8: roster.skip[0]", ("`reason`",)),
        ("", "roster: {skip: [{when: {}, reason: x}]}", "8: roster.skip[0].when", ("every row",)),
        # cases, values, plus
        ("job_category: {cases: []}", "", "8: record.job_category.cases", ("blank",)),
        ("job_category: {cases: [A], from: B}", "", "8: record.job_category", ("`from` and",)),
        ("job_category: {}", "", "8: record.job_category", ("`from` is missing",)),
        (
            "job_category: {cases: [{from: A, required: true}]}",
            "",
            "8: record.job_category.cases[0].required",
            ("case",),
        ),
        ("job_category: <$role>", "", "8: record.job_category", ("`values`",)),
        ("job_category: <$rule>", "values: {role: <R>}", "8: record.job_category", ("`$role`",)),
        ("", "values: {the role: <R>}", "8: values.the role", ("letters",)),
        (
            "expiry_date: {from: <@today>, plus: {by: <G>, lookup: spans}}",
            "",
            "8: record.expiry_date.plus.lookup",
            ("`spans`",),
        ),
        (
            "expiry_date: {from: <@today>, plus: {by: <G>, lookup: spans}}",
            "lookups: {spans: {A: soon}}",
            "8: record.expiry_date.plus.lookup",
            ("`soon`",),
        ),
        ("", "terms: {GRAD: [{ends: 13-40}]}", "8: terms.GRAD[0].ends", ("`05-15`",)),
        ("birth_date: {from: <B>, bad: keep}", "", "8: record.birth_date.bad", ("`drop`",)),
        (
            "birth_date: {from: <B>, bad: drop, required: true}",
            "",
            "8: record.birth_date.bad",
            ("every row",),
        ),
        (
            "user_identifier: [{id_type: A, value: {from: <V>, bad: drop}}]",
            "",
            "8: record.user_identifier[0].value.bad",
            ("every row",),
        ),
        ("user_note: [{remove: {}}]", "", "8: record.user_note[0].remove", ("every entry",)),
        (
            "user_note: [{remove: {block_type: X}}]",
            "",
            "8: record.user_note[0].remove.block_type",
            ("`note_type`",),
        ),
        (
            "user_note: [{remove: {note_type: X}, note_text: Y}]",
            "",
            "8: record.user_note[0].remove",
            ("its own",),
        ),
        (
            "user_identifier: [{id_type: A, value: <V>, replaces: [B]}]",
            "",
            "8: record.user_identifier[0].replaces",
            ("statistics",),
        ),
        (EMAIL + "      each: {from: x}", "", "12: record.contact_info.email[0].each.from", ()),
        (
            EMAIL + "      each: {from: <F>}",
            "",
            "12: record.contact_info.email[0].each",
            ("no field",),
        ),
        # clean
        ("middle_name: {from: <M>, clean: [{split: {on: x, take: 0}}]}", "", C + ".split", ()),
        ('middle_name: {from: <M>, clean: [{extract: "("}]}', "", C + ".extract", ("pattern",)),
        ("middle_name: {from: <M>, clean: [{unless: []}]}", "", C + ".unless", ("blank",)),
        # entries
        (EMAIL + "      placeholder: x", "", "12: record.contact_info.email[0].placeholder", ()),
        (
            EMAIL + "      when: {T: {nto: A}}",
            "",
            "12: record.contact_info.email[0].when.T.nto",
            ("`not`",),
        ),
        ("", "mtach: {new: skip}", "8: mtach", ("`match`",)),
        ("", "match: {new: ceate}", "8: match.new", ("`create`",)),
        ("", "match: {look_alike: warn}", "8: match.look_alike", ("`possible_match`",)),
        ("", "match: {nwe: skip}", "8: match.nwe", ("`new`",)),
        ("", "roster: {header: one}", "8: roster.header", ("whole number",)),
        ("", "roster: {sheets: A}", "8: roster.sheets", ("`sheet`",)),
        ("", "ids: {ID: {pad: true}}", "8: ids.ID", ("`digits`",)),
        ("", 'ids: {ID: {pattern: "["}}', "8: ids.ID", ("pattern",)),
        ("", "ids: {ID: {digits: many}}", "8: ids.ID.digits", ("whole number",)),
        ("", "terms: [{ends: 13-40}]", "8: terms[0].ends", ("`05-15`",)),
        (
            "",
            "safety_checks: {renames: {percent: 200, count: 1}}",
            "8: safety_checks.renames.percent",
            ("100",),
        ),
        ("", "owning_system: SIS", "8: owning_system", ("INTERNAL",)),
        ("", "lookups: {g: {A: X, a: Y}}", "8: lookups.g", ("two codes",)),
        (
            "",
            "duplicates: {same_id: {keep heaviest: w}}\nlookups: {w: {A: much}}",
            "9: lookups.w",
            ("`much`",),
        ),
        ("", "duplicates: {same_id: keep last}", "8: duplicates.same_id", ("`keep first`",)),
        (
            "password: {from: <P>, on_update: replace}",
            "",
            "8: record.password.on_update",
            ("creates",),
        ),
        ("", "roster: {encoding: bz2}", "8: roster.encoding", ("windows-1252",)),
        ("", 'roster: {encoding: "a\\0"}', "8: roster.encoding", ("windows-1252",)),
        ("", f"extends: {'x' * 5000}.yaml", "8: extends", ("does not exist",)),
        ("", 'extends: "a\\0.yaml"', "8: extends", ("mapping file",)),
        ("", "extends: .env", "8: extends", ("mapping",)),
        ("", "extends: other.yaml", "8: extends", ("`other.yaml`",)),
    ],
)
def test_a_finding_names_line_and_key(
    tmp_path: Path, record: str, top: str, place: str, words: tuple[str, ...]
) -> None:
    """Each kind of mistake, alone: one finding, at its place, with what helps."""
    (found,) = findings(tmp_path, mapping_text(record, top))
    assert found.startswith(f"m.yaml:{place}"), found
    assert all(word in found for word in words), found


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        (BASE.replace("version: 1\n", ""), "1: version", "missing"),
        (BASE.replace("version: 1", "version: 2"), "1: version", "`1`"),
        (BASE.replace("INTERNAL", "INTERNL"), "2: account_type", "`INTERNAL`"),
        (BASE.replace("INTERNAL", "EXTERNAL"), "2: account_type", "owning_system"),
        (BASE.replace("  user_group: COMM\n", ""), "3: record", "`user_group`"),
    ],
)
def test_what_every_mapping_needs_is_missed(
    tmp_path: Path, text: str, place: str, word: str
) -> None:
    """Version, account type, owning system, and the four fields of every record."""
    (found,) = findings(tmp_path, text)
    assert found.startswith(f"m.yaml:{place}"), found
    assert word in found


def test_a_mapping_that_creates_nobody_needs_an_id_and_no_more(tmp_path: Path) -> None:
    """Any ID of `match.by`, also without a primary ID; with `new: create` the four fields."""
    text = (
        "version: 1\naccount_type: INTERNAL\nmatch: {by: [BARCODE], new: reject}\nrecord:\n"
        "  expiry_date: <Until>\n  user_identifier: [{id_type: BARCODE, value: <Card>}]\n"
    )
    assert loaded(tmp_path, text).headings == ("Until", "Card")
    assert len(findings(tmp_path, text.replace("BARCODE, value", "OTHER, value"))) == 1
    assert len(findings(tmp_path, text.replace("reject", "create"))) == 4
    (found,) = findings(tmp_path, text.rpartition("  user_identifier")[0])
    assert found.startswith("m.yaml:4: record: no ID")


def test_an_external_mapping_gives_no_passwords(tmp_path: Path) -> None:
    """Alma keeps passwords of Internal users only."""
    text = mapping_text("password: <P>", "owning_system: SIS").replace("INTERNAL", "EXTERNAL")
    (found,) = findings(tmp_path, text)
    assert found.startswith("m.yaml:8: record.password: ")


def test_all_findings_come_in_one_go(tmp_path: Path) -> None:
    """Those of the grammar and those between parts, in the order of their lines."""
    record = (
        "brith_date: <B>\nmiddle_name: {from: <M>, lookup: grups, reqired: true}\n"
        "user_title: {from: <T>, clean: [uper, {pad: x}]}"
    )
    found = findings(tmp_path, mapping_text(record, "lookups: {groups: {a: b}}"))
    lines = [int(finding.split(":")[1]) for finding in found]
    assert lines == [8, 9, 9, 10, 10]


def test_a_missing_file_is_named() -> None:
    """By its name."""
    with pytest.raises(MappingError, match=r"nowhere\.yaml does not exist"):
        load(Path("nowhere.yaml"))


def test_findings_are_free_of_programmers_words(tmp_path: Path) -> None:
    """Whatever is in the wrong place, pydantic's own words do not appear."""
    values = ("x", "[x]", "{x: y}", "''", "[[x]]")
    keys = (
        "record",
        "roster",
        "ids",
        "match",
        "safety_checks",
        "terms",
        "lookups",
        "headings",
        "version",
    )
    for key in keys:
        for value in values:
            text = BASE if key in {"record", "version"} else f"{BASE}{key}: {value}\n"
            if key == "version":
                text = BASE.replace("version: 1", f"version: {value}")
            if key == "record":
                text = BASE[: BASE.index("record")] + f"record: {value}\n"
            for found in findings(tmp_path, text):
                assert "cannot be read" not in found, found
                assert not any(word in found for word in ("Input", "dict", "tuple", "valid")), found
