"""Links of the pages work, generated pages are up to date, claims are proved, nobody is real."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from docs.tools.movie import FRAMES, MOVIE, chunks
from docs.tools.reference import FOLDER, text
from docs.tools.reference import PAGES as MADE
from importer.jobs.schema import Guards, JobFile, JobRoster, Limit, Login, Notify, load_job
from importer.model.roster import REJECTS_FORMATS
from importer.report.wording import PAGE, PROBLEMS, REJECTS, SUMMARY, WORKBOOK
from importer.sandbox.configuration import SWITCHES
from importer.sandbox.gateway import Fault, load_faults
from tests.docs.pages import DOCS, PAGES, ROOT, blocks, name

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
JOBS = DOCS / "reference" / "job.md"
LARGEST, LARGEST_MOVING = 200_000, 2_000_000
"""Bytes of a picture."""


@pytest.mark.parametrize("page", MADE)
def test_made_pages_are_fresh(page: str) -> None:
    """A reference page is what the code gives; `make reference` writes it."""
    fresh = (FOLDER / page).read_text("utf-8") == text(page)
    assert fresh, f"docs/reference/{page} is not what the code gives: make reference"


def test_every_switch_belongs_to_a_fact() -> None:
    """The page about Alma names each switch of the practice Alma, and no other."""
    words = (FOLDER / "alma.md").read_text("utf-8")
    named = set(re.findall(r"\[`([a-z-]+)`\]", words))
    assert named == SWITCHES.keys(), "docs/reference/alma.md names each switch"
    code = "".join(path.read_text("utf-8") for path in (ROOT / "importer" / "sandbox").glob("*.py"))
    unread = {switch for switch in SWITCHES if f'"{switch}"' not in code}
    assert unread == set(), "importer/sandbox does something else where a switch is set"


def test_the_way_of_a_row_is_the_code_s() -> None:
    """Each module that the page for engineers names is there, with the functions it names."""
    words = (DOCS / "reference" / "a-rows-way.md").read_text("utf-8")
    for module in re.findall(r"`((?:\w+/)+\w+\.py)`", words):
        assert (ROOT / "importer" / module).is_file(), module
    named = re.findall(r"`([\w.]+)` in\s+`((?:\w+/)+\w+\.py)`", words)
    assert len(named) > 7
    for called, module in named:
        code = (ROOT / "importer" / module).read_text("utf-8")
        assert f"def {called.rpartition('.')[2]}(" in code, (called, module)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link and picture inside the repository exists, and so does the heading it names."""
    for target in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if heading:
            assert heading in _headings(file), target


def _headings(page: Path) -> set[str]:
    lines = page.read_text("utf-8").splitlines()
    found = (line.lstrip("#").strip().lower() for line in lines if line.startswith("#"))
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pages_name_nobody(page: Path) -> None:
    """Email addresses are of example.org or a part of it, and no phone number is a real one."""
    words = page.read_text("utf-8")
    hosts = set(re.findall(r"[\w.-]+@([\w-]+(?:\.[\w-]+)+)", words))
    assert {host for host in hosts if not f".{host.lower()}".endswith(".example.org")} == set()
    numbers = re.findall(r"\b\d{3}[ -](\d{3}[ -]\d{4})\b", words)
    assert all(re.fullmatch(r"555[ -]01\d\d", number) for number in numbers)


def test_the_changelog_is_in_words_for_librarians() -> None:
    """A release has its breaking changes first, if it has any."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for release in text.split("\n## ")[1:]:
        assert "### " not in release.partition("### Breaking")[0] or "### Breaking" not in release


def test_pictures_are_small() -> None:
    """A picture is quick to load, and stands on some page."""
    words = "".join(page.read_text("utf-8") for page in PAGES)
    pictures = list((DOCS / "pictures").glob("*"))
    assert pictures
    for picture in pictures:
        largest = LARGEST_MOVING if picture == MOVIE else LARGEST
        assert picture.stat().st_size < largest, picture.name
        assert f"/{picture.name}" in words


def test_the_moving_picture_has_a_frame_for_each_picture() -> None:
    """The README's picture is animated: a frame for each step that the script names."""
    parts = list(chunks(MOVIE.read_bytes()))
    assert [kind for kind, _ in parts].count(b"fcTL") == len(FRAMES)
    for frame in FRAMES:
        assert (DOCS / "pictures" / f"{frame}.png").is_file()


def test_the_faults_that_the_readme_counts_are_those_of_the_results() -> None:
    """The sums over the table of results: times that something was broken, and rows."""
    words = (DOCS / "explanation" / "how-it-is-tested.md").read_text("utf-8")
    results = words.partition("## Results")[2].partition("##")[0]
    rows = re.findall(r"\| ([\d,]+) times \| ([\d,]+) \| none \|", results)
    broken, counted = (
        sum(int(n.replace(",", "")) for n in column) for column in zip(*rows, strict=True)
    )
    assert f"*{broken:,} times* | *{counted:,}*" in results
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"{broken:,} times. Of {counted:,} rows none" in readme


