"""How long people wait: from asking to proposals on screen, from one person's press to the other person's screen.

    python -m bench.latency [--rounds 100] [--engine sqlite|postgresql]

Starts the real server with its worker on the demo world, in a process of its own, and plays coordinator and provider
over HTTP and the live line, as the screens do: wait for a hint, then fetch. Prints milliseconds at p50, p99 and the
worst, per engine. Loopback only; ends what it starts.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from websockets.sync.client import ClientConnection, connect

from nrm.world.seed import DEMO_PASSWORD
from tests.postgresql import server

PATIENCE_SECONDS = 20
START_SECONDS = 60


@dataclass
class Screen:
    """Somebody with a screen open: fetches again at each hint."""

    api: httpx2.Client
    line: ClientConnection
    csrf: str

    def post(self, path: str, body: dict[str, Any]) -> Any:
        response = self.api.post(path, json=body, headers={"X-CSRF-Token": self.csrf})
        response.raise_for_status()
        return response.json() if response.content else None

    def until(self, look: Callable[[], Any]) -> Any:
        """Fetch at every hint until `look` finds something. Raises TimeoutError when it never comes."""
        found = look()
        while not found:
            self.line.recv(timeout=PATIENCE_SECONDS)
            found = look()
        return found

    def get(self, path: str) -> Any:
        response = self.api.get(path)
        response.raise_for_status()
        return response.json()


@dataclass
class Times:
    """Milliseconds per step."""

    steps: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.steps.setdefault(step, []).append((time.perf_counter() - start) * 1000)

    def print(self, engine: str) -> None:
        for step, values in self.steps.items():
            p99 = statistics.quantiles(values, n=100)[98] if len(values) > 1 else values[0]
            print(
                f"{engine:<11} {step:<28} N={len(values):<4} p50={statistics.median(values):7.1f} ms "
                f"p99={p99:7.1f} ms  worst={max(values):7.1f} ms"
            )


@contextmanager
def site(engine: str, folder: Path) -> Iterator[str]:
    """The demo, in a process of its own. Yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with server(folder / "pg") if engine == "postgresql" else nullcontext("") as url:
        known = dict(os.environ) | {"NRM_DATA": str(folder / "data"), "NRM_PORT": str(port)}  # noqa: TID251
        if url:
            known["NRM_DATABASE_URL"] = url
        with (folder / "log").open("w") as log:
            # Without a past: what is measured began before there was one.
            command = [sys.executable, "-m", "nrm", "demo", "--months", "0"]
            process = subprocess.Popen(command, env=known, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + START_SECONDS
            while True:
                try:
                    if httpx2.get(f"{address}/readyz").status_code == 200:
                        break
                except httpx2.TransportError:
                    pass
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit((folder / "log").read_text())
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def screen(address: str, login: str) -> Iterator[Screen]:
    """Somebody logged in, with their live line open."""
    with httpx2.Client(base_url=f"{address}/api/v1", timeout=PATIENCE_SECONDS) as api:
        answer = api.post("/session", json={"login": login, "password": DEMO_PASSWORD})
        answer.raise_for_status()
        cookie = "; ".join(f"{name}={value}" for name, value in api.cookies.items())
        line_address = address.replace("http", "ws", 1) + "/api/v1/live"
        with connect(line_address, additional_headers={"Cookie": cookie}, open_timeout=PATIENCE_SECONDS) as line:
            yield Screen(api, line, answer.json()["csrf"])


def play(address: str, rounds: int) -> Times:
    """`rounds` requests from asking to departure, between one coordinator and the two demo providers."""
    times = Times()
    with (
        screen(address, "coordinator-rotterdam") as coordinator,
        screen(address, "aanbieder-1") as first,
        screen(address, "aanbieder-2") as second,
    ):
        ours = {who.get("/session")["organisationName"]: who for who in (first, second)}
        for _ in range(rounds):
            with times.of("ask to proposals"):
                asked = coordinator.post(
                    "/requests",
                    {"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24}], "residence": "eu"},
                )
                path = f"/requests/{asked['id']}"
                found = coordinator.until(lambda at=path: coordinator.get(f"{at}/proposals"))
            chosen = next((one for one in found["proposals"] if one["provider"] in ours), None)
            if chosen is None:
                version = coordinator.get(path)["version"]
                coordinator.post(f"{path}/closing", {"outcome": "withdrawn", "version": version})
                continue
            provider = ours[chosen["provider"]]
            with times.of("offer to provider's screen"):
                sent = coordinator.post(f"{path}/offers", {"proposalId": chosen["id"], "phoned": True})
                provider.until(
                    lambda sent=sent, who=provider: any(o["id"] == sent["id"] for o in who.get("/offers-to-answer"))
                )
            with times.of("accept to asker's screen"):
                provider.post(f"/offers/{sent['id']}/acceptance", {})
                coordinator.until(lambda at=path: coordinator.get(at)["status"] == "accepted")
            stay = coordinator.get(f"{path}/stays")[0]
            provider.post(f"/stays/{stay['id']}/arrival", {"version": stay["version"]})
            provider.post(f"/stays/{stay['id']}/departure", {"version": stay["version"] + 1, "destination": "own_home"})
    return times


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--rounds", type=int, default=100)
    reader.add_argument("--engine", choices=["sqlite", "postgresql"])
    asked = reader.parse_args()
    for engine in [asked.engine] if asked.engine else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            place.chmod(0o755)
            (place / "pg").mkdir()
            with site(engine, place) as address:
                play(address, asked.rounds).print(engine)


if __name__ == "__main__":
    main()
