"""Row 1: a place is never booked twice. 32 clients in four processes want the last bed, all at once.

They come in through `placing.send_offer` as people do, through `registry.claim_places` under the location's lock, and
through `registry.claim_places` without any lock, where only the unique index stands between them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError, Thread

from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from nrm.access.rules import Actor
from nrm.db import Database, random_id
from nrm.errors import Conflict
from nrm.placing import service as placing
from nrm.placing.models import Offer
from nrm.registry import queries as registry
from nrm.registry import service as registry_service
from nrm.registry.models import Claim, Place
from nrm.registry.rules import ClaimKind
from tests.builders import Town
from tests.soak.ground import CHILDREN, Crew, Ground
from tests.soak.harness import HANG_SECONDS, Outcome, Planted, Row
from tests.soak.scene import child_database, live_claims, propose, small_town

PROCESSES = 4
THREADS = 8
CLIENTS = PROCESSES * THREADS
PLANTED_ROUNDS_MAX = 40


@dataclass(frozen=True)
class Client:
    """One of those who want the bed: for which request, with which proposal."""

    actor: Actor
    request_id: str
    proposal_id: str
    unit_id: str


Way = Callable[[Database, Client], str]
"""A way to get the bed. Returns what now holds it; raises when somebody else was first."""


def by_offer(database: Database, client: Client) -> str:
    with database.transaction(client.actor.account_id) as tx:
        return placing.send_offer(tx, client.actor, client.request_id, client.proposal_id).id


def by_claim(database: Database, client: Client) -> str:
    holder = random_id()
    with database.transaction() as tx:
        registry.location(tx, registry.location_of_unit(tx, client.unit_id), for_update=True)
        registry_service.claim_places(tx, client.unit_id, holder, ClaimKind.HOLD, 1)
    return holder


def by_index_alone(database: Database, client: Client) -> str:
    holder = random_id()
    with database.transaction() as tx:
        registry_service.claim_places(tx, client.unit_id, holder, ClaimKind.HOLD, 1)
    return holder


# --- planted bugs: each needs a database without the unique index ---------------------------------------------------


def checked_at_read_only(database: Database, client: Client) -> str:
    """Whether the bed is free is read in one transaction and acted on in another."""
    with database.reading() as tx:
        if live_claims(tx, client.unit_id):
            raise Conflict("places_taken")
    return _insert(database, client)


_FREE: dict[str, int] = {}


def counted_beside(database: Database, client: Client) -> str:
    """Each process keeps its own number of free beds."""
    if _FREE.setdefault(client.unit_id, 1) == 0:
        raise Conflict("places_taken")
    _FREE[client.unit_id] = 0
    return _insert(database, client)


def after_you(database: Database, client: Client) -> str:
    """Claim first, then look who else did, and step back: everybody may."""
    holder = _insert(database, client)
    time.sleep(0.1)  # the bug is this gap; on SQLite, where writers queue, it has to be wide enough to be seen
    with database.reading() as tx:
        others = len(live_claims(tx, client.unit_id)) > 1
    if others:
        with database.transaction() as tx:
            registry_service.end_claims(tx, holder)
    if others:
        raise Conflict("places_taken")
    return holder


def _insert(database: Database, client: Client) -> str:
    holder = random_id()
    with database.transaction() as tx:
        place_id = tx.session.exec(select(Place.id).where(Place.unit_id == client.unit_id)).one()
        tx.session.add(Claim(id=random_id(), place_id=place_id, kind="hold", holder=holder, started_at=tx.now))
    return holder


# --- the rounds -----------------------------------------------------------------------------------------------------

Answer = tuple[str, str]
"""("won", holder), ("lost", why) or ("broke", error)."""


@dataclass
class Arena:
    """One last bed, and 32 clients ready to run for it as often as told."""

    town: Town
    clients: list[Client]
    starts: Barrier
    answers: "Queue[Answer]"

    def round(self) -> list[str]:
        """Let everybody run once. Says what is wrong with who got the bed, and makes it free again."""
        self.starts.wait(HANG_SECONDS)
        answers = [self.answers.get(timeout=HANG_SECONDS) for _ in self.clients]
        winners = [holder for word, holder in answers if word == "won"]
        faults = [f"a client broke: {what}" for word, what in answers if word == "broke"]
        unit_id = self.clients[0].unit_id
        with self.town.database.reading() as tx:
            holders = [claim.holder for claim in live_claims(tx, unit_id)]
        if len(holders) > 1 or len(winners) > 1:
            faults.append(f"double-booked: {len(winners)} were told they have it, {len(holders)} claims are live")
        if not winners:
            faults.append("nobody got the bed")
        elif holders != winners and len(winners) == 1:
            faults.append("the bed is held by another than the one who was told so")
        self._free()
        return faults

    def _free(self) -> None:
        client = self.clients[0]
        with self.town.database.transaction(client.actor.account_id) as tx:
            for claim in live_claims(tx, client.unit_id):
                offer = tx.session.get(Offer, claim.holder)
                if offer is None:
                    registry_service.end_claims(tx, claim.holder)
                else:
                    placing.withdraw_offer(tx, client.actor, offer.id)


@contextmanager
def arena(here: Ground, way: str, rounds: int, *alterations: str) -> Iterator[Arena]:
    """An arena whose clients use one way for this many rounds."""
    url = here.fresh()
    here.alter(url, *alterations)
    town = small_town(url)
    coordinator, _ = town.coordinator(), town.provider()
    unit_id = f"{town.location(places=(1,))}-u1"
    clients = []
    for _ in range(CLIENTS):
        request_id = town.request(coordinator)
        clients.append(Client(coordinator, request_id, propose(town, request_id, unit_id)[0], unit_id))
    starts, answers = CHILDREN.Barrier(CLIENTS + 1), CHILDREN.Queue()
    with Crew() as crew:
        for number in range(PROCESSES):
            mine = clients[number * THREADS : (number + 1) * THREADS]
            crew.start(run_clients, url, way, mine, rounds, starts, answers)
        yield Arena(town, clients, starts, answers)
    town.database.close()


def run_clients(
    url: str, way: str, clients: list[Client], rounds: int, starts: Barrier, answers: "Queue[Answer]"
) -> None:
    """One process of clients, a thread each."""
    database = child_database(url)
    threads = [Thread(target=_run_client, args=(database, WAYS[way], one, rounds, starts, answers)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _run_client(
    database: Database, way: Way, client: Client, rounds: int, starts: Barrier, answers: "Queue[Answer]"
) -> None:
    for _ in range(rounds):
        try:
            starts.wait(HANG_SECONDS)
        except BrokenBarrierError:
            return
        _FREE.clear()
        try:
            answers.put(("won", way(database, client)))
        except (Conflict, IntegrityError) as lost:
            answers.put(("lost", type(lost).__name__))
        except Exception as error:  # noqa: BLE001 - whatever it is, the round must hear of it
            answers.put(("broke", f"{type(error).__name__}: {error}"[:300]))


WAYS: dict[str, Way] = {
    way.__name__: way for way in (by_offer, by_claim, by_index_alone, checked_at_read_only, counted_beside, after_you)
}


def run(here: Ground, count: int, _seed: int) -> Outcome:
    outcome = Outcome()
    for way, share in (("by_offer", 0.3), ("by_claim", 0.3), ("by_index_alone", 0.4)):
        rounds = round(count * share)
        with arena(here, way, rounds) as ring:
            for number in range(rounds):
                outcome.failures += [f"{way}, round {number}: {fault}" for fault in ring.round()]
        outcome.trials += rounds
    return outcome


def _finds(way: str, here: Ground, _seed: int) -> bool:
    with arena(here, way, PLANTED_ROUNDS_MAX, "DROP INDEX claim_live") as ring:
        return any(ring.round() for _ in range(PLANTED_ROUNDS_MAX))


DOUBLE_BOOKING = Row(
    1,
    "32 clients on the last bed",
    60,
    run,
    (
        Planted("free is checked at read, no unique index", partial(_finds, "checked_at_read_only")),
        Planted("free beds counted per process, no unique index", partial(_finds, "counted_beside")),
        Planted("claim, look, step back: nobody wins", partial(_finds, "after_you")),
    ),
)
