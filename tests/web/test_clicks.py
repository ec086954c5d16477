"""Any choices on the page of the mapping, in any order, and all of them undone."""

from __future__ import annotations

import html
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.cli.app import run
from tests.web.conftest import Server, dropped, mapping_stamp, save_mapping

OFFICE = """Card No,Given,Surname,Kind,E-mail,Joined,"Street, old",#,Valid until
20001123450001,Ana,Silva,Neighbor,ana@example.org,2020,1 Elm St,1,2031-01-31
20001123450002,Bo,Berg,Friend,bo@example.org,2021,2 Elm St,2,2031-01-31
20001123450003,Cy,Cole,neighbor,cy@example.org,2022,3 Elm St,3,2031-01-31
20001123450004,Di,Dahl,Yes: no,di@example.org,2023,,4,2031-01-31
"""


def _new(client: httpx.Client, name: str, roster: str) -> str:
    """Drop a roster, and start a mapping from it; return the draft's address."""
    draft = dropped(client, name, roster)
    client.post(f"{draft}/sheet", data={"do": "next", "mapping": "new", "version": "0"})
    return draft


Click = tuple[int, int]
"""Which list of the page, and which of its choices; counted from the first."""


@pytest.mark.faults
@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 60)), max_size=8))
def test_clicks_keep_a_mapping_that_check_understands(
    opened: tuple[Server, httpx.Client], clicks: list[Click]
) -> None:
    """`mapping check` accepts the file, or names what the page names; undone, the first bytes."""
    server, client = opened
    draft = _new(client, "office.csv", OFFICE)
    folder = server.folder / "practice" / "mappings"
    mapping = max(folder.glob("office*.yaml"), key=lambda path: path.stat().st_mtime_ns)
    first = mapping.read_bytes()
    for click in clicks:
        before = mapping.read_bytes()
        answer = _click(client, draft, click)
        assert answer.status_code in {200, 303, 422}, answer.text  # 200: it asks
        assert answer.status_code == 303 or mapping.read_bytes() == before

    page = client.get(f"{draft}/mapping").text
    listed = page.partition('id="findings"')[2].partition("</ul>")[0]
    listed = re.sub(r"\s*<a href.*?</a>", "", listed)  # leads to a likely column
    shown = "\n".join(re.findall(r"<li>(.*?)</li>", listed, re.DOTALL))
    (roster,) = (server.folder / "practice").glob(f"drafts/{draft.rpartition('/')[2]}/roster/*")
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(io.StringIO()):
        code = run(["mapping", "check", str(mapping), str(roster), "--json"])
    checked = json.loads(output.getvalue())
    assert code in {0, 2}
    told = re.split(r"\n(?! )", str(checked.get("error", "")))
    kept = (line for line in told if "`?`" not in line and not line.startswith(roster.name))
    named = _plain("\n".join(kept))  # what is to choose, and the columns, the form has itself
    assert bool(checked.get("error")) == bool(shown)
    assert named <= _plain(shown)  # the page goes on, and tries the roster's headings as well

    while 'value="undo"' in client.get(f"{draft}/mapping").text:
        save_mapping(client, draft, {"do": "undo"})
    assert mapping.read_bytes() == first


FRIENDS = """Card No,Given Name,Family Name,Kind,Email,Joined
20001123450011,Ana,Silva,COMM,ana@example.org,2020
20001123450029,Bo,Berg,COMM,bo@example.org,2021
"""


def test_a_column_can_be_matched_and_taken_back(opened: tuple[Server, httpx.Client]) -> None:
    """An email, a column that is not used, and an entry that was added: the mapping stays valid."""
    _, client = opened
    draft = _new(client, "friends.csv", FRIENDS)
    for column, target in (
        ("D", "record/user_group"),
        ("F", ""),  # the only column that is not used, then none
        ("F", "note"),
        ("F", ""),
        ("E", "work-email"),  # instead of the guessed one
        ("E", ""),
        ("E", "personal-email"),
    ):
        save_mapping(client, draft, {f"target-{column}": target})
        assert 'id="findings"' not in client.get(f"{draft}/mapping").text, (column, target)


