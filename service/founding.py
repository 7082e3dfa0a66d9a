"""Making a node's directory: keys, master key, settings, database and the first officer, whole or not at all."""

import base64
import json
import os
import shutil
from pathlib import Path

from pydantic import ValidationError

from federation.keys import NodeKeys
from schemas.entropy import Entropy, SystemEntropy
from schemas.problems import SettingInvalid
from service.settings import Settings, first_reason, refuse_unknown_variables

SETTINGS_HEAD = """\
# A node of Tonglu. Every setting may also stand in the environment as TONGLU_<NAME>, which wins.
# All settings: docs/reference/settings.md
"""


def found(directory: Path, *, region: str, name: str, base_url: str, entropy: Entropy | None = None) -> Settings:
    """Lay out `directory` for the node of `region` and return its settings; the database is left to the caller.

    Raises SettingInvalid when a value is wrong, or when the directory holds a node or anything else already.
    """
    entropy = entropy or SystemEntropy()
    refuse_unknown_variables()
    toml = directory / "tonglu.toml"
    try:
        # Whether http and private peers are allowed is asked when the node starts, not when it is laid out.
        Settings(region=region, name=name, base_url=base_url, allow_private_peers=True)
    except ValidationError as error:
        raise SettingInvalid(first_reason(error, toml).replace(f" in {toml}", "")) from None
    if directory.exists() and any(entry.name != "lost+found" for entry in directory.iterdir()):
        raise SettingInvalid(f"{directory} is not empty")
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    try:
        return _lay_out(directory, region, name, base_url, entropy)
    except BaseException:
        clear(directory)
        raise


def _lay_out(directory: Path, region: str, name: str, base_url: str, entropy: Entropy) -> Settings:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in
             (("region", region), ("name", name), ("base_url", base_url))]  # fmt: skip
    write_private(directory / "tonglu.toml", (SETTINGS_HEAD + "".join(lines)).encode())
    NodeKeys.generate(entropy).save(directory / "keys.json")
    settings = Settings.load(directory, allow_private_peers=True)
    if not settings.master_key_path.exists():
        write_private(settings.master_key_path, base64.urlsafe_b64encode(entropy.token_bytes(32)) + b"\n")
    settings.read_master_key()
    return settings


def clear(directory: Path) -> None:
    """Take back what `found` laid out, after a later step failed; the directory itself stays if it was there before."""
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, down to the disk. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
