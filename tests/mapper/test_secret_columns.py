"""Which headings say password or PIN, in the languages of offices and of other systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.mapper.secret_cells import secret_columns
from importer.model.secret_headings import say_secret
from importer.model.vocabulary import field_of
from tests.mapper.bench import Bench, places

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
