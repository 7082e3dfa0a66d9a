"""What an operator may set: ``DIR/tonglu.toml`` and the environment ``TONGLU_*``.

The environment wins. A setting that is wrong, unknown or unsafe stops the start with one line that
says which one and why; nothing falls back in silence to something weaker.
"""

import base64
import binascii
import os
import stat
import tomllib
from contextvars import ContextVar
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from schemas.problems import SettingInvalid
from schemas.regions import RegionCode

ENVIRONMENT_PREFIX = "TONGLU_"
"""Every setting is also an environment variable: ``listen`` is ``TONGLU_LISTEN``."""

FOREIGN_PREFIXES = ("TONGLU_TEST_", "TONGLU_DEMO_")
"""Variables of the tests and of the demo's start script; they are no settings of a node."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Origins = Annotated[tuple[str, ...], NoDecode]
"""Several values in one variable, separated by commas."""

_file: ContextVar[Path | None] = ContextVar("_file", default=None)
"""The file that :meth:`Settings.load` reads just now: the library asks the class, not the call, for its sources."""


class Settings(BaseSettings):
    """One node's settings; build it with :meth:`load`, or by keyword in tests."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    region: RegionCode
    """The region's division code (GB/T 2260, GB/T 10114)."""
    name: str = Field(min_length=1, max_length=80)
    """The region's name, as officers and peers read it."""
    base_url: str
    """Where peers reach this node. Signatures cover it: it is configured, never read from a request."""

    database_url: str = ""
    """SQLAlchemy URL; empty means ``tonglu.sqlite`` in the node's directory."""
    listen: str = "127.0.0.1:8800"
    """Host and port of the officers' pages, the API and, without ``federation_listen``, the peers."""
    federation_listen: str | None = None
    """A second listener, for peers only; the first one then serves no federation endpoint."""
    master_key_file: Path | None = None
    """The key that wraps every person's key; default ``master.key`` in the node's directory."""

    smtp_url: str | None = None
    """``smtp://[user:password@]host[:port]`` or ``smtps://…``; without it no mail leaves, and none without TLS but to
    this machine."""
    mail_from: str | None = None
    """Sender of reminders; default ``noreply@`` and the host of ``base_url``."""
    notify_urls: Origins = ()
    """Other channels than mail. This version has none: anything but empty stops the start."""

    timezone: str = "Asia/Shanghai"
    """The one zone in which days begin, deadlines fall and answers are released."""
    release_times: Annotated[tuple[time, ...] | Literal["always"], NoDecode] = (time(12), time(17))
    """When answers that are not automatic leave, on working days; ``always`` for demo and tests, where what follows
    from an end does not wait for ten minutes of undoing either."""
    allow_private_peers: bool = False
    """Peers at private addresses or without TLS: for the demo, tests and closed networks."""

    divisions_file: Path | None = None
    """More divisions, as CSV ``code,name,parent``."""
    holidays_file: Path | None = None
    """Local holidays and later years' lists, as CSV ``date,kind`` (``holiday`` or ``workday``)."""

    max_messages: int = Field(default=200, ge=1, le=200)
    """Messages taken in one federation request (told in the descriptor)."""
    max_bytes: int = Field(default=1_048_576, ge=65_536, le=1_048_576)
    """Bytes taken in one federation request (told in the descriptor)."""
    requests_per_second: int = Field(default=10, ge=1, le=1000)
    """Federation requests a second taken from one peer (told in the descriptor)."""
    concurrent: int = Field(default=2, ge=1, le=64)
    """Federation requests taken at once from one peer (told in the descriptor)."""
    idle_minutes: int = Field(default=10, ge=1, le=60)
    """After so long without a request an officer's session locks."""
    second_factor: Literal["optional", "required"] = "optional"
    """Whether every officer must have a second factor; whoever has one must always give it."""
    pages_url: str | None = None
    """Where officers open the pages, if not at ``base_url``: passkeys and the sign-in service are bound to it."""
    oidc_issuer: str | None = None
    """The issuer of an OpenID Connect sign-in service; without it officers sign in here alone."""
    oidc_client_id: str | None = None
    """Who this node is at the sign-in service."""
    oidc_client_secret_file: Path | None = None
    """The file of the secret that goes with it (mode 0600); a public client, held by PKCE alone, has none."""
    oidc_claim: str = "sub"
    """The claim by which officers are linked; another one than ``sub`` must never pass from one person to another."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the process log says; it never holds personal data at any level."""

    _dir: Path = PrivateAttr(default=Path())

    # --- building -------------------------------------------------------------------------------

    @classmethod
    def load(cls, directory: Path, **overrides: Any) -> Self:
        """The settings of the node in `directory`; `overrides` win over environment and file.

        Raises SettingInvalid, whose one line names the first wrong setting and says why.
        """
        toml = directory / "tonglu.toml"
        if not toml.is_file():
            raise SettingInvalid(f"{directory} holds no tonglu.toml: is it a node's directory? (tonglu init)")
        refuse_unknown_variables()
        reading = _file.set(toml)
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            raise SettingInvalid(first_reason(error, toml)) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingInvalid(f"{toml} is not TOML: {error}") from None
        finally:
            _file.reset(reading)
        settings.place(directory)
        settings.refuse_unsafe_files()
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there is no .env: two places are enough
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - master_key_file is the one secret file
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keywords, then environment, then the file."""
        toml = _file.get()
        if toml is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml)

    def place(self, directory: Path) -> None:
        """Say where the node lives; relative files are found from there."""
        self._dir = directory.resolve()

    # --- checks ---------------------------------------------------------------------------------

    @field_validator("base_url", "pages_url")
    @classmethod
    def _base_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http or https URL")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("must have no query, fragment or user")
        return value.rstrip("/")

    @field_validator("oidc_issuer")
    @classmethod
    def _oidc_issuer(cls, value: str | None) -> str | None:
        # An issuer is compared letter by letter, a slash at its end included (OpenID Connect Core, 3.1.3.7).
        if value is not None:
            cls._base_url(value)
        return value or None

    @model_validator(mode="after")
    def _sign_in_service(self) -> Self:
        """A sign-in service is named whole, and spoken to by https."""
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise ValueError("oidc_issuer and oidc_client_id go together")
        for name in ("oidc_issuer", "pages_url"):
            url = getattr(self, name)
            if url and not url.startswith("https://") and not self.allow_private_peers:
                raise ValueError(f"{name}: https only (http needs TONGLU_ALLOW_PRIVATE_PEERS)")
        return self

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
        return value

    @field_validator("listen", "federation_listen")
    @classmethod
    def _listen(cls, value: str | None) -> str | None:
        if value is not None:
            split_listen(value)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url(cls, value: str | None) -> str | None:
        if value is None or value == "":
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("must be smtp://host or smtps://host")
        return value

    @field_validator("notify_urls", mode="before")
    @classmethod
    def _notify_urls(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(part.strip() for part in value.split(",") if part.strip())
        if value:
            raise ValueError("this version sends reminders by e-mail only")
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"no time zone is called {value!r}") from None
        return value

    @field_validator("release_times", mode="before")
    @classmethod
    def _release_times(cls, value: Any) -> Any:
        if value == "always" or not isinstance(value, str):
            return value
        times = sorted(time.fromisoformat(part.strip()) for part in value.split(","))
        if any(moment.tzinfo is not None for moment in times):
            raise ValueError("times of day in the node's zone, such as 12:00,17:00")
        return tuple(times)

    @field_validator("divisions_file", "holidays_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        """Weak settings belong together: they are for demo, tests and closed networks."""
        if self.allow_private_peers:
            return self
        if not self.base_url.startswith("https://"):
            raise ValueError("base_url: peers are reached by https only (http needs TONGLU_ALLOW_PRIVATE_PEERS)")
        if self.release_times == "always":
            raise ValueError(
                "release_times: 'always' lets an answer's time tell what it says; "
                "it is for demo and tests (with TONGLU_ALLOW_PRIVATE_PEERS)"
            )
        return self

    def refuse_unsafe_files(self) -> None:
        """Keys that others on the machine may read are no keys. Raises SettingInvalid."""
        secrets = [self.master_key_path, self.keys_path]
        if self.oidc_client_secret_file is not None:
            secrets.append(self.dir / self.oidc_client_secret_file)
            if not secrets[-1].is_file():
                raise SettingInvalid(f"there is no file {secrets[-1]} (oidc_client_secret_file)")
        for path in secrets:
            if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise SettingInvalid(f"{path} may be read by others: chmod 600 it")

    # --- where things are -----------------------------------------------------------------------

    @property
    def dir(self) -> Path:
        """The node's directory, absolute."""
        return self._dir

    @property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        if not self.database_url:
            return f"sqlite:///{self.dir / 'tonglu.sqlite'}"
        return self.database_url

    @property
    def keys_path(self) -> Path:
        """The node's private keys (mode 0600)."""
        return self.dir / "keys.json"

    @property
    def checkpoints_path(self) -> Path:
        """Signed tree heads of the access log, one after the other, outside the database."""
        return self.dir / "checkpoints.txt"

    @property
    def last_backup_path(self) -> Path:
        """When `tonglu backup` last wrote one, as a time in RFC 3339."""
        return self.dir / "last_backup"

    @property
    def master_key_path(self) -> Path:
        """The file of the master key (mode 0600)."""
        if self.master_key_file is None:
            return self.dir / "master.key"
        return self.dir / self.master_key_file

    @property
    def pages(self) -> str:
        """Where officers open the pages."""
        return self.pages_url or self.base_url

    def read_oidc_secret(self) -> str | None:
        """The client's secret at the sign-in service, if it has one."""
        if self.oidc_client_secret_file is None:
            return None
        return (self.dir / self.oidc_client_secret_file).read_text(encoding="utf-8").strip()

    @property
    def zone(self) -> ZoneInfo:
        """The one zone of this node."""
        return ZoneInfo(self.timezone)

    @property
    def sender(self) -> str:
        """The address that reminders come from."""
        return self.mail_from or f"noreply@{urlsplit(self.base_url).hostname}"

    def read_master_key(self) -> bytes:
        """The 32 bytes of the master key. Raises SettingInvalid."""
        path = self.master_key_path
        try:
            text = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise SettingInvalid(f"there is no master key at {path}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingInvalid(f"the master key at {path} cannot be read: {error}") from None
        try:
            key = base64.urlsafe_b64decode(text)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            raise SettingInvalid(f"{path} holds no master key (32 bytes, base64url)")
        return key


def split_listen(value: str) -> tuple[str, int]:
    """``host:port`` as host and port; IPv6 hosts stand in brackets. Raises ValueError."""
    host, colon, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError("must be host:port")
    return host, int(port)


def refuse_unknown_variables() -> None:
    """A misspelt variable would leave a setting at its default in silence. Raises SettingInvalid."""
    known = {f"{ENVIRONMENT_PREFIX}{name}".upper() for name in Settings.model_fields}
    for variable in sorted(os.environ):
        if (
            variable.startswith(ENVIRONMENT_PREFIX)
            and not variable.startswith(FOREIGN_PREFIXES)
            and variable not in known
        ):
            raise SettingInvalid(f"{variable} is no setting of a node (docs/reference/settings.md)")


def first_reason(error: ValidationError, toml: Path) -> str:
    """The first fault of `error` in one line: which setting, where it was read, why."""
    fault = error.errors(include_url=False)[0]
    reason = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return reason
    name = str(fault["loc"][0])
    variable = f"{ENVIRONMENT_PREFIX}{name}".upper()
    if fault["type"] == "extra_forbidden":
        return f"{name} in {toml} is no setting of a node (docs/reference/settings.md)"
    place = variable if variable in os.environ else f"{name} in {toml}"
    return f"{place}: {reason}"
