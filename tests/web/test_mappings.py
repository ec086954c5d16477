"""Which mapping the page proposes for a roster."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from openpyxl import load_workbook

from importer.loader.read import read
from importer.mapper.load import examine
from importer.model.fields import NO_CODES
from importer.web import words as words_module
from tests.mapper.bench import BASE
from tests.web.conftest import (
    PLAIN,
    SAMPLE,
    Server,
    drafted,
    dropped,
    save_mapping,
    version,
    with_mapping,
)

ROOT = Path(__file__).parents[2]
LEAVERS = ROOT / "samples" / "community-leavers.csv"


def _offered(client: httpx.Client, draft: str) -> tuple[list[str], list[str]]:
    """The mappings in their order, and those that are chosen beforehand."""
    page = client.get(f"{draft}/sheet").text
    inputs = re.findall(r'<input type="radio" name="mapping" value="([^"]+)"([^>]*)>', page)
    return [name for name, _ in inputs], [name for name, more in inputs if "checked" in more]


def test_the_mapping_that_uses_most_of_the_roster_is_proposed(
    opened: tuple[Server, httpx.Client],
) -> None:
    """The sample of community patrons gets their mapping, not the one of those who left."""
    _, client = opened
    names, chosen = _offered(client, drafted(client, "practice", SAMPLE, ""))
    assert (names[0], chosen) == ("community.yaml", ["community.yaml"])


def test_the_mapping_for_the_sheet_that_was_chosen_is_proposed(
    opened: tuple[Server, httpx.Client], tmp_path: Path
) -> None:
    """Of a workbook with the people of two terms; nothing is proposed before."""
    _, client = opened
    book = load_workbook(SAMPLE)
    book["Patrons"].title = "Fall"
    book.copy_worksheet(book["Fall"]).title = "Spring"
    book.save(tmp_path / "terms.xlsx")
    draft = drafted(client, "practice", tmp_path / "terms.xlsx", "")
    assert "Which sheet has the people?" in client.get(f"{draft}/sheet").text
    form = {"sheet": "Spring", "shown": "", "version": version(client, draft)}
    client.post(f"{draft}/sheet", data=form)
    assert _offered(client, draft)[1] == ["community.yaml"]


def test_a_mapping_that_changes_missing_people_is_never_chosen_beforehand(
    opened: tuple[Server, httpx.Client], tmp_path: Path
) -> None:
    """Whether it fits best or had the last file of this name; in red it says what it does."""
    _, client = opened
    roster = tmp_path / "all.csv"
    roster.write_text("Barcode,First Name,Last Name,DOB\n20001123450011,A,B,01/02/1990\n", "utf-8")
    draft = ""
    for _ in range(2):
        draft = drafted(client, "practice", roster, "")
        names, chosen = _offered(client, draft)
        assert (names[0], chosen) == ("community-leavers.yaml", ["new"])
        form = {"do": "next", "mapping": names[0], "version": version(client, draft)}
        assert client.post(f"{draft}/sheet", data=form).status_code == 303
    page = client.get(f"{draft}/sheet").text
    (red,) = re.findall(r'<strong class="bad-text small">(.*?)</strong>', page)
    assert ("not in this roster" in red, "COMM or FRIEND" in red) == (True, True)
    page = client.get(f"{draft}/mapping").text
    assert '<details class="rule red"' in page


def test_the_mapping_of_the_last_file_of_this_name_is_proposed(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Also where another one uses more of the roster, but not where it does not fit."""
    server, client = opened
    text = (ROOT / "mappings" / "community.yaml").read_text("utf-8")
    text = re.sub(r"(?m)^  middle_name:.*\n", "", text)
    own = with_mapping(server.folder / "practice", "own.yaml", text)
    roster = SAMPLE.with_suffix(".csv")
    assert _offered(client, drafted(client, "practice", roster, ""))[1] == ["community.yaml"]
    drafted(client, "practice", roster, "own.yaml")
    names, chosen = _offered(client, drafted(client, "practice", roster, ""))
    assert (names[0], chosen) == ("own.yaml", ["own.yaml"])
    other = own.with_name("other.yaml")
    spelled = "headings: {Our Id: [Id*], Our First: [First*], Our Last: [Last*]}\n"
    other.write_text(spelled + PLAIN.replace("<", "<Our "), "utf-8")
    draft = ""
    for headings in (b"Our Id,Our First,Our Last", b"Id*,First*,Last*"):
        draft = dropped(client, roster.name, headings + b"\n1,Ida,Roe\n")
        names, chosen = _offered(client, draft)
        assert (names[0], chosen) == ("other.yaml", ["other.yaml"])
    form = {"do": "next", "mapping": "other.yaml", "version": version(client, draft)}
    assert client.post(f"{draft}/sheet", data=form).status_code == 303
    page = client.get(f"{draft}/mapping").text
    assert len(re.findall(r"<option value=\"record/\w+\" selected", page)) == 3


