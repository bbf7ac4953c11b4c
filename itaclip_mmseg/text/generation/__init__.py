"""Generating definitions and synonyms with a language model."""
