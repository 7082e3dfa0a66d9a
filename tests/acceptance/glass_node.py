"""`tonglu` with a vault of glass: `python glass_node.py FILE COMMAND…` also writes all that is ever sealed to FILE.

What lies sealed in a database cannot be searched. This runs the real command, and the real vault seals; each plaintext
is noted besides, so that a test can tell that nothing of what must not be kept was sealed either.
"""

import sys
from pathlib import Path
from typing import Any

from service.cli import run
from service.vault import Vault


def main() -> int:
    file, *arguments = sys.argv[1:]
    seal, seal_secret = Vault.seal, Vault.seal_secret

    def note(plaintext: bytes) -> None:
        with Path(file).open("ab") as out:
            out.write(plaintext + b"\n")

    def seal_seen(self: Vault, key: bytes, plaintext: bytes, context: str, **options: Any) -> bytes:
        note(plaintext)
        return seal(self, key, plaintext, context, **options)

    def seal_secret_seen(self: Vault, context: str, plaintext: bytes, **options: Any) -> bytes:
        note(plaintext)
        return seal_secret(self, context, plaintext, **options)

    Vault.seal, Vault.seal_secret = seal_seen, seal_secret_seen  # type: ignore[method-assign]
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
