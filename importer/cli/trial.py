"""What `mapping check` tells: findings by line, and how the mapping does on a roster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.cli.output import write

if TYPE_CHECKING:
    from importer.mapper.mapping import Mapping
    from importer.pipeline.preview import ColumnMatch, Preview, SampleRecord


@dataclass(frozen=True, slots=True)
class Findings:
    """What a mapping that is right leaves to a person, each finding with its line.

    `codes` are those that Alma's tables do not have; `tables`: are there any to tell by?
    """

    to_do: tuple[str, ...]
    codes: tuple[str, ...]
    remarks: tuple[str, ...]
    tables: bool

    def for_machines(self) -> dict[str, object]:
        """As JSON."""
        return {"to_do": self.to_do, "codes": self.codes, "remarks": self.remarks}


def tell_findings(document: Mapping, findings: Findings) -> None:
    """The findings, and in one sentence how the mapping stands."""
    for title, part in (
        ("To do", findings.to_do),
        ("Not Alma's codes", findings.codes),
        ("Worth a second look", findings.remarks),
    ):
        if part:
            write(f"{title}:", *(f"  {finding}" for finding in part), "")
    open_ends = ((findings.codes, "its codes"), (findings.to_do, "what is to do"))
    left = " and ".join(words for part, words in open_ends if part)
    write(f"{document.path.name} is right in itself{', apart from ' if left else ''}{left}.")
    if not findings.tables:
        write("Its codes were not checked; `importer codes fetch` gets the tables of your Alma.")


def tell_trial(trial: Preview, *, show_values: bool) -> None:
    """What each column becomes, and one record."""
    write("", "Columns:")
    write(*(f"  {column.place} → {_use(column, trial)}" for column in trial.columns))
    if trial.sample is None:
        write("", "The roster has no row that the mapping takes.")
        return
    write("", f"Row {trial.sample.row} becomes:")
    fields = _shown(trial.sample, show_values=show_values)
    width = max((len(label) for label, _ in fields), default=0)
    write(*(f"  {label:{width}}  {text}" for label, text in fields))
    if not show_values:
        write("", "Values are masked; --show-values shows them.")


def _use(column: ColumnMatch, trial: Preview) -> str:
    if column.how:
        how = "" if column.how == "exact" else f" ({column.how})"
        labels = ", ".join(column.labels)
        return f"{labels or 'tells which rows are meant'}{how}"
    if any(column.place in notice.places for notice in trial.unused):
        return "not used; map it, or name it under `unused`"
    return "stays out" if column.place.heading.strip() else "has no heading"


def _shown(sample: SampleRecord, *, show_values: bool) -> list[tuple[str, str]]:
    from importer.report.masking import shown

    return [(label, shown(label, text, show_values=show_values)) for label, text in sample.fields]


def trial_for_machines(trial: Preview, *, show_values: bool) -> dict[str, object]:
    """The same, as JSON."""
    columns = [
        {"letter": c.place.letter, "heading": c.place.heading, "fields": c.labels, "how": c.how}
        for c in trial.columns
    ]
    unused = [place.heading for notice in trial.unused for place in notice.places]
    sample: dict[str, object] | None = None
    if trial.sample is not None:
        fields = dict(_shown(trial.sample, show_values=show_values))
        sample = {"row": trial.sample.row, "fields": fields}
    return {"columns": columns, "unused": unused, "sample": sample}
