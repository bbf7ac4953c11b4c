"""Data sets and weights as their owners publish them, made into what configs read."""
