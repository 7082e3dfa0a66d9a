"""A node's directory is laid out whole or not at all."""

import json
import stat
from pathlib import Path

import pytest

from federation.keys import NodeKeys
from schemas.entropy import SeededEntropy
from schemas.problems import SettingInvalid
from service.founding import found

LANJIANG = {"region": "790303", "name": "澜江市", "base_url": "https://lanjiang.example"}


def test_a_node_is_laid_out(tmp_path: Path) -> None:
    settings = found(tmp_path / "node", **LANJIANG)
    assert (settings.region, settings.name, settings.base_url) == tuple(LANJIANG.values())
    assert sorted(path.name for path in settings.dir.iterdir()) == ["keys.json", "master.key", "tonglu.toml"]
    NodeKeys.load(settings.keys_path)
    assert len(settings.read_master_key()) == 32


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    settings = found(tmp_path / "node", **LANJIANG)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in settings.dir.iterdir()}
    assert modes == {"keys.json": 0o600, "master.key": 0o600, "tonglu.toml": 0o600}
    assert stat.S_IMODE(settings.dir.stat().st_mode) == 0o700


def test_two_nodes_have_different_keys_and_one_seed_gives_one_node(tmp_path: Path) -> None:
    def keys(name: str, seed: int) -> object:
        return json.loads(found(tmp_path / name, **LANJIANG, entropy=SeededEntropy(seed)).keys_path.read_text())

    assert keys("a", 1) == keys("b", 1)
    assert keys("c", 1) != keys("d", 2)


@pytest.mark.parametrize(
    "wrong", [{"region": "7903"[:3]}, {"region": "x"}, {"name": ""}, {"base_url": "lanjiang"}, {"base_url": "ftp://x"}]
)
def test_a_wrong_value_leaves_nothing_behind(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(SettingInvalid) as refused:
        found(tmp_path / "node", **{**LANJIANG, **wrong})
    assert next(iter(wrong)) in refused.value.detail
    assert not (tmp_path / "node").exists()


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "somebody's.txt").write_text("mine")
    with pytest.raises(SettingInvalid, match="not empty"):
        found(tmp_path, **LANJIANG)
    assert [path.name for path in tmp_path.iterdir()] == ["somebody's.txt"]


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.key"
    broken.write_text("no key")
    broken.chmod(0o600)
    monkeypatch.setenv("TONGLU_MASTER_KEY_FILE", str(broken))
    with pytest.raises(SettingInvalid):
        found(tmp_path / "node", **LANJIANG)
    assert list((tmp_path / "node").iterdir()) == []
