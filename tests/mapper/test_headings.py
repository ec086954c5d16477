"""Which column a heading means, which is secret, and the notices about the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.mapper.compile import compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.secret_cells import secret_columns
from importer.model.problem import Place
from importer.model.roster import ADDED
from importer.model.secret_headings import say_secret
from importer.model.vocabulary import field_of
from tests.mapper.bench import RUN, Bench, loaded, mapping_text, places, told, without_headings


def faults(folder: Path, text: str, *headings: str) -> tuple[str, ...]:
    """What is wrong between a mapping and these headings."""
    with pytest.raises(MappingError) as caught:
        compile_mapping(loaded(folder, text), places(headings), RUN)
    return caught.value.findings


def test_a_heading_that_the_roster_lacks_is_told_with_the_nearest(tmp_path: Path) -> None:
    """Each once, with its line; and at the end the full list of what is there."""
    text = mapping_text("middle_name: <Midle>\npref_first_name: <First>")
    found = faults(tmp_path, text, "ID", "Firts", "Last", "Middle")
    assert [finding.split(": ")[0] for finding in found] == ["m.yaml:5", "m.yaml:8", "autumn.csv"]
    assert "`Firts`" in found[0]
    assert "`Middle`" in found[1]
    assert "D (Middle)" in found[2]


@pytest.mark.parametrize(
    ("old", "new"),
    [("DOB", "Date of Birth"), ("Geburtsdatum", "Birthdate"), ("Surname", "Family Name")],
)
def test_a_renamed_heading_is_suggested_by_its_meaning(old: str, new: str, tmp_path: Path) -> None:
    """The column that means the same, before the list of all; none that a rule uses already."""
    text = mapping_text(f"middle_name: <{old}>")
    found = faults(tmp_path, text, "ID", "First", "Last", "Other", new)
    assert [finding.split(": ")[0] for finding in found] == ["m.yaml:8", "autumn.csv"]
    assert f"Did it become column E ({new})?" in found[0]
    taken = mapping_text("job_description: <First Nam>").replace("<First>", "<First Name>")
    assert "First Name" not in faults(tmp_path, taken, "ID", "First Name", "Last")[0]


def test_the_columns_of_a_wide_roster_are_on_lines_that_can_be_read(tmp_path: Path) -> None:
    """No line is longer than a screen, no heading is broken, and what to do comes last."""
    headings = [f"Heading of column {at}" for at in range(40)]
    (*_, found) = faults(tmp_path, mapping_text(), "ID", "First", *headings)
    lines = found.splitlines()
    assert max(map(len, lines)) <= 104
    assert all(any(f"({heading})" in line for line in lines) for heading in headings)
    assert "write the roster's heading" in lines[-1]


@pytest.mark.parametrize("missing", ["ID", "Note"])
def test_only_a_column_that_can_be_missing_may_be_left_out(missing: str, tmp_path: Path) -> None:
    """Nobody is told to delete the lines of the primary ID."""
    text = mapping_text() + "  user_note:\n    - note_type: LIBRARY\n      note_text: <Note>\n"
    *_, found = faults(tmp_path, text, *({"ID", "First", "Last", "Note"} - {missing}))
    assert ("delete the lines" in found) is ("`optional`" in found) is (missing == "Note")


@pytest.mark.parametrize(
    ("record", "headings", "words"),
    [
        ("middle_name: <EMPL ID>", "ID|First|Last|Email ID", "`EMPL ID` is missing"),
        ("", "ID|First|Last| id ", "A (ID) and D ( id )"),
        ("", "Card|ID|First|Last", "B (ID) and A (Card)"),
    ],
)  # fmt: skip
def test_a_heading_needs_one_column_of_its_own(
    record: str, headings: str, words: str, tmp_path: Path
) -> None:
    """However near another is; which of two is meant, nobody can know. Unused ones may be twice."""
    text = mapping_text(record, "headings: {ID: [Card, Card No]}")
    found, _ = faults(tmp_path, text, *headings.split("|"))
    assert words in found


@pytest.mark.parametrize("written", ["<Size <cm>>", "<Size > 1>"])
def test_a_heading_with_angle_brackets_names_the_way_to_map_it(
    written: str, tmp_path: Path
) -> None:
    """It cannot be written in angle brackets; `headings:` gives it a name that can."""
    heading = written[1:-1]
    asked = mapping_text(f'middle_name: "{written}"')
    assert "`headings:`" in faults(tmp_path, asked, "ID", "First", "Last", heading)[0]
    named = f'headings: {{Size: ["{heading}"]}}'
    compiled = Bench(tmp_path, "middle_name: <Size>", named, heading).compiled
    assert compiled.uses[-1].place.heading == heading


def test_other_spellings_are_those_of_the_mapping(tmp_path: Path) -> None:
    """How a column was matched is known."""
    text = mapping_text(top="headings: {ID: [Card, Card No]}")
    compiled = compile_mapping(loaded(tmp_path, text), places(["card no", "First", "Last"]), RUN)
    assert [(use.place.letter, use.labels, use.how) for use in compiled.uses] == [
        ("A", ("primary_id",), "spelling in `headings`"),
        ("B", ("first_name",), "exact"),
        ("C", ("last_name",), "exact"),
    ]


def test_a_column_that_feeds_two_fields_is_one_use(tmp_path: Path) -> None:
    """And a column that only decides is a use without a field."""
    record = "middle_name: {from: <First>, when: {Role: x}}"
    compiled = Bench(tmp_path, record, columns="Role").compiled
    assert [use.labels for use in compiled.uses][1::2] == [("first_name", "middle_name"), ()]


def test_a_column_that_no_rule_uses_is_told_once(tmp_path: Path) -> None:
    """Unless the mapping knows it, or it is one that a rejects file adds."""
    columns = "|".join(("Comments", "Fines", "", *ADDED))
    compiled = Bench(tmp_path, "", "roster: {unused: [comments]}", columns).compiled
    assert told(compiled.notices) == [(0, "unused-column", "")]
    assert compiled.notices[0].places == (Place("E", "Fines"),)


def test_a_roster_without_rows_gives_no_candidates(tmp_path: Path) -> None:
    """But all its columns."""
    compiled, one = Bench(tmp_path).compiled, without_headings([("1", "a", "b")])
    candidates = evaluate(compiled, replace(one, frame=one.frame.iloc[:0]))
    assert list(candidates.frame.columns) == list(compiled.layout.targets)
    assert len(candidates.frame) == 0


def test_a_row_that_may_be_a_persons_is_not_quoted(tmp_path: Path) -> None:
    """Where no heading is found, the first row may be a patron's, and findings may go anywhere."""
    found = " ".join(faults(tmp_path, mapping_text(), "20009988776655", "Zzfirst", "Last Nam"))
    assert "no row with headings was found" in found
    assert not any(text in found for text in ("2000998", "Zzfirst", "Last Nam`"))


