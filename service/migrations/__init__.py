"""The database's shape and its history: one script for both databases, run at every start under a lock."""
