"""How much a workbook may hold."""

from __future__ import annotations

ROWS, COLUMNS = 1_048_576, 16_384
"""What a sheet can have; a reference beyond is damage."""

CELLS = 7_000_000
"""Cells with text that a roster may have; read, they take some hundreds of megabytes."""
