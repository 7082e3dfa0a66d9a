"""What a row comes to: each cell’s meaning, its outcome with codes, what would be registered. Pure decisions."""
