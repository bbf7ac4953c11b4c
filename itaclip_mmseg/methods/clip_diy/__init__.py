"""CLIP-DIY (arXiv 2309.14289)."""
