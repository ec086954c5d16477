"""Headings of public exports, with invented values, and what `mapping new` makes of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from importer.mapper.load import load
from importer.model.roster import Roster
from importer.suggest.columns import Beside
from tests.mapper.bench import TODAY, roster

FILE = Path(__file__).with_name("headings.txt")
BESIDE = Beside(TODAY)
"""A day, and nothing that is known of the office."""
PEOPLE = 24
"""Rows of each roster."""

FIELDS = {
    "first": "first_name", "middle": "middle_name", "last": "last_name", "title": "user_title",
    "suffix": "pref_name_suffix", "preferred": "pref_first_name", "pref_first": "pref_first_name",
    "pref_last": "pref_last_name", "birth": "birth_date", "state": "state_province",
    "zip": "postal_code", "mobile": "phone", "group": "user_group", "campus": "campus_code",
    "expiry": "expiry_date", "language": "preferred_language", "lang": "preferred_language",
    "note": "note_text", "website": "web_site_url", "web": "web_site_url",
    "job": "job_description", "department": "", "start": "", "-": "",
}  # fmt: skip
"""The short names of fields in the files; others are written as they are."""
_IDS = {"primary_id", "value"}
_OURS = {"email_address": "email", "phone_number": "phone", **dict.fromkeys(_IDS, "id")}


@dataclass(frozen=True, slots=True)
class File:
    """A roster: its name, its language, and for each heading the fields that are right for it."""

    name: str
    language: str
    right: tuple[tuple[str, frozenset[str]], ...]
    roster: Roster


def fields_of(text: str) -> frozenset[str]:
    """Return the fields of a column, any of which is right."""
    return frozenset(FIELDS.get(one, one) for one in map(str.strip, text.split("/")))


def rows() -> Iterator[File]:
    """Yield the rows of the file, with values of invented people."""
    for part in FILE.read_text("utf-8").split("\n== ")[1:]:
        first, _, rest = part.partition("\n")
        name, language = first.split()
        right, cells = [], []
        for text in filter(str.strip, rest.replace("\n", " | ").split(" | ")):
            heading, _, column = text.strip().rpartition(" > ")
            fields, _, values = column.partition(" = ")
            right.append((heading, fields_of(fields)))
            cells.append(values_of(values or fields.split("/")[0], language))
        headings = [heading for heading, _ in right]
        yield File(name, language, (*right,), roster(headings, [*zip(*cells, strict=True)]))


# --- values ---

_FIRST = {
    "en": "Olivia Noah Emma Liam Ava Mason Grace Henry Chloe Owen Ruby Caleb",
    "de": "Lena Jonas Anke Uwe Greta Felix Heike Jörg Birte Sven Ulla Kai",
    "fr": "Camille Hugo Léa Jules Inès Théo Manon Paul Zoé Luc Anne René",
    "es": "Lucía Mateo Sofía Diego Elena Pablo Rocío Iván Marta Jorge Inés Raúl",
    "it": "Giulia Luca Chiara Marco Elisa Paolo Silvia Dario Irene Carlo Anna Ugo",
    "nl": "Fleur Daan Sanne Bram Lotte Joris Anouk Ruben Femke Sjoerd Iris Koen",
    "pt": "Joana Tiago Inês Rui Beatriz Nuno Carla Duarte Sílvia Hélio Rita Davi",
    "pl": "Zofia Jakub Maja Piotr Ewa Tomasz Lena Paweł Iga Marek Ola Wojciech",
    "zh": "小阳 子涵 可欣 浩然 雨桐 思远 佳怡 明哲 梦琪 建国 晓琳 伟",
}
_LAST = {
    "en": "Brooks Carter Nguyen Patel Foster Hayes Morgan Price Reed Shaw Walsh Young",
    "de": "Bauer Vogt Krüger Lorenz Pohl Seidel Thiel Winkler Busch Graf Haas Jung",
    "fr": "Moreau Girard Lefèvre Roux Faure Blanc Chevalier Garnier Perrin Noël Denis Roy",
    "es": "Navarro Ibáñez Molina Serrano Ortega Castillo Rubio Vega Prieto Núñez Lozano Gil",
    "it": "Ferri Conti Greco Marini Gallo Leone Serra Villa Bruno Testa Neri Riva",
    "nl": "Visser Mulder Bakker Dekker Vos Kuiper Postma Hoekstra Smit Prins Blom Kok",
    "pt": "Sousa Ribeiro Teixeira Moura Pinto Barros Freitas Neves Lopes Cunha Reis Faria",
    "pl": "Zieliński Wójcik Mazur Krawczyk Dudek Pawlak Sikora Baran Szulc Lis Wrona Gaj",
    "zh": "李 王 张 陈 刘 杨 赵 黄 周 吴 徐 孙",
}
_CITIES = {
    "en": "Portland/Salem/Eugene", "de": "Köln/Ulm/Bonn", "fr": "Lille/Nantes/Brest",
    "es": "Sevilla/Lugo/Cádiz", "it": "Torino/Bari/Siena", "nl": "Utrecht/Breda/Assen",
    "pt": "Porto/Braga/Évora", "pl": "Gdańsk/Łódź/Toruń", "zh": "北京/上海/成都",
}  # fmt: skip
_STREETS = {
    "en": "{} Oak Street", "de": "Lindenweg {}", "fr": "{} rue des Lilas", "es": "Calle Mayor {}",
    "it": "Via Roma {}", "nl": "Dorpsstraat {}", "pt": "Rua do Sol {}", "pl": "ul. Lipowa {}",
    "zh": "中山路{}号",
}  # fmt: skip
_COUNTRIES = {
    "en": "USA", "de": "Deutschland", "fr": "France", "es": "España", "it": "Italia",
    "nl": "Nederland", "pt": "Portugal", "pl": "Polska", "zh": "中国",
}  # fmt: skip
_GENDERS = {
    "en": "F/M", "de": "w/m", "fr": "F/M", "es": "Mujer/Hombre", "it": "F/M", "nl": "V/M",
    "pt": "F/M", "pl": "K/M", "zh": "女/男",
}  # fmt: skip
_JOBS = {
    "en": "Analyst/Librarian/Nurse", "de": "Lehrer/Ärztin", "fr": "Chauffeur/Comptable",
    "es": "Analista/Chofer", "it": "Medico/Tecnico", "nl": "Docent/Kok", "pt": "Analista/Técnico",
    "pl": "Lekarz/Kucharz", "zh": "经理/会计",
}  # fmt: skip
_SAMPLES = {
    "state": "OR/WA/CA", "suffix": "", "blank": "", "one": "main", "secret": "k3yA1/pq7Zt",
    "initials": "EA/HB/OP", "company": "Acme Corp/North Ltd/Vista Co",
    "remark": "see file/call back/ask Ann/new in May", "academic": "/Dr./Prof.",
    "web": "https://example.org/a/https://example.org/b", "campus": "Main/North",
    "line2": "/Apt 4//Unit 2", "pref_first": "Liv//Nan/", "middle": "A/B/J/M/R",
}  # fmt: skip


def values_of(kind: str, language: str) -> list[str]:
    """Return a value of a column for each person."""
    if "/" in kind or kind in _SAMPLES:
        texts = _SAMPLES.get(kind, kind)
        parts = texts.split(" ") if kind == "web" else texts.split("/")
        return list(islice(cycle(parts), PEOPLE))
    return [_value(kind, language, at) for at in range(PEOPLE)]


def _value(kind: str, language: str, at: int) -> str:
    firsts, lasts = _FIRST[language].split(), _LAST[language].split()
    first, last = firsts[at % 12], lasts[(at * 5 + at // 12) % 12]
    us = language == "en"
    day, month = at % 28 + 1, at % 12 + 1

    def dated(year: int) -> str:
        if language in {"zh", "en"} and at % 2 == 0:
            return f"{year}-{month:02}-{day:02}"
        return f"{month}/{day}/{year}" if us else f"{day:02}.{month:02}.{year}"

    number = str(1_000_000 + at * 7919)
    together = "" if language == "zh" else " "
    texts = {
        "first": first,
        "last": last,
        "name": f"{firsts[(at + 3) % 12]}{together}{last}",
        "full": f"{last}{first}" if language == "zh" else f"{first} {last}",
        "lastfirst": f"{last}, {first}",
        "id": number,
        "card": f"2000{at * 7919:010}",
        "user": f"u{chr(97 + at)}{at * 37 + 11}",
        "lettered": f"{chr(65 + at % 5)}{number}",
        "seq": str(at + 1),
        "small": str(at * 3 % 11 + 1),
        "num": str(40_000_000 + at % 7 * 31),
        "money": f"{900 + at % 9 * 37}.50",
        "year": str(1970 + at % 30),
        "house": str(at * 3 % 90 + 1),
        "birth": dated(1970 + at),
        "past": dated(2015 + at % 8),
        "future": dated(2027 + at % 3),
        "expiry": dated(2027 + at % 3),
        "stamp": f"{month}/{day}/2026 10:{at:02}:00",
        "email": f"p{at * 13}@example.org",
        "phone": f"(212) 555-{100 + at:04}" if us else f"0{30 + at % 5} 5550 1{at:02}",
        "line1": _STREETS[language].format(at + 2),
        "fulladdress": f"{_STREETS[language].format(at + 2)}, {_CITIES[language].split('/')[0]}",
        "city": _CITIES[language].split("/")[at % 3],
        "zip": f"{97201 + at * 11}" if language != "nl" else f"{3511 + at} AB",
        "country": _COUNTRIES[language],
        "gender": _GENDERS[language].split("/")[at % 2],
        "job": _JOBS[language].split("/")[at % len(_JOBS[language].split("/"))],
        "title": ("Ms", "Mr")[at % 2] if us else ("Frau", "Herr")[at % 2],
    }
    return texts.get(kind, kind)


# --- what the suggested mapping does with them ---


def fed(text: str) -> dict[str, frozenset[str]]:
    """Return the fields that each heading feeds in a mapping of this text, by their last names."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.yaml")
        path.write_text(text, "utf-8")
        mapping = load(path)
    found: dict[str, set[str]] = {}
    for rule in mapping.fields:
        for heading in rule.headings:
            found.setdefault(heading, set()).add(_OURS.get(rule.field.name, rule.field.name))
    return {heading: frozenset(fields) for heading, fields in found.items()}
