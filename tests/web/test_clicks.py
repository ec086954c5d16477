"""Any clicks on the pages of columns and codes, in any order, and all of them undone."""

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
from tests.web.conftest import Server, version

OFFICE = """Card No,Given,Surname,Kind,E-mail,Joined,"Street, old",#,Valid until
20001123450001,Ana,Silva,Neighbor,ana@example.org,2020,1 Elm St,1,2031-01-31
20001123450002,Bo,Berg,Friend,bo@example.org,2021,2 Elm St,2,2031-01-31
20001123450003,Cy,Cole,neighbor,cy@example.org,2022,3 Elm St,3,2031-01-31
20001123450004,Di,Dahl,Yes: no,di@example.org,2023,,4,2031-01-31
"""


Click = tuple[bool, int, int]
"""Whether a code is chosen; which column or word; which field or code. Counted from the first."""


@pytest.mark.faults
@settings(max_examples=15)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 60)), max_size=8))
def test_clicks_keep_a_mapping_that_check_understands(
    opened: tuple[Server, httpx.Client], clicks: list[Click]
) -> None:
    """`mapping check` accepts the file, or names what the page names; undone, the first bytes."""
    server, client = opened
    answer = client.post("/practice/rosters", files={"roster": ("office.csv", OFFICE.encode())})
    draft = answer.headers["Location"].removesuffix("/sheet")
    client.post(f"{draft}/mapping", data={"do": "new", "version": "0"})
    folder = server.folder / "practice" / "mappings"
    mapping = max(folder.glob("office*.yaml"), key=lambda path: path.stat().st_mtime_ns)
    first = mapping.read_bytes()
    for click in clicks:
        before = mapping.read_bytes()
        answer = _click(client, draft, click)
        assert answer.status_code in {303, 422}, answer.text
        assert answer.status_code == 303 or mapping.read_bytes() == before

    page = client.get(f"{draft}/mapping").text
    listed = page.partition('id="findings"')[2].partition("</ul>")[0]
    shown = "\n".join(re.findall(r"<li>(.*?)</li>", listed, re.DOTALL))
    (roster,) = (server.folder / "practice").glob(f"drafts/{draft.rpartition('/')[2]}/roster/*")
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(io.StringIO()):
        code = run(["mapping", "check", str(mapping), str(roster), "--json"])
    checked = json.loads(output.getvalue())
    assert code in {0, 2}
    named = _plain(str(checked.get("error", "")))
    assert bool(named) == bool(shown)
    assert named <= _plain(shown)  # the page goes on, and tries the roster's headings as well

    while 'value="undo"' in client.get(f"{draft}/match").text:
        form = {"do": "undo", "version": version(client, draft)}
        assert client.post(f"{draft}/match", data=form).status_code == 303
    assert mapping.read_bytes() == first


FRIENDS = """Card No,Given Name,Family Name,Kind,Email,Joined
20001123450011,Ana,Silva,COMM,ana@example.org,2020
20001123450029,Bo,Berg,COMM,bo@example.org,2021
"""


def test_a_column_can_be_matched_and_taken_back(opened: tuple[Server, httpx.Client]) -> None:
    """An email, a column that is not used, and an entry that was added: the mapping stays valid."""
    _, client = opened
    answer = client.post("/practice/rosters", files={"roster": ("friends.csv", FRIENDS.encode())})
    draft = answer.headers["Location"].removesuffix("/sheet")
    client.post(f"{draft}/mapping", data={"do": "new", "version": "0"})
    for column, target in (
        ("D", "record/user_group"),
        ("F", ""),  # the only column that is not used, then none
        ("F", "note"),
        ("F", ""),
        ("E", "work-email"),  # instead of the guessed one
        ("E", ""),
        ("E", "personal-email"),
    ):
        form = {f"target-{column}": target, "version": version(client, draft)}
        answer = client.post(f"{draft}/match", data=form)
        assert answer.status_code == 303, answer.text
        assert 'id="findings"' not in client.get(f"{draft}/mapping").text, (column, target)


def test_columns_are_saved_together_or_not_at_all(opened: tuple[Server, httpx.Client]) -> None:
    """One step of undo for all; two columns for one field are refused, and both are named."""
    server, client = opened
    answer = client.post("/practice/rosters", files={"roster": ("both.csv", FRIENDS.encode())})
    draft = answer.headers["Location"].removesuffix("/sheet")
    client.post(f"{draft}/mapping", data={"do": "new", "version": "0"})
    mapping = server.folder / "practice" / "mappings" / "both.yaml"
    first = mapping.read_bytes()
    form = {"target-D": "record/user_group", "target-F": "record/user_group"}
    refused = client.post(f"{draft}/match", data={**form, "version": version(client, draft)})
    assert (refused.status_code, "“Kind” and “Joined” both go to User group" in refused.text) == (
        422, True,
    )  # fmt: skip
    assert mapping.read_bytes() == first
    form = {"target-D": "record/user_group", "target-F": "note", "do": "next"}
    saved = client.post(f"{draft}/match", data={**form, "version": version(client, draft)})
    assert saved.headers["Location"] == "codes"
    assert b"<Joined>" in mapping.read_bytes()
    undo = {"do": "undo", "version": version(client, draft)}
    assert client.post(f"{draft}/match", data=undo).status_code == 303
    assert mapping.read_bytes() == first
    assert [path.name for path in mapping.parent.glob(".*")] == []


def _click(client: httpx.Client, draft: str, click: Click) -> httpx.Response:
    """Choose what a page offers."""
    codes, which, choice = click
    page = client.get(f"{draft}/{'codes' if codes else 'match'}").text
    forms = [form for form in page.split("<form")[1:] if "<select" in form]
    selects = [
        (form, name, re.findall(r'<option value="([^"]*)"', options))
        for form in forms
        for name, options in re.findall(r'<select[^>]* name="([^"]*)">(.*?)</select>', form, re.S)
    ]
    if not selects:
        return httpx.Response(303)
    form, name, options = selects[which % len(selects)]
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    chosen = {name: options[choice % len(options)]}
    values = {html.unescape(key): html.unescape(text) for key, text in (hidden | chosen).items()}
    return client.post(f"{draft}/{'codes' if codes else 'match'}", data=values)


def _plain(text: str) -> set[str]:
    """Return findings, a line each, without the marks of code; a list below one belongs to it."""
    text = re.sub(r"\s*\n +| {2,}", " ", text)
    lines = html.unescape(re.sub(r"<[^>]+>", "", text)).replace("`", "").splitlines()
    return {line.strip() for line in lines if line.strip()}
