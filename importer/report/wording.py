"""The words for a run: counts, headline, commands, names of fields, and problems."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath
from typing import Literal

from importer.advice import CheckFiles
from importer.model.fields import LISTS
from importer.model.plan import Act, ChangeKind, Fate, Result
from importer.model.problem import VALUE, Code, Problem, Severity
from importer.model.run import RosterCounts, RowHistory, RunFacts, SinceLoad, Summary
from importer.model.text import counted, is_whole_roster, spans, word_list
from importer.report.masking import said, shown, shown_word

PAGE, MASKED, WORKBOOK, REJECTS, PROBLEMS, SUMMARY, SET = (
    "report.html", "report-masked.html", "rejects.xlsx", "rejects.csv", "problems.csv",
    "summary.json", "set.csv",
)  # fmt: skip
"""The names of the reports."""

SIS_FILES = "sis-load-*.zip"
"""The pattern of the names of the files for the SIS load."""

TO_SIS = ("--to", "sis-xml")
"""The option of a plan for the SIS load."""


def kind_of(file: str) -> str:
    """Return the usual name of a report: `rejects.xlsx` for `rejects-2.xlsx`."""
    return re.sub(r"(?<=^rejects)-\d+-.*(?=\.)|-\d+(?=\.)", "", file)


def workbooks(files: Iterable[str], facts: RunFacts) -> dict[int, str]:
    """Return the newest workbook of rejects of each roster that has one, by its position."""
    newest: dict[int, str] = {}
    for file in filter(lambda file: kind_of(file) == WORKBOOK, files):
        newest[roster_of(file, facts)] = file
    return newest


def roster_of(rejects: str, facts: RunFacts) -> int:
    """Return the position of the roster that a rejects file of the run is from, by its name."""
    return min(max(number_of(rejects), 1), len(facts.rosters)) - 1


def number_of(report: str) -> int:
    """Return the number of a roster in the name of its rejects; 0 of any other report."""
    number = re.match(r"rejects-(\d+)-", report)
    return int(number[1]) if number else 0


DISMISSED: Literal["dismissed"] = "dismissed"
"""The end of a rejected row in which nothing is to be corrected: a person rejected it."""

End = Fate | Act | Result | Literal["dismissed"]
"""What became of a row."""

ENDS: dict[End, str] = {
    Result.CREATED: "created",
    Result.UPDATED: "updated",
    Result.DELETED: "deleted",
    Result.WAS_THERE: "already there, created by somebody else",
    Result.WAS_SO: "already so in Alma",
    Result.WAS_GONE: "already gone from Alma",
    Result.REFUSED: "refused by Alma",
    Result.HELD: "needs review: changed in Alma",
    Result.UNKNOWN: "result not known yet",
    Result.DELIVERED: "in the file for the SIS load, not seen in Alma yet",
    Result.NOT_SENT: "not sent",
    Act.CREATE: "to create",
    Act.UPDATE: "to update",
    Act.DELETE: "to delete",
    Act.UNCHANGED: "unchanged",
    Act.LEFT_ALONE: "skipped by the plan",
    Fate.READY: "ready",
    Fate.REJECTED: "rejected",
    Fate.REVIEW: "needs review",
    Fate.BLANK: "blank",
    Fate.SKIPPED: "skipped",
    DISMISSED: "rejected by a person",
}
"""Words for each, in the order of the counts."""

SEVERITIES: dict[Severity, str] = {
    Severity.REJECT: "Must be corrected",
    Severity.REVIEW: "Needs review",
    Severity.WARNING: "Worth a look",
    Severity.REPAIRED: "Repaired for you",
}

KINDS: dict[ChangeKind, str] = {
    ChangeKind.REMOVE: "Removed from Alma",
    ChangeKind.REPLACE: "Replaced",
    ChangeKind.ADD: "Added",
}


def rows(count: int) -> str:
    """Return a number of rows: `1 row`, `12,345 rows`."""
    return counted(count, "row")


def effort(summary: Summary) -> str:
    """Return the API calls and time that applying takes, and whether the calls were left.

    "" of a check, of what was applied, and where there is nothing to send.
    """
    calls = summary.calls
    if calls is None or not calls.count or summary.created is not None:
        return ""
    told = f"Applying takes {counted(calls.count, 'API call')}"
    told += f", about {duration(calls.seconds)}." if calls.seconds else "."
    if calls.left is not None:
        told += f" {calls.left:,} of today's calls were left when it was planned."
    if not calls.suffice:
        told += " That is not enough: the load will stop; continue it after midnight GMT."
    return told


def duration(seconds: int) -> str:
    """Return a time in words, in at most two parts: `45 seconds`, `1 hour 20 minutes`."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    parts = ((hours, "hour"), (minute, "minute"), (0 if hours else second, "second"))
    told = [f"{part} {unit}{'' if part == 1 else 's'}" for part, unit in parts if part]
    return " ".join(told) or "0 seconds"


