"""Verification's decisions: when an answer is due and when it may leave, which words an officer may say, what follows.

Pure. The rules are 5, 7 and 8 of the domain.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.calendar import Deadline, WorkingCalendar
from schemas.claims import AnswerWord, Claim, Urgency
from schemas.problems import InvalidInput

EXPIRES_AFTER_WORKING_DAYS = 10
"""A request expires so many working days after its answer was due."""

REMIND_BEFORE_WORKING_DAYS = 2
DELIVER_WITHIN_WORKING_DAYS = 2
"""How long a question may be under way before an officer is told."""

ASK_AGAIN_AFTER = timedelta(days=30)
"""The same person, asker and purpose once in so many days (rule 5)."""

LOCATION_CLAIMS = frozenset({Claim.ARRIVAL_DECLARED, Claim.REGISTERED_HERE})
"""Claims that tell where a person is: they need the answerer's own live consent, too."""

Answers = Mapping[Claim, AnswerWord]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the answerer's own register holds of one person towards the asking peer."""

    departures: bool = False
    arrivals: bool = False
    registered: bool = False
    consent: bool = False

    @property
    def has_journey(self) -> bool:
        """Whether there is an open journey with the asker: without one nothing but `no_record` is said."""
        return self.departures or self.arrivals


NOBODY = Standing()
"""What absent, protected and erased people come to."""


def due_on(calendar: WorkingCalendar, today: date, urgency: Urgency, answer_working_days: int) -> Deadline:
    """Give the last day for an answer; the day of asking does not count (Civil Code, art. 201)."""
    days = min(urgency.working_days, answer_working_days) if urgency is Urgency.URGENT else answer_working_days
    return calendar.add_working_days(today, days)


def expires_on(calendar: WorkingCalendar, due: date) -> date:
    """Give the last day on which an answer is still taken."""
    return calendar.add_working_days(due, EXPIRES_AFTER_WORKING_DAYS).on


def deliver_by(calendar: WorkingCalendar, queued_on: date) -> date:
    """Give the last day on which a question that is still under way is nothing unusual."""
    return calendar.add_working_days(queued_on, DELIVER_WITHIN_WORKING_DAYS).on


def remind_when_due_by(calendar: WorkingCalendar, today: date) -> date:
    """Give the latest due day of which the asking node reminds today: two working days before."""
    return calendar.add_working_days(today, REMIND_BEFORE_WORKING_DAYS).on


def leaves_at(
    now: datetime,
    release_times: tuple[time, ...] | Literal["always"],
    calendar: WorkingCalendar,
    zone: ZoneInfo,
) -> datetime:
    """Give when what an officer prepared now may leave: the next release time of a working day, so that the moment
    tells nothing (rule 7).
    """
    if release_times == "always":
        return now
    local = now.astimezone(zone)
    day = local.date()
    while True:
        if calendar.is_working_day(day):
            for at in sorted(release_times):
                moment = datetime.combine(day, at, zone)
                if moment > local:
                    return moment
        day += timedelta(days=1)


def withheld_claims(asked: Collection[Claim], agreed: Collection[Claim]) -> frozenset[Claim]:
    """Give the claims that the agreement does not hold: decided before anybody is looked up."""
    return frozenset(asked) - frozenset(agreed)


def confirmable(standing: Standing) -> frozenset[Claim]:
    """Give the claims that the register bears out about a person who is the one asked for."""
    if not standing.has_journey:
        return frozenset()
    found = {Claim.IDENTITY}
    if standing.departures:
        found.add(Claim.DEPARTURE_DECLARED)
    if standing.arrivals and standing.consent:
        found.add(Claim.ARRIVAL_DECLARED)
    if standing.registered and standing.consent:
        found.add(Claim.REGISTERED_HERE)
    return frozenset(found)


def allowed_words(claim: Claim, standing: Standing, withheld: Collection[Claim]) -> tuple[AnswerWord, ...]:
    """Give the words that an officer may answer to a claim about a person of this standing."""
    if claim in withheld:
        return (AnswerWord.WITHHELD,)
    if not standing.has_journey or (claim in LOCATION_CLAIMS and not standing.consent):
        return (AnswerWord.NO_RECORD,)
    if claim in confirmable(standing):
        return (AnswerWord.CONFIRMED, AnswerWord.NOT_CONFIRMED, AnswerWord.NO_RECORD)
    return (AnswerWord.NOT_CONFIRMED, AnswerWord.NO_RECORD)


def check_answers(answers: Answers, asked: Collection[Claim], standing: Standing, withheld: Collection[Claim]) -> None:
    """Refuse an answer that leaves out a claim, or says a word that rule 5 does not allow. Raises `InvalidInput`."""
    errors = []
    if set(answers) != set(asked):
        errors.append({"field": "answers", "message": "Answer each claim that was asked, and no other."})
    errors += [
        {"field": f"answers.{claim.value}", "message": "This word is not possible here."}
        for claim, word in answers.items()
        if claim in asked and word not in allowed_words(claim, standing, withheld)
    ]
    if errors:
        raise InvalidInput(errors=errors)


def still_true(answers: Answers, standing: Standing, withheld: Collection[Claim]) -> dict[Claim, AnswerWord]:
    """Give what a prepared answer comes to when it leaves: words that are no longer allowed become `no_record`."""
    return {
        claim: word if word in allowed_words(claim, standing, withheld) else AnswerWord.NO_RECORD
        for claim, word in answers.items()
    }


def automatic_answer(
    asked: Collection[Claim], standing: Standing, withheld: Collection[Claim]
) -> dict[Claim, AnswerWord] | None:
    """Give the answer that leaves by itself, or None where an officer must look.

    Only for an exact match, and only when everything that may be told at all is `confirmed` (rule 8).
    """
    told = set(asked) - set(withheld)
    if not told or not told <= confirmable(standing):
        return None
    return {claim: AnswerWord.WITHHELD if claim in withheld else AnswerWord.CONFIRMED for claim in asked}


def confirms_arrival(answers: Answers) -> bool:
    """Tell whether an answer confirms the asker's arrival: the departure was declared there, or, where that may not
    be told or was not asked, the person is known there.
    """
    departure = answers.get(Claim.DEPARTURE_DECLARED)
    if departure is None or departure is AnswerWord.WITHHELD:
        return answers.get(Claim.IDENTITY) is AnswerWord.CONFIRMED
    return departure is AnswerWord.CONFIRMED


def confirms_departure(answers: Answers) -> bool:
    """Tell whether an answer confirms the asker's departure: the person declared their arrival there."""
    return answers.get(Claim.ARRIVAL_DECLARED) is AnswerWord.CONFIRMED
