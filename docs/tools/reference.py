"""The reference pages that are made from the code: `python -m docs.tools.reference` writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from importer.errors import Exit
from importer.mapper.schema import TOP_FIELDS
from importer.model.catalogue import CATALOGUE, Code, Severity
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, LISTS, Field, Shape
from importer.model.user import Reach
from importer.settings import Settings

FOLDER = Path(__file__).parents[1] / "reference"

MADE = "<!-- Made by `make reference` from the code; changes by hand are lost. -->"

SETTINGS = {
    "alma_api_key": "The API key. It is never a flag, so that it stands in no list of commands.",
    "alma_region": "Where your Alma lives: `na`, `eu`, `ap`, `aps`, `ca` or `cn`.",
    "alma_gateway": "A host of your own that stands between you and Alma: its name alone. The key "
    "goes to Ex Libris' hosts, to this computer, and to no other host than this one.",
    "alma_base_url": "The address of another Alma, such as the sandbox: scheme and host. It goes "
    "before the region. Plain `http` is taken for this computer only.",
    "alma_rate": "How many calls a second at most, up to 50. The limit of your institution is "
    "shared by everything that talks to Alma.",
    "alma_reserve": "How many of the day's calls to leave for others. Every command stops before "
    "them.",
    "alma_verify_delay": "Seconds to wait before asking Alma about a write whose reply was lost.",
    "alma_plan_days": "How many days old a plan may be when `apply` begins it.",
    "alma_ca_bundle": "A file of certificates, where your network puts its own in between.",
}

EXITS = {
    Exit.DONE: ("done", "Nothing."),
    Exit.BUG: ("a defect of the importer", "Report the line that it prints."),
    Exit.USAGE: (
        "the command line, a setting or the mapping is wrong",
        "Read the message, correct it.",
    ),
    Exit.ROWS_HELD: ("some rows were rejected or need review", "See `rejects.xlsx`."),
    Exit.ROSTER: ("the roster could not be read", "Read the message; open the file."),
    Exit.STALE: ("the plan is stale: the roster, mapping or institution changed", "Plan again."),
    Exit.REFUSED: ("applied, and Alma refused some rows", "See `rejects.xlsx`."),
    Exit.BRAKE: (
        "a safety check stopped `apply`",
        "Review the plan; if it is right, `--allow CHECK`.",
    ),
    Exit.STOPPED: (
        "stopped by the daily limit, an outage or a full disk",
        "Run the same command again.",
    ),
    Exit.ACCESS: ("the key is missing, wrong, or lacks a right", "`importer doctor` shows which."),
    Exit.INTERRUPTED: ("stopped by the operator", "Run the same command again."),
}

SEVERITIES = {
    Severity.REJECT: "the row is not sent",
    Severity.REVIEW: "the row is not sent until a person resolves it",
    Severity.WARNING: "the row is sent",
    Severity.REPAIRED: "the row is sent, changed by us",
}


def problems() -> Iterator[str]:
    """Every problem code: title, severity, meaning, what to do."""
    yield "# Problems"
    yield ""
    yield MADE
    yield ""
    yield "Every problem has a code. Codes keep their meaning, so a script may rely on them. What a"
    yield "problem does to its row is its severity:"
    yield ""
    for severity, effect in SEVERITIES.items():
        yield f"- **{severity}**: {effect}."
    yield ""
    yield "A problem is shown with its place (row, column, heading), a sentence, and what to do."
    yield "The severity below is the usual one; a mapping may make some of them milder or worse."
    for code in Code:
        kind = CATALOGUE[code]
        yield ""
        yield f"## {code}"
        yield ""
        yield f"**{kind.title}** · {kind.severity}"
        yield ""
        yield kind.meaning
        yield f"*What to do:* {kind.advice}"


def exits() -> Iterator[str]:
    """Every exit code."""
    yield "# Exit codes"
    yield ""
    yield MADE
    yield ""
    yield "For scripts. Where several apply, the first in this order is given:"
    yield f"{_order()}."
    yield ""
    yield "| code | meaning | what to do |"
    yield "|---|---|---|"
    for code in Exit:
        meaning, advice = EXITS[code]
        yield f"| {int(code)} | {meaning} | {advice} |"


def _order() -> str:
    """The exit codes, from the one that outweighs all others."""
    left = set(Exit)
    found = []
    while left:
        worst = Exit.worst(left)
        found.append(str(int(worst)))
        left.remove(worst)
    return ", ".join(found)


def settings() -> Iterator[str]:
    """Every setting, its default and its meaning."""
    yield "# Settings"
    yield ""
    yield MADE
    yield ""
    yield "Settings say what is true of the place where you work; what is true of a roster stands"
    yield "in its mapping. They are read from the environment, and from a file `.env` in the folder"
    yield "where you give the command; the environment goes first."
    yield ""
    yield "| setting | unless set | meaning |"
    yield "|---|---|---|"
    for name, info in Settings.model_fields.items():
        usual = "" if info.default in {None, ""} else f"{info.default:g}"
        yield f"| `{name.upper()}` | {usual} | {SETTINGS[name]} |"
    yield ""
    yield "A `.env` for the real Alma of a North American library:"
    yield ""
    yield "```"
    yield "ALMA_API_KEY=l8xx0000000000000000000000000000"
    yield "ALMA_REGION=na"
    yield "ALMA_RESERVE=5000"
    yield "```"
    yield ""
    yield "The file holds the key: `chmod 600 .env`, so that nobody else on the computer reads it."
    yield "One that everybody can read is not used (exit code 9)."


def fields() -> Iterator[str]:
    """Every field that a mapping may set, list by list."""
    yield "# Fields of the record"
    yield ""
    yield MADE
    yield ""
    yield "What may stand under `record:` in a mapping, by Alma's own names. *Table*: the code must"
    yield "be in that table of your Alma. *By hand*: where somebody edited the field of an External"
    yield "user by hand, Alma keeps that value unless the mapping says `override: true`. *SIS*: the"
    yield "student system's load takes the field too. A length of `–` has no limit."
    yield ""
    yield f"Every record needs {', '.join(f'`{name}`' for name in ALWAYS_REQUIRED)}."
    yield ""
    yield "The tables are those that `importer codes fetch` reads, but for `Campuses`: Alma gives"
    yield "no list of its campuses, so their codes are not checked, unless you [write them"
    yield "down](files.md#code-tables)."
    for parent in ("", *LISTS):
        yield ""
        yield f"## {f'`{parent}`' if parent else 'The record itself'}"
        yield ""
        if parent:
            yield "A list: each entry begins with `-`. Beside its fields it may say `on_update`."
            yield ""
        yield "| field | takes | length | table | needed | by hand | SIS |"
        yield "|---|---|---|---|---|---|---|"
        yield from (_field(field) for field in FIELDS.values() if _here(field, parent))
    yield ""
    yield "`account_type`, `record_type` and `external_id` are said at the top of the mapping:"
    yield "`account_type`, `record_type` and `owning_system`."


def _here(field: Field, parent: str) -> bool:
    """Is it one of this list's fields, and not one that the mapping says at its top?"""
    return field.parent == parent and field.path not in TOP_FIELDS


