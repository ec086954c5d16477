"""Text from outside, made safe to show: what cannot be seen, or steers a terminal, becomes visible.

Rosters hold terminal codes and marks that turn the direction of writing, in cells, in headings and
in the names of files and sheets.
"""

from __future__ import annotations

import re

_BLANKS = re.compile(r"[\t\n\r\f\v\u2028\u2029]+")

_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f"
    "\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def _number(found: re.Match[str]) -> str:
    return f"⟨U+{ord(found.group()):04X}⟩"


def visible(text: str) -> str:
    """The text on one line, with its number in place of each character that cannot be seen.

    Joiners between letters stay: scripts need them.
    """
    if text.isprintable():  # as nearly all is; a quick look spares the search
        return text
    return _UNSEEN.sub(_number, _BLANKS.sub(" ", text))
