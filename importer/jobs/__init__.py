"""Loads without a person present: pick up a file, plan, check, apply or deliver, notify."""
