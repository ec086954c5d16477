"""Load library patrons into Ex Libris Alma from spreadsheets: check, show, then write."""
