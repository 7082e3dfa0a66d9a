"""The duplicate check (查重): found, scored, shown side by side, put together and parted again."""
