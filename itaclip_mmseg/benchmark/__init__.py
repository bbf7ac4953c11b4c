"""Measure time and memory of a config on one image, by stage, with lower bounds and a window-by-window baseline."""
