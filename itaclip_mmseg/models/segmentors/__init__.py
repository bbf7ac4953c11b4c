"""A file a method, on a shared base."""
