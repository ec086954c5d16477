"""One action of each kind, for tests of what the surfaces make of them."""

from __future__ import annotations

from importer import advice as actions
from importer.advice import Action, Do, Where

RUN = "runs/2026-08-20T0930"
JOB = "nightly.yaml"

EVERY: tuple[Action, ...] = (
    *Do,
    *(actions.ByHand(f"Correct the {where}.", where) for where in Where),
    actions.Decide(),
    actions.Decide("same person, update"),
    actions.NameUser(RUN, "14", "update"),
    actions.CheckFiles(("plan", "my roster.xlsx", "-m", "mapping.yaml")),
    actions.Apply(RUN),
    actions.Apply(RUN, allow=("renames", "removals")),
    actions.Apply(RUN, limit=5, delete=3),
    actions.Apply(RUN, limit=0),
    actions.SisReport(RUN),
    actions.Undo(RUN),
    actions.Undo(RUN, delete=True),
    actions.ResolveFrom(RUN, f"{RUN}/rejects.xlsx"),
    actions.Wait("midnight"),
    actions.WriteReports(RUN),
    actions.ShowRow(RUN, "14"),
    actions.ListCodes("UserGroups"),
    actions.Measure(),
    actions.Measure("01ABC"),
    actions.CheckJob(JOB),
    actions.RunJob(JOB),
    actions.AllowLoad(JOB, RUN, ("creates", "absent")),
    actions.SkipFiles(JOB),
    actions.SkipFiles(JOB, RUN),
)
