"""One action of each kind, for tests of what the surfaces make of them."""

from __future__ import annotations

from importer.advice import (
    Action,
    Apply,
    ByHand,
    CheckFiles,
    Decide,
    Do,
    ListCodes,
    Measure,
    NameUser,
    ResolveFrom,
    ShowRow,
    SisReport,
    Undo,
    Wait,
    Where,
    WriteReports,
)

RUN = "runs/2026-08-20T0930"

EVERY: tuple[Action, ...] = (
    *Do,
    *(ByHand(f"Correct the {where}.", where) for where in Where),
    Decide(),
    Decide("same person, update"),
    NameUser(RUN, "14", "update"),
    CheckFiles(("plan", "my roster.xlsx", "-m", "mapping.yaml")),
    Apply(RUN),
    Apply(RUN, allow=("renames", "removals")),
    Apply(RUN, limit=5, delete=3),
    Apply(RUN, limit=0),
    SisReport(RUN),
    Undo(RUN),
    Undo(RUN, delete=True),
    ResolveFrom(RUN, f"{RUN}/rejects.xlsx"),
    Wait("midnight"),
    WriteReports(RUN),
    ShowRow(RUN, "14"),
    ListCodes("UserGroups"),
    Measure(),
    Measure("01ABC"),
)
