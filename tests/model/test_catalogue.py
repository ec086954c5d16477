"""The catalogue is complete: each code comes about, and all of it speaks to librarians."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from importer.advice import text_of
from importer.alma import client
from importer.cli.app import run
from importer.errors import Exit
from importer.model.problem import CATALOGUE, Code, Problem
from tests.model.rosters import LOCAL, offline, with_alma
from tests.practice import call, reached
from tests.zoo.specimen import banned


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Problem, ...]]:
    """Every problem that the small rosters show, in `check` and with a sandbox."""
    folder = tmp_path_factory.mktemp("catalogue")
    with pytest.MonkeyPatch.context() as patch, reached(patch) as host:
        patch.chdir(folder)
        patch.setattr(client, "BACKOFF", (0.0, 0.0, 0.0))
        found = [*offline(folder)]
        found += with_alma(folder, partial(call, host))
        yield tuple(found)


def test_every_code_comes_about(problems: tuple[Problem, ...]) -> None:
    """Some roster shows it, carried through the real stages."""
    assert set(Code) - {problem.code for problem in problems} == set()


def test_every_kind_is_described_in_whole_sentences() -> None:
    """A title of a few words; what it means and what to do end as sentences do."""
    assert set(CATALOGUE) == set(Code)
    for code, kind in CATALOGUE.items():
        assert 0 < len(kind.title) <= 50, code
        assert not kind.title.endswith("."), code
        for sentence in (kind.meaning, text_of(kind.advice)):
            assert sentence[:1].isupper(), code
            assert sentence.endswith((".", "?")), code
        assert banned(f"{kind.title} {kind.meaning} {text_of(kind.advice)}") == [], code


def test_messages_say_what_is_wrong_in_a_librarians_words(problems: tuple[Problem, ...]) -> None:
    """No message or advice has a banned word, none is blank, and none repeats a private value."""
    for problem in problems:
        told = f"{problem.message} {problem.to_do}"
        assert problem.message.strip()
        assert problem.to_do.strip()
        assert banned(told) == [], told
        private = problem.field not in {"", "user_group", "campus_code"} and len(problem.value) > 4
        assert not (private and problem.value in problem.message), problem.code


_NO_CELL = {
    Code.MISSING_FROM_ROSTER,
    Code.ROW_TOO_LONG,
    Code.REFUSED_BY_ALMA,
    Code.OWNING_SYSTEM_DIFFERS,
    Code.UNCLEAR_DECISION,
}
"""Their text is of several cells, Alma's own, what the head of a mapping says, or ours."""


def test_problems_of_cells_name_their_column(problems: tuple[Problem, ...]) -> None:
    """A problem with a cell's text says in which column the cell stands."""
    for problem in problems:
        if problem.value and problem.code not in _NO_CELL:
            assert problem.places, problem.code


_MAPPINGS = {
    "unknown key": LOCAL.replace("last_name", "lst_name"),
    "no list": LOCAL.replace("first_name: <First>", "first_name: [a, b]"),
    "keys for text": LOCAL.replace("birth_date: <Born>", "birth_date: {form: <Born>}"),
    "no number": LOCAL.replace("digits: 7", "digits: seven"),
    "a number out of bounds": LOCAL.replace("digits: 7", "digits: 0"),
    "no choice": LOCAL.replace("INTERNAL", "Intern"),
    "no flag": LOCAL.replace("pad: true", "pad: maybe"),
    "no lookup": LOCAL.replace("lookup: groups", "lookup: group"),
    "no step": LOCAL.replace("[phone]", "[fone]"),
    "blank": LOCAL.replace("<First>", '""'),
    "open placeholder": LOCAL.replace("<First>", '"<First"'),
    "no YAML": LOCAL.replace("ids:", "ids: ]["),
    "a tab": LOCAL.replace("ids:\n  ", "ids:\n\t"),
    "twice": LOCAL + "version: 1\n",
    "nothing": "",
    "a list": "- a\n",
    "no bytes of text": "\udcff",
    "no pattern": LOCAL.replace("{digits: 7, pad: true}", '{pattern: "(["}'),
    "no date": LOCAL.replace("dates: ymd", "dates: sometime"),
    "no owner": LOCAL.replace("INTERNAL", "EXTERNAL"),
    "no heading": LOCAL.replace("<First>", "<Frist>"),
    "wrong shape": LOCAL.replace("ids:\n  Id: {digits: 7, pad: true}", "ids: [Id]"),
    "wrong list": LOCAL.replace("user_identifier:\n    - ", "user_identifier:\n      "),
    "no version": LOCAL.replace("version: 1", "version: 2"),
}


@pytest.mark.parametrize("name", _MAPPINGS)
def test_wrong_mappings_are_told_in_a_librarians_words(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and every finding names the file; the list of columns below one is indented."""
    path = tmp_path / "wrong.yaml"
    path.write_bytes(_MAPPINGS[name].encode("utf-8", "surrogateescape"))
    roster = tmp_path / "r.csv"
    roster.write_text("Id,First,Last\n1,Ana,Lee\n", "utf-8")
    assert run(["mapping", "check", str(path), str(roster)]) == Exit.USAGE
    told = capfd.readouterr().err.removeprefix("importer: ").strip()
    assert banned(told) == [], told
    assert all(re.match(r"wrong\.yaml|r\.csv|  ", line) for line in told.splitlines()), told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALMA_RATE", "fast"),
        ("ALMA_RATE", "0"),
        ("ALMA_RESERVE", "-1"),
        ("ALMA_REGION", "moon"),
        ("ALMA_BASE_URL", "ftp://example.org"),
        ("ALMA_BASE_URL", "http://example.org"),
        ("ALMA_VERIFY_DELAY", "x"),
        ("ALMA_VERIFY_DELAY", "inf"),
        ("ALMA_VERIFY_DELAY", "nan"),
    ],
)
def test_wrong_settings_are_told_in_a_librarians_words(
    name: str,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Exit 2; the setting is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALMA_API_KEY", "sandbox")
    if name != "ALMA_BASE_URL":
        monkeypatch.setenv("ALMA_BASE_URL", "http://127.0.0.1:9")
    if name == "ALMA_REGION":
        monkeypatch.delenv("ALMA_BASE_URL")
    monkeypatch.setenv(name, value)
    assert run(["codes", "fetch"]) == Exit.USAGE
    told = capfd.readouterr().err
    assert name in told
    assert banned(re.sub(r"\w+://\S+|\bhttps?\b", "", told)) == [], told