def row_numbers(numbers: Sequence[int], most: int = 6) -> str:
    """Return row numbers as `22, 31–35 and 7 more`, with at most `most` ranges."""
    if len(numbers) == 1 and is_whole_roster(numbers[0]):
        return "the whole roster"
    return spans(numbers, most)


def again(verb: str, facts: RunFacts, files: Mapping[int, str] | None = None) -> CheckFiles:
    """Return the action to check or plan the rosters of a run in the same way.

    `files`: other files in place of the rosters at these positions, instead of all rosters.
    """
    codes = ("--codes", facts.codes) if facts.codes else ()
    visible = ("--visible-only",) if facts.roster.visible_only and not files else ()
    made = None if files else facts.roster.corrections
    corrections = ("--corrections", made.shown) if made else ()
    to = TO_SIS if verb == "plan" and facts.sis else ()
    edits = (("--overwrite-edits", path) for path in facts.overwrite_edits if verb == "plan")
    pairs = (
        ((files or {}).get(position, roster.as_typed), "-m", mapping.shown)
        for position, (roster, mapping) in enumerate(facts.rosters)
        if not files or position in files
    )
    words = chain.from_iterable((*pairs, codes, corrections, visible, to, *edits))
    return CheckFiles((verb, *words))


def rejects_name(name: str, facts: RunFacts, roster: int) -> str:
    """Return the name of a roster's rejects: `rejects.xlsx`; of several, `rejects-2-staff.xlsx`.

    Rejects of rejects have the name of the first roster.
    """
    if len(facts.rosters) == 1:
        return name
    stem, dot, kind = name.rpartition(".")
    of = re.sub(r"\Arejects-\d+-", "", PurePath(facts.rosters[roster][0].path).stem)
    return f"{stem}-{roster + 1}-{of}{dot}{kind}"


Tone = Literal["good", "quiet", "decide", "bad"]
"""The color of a count; color is never the only sign."""

TONES: dict[End, Tone] = {
    **dict.fromkeys((Fate.READY, Act.CREATE, Act.UPDATE), "good"),
    **dict.fromkeys((Result.CREATED, Result.UPDATED, Result.DELETED), "good"),
    **dict.fromkeys((Fate.REVIEW, Result.HELD, Result.UNKNOWN, Result.NOT_SENT), "decide"),
    **dict.fromkeys((Fate.REJECTED, Result.REFUSED, Act.DELETE), "bad"),
}
"""The tones that are not quiet."""
MARKS: dict[End, str] = {
    Act.CREATE: "add", Act.UPDATE: "pencil", Act.DELETE: "alert", Fate.REJECTED: "alert",
    Fate.REVIEW: "eye", Result.CREATED: "check", Result.UPDATED: "check", Result.DELETED: "minus",
    Result.REFUSED: "alert", Result.HELD: "alert", Result.UNKNOWN: "alert", Act.UNCHANGED: "check",
}  # fmt: skip
"""The name of an icon for each end that has one of its own."""

