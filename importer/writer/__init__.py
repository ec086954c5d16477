"""A plan's way out: into Alma, into a student system's load, or as plain records."""
