"""The settings page: the key, the doctor, the code tables and the user cache."""

from __future__ import annotations

from aiohttp import web

from importer.model.files import write_atomically
from importer.settings import ENV
from importer.web.site import page, refusal, see, site_of, start_task, workspace_of
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


async def settings(request: web.Request) -> web.StreamResponse:
    """Show what is set, and what can be checked and refreshed."""
    space = workspace_of(request)
    return page(
        request,
        "settings.html.j2",
        codes_age=space.codes_age(site_of(request).now().date()),
        key_file=(space.folder / ENV).is_file(),
        regions=REGIONS,
        findings=_findings(request),
    )


def _findings(request: web.Request) -> object:
    space = workspace_of(request)
    task = space.tasks.find(request.query.get("task", ""))
    return space.tasks.result(task).get("findings", ()) if task else ()


async def run_command(request: web.Request) -> web.StreamResponse:
    """Start a command of this page."""
    space = workspace_of(request)
    chosen = _COMMANDS.get(request.match_info["command"])
    if chosen is None:
        raise web.HTTPNotFound
    title, words = chosen
    then = f"/{space.place}/settings?task={TASK_ID}"
    task = start_task(request, *words, title=title, then=then)
    return see(f"/{space.place}/tasks/{task.id}")


async def save_key(request: web.Request) -> web.StreamResponse:
    """Write the key and the region into `.env`, which only the owner can read."""
    space, form = workspace_of(request), await request.post()
    key, region = str(form.get("key", "")).strip(), str(form.get("region", ""))
    back = f"/{space.place}/settings"
    if space.practice or (space.folder / ENV).exists():
        return refusal(
            request, 409, "There is a settings file already",
            "Change the key in the file .env, where `importer web` was started.", back,
        )  # fmt: skip
    if not key.isalnum() or region not in REGIONS:
        return refusal(
            request, 422, "This is not an API key",
            "A key has letters and digits only. Copy it from the developer network.", back,
        )  # fmt: skip
    text = f"ALMA_API_KEY={key}\nALMA_REGION={region}\n"
    write_atomically(space.folder / ENV, text.encode())
    return see(back)