def _field(field: Field) -> str:
    facts = field.facts
    text = field.shape is Shape.TEXT
    needed = "always" if field.path in ALWAYS_REQUIRED else "in each entry" * facts.required
    takes = field.shape.value + ", Internal only" * (facts.reach is Reach.INTERNAL_ONLY)
    cells = (
        f"`{field.name}`",
        takes,
        (str(facts.length) if facts.length else "–") if text else "",
        facts.table,
        needed,
        "kept" * facts.sticky,
        "yes" if facts.sis else "no",
    )
    return f"| {' | '.join(cells)} |"


def commands() -> Iterator[str]:
    """Every command, from its own help."""
    yield "# Commands"
    yield ""
    yield MADE
    yield ""
    yield "What `importer COMMAND --help` says. Progress and prose go to stderr; `--json` puts a"
    yield "summary on stdout for machines. A RUN is a run's folder, or its name under `runs/`."
    for words, text in _helps():
        yield ""
        yield f"## {' '.join(words)}"
        yield ""
        yield "```text"
        yield text
        yield "```"


def _helps() -> Iterator[tuple[tuple[str, ...], str]]:
    """Each command that does something, by its words, with its help of 88 columns."""
    from typer.main import get_group

    from importer.cli.main import app

    groups = [(("importer",), get_group(app))]
    while groups:
        words, group = groups.pop(0)
        for name, command in group.commands.items():
            path = (*words, name)
            inner = getattr(command, "commands", None)
            if inner is not None:
                groups.append((path, command))  # type: ignore[arg-type]
                continue
            context = command.make_context(
                " ".join(path), [], resilient_parsing=True, terminal_width=88, max_content_width=88
            )
            lines = command.get_help(context).rstrip().splitlines()
            yield path, "\n".join(line.rstrip() for line in lines)


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "commands.md": commands,
    "exit-codes.md": exits,
    "fields.md": fields,
    "problems.md": problems,
    "settings.md": settings,
}
"""Each page's name and what gives its lines."""


def text(name: str) -> str:
    """The page as it has to be on file."""
    return "\n".join(PAGES[name]()) + "\n"


def main() -> None:
    """Write every page."""
    for name in PAGES:
        (FOLDER / name).write_text(text(name), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
