"""ITACLIP (arXiv 2411.12044)."""