def test_an_address_without_a_country_leads_to_the_rule(
    opened: tuple[Server, httpx.Client],
) -> None:
    """In words of the form, whose list of rules has it; no line of the file and no command."""
    _, client = opened
    lines = FRIENDS.splitlines()
    more = (",Street,City,Postcode", ",1 Elm St,Fargo,58102", ",2 Elm St,Fargo,58103")
    roster = "\n".join(line + end for line, end in zip(lines, more, strict=True))
    page = client.get(f"{_new(client, 'streets.csv', roster)}/mapping").text
    listed = page.partition('id="findings"')[2].partition("</ul>")[0]
    assert "Under Rules, open “Same for everybody” and choose: country." in listed
    assert "streets.yaml:" not in listed
    assert "Home address, country" in page.partition("Same for everybody</")[2]


def test_columns_are_saved_together_or_not_at_all(opened: tuple[Server, httpx.Client]) -> None:
    """One step of undo for all; two columns for one field are refused, and both are named."""
    server, client = opened
    draft = _new(client, "both.csv", FRIENDS)
    mapping = server.folder / "practice" / "mappings" / "both.yaml"
    first = mapping.read_bytes()
    form = {"target-D": "record/campus_code", "target-F": "record/campus_code"}
    refused = save_mapping(client, draft, form, 422)
    assert "“Kind” and “Joined” both go to Campus" in refused.text
    assert mapping.read_bytes() == first
    form = {"target-D": "record/user_group", "target-F": "note", "do": "next"}
    saved = save_mapping(client, draft, form)
    assert saved.headers["Location"] == "grid"
    assert b"<Joined>" in mapping.read_bytes()
    save_mapping(client, draft, {"do": "undo"})
    assert mapping.read_bytes() == first
    assert [path.name for path in mapping.parent.glob(".*")] == []


def _click(client: httpx.Client, draft: str, click: Click) -> httpx.Response:
    """Choose what the page offers, and move a field if it asks."""
    which, choice = click
    page = client.get(f"{draft}/mapping").text
    selects = [
        (name, re.findall(r'<option value="([^"]*)"', options))
        for name, options in re.findall(
            r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', page, re.S
        )
    ]
    radios: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="radio" [^>]*name="([^"]*)" value="([^"]*)"', page):
        radios.setdefault(name, []).append(value)
    lists = [*selects, *radios.items()]
    if not lists:  # the text of a mapping that cannot be read
        return httpx.Response(303)
    name, options = lists[which % len(lists)]
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    chosen = {name: options[choice % len(options)]}
    values = {html.unescape(key): html.unescape(text) for key, text in (hidden | chosen).items()}
    answer = client.post(f"{draft}/mapping", data=values)
    if answer.status_code == 200 and choice % 2:
        letter = name.removeprefix("target-")
        return client.post(f"{draft}/mapping", data={**values, "move": letter})
    return answer


def test_a_field_moves_to_another_column_after_a_question(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Nothing is saved before the answer; moved, the rule of the field stays; undo is one step."""
    server, client = opened
    draft = _new(client, "moved.csv", FRIENDS)
    mapping = server.folder / "practice" / "mappings" / "moved.yaml"
    first = mapping.read_bytes()
    form = {"target-F": "record/first_name", **mapping_stamp(client, draft)}
    asked = client.post(f"{draft}/mapping", data=form)
    assert asked.status_code == 200
    assert "Use Joined for First name instead of Given Name?" in asked.text
    assert mapping.read_bytes() == first
    kept = client.post(f"{draft}/mapping", data={**form, "keep": "F"})
    assert (kept.status_code, mapping.read_bytes()) == (303, first)
    moved = client.post(f"{draft}/mapping", data={**form, "move": "F"})
    assert moved.status_code == 303
    text = mapping.read_text("utf-8")
    assert ("first_name: <Joined>" in text, "<Given Name>" in text) == (True, False)
    assert re.search(r"unused: .*Given Name", text)
    save_mapping(client, draft, {"do": "undo"})
    assert mapping.read_bytes() == first


def _plain(text: str) -> set[str]:
    """Return findings, a line each, without the marks of code; a list below one belongs to it."""
    text = re.sub(r"\s*\n +| {2,}", " ", text)
    lines = html.unescape(re.sub(r"<[^>]+>", "", text)).replace("`", "").splitlines()
    return {line.strip() for line in lines if line.strip()}
