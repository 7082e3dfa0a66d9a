"""How much requests may bring, one by one and together."""

import asyncio

import pytest
from starlette.exceptions import HTTPException

from service.routes.body_limit import BodyLimit

SCOPE = {"type": "http", "path": "/api/v1/ledgers", "headers": []}


class Upload:
    """A request that comes piece by piece."""

    def __init__(self, limit: BodyLimit) -> None:
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.task = asyncio.ensure_future(limit(SCOPE, self._receive, self._send))

    async def bring(self, piece: bytes | None) -> None:
        """Send a piece (`None`: the line is cut) and let it be read."""
        self.pieces.put_nowait(piece)
        for _ in range(5):
            await asyncio.sleep(0)

    async def _receive(self):
        piece = await self.pieces.get()
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def _send(self, message):
        raise AssertionError(message)


async def read_body(scope, receive, send):
    while (await receive()).get("more_body"):
        pass


@pytest.mark.parametrize("end", [b"", None])
async def test_uploads_share_one_room_and_give_it_back_when_they_end_or_break_off(end):
    limit = BodyLimit(read_body, max_upload_bytes=10, max_together_bytes=15)
    first, second = Upload(limit), Upload(limit)
    await first.bring(b"12345678")
    await second.bring(b"12345678")
    with pytest.raises(HTTPException) as refused:
        await second.task
    assert refused.value.status_code == 503
    await first.bring(end)
    await first.task
    third = Upload(limit)
    await third.bring(b"1234567890")
    await third.bring(b"")
    await third.task


async def test_one_upload_is_cut_off_at_its_bound_whatever_length_it_announced():
    upload = Upload(BodyLimit(read_body, max_upload_bytes=10))
    await upload.bring(b"1234567890")
    await upload.bring(b"1")
    with pytest.raises(HTTPException) as refused:
        await upload.task
    assert refused.value.status_code == 413
