"""The base class of all methods."""
