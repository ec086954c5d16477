"""Candidates and Alma's users become a plan: pure functions, no network, files or clock."""
