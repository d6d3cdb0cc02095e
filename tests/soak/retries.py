"""Row 4: a retry never makes a second of anything, wherever the answer to the first was lost.

A real server, and clients on bare sockets who hang up at any point: in the middle of what they send, right after it, in
the middle of the answer, or after it. Then the same call comes one to five times at once with the same key. Everybody
must hear the same, and the journal and the tables must show one effect. Now and then the server itself is gone: killed
by its own hand at some statement, or after the commit and before the answer.
"""

import json
import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ctypes import c_int
from dataclasses import dataclass, field
from functools import partial
from itertools import count as numbers
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch

from sqlalchemy import event, func
from sqlmodel import SQLModel, col, select

import nrm.api
from nrm import idempotency
from nrm.access import service as access
from nrm.access.models import LoginSession
from nrm.course.models import Bridge
from nrm.db import Database
from nrm.intake.models import PlacementRequest
from nrm.journal import JournalEntry
from nrm.placing.models import Offer, Stay
from nrm.registry.models import Claim
from tests.builders import Town
from tests.soak.ground import CHILDREN, Crew, Ground
from tests.soak.harness import HANG_SECONDS, Outcome, Planted, Row
from tests.soak.scene import propose, small_town
from tests.soak.serving import HOST, Bug, free_port, serve, wait_until_served

KILL_EVERY = 25
"""Trials from one killed server to the next."""
RETRIES_MAX = 5
STATEMENTS_MAX = 14
"""A server that kills itself does so within so many statements."""
AFTER_COMMIT = -1
PLANTED_TRIALS_MAX = 150
ROOT = "/api/v1"
REUSED = b"idempotency_key_reused"

LOSSES = ("half sent", "not waited for", "half heard", "heard")
Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Person:
    """Somebody with a session, as headers."""

    login: str
    headers: str


@dataclass
class Trial:
    """One call that will be lost and made again: what it is, and the journal entries of its one effect."""

    who: Person
    path: str
    body: dict[str, Any]
    kinds: tuple[str, ...]
    rows: dict[type[SQLModel], int] = field(default_factory=dict)
    """How many rows it adds."""
    method: str = "POST"


def call(port: int, trial: Trial, key: str, loss: str = "heard", share: float = 0.5) -> Answer | None:
    """Make a call on a connection of its own and lose it somewhere; the answer, or None when it was not heard."""
    body = json.dumps(trial.body).encode()
    head = (
        f"{trial.method} {ROOT}{trial.path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n{trial.who.headers}"
        f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    whole = head + body
    with suppress(OSError), socket.create_connection((HOST, port), HANG_SECONDS) as line:
        line.sendall(whole[: int(len(whole) * share)] if loss == "half sent" else whole)
        if loss in {"half sent", "not waited for"}:
            return None
        heard = b""
        while part := line.recv(1 if loss == "half heard" else 65536):
            heard += part
            if loss == "half heard" and len(heard) > 100 * share:
                return None
        status, _, rest = heard.partition(b"\r\n\r\n")
        if status.startswith(b"HTTP/1.1 "):
            return int(status[9:12]), rest
    return None


# --- the server, which may be told to die ---------------------------------------------------------------------------


def serve_until(url: str, port: int, fate: c_int, bug: Bug | None = None) -> None:
    """Serve; with `fate` at n > 0 die at the n-th statement from then, at AFTER_COMMIT right after the next commit."""
    serve(url, port, bug, partial(_doom, fate))


def _doom(fate: c_int, database: Database) -> None:
    def statement(*_: Any) -> None:
        if fate.value > 0:
            fate.value -= 1
            if fate.value == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def committed() -> None:
        if fate.value == AFTER_COMMIT:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "before_cursor_execute", statement)
    event.listen(database.engine, "commit", statement)
    database.on_commit(committed)


# --- the trials -----------------------------------------------------------------------------------------------------


