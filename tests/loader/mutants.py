"""Ways to spoil a file: each takes its bytes and chance, and gives other bytes."""

from __future__ import annotations

import io
import random
import re
import struct
import warnings
import zipfile
from collections.abc import Callable

Mutator = Callable[[bytes, random.Random], bytes]

_SNIPPETS = (
    *(b'"', b",", b"\n", b"\0", b"\xff", b"<", b">", b"</c>", b"<v>", b"-", b"NaN", b"]]>"),
    *(b'r="A1"', b'r="XFD1048576"', b"&#1114112;", b"&#xD800;", b"&amp", b"_x0000_", b"_xD800_"),
    *(b"<!DOCTYPE a>", b"9" * 30, b"1E999999"),
)
_VALUES = (
    *("", "0", "-1", "1", "7", "65536", "99999999999", "1E9", "A1", "B2", "XFD1048576", "XFE1"),
    *("s", "n", "b", "e", "d", "str", "inlineStr", "true", "hidden", "veryHidden", "rId1", "rId9"),
    *("styles.xml", "../x", "A1:B2", "A1:XFD1048576", "yyyy", ";;;", "collapse", "float", "string"),
)
_TEXTS = (*" \n03x\u200b", "", "-1", "999999", "1e400", "=1+1", "&lt;", "_xD83D_")
_TOKENS = (*"\"',;\t|\n\r\0\ufeffé\x85 ", '""', "\r\n")
_ENCODINGS = ("utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037")

_TAG = re.compile(r"<[^<>]*>")
_ATTRIBUTE = re.compile(r'\s[\w:.]+="[^"]*"')
_ELEMENT = re.compile(
    r"<(row|c|v|si|t|sheet|xf|numFmt|Relationship|table:table-row|table:table-cell)\b[^>]*?(?:/>|>.*?</\1>)",
    re.S,
)
_BETWEEN = re.compile(r">[^<>]+<")


def bytes_changed(content: bytes, chance: random.Random) -> bytes:
    """A few bytes flipped, cut, doubled, or something nasty among them."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at:]
            case 2:
                del changed[at : at + chance.randint(1, 20)]
            case 3:
                changed[at:at] = changed[at : at + chance.randint(1, 60)]
            case _:
                changed[at:at] = chance.choice(_SNIPPETS)
    return bytes(changed)


def member_changed(content: bytes, chance: random.Random) -> bytes:
    """The bytes of one member of a workbook changed, its checksum right again."""
    members = parts(content)
    name = chance.choice(sorted(members))
    return _zipped([(n, bytes_changed(m, chance) if n == name else m) for n, m in members.items()])


def members_exchanged(content: bytes, chance: random.Random) -> bytes:
    """Two members under each other's names, or one of them missing."""
    members = parts(content)
    one, other = chance.choices(sorted(members), k=2)
    if one == other:
        del members[one]
    else:
        members[one], members[other] = members[other], members[one]
    return _zipped(list(members.items()))


def member_doubled(content: bytes, chance: random.Random) -> bytes:
    """A member a second time, under its own name or another's."""
    members = list(parts(content).items())
    name, member = chance.choice(members)
    again = chance.choice((name, chance.choice(members)[0], f"./{name}", name.upper()))
    return _zipped([*members, (again, member)])


