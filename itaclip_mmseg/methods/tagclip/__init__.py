"""TagCLIP (arXiv 2312.12828)."""
