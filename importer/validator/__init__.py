"""Candidates to problems: the checks within rows, and the twins across them."""
