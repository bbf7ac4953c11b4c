"""Python interface and page."""
