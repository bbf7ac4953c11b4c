"""SFP (self-adaptive feature purifier)."""
