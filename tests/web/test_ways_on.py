"""After a failure: a way forward on the page itself, and no advice to use a terminal."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from importer.ledger.run_lock import run_lock
from importer.service.place import Advanced
from importer.web.tasks import ADVANCED
from tests.web.conftest import (
    KEY,
    PLAIN,
    Library,
    address_of,
    approve,
    changed,
    drafted,
    followed,
    held,
    people,
    planned,
    start,
    tab_of,
    until,
    version,
    with_mapping,
    words,
)


def buttons(page: str) -> set[str]:
    """The words of the links and buttons of a page's main part."""
    main = page.partition("<main")[2]
    found = re.findall(r"<(?:a|button)\b[^>]*>(.*?)</(?:a|button)>", main, re.DOTALL)
    return {re.sub(r"<[^>]+>", "", one).strip() for one in found}


def test_a_wrong_key_is_changed_on_the_page(office: tuple[Library, httpx.Client]) -> None:
    """From the failed plan to Settings, back to it, and again: the plan is made.

    Other lines of `.env` stay, and no page contains the key.
    """
    library, client = office
    env = library.folder / ".env"
    library.set_rate(50)
    env.write_text(env.read_text("utf-8").replace(KEY, "wrong") + "# ours\n", "utf-8")
    draft = drafted(client, "alma", people(100, 2), "plain.yaml")
    task = client.post(f"{draft}/plan", data={"version": version(client, draft)})
    address = task.headers["Location"]
    until(lambda: "did not work" in client.get(address).text)
    failed = client.get(address).text
    assert {"Change the key", "Try again", "Back to the roster"} <= buttons(failed)
    assert "ALMA_API_KEY" not in failed
    settings = re.search(r'href="([^"]*settings\?failed=[^"#]*)', failed)
    assert settings is not None
    page = client.get(settings[1]).text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    form = {**hidden, "key": KEY, "region": ""}
    answer = client.post("/alma/settings/key", data=form)
    run = followed(client, answer)  # the key is tried by what failed without it
    assert "2 to create" in words(client.get(run).text)
    text = env.read_text("utf-8")
    assert text.count("ALMA_API_KEY=") == 1
    assert all(one in text for one in ("# ours\n", "ALMA_RATE=50"))
    assert env.stat().st_mode & 0o777 == 0o600
    assert not [one for one in (page, failed, client.get(run).text) if KEY in one]
    env.unlink()
    address = client.post("/alma/settings/codes").headers["Location"]
    until(lambda: "did not work" in client.get(address).text)
    assert "Open Settings" in buttons(client.get(address).text)
    env.touch(0o600)  # a file without a key is none
    page = client.get("/alma/settings").text
    assert re.search("disabled[^>]*>Get the code tables", page)
    assert "Not saved yet." in page
    env.write_text(text, "utf-8")


def test_a_key_is_tried_when_it_is_saved(office: tuple[Library, httpx.Client]) -> None:
    """The answer says what it may do; a wrong one is named, and nothing of an earlier check."""
    library, client = office
    env = library.folder / ".env"
    with changed(env, env.read_bytes()):
        for key, good in ((KEY, True), ("wrong", False), (KEY, True)):
            page = client.get(
                followed(client, client.post("/alma/settings/key", data={"key": key, "region": ""}))
            ).text
            doctor = page.partition('id="doctor"')[2].partition("</section>")[0]
            assert ("Wrong" not in doctor, "Good" in doctor) == (good, True)
            (banner,) = re.findall(r'class="banner (good|bad)" role="status"', page)
            assert (banner == "good", "The key may read users" in words(page)) == (good, good)


