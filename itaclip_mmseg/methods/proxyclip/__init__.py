"""ProxyCLIP (arXiv 2408.04883)."""
