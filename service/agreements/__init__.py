"""Agreements (协作协议) between two regions, and the gate that federation asks before any message has an effect."""
