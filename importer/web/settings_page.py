"""The settings page: the key, the doctor, the code tables and the user cache."""

from __future__ import annotations

from aiohttp import web

from importer.model.files import write_atomically
from importer.settings import ENV
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
        regions=REGIONS,
        findings=space.tasks.result(task).get("findings", ()) if task else (),
    )


def run_command(visit: Visit) -> web.Response:
    """Start a command of this page."""
    title, words = found(_COMMANDS.get(visit.request.match_info["command"]))
    here = f"{visit.base}/settings"
    return visit.start(*words, title=title, then=f"{here}?task={TASK_ID}", back=here)


def save_key(visit: Visit) -> web.Response:
    """Write the key and the region into `.env`, which only the owner can read."""
    key, region = visit.text("key").strip(), visit.text("region")
    file, back = visit.space.folder / ENV, f"{visit.base}/settings"
    if visit.space.practice or file.exists():
        return visit.refusal(
            409, "There is a settings file already",
            "Change the key in the file .env, where `importer web` was started.", back,
        )  # fmt: skip
    if not key.isalnum() or region not in REGIONS:
        return visit.refusal(
            422, "This is not an API key",
            "A key has letters and digits only. Copy it from the developer network.", back,
        )  # fmt: skip
    write_atomically(file, f"ALMA_API_KEY={key}\nALMA_REGION={region}\n".encode())
    return see(back)
