"""CLIP as RNN (CaR, arXiv 2312.07661)."""
