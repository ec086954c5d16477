"""Small words of the loader's notices."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 empty row`, `1,200 empty rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