def test_the_menu_has_every_page() -> None:
    """Every page of the guide is in the site's menu, and the menu names no other."""
    menu = set(re.findall(r": ([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M))
    assert menu == {page.relative_to(DOCS).as_posix() for page in PAGES if DOCS in page.parents}


def test_the_files_of_a_run_have_their_words() -> None:
    """Every file that a run leaves is described."""
    words = (DOCS / "reference" / "files.md").read_text("utf-8")
    for file in (SUMMARY, PROBLEMS, WORKBOOK, REJECTS, PAGE, "ledger.sqlite"):
        assert f"`{file}`" in words


def test_the_formats_of_rejects_are_those_that_are_read() -> None:
    """The table of the page about files, and the code's."""
    page = (DOCS / "reference" / "files.md").read_text("utf-8")
    lines = re.findall(r"^\| \d+ \| [\d.]+ \| (\*.*\*) \|$", page, re.MULTILINE)
    assert [tuple(line.strip("*").split("*, *")) for line in lines] == [*REJECTS_FORMATS]


def test_a_decision_that_is_superseded_names_by_which() -> None:
    """Both records say so in the line of their status, and the index says the same."""
    by, supersedes = set[tuple[str, str]](), set[tuple[str, str]]()
    index = (DOCS / "decisions" / "index.md").read_text("utf-8")
    for path in (DOCS / "decisions").glob("0*.md"):
        status = path.read_text("utf-8").partition("Status: ")[2].partition("\n")[0]
        number, was = path.name[:4].lstrip("0"), status.partition(". ")[0]
        by |= {(number, other) for other in re.findall(r"\[(\d+)\]", was)}
        later = re.findall(r"Supersedes \[(\d+)\]", status)
        supersedes |= {(other, number) for other in later}
        short = re.sub(r"\]\([^)]*\)|\[| \([^)]*\)", "", was).rstrip(".")
        assert f"({path.name}) | {short} |" in index
    assert by == supersedes


def test_the_faults_of_the_sandbox_have_their_words(tmp_path: Path) -> None:
    """Every fault that the sandbox can play is named, and the file that is shown can be read."""
    page = DOCS / "reference" / "practice-alma.md"
    words = page.read_text("utf-8")
    assert not [fault for fault in Fault if f"`{fault.value}`" not in words]
    file = tmp_path / "faults.yaml"
    file.write_text(next(b.text for b in blocks(page) if b.language == "yaml"), "utf-8")
    assert len(load_faults(file).rules) == 3


def test_every_cited_section_of_the_contract_exists() -> None:
    """A comment such as "contract 3.1" names a section of the page about Alma."""
    page = (DOCS / "reference" / "alma.md").read_text("utf-8")
    sections = set(re.findall(r"^#+ (\d(?:\.\d)?)", page, re.MULTILINE))
    sections |= {f"0.{number}" for number in re.findall(r"^(\d+)\. ", page, re.MULTILINE)}
    cited = {
        number
        for folder in ("importer", "tests")
        for file in (ROOT / folder).rglob("*.py")
        for number in re.findall(r"contract (?:section )?(\d(?:\.\d+)?)", file.read_text("utf-8"))
    }
    assert len(cited) > 10
    assert cited <= sections


def test_every_key_of_a_job_has_its_words() -> None:
    """Each key of each part, and the defaults of the guards."""
    text = JOBS.read_text("utf-8")
    models = (JobFile, JobRoster, Guards, Notify, Login)
    keys = {field.alias or key for model in models for key, field in model.model_fields.items()}
    lacking = {key for key in keys if f"`{key}`" not in text and key != "version"}
    assert lacking == set(), "docs/reference/job.md says what each key does"
    kinds = get_args(Notify.model_fields["chat_format"].annotation)
    assert {kind for kind in kinds if f"`{kind}`" not in text} == set(), "job.md"
    for guard, limit in Guards():
        words = f"{limit.number}%" if isinstance(limit, Limit) else limit
        assert f"| `{guard}` | `{words}` |" in text


def test_the_example_of_a_job_is_one(tmp_path: Path) -> None:
    """It can be loaded as it is."""
    (example,) = (block for block in blocks(JOBS) if block.language == "yaml")
    path = tmp_path / "nightly.yaml"
    path.write_text(example.text, "utf-8")
    assert load_job(path).file.rosters[0].source.host == "example.org"


CLAIMS = [
    (page, line)
    for page in ("threat-model", "accessibility", "security-questions")
    for line in (FOLDER / f"{page}.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.endswith("| shown by |")
]


def test_the_pages_have_claims() -> None:
    """All three of them."""
    assert len(CLAIMS) > 40
    assert len({page for page, _ in CLAIMS}) == 3


@pytest.mark.parametrize(("page", "line"), CLAIMS, ids=lambda one: one[:60])
def test_a_claim_names_its_proof_or_says_that_it_is_not_met(page: str, line: str) -> None:
    """A linked page of the guide, or a file of the repository with the name of a test in it."""
    assert page
    shown = line.strip("|").rpartition("|")[2]
    pages = re.findall(r"\]\(([^)#]+\.md)\)", shown)
    proofs = re.findall(r"`([^` ]+/[^` ]+|[A-Z.a-z-]+\.lock|LICENSE)`", shown)
    assert proofs or pages or "not met" in line.lower(), line
    for linked in pages:
        assert (FOLDER / linked).is_file(), linked
    for proof in proofs:
        path, _, test = proof.partition("::")
        assert (ROOT / path).is_file(), proof
        tests = re.findall(
            r"^ *(?:async )?def (test_\w+)\(", (ROOT / path).read_text("utf-8"), re.M
        )
        assert not test or test in tests, proof
