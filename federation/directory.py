"""Directories: a versioned, signed list of regions, followed by choice. It informs, and decides nothing.

To follow one, its file is carried by hand: name, URL and the key that signs the list. From then on a list counts only
if that key signed it and its version is higher than the one kept. A list that is late, broken, unreachable or older
changes nothing and stops nothing: the last good one stays in force, and ``doctor`` says so.

A region that is listed is still paired by two files and six words. What the list adds is a second opinion: whether the
key and the address in an invitation, or of a peer, are those that the directory knows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError
from sqlmodel import Session, col, or_, select

from federation.jws import JwsRefused, read_jws, sign_jws_with
from federation.keys import Jwk, KeyUnusable, NodeKey, public_bytes
from federation.node import FederationNode
from federation.peers import list_peers, transport_keys
from federation.tables import FollowedDirectory, PeerState
from schemas.directory import (
    DIRECTORY_TYP,
    DirectoryDocument,
    DirectoryFile,
    DirectoryList,
    ListedNode,
)
from schemas.problems import Conflict, InvalidInput, NotFound
from schemas.strict_json import UnreadableJsonError, read_document

FETCH_EVERY = timedelta(hours=6)
RETRY_EVERY = timedelta(hours=1)

Verdict = Literal["listed", "other_key", "other_address", "not_paired", "not_listed"]


@dataclass(frozen=True)
class Opinion:
    """What one directory says of one region."""

    directory: str
    region: str
    verdict: Verdict


def read_file(fed: FederationNode, document: Any) -> DirectoryFile:
    """The file by which a directory is followed; raises ``InvalidInput`` unless it is one with a usable key and URL."""
    try:
        found = DirectoryFile.from_wire(document)
        public_bytes(found.jwk.to_wire())
    except (ValidationError, KeyUnusable):
        raise InvalidInput("The file is not a directory's.") from None
    if not fed.allow_private_peers and not found.url.startswith("https://"):
        raise InvalidInput("The directory's address is not https.")
    return found


def follow(session: Session, file: DirectoryFile) -> FollowedDirectory:
    """Follow a directory from now on; raises ``Conflict`` where one of this name is followed."""
    if session.get(FollowedDirectory, file.name) is not None:
        raise Conflict
    row = FollowedDirectory(name=file.name, url=file.url, jwk=file.jwk.to_wire())
    session.add(row)
    session.flush()
    return row


def leave(session: Session, name: str) -> None:
    """Follow a directory no longer; raises ``NotFound``. Peers stay as they are."""
    row = session.get(FollowedDirectory, name)
    if row is None:
        raise NotFound
    session.delete(row)
    session.flush()


def followed(session: Session) -> list[FollowedDirectory]:
    """The directories that are followed, by name."""
    return list(session.exec(select(FollowedDirectory).order_by(col(FollowedDirectory.name))).all())


def due_directories(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Name and URL of each directory whose list is to be fetched now."""
    due = or_(col(FollowedDirectory.next_fetch_at).is_(None), col(FollowedDirectory.next_fetch_at) <= now)
    wanted = select(FollowedDirectory.name, FollowedDirectory.url).where(due).order_by(col(FollowedDirectory.name))
    return [(name, url) for name, url in session.exec(wanted).all()]


def take_list(session: Session, name: str, document: bytes, now: datetime) -> bool:
    """Keep a list that was fetched, or carried by hand, if it counts; else note why not and keep the last good one.

    Raises ``NotFound`` for a directory that is not followed.
    """
    row = session.get(FollowedDirectory, name)
    if row is None:
        raise NotFound
    try:
        jws = DirectoryDocument.from_wire(read_document(document)).jws
        found = _checked(row, jws)
    except (UnreadableJsonError, ValidationError, JwsRefused):
        note_failure(session, name, "not_a_list_of_this_key", now)
        return False
    if found.version < row.version or (found.version == row.version and jws != row.list_jws):
        note_failure(session, name, "older_version", now)
        return False
    if found.version > row.version:
        row.version, row.list_jws, row.taken_at = found.version, jws, now
    row.failures, row.fetch_fault, row.next_fetch_at = 0, None, now + FETCH_EVERY
    session.add(row)
    session.flush()
    return True


def note_failure(session: Session, name: str, fault: str, now: datetime) -> None:
    """Note why a list could not be had (a short code); the last good one stays in force."""
    row = session.get(FollowedDirectory, name)
    if row is None:
        return
    row.failures, row.fetch_fault, row.next_fetch_at = row.failures + 1, fault[:40], now + RETRY_EVERY
    session.add(row)
    session.flush()


def listed(row: FollowedDirectory) -> tuple[ListedNode, ...]:
    """The regions of the last good list; none before there is one."""
    if row.list_jws is None:
        return ()
    return DirectoryList.from_wire(read_jws(row.list_jws, DIRECTORY_TYP).payload).nodes


def opinions_on(session: Session, region: str, base_url: str, transport_kids: set[str]) -> list[Opinion]:
    """What each directory says of a region that introduces itself with this address and these keys."""
    return [
        Opinion(row.name, region, _verdict(one, base_url, transport_kids))
        for row in followed(session)
        for one in listed(row)
        if one.region == region
    ]


def compare(session: Session, fed: FederationNode, now: datetime) -> list[Opinion]:
    """Where the directories and our peers differ: regions not paired yet, peers with other keys or addresses, or in no
    list of a directory that has one.
    """
    peers = {peer.region: peer for peer in list_peers(session) if peer.state not in _NO_NODE}
    found: list[Opinion] = []
    for row in followed(session):
        nodes = listed(row)
        for one in nodes:
            peer = peers.get(one.region)
            if peer is None:
                verdict: Verdict = "not_paired"
            else:
                kids = {jwk["kid"] for jwk in transport_keys(session, one.region, now)}
                verdict = _verdict(one, peer.base_url or "", kids)
            if verdict != "listed" and one.region != fed.region:
                found.append(Opinion(row.name, one.region, verdict))
        regions = {one.region for one in nodes}
        found += [Opinion(row.name, region, "not_listed") for region in peers if nodes and region not in regions]
    return found


def sign_list(key: NodeKey, found: DirectoryList) -> dict[str, str]:
    """The document that a directory publishes at its URL."""
    return {"jws": sign_jws_with(key, DIRECTORY_TYP, found.to_wire())}


_NO_NODE = (PeerState.PAPER, PeerState.REVOKED)


def _checked(row: FollowedDirectory, jws: str) -> DirectoryList:
    parsed = read_jws(jws, DIRECTORY_TYP)
    jwk: Jwk = row.jwk
    if not parsed.is_by(jwk):
        raise JwsRefused("not signed by the directory's key")
    found = DirectoryList.from_wire(parsed.payload)
    if found.directory != row.name:
        raise JwsRefused("another directory's list")
    return found


def _verdict(one: ListedNode, base_url: str, kids: set[str]) -> Verdict:
    if one.transport_kid not in kids:
        return "other_key"
    return "listed" if one.base_url == base_url else "other_address"
