"""Schema, explanation and lint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from importer.mapper.explain import MATCH, about, explain
from importer.mapper.json_schema import schema_text
from importer.model.fields import FIELDS
from importer.model.plan import Match
from tests.mapper.bench import BASE, EXAMPLES, Bench, lint, loaded, mapping_text


def test_the_schema_knows_every_field_and_what_alma_says_of_it() -> None:
    """Each field that may be mapped, in its place, with a description."""
    definitions = json.loads(schema_text())["$defs"]
    for field in FIELDS.values():
        if field.path in {"account_type", "record_type", "external_id"}:
            continue
        last = field.parent.rpartition(".")[2]
        name = "".join(word.title() for word in last.split("_")) + "Entry" if last else "Record"
        assert definitions[name]["additionalProperties"] is False
        assert definitions[name]["properties"][field.name]["description"]


def test_the_schema_takes_scalars_as_editors_see_them() -> None:
    """An editor takes `version: 1` and `pad: true` for a number and a flag, no code for null."""
    schema = json.loads(schema_text())
    assert schema["properties"]["version"]["enum"] == ["1", 1]
    rule = schema["$defs"]["Rule"]["properties"]
    assert set(rule["required"]["enum"]) == {"true", "warn", "false", True, False}
    assert "name" not in schema["$defs"]["CleanStep"]["properties"]
    assert "many-changes" in schema["$defs"]["SafetyLimits"]["properties"]
    lookup = schema["properties"]["lookups"]["additionalProperties"]["oneOf"][0]
    assert "null" in lookup["additionalProperties"]["type"]


WORDS = {
    "dmy": "day/month/year", "mdy": "month/day/year", "ymd": "year/month/day", "end": "last day",
    "newline": "line breaks", "erase": "clears", "zip": "zip", "true": "", "false": "",
}  # fmt: skip
"""What is said for words of the language; a flag has a sentence of its own."""


def words_of(rule: Any) -> Iterator[str]:
    """Yield the columns, constants, steps and words of conditions of a rule, as they are shown."""
    if isinstance(rule, str):
        named = re.fullmatch(r"<[@$]?(.+)>", rule)
        yield WORDS.get(rule, named[1] if named else rule).casefold()
    elif isinstance(rule, list):
        for part in rule:
            yield from words_of(part)
    else:
        for key, part in rule.items():
            if key[0] == "<" or key[0].isupper():  # of a condition
                yield from words_of(key)
            own_dates = key == "dates" and "<$" in str(rule)  # a value has its own
            if not own_dates and (key != "lookup" or isinstance(part, str)):
                yield from words_of(part)


@pytest.mark.parametrize("title", EXAMPLES)
def test_each_field_is_explained(title: str, tmp_path: Path) -> None:
    """All that an example says of a field is in its sentence."""
    lines = EXAMPLES[title].splitlines()[1:]
    (begin,) = (at for at, line in enumerate(lines) if line.startswith(">> "))
    mapping = loaded(tmp_path, BASE + "\n".join(lines[:begin]) + "\n")
    sentences = explain(mapping)
    for field in mapping.fields:
        label = re.sub(r"\.([0-9]+)", r"[\1]", ".".join(map(str, field.at[1:])))
        said = sentences[label].casefold()
        words = list(words_of(mapping.source.value(field.at)))
        assert words
        assert [word for word in words if word not in said] == [], said


def test_what_a_rule_does_to_a_known_user_is_explained(tmp_path: Path) -> None:
    """Each policy has words, once."""
    record = (
        "campus_code: {from: <C>, lookup: c, override: true, on_update: never}\n"
        "expiry_date: {from: <E>, on_update: later}"
    )
    sentences = explain(loaded(tmp_path, mapping_text(record, 'lookups: {c: {x: X, "*": Y}}')))
    for words in ("`c` (1 value, otherwise Y)", "by hand", "is created"):
        assert sentences["campus_code"].count(words) == 1
    assert sentences["expiry_date"].count("earlier") == 1
    assert sentences["user_group"] == "Always `COMM`; a blank rejects the row."


@pytest.mark.parametrize(
    "rule",
    ["{when: {T: x}, from: COMM}", "{cases: [{when: {T: x}, from: A}, {when: {T: y}, from: B}]}"],
)
def test_a_required_field_that_some_rows_do_not_get_is_found(tmp_path: Path, rule: str) -> None:
    """These rows are rejected; a default, or a last case for all of them, is enough."""
    text = mapping_text().replace("user_group: COMM", f"user_group: {rule}")
    (found,) = lint(loaded(tmp_path, text))
    assert found.startswith("m.yaml:7: record.user_group: rows to which no `when` applies")
    assert lint(loaded(tmp_path, text.replace("}\n", ", default: COMM}\n"))) == ()


def test_rows_values_entries_and_people_are_explained(tmp_path: Path) -> None:
    """Each construct that is no field has a sentence, each condition its words."""
    record = (
        "expiry_date: {when: {<$kind>: b}, from: <@today>, plus: 1 year}\n"
        "job_category: {cases: [{when: {T: {not: [A, B]}}, from: X}, Y], default: Z}\n"
        "contact_info:\n  email:\n    - when: {any: [{T: {blank: false}}, {T: {in: {file: a.csv, "
        "key: K}}}]}\n      placeholder: true\n      email_address: {from: <E>, default: none}\n"
        "      email_type: work"
    )
    top = (
        "values: {kind: {from: <K>, clean: [{extract: x+}, {unless: [n, m]}], lookup: k}}\n"
        'lookups: {k: {a: b, "*": same}}\n'
        "roster: {only: {T: {matches: x}}, blank: [none], skip: [{when: {<@expiry_date>: {before: "
        "<@today>}}, reason: they left}]}\n"
        "match: {account_type: convert, id_change: rename, another_person: update, "
        "managed_elsewhere: [ILL], keep_old_id: {type: OLD}, absent: "
        "{among: {user_group: COMM}, after: 30 days, set: {expiry_date: <@today>}}}"
    )
    (tmp_path / "a.csv").write_text("K\n1\n")
    mapping = loaded(tmp_path, mapping_text(record, top))
    said = "\n".join(about(mapping)).casefold()
    for words in (
        "not have is created", "whom alma has is updated", "may be the same person needs review",
        "converted after review", "gets the roster's", "somebody else's is updated",
        "t matches `x`", "expiry_date is before today: they left", "`none` is blank",
        "`<$kind>` is: <k>, only what `x+` finds, blank if it is n or m, looked up in `k`",
        "users of `ill`", "inactive identifier of type old",
        "group comm who are missing from the roster for 30 days are changed: expiry_date: <@today>",
    ):  # fmt: skip
        assert words in said
    assert explain(mapping)["contact_info.email[0]"] == (
        "Only if (T is not blank or T is in a.csv); also if its cells are blank."
    )


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("{matches: Paris .*}", "does not match `Paris .*`"),
        ("{is: [A], blank: false}", "is not A or is blank"),
        ("{not: [A]}", "is A"),
        ("{before: 2026-01-01}", "is not before 2026-01-01"),
    ],
)
def test_what_must_not_be_is_in_words(tmp_path: Path, test: str, words: str) -> None:
    """Every test turned around; of several, one that is not met is enough."""
    mapping = loaded(tmp_path, mapping_text(top=f"roster: {{only: {{T: {{not: {test}}}}}}}"))
    assert f"Takes only the rows where T {words}." in about(mapping)


def test_entries_are_numbered_as_candidates_are(tmp_path: Path) -> None:
    """What is removed has numbers of its own."""
    record = (
        "user_note:\n  - remove: {matches: Roster.*}\n  - {note_type: LIBRARY, note_text: <N>}\n"
        "contact_info:\n  email:\n    - {email_address: <E>, email_type: work}\n"
        "    - {email_address: <P>, email_type: personal}"
    )
    bench = Bench(tmp_path, record, columns="N|E|P")
    labels = [label for label in explain(bench.mapping) if not label.endswith("]")]
    assert "contact_info.email[1].email_address" in labels
    assert {*labels} <= {*bench.compiled.layout.targets}
    assert "user_note.remove[0]" in explain(bench.mapping)


def test_every_choice_of_a_match_has_words() -> None:
    """`mapping show` and the page's form say them."""
    choices = {name: get_args(info.annotation) for name, info in Match.model_fields.items()
               if get_origin(info.annotation) is Literal}  # fmt: skip
    assert {name: (*values,) for name, (_, values) in MATCH.items()} == choices
