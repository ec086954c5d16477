"""What a person can ask for, as ordinary functions: for the command line, the page and programs."""
