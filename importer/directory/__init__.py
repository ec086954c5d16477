"""What we know of Alma's existing users without asking again."""
