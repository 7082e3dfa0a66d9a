"""`tonglu.departure.notified.v1`: someone declared a move to the recipient's region."""

from schemas.calendar import PartialDate
from schemas.messages.base import AboutPerson
from schemas.wire import Uuid


class DepartureNotified(AboutPerson):
    """A declared departure, answered by `arrival.confirmed` or by nothing."""

    journey: Uuid
    departed_on: PartialDate
    expected_return_on: PartialDate | None = None
