"""The node of one region: its register, its officers, its peers and the people it serves."""
