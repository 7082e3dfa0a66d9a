"""Reminders that a person asked for: the plan, the run that sends them, and how to stop them.

A plan carries all that sending needs, sealed, and is linked to its person one way only, so that the run
never touches a person's record and no list of people can be made from it.
"""
