"""GroupViT (arXiv 2202.11094)."""
