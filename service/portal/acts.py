"""What a person does on their own page with consents: one step off, and on again.

It works at once, also on what is queued: the rooms that rest on a consent hear of it in the same transaction. The entry
in the log stands on the person's own page and in no officer's list.
"""

from sqlmodel import Session

from schemas.claims import ConsentPurpose, Way
from schemas.problems import WrongState
from service.access_log import Actor, record_under
from service.consents.consents import ConsentDraft, check_consents, consents_of, give_consents, withdraw_consent
from service.context import Node
from service.registry.people import OpenPerson


def withdraw_own(session: Session, node: Node, person: OpenPerson, purpose: ConsentPurpose) -> None:
    """Withdraw a consent (PIPL art. 15). One that does not stand is no error: it is off, as the person wants it."""
    if not withdraw_consent(session, node, person.key, purpose):
        return
    node.callbacks.withdrawn(session, person, purpose)
    _record(session, node, person, "consent.withdrawn")


def consent_again(session: Session, node: Node, person: OpenPerson, purpose: ConsentPurpose) -> None:
    """Take a withdrawal back: the consent stands anew from now on, given by the person.

    What it carried before (a reminder plan, a delivery) does not come back by itself. Raises :class:`WrongState` for a
    purpose that the person never consented to: such a question is not put here.
    """
    if all(consent.purpose != purpose for consent in consents_of(session, node, person.key)):
        raise WrongState
    draft = ConsentDraft(purpose=purpose, way=Way.OWN_PAGE)
    check_consents(session, [draft], by=None, code_is_right=_no_code)
    if give_consents(session, node, person.key, [draft]):
        if purpose.action == "share_with_peer":
            node.callbacks.shareable(session, person)
        _record(session, node, person, "consent.given")


def _no_code(typed: str) -> bool:
    """On the own page nobody types a code for a consent: the visit itself rests on it."""
    return False


def _record(session: Session, node: Node, person: OpenPerson, action: str) -> None:
    record_under(session, node, Actor.person(person.area), action, key=person.key, fields=("consent",))
