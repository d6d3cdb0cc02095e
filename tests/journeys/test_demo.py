"""The demo as a newcomer starts it: a command, a folder, a port. And what stays when it is killed."""

import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests import environment

START_SECONDS_MAX = 180
PASSWORD = "opvang-voor-de-demo"


@dataclass
class Demo:
    """A running demo in a process of its own."""

    address: str
    process: "subprocess.Popen[bytes]"
    log: Path
    clients: ExitStack

    def log_in(self, login: str) -> httpx2.Client:
        client = self.clients.enter_context(httpx2.Client(base_url=f"{self.address}/api/v1", timeout=20))
        answer = client.post("/session", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client


@contextmanager
def demo(folder: Path, port: int, months: int = 0) -> Iterator[Demo]:
    """`nrm demo` with its data in `folder`, without a past unless asked. Waits until it is ready, ends it by id."""
    log = folder / f"log-{secrets.token_hex(4)}"
    known = environment.without("NRM_DATABASE_URL") | {"NRM_DATA": str(folder / "data"), "NRM_PORT": str(port)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "nrm", "demo", "--months", str(months)],
            env=known,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    with ExitStack() as clients:
        found = Demo(f"http://127.0.0.1:{port}", process, log, clients)
        try:
            _wait_until_ready(found)
            yield found
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_ready(found: Demo) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    pause = threading.Event()
    while time.monotonic() < deadline and found.process.poll() is None:
        try:
            if httpx2.get(f"{found.address}/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        pause.wait(0.1)
    raise AssertionError(found.log.read_text())


@pytest.fixture
def port() -> int:
    return free_port()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@dataclass(frozen=True)
class Seeded:
    """What a first start left behind: its data, what it printed, and a request somebody made meanwhile."""

    folder: Path
    printed: str
    asked: dict[str, str]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A demo that was started once, which is dear, and stopped."""
    folder = tmp_path_factory.mktemp("demo")
    ask = {"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24}]}
    with demo(folder, free_port()) as first:
        asked = first.log_in("coordinator-rotterdam").post("/requests", json=ask).json()
        return Seeded(folder / "data", first.log.read_text(), asked)


@pytest.fixture
def folder(seeded: Seeded, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    shutil.copytree(seeded.folder, tmp_path / "data")
    return tmp_path


def test_a_second_start_finds_the_data_of_the_first(seeded: Seeded, folder: Path, port: int) -> None:
    logins = set(re.findall(r"^  ([a-z0-9-]+) ", seeded.printed, re.MULTILINE))
    roles = {"coordinator-rotterdam", "coordinator-utrecht", "aanbieder-1", "aanbieder-2", "piket", "politie", "nac"}
    assert roles <= logins
    with closing(sqlite3.connect(folder / "data" / "nrm.sqlite3")) as older, older:
        # As a version made it that did not know these rules yet.
        assert older.execute("DELETE FROM policy WHERE kind = 'statement'").rowcount == 1
    with demo(folder, port) as second:
        assert [one["version"] for one in second.log_in("nac").get("/policies/statement/versions").json()] == [1]
        found = second.log_in("coordinator-rotterdam").get(f"/requests/{seeded.asked['id']}")
        assert found.json()["shortCode"] == seeded.asked["shortCode"]
        for login in sorted(logins):
            second.log_in(login)


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_demo_accounts_never_listen_beyond_this_machine(folder: Path, port: int, command: str) -> None:
    beyond = {"NRM_DATA": str(folder / "data"), "NRM_PORT": str(port), "NRM_HOST": "0.0.0.0"}  # noqa: S104
    refused = subprocess.run(
        [sys.executable, "-m", "nrm", command],
        env=environment.without("NRM_DATABASE_URL") | beyond,
        capture_output=True,
        timeout=START_SECONDS_MAX,
        check=False,
    )
    assert refused.returncode == 2
    assert b"127.0.0.1" in refused.stderr


def test_killed_in_a_storm_of_requests_nothing_acknowledged_is_lost(folder: Path, port: int) -> None:
    acknowledged: dict[str, str] = {}
    for kills in range(2):
        with demo(folder, port) as running:
            clients = [running.log_in(login) for login in ("coordinator-rotterdam", "coordinator-utrecht") * 2]
            storm = [threading.Thread(target=_ask, args=(client, acknowledged)) for client in clients]
            before = len(acknowledged)
            for thread in storm:
                thread.start()
            while len(acknowledged) < before + 25 + 7 * kills:
                assert any(thread.is_alive() for thread in storm), running.log.read_text()
            running.process.send_signal(signal.SIGKILL)
            for thread in storm:
                thread.join(30)
    assert len(acknowledged) >= 57
    with demo(folder, port) as running:
        clients = [running.log_in(login) for login in ("coordinator-rotterdam", "coordinator-utrecht")]
        for request_id, short_code in acknowledged.items():
            answers = [client.get(f"/requests/{request_id}") for client in clients]
            assert [answer.json()["shortCode"] for answer in answers if answer.status_code == 200] == [short_code]
    checked = subprocess.run(
        [sys.executable, "-m", "nrm", "check-journal"],
        env=environment.without("NRM_DATABASE_URL") | {"NRM_DATA": str(folder / "data")},
        capture_output=True,
        timeout=START_SECONDS_MAX,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def _ask(client: httpx2.Client, acknowledged: dict[str, str]) -> None:
    """Ask for one bed after another until the server is gone; note each receipt."""
    for _ in range(500):
        try:
            answer = client.post(
                "/requests",
                json={"region": "VR17", "urgency": "soon", "persons": [{"sex": "f", "age": 24}]},
                headers={"Idempotency-Key": secrets.token_urlsafe(12)},
            )
        except httpx2.TransportError:
            return
        if answer.status_code == 201:
            acknowledged[answer.json()["id"]] = answer.json()["shortCode"]
