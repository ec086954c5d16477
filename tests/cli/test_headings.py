"""A roster whose headings are others than at the last run of the same mapping."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cli.conftest import Type
from tests.cli.small import ANA, HEAD, write

CODE = "headings-changed"
OTHER = {"small.yaml": ("name: small", "name: other")}
RENAMED = {"small.yaml": ("<Email>", "<E-mail>")}
UNUSED = {"small.yaml": ("{dates: ymd}", "{dates: ymd, unused: [remarks]}")}
Change = tuple[str, str]


@pytest.mark.parametrize(
    ("first", "second", "mapping", "said"),
    [
        (HEAD, HEAD, {}, None),
        (HEAD, HEAD[::-1], {}, None),
        (HEAD, (*HEAD, "Extra"), OTHER, None),
        (
            HEAD,
            tuple("E-mail" if name == "Email" else name for name in (*HEAD, "Extra")),
            RENAMED,
            'gone: "Email"; new: "E-mail", "Extra"',
        ),
        ((*HEAD, "Remarks"), HEAD, UNUSED, None),
        (HEAD, (*HEAD, "REMARKS", "Extra"), UNUSED, 'new: "Extra"'),
    ],
    ids=["same", "order", "another mapping", "renamed", "unused gone", "unused back"],
)
def test_gone_and_new_headings_are_named_once(
    first: tuple[str, ...], second: tuple[str, ...], mapping: dict[str, Change], said: str | None,
    folder: Path, typed: Type,
) -> None:  # fmt: skip
    """By their headings, after the last run with the same mapping; not those under `unused`."""
    values = dict(zip(HEAD, ANA, strict=True))
    roster = write(folder, ANA)
    for run, headings in (("first", first), ("second", second), ("third", second)):
        if run == "second":
            for name, (old, new) in mapping.items():
                text = (folder / name).read_text("utf-8")
                (folder / name).write_text(text.replace(old, new), "utf-8")
        cells = (values.get(name.replace("-m", "m"), "") for name in headings)
        roster.write_text(f"{','.join(headings)}\n{','.join(cells)}\n", "utf-8")
        typed("check", roster, "-m", "small.yaml", "-o", run)
    found = []
    for run in ("first", "second", "third"):
        with (folder / run / "problems.csv").open(encoding="utf-8", newline="") as file:
            found.append([x["message"] for x in csv.DictReader(file) if x["code"] == CODE])
    assert (found[0], found[2]) == ([], [])
    assert len(found[1]) == (said is not None)
    assert all(f"(first): {said}" in message for message in found[1])
