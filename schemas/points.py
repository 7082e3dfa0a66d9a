"""Named points of the program, at which the crash tests end the process.

Code that passes one calls `point("name")` with the callable it was given; in service that is `pass_by`.
"""

from collections.abc import Callable

Point = Callable[[str], None]

POINTS: dict[str, str] = {
    "database.before_commit": "the writer has run its functions and has not committed",
    "database.after_commit": "the writer has committed and has let no answer go",
    "inbox.committed": "a batch from a peer is committed and its answer is not sent",
    "delivery.claimed": "a batch for a peer is claimed and not sent",
    "delivery.answered": "the peer's answer is read and its receipts are not stored",
    "matching.claimed": "a received request is claimed by the matching job and not decided",
    "log.sequencing": "inside the transaction that numbers the access log",
    "reminders.claimed": "a reminder is claimed and not sent",
    "reminders.sent": "the mail server took a reminder and that is not recorded",
    "import.batch": "between two batches of a ledger import",
}
"""Every point by name, and where it stands."""


def pass_by(name: str) -> None:
    """Do nothing at a point: how a node in service runs."""
