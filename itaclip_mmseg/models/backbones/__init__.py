"""CLIP's two towers, their weights, and how the last block attends."""
