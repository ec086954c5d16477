"""The advice of commands in words of the page: a button here is named, not its command."""

from __future__ import annotations

import re
from datetime import date

from importer.mapper.dates import is_iso

_COMMAND = r"\n +[^\n]*\b{}\b[^\n]*"  # a line to paste, of its own

_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"\s*\bTo continue, run:" + _COMMAND.format("apply"), ""),
        (
            r"Look (up its open rows|them up) first; nothing new is sent:"
            + _COMMAND.format("apply"),
            "Continue that load first: it looks them up before anything is sent.",
        ),
        (
            r"Review the changes in the report; if they are right, run:" + _COMMAND.format("apply"),
            "Review the changes. If they are right, approve again, and select the safety checks.",
        ),
        (
            r"Check ALMA_API_KEY, its areas and rights, and ALMA_REGION\.",
            "Check the key's areas and rights at developers.exlibrisgroup.com, or change the key "
            "or the region in Settings.",
        ),
        (
            r"Put ALMA_API_KEY=… into the file \.env in this folder, or set it in the "
            r"environment\.",
            "Save the key in Settings.",
        ),
        (
            r"Alma's address is not set\. Set ALMA_REGION to [^.]* scheme and host; and "
            r"ALMA_API_KEY to the API key\. They are read from the environment and from the file "
            r"\.env in this folder\.",
            "No region is saved yet. Save the key and the region in Settings.",
        ),
        (
            r"Set ALMA_API_KEY to a key with the areas Users and Configuration\.",
            "Save a key with the areas Users and Configuration in Settings.",
        ),
        (
            r"ALMA_API_KEY has a space or a character that no key has\. Copy the key again\.",
            "The key has a space or a character that no key has. Copy it again, into Settings.",
        ),
        (
            r"Run `importer codes fetch`( to get them from Alma)?\.",
            "Press “Get the code tables” in Settings.",
        ),
        (
            r"Get its own with `importer codes fetch`, or name their file with --codes\.",
            "“Get the code tables” in Settings gets its own.",
        ),
        (r"`importer codes fetch`", "“Get the code tables” in Settings"),
        (r"`importer users refresh`", "“Refresh the user cache” in Settings"),
        (r", or plan with --no-refresh\.", ", then try again."),
        (
            r"they stay, unless you add --delete-created\.",
            "they stay, unless you select “Also delete” where you plan the undo.",
        ),
        (r"Add it only if these users should go\.", "Select it only if these users should go."),
        (
            r"Make a plan with `importer plan`, then resolve the row\.",
            "“Compare with Alma” makes a plan, in which you can answer the row.",
        ),
        (
            r"Use `importer plan`, which reads them\.",
            "It takes no roster; choose another mapping here.",
        ),
        (r"Make (a plan|one) with `importer plan`\.", "“Compare with Alma” makes one."),
        (r"run `importer resolve` again\.", "answer the row again."),
        (r"`importer runs` lists the runs\.", "“Loads” lists them."),
        (r"Run apply again to continue\.", "Continue the load."),
        (r"Run apply again: it asks Alma first\.", "Continue the load: Alma is asked first."),
        (
            r"Use --as update with that user's ID, or correct the row\.",
            "Compare the roster with Alma again to see who that is, or correct the row.",
        ),
        (
            r"Run `importer sis-report` after the load\.",
            "Find out what the load did once Alma has loaded it.",
        ),
        (
            r": `apply` will stop; run it again after midnight GMT\.",
            ": the load will stop; continue it after midnight GMT.",
        ),
        (r"is not in the mapping's lookup", "has no code in the mapping"),
        (r"add the value to the lookup", "give it a code in the mapping"),
        (r"so `check` cannot find wrong codes", "so wrong codes are not found"),
        (
            r"Look for a (missing separator|separator or) .*(row|quotes)\.",
            "Put each value of the row under its heading, up to the last one.",
        ),
    )
)


_PARTS = re.compile(r"importer|ALMA_|--|Add it|Run apply|lookup|separator|`check`|`apply`")
"""What each text of a command has that the page shows in other words."""

_DAY = re.compile(r"(?<![\w“/-])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![\w”/-])")
_ROWS = re.compile(r"\b([0-9,]+) rows?\b")
_PERSON = re.compile(r"(?:(?<=ed by )|^)([^\s@]+)@\S+(?= on | \(since )")


def day(text: str, month: str = "%b") -> str:
    """Return a date in words: `Nov 29, 2027` for 2027-11-29; any other text as it is."""
    if not is_iso(text):
        return text
    found = date.fromisoformat(text)
    return f"{found:{month}} {found.day}, {found.year}"


def in_words(text: str) -> str:
    """Return a sentence about a row with its days and people as the page has them."""
    text = _PERSON.sub(r"\1", text)
    return _DAY.sub(lambda one: day(one[0]), text)


def rows_in(text: str) -> int:
    """Return the greatest number of rows that a sentence about a roster names, 0 without one."""
    return max((int(one.replace(",", "")) for one in _ROWS.findall(text)), default=0)


def on_page(text: str) -> str:
    """Return a text of a command as the page shows it."""
    if _PARTS.search(text):
        for pattern, words in _WORDS:
            text = pattern.sub(words, text)
    return text
