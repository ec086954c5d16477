"""A first mapping, proposed from a roster or from the profile of another tool."""
