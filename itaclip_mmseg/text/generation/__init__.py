"""Definitions and synonyms written by a language model."""
