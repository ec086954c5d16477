"""The Python library: the script of its page runs, and its errors are those of the commands."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import importer
from importer import Run
from importer.errors import Exit, RosterError, StalePlanError, UsageError
from importer.ledger.journal import history
from importer.ledger.ledger import Ledger
from importer.memory.loads import EditMemory
from tests.command_line import typed
from tests.docs.pages import DOCS
from tests.pipeline.runs import MAPPINGS, SAMPLES

PAGE = DOCS / "reference" / "python.md"


def test_the_recipes_of_the_page(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script; with progress and a stop, and in a running loop, which does the rest."""
    page, names = PAGE.read_text("utf-8"), dict[str, object]()
    recipes = [part.split("```")[0] for part in page.split("```python\n")[1:]]
    rates, created, shown = ("50", "4", "50"), list[int](), ""
    for recipe, rate in zip(recipes, rates, strict=True):
        monkeypatch.setenv("ALMA_RATE", rate)  # few rows at a time where it is stopped
        exec(compile(ast.parse(recipe), PAGE.name, "exec"), names)  # noqa: S102  the page's own text
        created.append(importer.open_run("runs/first").summary.created or 0)
        shown += capsys.readouterr().out
    assert (folder / "runs" / "first" / "rejects.xlsx").is_file()
    create = importer.open_run("runs/first").summary.create
    assert created[0] == 10 < created[1] < created[2] == create
    assert "10 created," in shown
    assert f"{create} created," in shown


def test_the_page_lists_every_name() -> None:
    """What `importer` offers is on the page, and is there."""
    page = PAGE.read_text("utf-8")
    assert all(f"`{name}" in page and hasattr(importer, name) for name in importer.__all__)


def test_a_plan_for_the_sis_load_is_written_into_its_file(folder: Path) -> None:
    """`apply` does with it what the command does: a zip, and nothing is written to Alma."""
    roster, mapping = SAMPLES / "students-and-staff.xlsx", MAPPINGS / "students-and-staff.yaml"
    words = ("plan", roster, "-m", mapping, "--to", "sis-xml", "-o", "planned")
    assert typed(*words).exit == Exit.REJECTS
    applied = importer.apply(importer.open_run("planned")).summary
    assert (applied.delivered, applied.created) == (applied.create, 0)
    assert [path.name for path in (folder / "planned").glob("*.zip")] == ["sis-load-01.zip"]


def test_what_a_killed_apply_did_is_remembered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Applied again, a finished run sends nothing, and later plans know what it wrote."""
    run = importer.plan("patrons.xlsx", "community.yaml")
    with monkeypatch.context() as patch:
        patch.setattr("importer.pipeline.remember.remember", lambda *_: None)
        importer.apply(run)
    with Ledger.open(run.folder) as ledger:
        alma, entries = ledger.facts.alma, sum(1 for _ in history(ledger))
        assert alma is not None
        name = ledger.facts.run_name
        assert EditMemory(alma.key).entry(name) is None
        importer.apply(run)
        assert sum(1 for _ in history(ledger)) == entries
    assert EditMemory(alma.key).entry(name) is not None


def test_what_is_sent_is_sent_and_remembered_without_the_user_cache(folder: Path) -> None:
    """It is a note, as for the command: an error of `apply` says that nothing was sent."""
    importer.read_users()
    run = importer.plan("patrons.xlsx", "community.yaml")
    (cache,) = (folder / "users").glob("*.sqlite")
    cache.write_bytes(b"no database" * 1000)
    notes: list[str] = []
    applied = importer.apply(run, progress=importer.Progress(note=notes.append)).summary
    assert applied.created == applied.create
    assert len(notes) == 1
    with Ledger.open(run.folder) as ledger:
        assert ledger.facts.alma is not None
        assert EditMemory(ledger.facts.alma.key).entry(ledger.facts.run_name) is not None


def test_errors_and_files(folder: Path) -> None:
    """Errors have the exit codes of the commands; `convert` and `check` need no Alma."""
    with pytest.raises(UsageError, match="Internal"):
        importer.convert("patrons.xlsx", "community.yaml", "load.zip", to="sis-xml")
    (folder / "empty.csv").write_text("", "utf-8")
    with pytest.raises(RosterError) as unreadable:
        importer.check("empty.csv", "community.yaml")
    assert unreadable.value.exit is Exit.ROSTER
    (file,) = importer.convert("patrons.xlsx", "community.yaml", "out.jsonl")
    checked = importer.check("patrons.xlsx", "community.yaml", folder="checked")
    assert len(file.read_text("utf-8").splitlines()) == checked.summary.ready
    assert importer.load_mapping("community.yaml").name == "community"
    planned = importer.plan("patrons.xlsx", "community.yaml")
    (folder / "patrons.xlsx").unlink()
    with pytest.raises(StalePlanError):
        importer.apply(planned)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda run: importer.apply(run, limit=-1),
        lambda run: importer.apply(run, allow="removal"),
        lambda run: importer.resolve(run, "x", "reject"),
        lambda run: importer.resolve(run, 4, "accept"),  # type: ignore[arg-type]
        lambda _: importer.convert("patrons.xlsx", "community.yaml", "x", to="xml"),  # type: ignore[arg-type]
    ],
)
def test_what_is_typed_wrong_is_one_sentence(wrong: Callable[[Run], object], folder: Path) -> None:
    """As on the command line, and nothing is written to Alma."""
    run = importer.plan("patrons.xlsx", "community.yaml")
    with pytest.raises(UsageError):
        wrong(run)
    assert run.summary.created is None


def test_a_text_alone_is_one_of_several(folder: Path) -> None:
    """Not the letters of it."""
    run = importer.plan("patrons.xlsx", "community.yaml", overwrite_edits="user_group")
    with Ledger.open(run.folder) as ledger:
        assert ledger.facts.overwrite_edits == ("user_group",)
