"""What makes a release: its checks, its parts for Windows, the commit in its wheel."""
