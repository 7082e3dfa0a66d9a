"""What a save changed: kept for taking it back, and for the second officer on the same record."""
