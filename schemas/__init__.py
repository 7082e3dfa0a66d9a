"""The words that both sides of a border use: frozen models and value types, no I/O and no database."""
