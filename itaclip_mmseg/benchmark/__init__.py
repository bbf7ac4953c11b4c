"""Seconds and memory of every stage, beside its floor."""