_WRITES = (Act.CREATE, Act.UPDATE, Act.DELETE)
_STAYS = (Act.UNCHANGED, Act.LEFT_ALONE)
_RESULTS = tuple(end for end in ENDS if isinstance(end, Result))


def end_of(row: RowHistory, problems: Iterable[Problem]) -> End:
    """Return what became of a row, given its problems."""
    if row.fate is Fate.REJECTED and any(
        problem.code is Code.RESOLVED and problem.severity is Severity.REJECT
        for problem in problems
    ):
        return DISMISSED
    return row.result or row.act or row.fate


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of rows of one end, with its words and its color."""

    end: End
    count: int
    words: str
    tone: Tone


def tallies(summary: Summary) -> tuple[Tally, ...]:
    """Return the counts in which each row is once, without zeros."""
    planned = summary.create is not None
    left_out: set[End] = {Fate.READY} if planned else set(_STAYS)
    left_out |= set(_WRITES) if summary.created is not None or not planned else set()
    counts = _counts(summary)
    ends = ENDS | ({Fate.REJECTED: "to correct"} if counts[DISMISSED] else {})
    return tuple(
        Tally(end, counts[end], in_number(words, counts[end]), TONES.get(end, "quiet"))
        for end, words in ends.items()
        if counts[end] and end not in left_out
    )


def in_number(words: str, count: int) -> str:
    """Return the words of an end for that many rows: `need review` of all but one."""
    return words if count == 1 else words.replace("needs", "need", 1)


def _counts(summary: Summary) -> Counter[str]:
    """Return the counts by end; rows that a person rejected are not among those to correct."""
    counts = Counter(summary.model_dump(include=set(map(str, ENDS)), exclude_none=True))
    counts[DISMISSED], counts[Fate.REJECTED] = summary.of_these.dismissed, summary.to_correct
    return counts


def headline(summary: Summary) -> str:
    """Return the run in a few sentences: `97 of 120 rows are ready. 15 must be corrected, …`."""
    return " ".join(sentences_of(summary))


def sentences_of(summary: Summary) -> tuple[str, ...]:
    """Return the sentences of the headline, the most important first."""
    if not summary.rows:
        return ("The roster has no rows.",)
    counts = _counts(summary)
    words = ENDS | {
        Fate.REJECTED: "must be corrected",
        Fate.BLANK: "is blank" if summary.blank == 1 else "are blank",
        Result.UNKNOWN: "with a result that is not known yet",
    }

    def listed(*ends: End) -> str:
        return ", ".join(
            f"{counts[end]:,} {in_number(words[end], counts[end])}" for end in ends if counts[end]
        )

    def written(was: str, *ends: End) -> str:
        count = sum(counts[end] for end in ends)
        share = f"{count:,} of {rows(summary.rows)}" if count else "Nothing"
        return f"{share} {was} written to Alma{': ' if count else ''}{listed(*ends)}"

    held, aside = listed(Fate.REJECTED, Fate.REVIEW, DISMISSED), listed(Fate.BLANK, Fate.SKIPPED)
    if not summary.patrons:
        parts = ["The roster has no patrons", aside]
    elif summary.created is not None:
        ends = (Result.CREATED, Result.UPDATED, Result.DELETED)
        done = sum(counts[end] for end in ends)
        was = "was" if done <= 1 else "were"
        was = "is known to be" if not done and counts[Result.UNKNOWN] else was
        parts = [written(was, *ends), listed(*(end for end in _RESULTS if end not in ends)), held]
    elif summary.create is not None:
        parts = [written("would be", *_WRITES), listed(*_STAYS), held, aside]
    else:
        parts = [_ready(summary), held, aside]
    return tuple(f"{part}." for part in parts if part)


def roster_counts(counts: RosterCounts) -> str:
    """Return the counts of one roster of several: `staff.xlsx: 40 rows, 38 ready, 2 rejected`."""
    name = f"{counts.roster}[{counts.sheet}]" if counts.sheet else counts.roster
    by_fate = fate_counts(counts.model_dump(include=set(map(str, Fate))))
    return f"{name}: {rows(counts.rows)}{f', {by_fate}' if by_fate else ''}"


def fate_counts(counts: Mapping[Fate, int] | Mapping[str, int]) -> str:
    """Return the rows of each fate: `38 ready, 2 rejected`."""
    numbers = ((counts[fate], ENDS[fate]) for fate in Fate if counts[fate])
    return ", ".join(f"{count:,} {in_number(words, count)}" for count, words in numbers)


def every_row(summary: Summary) -> str:
    """Return what became of the rows, each in one count: `60 rows: 6 updated, 54 unchanged.`."""
    return f"{rows(summary.rows)}: {', '.join(f'{t.count:,} {t.words}' for t in tallies(summary))}."


def since_last_load(since: SinceLoad) -> str:
    """Return how a roster differs from the last load with its mapping, in one sentence."""
    fields = ", ".join(f"{field_name(path)} {count:,}" for path, count in since.fields.items())
    return (
        f"Since the load of {since.day} with the mapping {since.mapping}: "
        f"{counted(since.new, 'new patron')}, {since.changed:,} changed"
        f"{f' ({fields})' if fields else ''}, {since.missing:,} not in this roster."
    )


def about_people(summary: Summary) -> Iterator[str]:
    """Yield who leaves, is back, is not in this roster, was edited, or cannot borrow after it."""
    applied = summary.created is not None
    if count := summary.of_these.leaving:
        are, leave = "is" if count == 1 else "are", "left" if applied else "would leave"
        yield f"{counted(count, 'user')} who {are} missing from the roster {leave}."
    if count := summary.of_these.back:
        yield f"{counted(count, 'user')} who had left {'came' if applied else 'would come'} back."
    yield from map(since_last_load, summary.since_last_load or ())
    if (stays := summary.of_these.kept_in_alma) and not applied:
        kept = f"In {rows(stays)}, a value that someone edited in Alma stays; "
        yield f"{kept}it is not sent."
    if count := summary.of_these.cannot_borrow:
        yield f"{counted(count, 'user')} cannot borrow after this load."


def _ready(summary: Summary) -> str:
    total, ready = summary.rows, summary.ready
    if total == 1:
        return f"The one row is {'ready' if ready else 'not ready'}"
    if ready == total:
        return f"All {total:,} rows are ready"
    return (
        f"{f'{ready:,}' if ready else 'None'} of {rows(total)} {'is' if ready < 2 else 'are'} ready"
    )


def what(problem: Problem, *, show_values: bool, begin: bool = False) -> str:
    """Return what is wrong, in a sentence without its column.

    `begin`: start with a capital letter, unless with a value.
    """
    value = _value(problem, show_values=show_values)
    quotes = " " in value and " → " not in value and f"“{VALUE}" not in problem.message
    if quotes and problem.code is not Code.REFUSED_BY_ALMA:
        value = f"“{value}”"
    text = problem.sentence(value, begin=begin).strip()
    return text + "." if text and text[-1] not in ".?!:…" else text


def _value(problem: Problem, *, show_values: bool) -> str:
    """Return the value that a problem is about, as it may be shown."""
    if problem.code is Code.REFUSED_BY_ALMA and not show_values:
        return said(problem.value)
    if problem.code in {Code.UNKNOWN_CODE, Code.UNCLEAR_DECISION} and not show_values:
        return shown_word(problem.value)
    if problem.code is Code.OWNING_SYSTEM_DIFFERS:  # it is about the system, and names the user
        return shown("primary_id", problem.value, show_values=show_values)
    return shown(problem.field, problem.value, show_values=show_values)


def sentence(problem: Problem, *, show_values: bool) -> str:
    """Return what is wrong, in a sentence that starts with its columns."""
    columns = in_columns([*map(str, problem.places)])
    return placed(columns, what(problem, show_values=show_values, begin=not columns))


def plain(advice: str) -> str:
    """Return advice with quotation marks around what is typed, for where no code can be shown."""
    return re.sub("`([^`]+)`", r"“\1”", advice)


def in_columns(places: Sequence[str]) -> str:
    """Return the columns as a sentence begins with them: `Columns A (First) and C (Last)`."""
    return f"Column{'s' if len(places) > 1 else ''} {word_list(places)}" if places else ""


def placed(columns: str, text: str) -> str:
    """Return what is wrong behind its columns: `Column A (Barcode) is blank.`."""
    if columns.startswith("Columns ") or "” and “" in columns:
        text = re.sub(r"\A(is|has) ", lambda verb: {"is": "are ", "has": "have "}[verb[1]], text)
    follows = text.startswith(("is ", "are ", "has ", "have "))
    return f"{columns} {text}" if follows and columns else f"{columns}: {text}" if columns else text


_FIELDS = {
    "primary_id": "Primary ID",
    "external_id": "External system",
    "pin_number": "PIN",
    "campus_code": "Campus",
    "user_title": "Title",
    "web_site_url": "Website",
    "expiry_date": "Expiration date",
    "pref_first_name": "Preferred first name",
    "pref_middle_name": "Preferred middle name",
    "pref_last_name": "Preferred last name",
    "pref_name_suffix": "Name suffix",
    "patron_role.expiry": "End of the Patron role",
    "user_statistic.statistic_category": "Statistical category",
}
_LISTS = {
    "user_identifier": "ID",
    "user_statistic": "statistical category",
    "rs_library": "resource-sharing library",
}
"""Names of an entry that are not the list's own."""
_MAIN = {"email_address", "phone_number", "value", "note_text", "statistic_category", "code"}
"""Fields of a list's entry that are called as the entry itself."""

