"""Checks of candidates: within each row, and for duplicates across rows."""
