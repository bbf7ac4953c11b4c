"""CLIPer (arXiv 2411.13836)."""
