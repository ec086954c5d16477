"""The report page: complete, self-contained, masked, and harmless whatever the roster holds."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from importer.advice import by_hand
from importer.ledger.journal import Journal
from importer.ledger.ledger import Ledger, State, summarize
from importer.model.plan import Change, ChangeKind, Fate, Update
from importer.model.problem import Code, Problem
from importer.model.run import Summary
from importer.report.files import write_all
from importer.report.page import MOST_GROUPS, render
from importer.report.view import MOST_LINES
from importer.report.wording import WORKBOOK, sentences_of
from tests.report import building
from tests.report.building import Run, view_of
from tests.report.conftest import Keep

RUNS = [building.checked, building.planned, building.applied]
FILES = ("summary.json", "problems.csv", "rejects.xlsx", "rejects.csv")


def page(ledger: Ledger, *, values: bool = True) -> str:
    """The page of a run."""
    files = [(name, "") for name in FILES]
    return render(view_of(ledger), files, {0: WORKBOOK})[values]


class Outline(HTMLParser):
    """What a page is made of: its tags, their attributes, its headings and its text."""

    VOID = frozenset({"meta", "link", "br", "hr", "img", "input"})

    def __init__(self, text: str) -> None:
        """Read the page; every element has to be closed in order."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.names: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that it is the one that is open."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what people read."""
        if self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data)
        if self.open[-1:] == ["title"]:
            self.names.append(data)

    @property
    def title(self) -> str:
        """The page's name."""
        return self.names[0]

    @property
    def text(self) -> str:
        """What people read, with single blanks."""
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


@dataclass(frozen=True)
class Rendered:
    """Both pages of a run, and its counts."""

    summary: Summary
    masked: str
    shown: str


@pytest.fixture(scope="module", params=RUNS)
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """A check, a plan and an apply, each rendered once for all tests."""
    with request.param().ledger(tmp_path_factory.mktemp("run")) as ledger:
        return Rendered(summarize(ledger), page(ledger, values=False), page(ledger))


def test_the_page_tells_the_run(rendered: Rendered) -> None:
    """Headline, causes, advice, columns and facts are on it."""
    text = Outline(rendered.shown).text
    assert all(sentence in text for sentence in sentences_of(rendered.summary))
    for told in ("ID not valid", "Did you mean Community?", "12–14, 17", "abababab"):
        assert told in text
    assert all(use.heading in text for use in building.COLUMNS)


def test_the_page_needs_nothing_but_itself(rendered: Rendered) -> None:
    """No picture, no style sheet, no address outside, and one script, whose hash the policy has."""
    text = rendered.shown
    outline = Outline(text)
    assert not {"img", "link", "iframe", "object", "form"} & {t for t, _ in outline.tags}
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    policy = outline.all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert str(policy["content"]).startswith(
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}';"
    )
    links = {str(link["href"]) for link in outline.all("a")}
    assert {link for link in links if not link.startswith("#")} == set(FILES)
    assert "url(" not in text


def test_the_page_can_be_read_aloud(rendered: Rendered) -> None:
    """Headings come in order, tables have captions and scopes, references lead somewhere."""
    outline = Outline(rendered.shown)
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert outline.all("html")[0]["lang"] == "en"
    assert {"header", "nav", "main"} <= {tag for tag, _ in outline.tags}
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert all(cell.get("scope") in {"col", "row"} for cell in outline.all("th"))
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    named = {attributes.get("aria-labelledby") for _, attributes in outline.tags} - {None}
    anchors = {str(link["href"])[1:] for link in outline.all("a") if str(link["href"])[0] == "#"}
    assert named | anchors <= set(ids)


PRIVATE = (
    "Wilhelmina", "Quillfeather", "José", "1987-06-05", "1987-06-04", "2001-02-03", "5 June 87",
    "20001234567890", "20000000000006", "w.quillfeather@example.org", "reader 4@example.org",
    "605-555-0142", "knows the dean",
)  # fmt: skip


def test_private_values_are_masked_on_the_page_to_hand_on(rendered: Rendered) -> None:
    """No name, ID, address or birth date is on it, and the first line of each page says which."""
    assert [value for value in PRIVATE if value in rendered.masked] == []
    assert "Patrons' data is masked on this page" in Outline(rendered.masked).text
    assert "Private: this page shows patrons' data" in Outline(rendered.shown).text
    assert "Quillfeather" in rendered.shown


def test_removals_come_first(keep: Keep) -> None:
    """What would go from Alma stands before what is replaced, and that before what is added."""
    text = Outline(page(keep(building.planned()))).text
    assert text.index("Removed from Alma") < text.index("Replaced") < text.index("Added")
    assert "New patrons: Rows 2–5" in text
    assert "FRIEND COMM 3 rows Rows 6–7, 9" in text


@pytest.mark.parametrize("values", [True, False])
def test_no_difference_has_the_same_text_on_both_sides(keep: Keep, values: bool) -> None:  # noqa: FBT001
    """A reviewer sees that a value changes, also where it is masked."""
    run = building.planned()
    pairs = (("last_name", "Quill", "Quell"), ("last_name", "Lee", "Leeson"),
             ("primary_id", "20001234567", "20011234567"), ("pin_number", "1234", "1235"),
             ("contact_info.address[home]", "1 Elm St", "2 Elm St"))  # fmt: skip
    changes = tuple(Change(ChangeKind.REPLACE, *pair) for pair in pairs)
    run.steps = [Update(6, "x", building.user(6), building.user(6), changes)]
    text = Outline(page(keep(run), values=values)).text
    told = re.findall(r"(?:Last name|Primary ID|PIN|Home address): (\S+(?: \S+)*?) → (\S+)", text)
    assert len(told) == len(pairs)
    assert all(old != new for old, new in told)
    assert "1234" not in text.split("PIN")[1]


