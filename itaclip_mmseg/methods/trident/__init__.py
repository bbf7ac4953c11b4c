"""Trident (arXiv 2411.09219)."""
