"""How much a workbook may hold."""

from __future__ import annotations

ROWS, COLUMNS = 1_048_576, 16_384
"""What a sheet can have; a reference beyond is damage."""

CELLS = 5_000_000
"""Cells with text that a workbook may have, and texts that they share.

They take some hundreds of megabytes at once; a CSV file is read in chunks, and has no such limit.
"""

TAGS = 10_000_000
"""Tags that can be looked at one by one; rows that spreadsheet programs write need it not."""

ELEMENT_BYTES = 8 * 1024 * 1024
"""Bytes of XML that a row may have, or a text that cells share."""

VALUES = 750_000
"""Different numbers, dates and the like that a sheet may have, whole numbers apart."""

ODDITIES = 500_000
"""Cells of a workbook that something may be said about."""

PACKED = 100 * 1024 * 1024
"""Bytes that the file of a workbook may have."""