@dataclass
class Post:
    """The scene: a town, a server on it, and people who call."""

    town: Town
    crew: Crew
    port: int
    fate: c_int
    bug: Bug | None
    chance: random.Random
    people: dict[str, Person]
    house: str
    server: BaseProcess | None = None
    tried: Counter[str] = field(default_factory=Counter)
    keys: Iterator[int] = field(default_factory=lambda: numbers(1))

    def start(self) -> None:
        self.fate.value = 0
        self.server = self.crew.start(serve_until, self.town.database.url, self.port, self.fate, self.bug)
        wait_until_served(self.port)

    def walk(self) -> Iterator[tuple[Trial, Callable[[Answer], None]]]:
        """Calls from asking to leaving, each needing what the one before it made; the caller tells what came of it."""
        coordinator, provider = self.people["coordinator"], self.people["provider"]
        heard: list[Answer] = []
        person = {"sex": "f", "age": 24}
        case = {"region": "VR17", "urgency": "now"}

        def tell(answer: Answer) -> None:
            heard.append(answer)

        def made() -> Any:
            return json.loads(heard[-1][1])

        parties = [{"persons": [person]}, {"persons": [person]}]
        yield (
            Trial(
                coordinator,
                "/groups",
                {**case, "parties": parties},
                ("request.submitted", "request.submitted", "group.submitted"),
                {PlacementRequest: 2},
            ),
            tell,
        )
        yield (
            Trial(
                coordinator,
                "/requests",
                {**case, "persons": [person]},
                ("request.submitted",),
                {PlacementRequest: 1},
            ),
            tell,
        )
        request = f"/requests/{made()['id']}"
        shape = {"kind": self.chance.choice(("hotel", "police_cell")), "municipality": "GM0489"}
        yield Trial(coordinator, f"{request}/bridges", shape, ("bridge.recorded",), {Bridge: 1}), tell
        yield Trial(coordinator, f"/bridges/{made()['id']}/ending", {}, ("bridge.ended",)), tell
        request_id = request.removeprefix("/requests/")
        first, second = propose(self.town, request_id, f"{self.house}-u1", f"{self.house}-u2")
        rows: dict[type[SQLModel], int] = {Offer: 1, Claim: 1}
        yield Trial(coordinator, f"{request}/offer-rounds", {"proposalIds": [first]}, ("offer.sent",), rows), tell
        offer = f"/offers/{made()['offers'][0]['id']}"
        yield Trial(coordinator, f"{offer}/extension", {"extensions": 0}, ("offer.extended",)), tell
        yield Trial(provider, f"{offer}/declining", {"code": "other"}, ("offer.declined",)), tell
        self._forgive(request_id)
        yield Trial(coordinator, f"{request}/offers", {"proposalId": second}, ("offer.sent",), rows), tell
        yield (
            Trial(provider, f"/offers/{made()['id']}/acceptance", {}, ("offer.answered", "offer.accepted"), {Stay: 1}),
            tell,
        )
        stay = f"/stays/{self._stay(request_id)}"
        yield (
            Trial(self.chance.choice((coordinator, provider)), f"{stay}/arrival", {"version": 1}, ("stay.arrived",)),
            tell,
        )
        yield Trial(coordinator, f"{request}/follow-on", {}, ("request.followed_on", "request.submitted")), tell
        leaving = {"version": 2, "destination": "family"}
        yield Trial(provider, f"{stay}/departure", leaving, ("stay.departed",)), tell

    def _forgive(self, request_id: str) -> None:
        """A no bars the house for this request; here it is asked again."""
        with self.town.database.transaction() as tx:
            tx.session.connection().exec_driver_sql(
                f"DELETE FROM request_bar WHERE request_id = '{request_id}'"  # noqa: S608 - our own id
            )

    def _stay(self, request_id: str) -> str:
        with self.town.database.reading() as tx:
            return tx.session.exec(select(Stay.id).where(Stay.request_id == request_id)).one()

    def mark(self) -> tuple[int, dict[type[SQLModel], int]]:
        """Where the journal and the tables stand."""
        with self.town.database.reading() as tx:
            seq = tx.session.scalar(select(func.max(JournalEntry.seq))) or 0
            return seq, {
                table: tx.session.scalar(select(func.count()).select_from(table)) or 0
                for table in (PlacementRequest, Bridge, Offer, Claim, Stay)
            }

    def since(self, seq: int) -> tuple[str, ...]:
        """The kinds of the journal entries after this one, sorted."""
        with self.town.database.reading() as tx:
            return tuple(sorted(tx.session.exec(select(JournalEntry.kind).where(col(JournalEntry.seq) > seq))))

    def lose(self, trial: Trial, kill: bool) -> tuple[Answer | None, list[str]]:
        """Lose the answer, try again, and say what was heard and what is wrong with it."""
        key = f"sleutel-{next(self.keys):06d}"
        loss, share = self.chance.choice(LOSSES), self.chance.random()
        retries = self.chance.randint(1, RETRIES_MAX)
        seq, rows = self.mark()
        if kill:
            loss = "heard"
            self.fate.value = self.chance.choice((AFTER_COMMIT, self.chance.randint(1, STATEMENTS_MAX)))
        first = call(self.port, trial, key, loss, share)
        if kill:
            self._restart()
        with ThreadPoolExecutor(retries) as pool:
            again = list(pool.map(lambda _: call(self.port, trial, key), range(retries)))
        self.tried[f"{'killed' if kill else loss}"] += 1
        where = f"{trial.path.rpartition('/')[2]}, {'killed' if kill else loss}, {retries} again"
        answers = {answer for answer in [first, *again] if answer is not None}
        faults = []
        if None in again:
            faults.append(f"{where}: a retry was not answered")
        if len(answers) != 1:
            faults.append(f"{where}: heard {sorted(answers)}")
        elif not 200 <= next(iter(answers))[0] < 300:
            faults.append(f"{where}: heard {answers}")
        if (found := self.since(seq)) != tuple(sorted(trial.kinds)):
            faults.append(f"{where}: {found} instead of {trial.kinds}")
        _, after = self.mark()
        more = {table: after[table] - rows[table] for table in trial.rows}
        if more != trial.rows:
            faults.append(f"{where}: {[(table.__tablename__, number) for table, number in more.items()]} rows more")
        faults += self._others(trial, key, where)
        return (next(iter(answers)) if len(answers) == 1 else None), faults

    def _others(self, trial: Trial, key: str, where: str) -> Iterator[str]:
        """The same key with other words is refused, and for another account it is another key."""
        if self.chance.random() < 0.3 and trial.body:
            other = Trial(trial.who, trial.path, self._otherwise(trial.body), ())
            seq, _ = self.mark()
            answer = call(self.port, other, key)
            if answer is None or answer[0] != 409 or REUSED not in answer[1] or self.since(seq):
                yield f"{where}: other words with the same key were answered {answer}"
        if trial.path == "/requests" and self.chance.random() < 0.5:
            seq, _ = self.mark()
            mine = call(self.port, trial, key)
            theirs = call(self.port, Trial(self.people["colleague"], trial.path, trial.body, ()), key)
            if (
                not mine
                or not theirs
                or theirs[0] != 201
                or mine == theirs
                or self.since(seq) != ("request.submitted",)
            ):
                yield f"{where}: a colleague with the same key was answered {theirs}"

    @staticmethod
    def _otherwise(body: dict[str, Any]) -> dict[str, Any]:
        """A body that says something else and is as well-formed."""
        changes = {
            "urgency": "soon",
            "municipality": "GM0502",
            "version": 77,
            "extensions": 9,
            "code": "group_balance",
            "proposalId": "iets-anders",
            "proposalIds": ["iets-anders"],
        }
        return {**body, **{name: value for name, value in changes.items() if name in body}}

    def _restart(self) -> None:
        """Wait for the server to be gone, and start it again. One that was not hit dies by our hand."""
        assert self.server is not None
        self.server.join(0.2)
        self.crew.kill(self.server)
        self.start()


