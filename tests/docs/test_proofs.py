"""What the pages for campus IT claim is shown by a file that is there, or said to be not met."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"

CLAIMS = [
    (page, line)
    for page in ("threat-model", "accessibility", "security-questions")
    for line in (REFERENCE / f"{page}.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.endswith("| shown by |")
]


def test_the_pages_have_claims() -> None:
    """All three of them."""
    assert len(CLAIMS) > 40
    assert len({page for page, _ in CLAIMS}) == 3


@pytest.mark.parametrize(("page", "line"), CLAIMS, ids=lambda one: one[:60])
def test_a_claim_names_its_proof_or_says_that_it_is_not_met(page: str, line: str) -> None:
    """A linked page of the guide, or a file of the repository with the name of a test in it."""
    assert page
    shown = line.strip("|").rpartition("|")[2]
    pages = re.findall(r"\]\(([^)#]+\.md)\)", shown)
    proofs = re.findall(r"`([^` ]+/[^` ]+|[A-Z.a-z-]+\.lock|LICENSE)`", shown)
    assert proofs or pages or "not met" in line.lower(), line
    for linked in pages:
        assert (REFERENCE / linked).is_file(), linked
    for proof in proofs:
        path, _, test = proof.partition("::")
        assert (ROOT / path).is_file(), proof
        tests = re.findall(
            r"^ *(?:async )?def (test_\w+)\(", (ROOT / path).read_text("utf-8"), re.M
        )
        assert not test or test in tests, proof
