"""A plan of four steps, for the tests of what is kept of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from importer.ledger.journal import RunContent, write_run
from importer.ledger.ledger import Ledger
from importer.model.plan import (
    Change,
    ChangeKind,
    Create,
    Fate,
    LeftAlone,
    SafetyCheck,
    Unchanged,
    Update,
)
from importer.model.run import ColumnUse, MappingFacts, RosterFacts, RunFacts
from importer.model.user import AccountType, Coded, User

NOW = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)

FACTS = RunFacts(
    command="plan",
    version="0",
    started=NOW,
    today=date(2026, 8, 20),
    operator="jo@desk",
    roster=RosterFacts(path="/lists/autumn.csv", sha256="0", kind="csv"),
    mapping=MappingFacts(path="m.yaml", sha256="1", name="m", account_type=AccountType.INTERNAL),
)

ANA = User(primary_id="20001234567890", first_name="Ana", last_name="Núñez")
CHANGED = ANA.model_copy(update={"last_name": "Nuñez Vega"})

STEPS = (
    Create(2, ANA.model_copy(update={"user_group": Coded(value="COMM")})),
    Update(
        3,
        "20001234567890",
        ANA,
        CHANGED,
        (Change(ChangeKind.REPLACE, "last_name", "Núñez", "Nuñez Vega"),),
        ("user_group",),
        checks=(SafetyCheck.RENAMES,),
    ),
    Unchanged(4, "20001234567891"),
    LeftAlone(5, ""),
)


def made(folder: Path) -> Ledger:
    """A finished plan of four steps."""
    column = ColumnUse("A", "Barcode", ("primary_id",), "exactly", ("2000",))
    fates = {step.row: Fate.READY for step in STEPS}
    return write_run(folder, FACTS, fates, RunContent(steps=STEPS, columns=[column]))
