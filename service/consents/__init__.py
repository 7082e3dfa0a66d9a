"""Notices given, consents, refusals: what a person allowed, and what they are not to be asked again."""
