"""The stages from an image to its labels, one file each."""
