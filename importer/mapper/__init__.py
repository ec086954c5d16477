"""Roster and mapping become candidates: the mapping file, its rules, lookups and dates."""
