"""Check certificates: issued, suspended, revoked, delivered home, and verified offline.

Their rows are linked to a person one way only (``vault.link``): from the opened person one finds them,
from them nobody finds the person. Nothing else in the node reads them.
"""
