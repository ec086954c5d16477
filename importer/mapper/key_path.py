"""Where a key is in the YAML of a mapping."""

from __future__ import annotations

KeyPath = tuple[str | int, ...]
"""The keys and list positions that lead to a value: `("record", "user_note", 0)`."""
