"""Seconds and memory of a config on one image: of every stage, beside its floor and the window-by-window way."""
