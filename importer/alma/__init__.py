"""Alma's API as functions: the only package that uses HTTP."""
