"""Alma's API as Python verbs: the only room that speaks HTTP."""
