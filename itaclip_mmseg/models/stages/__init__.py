"""The stages between an image and its labels, a file each."""
