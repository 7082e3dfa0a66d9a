"""The officers of this node: accounts, roles and areas, sign-in, sessions."""
