"""An identifier stays one segment of a path, whatever it holds."""

from __future__ import annotations

from urllib.parse import unquote

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from importer.alma.paths import segment
from importer.errors import RefusedError


@given(st.text(max_size=300))
@example("../conf/general")
@example("%2e%2e")
@example("a/b?c#d;e\\f")
@example("a。b")
def test_a_segment_is_one_segment_and_says_the_same(user_id: str) -> None:
    """Either it is refused, or the address has one step more, which reads back the same."""
    try:
        quoted = segment(user_id)
    except RefusedError:
        return
    url = httpx.URL(f"https://alma.example.org/almaws/v1/users/{quoted}")
    assert url.host == "alma.example.org"
    assert url.raw_path.decode("ascii") == f"/almaws/v1/users/{quoted}"
    assert quoted.count("/") == 0
    assert unquote(quoted) == user_id


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=255))
def test_letters_and_digits_are_never_refused(user_id: str) -> None:
    """Identifiers in any script go through."""
    assert unquote(segment(user_id)) == user_id
