"""Which texts can stand in the address of a record, so that Alma finds it again by them."""

from __future__ import annotations

import unicodedata

_STEERING = frozenset("/\\%?#;")
_DOTS = frozenset({".", ".."})


def steering(text: str) -> str:
    """What of a text means something else in an address than itself; blank if nothing does.

    That is a sign that parts an address, or a text that is nothing but one or two dots. Wide and
    other forms of a sign count as the sign: whoever stands between us and Alma may fold them.
    """
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if folded in _DOTS:
        return folded
    return next(filter(_STEERING.__contains__, folded), "")
