"""Hide the secrets of this process in texts that come from elsewhere.

A secret is added where it is read. What Alma, or a device before it, sends is searched after it was
decoded (`alma/responses.py`), and so is what people get to see: messages, emails and chats.

A secret is found as it is, in any case; with some or all characters escaped for JSON, HTML or an
address; in base64 at any place of a longer text, such as a whole header; and in hexadecimal digits.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from urllib.parse import quote

SHORTEST = 8
"""Characters of a secret below which it is not looked for: the practice Alma's key is a word."""

HIDDEN = "[hidden]"

_secrets: dict[str, re.Pattern[str]] = {}
"""The secrets of this process, each with what finds it."""


def add_secret(secret: str) -> None:
    """Hide this text from now on. A text that is too short to be a secret is left out."""
    if len(secret) >= SHORTEST and secret not in _secrets:
        _secrets[secret] = _pattern(secret)


def hide(text: str) -> str:
    """Return the text without the secrets of this process."""
    for pattern in _secrets.values():
        text = pattern.sub(HIDDEN, text)
    return text


def repeats(content: bytes, secret: str) -> bool:
    """Whether a large content has this secret: like `hide`, but quick, and without HTML."""
    if len(secret) < SHORTEST:
        return False
    folded = content.lower()
    if b"\\u00" in folded:
        folded = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), folded).lower()
    plain = (secret, quote(secret, safe=""), secret.encode().hex())
    return any(form.lower().encode() in folded for form in plain) or any(
        form.encode() in content for form in _in_base64(secret)
    )


_ESCAPE = re.compile(rb"(?<!\\)\\+u00([2-7][0-9a-f])")


def _pattern(secret: str) -> re.Pattern[str]:
    letters = "".join(map(_letter, secret))
    digits = secret.encode().hex()
    packed = "|".join(map(re.escape, _in_base64(secret)))
    return re.compile(rf"(?i:{letters}|{digits})|{packed}")


@cache
def _letter(letter: str) -> str:
    """Return what finds a character, as it is or escaped; in linear time, so of limited length."""
    forms = {rf"\\{{0,8}}{re.escape(letter)}", re.escape(quote(letter, safe=""))}
    for code in {ord(letter.lower()[0]), ord(letter.upper()[0])}:
        forms |= {
            rf"\\{{1,8}}u{code:04x}",
            rf"&(?:amp;){{0,3}}#(?:0{{0,5}}{code}|x0{{0,5}}{code:x});",
        }
        forms |= {rf"\\{{1,8}}x{code:02x}", rf"%(?:25){{0,3}}{code:02x}"} if code < 128 else set()
    if letter in _NAMED:
        forms.add(rf"&(?:amp;){{0,3}}{_NAMED[letter]};")
    return f"(?:{'|'.join(sorted(forms))})"


_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
"""Characters that HTML writes by name."""


def _in_base64(secret: str) -> set[str]:
    """Return the part of a secret's base64 that its neighbors do not change, at each place."""
    forms = set()
    for before in range(3):
        content = b"\0" * before + secret.encode()
        whole = len(content) * 8 // 6
        text = base64.b64encode(content).decode()[(0, 2, 3)[before] : whole]
        forms |= {text, text.translate(str.maketrans("+/", "-_"))}
    return forms