@contextmanager
def post(here: Ground, seed: int, bug: Bug | None = None) -> Iterator[Post]:
    url = here.fresh()
    town = small_town(url)
    actors = {
        "coordinator": town.coordinator(),
        "colleague": town.coordinator(login="collega"),
        "provider": town.provider(),
    }
    house = town.location(places=(1, 1))
    people = {}
    for name, actor in actors.items():
        with town.database.transaction() as tx:
            token = access.log_in(tx, actor.account_id, hours=24)
            tx.session.flush()
            csrf = tx.session.get_one(LoginSession, access.token_hash(token)).csrf
        people[name] = Person(name, f"Cookie: nrm={token}\r\nX-CSRF-Token: {csrf}\r\n")
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    with Crew() as crew:
        made = Post(town, crew, free_port(), CHILDREN.RawValue(c_int, 0), bug, chance, people, house)
        made.start()
        yield made
    town.database.close()


def trials(made: Post, count: int, kill_every: int) -> Iterator[str]:
    """Walk until so many calls were lost; the faults, as they come."""
    done = 0
    while done < count:
        for trial, tell in made.walk():
            done += 1
            heard, faults = made.lose(trial, kill=done % kill_every == 0)
            yield from faults
            if heard is None or faults or done >= count:
                break  # what follows on this one has nothing to stand on
            tell(heard)


