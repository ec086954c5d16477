"""What a mapping still leaves to be chosen: `?`, as `mapping new` writes it."""

from __future__ import annotations

TO_CHOOSE = "?"
"""Stands for a heading (`<?>`) or for a code that a person has to choose."""
