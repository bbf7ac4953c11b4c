"""CorrCLIP (arXiv:2411.10086)."""
