"""ReCo (arXiv 2206.07045)."""
