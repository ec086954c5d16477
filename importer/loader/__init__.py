"""File → Roster: what the file really is, its rows and headings, and every cell as text."""
