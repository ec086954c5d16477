"""Compare rosters with Alma, and write their records to a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from importer.alma.client import Alma
from importer.ledger.ledger import Ledger
from importer.mapper.load import load
from importer.model.plan import Fate
from importer.pipeline import sis_load
from importer.pipeline.check import save_check, validate
from importer.pipeline.inputs import AskedRun, open_inputs
from importer.pipeline.plan import plan as plan_rosters
from importer.report import wording
from importer.service.connection import with_alma
from importer.service.office import Office, Stop, Surface, working
from importer.service.place import CODES
from importer.service.tables import read_codes


def plan(office: Office, asked: AskedRun, surface: Surface, stop: Stop) -> Ledger:
    """Return the saved plan of the rosters, open. Alma is only read.

    Where no code tables are saved, they are read first. Raises as `check` does, and AlmaError.
    """
    for roster in asked.rosters:
        load(roster.mapping)  # a wrong one is reported before a missing key

    async def use(alma: Alma) -> Ledger:
        if asked.codes is None and not CODES.is_file():
            surface.note("No code tables are saved here, so they are read from Alma first.")
            await read_codes(alma, office.now().date(), CODES, surface.note)
        request = office.request(asked)
        with working(surface, "Planning", stop, alma) as progress:
            return await plan_rosters(request, alma, progress)

    return with_alma(office, use)


@dataclass(frozen=True, slots=True)
class Converted:
    """The files with the records of the ready rows of a check, which is open.

    What a SIS load of them clears in Alma: `clears`, the fields that the mapping does not set, and
    `blanks`, the rows in which a field is blank, by field.
    """

    check: Ledger
    files: tuple[Path, ...]
    ready: int
    clears: tuple[str, ...]
    blanks: Mapping[str, list[int]]


@contextmanager
def convert(
    office: Office, asked: AskedRun, to: Literal["jsonl", "sis-xml"], target: Path
) -> Iterator[Converted]:
    """Write the records of the ready rows to files; their check is there during the block.

    Raises RosterError, MappingError, UsageError.
    """
    with tempfile.TemporaryDirectory(prefix="importer-") as scratch:
        # in a folder beside which there is no run of another process
        request = office.request(replace(asked, folder=Path(scratch, "run")))
        rosters = validate(open_inputs(request))
        with save_check(rosters, request) as ledger:
            ready = {row for row, fate in ledger.fates() if fate is Fate.READY}
            files = sis_load.convert(rosters, ready, to, target)
            clears, blanks = list[str](), dict[str, list[int]]()
            if to == "sis-xml":
                clears += map(wording.field_name, sis_load.sis_clears(rosters))
                for row, path in sis_load.blank_cells(rosters, ready):
                    blanks.setdefault(wording.field_name(path), []).append(row)
            yield Converted(ledger, files, len(ready), tuple(clears), blanks)
