"""Sweeps, the paper's tables and its figures."""