def test_a_wait_has_a_number_also_after_a_reload(
    browser: Browser, office: tuple[Library, httpx.Client]
) -> None:
    """A comparison shows how many rows are done, of how many; a check, how long it took so far."""
    library, client = office
    draft = drafted(client, "alma", people(100, 2), "plain.yaml")
    address = client.post(f"{draft}/plan", data={"version": version(client, draft)}).headers[
        "Location"
    ]
    progress = library.folder / "tasks" / address.rpartition("/")[2] / ADVANCED
    with held(library), tab_of(browser, client) as tab:
        tab.goto(address_of(client, address))
        expect(tab.locator("#progress")).to_contain_text("so far", timeout=20_000)
        progress.write_text(json.dumps(Advanced(5561, 19511, "77 a second")), "utf-8")
        for _ in range(2):
            expect(tab.locator("progress[value='5561'][max='19511']")).to_be_visible()
            expect(tab.locator("#progress")).to_contain_text("77 a second")
            tab.reload()
        tab.route("**/grid/rows*", lambda _: None)
        tab.goto(address_of(client, f"{draft}/grid"))
        expect(tab.locator("#so-far")).to_have_text(re.compile(r"^\d+ s so far$"))


def test_a_key_in_a_folder_of_secrets_is_changed_there(tmp_path: Path) -> None:
    """One that the page saved would never be used, so it is not asked for."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ALMA_API_KEY").write_text(KEY, "utf-8")
    server = start(tmp_path, ALMA_SECRETS=str(tmp_path / "secrets"))
    client = server.client()
    page = client.get("/alma/settings").text
    assert ("looks after this server" in page, "Save a key" in page) == (True, False)
    answer = client.post("/alma/settings/key", data={"key": "other", "region": ""})
    assert (answer.status_code, (tmp_path / ".env").exists()) == (409, False)
    assert server.stop() == 0


def test_a_load_that_stopped_names_no_command(office: tuple[Library, httpx.Client]) -> None:
    """The page of a stopped load says why, also later; before anything began, it leads back.

    There, too, is why, for whoever comes back to it; the list says that nothing was sent.
    """
    library, client = office
    library.set_rate(50)
    run = planned(client, drafted(client, "alma", people(200, 2), "plain.yaml"))
    env = library.folder / ".env"
    with changed(env, env.read_bytes().replace(KEY.encode(), b"wrong")):
        live = approve(client, run).headers["Location"]
        until(lambda: "Stopped at" in client.get(live).text)
        shown = [client.get(one).text for one in (live, f"{run}/live")]
    for page in shown:
        assert {"Approve again", "Check the connection"} <= buttons(page)
        assert "Continue the load" not in buttons(page)
    for page in (*shown, client.get(run).text):
        assert not re.search(r"importer apply|ALMA_API_KEY", page)
        assert "Check the key" in page
    assert f'href="{run}" aria-label="Approve again' in client.get("/alma/").text
    followed(client, approve(client, run))
    assert "Check the key" not in client.get(run).text


def test_a_command_that_answers_rows_is_no_load(office: tuple[Library, httpx.Client]) -> None:
    """While it has the run, nothing is loaded and nothing can be paused; then the plan is back."""
    library, client = office
    library.set_rate(50)
    run = planned(client, drafted(client, "alma", people(250, 2), "plain.yaml"))
    with run_lock(library.folder / run.removeprefix("/alma/"), "bo@desk", datetime.now(UTC)):
        page = client.get(run, follow_redirects=True).text
        assert ("bo" in page, "Pause" in buttons(page)) == (True, False)
        assert "A command is working on it" in client.get("/alma/").text
    assert client.get(f"{run}/live").headers["Location"] == run


def test_a_roster_whose_load_is_open_stays(office: tuple[Library, httpx.Client]) -> None:
    """It is deleted after its load is complete, not while that runs or is paused."""
    library, client = office
    library.set_rate(50)
    draft = drafted(client, "alma", people(300, 30), "plain.yaml")
    run = planned(client, draft)
    library.set_rate(2)
    live = approve(client, run).headers["Location"]
    assert client.post(f"{draft}/trash").status_code == 409
    until(lambda: "created" in client.get(live).text)
    assert client.post(f"{draft}/trash").status_code == 409
    client.post(live.replace("/live", "/pause"))
    until(lambda: "Paused at" in client.get(live).text)
    assert client.post(f"{draft}/trash").status_code == 409
    library.set_rate(50)
    followed(client, approve(client, run))
    assert client.post(f"{draft}/trash").status_code == 303
    assert client.get(f"{draft}/sheet").status_code == 404


def test_a_plan_out_of_date_is_named_so(office: tuple[Library, httpx.Client]) -> None:
    """Also where nothing is left to write and rows need an answer: Plan again is the way."""
    library, client = office
    library.set_rate(50)
    card = {"id_type": {"value": "BARCODE"}, "value": "Q1", "status": "ACTIVE"}
    library.add("9100", "Ida", "Quist", user_identifier=[card])
    mapping = library.folder / "mappings" / "cards.yaml"
    by = "match: {by: [primary_id, BARCODE]}\nrecord: {"
    more = "user_identifier: [{id_type: BARCODE, value: <Code>}], "
    mapping.write_text(PLAIN.replace("record: {", by + more), "utf-8")
    draft = drafted(client, "alma", "Id,First,Last,Code\n9101,Jon,Rand,Q1\n", "cards.yaml")
    run = planned(client, draft)
    assert "Decide 1 row" in buttons(client.get(run).text)
    mapping.write_text(mapping.read_text("utf-8") + "# changed\n", "utf-8")
    shown = buttons(client.get(run).text)
    assert ("Plan again" in shown, "Decide 1 row" in shown) == (True, False)


def test_a_later_change_of_the_mapping_reopens_only_what_is_not_done(
    office: tuple[Library, httpx.Client],
) -> None:
    """Of two plans with nothing to write, the one with a rejected row has rows to check again."""
    library, client = office
    library.set_rate(50)
    mapping = with_mapping(library.folder, "shared.yaml", PLAIN)
    roster = people(9300, 1)
    first, *drafts = (
        drafted(client, "alma", text, mapping.name)
        for text in (roster, roster, f"{roster},Ida,Roe\n")
    )
    followed(client, approve(client, planned(client, first)))
    runs = [planned(client, draft) for draft in drafts]
    assert client.get("/alma/").text.count("Nothing to write") == 2
    mapping.write_text(f"{PLAIN}# changed\n", "utf-8")
    page = client.get("/alma/").text
    assert [f'href="{run}" aria-label="Open' in page for run in runs] == [True, False]
    assert [f'href="{one}/grid" aria-label="Check' in page for one in drafts] == [False, True]


def test_the_steps_of_a_plan_lead_back_to_its_roster(office: tuple[Library, httpx.Client]) -> None:
    """From a plan to the sheet, the mapping and the grid that it was made from."""
    library, client = office
    library.set_rate(50)
    draft = drafted(client, "alma", people(400, 1), "plain.yaml")
    run = planned(client, draft)
    steps = client.get(run).text.partition('class="steps"')[2].partition("</ol>")[0]
    links = re.findall(r'href="([^"]+)"', steps)
    assert links[:3] == [f"{draft}/{step}" for step in ("sheet", "mapping", "grid")]
    followed(client, approve(client, run))
    assert "can be undone" not in client.get(run).text


def test_abandoned_requests_do_not_block_others(
    office: tuple[Library, httpx.Client], tmp_path: Path
) -> None:
    """Nine reloads of a slow page that nobody waits for leave the other pages as fast as before."""
    _, client = office
    roster = tmp_path / "many.csv"
    roster.write_text(people(500_000, 60_000), "utf-8")
    draft = drafted(client, "alma", roster, "plain.yaml")
    for _ in range(9):
        with pytest.raises(httpx.ReadTimeout):
            client.get(f"{draft}/grid/rows", timeout=0.05)
    begun = time.monotonic()
    assert client.get("/practice/settings").status_code == 200
    others = time.monotonic() - begun
    assert client.get(f"{draft}/grid/rows").status_code == 200
    whole = time.monotonic() - begun
    assert others < whole / 4
