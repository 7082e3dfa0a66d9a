"""What a person does on their own page with consents: one step off, and on again.

It works at once, also on what is queued: the register tells the rooms that rest on a consent in the same transaction.
The entry in the log stands on the person's own page and in no officer's list.
"""

import contextlib

from sqlmodel import Session

from schemas.claims import ConsentPurpose, Way
from schemas.problems import WrongState
from service.access_log import Actor
from service.consents.consents import ConsentDraft, consents_of
from service.context import Node
from service.registry import consenting
from service.registry.drafts import ConsentsDraft
from service.registry.holds.standing import keep_after_all
from service.registry.people import OpenPerson
from service.registry.tables import Person


def withdraw(session: Session, node: Node, person: OpenPerson, purpose: ConsentPurpose) -> None:
    """Withdraw a consent (PIPL art. 15). One that does not stand is no error: it is off, as the person wants it."""
    with contextlib.suppress(WrongState):
        consenting.withdraw_own(session, node, session.get_one(Person, person.id), purpose)


def switch_request_messages(session: Session, node: Node, person: OpenPerson, *, on: bool) -> None:
    """Be told of each request about oneself, or not."""
    consenting.switch_own_request_messages(session, node, session.get_one(Person, person.id), on=on)


def keep_record(session: Session, node: Node, person: OpenPerson) -> None:
    """Do not be erased after all when the legal hold is over. Raises :class:`WrongState` where that was not asked."""
    keep_after_all(session, node, session.get_one(Person, person.id), Actor.person(person.area))


def consent_again(session: Session, node: Node, person: OpenPerson, purpose: ConsentPurpose) -> None:
    """Take a withdrawal back: the consent stands anew from now on, given by the person.

    What it carried before (a reminder plan, a delivery) does not come back by itself. Raises :class:`WrongState` for a
    purpose that the person never consented to: such a question is not put here.
    """
    if all(consent.purpose != purpose for consent in consents_of(session, node, person.key)):
        raise WrongState
    draft = ConsentsDraft(consents=(ConsentDraft(purpose=purpose, way=Way.OWN_PAGE),))
    consenting.record_own_consents(session, node, session.get_one(Person, person.id), draft)
