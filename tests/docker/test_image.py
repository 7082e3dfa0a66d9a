"""The image and the compose file, as far as they can be held without an engine; the entry point runs for real."""

import os
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx2 as httpx
import pytest
import yaml

from service.ledgers.routes import MAX_UPLOAD_BYTES
from service.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
BIN = Path(sys.executable).parent
NODE = {"TONGLU_REGION": "790303", "TONGLU_NAME": "澜江市", "TONGLU_BASE_URL": "http://127.0.0.1:8800"}


def environment(directory: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "NODE_DIRECTORY": str(directory),
        "TONGLU_LISTEN": "127.0.0.1:0",
        "TONGLU_ALLOW_PRIVATE_PEERS": "true",
        **NODE,
        **more,
    }


def enter(directory: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DOCKER / "entrypoint.sh", *arguments],
        env=environment(directory, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class Container:
    """The entry point, serving."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [DOCKER / "entrypoint.sh", "serve"],
            env=environment(directory),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        assert self.process.stdout is not None
        self.url = ""
        for line in self.process.stdout:
            self.said.append(line)
            if found := re.match(r"ready: (.+)", line):
                self.url = found[1]
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


# --- the image --------------------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing() -> None:
    checked = subprocess.run(
        [BIN / "hadolint", DOCKER / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60
    )
    assert checked.returncode == 0, checked.stdout


def test_the_image_is_what_an_operator_expects() -> None:
    lines = (DOCKER / "Dockerfile").read_text("utf-8").splitlines()
    assert any(line.startswith("ARG BASE=") for line in lines)
    assert all(line.startswith("FROM ${BASE}") for line in lines if line.startswith("FROM"))
    users = [line for line in lines if line.startswith("USER")]
    assert users == ["USER 10001:10001"], "not root"
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert 'ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]' in lines


@pytest.mark.asvs("13.4.1")
def test_what_the_image_copies_is_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in let_through, source


# --- the entry point --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["entrypoint.sh", "databases.sh"])
def test_the_scripts_are_shell(script: str) -> None:
    assert os.access(DOCKER / script, os.X_OK)
    subprocess.run(["sh", "-n", DOCKER / script], check=True, timeout=20)


def test_the_first_start_makes_a_node_and_the_second_keeps_it(tmp_path: Path) -> None:
    with Container(tmp_path) as first:
        password = (tmp_path / "first-officer.txt").read_text("utf-8")
        assert password.startswith("officer: first\npassword: ")
        told = password.splitlines()[1].removeprefix("password: ")
        assert told not in "".join(first.said), "the log never holds a password"
        assert healthy(first.url) == 0
        assert first.end() == 0
    key = (tmp_path / "node" / "keys.json").read_bytes()
    with Container(tmp_path) as second, httpx.Client(trust_env=False) as client:
        assert "a new node" not in "".join(second.said)
        assert client.get(f"{second.url}/healthz").status_code == 200
        assert second.end() == 0
    assert healthy(second.url) == 1
    assert (tmp_path / "node" / "keys.json").read_bytes() == key
    # Other commands run on the same node.
    assert "takes writes" in enter(tmp_path, "doctor").stdout
    assert '"tonglu_invitation"' in enter(tmp_path, "peer", "invite").stdout
    assert enter(tmp_path, "backup", str(tmp_path / "b.tar.gz")).returncode == 0


def healthy(url: str) -> int:
    """What the health check of the image says of a node at `url`."""
    listen = url.removeprefix("http://")
    return subprocess.run(
        [sys.executable, DOCKER / "healthcheck.py"], env={"TONGLU_LISTEN": listen}, check=False, timeout=30
    ).returncode


@pytest.mark.parametrize("variable", sorted(NODE))
def test_a_new_node_needs_to_know_who_it_is(tmp_path: Path, variable: str) -> None:
    refused = enter(tmp_path, "serve", **{variable: ""})
    assert refused.returncode == 1
    assert refused.stderr == f"{variable} is not set: a new node needs its region, name and base URL\n"
    assert not (tmp_path / "node").exists()


def test_the_node_writes_only_where_the_image_lets_it(tmp_path: Path) -> None:
    """Under a read-only root: everything but the node's directory and /tmp is closed to writing."""
    written = set()
    with Container(tmp_path) as container:
        opened = Path(f"/proc/{container.process.pid}/fd")
        for descriptor in opened.iterdir():
            flags = re.search(r"flags:\s*(\d+)", (opened.parent / "fdinfo" / descriptor.name).read_text())
            if flags and int(flags[1], 8) & os.O_ACCMODE and descriptor.readlink().is_file():
                written.add(descriptor.readlink())
        assert container.end() == 0
    assert all(path.is_relative_to(tmp_path) or path.is_relative_to("/tmp") for path in written), written


# --- compose ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compose() -> dict[str, dict[str, dict[str, object]]]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))


@pytest.mark.asvs("12.1.1", "12.1.2")
def test_compose_runs_two_nodes_with_postgresql_behind_tls(compose: dict[str, dict[str, dict[str, object]]]) -> None:
    services = compose["services"]
    nodes = [name for name, service in services.items() if "TONGLU_REGION" in str(service.get("environment"))]
    assert nodes == ["lanjiang", "qinghe"]
    for name in nodes:
        variables = services[name]["environment"]
        assert isinstance(variables, dict)
        assert str(variables["TONGLU_DATABASE_URL"]).startswith("postgresql+psycopg://")
        assert str(variables["TONGLU_BASE_URL"]).startswith("https://")
        known = {f"TONGLU_{field}".upper() for field in Settings.model_fields}
        assert {variable for variable in variables if variable.startswith("TONGLU_")} <= known
        assert "ports" not in services[name], "reached through the TLS front alone"
        assert f"{name}-keys:/keys" in str(services[name]["volumes"]), "the master key lies apart from the data"
    assert services["front"]["ports"] == ["127.0.0.1:443:8443"]
    front = (DOCKER / "nginx.conf").read_text("utf-8")
    assert re.search(r"ssl_protocols TLSv1\.2 TLSv1\.3;", front)
    ciphers = re.search(r"ssl_ciphers ([^;]+);", front)[1].split(":")
    assert all(re.fullmatch(r"ECDHE-(RSA|ECDSA)-(AES(128|256)-GCM-SHA\d+|CHACHA20-POLY1305)", one) for one in ciphers)
    assert "listen 80" not in front, "nothing answers without TLS"
    assert int(re.search(r"client_max_body_size (\d+)m;", front)[1]) * 2**20 > MAX_UPLOAD_BYTES, "a ledger passes"


@pytest.mark.asvs("13.2.2", "13.2.5")
def test_every_container_of_ours_is_locked_in(compose: dict[str, dict[str, dict[str, object]]]) -> None:
    for name in ("lanjiang", "qinghe", "certificates", "front"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["user"] == "10001:10001"
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.asvs("13.2.3")
def test_no_secret_is_written_down(compose: dict[str, dict[str, dict[str, object]]]) -> None:
    for name, service in compose["services"].items():
        variables = service.get("environment") or {}
        assert isinstance(variables, dict)
        for variable, value in variables.items():
            if "PASSWORD" in variable:
                assert str(value).startswith("${"), (name, variable)


def test_compose_mounts_what_there_is(compose: dict[str, dict[str, dict[str, object]]]) -> None:
    named = set(compose["volumes"])
    for service in compose["services"].values():
        for volume in service.get("volumes") or []:  # type: ignore[attr-defined]
            source = str(volume).split(":")[0]
            assert (DOCKER / source).exists() if source.startswith("./") else source in named, volume


def test_the_front_knows_the_names_of_compose(compose: dict[str, dict[str, dict[str, object]]]) -> None:
    front = (DOCKER / "nginx.conf").read_text("utf-8")
    assert front.count("{") == front.count("}")
    for name in ("lanjiang", "qinghe"):
        assert f"{name}.tonglu.localhost {name};" in front
        assert f"{name}.tonglu.localhost" in str(compose["services"]["certificates"]["command"])
    assert "$request_uri" in front, "what is signed is passed on untouched"
    assert re.search(r"location ~ \^/\(metrics", front), "metrics are for the machine itself"


def test_the_certificates_are_trusted_by_who_trusts_their_authority(tmp_path: Path) -> None:
    names = ["lanjiang.tonglu.localhost", "qinghe.tonglu.localhost"]
    command = [sys.executable, DOCKER / "certificates.py", tmp_path, *names]
    subprocess.run(command, check=True, timeout=30)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    subprocess.run(command, check=True, timeout=30)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before, "what is good stays"
    for name in names:
        assert (tmp_path / f"{name}.key").stat().st_mode & 0o077 == 0
        assert shakes_hands(tmp_path, name, name)
        with pytest.raises(ssl.SSLCertVerificationError):
            shakes_hands(tmp_path, name, "elsewhere.tonglu.localhost")


def shakes_hands(folder: Path, shown: str, asked: str) -> bool:
    """A TLS handshake in memory between the certificate `shown` and a client that asks for the name `asked`."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / f"{shown}.pem", folder / f"{shown}.key")
    client_side = ssl.create_default_context(cafile=str(folder / "authority.pem"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname=asked)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    done = {client: False, server: False}
    for _ in range(10):
        for side in done:
            try:
                side.do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                continue
    return all(done.values())
