"""ResCLIP (arXiv 2411.15851)."""
