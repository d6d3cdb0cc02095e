"""The API over HTTP for tests: the real application in this process, and callers who logged in to it.

    with api(town) as here: here.caller("coordinator-VR17").post("/requests", {...})

The worker does not run by itself: `tick()` is its tick, at the town's clock.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

import structlog
from fastapi.testclient import TestClient
from httpx2 import Client, Response

from nrm.api import Parts
from nrm.app import create_app
from nrm.notify.channel import Channel
from nrm.settings import Settings
from nrm.worker import Worker
from tests.builders import KEY, PASSWORD, Town
from tests.client import Calls

ROOT = "/api/v1"
BASE_URL = "http://127.0.0.1"


@dataclass
class Caller:
    """Somebody who is logged in, with the cookie and the CSRF token of their session."""

    api: "Api"
    cookie: str
    csrf: str
    me: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "X-CSRF-Token": self.csrf}

    def call(self, method: str, path: str, json: object = None, key: str | None = None, **more: Any) -> Response:
        """One call below /api/v1. `more` goes to httpx; headers given there come on top."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {}), **more.pop("headers", {})}
        if json is not None:
            more["json"] = json
        return self.api.client.request(method, ROOT + path, headers=headers, **more)

    def get(self, path: str, **params: Any) -> Any:
        """What a GET answers; it must succeed."""
        return self._fine(self.call("GET", path, params=params))

    def post(self, path: str, json: object = None, key: str | None = None) -> Any:
        """What a POST answers; it must succeed."""
        return self._fine(self.call("POST", path, json, key))

    def put(self, path: str, json: object) -> Any:
        return self._fine(self.call("PUT", path, json))

    def delete(self, path: str) -> Any:
        return self._fine(self.call("DELETE", path))

    def refused(self, method: str, path: str, json: object = None) -> tuple[int, str]:
        """Status and code of a call that must be refused."""
        answer = self.call(method, path, json)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, problem(answer)["code"]

    @staticmethod
    def _fine(answer: Response) -> Any:
        assert answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@dataclass
class Api:
    """The application on a town's database."""

    town: Town
    client: Client
    settings: Settings
    worker: Worker
    callers: dict[str, Caller] = field(default_factory=dict)

    def log_in(self, login: str, password: str = PASSWORD, **headers: str) -> Response:
        """The bare answer to a login. The client keeps no cookie: each caller sends its own."""
        answer = self.client.post(f"{ROOT}/session", json={"login": login, "password": password}, headers=headers)
        self.client.cookies.clear()
        return answer

    def caller(self, login: str, again: bool = False) -> Caller:
        """Somebody logged in by their login; the same session each time unless `again`."""
        if again or login not in self.callers:
            answer = self.log_in(login)
            assert answer.status_code == 201, answer.text
            name, morsel = next(iter(SimpleCookie(answer.headers["set-cookie"]).items()))
            self.callers[login] = Caller(self, f"{name}={morsel.value}", answer.json()["csrf"], answer.json())
        return self.callers[login]

    def tick(self) -> None:
        """Everything that is due now."""
        with structlog.testing.capture_logs() as logged:
            fine = self.worker.tick()
        assert fine, logged


@contextmanager
def api(
    town: Town,
    live: bool = False,
    channels: dict[str, Channel] | None = None,
    raise_server_exceptions: bool = True,
    reached_at: str | None = None,
    **settings: Any,
) -> Iterator[Api]:
    """The application on this town.

    `live` starts its follower too (the application then closes the database); `reached_at` is its public address.
    """
    chosen = Settings(worker=False, base_url=reached_at, **settings)
    app = create_app(Parts(town.database, chosen, KEY))
    at, how = reached_at or BASE_URL, {"raise_server_exceptions": raise_server_exceptions}
    worker = Worker(town.database, chosen, channels)
    if live:
        with TestClient(app, at, **how) as client:
            yield Api(town, client, chosen, worker)
        return
    yield Api(town, Calls(app, at, **how), chosen, worker)


def problem(answer: Response) -> dict[str, Any]:
    """The problem in an answer, which must be a proper one."""
    assert answer.headers["content-type"] == "application/problem+json", (answer.status_code, answer.text[:200])
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    assert found["code"]
    assert set(found) <= {"type", "title", "status", "code", "errors", "reasons"}
    return found
