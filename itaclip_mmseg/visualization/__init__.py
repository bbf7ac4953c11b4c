"""Overlays and plots."""
