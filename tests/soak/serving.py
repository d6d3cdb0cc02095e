"""A real server in a process of its own, on loopback, for rows that need one to drop, kill and start again."""

import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import structlog
import uvicorn

from nrm.api import Parts
from nrm.app import create_app
from nrm.db import Database
from nrm.settings import Settings
from tests.builders import KEY
from tests.soak.harness import HANG_SECONDS
from tests.soak.scene import child_database

HOST = "127.0.0.1"


class Bug(Protocol):
    """Something that plants a bug in the server's process for as long as its block lasts."""

    def __call__(self) -> Any: ...


def free_port() -> int:
    """A loopback port that nobody uses just now."""
    with socket.create_server((HOST, 0)) as found:
        port: int = found.getsockname()[1]
    return port


def serve(url: str, port: int, bug: Bug | None = None, prepare: Callable[[Database], None] = lambda _: None) -> None:
    """Serve the API until killed. The clock stands still, so that sessions last. `prepare` gets the database first."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    settings = Settings(data=Path("/nonexistent"), host=HOST, port=port, worker=False, sockets_per_account_max=1000)
    database = child_database(url)
    prepare(database)
    with bug() if bug else nullcontext():
        uvicorn.run(
            create_app(Parts(database, settings, KEY)),
            host=HOST,
            port=port,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            log_level="critical",
            timeout_graceful_shutdown=1,
        )


def wait_until_served(port: int) -> None:
    """Return when a server answers on this port."""
    end = time.monotonic() + HANG_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/livez", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise TimeoutError("the server did not start")
