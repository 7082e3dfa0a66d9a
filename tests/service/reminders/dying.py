"""A reminder run in a process of its own that ends itself, as a power cut would, at the point it is told."""

import asyncio
import os
import signal
import sys
from datetime import datetime

from schemas.clock import FakeClock
from service.database import Database
from service.reminders.run import run_reminders
from tests.service.own_node import make_side


def main() -> None:
    url, smtp_url, moment, deadly = sys.argv[1:]

    def point(name: str) -> None:
        if name == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    side = make_side(Database(url), clock=FakeClock(datetime.fromisoformat(moment)), point=point, smtp_url=smtp_url)
    asyncio.run(run_reminders(side.node))


if __name__ == "__main__":
    main()
