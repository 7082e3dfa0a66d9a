"""A node in one file, and back: consistent while the node runs, whole or not at all.

The file is a gzipped tar that only its owner may read:

=================  =================================================================================================
``manifest.json``  what wrote it, when, for which region
``tonglu.sqlite``  the whole database, as an SQLite file whatever the node runs on, so that it can also change over
``tonglu.toml``    the settings
``keys.json``      the node's private keys
``master.key``     only if it lies in the node's directory; kept elsewhere (TONGLU_MASTER_KEY_FILE) it is not in here,
                   and the backup alone opens no name
``checkpoints.txt``  the signed tree heads of the access log
=================  =================================================================================================

Order matters under load: the checkpoints are read before the database (they are written after it, so none is newer
than the database that goes with it), the keys after it (old keys stay in their file, so none is missing).

A restored node has forgotten what it sent and took since the backup. Its streams would give numbers a second time, so
it opens new ones; and it tells each peer up to which number it holds theirs, so that they send the rest again (the
protocol's `restore` and `node.returned`).
"""

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update
from sqlalchemy.engine import make_url
from sqlmodel import Session

from federation.keys import NodeKeys
from federation.node import FederationNode
from federation.returning import come_back
from federation.tables import Destination
from schemas.clock import Clock, SystemClock
from schemas.entropy import Entropy, uuid4
from schemas.problems import SettingInvalid
from service.engines import open_engines, sqlite_driver
from service.founding import clear, write_private
from service.migrations import migrate, upgrade
from service.migrations.metadata import all_tables
from service.settings import Settings

FORMAT = 1
DATABASE = "tonglu.sqlite"
FILES = ("checkpoints.txt", DATABASE, "keys.json", "tonglu.toml", "master.key")
"""What a backup may hold besides its manifest; nothing else is taken out of one."""

ROWS_AT_ONCE = 1000