def test_every_row_is_in_the_table_of_all_rows(keep: Keep) -> None:
    """Each row is there once, with its result, its patron, and what is wrong or changes."""
    run = building.applied()
    outline = Outline(page(keep(run)))
    table = outline.text.split("Every row, and what became of it")[1]
    lines = [line for line in outline.all("tr") if str(line.get("class")).startswith("is-")]
    assert len(lines) == len(run.fates)
    for told in ("3 refused by Alma Wilhelmina Quillfeather 20000000000003 "
                 "Alma says: user group COMM is not enabled.",
                 "The load asks Alma first when it continues.",
                 "6 updated Wilhelmina Quillfeather 20000000000006 User group: FRIEND → COMM",
                 "16 blank", "20 skipped"):  # fmt: skip
        assert told in table


def test_the_table_of_all_rows_puts_first_what_needs_attention(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a very large roster no rejected row is left out for one that is ready."""
    monkeypatch.setattr("importer.report.page.MOST_ROWS", 8)
    text = Outline(page(keep(building.checked()))).text
    assert "This table lists 8 rows of 19" in text
    assert text.split("All rows")[-1].count("rejected Wilhelmina") == 5


def test_the_page_says_how_the_apply_went(keep: Keep) -> None:
    """Who approved and who continued it, and when, also where no end was noted between."""
    ledger = keep(building.planned())
    times = [building.FACTS.started]
    journal = Journal(ledger, "robin", lambda: times[-1])
    for row, minute in ((2, 31), (3, 51)):
        times.append(times[0].replace(minute=minute))
        journal.start(None)
        times.append(times[0].replace(minute=minute + 2))
        journal.record_intent(row, None, building.user(row))
        journal.record_outcome(row, State.APPLIED)
    text = Outline(page(ledger)).text
    assert re.search(r"20 August 2026, 09:31:00 \S+ robin: approved the load", text)
    assert re.search(r"20 August 2026, 09:51:00 \S+ robin: continued the load", text)


def test_long_lists_are_cut_and_said_to_be(keep: Keep) -> None:
    """A run of 10,000 rows with 2,000 problems stays small and names where the rest is."""
    run = building.planned()
    for row in range(100, 2_100):
        run.reject(row)
        run.problems[-1] = replace(run.problems[-1], advice=by_hand(f"Ask office {row}."))
    for row in range(2_100, 10_000):
        run.row(row, Fate.READY)
        change = Change(ChangeKind.REPLACE, f"user_note[{row}]", "a", "b")
        user = building.user(row)
        run.steps.append(Update(row, str(user.primary_id), user, user, (change,)))
    text = page(keep(run))
    assert len(text.encode()) < 4_000_000
    outline = Outline(text)
    assert text.count("Ask office") <= MOST_GROUPS
    assert f"And {2_000 + 3 - MOST_GROUPS:,} more; All rows and problems.csv" in outline.text
    assert f"And {7_900 + 2 - MOST_LINES:,} more changes: see All rows" in outline.text


HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style></title><b>",
    "{{ 7*7 }}",
    "=cmd|' /C calc'!A0", "\x1b[2J\x1b]0;x\x07", "\u202egnp.exe", "javascript:alert(1)", "]]>&lt;",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text_and_stops_no_report(keep: Keep, text: str) -> None:
    """In headings, values, names of files and of sheets it makes no element and is still seen."""
    plain = {tag for tag, _ in Outline(page(keep(building.hostile("x")), values=True)).tags}
    ledger = keep(building.hostile(text))
    files = write_all(view_of(ledger))
    assert len(files) == 6
    made = files[0].read_text("utf-8")
    outline = Outline(made)
    assert {tag for tag, _ in outline.tags} == plain
    assert not any(name.startswith("on") for _, found in outline.tags for name in found)
    assert not set(made) & set("\x1b\x07\u202e")
    visible = re.sub("[\x1b\x07\u202e]", lambda hit: f"⟨U+{ord(hit.group()):04X}⟩", text)
    assert visible in outline.text


def test_the_tables_have_filters_with_names(keep: Keep) -> None:
    """Each choice is a labeled radio button in a named group; with nothing to choose, none is."""
    text = page(keep(building.planned()))
    outline = Outline(text)
    buttons = [button for button in outline.all("input") if button["type"] == "radio"]
    assert [button["id"] for button in buttons if "checked" in button] == ["part-all", "end-all"]
    assert len(outline.all("label")) == len(buttons) + 1
    assert len(outline.all("legend")) == len(outline.all("fieldset")) == 2
    assert "All Birth date Email Phone User group" in outline.text
    assert "All to create to update unchanged" in outline.text
    everywhere, screen = text.split("</style>")[0].split("@media screen {")
    assert ":has(#" in screen  # nothing is hidden on paper
    assert ":has(#" not in everywhere
    assert screen.count("{") + 1 == screen.count("}")
    run = Run()
    run.row(2, Fate.READY)
    assert not Outline(page(keep(run))).all("fieldset")


def test_what_may_be_a_name_is_no_sample_of_a_column_of_codes(keep: Keep) -> None:
    """A value that is no code, however typed, is masked wherever the page shows it."""
    for shown, message in ((False, "{value} is not there"), (True, "{known} is not there")):
        run = Run()
        strange = Problem.of(
            Code.UNKNOWN_CODE, building.at(2), message, building.TYPE,
            field="user_group", value="Friend",
        )  # fmt: skip
        run.row(2, Fate.REJECTED, strange)
        ledger = keep(run)
        text = page(ledger, values=False)
        assert ("Friend" in text) is shown
        assert "Community" in text
