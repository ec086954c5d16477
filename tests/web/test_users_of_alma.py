"""Users of Alma as rows, on the page: choose what changes, look at everybody, and write it."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta

import httpx

from tests.web.conftest import KEY, Library, approve, failed_checks, followed, start


def _form(client: httpx.Client, mapping: str) -> dict[str, str]:
    """The form with a mapping's text as the page shows it."""
    page = client.get(f"/alma/users?mapping={mapping}").text
    digest = re.search(r'name="digest" value="(\w+)"', page)
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert digest is not None
    assert text is not None
    return {"mapping": mapping, "digest": digest[1], "text": html.unescape(text[1])}


def test_users_of_alma_are_changed_without_a_roster(library: Library) -> None:
    """A ready mapping is chosen, its text changed and planned; the load changes whom it selects."""
    soon, day = (date.today() + timedelta(days=n) for n in (20, 1))  # noqa: DTZ011  as Alma has it
    for number in (1, 2):
        library.add(str(number), "Ana", f"Roe{number}", expiry_date=f"{soon}Z")
    server = start(library.folder)
    client = server.client()
    assert "/alma/users" in client.get("/alma/").text
    form = _form(client, "renew-group.yaml")
    form["text"] = re.sub(
        r"expiry_date: \{after: .*",
        f"expiry_date: {{after: {day}, before: {soon + timedelta(days=1)}}}",
        form["text"],
    )
    run = followed(client, client.post("/alma/users", data=form | {"do": "plan"}))
    page = client.get(run).text
    assert re.findall(r'<th scope="row">(Ana Roe.)</th>', page) == ["Ana Roe1", "Ana Roe2"]
    assert ("2 to update" in page, "<b>Renew group</b>" in page) == (True, True)
    followed(client, approve(client, run, *failed_checks(client, run)))
    state = httpx.get(
        f"{library.alma}/_sandbox/state", headers={"Authorization": f"apikey {KEY}"}
    ).json()
    assert {user["expiry_date"][:4] for user in state["users"]} == {str(soon.year + 1)}
    assert client.post("/alma/users", data=form).status_code == 409  # the text is another one now
    assert server.stop() == 0


def test_a_text_that_selects_nobody_is_not_saved(library: Library) -> None:
    """What is there stays, and no roster is offered a mapping that takes none."""
    server = start(library.folder)
    client = server.client()
    form = _form(client, "purge-dates.yaml")
    for text in ("no: mapping", form["text"].replace("from: alma", "sheet: People")):
        answer = client.post("/alma/users", data=form | {"text": text})
        assert answer.status_code == 422
    assert _form(client, "purge-dates.yaml") == form
    assert client.get("/alma/users?mapping=community.yaml").status_code in {200, 404}
    assert server.stop() == 0