def backup(settings: Settings, target: Path, clock: Clock) -> dict[str, Any]:
    """Write the node into `target` (mode 0600) and return the manifest; the node may run meanwhile.

    Raises FileExistsError when there is such a file, and OSError when it cannot be written.
    """
    if target.exists():
        raise FileExistsError(17, "is there already", str(target))
    manifest: dict[str, Any] = {"tonglu_backup": FORMAT, "region": settings.region, "made_at": clock.now().isoformat()}
    with tempfile.TemporaryDirectory(prefix=".tonglu-backup-", dir=target.absolute().parent) as directory:
        draft = Path(directory)
        if settings.checkpoints_path.exists():
            (draft / "checkpoints.txt").write_bytes(settings.checkpoints_path.read_bytes())
        copy_database(settings.database, draft / DATABASE)
        for path in (settings.keys_path, settings.dir / "tonglu.toml"):
            (draft / path.name).write_bytes(path.read_bytes())
        if settings.master_key_path == settings.dir / "master.key":
            (draft / "master.key").write_bytes(settings.master_key_path.read_bytes())
        (draft / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        whole = draft / "whole.tar.gz"
        write_private(whole, b"")
        with tarfile.open(whole, "w:gz", compresslevel=1) as archive:
            for name in ("manifest.json", *FILES):
                if (draft / name).exists():
                    archive.add(draft / name, name, recursive=False, filter=_owner_only)
        whole.replace(target)
    settings.last_backup_path.unlink(missing_ok=True)
    write_private(settings.last_backup_path, manifest["made_at"].encode())
    return manifest


def restore(source: Path, directory: Path, entropy: Entropy, clock: Clock | None = None) -> Settings:
    """Lay out the node of the backup `source` in `directory`, which must be empty, and return its settings.

    The database goes where the settings say (TONGLU_DATABASE_URL wins, so a node can move to PostgreSQL). Raises
    SettingInvalid when the file is no backup or a place is taken; then nothing is left behind.
    """
    if directory.exists() and any(directory.iterdir()):
        raise SettingInvalid(f"{directory} is not empty")
    made = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    try:
        _extract(source, directory)
        settings = Settings.load(directory, allow_private_peers=True)
        settings.read_master_key()
        _place_database(settings, directory / DATABASE)
        _open_new_streams(settings.database, entropy)
        _tell_peers(settings, entropy, clock)
    except BaseException:
        clear(directory)
        if made:
            directory.rmdir()
        raise
    return settings


def _owner_only(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode, entry.uid, entry.gid, entry.uname, entry.gname = 0o600, 0, 0, "", ""
    return entry


def _extract(source: Path, directory: Path) -> None:
    """Take the files we know out of `source`, each a plain file; whatever else it holds is refused."""
    try:
        with tarfile.open(source, "r:gz") as archive:
            members = archive.getmembers()
            if {m.name for m in members} - {"manifest.json", *FILES} or not all(m.isreg() for m in members):
                raise SettingInvalid(f"{source} is no backup of Tonglu")
            for member in members:
                content = archive.extractfile(member)
                if content is not None:
                    write_private(directory / member.name, b"")
                    with (directory / member.name).open("wb") as file:
                        shutil.copyfileobj(content, file)
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        (directory / "manifest.json").unlink()
        if manifest.get("tonglu_backup") != FORMAT or not (directory / DATABASE).exists():
            raise SettingInvalid(f"{source} is no backup of Tonglu")
    except (tarfile.TarError, EOFError, ValueError, FileNotFoundError) as error:
        if not source.exists():
            raise
        raise SettingInvalid(f"{source} is no backup of Tonglu: {error}") from error


# --- the database -----------------------------------------------------------------------------------------------------


def copy_database(url: str, target: Path) -> None:
    """The whole database at `url`, as of one moment, as the SQLite file `target`."""
    if make_url(url).get_backend_name() == "sqlite":
        # VACUUM INTO reads one snapshot, takes no write lock, and leaves out the pages of what was deleted.
        driver: Any = sqlite_driver()
        with closing(driver.connect(make_url(url).database, timeout=10)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
        return
    migrate(f"sqlite:///{target}")
    _copy_rows(url, f"sqlite:///{target}")


def _place_database(settings: Settings, copy: Path) -> None:
    """Put the copy where the settings say. Raises SettingInvalid when a database with officers is there already."""
    where = make_url(settings.database)
    if where.get_backend_name() == "sqlite":
        target = Path(where.database or "")
        if target.resolve() != copy.resolve():
            if target.exists():
                raise SettingInvalid(f"database_url: {target} is there already")
            copy.replace(target)
        migrate(settings.database)
        return
    migrate(f"sqlite:///{copy}")
    migrate(settings.database)
    _copy_rows(f"sqlite:///{copy}", settings.database)
    copy.unlink()


def _copy_rows(source_url: str, target_url: str) -> None:
    """Every row of every table, from one snapshot into a migrated database without rows."""
    source, target = open_engines(source_url, readers=1), open_engines(target_url, readers=1, foreign_keys=False)
    try:
        with source.read.begin() as reading, target.write.begin() as writing:
            upgrade(writing)
            for table in all_tables().sorted_tables:
                if writing.execute(select(func.count()).select_from(table)).scalar_one():
                    raise SettingInvalid(f"database_url: the database is not empty ({table.name})")
                for rows in _rows(reading, table):
                    writing.execute(insert(table), rows)
                _continue_numbers(writing, table)
    finally:
        source.dispose()
        target.dispose()


def _rows(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of `table`, some at a time."""
    result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
    for part in result.mappings().partitions():
        yield [dict(row) for row in part]


def _continue_numbers(connection: Connection, table: Table) -> None:
    """PostgreSQL's sequences know nothing of numbers that were copied in."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar()
    if sequence is not None:
        highest = connection.execute(select(func.max(column))).scalar()
        connection.execute(select(func.setval(sequence, highest or 1, highest is not None)))


def _open_new_streams(url: str, entropy: Entropy) -> None:
    """Numbers given since the backup are known to peers: start anew, each stream under a fresh name."""
    engines = open_engines(url, readers=1)
    destination = Destination.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
    try:
        with engines.write.begin() as connection:
            for region in connection.execute(select(destination.c.region)).scalars().all():
                connection.execute(
                    update(destination)
                    .where(destination.c.region == region)
                    .values(stream=uuid4(entropy), next_streamseq=1, lease_holder=None, lease_until=None)
                )
    finally:
        engines.dispose()


def _tell_peers(settings: Settings, entropy: Entropy, clock: Clock | None) -> None:
    """Queue for each peer what the restored node holds of its streams."""
    fed = FederationNode(
        region=settings.region,
        name=settings.name,
        base_url=settings.base_url,
        keys=NodeKeys.load(settings.keys_path),
        clock=clock or SystemClock(),
        entropy=entropy,
    )
    engines = open_engines(settings.database, readers=1)
    try:
        with engines.write.begin() as connection, Session(connection) as session:
            come_back(session, fed, restored=True)
            session.flush()
    finally:
        engines.dispose()
