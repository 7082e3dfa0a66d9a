"""Passwords that are hashed at the least cost: what a test says about signing in does not hang on 64 MiB and 50 ms.

Processes of their own hash as they do in an office; `tests/service/officers/test_sign_in.py` holds what it costs there.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from service.officers import passwords

REAL_HASHER, REAL_NOBODY = passwords._HASHER, passwords._NOBODY


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """Hash and check in this process at Argon2's least cost."""
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", cheap)
        patch.setattr(passwords, "_NOBODY", cheap.hash("a password of nobody"))
        yield
