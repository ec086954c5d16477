"""The check of a roster in memory, brought up to date as cells are corrected."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from importer.loader.corrections import Correction, correct
from importer.mapper.evaluate import evaluate
from importer.model.plan import Fate
from importer.model.problem import Problem
from importer.model.roster import Roster
from importer.pipeline.check import validate
from importer.pipeline.fates import Decided, decide_fates
from importer.pipeline.inputs import MappedRoster

SMALL = 2_000
"""Rows of a roster that is checked whole after each correction, within 0.1 s."""


class Checked:
    """The check of a roster.

    `partial`: the rows of a large roster that were checked again alone, so that what concerns
    several rows, such as duplicates, is as it was at the last whole check.
    """

    def __init__(self, mapped: MappedRoster) -> None:
        """Find all problems and decide the fate of each row."""
        self.decided: Decided = _decided(mapped)
        self.partial: set[int] = set()
        none = replace(mapped.roster, frame=mapped.roster.frame.iloc[:0], problems=())
        # the mapped rows are as large as the roster, and needed no more
        self.inputs = replace(_mapped(mapped, none), roster=mapped.roster)

    def correct(self, made: Collection[Correction]) -> None:
        """Make corrections, and check their rows again: alone in a large roster."""
        roster = self.inputs.roster
        whole = len(roster.frame) <= SMALL
        rows = {*roster.frame.index} if whole else {one.row for one in made}
        before = replace(
            roster,
            frame=roster.frame.loc[sorted(rows)],
            blank=roster.blank if whole else (),
            left_out=roster.left_out if whole else (),
            notices=roster.notices if whole else (),
            problems=tuple(one for one in roster.problems if whole or one.origin.row in rows),
        )
        after = correct(before, made, "The correction")
        part = _mapped(self.inputs, after)
        found = _decided(part)
        if whole:
            self.inputs, self.decided = part, found
            return

        def others(problems: Iterable[Problem]) -> list[Problem]:
            return [one for one in problems if one.origin.row not in rows]

        frame = roster.frame
        frame.loc[after.frame.index] = after.frame  # a copy of all rows would take longer
        if gone := rows - {*after.frame.index}:
            frame = frame.drop(index=[*gone])
        corrected = replace(
            roster,
            frame=frame,
            blank=(*roster.blank, *after.blank),
            left_out=(*roster.left_out, *after.left_out),
            problems=(*others(roster.problems), *after.problems),
        )
        self.inputs = replace(self.inputs, roster=corrected)
        problems = others(self.decided.problems)
        problems += (one for one in found.problems if one.origin.row in rows)
        self.decided = Decided(
            {**self.decided.fates, **found.fates},
            tuple(sorted(problems, key=lambda one: one.origin.row)),
            {},
        )
        self.partial |= rows

    def rows(self, fate: Fate) -> list[int]:
        """Return the rows with a fate, in order."""
        return [row for row, one in self.decided.fates.items() if one is fate]


def _mapped(mapped: MappedRoster, roster: Roster) -> MappedRoster:
    candidates = evaluate(mapped.compiled, roster, mapped.codes, mapped.candidates.orders)
    return replace(mapped, roster=roster, candidates=candidates)


def _decided(mapped: MappedRoster) -> Decided:
    """Return what `check` finds in a roster; nothing where every row became blank."""
    empty = mapped.roster.frame.empty and not mapped.roster.left_out
    problems = () if empty else validate((mapped,)).problems
    return decide_fates(mapped.rows(), problems, answers={}, only_new=())
