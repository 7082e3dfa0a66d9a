"""One leads at a time, on both databases."""

from sqlmodel import col, select

from service.database import Database, Lease, drop_lease, take_lease
from tests.service.test_database import NOW


def test_a_lease_has_one_holder_until_it_ends(database: Database) -> None:
    def take(holder: str, second: int) -> bool:
        at = NOW.replace(second=second)
        return database.write_sync(lambda s: take_lease(s, "log", holder, at, 10))

    assert take("one", 0)
    assert not take("two", 5)
    assert take("one", 6), "the holder extends it"
    assert not take("two", 15)
    assert take("two", 16)
    assert not take("one", 17)


def test_a_lease_given_back_is_free(database: Database) -> None:
    database.write_sync(lambda s: take_lease(s, "log", "one", NOW, 3600))
    database.write_sync(lambda s: drop_lease(s, "log", "two"))
    assert not database.write_sync(lambda s: take_lease(s, "log", "two", NOW, 10))
    database.write_sync(lambda s: drop_lease(s, "log", "one"))
    assert database.write_sync(lambda s: take_lease(s, "log", "two", NOW, 10))
    assert database.read_sync(lambda s: s.exec(select(col(Lease.holder))).one()) == "two"
