"""Settings: the environment wins, and what is wrong or unsafe stops the start with one line."""

import base64
from datetime import time
from pathlib import Path

import pytest

from schemas.problems import SettingInvalid
from service.settings import Settings, split_listen

BASE = 'region = "790303"\nname = "澜江市"\nbase_url = "https://lanjiang.example"\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write(tmp_path)


def write(directory: Path, more: str = "") -> Path:
    (directory / "tonglu.toml").write_text(BASE + more, encoding="utf-8")
    return directory


def reason(directory: Path) -> str:
    with pytest.raises(SettingInvalid) as refused:
        Settings.load(directory)
    assert "\n" not in refused.value.detail
    return refused.value.detail


def test_the_defaults_are_safe(directory: Path) -> None:
    settings = Settings.load(directory)
    assert settings.database == f"sqlite:///{directory}/tonglu.sqlite"
    assert settings.listen == "127.0.0.1:8800"
    assert settings.timezone == "Asia/Shanghai"
    assert settings.release_times == (time(12), time(17))
    assert settings.allow_private_peers is False
    assert settings.sender == "noreply@lanjiang.example"
    assert settings.keys_path == directory / "keys.json"


def test_the_environment_wins_over_the_file(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(directory, 'listen = "127.0.0.1:1"\ntimezone = "UTC"\n')
    monkeypatch.setenv("TONGLU_LISTEN", "0.0.0.0:8000")
    settings = Settings.load(directory)
    assert (settings.listen, settings.timezone) == ("0.0.0.0:8000", "UTC")


def test_a_keyword_wins_over_both(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGLU_LISTEN", "0.0.0.0:8000")
    assert Settings.load(directory, listen="127.0.0.1:0").listen == "127.0.0.1:0"


def test_lists_and_times_are_written_with_commas(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGLU_NOTIFY_URLS", " ")
    monkeypatch.setenv("TONGLU_RELEASE_TIMES", "17:30,08:00")
    settings = Settings.load(directory)
    assert settings.notify_urls == ()
    assert settings.release_times == (time(8), time(17, 30))


@pytest.mark.asvs("12.2.1")
@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("TONGLU_REGION", "7903x3", "TONGLU_REGION"),
        ("TONGLU_BASE_URL", "lanjiang.example", "http or https"),
        ("TONGLU_BASE_URL", "https://u:p@lanjiang.example", "no query, fragment or user"),
        ("TONGLU_BASE_URL", "http://lanjiang.example", "TONGLU_ALLOW_PRIVATE_PEERS"),
        ("TONGLU_DATABASE_URL", "mysql://localhost/tonglu", "postgresql+psycopg://"),
        ("TONGLU_LISTEN", "8800", "host:port"),
        ("TONGLU_LISTEN", "127.0.0.1:99999", "host:port"),
        ("TONGLU_FEDERATION_LISTEN", "here", "host:port"),
        ("TONGLU_SMTP_URL", "mail.example:25", "smtp://"),
        ("TONGLU_NOTIFY_URLS", "wecombot://a", "e-mail only"),
        ("TONGLU_TIMEZONE", "Asia/Nowhere", "Asia/Nowhere"),
        ("TONGLU_TIMEZONE", "../etc/passwd", "no time zone"),
        ("TONGLU_RELEASE_TIMES", "noon", "TONGLU_RELEASE_TIMES"),
        ("TONGLU_RELEASE_TIMES", "always", "demo and tests"),
        ("TONGLU_ALLOW_PRIVATE_PEERS", "perhaps", "TONGLU_ALLOW_PRIVATE_PEERS"),
        ("TONGLU_DIVISIONS_FILE", "nowhere.csv", "no file"),
        ("TONGLU_MAX_MESSAGES", "201", "TONGLU_MAX_MESSAGES"),
        ("TONGLU_ALOW_PRIVATE_PEERS", "true", "is no setting"),
    ],
)
def test_what_is_wrong_or_unsafe_is_said_in_one_line(
    directory: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, why: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert why in reason(directory)


def test_a_misspelt_setting_in_the_file_is_named(directory: Path) -> None:
    write(directory, 'lissten = "127.0.0.1:1"\n')
    assert "lissten" in reason(directory)


def test_a_file_that_is_not_toml_is_named(directory: Path) -> None:
    write(directory, "listen = [\n")
    assert "tonglu.toml" in reason(directory)


def test_a_directory_without_a_node_is_named(tmp_path: Path) -> None:
    assert "tonglu.toml" in reason(tmp_path)


def test_weak_settings_come_only_together(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    monkeypatch.setenv("TONGLU_RELEASE_TIMES", "always")
    monkeypatch.setenv("TONGLU_BASE_URL", "http://127.0.0.1:8801/")
    settings = Settings.load(directory)
    assert settings.release_times == "always"
    assert settings.base_url == "http://127.0.0.1:8801"


@pytest.mark.asvs("13.3.1", "13.3.2")
@pytest.mark.parametrize("name", ["master.key", "keys.json"])
def test_a_key_that_others_may_read_stops_the_start(directory: Path, name: str) -> None:
    key = directory / name
    key.write_text("x", encoding="ascii")
    key.chmod(0o640)
    assert name in reason(directory)
    key.chmod(0o600)
    Settings.load(directory)


def test_the_master_key_is_32_bytes(directory: Path) -> None:
    settings = Settings.load(directory)
    with pytest.raises(SettingInvalid, match="no master key"):
        settings.read_master_key()
    settings.master_key_path.write_bytes(base64.urlsafe_b64encode(b"k" * 31))
    with pytest.raises(SettingInvalid, match="32 bytes"):
        settings.read_master_key()
    settings.master_key_path.write_bytes(base64.urlsafe_b64encode(b"k" * 32) + b"\n")
    assert settings.read_master_key() == b"k" * 32


def test_the_master_key_may_lie_elsewhere(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGLU_MASTER_KEY_FILE", "/run/secrets/master")
    assert Settings.load(directory).master_key_path == Path("/run/secrets/master")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("localhost:1", ("localhost", 1))],
)
def test_listen_is_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert split_listen(text) == expected
