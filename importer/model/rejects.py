"""The columns that a rejects file adds behind the roster's own, by which it is known again."""

from __future__ import annotations

ROW, RESULT, WHY, WHAT_TO_DO = "Row", "Result", "Why", "What to do"

ADDED = (ROW, RESULT, WHY, WHAT_TO_DO)
"""In this order, as the last headings. `Row` holds the row number in the first roster."""
