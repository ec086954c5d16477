"""An identifier stays one segment of a path, whatever it holds."""

from __future__ import annotations

from urllib.parse import unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.alma.address import segment
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


MISLEADING = [
    ".",
    "..",
    "../conf/general",
    "%2e%2e",
    *(f"a{sign}b" for sign in r"/\?#;%／％"),
    "．．",
]


@pytest.mark.parametrize("user_id", ["", " ", "a\0b", "a\nb", *MISLEADING])
def test_what_could_lead_elsewhere_is_not_sent(user_id: str) -> None:
    """An identifier that could be taken for more than one step of a path is refused."""
    with pytest.raises(RefusedError) as refusal:
        segment(user_id)
    assert len(user_id) < 3 or user_id not in str(refusal.value)


@pytest.mark.parametrize("user_id", ["ana.nunez@example.org", "N-17_b+c", "José", "O 17", "王17"])
def test_usual_identifiers_are_sent(user_id: str) -> None:
    """Letters of any script, blanks inside and the signs of names and addresses stay."""
    assert unquote(segment(user_id)) == user_id


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=255))
def test_letters_and_digits_are_never_refused(user_id: str) -> None:
    """Identifiers in any script go through."""
    assert unquote(segment(user_id)) == user_id
