"""The whole site for a town: served to browsers on a free port, or spoken to without one.

def test_asking(site, person, sqlite_url):
    here = town(sqlite_url)
    here.coordinator()
    page = person(base_url=site(here))        # the worker runs as in production; worker=False: tick it yourself
    log_in(page, "coordinator-VR17")

def test_refused(sqlite_url):
    visitor = Visitor(town(sqlite_url), "coordinator-VR17")
    assert visitor.get("/landelijk").status_code == 403
"""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Page

from nrm.api import Parts
from nrm.settings import Settings
from nrm.worker import Worker
from tests.builders import KEY, PASSWORD, Town
from tests.client import Calls
from web.app import create_app

HOST = "127.0.0.1"
SECONDS_MAX = 15


class Site(Protocol):
    """Serves a town until the test ends. Returns the address."""

    def __call__(self, town: Town, *, worker: bool = True) -> str: ...


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def application(town: Town, *, worker: bool = False) -> FastAPI:
    """The application over a town's database and clock."""
    return create_app(Parts(town.database, Settings(host=HOST, worker=worker), KEY))


def tick(town: Town) -> None:
    """What a running worker does at one tick, everything that is due."""
    worker = Worker(town.database, Settings(host=HOST), {})
    assert worker.tick()
    worker.settle()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Serves towns on free loopback ports; several may run in one test.

    Asks for the folder that their databases are in, so that it is still there when the last worker stops.
    """
    running: list[tuple[_Server, threading.Thread]] = []

    def serve(town: Town, *, worker: bool = True) -> str:
        config = uvicorn.Config(
            application(town, worker=worker),
            host=HOST,
            port=0,
            ws="websockets-sansio",
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        assert server.listening.wait(SECONDS_MAX), "the site did not start"
        running.append((server, thread))
        return f"http://{HOST}:{server.servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join(SECONDS_MAX)
        assert not thread.is_alive(), "the site did not stop"


def log_in(page: Page, login: str) -> None:
    """Log in through the form and arrive at one's own first screen."""
    page.goto("/inloggen")
    page.get_by_label("Gebruikersnaam").fill(login)
    page.get_by_label("Wachtwoord").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Inloggen").click()
    page.wait_for_url(lambda url: "/inloggen" not in url)


class Visitor:
    """Somebody logged in, without a browser: pages as text, forms as fields. Redirects are shown, not followed."""

    def __init__(self, town: Town, login: str) -> None:
        self.client = Calls(application(town), f"http://{HOST}")
        answer = self.client.post("/api/v1/session", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.csrf: str = answer.json()["csrf"]

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def fragment(self, path: str) -> Any:
        return self.client.get(path, headers={"X-Fragment": "1"})

    def post(self, path: str, **fields: Any) -> Any:
        """Send a form; `csrf_token` is filled in unless given."""
        return self.client.post(path, data={"csrf_token": self.csrf, **fields})

    def after(self, answer: Any) -> str:
        """The page a change leads to, with its message."""
        assert answer.status_code == 303, answer.text
        page = self.client.get(answer.headers["location"])
        assert page.status_code == 200, page.text
        return str(page.text)


def sends(page: str, action: str, *, asked: bool) -> int:
    """How many forms of a page send there behind a question of their own (`asked_tap`), or at one tap."""
    question = re.compile(rf'<details class="asked-tap"[^>]*>((?!</details>).)*?action="{action}"', re.DOTALL)
    rest, questions = question.subn("", page)
    return questions if asked else rest.count(f'action="{action}"')
