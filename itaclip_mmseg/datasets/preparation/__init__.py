"""Downloading and converting published datasets, annotations and weights into what configs read."""