def run(here: Ground, count: int, seed: int) -> Outcome:
    with post(here, seed) as made:
        failures = list(trials(made, count, KILL_EVERY))
        tried = sum(made.tried.values())
        return Outcome(tried, failures, [f"{name.replace(' ', '_')}={n}" for name, n in sorted(made.tried.items())])


# --- planted --------------------------------------------------------------------------------------------------------


def key_not_kept() -> Any:
    """Planted: nothing is remembered of a key."""
    return patch.multiple(idempotency, earlier_answer=lambda *_: None, store_answer=lambda *_: None)


def key_in_its_own_transaction() -> Any:
    """Planted: the answer is kept in a transaction of its own, after the effect."""

    def once(parts: Any, account_id: str, key: Any, route: str, body: bytes, work: Any, status: int = 200) -> Any:
        if key is not None:
            with parts.database.reading() as tx:
                row = tx.session.get(idempotency.IdempotencyKey, (account_id, key))
            if row is not None:
                return nrm.api._again(row.status, row.answer)
        with parts.database.transaction(account_id) as tx:
            result = work(tx)
        if key is not None:
            text = "" if result is None else nrm.api._json(result)
            with parts.database.transaction(account_id) as tx:
                idempotency.earlier_answer(tx, account_id, key, route, body)
                idempotency.store_answer(tx, account_id, key, 204 if result is None else status, text)
        return nrm.api.answer(result, status)

    return patch("nrm.access.api.once", once)


def words_not_compared() -> Any:
    """Planted: the first answer for whatever comes with the key."""
    right = idempotency.earlier_answer
    return patch.object(
        idempotency,
        "earlier_answer",
        lambda tx, account_id, key, _route, _body: right(tx, account_id, key, "", b""),
    )


def key_of_everybody() -> Any:
    """Planted: a key is the same whoever uses it."""
    earlier, store = idempotency.earlier_answer, idempotency.store_answer
    return patch.multiple(
        idempotency,
        earlier_answer=lambda tx, _account, key, route, body: earlier(tx, "iedereen", key, route, body),
        store_answer=lambda tx, _account, key, status, text: store(tx, "iedereen", key, status, text),
    )


def _finds(bug: Bug, words: str, here: Ground, seed: int) -> bool:
    with post(here, seed, bug) as made:
        return any(words in fault for fault in trials(made, PLANTED_TRIALS_MAX, kill_every=10))


RETRIES = Row(
    4,
    "answers lost at every point, and the same call again",
    200,
    run,
    (
        Planted("the key is not kept", partial(_finds, key_not_kept, "heard")),
        Planted("the key in a transaction of its own", partial(_finds, key_in_its_own_transaction, "instead of")),
        Planted("the words are not compared", partial(_finds, words_not_compared, "other words")),
        Planted("a key is everybody's", partial(_finds, key_of_everybody, "a colleague")),
    ),
)
