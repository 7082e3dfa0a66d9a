"""A backup is one moment of the node, restores whole, and also changes the database."""

import contextlib
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from federation.tables import Destination, OutboxMessage
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy
from schemas.problems import SettingInvalid
from service.backup import backup, restore
from service.database import Database, Lease
from service.founding import found
from service.migrations import migrate
from service.settings import Settings

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
CLOCK = FakeClock(NOW)


@pytest.fixture
def settings(tmp_path: Path, new_database_url: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A node with an empty, migrated database of its own."""
    monkeypatch.setenv("TONGLU_DATABASE_URL", new_database_url(empty=True))
    made = found(tmp_path / "node", region="790303", name="澜江市", base_url="https://lanjiang.example")
    migrate(made.database)
    return made


@contextlib.contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def fill(session: Session) -> None:
    session.add(Lease(name="a", holder="澜江", expires_at=NOW))
    session.add(Destination(region="790101", stream="old", next_streamseq=7, lease_holder="gone", lease_until=NOW))
    for name in ("one", "two"):
        message = OutboxMessage(
            id=name, region="790101", type="t", subject="s", body=b"\x00\xff", state="queued", created_at=NOW
        )
        session.add(message)
        session.flush()


def test_a_node_comes_back_whole(
    settings: Settings, tmp_path: Path, new_database_url: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(settings.database) as database:
        database.write_sync(fill)
    settings.checkpoints_path.write_text("a checkpoint\n", encoding="utf-8")
    backup(settings, tmp_path / "node.tar.gz", CLOCK)
    monkeypatch.setenv("TONGLU_DATABASE_URL", new_database_url(empty=True))
    again = restore(tmp_path / "node.tar.gz", tmp_path / "again", SeededEntropy(1))
    for name in ("keys.json", "master.key", "tonglu.toml", "checkpoints.txt"):
        assert (again.dir / name).read_bytes() == (settings.dir / name).read_bytes(), name
        assert stat.S_IMODE((again.dir / name).stat().st_mode) == 0o600
    with opened(again.database) as database:
        assert database.read_sync(lambda s: s.get_one(Lease, "a").holder) == "澜江"
        assert database.read_sync(lambda s: [m.body for m in s.exec(select(OutboxMessage))]) == [b"\x00\xff"] * 2
        # A number that was given before the backup is never given again.
        database.write_sync(
            lambda s: s.add(
                OutboxMessage(id="three", region="790101", type="t", subject="s", body=b"", state="q", created_at=NOW)
            )
        )
        numbers = database.read_sync(lambda s: [m.number for m in s.exec(select(OutboxMessage))])
        assert len(set(numbers)) == 3


def test_a_restored_node_opens_new_streams(
    settings: Settings, tmp_path: Path, new_database_url: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(settings.database) as database:
        database.write_sync(fill)
    backup(settings, tmp_path / "node.tar.gz", CLOCK)
    monkeypatch.setenv("TONGLU_DATABASE_URL", new_database_url(empty=True))
    again = restore(tmp_path / "node.tar.gz", tmp_path / "again", SeededEntropy(1))
    with opened(again.database) as database:
        destination = database.read_sync(lambda s: s.get_one(Destination, "790101"))
    assert destination.stream != "old"
    assert (destination.next_streamseq, destination.lease_holder) == (1, None)


def test_a_node_moves_to_the_other_database(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(settings.database) as database:
        database.write_sync(fill)
    backup(settings, tmp_path / "node.tar.gz", CLOCK)
    monkeypatch.delenv("TONGLU_DATABASE_URL")
    again = restore(tmp_path / "node.tar.gz", tmp_path / "again", SeededEntropy(1))
    assert again.database.startswith("sqlite")
    with opened(again.database) as database:
        assert database.read_sync(lambda s: s.get_one(Lease, "a").expires_at) == NOW


def test_a_place_may_be_named_from_where_one_stands(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(settings.database) as database:
        database.write_sync(fill)
    backup(settings, tmp_path / "node.tar.gz", CLOCK)
    monkeypatch.delenv("TONGLU_DATABASE_URL")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    for place in (Path("again"), Path("link/once more")):
        again = restore(Path("node.tar.gz"), place, SeededEntropy(1))
        with opened(again.database) as database:
            assert database.read_sync(lambda s: s.get_one(Lease, "a").expires_at) == NOW
    with pytest.raises(FileNotFoundError):
        restore(Path("no backup"), Path("nowhere"), SeededEntropy(1))
    assert not Path("nowhere").exists()


def test_a_backup_under_load_is_one_moment(settings: Settings, tmp_path: Path) -> None:
    stop = threading.Event()
    started = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1

            def both(session: Session, number: int = number) -> None:
                for side in ("left", "right"):
                    session.merge(Lease(name=side, holder=str(number), expires_at=NOW))

            database.write_sync(both)
            started.set()

    with opened(settings.database) as database:
        writing = threading.Thread(target=work)
        writing.start()
        assert started.wait(30)
        for number in range(3):
            backup(settings, tmp_path / f"{number}.tar.gz", CLOCK)
        stop.set()
        writing.join()
    for number in range(3):
        with tarfile.open(tmp_path / f"{number}.tar.gz") as archive:
            archive.extract("tonglu.sqlite", tmp_path / f"out-{number}", filter="data")
        with opened(f"sqlite:///{tmp_path}/out-{number}/tonglu.sqlite") as copy:
            assert copy.read_sync(lambda s: s.execute(text("PRAGMA integrity_check")).scalar()) == "ok"
            sides = copy.read_sync(lambda s: {lease.holder for lease in s.exec(select(Lease))})
            assert len(sides) == 1, "both sides were written in one transaction"


def test_a_master_key_kept_elsewhere_is_not_in_the_backup(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere.key"
    settings.master_key_path.rename(elsewhere)
    monkeypatch.setenv("TONGLU_MASTER_KEY_FILE", str(elsewhere))
    backup(Settings.load(settings.dir), tmp_path / "node.tar.gz", CLOCK)
    with tarfile.open(tmp_path / "node.tar.gz") as archive:
        assert "master.key" not in archive.getnames()


def test_a_backup_is_its_owners_and_replaces_nothing(settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "node.tar.gz"
    backup(settings, target, CLOCK)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        backup(settings, target, CLOCK)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".tonglu")) == []


def test_what_is_no_backup_is_refused_and_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    noise = tmp_path / "noise.tar.gz"
    noise.write_bytes(b"not a tar")
    evil = tmp_path / "evil.tar.gz"
    with tarfile.open(evil, "w:gz") as archive:
        archive.add(noise, "../evil")
    link = tmp_path / "link.tar.gz"
    with tarfile.open(link, "w:gz") as archive:
        entry = tarfile.TarInfo("keys.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    for source in (noise, evil, link):
        with pytest.raises(SettingInvalid, match="no backup"):
            restore(source, tmp_path / "again", SeededEntropy(1))
        assert not (tmp_path / "again").exists()
    assert not (tmp_path / "evil").exists()
    with pytest.raises(FileNotFoundError):
        restore(tmp_path / "nowhere.tar.gz", tmp_path / "again", SeededEntropy(1))


def test_a_node_is_never_restored_over_another(settings: Settings, tmp_path: Path) -> None:
    backup(settings, tmp_path / "node.tar.gz", CLOCK)
    with pytest.raises(SettingInvalid, match="not empty"):
        restore(tmp_path / "node.tar.gz", settings.dir, SeededEntropy(1))
    with opened(settings.database) as database:
        database.write_sync(fill)
    # TONGLU_DATABASE_URL still names the living node's database.
    with pytest.raises(SettingInvalid, match="database_url"):
        restore(tmp_path / "node.tar.gz", tmp_path / "again", SeededEntropy(1))
