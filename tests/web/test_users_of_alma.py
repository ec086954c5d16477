"""Users of Alma as rows, on the page: choose what changes, look at everybody, and write it."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta

import httpx
import pytest

from importer.errors import Exit
from importer.mapper.load import examine
from tests.web.conftest import (
    KEY,
    PLAIN,
    Library,
    approve,
    failed_checks,
    followed,
    held,
    run_command,
    with_mapping,
)


@pytest.fixture(autouse=True)
def ready(office: tuple[Library, httpx.Client]) -> None:
    """The ready mappings are as they came."""
    for path in (office[0].folder / "mappings").glob("*.yaml"):
        path.unlink()


def form_of(client: httpx.Client, mapping: str) -> dict[str, str]:
    """The form with a mapping's text as the page shows it."""
    page = client.get(f"/alma/users?mapping={mapping}").text
    digest = re.search(r'name="digest" value="(\w+)"', page)
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert digest is not None
    assert text is not None
    return {"mapping": mapping, "digest": digest[1], "text": html.unescape(text[1])}


def until_day(text: str, last: date) -> str:
    """The text of renew-group.yaml that selects whose membership ends by a day."""
    day, after = last - timedelta(days=19), last + timedelta(days=1)
    return re.sub(
        r"expiry_date: \{after: .*", f"expiry_date: {{after: {day}, before: {after}}}", text
    )


def test_users_of_alma_are_changed_without_a_roster(office: tuple[Library, httpx.Client]) -> None:
    """A ready mapping is chosen, its text changed and planned; the load changes whom it selects."""
    library, client = office
    soon = date.today() + timedelta(days=20)  # noqa: DTZ011  as Alma has it
    for number in (1, 2):
        library.add(f"A{number}", "Ana", f"Roe{number}", expiry_date=f"{soon}Z")
    assert "/alma/users" in client.get("/alma/").text
    form = form_of(client, "renew-group.yaml")
    form["text"] = until_day(form["text"], soon)
    run = followed(client, client.post("/alma/users", data=form | {"do": "plan"}))
    page = client.get(run).text
    assert re.findall(r'<th scope="row">(Ana Roe.)</th>', page) == ["Ana Roe1", "Ana Roe2"]
    assert ("2 to update" in page, "<b>Renew group</b>" in page) == (True, True)
    followed(client, approve(client, run, *failed_checks(client, run)))
    state = httpx.get(
        f"{library.alma}/_sandbox/state", headers={"Authorization": f"apikey {KEY}"}
    ).json()
    years = {user["primary_id"]: user["expiry_date"][:4] for user in state["users"]}
    assert years == dict.fromkeys(("A1", "A2"), str(soon.year + 1))
    assert client.post("/alma/users", data=form).status_code == 409  # the text is another one now


def test_values_of_a_mapping_of_users_are_changed_without_its_text(
    office: tuple[Library, httpx.Client],
) -> None:
    """Groups, dates and spans are fields; groups of a mapping that retires change together."""
    library, client = office
    for name, values in (
        ("renew-group.yaml", {"set roster/only/user_group": "SPEC, EMER",
                              "set roster/only/expiry_date/after": "2031-06-30",
                              "set record/expiry_date/plus": "6 months"}),
        ("end-group.yaml", {"set roster/only/user_group": "SPEC"}),
        ("clean-up.yaml", {"set record/user_note/0/remove/matches": "Load of 2020"}),
    ):  # fmt: skip
        form = form_of(client, name)
        assert client.post("/alma/users", data=form | values).status_code == 303
        page = client.get(f"/alma/users?mapping={name}").text
        for key, value in values.items():
            assert re.search(rf'name="{re.escape(key)}"[^>]* value="{value}"', page), key
        blank = dict.fromkeys(values, " ")
        assert client.post("/alma/users", data=form_of(client, name) | blank).status_code == 422
    found = examine(library.folder / "mappings" / "end-group.yaml")[0]
    assert found is not None
    assert found.file.match.retire is not None
    assert found.file.match.retire.among.user_group == ("SPEC",)
    assert "{after: 2031-06-30, before: 2027-07-01}" in form_of(client, "renew-group.yaml")["text"]