def directory_changed(content: bytes, chance: random.Random) -> bytes:
    """A field of the archive's directory changed: a sum, a size, an offset, a method, a flag."""
    changed = bytearray(content)
    entries = [match.start() for match in re.finditer(b"PK\x01\x02", content)]
    if not entries:
        return bytes_changed(content, chance)
    at = chance.choice(entries)
    field, form = chance.choice(
        ((8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (42, "<I"))
    )
    if at + field + 4 > len(changed):
        return bytes_changed(content, chance)
    before = struct.unpack_from(form, changed, at + field)[0]
    most = 2 ** (8 * struct.calcsize(form)) - 1
    after = chance.choice((0, 1, before + 1, before - 1, before * 2, 2**31, chance.randrange(most)))
    struct.pack_into(form, changed, at + field, after % most)
    return bytes(changed)


def xml_changed(content: bytes, chance: random.Random) -> bytes:
    """The XML of a member changed, mostly so that it is XML still and reaches whoever reads it."""
    members = parts(content)
    texts = [name for name in sorted(members) if name.endswith((".xml", ".rels"))]
    sheets = [name for name in texts if "sheet" in name or name == "content.xml"]
    if not texts:
        return member_changed(content, chance)
    name = chance.choice(sheets if sheets and chance.random() < 0.7 else texts)
    text = members[name].decode("utf-8", "replace")
    for _ in range(chance.randint(1, 3)):
        text = chance.choice(_XML_STEPS)(text, chance)
    return _zipped([(n, text.encode() if n == name else m) for n, m in members.items()])


def records_changed(content: bytes, chance: random.Random) -> bytes:
    """The bytes of an old workbook changed behind its container's tables, where its cells are."""
    start = 3 * 512
    if len(content) <= start:
        return bytes_changed(content, chance)
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = start + chance.randrange(min(len(changed) - start, 600))
        changed[at] = chance.choice((0, 1, 0xFF, changed[at] ^ (1 << chance.randrange(8))))
    return bytes(changed)


def text_changed(content: bytes, chance: random.Random) -> bytes:
    """Text with quotation marks, line ends, delimiters and the like put in, in some encoding."""
    text = content.decode("utf-8", "replace")
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text) + 1)
        until = at + chance.choice((0, 0, 1, 5))
        text = text[:at] + chance.choice(_TOKENS) * chance.choice((1, 1, 2, 9)) + text[until:]
    return text.encode(chance.choice(_ENCODINGS), "replace")


def _element_moved(text: str, chance: random.Random) -> str:
    found = [match.span() for match in _ELEMENT.finditer(text)]
    if not found:
        return text
    start, end = chance.choice(found)
    to = chance.choice(found)[0]
    if start < to < end:
        return text
    element, rest = text[start:end], text[:start] + text[end:]
    to -= len(element) if to >= end else 0
    return rest[:to] + element + rest[to:]


_Change = Callable[[str, random.Random], str]


def _replaced(pattern: re.Pattern[str], change: _Change) -> _Change:
    """Return what changes one of the places that a pattern finds."""

    def step(text: str, chance: random.Random) -> str:
        found = [match.span() for match in pattern.finditer(text)]
        if not found:
            return text
        start, end = chance.choice(found)
        return text[:start] + change(text[start:end], chance) + text[end:]

    return step


_ATTRIBUTE_CHANGED = _replaced(
    _ATTRIBUTE, lambda found, chance: f'{found.partition("=")[0]}="{chance.choice(_VALUES)}"'
)
_TEXT_CHANGED = _replaced(_BETWEEN, lambda _, chance: f">{chance.choice(_TEXTS)}<")
_XML_STEPS = (
    *(_ATTRIBUTE_CHANGED, _ATTRIBUTE_CHANGED, _ATTRIBUTE_CHANGED, _TEXT_CHANGED, _TEXT_CHANGED),
    *(_replaced(pattern, lambda _, __: "") for pattern in (_ELEMENT, _ATTRIBUTE, _TAG)),
    _replaced(_ELEMENT, lambda found, chance: found * chance.choice((2, 2, 3))),
    _replaced(_TAG, lambda found, _: found * 2),
    _element_moved,
)

ANY: tuple[Mutator, ...] = (bytes_changed,)
ARCHIVE: tuple[Mutator, ...] = (
    *(bytes_changed, member_changed, members_exchanged, member_doubled, directory_changed),
    *(xml_changed, xml_changed, xml_changed, xml_changed),
)
OLD: tuple[Mutator, ...] = (bytes_changed, records_changed, records_changed)
TEXT: tuple[Mutator, ...] = (bytes_changed, text_changed, text_changed)


def mutators(content: bytes) -> tuple[Mutator, ...]:
    """The ways to spoil a file of this kind."""
    if content.startswith(b"PK") and zipfile.is_zipfile(io.BytesIO(content)):
        return ARCHIVE if parts(content) else ANY
    if content.startswith(b"\xd0\xcf"):
        return OLD
    return TEXT


def parts(content: bytes) -> dict[str, bytes]:
    """The members of an archive; none where it cannot be unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, RuntimeError, ValueError, NotImplementedError, KeyError):
        return {}


def _zipped(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore", UserWarning)  # names that are there twice
        for name, member in members:
            archive.writestr(name, member)
    return buffer.getvalue()