@pytest.mark.parametrize(
    "headings", [("ID", "Vorname", "Nachname"), ("Number", "Given Name", "Surname")]
)
def test_headings_that_are_headings_are_quoted(tmp_path: Path, headings: tuple[str, ...]) -> None:
    """One that the mapping uses, or two usual ones, show that the row holds headings."""
    found = faults(tmp_path, mapping_text(), *headings)
    assert all(heading in found[-1] for heading in headings)


SECRET = (
    """
Password|Verify password|Initial Password|pwd|Login (password)|userPassword|Passcode|PIN
PIN number|Student PIN|SPRIDEN_PIN|UserPIN|PIN code
Passwort|Startpasswort|Kennwort|Geheimzahl|PIN-Nummer
Mot de passe|Mot de passe (bibliothèque)|mdp|Code PIN|Code secret
Contraseña|Contrasena|Clave|Clave de acceso|NIP|Código secreto
Password utente|Parola d'ordine|Codice PIN|Wachtwoord|Pincode|Senha|Senha do leitor|Palavra-passe
Hasło|HASŁO UŻYTKOWNIKA|Kod PIN|Heslo|Jelszó|Geslo|Lozinka|Parolă|Şifre|Salasana|Lösenord|Passord
Adgangskode|Пароль|Парола|Συνθηματικό|密码|密碼|図書館パスワード|暗証番号|비밀번호|كلمة المرور|סיסמה
""".strip()
    .replace("\n", "|")
    .split("|")
)

OTHERS = (
    """
Passport No|Passed|Pass|Compass|Bypass|Spinner|Shipping|Opinion|Pine Street|Parolee|Desenho|Resenha
Clavecin|ID|Barcode|Name|E-mail|Postcode|ZIP|Postal PIN code|ZIP/PIN|Ort|Ciudad|Código postal
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("heading", SECRET)
def test_a_heading_that_says_password_or_pin_makes_its_column_secret(heading: str) -> None:
    """Whatever the case, the words around it, brackets and joined words."""
    assert say_secret([heading]) == {heading}
    assert say_secret(["Name", heading.upper(), "Notes"]) == {heading.upper()}
    assert field_of(heading) in {"", "pin_number", "postal_code"}


@pytest.mark.parametrize("heading", OTHERS)
def test_other_headings_say_nothing_of_the_kind(heading: str) -> None:
    """Not by a part of a word."""
    assert say_secret([heading]) == set()


@pytest.mark.parametrize(
    ("headings", "secret"),
    [
        ("Name|Address|City|State|PIN Code", ""),
        ("Name|Street|City|Pincode", ""),
        ("Naam|Straat|Postcode|Pincode", "Pincode"),
        ("Nom|Adresse|Code postal|Ville|Code PIN", "Code PIN"),
        ("Name|Address|City|ZIP|PIN Code", "PIN Code"),
        ("Name|Barcode|PIN Code", "PIN Code"),
    ],
)
def test_a_pin_code_beside_an_address_without_a_postal_code_is_one(
    headings: str, secret: str
) -> None:
    """It is the postal code of India there; anywhere else it is a PIN."""
    assert say_secret(headings.split("|")) == set(filter(None, [secret]))


def test_what_a_password_is_compared_with_is_as_secret(tmp_path: Path) -> None:
    """Whatever its heading says."""
    record = "password: {from: <Login word>, agrees_with: <Again>}"
    bench = Bench(tmp_path, record, "", "Login word|Again|Notes")
    assert secret_columns(places(bench.headings), bench.mapping, ()) == {3, 4}


@pytest.mark.parametrize("star", ["*", " *"])
def test_a_password_under_a_heading_that_ends_in_an_asterisk_is_secret(
    tmp_path: Path, star: str
) -> None:
    """The asterisk may be one of the heading itself, as many forms mark what is required."""
    bench = Bench(tmp_path, f'password: "<Code{star}>"', "", f"Code{star}|Notes")
    assert secret_columns(places(bench.headings), bench.mapping, ()) == {3}
