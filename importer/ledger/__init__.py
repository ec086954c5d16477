"""The ledger: the SQLite file with everything about one run."""
