"""The practice Alma: a small imitation of Alma on loopback, to practice on and to test with."""
