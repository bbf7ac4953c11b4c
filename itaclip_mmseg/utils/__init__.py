"""Helpers shared by all layers: errors, files, progress, colours."""
