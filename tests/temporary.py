"""Where a run keeps what does not outlive it: in memory, where the machine has room there.

A run makes thousands of databases, each with its flushes to the disk, and throws them all away. On a disk the workers
wait for one another's flushes: a fixture of a tenth of a second then takes ten. Nothing is proved by that: the tests
that kill, kill the node and not the machine, and what they count on, the kernel's cache of files, is the same in both.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

IN_MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes that must be free there; a run takes a fifth of it."""
CHOSEN_BY = ("TMPDIR", "PYTEST_DEBUG_TEMPROOT")


def keep_in_memory(config: pytest.Config) -> None:
    """Let this process and those it starts make their temporary files in memory, unless somebody said where."""
    if config.option.basetemp or any(os.environ.get(name) for name in CHOSEN_BY):
        return
    if os.access(IN_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(IN_MEMORY).free >= ROOM:
        os.environ["TMPDIR"] = str(IN_MEMORY)
        # Asked for anew from now on.
        tempfile.tempdir = None
