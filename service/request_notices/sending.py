"""Telling people of requests: by day and on working days, each once, through the channel that they gave.

It is a job of its own, away from the request: what a peer sees does not depend on it. Only here it is looked up whether
there is anybody to tell: nobody is told who is hidden (a mailbox may be read by whom they hide from), gone, without an
address, or has switched these messages off.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from sqlmodel import Session, col, select

from federation.peers import find_peer
from schemas.identity import Language
from service.consents.messages import wants_request_messages
from service.context import Node
from service.mail import MAX_ATTEMPTS, LineDown, Mailer, MailRefused, may_send, retry_after
from service.registry.people import is_protected, open_own_record
from service.registry.tables import Person
from service.request_notices.letters import Letter, compose
from service.request_notices.tables import RequestNotice
from service.request_notices.waiting import ToTell, read_back, seal_again

AT_ONCE = 10
LEASE = timedelta(minutes=10)
"""For so long a notice that is being sent is nobody else's; also how long a mail server out of reach is left alone."""


async def send_request_notices(node: Node, *, open_mailer: Callable[[str], Mailer] = Mailer.open) -> int:
    """Tell who is to be told; returns how many mails left."""
    url, sent = node.settings.smtp_url, 0
    if url is None:
        return 0
    mailer: Mailer | None = None
    try:
        while may_send(node.now(), node.zone, node.calendar):
            letters, claimed = await node.database.write(lambda session: _claim(session, node))
            for letter in letters:
                if mailer is None:
                    mailer = await asyncio.to_thread(open_mailer, url)
                sent += await _send(node, mailer, letter)
            if not claimed:
                break
    except LineDown:
        return sent
    finally:
        if mailer is not None:
            await asyncio.to_thread(mailer.close)
    return sent


async def _send(node: Node, mailer: Mailer, letter: Letter) -> int:
    try:
        await asyncio.to_thread(mailer.send, compose(node, letter, node.now()))
    except MailRefused as error:
        for_good = error.for_good
        await node.database.write(lambda session: _put_off(session, node, letter.request_id, for_good=for_good))
        return 0
    await node.database.write(lambda session: _settle(session, letter.request_id))
    return 1


def _claim(session: Session, node: Node) -> tuple[list[Letter], int]:
    """The letters of the next few that are due, and how many those were; who is not to be told is settled at once."""
    now = node.now()
    due = select(RequestNotice).where(col(RequestNotice.sealed).is_not(None), col(RequestNotice.next_attempt_at) <= now)
    letters = []
    rows = session.exec(due.order_by(col(RequestNotice.next_attempt_at), col(RequestNotice.id)).limit(AT_ONCE)).all()
    for row in rows:
        told = _looked_up(session, node, read_back(node, row))
        if told is None:
            row.sealed = None
        else:
            row.sealed, row.next_attempt_at = seal_again(node, told), now + LEASE
            letters.append(_letter(session, told))
        session.add(row)
    session.flush()
    return letters, len(rows)


def _looked_up(session: Session, node: Node, one: ToTell) -> ToTell | None:
    """A notice with where to send it; `None` for who is not to be told.

    What is read goes to the person alone, like their own page, and is logged as little: an entry would tell those who
    read the log whether there was anybody to tell.
    """
    person = session.get(Person, one.person_id) if one.person_id is not None else None
    if person is None or person.state != "active" or is_protected(person, node.today()):
        return None
    if not wants_request_messages(session, node, node.vault.open_key(person.wrapped_key)):
        return None
    if one.email is not None:
        return one
    opened = open_own_record(session, node, person.id)
    if opened.contact.email is None:
        return None
    return replace(one, email=opened.contact.email, language=str(opened.language))


def _letter(session: Session, one: ToTell) -> Letter:
    peer = find_peer(session, one.peer)
    name = peer.name if peer is not None else one.peer
    return Letter(one.request_id, one.direction, name, one.email or "", Language(one.language or Language.CHINESE))


def _settle(session: Session, request_id: str) -> None:
    row = session.get(RequestNotice, request_id)
    if row is not None:
        row.sealed, row.attempts = None, row.attempts + 1
        session.add(row)
        session.flush()


def _put_off(session: Session, node: Node, request_id: str, *, for_good: bool) -> None:
    row = session.get(RequestNotice, request_id)
    if row is None:
        return
    row.attempts += 1
    if for_good or row.attempts >= MAX_ATTEMPTS:
        row.sealed = None
    row.next_attempt_at = node.now() + retry_after(row.attempts)
    session.add(row)
    session.flush()
