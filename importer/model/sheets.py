"""The sheets that our own workbooks have beside the rows; that they are not read is no news."""

from __future__ import annotations

REJECTS = ("Problems", "How to send it back")
"""Behind the rows that come back."""

TEMPLATE = ("How to fill it in",)
"""Behind a blank roster."""
