"""One piece of work under way while the next is made ready."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import Self


class Ahead:
    """Work in a thread of its own, one piece at a time; an error of it is raised where the next one is handed over.

    On its way out it waits for the last one.
    """

    def __init__(self) -> None:
        """Nothing is under way."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tonglu-ledger")
        self._waiting: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Begin some work as soon as the work before it is done."""
        self._settle()
        self._waiting = self._pool.submit(copy_context().run, work)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the last work; its error does not hide one that came before it."""
        try:
            if kind is None:
                self._settle()
        finally:
            self._pool.shutdown()

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.result()
