"""How nodes talk to each other; knows the schemas, a database session and HTTP, and nothing of the service.

Imports go one way: ``routes`` on ``inbox`` and ``delivery``, those on ``dispatch``, ``outbox`` and ``client``, those
on ``receipts``, ``peers`` and ``tables``, and all on ``sealing``, ``signatures``, ``retry``, ``node`` and ``keys``.
The clock, randomness, the database and the wire are arguments throughout.
"""
