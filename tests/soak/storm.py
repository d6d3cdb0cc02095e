"""Row 3: nothing that was acknowledged is lost when the server is killed in the middle of a storm of requests.

Clients post requests to a real server and write down what was answered with 201, which stands for a coordinator who
saw it on screen. The server is killed with `kill -9`, started again, and in the end everything written down must be
there, with the journal whole.
"""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

from sqlmodel import select

from nrm import journal
from nrm.access import service as access
from nrm.access.api import Call
from nrm.access.models import LoginSession
from nrm.api import answer
from nrm.db import random_id
from nrm.intake.models import PlacementRequest
from nrm.intake.schemas import SubmittedOut
from tests.builders import SATURDAY_NIGHT
from tests.soak.ground import Crew, Ground
from tests.soak.harness import HANG_SECONDS, Outcome, Planted, Row
from tests.soak.scene import small_town
from tests.soak.serving import HOST, Bug, free_port, serve, wait_until_served

CLIENTS = 6
ACKNOWLEDGED_MAX = 7
"""A server is killed when it has acknowledged so many requests, or fewer: on any machine in the middle of the storm."""
PLANTED_KILLS = 1
BODY = {"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24}]}


@dataclass
class Ledger:
    """What the clients were told is safe."""

    acknowledged: set[str] = field(default_factory=set)
    unanswered: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def post(self, port: int, token: str, csrf: str) -> None:
        """One client: ask, write down, ask again."""
        headers = {"Cookie": f"nrm={token}", "X-CSRF-Token": csrf, "Content-Type": "application/json"}
        while not self.over.is_set():
            asked = urllib.request.Request(
                f"http://{HOST}:{port}/api/v1/requests",
                json.dumps(BODY).encode(),
                {**headers, "Idempotency-Key": random_id()},
            )
            try:
                with urllib.request.urlopen(asked, timeout=HANG_SECONDS) as answered:  # noqa: S310
                    self.acknowledged.add(json.loads(answered.read())["id"])
            except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError):
                self.unanswered += 1
                time.sleep(0.1)

    def wait_for_more(self, more: int) -> None:
        """Return when so many more were acknowledged."""
        enough, end = len(self.acknowledged) + more, time.monotonic() + HANG_SECONDS
        while len(self.acknowledged) < enough:
            if time.monotonic() > end:
                raise TimeoutError("nothing is acknowledged any more")
            time.sleep(0.002)


def storm(here: Ground, kills: int, bug: Bug | None = None) -> tuple[Ledger, list[str]]:
    url = here.fresh()
    town = small_town(url)
    coordinator = town.coordinator()
    with town.database.transaction() as tx:
        token = access.log_in(tx, coordinator.account_id, hours=24)
        tx.session.flush()
        csrf = tx.session.get_one(LoginSession, access.token_hash(token)).csrf
    ledger, port = Ledger(), free_port()
    clients = [threading.Thread(target=ledger.post, args=(port, token, csrf)) for _ in range(CLIENTS)]
    with Crew() as crew:
        server = crew.start(serve, url, port, bug)
        wait_until_served(port)
        for client in clients:
            client.start()
        try:
            for number in range(kills):
                ledger.wait_for_more(1 + number % ACKNOWLEDGED_MAX)
                time.sleep(number % 3 * 0.01)  # right after an answer, and in the middle of the next
                crew.kill(server)
                server = crew.start(serve, url, port, bug)
                wait_until_served(port)
        finally:
            ledger.over.set()
            for client in clients:
                client.join()
        crew.kill(server)
    with town.database.reading() as tx:
        kept = set(tx.session.exec(select(PlacementRequest.id)))
        broken = list(journal.faults(tx.session))
    town.database.close()
    lost = ledger.acknowledged - kept
    return ledger, [*broken, *(f"request {one} was acknowledged and is gone" for one in sorted(lost))]


def run(here: Ground, count: int, _seed: int) -> Outcome:
    ledger, faults = storm(here, count)
    if not ledger.acknowledged or not ledger.unanswered:
        faults.append("no storm: nothing was acknowledged, or no kill was noticed")
    return Outcome(count, faults, [f"acknowledged={len(ledger.acknowledged)} unanswered={ledger.unanswered}"])


def answered_too_early() -> Any:
    """Planted: the answer is given and the request written a moment later, by a thread."""
    right = Call.once

    def once(call: Any, shape: Any, work: Any, status: int = 200) -> Any:
        made = random_id()

        def later() -> None:
            time.sleep(0.2)
            with suppress(Exception), patch.object(call.parts.database, "new_id", lambda: made):
                right(call, shape, work, status)

        threading.Thread(target=later).start()
        said = SubmittedOut(id=made, short_code="AA 1234", minor_alone=False, deadline_at=SATURDAY_NIGHT, version=1)
        return answer(said, 201)

    return patch.object(Call, "once", once)


def _finds(bug: Bug, here: Ground, _seed: int) -> bool:
    return any("is gone" in fault for fault in storm(here, PLANTED_KILLS, bug)[1])


STORM = Row(
    3,
    "kill -9 of the server in a storm of requests",
    10,
    run,
    (Planted("answered before it is written", partial(_finds, answered_too_early)),),
)
