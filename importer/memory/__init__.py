"""What earlier runs leave for later plans: one private SQLite file beside the runs."""
