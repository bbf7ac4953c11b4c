"""SC-CLIP (arXiv 2411.15869)."""
