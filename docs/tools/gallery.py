"""The lines of the gallery of mappings, which `make reference` writes.

Each entry has a row of a roster, what it becomes in Alma, and the mapping between them. The rosters
and mappings are those of the tests: programs that libraries run (`tests/converters`), and offices
whose first mapping the importer proposes (`tests/offices`).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from io import StringIO
from itertools import zip_longest
from pathlib import Path

from importer.cli.app import run
from importer.model.fields import NO_CODES, fields_of
from importer.model.plan import Fate
from importer.pipeline.check import validate
from importer.pipeline.decisions import decide_fates
from importer.pipeline.inputs import MappedRoster, RosterRequest, read_inputs
from importer.planner.merge import new_user
from importer.suggest.user_loader_profile import read_profile, to_mapping
from tests.offices.offices import OFFICES, Office

CONVERTERS = Path(__file__).parents[2] / "tests" / "converters"
TODAY = date(2026, 8, 20)

_ADDED = re.compile(r"(record_type|account_type|external_id|.*\.(segment_type|preferred))")
"""What an importer adds to a record by itself."""

_OFFICES = {
    "banner": "A registrar's export from Banner",
    "staff": "A list of the personnel office",
    "school": "A school's list of pupils",
    "spanish": "A public library in Spain",
    "two-rows": "A workbook with two rows of headings",
}


def gallery() -> Iterator[str]:
    """Yield the page."""
    yield "Each entry shows one row of a roster beside the record that it becomes, and the mapping"
    yield f"that does it. All people are invented, and the day of the load is {TODAY}. The tests"
    yield "run every mapping. `address[home].city` is the city of the address of type home. Each"
    yield "key is explained in [the mapping](mapping.md)."
    yield ""
    yield "## What libraries used to do by program"
    for folder in sorted(path.parent for path in CONVERTERS.glob("*/roster.csv")):
        yield from _converter(folder)
    yield ""
    yield "## What offices send"
    yield ""
    yield "`mapping new` proposed these mappings. A librarian named the column of the ID, which was"
    yield "`?`, and gave codes to the words that Alma does not know (here `COMM`)."
    for office in OFFICES:
        yield from _office(office)


def _converter(folder: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        copy = Path(shutil.copytree(folder, Path(name) / "here"))
        mapping = copy / "mapping.yaml"
        if (profile := copy / "profile.json").exists():
            mapping.write_text(to_mapping(read_profile(profile)), "utf-8")
        text = mapping.read_text("utf-8")
        about = " ".join(re.findall(r"^# (.*)", text.partition("version:")[0], re.MULTILINE))
        title, more, *_ = [*re.split(r"[:;,] ", about.rstrip("."), maxsplit=1), ""]
        yield from _entry(title, more, copy / "roster.csv", mapping)


def _office(office: Office) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        roster, mapping = office.write(Path(name)), Path(name) / "mapping.yaml"
        more = ["--header", ",".join(map(str, office.header))] if office.header else []
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            run(["mapping", "new", str(roster), "-o", str(mapping), *more])
        text = mapping.read_text("utf-8")
        text = text.replace('primary_id: "<?>"', f'primary_id: "<{office.identity}>"')
        text = re.sub(r': "?(<\?>|\?)"?', ": COMM", text)
        text = text.replace("    F: COMM", "    F: FEMALE").replace("    M: COMM", "    M: MALE")
        lines = [line.partition("  # ")[0].rstrip() for line in text.splitlines()]
        kept = [line for line in lines if line and not line.lstrip().startswith("#")]
        mapping.write_text("\n".join([*kept, ""]), "utf-8")
        yield from _entry(_OFFICES[office.name], "", roster, mapping)


def _entry(title: str, more: str, roster: Path, mapping: Path) -> Iterator[str]:
    """Yield an entry: the first row that is ready, its record, and the mapping."""
    mapped = read_inputs(RosterRequest(roster, mapping), NO_CODES, TODAY)
    row, record = _first(mapped)
    frame = mapped.roster.frame
    headings = [place.heading or place.letter for place in mapped.roster.places]
    cells = [(h, c) for h, c in zip(headings, list(frame.loc[row]), strict=True) if c]
    yield ""
    yield f"### {title[:1].upper()}{title[1:]}"
    yield ""
    if more:
        yield f"{more[:1].upper()}{more[1:]}."
        yield ""
    yield "| in the roster | | in Alma | |"
    yield "|---|---|---|---|"
    for left, right in zip_longest(cells, record, fillvalue=("", "")):
        yield f"| {' | '.join(_cell(text) for text in (*left, *right))} |"
    yield ""
    yield "```yaml"
    text = mapping.read_text("utf-8")
    yield text[text.index("version:") :].rstrip()
    yield "```"


def _first(mapped: MappedRoster) -> tuple[int, Sequence[tuple[str, str]]]:
    """Return the first row that is ready, and the fields of its record. Raises StopIteration."""
    checked = validate((mapped,))
    fates = decide_fates(mapped.rows(), checked.problems, answers={}, only_new=()).fates
    ready = [row for row, fate in fates.items() if fate is Fate.READY]
    draft = next(iter(checked.drafts(ready, {})))
    fields = [one for one in fields_of(new_user(draft)) if not _ADDED.match(one[0])]
    return draft.row, [(path.removeprefix("contact_info."), text) for path, text in fields]


def _cell(text: str) -> str:
    """Return a text for a cell of a table."""
    escaped = text.replace("|", r"\|")
    return f"`{escaped}`" if "[" in text or "_" in text else escaped