def test_words_that_stand_for_dates_are_given_their_dates(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Only the words of the lookup are asked for, and the mark of what is to do goes."""
    server, client = opened
    rows = [f"A700{n},Ann,Lee{'abcd'[n]},COMM,{end}" for n, end in enumerate(ENDS)]
    roster = "\n".join(["Card,First Name,Last Name,Patron Group,Valid until", *rows, ""])
    draft = drafted(client, "practice", roster, "new")
    page = client.get(f"{draft}/mapping").text
    name = "set code/record/expiry_date/permanent"
    assert (name in page, "set code/record/expiry_date/2030" in page) == (True, False)
    save_mapping(client, draft, {name: "2099-12-31"})
    (mapping,) = (server.folder / "practice").rglob("people*.yaml")
    assert "    permanent: 2099-12-31\n" in mapping.read_text("utf-8")


ENDS = ("permanent", "2030-01-02", "permanent", "2031-03-04")


def _of_kinds(client: httpx.Client, *kinds: str) -> str:
    """A draft of people of these kinds, and its new mapping: a kind is a user group."""
    rows = [f"A80{n:02},Ann,Lee{chr(97 + n % 26)}{kind},{kind}" for n, kind in enumerate(kinds)]
    roster = "\n".join(["Card,First Name,Last Name,Kind", *rows, ""])
    draft = drafted(client, "practice", roster, "new")
    save_mapping(client, draft, {"target-D": "record/user_group", "do": "save"})
    return draft


def test_words_stay_in_their_order_while_they_get_codes(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Whoever chooses a code with the arrow keys, one after another, stays at the same word."""
    _, client = opened
    draft = _of_kinds(client, "Guest", "Guest", "Friend", "Donor")
    word = r'name="set code/record/user_group/(\w+)"'
    before = re.findall(word, client.get(f"{draft}/mapping").text)
    assert before == ["Guest", "Friend", "Donor"]
    save_mapping(client, draft, {"set code/record/user_group/Guest": "COMM"})
    assert re.findall(word, client.get(f"{draft}/mapping").text) == before


def test_the_few_words_without_a_code_are_found_in_a_long_list(
    opened: tuple[Server, httpx.Client],
) -> None:
    """A link leads to each of them, wherever it is among the words."""
    _, client = opened
    kinds = [f"Kind{letter}" for letter in "abcdefghijklm"]
    draft = _of_kinds(client, *kinds, *kinds[:-1])
    assert 'href="#code-1' not in client.get(f"{draft}/mapping").text  # all have none
    name = "set code/record/user_group/"
    save_mapping(client, draft, {f"{name}{kind}": "COMM" for kind in kinds[:-1]})
    page = client.get(f"{draft}/mapping").text
    assert re.findall(r'href="#(code-1-\d+)">(\w+)<', page) == [("code-1-13", kinds[-1])]
    assert f'<label for="code-1-13">{kinds[-1]}</label>' in page


def test_a_word_that_is_a_code_of_alma_is_no_typing_error(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Though it is like a word with a code, as Graduate is like Undergraduate."""
    _, client = opened
    draft = _of_kinds(client, "Undergraduate", "Graduate", "Undergradaute")
    save_mapping(client, draft, {"set code/record/user_group/Undergraduate": "UGRD"})
    page = client.get(f"{draft}/mapping").text
    assert re.findall(r">(\w+)</label> <span .*?Typing error for (\w+)", page) == [
        ("Undergradaute", "Undergraduate")
    ]


def test_a_column_of_many_values_is_no_column_of_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them is compared with the codes, which would take minutes in a large roster."""
    (tmp_path / "kinds.yaml").write_text(PLAIN.replace("COMM", "<Kind>"), "utf-8")
    rows = "".join(f"{n},Ida,Roe,p{n}@example.org\n" for n in range(words_module.MOST_WORDS + 1))
    (tmp_path / "people.csv").write_text(f"Id,First,Last,Kind\n{rows}", "utf-8")
    document, _ = examine(tmp_path / "kinds.yaml")
    assert document is not None
    roster = read(tmp_path / "people.csv", document.layout())
    monkeypatch.delattr(words_module, "similar")
    assert words_module.words(roster, document, NO_CODES) == ()


def test_a_doubtful_cell_is_marked_at_its_column(opened: tuple[Server, httpx.Client]) -> None:
    """What a check says of the first cells is beside the column in which they are."""
    server, client = opened
    mail = "contact_info: {email: [{email_type: personal, email_address: <Mail>}]}"
    text = PLAIN.replace("user_group: COMM", f"user_group: COMM, {mail}")
    with_mapping(server.folder / "practice", "mail.yaml", text)
    roster = (
        "Id,First,Last,Mail\n1,Ida,Roe,ida.example.org\n2,Jon,jon@example.net,jon@example.net\n"
    )
    page = client.get(f"{drafted(client, 'practice', roster, 'mail.yaml')}/mapping").text
    columns = re.findall(r'<li[^>]* data-letter="(\w)">(.*?)</li>', page, re.DOTALL)
    assert [letter for letter, text in columns if 'class="mark' in text] == ["C", "D"]


def test_each_field_is_listed_once(opened: tuple[Server, httpx.Client]) -> None:
    """Beside a column, below what is likely too; another entry of a kind has a name of its own."""
    _, client = opened
    roster = "Card,First Name,Last Name,Email,Phone\nA1,Ann,Lee,ann@example.org,701-555-0101\n"
    page = client.get(f"{drafted(client, 'practice', roster, 'new')}/mapping").text
    lists = re.findall(r'<select id="t-\w+".*?</select>', page, re.DOTALL)
    for each in lists:
        names = re.findall(r"<option[^>]*>(.*?)</option>", each)
        assert len(names) == len({*names})
    assert lists


TWO_STATISTICS = """version: 1
account_type: INTERNAL
record: {primary_id: <Id>, first_name: <First>, last_name: <Last>, user_group: COMM,
  user_statistic: [{statistic_category: <Major>}, {statistic_category: <College>}]}
"""


@pytest.mark.parametrize("together", [True, False])
def test_two_columns_of_one_field_have_codes_of_their_own(
    opened: tuple[Server, httpx.Client],
    together: bool,  # noqa: FBT001  the two ways of the page
) -> None:
    """A word means one thing as a major and another as a college, saved at once or in turn."""
    server, client = opened
    name = f"statistics-{together}.yaml"
    path = with_mapping(server.folder / "practice", name, TWO_STATISTICS)
    roster = "Id,First,Last,Major,College\n1,Ida,Roe,Law,Law\n2,Jon,Rand,Law,Law\n"
    draft = drafted(client, "practice", roster, name)
    fields = [f"set code/record/user_statistic/{n}/statistic_category/Law" for n in (0, 1)]
    codes = dict(zip(fields, ("MAJLAW", "COLLAW"), strict=True))
    for sent in [codes] if together else [{one: code} for one, code in codes.items()]:
        save_mapping(client, draft, {**sent})
    document, findings = examine(path)
    assert document is not None
    assert findings == ()
    given = [
        document.tables[look].codes["law"] for one in document.fields if (look := one.rule.lookup)
    ]
    assert given == ["MAJLAW", "COLLAW"]


def test_a_look_at_the_sheet_keeps_two_rows_of_headings(
    opened: tuple[Server, httpx.Client],
) -> None:
    """One of them is chosen on the page, and sending it back changes no mapping."""
    server, client = opened
    path = server.folder / "practice" / "mappings" / "two-rows.yaml"
    path.parent.mkdir(exist_ok=True)
    text = f"roster: {{header: [1, 2]}}\n{PLAIN}".replace("<", "<Your ")
    path.write_text(text, "utf-8")
    roster = "Your,Your,Your\nId,First,Last\n1,Ida,Roe\n"
    draft = drafted(client, "practice", roster, "two-rows.yaml")
    page = client.get(f"{draft}/sheet").text
    (chosen,) = re.findall(r'name="header" value="(\d+)"[^>]* checked', page)
    found = re.findall(r'name="found" value="(\d*)"', page)
    form = {"header": chosen, "found": found[0], "version": version(client, draft)}
    assert client.post(f"{draft}/sheet", data={**form, "do": "read"}).status_code == 303
    assert path.read_text("utf-8") == text


def test_the_heading_row_is_kept_in_the_mapping_that_is_chosen_with_it(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Not in the one that the roster had before, which other loads use."""
    server, client = opened
    path = with_mapping(server.folder / "practice", "before.yaml", PLAIN)
    draft = drafted(client, "practice", "Town,Of,Oz\nId,First,Last\n1,Ida,Roe\n", "before.yaml")
    form = {"header": "1", "found": "2", "shown": "", "mapping": "new"}
    for do, step in ("save", "sheet"), ("next", "mapping"):
        sent = {**form, "do": do, "version": version(client, draft)}
        client.post(f"{draft}/sheet", data=sent)
        shown = client.get(f"{draft}/mapping", follow_redirects=True).url.path
        assert shown == f"{server.root}{draft}/{step}"
    page = client.get(f"{draft}/sheet").text
    assert re.findall(r'name="header" value="(\d+)"[^>]* checked', page) == ["1"]
    assert path.read_text("utf-8") == PLAIN


PARTS = """\
  contact_info:
    email:
      - {email_address: <E1>, email_type: personal}
      - {email_address: <E2>, email_type: work}
      - {email_address: <E3>, email_type: school}
  user_statistic:
    - {statistic_category: HISTORY}
    - {statistic_category: MUSIC}
    - {statistic_category: LAW}
  user_note:
    - note_type: LIBRARY
      note_text: Room <Room>, <House>
match:
  by:
    # order matters:
    - primary_id
    - BARCODE
"""
EMAIL, STATISTIC = "record/contact_info/email", "record/user_statistic"


def _saved(
    server: Server, client: httpx.Client, form: dict[str, str], status: int = 303
) -> tuple[httpx.Response, list[str]]:
    """The answer to a form of the mapping, and the lines that the mapping then has anew."""
    own = with_mapping(server.folder / "practice", "parts.yaml", BASE + PARTS)
    roster = "ID,First,Last,E1,E2,E3,Mail,Room,House\n2001,Ann,Lee,a@x.org,b@x.org,,c@x.org,1,A\n"
    draft = drafted(client, "practice", roster, "parts.yaml")
    answer = save_mapping(client, draft, form, status)
    before, after = ((BASE + PARTS).splitlines(), own.read_text("utf-8").splitlines())
    return answer, [line for line in after if line not in before]


def test_several_changes_of_a_list_in_one_form_change_what_they_name(
    opened: tuple[Server, httpx.Client],
) -> None:
    """What goes leaves the list at last, so that the positions of the others are still right."""
    server, client = opened
    form = {f"set {STATISTIC}/0/statistic_category": ""}
    form |= {
        f"set {STATISTIC}/1/statistic_category": "ARTS",
        "target-D": "record/middle_name",
        "target-G": f"{EMAIL}/1/email_address",
    }
    _, lines = _saved(server, client, form | {"move": "G"})
    assert {line.strip() for line in lines} == {
        "middle_name: <E1>",
        "- {email_address: <Mail>, email_type: work}",
        "- {statistic_category: ARTS}",
        "roster:",
        "unused: [E2]",
    }
    text = (server.folder / "practice" / "mappings" / "parts.yaml").read_text("utf-8")
    assert [f"<{name}>" in text for name in ("E2", "E3")] == [False, True]
    assert [name in text for name in ("HISTORY", "MUSIC", "LAW")] == [False, False, True]


def test_what_a_mapping_would_be_wrong_with_is_not_saved(
    opened: tuple[Server, httpx.Client],
) -> None:
    """What goes with it is not saved either; a field without a column is chosen another one."""
    wrong = {"set record/user_note/0/note_type": "", "set match/new": "reject"}
    answer, lines = _saved(*opened, wrong, 422)
    assert ("note_type" in answer.text, lines) == (True, [])
    _, lines = _saved(*opened, {"target-B": ""})
    assert lines == ["roster:", "  unused: [First]"]
