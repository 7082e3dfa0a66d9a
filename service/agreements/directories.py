"""Following directories: fetching their lists in time, and what an operator should look at."""

from collections.abc import Iterator
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from sqlmodel import Session

from federation.directory import compare, due_directories, followed, note_failure, take_list
from schemas.directory import MAX_LIST_BYTES
from service.context import Node

_log = structlog.stdlib.get_logger(__name__)


class PublicFetcher(Protocol):
    """Whatever fetches a public document; ``federation.client.PeerClient`` is one."""

    async def get_public(self, base_url: str, path: str, accept: str, max_bytes: int) -> bytes | None:
        """The body at ``path``; None where there is none (404). Raises `OSError` for anything else."""
        ...


async def fetch_due_directories(node: Node, client: PublicFetcher) -> int:
    """Fetch the list of each directory that is due; returns how many gave a good one. A bad one stops nothing."""
    good = 0
    for name, url in await node.database.read(lambda session: due_directories(session, node.now())):
        parts = urlsplit(url)
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        try:
            document = await client.get_public(
                f"{parts.scheme}://{parts.netloc}", path, "application/json", MAX_LIST_BYTES
            )
        except OSError as error:
            await node.database.write(partial(note_failure, name=name, fault=str(error), now=node.now()))
            _log.warning("directory_not_fetched")
            continue
        taken = await node.database.write(partial(take_list, name=name, document=document or b"", now=node.now()))
        if not taken:
            _log.warning("directory_not_taken")
        good += taken
    return good


def findings(session: Session, node: Node) -> Iterator[str]:
    """What an operator should look at, in sentences: lists that are late, and where they and our peers differ."""
    for row in followed(session):
        if row.failures or row.taken_at is None:
            since = "never had one" if row.taken_at is None else f"version {row.version} stays in force"
            yield f"directory {row.name}: no new list ({row.fetch_fault or 'not asked yet'}); {since}"
    for one in compare(session, node.fed, node.now()):
        if one.verdict in _TO_LOOK_AT:
            yield f"directory {one.directory}: {one.region} {_TO_LOOK_AT[one.verdict]}"


_TO_LOOK_AT = {
    "other_key": "is listed with another key than the one pinned here: call the office",
    "other_address": "is listed with another address than the one known here",
    "not_listed": "is a peer here and is not listed",
}
