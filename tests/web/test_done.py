"""The screens of a load that runs and of one that is done, and the settings."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Browser, expect

from importer.errors import Exit
from tests.web.conftest import (
    KEY,
    PLAIN,
    Library,
    address_of,
    approve,
    drafted,
    failed_checks,
    followed,
    people,
    planned,
    run_command,
    tab_of,
    until,
    version,
    with_mapping,
    words,
)


def test_progress_is_told_once_in_a_while(
    office: tuple[Library, httpx.Client], browser: Browser
) -> None:
    """Per cent, rate, time left and rows come with each look; a screen reader is told at a change.

    The load is paused, and continued with one click, without the institution's code.
    """
    library, client = office
    run = planned(client, drafted(client, "alma", people(100, 60), "plain.yaml"))
    library.set_rate(1)  # it runs until it is paused
    live = approve(client, run).headers["Location"]
    until(lambda: " left</small>" in client.get(live).text)
    shown = words(client.get(live).text)
    assert re.search(r"Writing 60 people to .*% done, \d+ of 60 rows, .* left", shown)
    assert re.search(r"of 60 rows · .* left [\d.]+ a second \d+%", shown)
    assert re.search(r"Row \d+: Ida Name\d+, created", shown)

    with tab_of(browser, client) as tab:
        tab.goto(address_of(client, live))
        tab.evaluate(
            "() => { window.told = 0; window.looks = 0;"
            "new MutationObserver(() => told++).observe(document.getElementById('said'),"
            " {childList: true, characterData: true, subtree: true});"
            "new MutationObserver(() => looks++).observe(document.getElementById('progress'),"
            " {childList: true}); }"
        )
        until(lambda: tab.evaluate("looks") > 2)
        assert tab.evaluate("told") == 0
        tab.get_by_role("button", name="Pause").click()
        tab.get_by_role("heading", name=re.compile("^Paused at")).wait_for()
        library.set_rate(50)
        tab.get_by_role("button", name="Continue the load").click()
        tab.get_by_role("heading", name="60 of 60 rows were written").wait_for()


def test_an_undo_names_who_is_deleted_and_who_stays(office: tuple[Library, httpx.Client]) -> None:
    """Whoever has a loan by then is not deleted; the plan lists both by name."""
    library, client = office
    library.set_rate(50)
    run = planned(client, drafted(client, "alma", people(300, 3), "plain.yaml"))
    followed(client, approve(client, run))
    done = words(client.get(run).text)
    assert "Created 3 New people" in done
    assert "3 people would be deleted, for good" in done
    assert all(f"Ida Name{n} {300 + n}" in done for n in range(3))
    assert "approved the load" in done
    access = {"Authorization": f"apikey {KEY}"}
    address = f"{library.alma}/_sandbox/users/301/loans"
    assert httpx.post(address, json={"loans": 2}, headers=access).is_success
    undo = followed(client, client.post(f"{run}/undo", data={"delete": "yes"}))
    plan = words(client.get(undo).text)
    looks = plan.partition("Look at these first")[2].partition("Every row")[0]
    assert re.search(r"2 Deletions .*Ida Name0 300.*Ida Name2 302", looks)
    assert re.search(r"they stay in Alma .*Ida Name1 This user has 2 loans", looks)


def test_an_undo_of_new_people_asks_for_the_box_that_deletes_them(
    office: tuple[Library, httpx.Client],
) -> None:
    """Without it nothing would change; where people were updated, too, the box is free.

    Then the plan names who stays.
    """
    library, client = office
    library.set_rate(50)
    run = ""
    library.add("320", "Ida", "Name0", user_group={"value": "FRIEND"})
    for first, needed in ((310, True), (320, False)):
        run = planned(client, drafted(client, "alma", people(first, 2), "plain.yaml"))
        followed(client, approve(client, run, *failed_checks(client, run)))
        box = re.search(r'<input type="checkbox" name="delete"[^>]*>', client.get(run).text)
        assert box is not None
        assert ("required" in box[0]) == needed
    undo = followed(client, client.post(f"{run}/undo"))
    assert "Ida Name1 skipped by the plan" in words(client.get(undo).text)


def test_a_command_that_is_not_answered_says_so(
    browser: Browser, office: tuple[Library, httpx.Client]
) -> None:
    """Where the server is silent, its page has no buttons any more, and says what to do."""
    library, client = office
    draft = drafted(client, "alma", people(330, 40), "plain.yaml")
    library.set_rate(1)
    started = client.post(f"{draft}/plan", data={"version": version(client, draft)})
    with tab_of(browser, client) as tab:
        tab.clock.install()
        tab.goto(address_of(client, started.headers["Location"]))
        expect(tab.get_by_role("button", name="Cancel")).to_be_visible()
        tab.route("**/tasks/*", lambda route: route.abort())
        tab.clock.run_for(20_000)
        expect(tab.get_by_role("alert")).to_contain_text("not answered any more")
        expect(tab.get_by_role("button", name="Cancel")).to_be_hidden()
    client.post(f"{started.headers['Location']}/cancel")


def test_settings_show_jobs(office: tuple[Library, httpx.Client]) -> None:
    """A job of the folder has its state; a decision about it needs a reason."""
    library, client = office
    text = "version: 1\nrosters:\n  - {from: in/*.csv, mapping: mappings/plain.yaml}\ndo: plan\n"
    (library.folder / "nightly.yaml").write_text(text, "utf-8")
    assert "nightly New never The job has not run yet." in words(client.get("/alma/settings").text)
    form = {"file": "nightly.yaml", "do": "allow"}
    assert client.post("/alma/settings/job", data=form).status_code == 422
    form = {"file": "/etc/passwd", "do": "allow", "why": "x"}
    assert client.post("/alma/settings/job", data=form).status_code == 404


def test_a_held_load_of_a_job_is_reviewed_and_allowed(office: tuple[Library, httpx.Client]) -> None:
    """Its plan is looked at from the settings; after it is allowed, the next run loads it."""
    library, client = office
    library.set_rate(50)
    job = library.folder / "friends.yaml"
    roster = "{from: in/*.csv, mapping: mappings/plain.yaml, unchanged_for: 0s}"
    job.write_text(
        f"version: 1\nrosters:\n  - {roster}\ndo: apply\nguards: {{creates: 2}}\n", "utf-8"
    )
    (library.folder / "in").mkdir()
    (library.folder / "in" / "friends.csv").write_text(people(900, 3), "utf-8")
    assert run_command(library.folder, "job", "run", job.name) == Exit.SAFETY_CHECK
    page = client.get("/alma/settings").text
    assert "friends Held" in words(page)
    (plan,) = re.findall(r'href="(/alma/runs/[^"]+)">Review<', page)
    assert "3 to create" in words(client.get(plan).text)
    assert "/alma/settings#jobs" in client.get(plan).text  # where it is allowed, not here
    assert approve(client, plan, *failed_checks(client, plan)).status_code == 409
    assert "900" not in library.users()
    form = {"file": job.name, "do": "allow", "why": "a new group"}
    back = followed(client, client.post("/alma/settings/job", data=form))
    assert "Allow this load" not in client.get(back).text
    assert run_command(library.folder, "job", "run", job.name) == Exit.DONE
    assert {"900", "901", "902"} <= library.users().keys()
    assert "friends Good" in words(client.get("/alma/settings").text)


def _undoing(client: httpx.Client, first: int) -> str:
    """Load three people and plan to delete them again; return the address of the undo."""
    run = planned(client, drafted(client, "alma", people(first, 3), "plain.yaml"))
    followed(client, approve(client, run))
    return followed(client, client.post(f"{run}/undo", data={"delete": "yes"}))


def test_deletions_that_were_typed_are_carried_out(office: tuple[Library, httpx.Client]) -> None:
    """Each time of those who are sent then; what is left is asked for again."""
    library, client = office
    library.set_rate(50)
    run = _undoing(client, 950)
    checks, page = failed_checks(client, run), client.get(run).text
    assert ("Delete 3 people from" in words(page), "can be undone" in page) == (True, False)
    for typed in ("", "2", "three", "33"):
        wrong = approve(client, run, *checks, deletions=typed)
        assert (wrong.status_code, "not the number of deletions" in wrong.text) == (422, True)
    assert {"950", "951", "952"} <= library.users().keys()
    wrong = approve(client, run, *checks, some="yes", limit="1")  # the number of all
    assert (wrong.status_code, "Type 1 to delete 1 person" in wrong.text) == (422, True)
    followed(client, approve(client, run, *checks, some="yes", limit="1", deletions="1"))
    assert len({"950", "951", "952"} & library.users().keys()) == 2
    assert "Undone</span>" not in client.get("/alma/").text
    _continues(client, run, 2)
    assert client.get("/alma/").text.count("Undone</span>") == 1
    assert not {"950", "951", "952"} & library.users().keys()


def _continues(client: httpx.Client, run: str, deletions: int) -> None:
    """Continue a load with the form of its pages, which asks for the number of deletions."""
    before = client.get(run).text
    for page in (before, client.get(f"{run}/live").text):
        assert f"Type {deletions} to delete" in page
    for typed in ("", str(deletions + 1)):
        wrong = approve(client, run, deletions=typed)
        assert (wrong.status_code, "not the number of deletions" in wrong.text) == (422, True)
    assert client.get(run).text == before
    followed(client, approve(client, run))


def test_a_load_of_the_command_line_goes_on_with_a_typed_number(
    office: tuple[Library, httpx.Client],
) -> None:
    """What was typed there is of the rows that were sent there."""
    library, client = office
    run = _undoing(client, 960)
    folder = run.rpartition("/")[2]
    words = ("apply", f"runs/{folder}", "--limit", "1", "--delete", "1", "--yes")
    allowed = [word for one in failed_checks(client, run) for word in ("--allow", one)]
    assert run_command(library.folder, *words, *allowed) == Exit.DONE
    assert len({"960", "961", "962"} & library.users().keys()) == 2
    assert approve(client, run, deletions="").status_code == 422
    assert len({"960", "961", "962"} & library.users().keys()) == 2
    _continues(client, run, 2)
    assert not {"960", "961", "962"} & library.users().keys()


def test_a_row_answered_while_a_load_is_paused_asks_for_its_safety_check(
    office: tuple[Library, httpx.Client],
) -> None:
    """What was allowed before the load covers what it had then; both pages ask again, by name."""
    library, client = office
    library.set_rate(50)
    for name in ("A", "B"):
        library.add(f"Q{name}", "Ann", f"Quill{name}", user_group={"value": "FRIEND"})
    rows = "QA,Ann,QuillA\nQB,Zed,Oxley\n980,Cy,Rhodes\n"
    strict = f"{PLAIN}safety_checks: {{foreign_group: {{percent: 0, count: 0}}}}\n"
    with_mapping(library.folder, "strict.yaml", strict)
    run = planned(client, drafted(client, "alma", f"Id,First,Last\n{rows}", "strict.yaml"))
    checks = failed_checks(client, run)
    assert "foreign-group" in checks
    followed(client, approve(client, run, *checks, some="yes", limit="1"))
    assert "approved the load, only the first 1" in words(client.get(run).text)
    folder = f"runs/{run.rpartition('/')[2]}"
    run_command(library.folder, "resolve", folder, "3", "--as", "update")
    assert failed_checks(client, run) == failed_checks(client, f"{run}/live") == ["foreign-group"]
    wrong = approve(client, run)
    assert (wrong.status_code, "Select each safety check" in wrong.text) == (422, True)
    followed(client, approve(client, run, "foreign-group"))
    assert library.users()["QB"] == "Oxley"
