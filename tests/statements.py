"""Each statement is compiled once in a process, and not once a test.

SQLAlchemy keeps what it compiled, and how it converts each type, with an engine's dialect; every test has engines of
its own. Here those that would compile alike share one dialect: the first of a kind whose connection was opened, for
only then the dialect knows its server.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine, event

MANY_STATEMENTS = 5000
"""More than the product has; else the cache would forget some while others are used."""


@contextmanager
def compiled_once() -> Iterator[None]:
    """Let all engines that are made meanwhile share what they compile."""
    make = sqlalchemy.create_engine
    shared: dict[Any, Engine] = {}

    def create_engine(url: Any, **options: Any) -> Engine:
        engine = make(url, **options, query_cache_size=MANY_STATEMENTS)
        dialect = engine.dialect
        kind = (type(dialect), dialect.dbapi, options.get("isolation_level"))
        first = shared.get(kind)
        if first is None:
            event.listen(engine, "engine_connect", lambda _: shared.setdefault(kind, engine), once=True)
        else:
            engine.dialect = engine.pool._dialect = first.dialect
            engine._compiled_cache = first._compiled_cache
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlalchemy, "create_engine", create_engine)
        yield