def test_a_mail_domain_is_one_domain(office: tuple[Library, httpx.Client]) -> None:
    """It is written wherever the old one was; what is no domain changes nothing."""
    _, client = office
    form = form_of(client, "mail-domain.yaml")
    key = "set roster/only/contact_info.email[work].email_address/matches"
    for wrong in (" ", "a|b", "old.example.org, x.example.org", "org"):
        assert client.post("/alma/users", data=form | {key: wrong}).status_code == 422
    assert form_of(client, "mail-domain.yaml") == form
    sent = form | {key: "@library.example.net"}
    assert client.post("/alma/users", data=sent).status_code == 303
    text = form_of(client, "mail-domain.yaml")["text"]
    assert (text.count("@library[.]example[.]net"), "@old[.]" in text) == (2, False)


def test_a_text_that_selects_nobody_is_not_saved_but_one_with_a_mistake_is(
    office: tuple[Library, httpx.Client],
) -> None:
    """What is there stays, and no roster is offered a mapping that takes none.

    With a mistake it is still on the page, where it can be corrected.
    """
    library, client = office
    form = form_of(client, "purge-dates.yaml")
    for text in ("no: mapping", form["text"].replace("from: alma", "sheet: People")):
        answer = client.post("/alma/users", data=form | {"text": text})
        assert answer.status_code == 422
    assert form_of(client, "purge-dates.yaml") == form
    assert client.post("/alma/users", data=form).status_code == 303
    path = library.folder / "mappings" / "purge-dates.yaml"
    inode = path.stat().st_ino
    for text in ("no: mapping", form["text"].replace("from: alma", "sheet: People")):
        client.post("/alma/users", data=form | {"text": text})
    assert path.stat().st_ino == inode, "the text was another one meanwhile"
    assert client.get("/alma/users?mapping=community.yaml").status_code == 404
    assert client.get("/alma/users?mapping=nobody.yaml").status_code == 404
    text = form_of(client, "end-group.yaml")["text"]
    only = text.partition("  only:\n")[2].partition("\n\n")[0]
    for now, then in (
        (f"only:\n{only}", "only: user_group COMM"),
        ("record:\n", "record:\n  birth_date: {from: <birth_date>, lookup: days}\n"),
        ("    set:\n", "    set: expiry_date\n    then:\n"),
    ):
        form = form_of(client, "end-group.yaml") | {"text": text.replace(now, then)}
        assert client.post("/alma/users", data=form).status_code == 303
        assert form_of(client, "end-group.yaml")["text"] == form["text"] != text


def test_a_text_is_not_changed_while_it_is_planned(office: tuple[Library, httpx.Client]) -> None:
    """Nobody sees a plan of another text than the one they sent."""
    library, client = office
    library.add("B1", "Ana", "Roe")
    form = form_of(client, "renew-group.yaml")
    library.set_rate(1)
    started = client.post("/alma/users", data=form | {"do": "plan"})
    changed = form | {"text": f"{form['text']}# other\n"}
    with held(library):
        for do in ("plan", "save"):
            assert client.post("/alma/users", data=changed | {"do": do}).status_code == 409
        assert form_of(client, "renew-group.yaml") == form
        again = client.post("/alma/users", data=form | {"do": "plan"})
    assert again.headers["Location"] == started.headers["Location"]
    library.set_rate(50)  # not earlier: the plan reads its rate when its process has begun
    followed(client, started)
    assert client.post("/alma/users", data=changed).status_code == 303


def test_a_roster_in_the_folder_of_a_run_is_a_roster(office: tuple[Library, httpx.Client]) -> None:
    """The rejects of a run, planned on the command line, have no users of Alma."""
    library, client = office
    with_mapping(library, "plain.yaml", PLAIN)
    (library.folder / "people.csv").write_text("Id,First,Last\n1,Ida,Roe\n2,Ida,\n", "utf-8")
    for roster, run in (("people.csv", "first"), ("runs/first/rejects.xlsx", "second")):
        words = ("plan", roster, "-m", "mappings/plain.yaml", "-o", f"runs/{run}")
        assert run_command(library.folder, *words) == Exit.REJECTS
    assert ">Rejects<" in client.get("/alma/").text
    with_mapping(library, "plain.yaml", f"{PLAIN}# other\n")
    assert "users?mapping" not in client.get("/alma/runs/second").text
