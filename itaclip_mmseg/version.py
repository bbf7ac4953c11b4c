"""The version, apart so that packaging can read it without importing MMSegmentation."""

__version__ = '0.1.0'