_PATH = re.compile(r"(?P<of>[^\[\]]+?)(?:\[(?P<kind>[^\]]*)\]\.?(?P<field>\w*))?")


def field_name(path: str) -> str:
    """Return a field in words, without Alma's names.

    `last_name`: Last name. `contact_info.address[home].line1`: Home address, line 1.
    `user_identifier[BARCODE]`: ID (BARCODE). `contact_info.email[1].email_address`:
    Email 2, as positions count from 0.
    """
    parts = _PATH.fullmatch(path)
    if parts is None or parts["kind"] is None:
        return _FIELDS.get(path) or _words(path.rpartition(".")[2])
    kind, name = parts["kind"], _entry_name(parts["of"])
    if kind.isdigit():
        name += f" {int(kind) + 1}" if int(kind) else ""
    elif parts["of"].startswith("contact_info.") and kind:
        name = f"{kind.replace('+', ' and ').replace('_', ' ')} {name}"
    elif kind:
        name += f" ({kind})"
    if parts["field"] and parts["field"] not in _MAIN:
        name += f", {_words(parts['field']).lower()}"
    return name[:1].upper() + name[1:]


def part_name(path: str) -> str:
    """Return the part of a record in words: `Email` for `contact_info.email[work]`."""
    head, is_entry, _ = path.partition("[")
    return _words(_entry_name(head)) if is_entry or head in LISTS else field_name(path)


def _entry_name(path: str) -> str:
    own = path.removeprefix("contact_info.").removeprefix("user_").replace("_", " ")
    return _LISTS.get(path) or own


def _words(name: str) -> str:
    name = name.replace("state_province", "state_or_province")
    words = re.sub(r"(?<=[a-z])(?=[0-9])", " ", name.replace("_", " "))
    return words[:1].upper() + words[1:]
