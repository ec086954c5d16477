"""Rosters in 51 pairs of an encoding and a language, whose people are invented (`names.toml`)."""

from __future__ import annotations

import random
import tomllib
import unicodedata
from pathlib import Path
from typing import NamedTuple

_NAMES = tomllib.loads((Path(__file__).parent / "names.toml").read_text("utf-8"))
FIRST, LAST = _NAMES["first"], _NAMES["last"]


class Pair(NamedTuple):
    """An encoding and a language; `auto`: whether it has to be read without being asked for."""

    encoding: str
    language: str
    auto: bool = False


PAIRS = (
    *(Pair("utf-8", "fr", auto=True), Pair("utf-8-sig", "cs", auto=True)),
    *(Pair("utf-8", "ru", auto=True), Pair("utf-16", "pl", auto=True)),
    *(Pair("cp1252", "fr", auto=True), Pair("cp1252", "es", auto=True)),
    *(Pair("cp1252", "da", auto=True), Pair("cp1252", "is", auto=True)),
    *(Pair("iso8859-1", "de", auto=True), Pair("iso8859-1", "pt", auto=True)),
    *(Pair("iso8859-15", "fi", auto=True), Pair("iso8859-15", "fr", auto=True)),
    *(Pair("cp1250", "cs"), Pair("cp1250", "pl"), Pair("cp1250", "hu"), Pair("cp1250", "hr")),
    *(Pair("iso8859-2", "pl"), Pair("iso8859-2", "cs"), Pair("cp852", "pl"), Pair("cp852", "hu")),
    *(Pair("cp1257", "lt"), Pair("cp1257", "lv"), Pair("cp1257", "et")),
    *(Pair("cp1254", "tr"), Pair("iso8859-9", "tr")),
    *(Pair("cp850", "de"), Pair("cp850", "fr"), Pair("cp850", "pt"), Pair("cp437", "es")),
    *(Pair("mac_roman", "fr"), Pair("mac_roman", "sv"), Pair("mac_roman", "de")),
    *(Pair("mac_roman", "pt"), Pair("utf-16-le", "de")),
    *(Pair("cp1251", "ru"), Pair("koi8-r", "ru"), Pair("iso8859-5", "ru"), Pair("cp866", "ru")),
    *(Pair("cp1251", "uk"), Pair("cp1253", "el"), Pair("iso8859-7", "el"), Pair("cp1255", "he")),
    Pair("iso8859-8", "he"),
    *(Pair("cp1256", "ar"), Pair("cp874", "th"), Pair("cp1258", "vi")),
    *(Pair("shift_jis", "ja"), Pair("euc_jp", "ja"), Pair("gb18030", "zh"), Pair("big5", "zh-tw")),
    Pair("euc_kr", "ko"),
)
SIZES = (10, 30, 100, 300, 1_000, 2_000)
FEW = (1, 2)
"""Names with letters beyond ASCII, in a roster of 200 that has no others."""

DOS = {"cp437", "cp850"}
"""Code pages that lack some letters of their languages, which become `?`."""

PLAIN_FIRST = ["Emma", "Liam", "Olivia", "Noah", "Ava", "Ethan", "Grace", "Mason", "Chloe", "Ruth"]
PLAIN_LAST = ["Smith", "Baker", "Walsh", "Turner", "Reed", "Cole", "Hughes", "Foster", "Webb"]


def roster(pair: Pair, rows: int, *, few: int = 0) -> tuple[str, bytes]:
    """Return a roster as text (NFC) and in its encoding, the same for the same arguments.

    `few`: names with letters beyond ASCII, the others being plain; 0 for no such limit.
    """
    chance = random.Random(f"{pair.encoding} {pair.language} {rows} {few}")  # noqa: S311
    given, family = FIRST[pair.language].split(), LAST[pair.language].split()
    special = [name for name in given if not name.isascii()]
    lines = ["Barcode,First Name,Last Name,Email"]
    chosen = {*chance.sample(range(rows), few)} if few else set(range(rows))
    for row in range(rows):
        first, last = chance.choice(given), chance.choice(family)
        if few:
            first, last = chance.choice(PLAIN_FIRST), chance.choice(PLAIN_LAST)
            if row in chosen:
                first = chance.choice(special)
        lines.append(f"2{row:013},{first},{last},p{row}@example.org")
    text = "\r\n".join([*lines, ""])
    if pair.encoding == "cp1258":
        text = "".join(map(_windows_1258, text))
    content = text.encode(pair.encoding, "replace" if pair.encoding in DOS else "strict")
    return unicodedata.normalize("NFC", content.decode(pair.encoding)), content


def _windows_1258(letter: str) -> str:
    """Return a Vietnamese letter with its tone apart, as Windows-1258 writes most of them."""
    base, *marks = list(unicodedata.normalize("NFD", letter))
    tones = [mark for mark in marks if mark not in "\u0302\u0306\u031b"]
    shapes = [mark for mark in marks if mark not in tones]
    apart = unicodedata.normalize("NFC", base + "".join(shapes)) + "".join(tones)
    return letter if len(apart) == 1 or letter in "áàéèíóúù" else apart
