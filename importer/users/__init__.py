"""What Alma's users are, as far as known without asking Alma again: the user cache."""
