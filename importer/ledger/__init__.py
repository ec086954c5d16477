"""The run's SQLite file: the truth of a run, from which everything that people read is made."""
