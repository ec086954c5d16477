"""The settings page: the key, the doctor, the code tables and the user cache."""

from __future__ import annotations

from aiohttp import web

from importer.settings import ENV, KEY, REGION, write_env
from importer.web.site import Visit, found, see
from importer.web.tasks import TASK_ID

REGIONS = {
    "na": "North America",
    "eu": "Europe",
    "ap": "Asia Pacific",
    "aps": "Asia Pacific South",
    "ca": "Canada",
    "cn": "China",
}

_COMMANDS = {
    "doctor": ("Checking the set-up", ("doctor", "--json")),
    "codes": ("Reading the code tables", ("codes", "fetch")),
    "users": ("Refreshing the user cache", ("users", "refresh")),
}


def settings(visit: Visit) -> web.Response:
    """Show what is set, and what can be checked and refreshed."""
    space = visit.space
    task = space.tasks.find(visit.text("task"))
    return visit.page(
        "settings.html.j2",
        codes_age=space.codes_age(visit.now.date()),
        key_file=(space.folder / ENV).is_file(),
        failed=visit.text("failed"),
        saved=visit.text("saved"),
        regions=REGIONS,
        findings=space.tasks.result(task).get("findings", ()) if task else (),
    )


def run_command(visit: Visit) -> web.Response:
    """Start a command of this page."""
    title, words = found(_COMMANDS.get(visit.request.match_info["command"]))
    here = f"{visit.base}/settings"
    return visit.start(*words, title=title, then=f"{here}?task={TASK_ID}", back=here)


def save_key(visit: Visit) -> web.Response:
    """Write the key and the region into `.env`, which only the owner can read.

    A region that is not chosen stays. A command that failed is shown again, to try it again.
    """
    key, region = visit.text("key").strip(), visit.text("region")
    file, back = visit.space.folder / ENV, f"{visit.base}/settings"
    if visit.space.practice:
        sentence = "The practice Alma needs no key."
        return visit.refusal(409, "Nothing was saved", sentence, back)
    if not (key.isascii() and key.isalnum()) or region not in {"", *REGIONS}:
        return visit.refusal(
            422, "This is not an API key",
            "A key has letters and digits only. Copy it from the developer network.", back,
        )  # fmt: skip
    write_env(file, {KEY: key} | ({REGION: region} if region else {}))
    failed = visit.space.tasks.find(visit.text("failed"))
    return see(f"{visit.base}/tasks/{failed.id}" if failed else f"{back}?saved=yes")
