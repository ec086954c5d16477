"""A small Alma on loopback: to practise on, to break, and to test against."""
