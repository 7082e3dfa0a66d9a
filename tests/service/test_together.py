"""Work for a set: what waits for the writer at the same moment is done at once, and one that fails, fails alone."""

import asyncio
import threading
from collections.abc import Sequence

from sqlmodel import Session

from service.database import MAX_TOGETHER, Database
from tests.service.test_database import Boom, names, put


async def test_a_set_of_arguments_that_wait_is_one_piece_of_work(database: Database) -> None:
    inside, leave = threading.Event(), threading.Event()
    sets: list[list[str]] = []

    def hold(session: Session) -> None:
        inside.set()
        leave.wait(20)

    def put_all(session: Session, wanted: Sequence[str]) -> list[str]:
        sets.append(list(wanted))
        for name in wanted:
            put(name)(session)
            if name == "07":
                session.flush()
                raise Boom
        return [name.upper() for name in wanted]

    held = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(inside.wait, 20)
    waiting = [asyncio.create_task(database.write_together(put_all, f"{n:02}")) for n in range(MAX_TOGETHER + 10)]
    waiting.append(asyncio.create_task(database.write(put("plain"))))
    waiting.append(asyncio.create_task(database.write_together(put_all, "late")))
    await asyncio.sleep(0)
    leave.set()
    await held
    got = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(got[7], Boom), "it fails alone"
    assert [one for one in got if not isinstance(one, Boom)] == [
        *(f"{n:02}" for n in range(MAX_TOGETHER + 10) if n != 7),
        None,
        "LATE",
    ]
    assert [len(sets[0]), sets[-1]] == [MAX_TOGETHER, ["late"]]
    assert len(sets) < 20, "halved down to the one that fails"
    assert len(await database.read(names)) == MAX_TOGETHER + 11
