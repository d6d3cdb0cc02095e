# ruff: noqa: S608 - the SQL below is made of our own ids
"""Row 2: nobody is placed against a rule, whatever raced.

In each race somebody accepts an offer while somebody else, in another process, changes something that could bar it.
The journal numbers are the order of commits, so they say who was first, and each order has its one right ending.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from queue import Empty
from threading import BrokenBarrierError, Thread
from unittest.mock import patch

from sqlalchemy import text
from sqlmodel import col, select

from nrm.access.rules import Actor
from nrm.db import Database, Tx
from nrm.errors import NrmError
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.rules import CODE_FORM
from nrm.intake.schemas import AmendIn
from nrm.journal import JournalEntry
from nrm.placing import service as placing
from nrm.placing import staying
from nrm.placing.models import Stay
from nrm.registry import queries as registry
from nrm.registry import service as registry_service
from nrm.registry.models import Claim
from nrm.registry.rules import Basis, Stance
from tests.builders import SATURDAY_NIGHT, Town
from tests.soak.deadlock import deadlocks
from tests.soak.ground import CHILDREN, Crew, Ground
from tests.soak.harness import Outcome, Planted, Row
from tests.soak.scene import child_database, propose, small_town

LANES = 4
RACE_SECONDS_MAX = 30
PLANTED_RACES_MAX = 120
HEAD_START_SECONDS = 0.003
"""How long the first one keeps its transaction open after the change, for the other to run into its locks."""


@dataclass(frozen=True)
class Lane:
    """One offer to be accepted and changed over and over, with all that belongs to it."""

    number: int
    coordinator: Actor
    provider: Actor
    request_id: str
    offer_id: str
    location_id: str
    neighbour_offer_id: str
    """Another party's live offer in the same house."""
    neighbour_id: str
    code: str
    resident_code: str
    """The short code of a request whose party already stays in the house."""

    @property
    def unit_id(self) -> str:
        return f"{self.location_id}-u1"


# --- what can change while an offer is being accepted ---------------------------------------------------------------


def _amend(tx: Tx, lane: Lane, request_id: str, **said: object) -> None:
    version = intake.request(tx, request_id).version
    shape = {"urgency": "now", "persons": [{"sex": "f", "age": 24}], "residence": "dutch", **said, "version": version}
    intake_service.amend(tx, lane.coordinator, request_id, AmendIn.model_validate(shape))


def rule_of_the_house(tx: Tx, lane: Lane) -> None:
    _exclude(tx, lane, None)


def rule_of_the_room(tx: Tx, lane: Lane) -> None:
    _exclude(tx, lane, lane.unit_id)


def _exclude(tx: Tx, lane: Lane, unit_id: str | None) -> None:
    registry_service.set_rule(
        tx, lane.provider, lane.location_id, "trauma", Stance.EXCLUDES, Basis.STAFFING, "vol", unit_id
    )


def pause(tx: Tx, lane: Lane) -> None:
    registry_service.pause_intake(tx, lane.provider, lane.location_id, "staffing", None)


def region_unsafe(tx: Tx, lane: Lane) -> None:
    _amend(tx, lane, lane.request_id, facts={"trauma": "yes"}, unsafe=[{"region": "VR13"}])


def kept_apart(tx: Tx, lane: Lane) -> None:
    _amend(tx, lane, lane.request_id, facts={"trauma": "yes"}, apart=[lane.resident_code])


def fact_learned(tx: Tx, lane: Lane) -> None:
    _amend(tx, lane, lane.request_id, facts={"addiction": "yes"})


def party_grew(tx: Tx, lane: Lane) -> None:
    _amend(tx, lane, lane.request_id, persons=[{"sex": "f", "age": 24}, {"sex": "f", "age": 30}])


def party_is_a_man(tx: Tx, lane: Lane) -> None:
    _amend(tx, lane, lane.request_id, persons=[{"sex": "m", "age": 24}])


def need_learned(tx: Tx, lane: Lane) -> None:
    _amend(tx, lane, lane.request_id, needs=["wheelchair"])


def pool_closed(tx: Tx, lane: Lane) -> None:
    _amend(tx, lane, lane.request_id, residence="none")


def withdrawn(tx: Tx, lane: Lane) -> None:
    placing.withdraw_offer(tx, lane.coordinator, lane.offer_id)


def closure(tx: Tx, lane: Lane) -> None:
    registry_service.close_place(tx, lane.provider, f"{lane.unit_id}-p1", "maintenance", None)


def occupied(tx: Tx, lane: Lane) -> None:
    staying.occupy(tx, lane.provider, f"{lane.unit_id}-p1")


def neighbour_kept_apart(tx: Tx, lane: Lane) -> None:
    """The other party's side says it; in the next transaction that party's offer is accepted too."""
    _amend(tx, lane, lane.neighbour_id, apart=[lane.code])


Edit = Callable[[Tx, Lane], None]
HOUSE: tuple[Edit, ...] = (rule_of_the_house, rule_of_the_room, pause)
"""Allowed after the acceptance, for the next guest; before it, they bar it."""
CASE: tuple[Edit, ...] = (
    region_unsafe,
    kept_apart,
    fact_learned,
    party_grew,
    party_is_a_man,
    need_learned,
    pool_closed,
    withdrawn,
)
"""Only while the request waits: never both this and the acceptance."""
HELD: tuple[Edit, ...] = (closure, occupied)
"""Never, while the bed is held: the acceptance always gets through."""
OTHER: tuple[Edit, ...] = (neighbour_kept_apart,)
EDITS = (*HOUSE, *CASE, *HELD, *OTHER)
ORDERS = ("edit first", "accept first", "together")


# --- accepting, rightly and wrongly ---------------------------------------------------------------------------------


def accept(database: Database, lane: Lane, hold: Callable[[], None]) -> None:
    with database.transaction(lane.provider.account_id) as tx:
        placing.accept(tx, lane.provider, lane.offer_id)
        hold()


def accept_unchecked(database: Database, lane: Lane, hold: Callable[[], None]) -> None:
    """Planted: no re-check at acceptance."""
    with patch.object(placing, "_refuse_unfit", lambda *_: None):
        accept(database, lane, hold)


def accept_checked_before(database: Database, lane: Lane, hold: Callable[[], None]) -> None:
    """Planted: the check runs in a transaction of its own, just before."""
    with database.reading() as tx:
        if placing._unfit_hold(tx, lane.offer_id, lane.request_id, lane.location_id):
            raise NrmError("no_longer_fits")
    accept_unchecked(database, lane, hold)


def accept_unlocked(database: Database, lane: Lane, hold: Callable[[], None]) -> None:
    """Planted: no lock on the location."""
    locked = registry.location
    with patch.object(registry, "location", lambda tx, location_id, for_update=False: locked(tx, location_id)):
        accept(database, lane, hold)


ACCEPTS = {way.__name__: way for way in (accept, accept_unchecked, accept_checked_before, accept_unlocked)}


# --- the races ------------------------------------------------------------------------------------------------------


@dataclass
class Track:
    """What the two runners of a lane share."""

    url: str
    lane: Lane
    seed: int
    races: int
    gate: Barrier
    first_is_in: Event
    faults: "Queue[str | None]"

    def draw(self) -> Iterator[tuple[int, Edit, str, random.Random]]:
        """The races of this lane, the same for both runners."""
        chance = random.Random(f"{self.seed}/{self.lane.number}")  # noqa: S311 - reproducible on purpose
        for number in range(self.races):
            at = number + self.lane.number * 5
            yield number, EDITS[at % len(EDITS)], ORDERS[at // len(EDITS) % len(ORDERS)], chance


def run_acceptor(way: str, track: Track, base: list[str]) -> None:
    database = child_database(track.url)
    for number, edit, order, chance in track.draw():
        pauses = chance.random(), chance.random()
        with database.transaction() as tx:
            before = tx.session.scalar(text("SELECT max(seq) FROM journal"))
            for statement in base:
                tx.session.execute(text(statement))
        if not _gate(track):
            return
        broke = None
        try:
            if order == "edit first":
                track.first_is_in.wait(RACE_SECONDS_MAX)
            elif order == "together":
                time.sleep(pauses[0] * HEAD_START_SECONDS)
            ACCEPTS[way](database, track.lane, partial(_hold, track, order == "accept first"))
        except NrmError:
            pass
        except Exception as error:  # noqa: BLE001 - a deadlock, a broken constraint: the race must hear of it
            broke = f"the acceptance broke: {type(error).__name__}: {error}"[:300]
        finally:
            track.first_is_in.set()
        if not _gate(track):
            return
        with database.reading() as tx:
            faults = list(_faults(tx, track.lane, edit, order, before or 0))
        for fault in [*([broke] if broke else []), *faults]:
            track.faults.put(f"lane {track.lane.number} race {number}, {edit.__name__}, {order}: {fault}")
        track.first_is_in.clear()
    track.faults.put(None)


def run_editor(track: Track) -> None:
    database = child_database(track.url)
    for number, edit, order, chance in track.draw():
        pauses = chance.random(), chance.random()
        if not _gate(track):
            return
        try:
            if order == "accept first":
                track.first_is_in.wait(RACE_SECONDS_MAX)
            elif order == "together":
                time.sleep(pauses[1] * HEAD_START_SECONDS)
            with database.transaction() as tx:
                edit(tx, track.lane)
                _hold(track, order == "edit first")
            if edit is neighbour_kept_apart:
                with database.transaction() as tx:
                    placing.accept(tx, track.lane.provider, track.lane.neighbour_offer_id)
        except NrmError:
            pass
        except Exception as error:  # noqa: BLE001 - as above
            track.faults.put(
                f"lane {track.lane.number} race {number}, {edit.__name__}, {order}:"
                f" the edit broke: {type(error).__name__}: {error}"[:300]
            )
        finally:
            track.first_is_in.set()
        if not _gate(track):
            return


def _hold(track: Track, first: bool) -> None:
    if first:
        track.first_is_in.set()
        time.sleep(HEAD_START_SECONDS)


def _gate(track: Track) -> bool:
    try:
        track.gate.wait(RACE_SECONDS_MAX)
    except BrokenBarrierError:
        return False
    return True


def _faults(tx: Tx, lane: Lane, edit: Edit, order: str, before: int) -> Iterator[str]:
    """What is wrong with how a race ended."""
    kinds: dict[str, int] = {}
    subjects = (
        f"request:{lane.request_id}",
        f"request:{lane.neighbour_id}",
        f"location:{lane.location_id}",
        f"place:{lane.unit_id}-p1",
    )
    for entry in tx.session.exec(
        select(JournalEntry).where(col(JournalEntry.seq) > before, col(JournalEntry.subject).in_(subjects))
    ):
        mine = entry.subject != f"request:{lane.neighbour_id}"
        kinds.setdefault(entry.kind if mine else f"neighbour {entry.kind}", entry.seq)
    accepted = kinds.get("offer.accepted")
    edited = next((seq for kind, seq in kinds.items() if kind in EDIT_KINDS), None)
    stay = tx.session.exec(select(Stay).where(Stay.offer_id == lane.offer_id)).first()
    claims = list(
        tx.session.exec(select(Claim).where(Claim.place_id == f"{lane.unit_id}-p1", col(Claim.ended_at).is_(None)))
    )
    if (stay is None) != (accepted is None):
        yield "journal and stays disagree"
    if stay is not None and [claim.holder for claim in claims] != [stay.id]:
        yield "a stay without its bed"
    if edit in OTHER:
        if "neighbour request.amended" in kinds and accepted and "neighbour offer.accepted" in kinds:
            yield "both parties stay in one house though they must be kept apart"
        if not accepted and not edited:
            yield "neither got through"
        return
    if edit in HELD:
        if edited or not accepted:
            yield f"the held bed was lost (accepted {accepted}, changed {edited})"
        return
    if accepted and edited and (edit in CASE or edited < accepted):
        yield f"placed against a change that stands (accepted {accepted}, changed {edited})"
    if not accepted and not edited:
        yield "neither got through"
    if order == "edit first" and not edited:
        yield "the edit was first and did not get through"
    if order == "accept first" and not accepted:
        yield "the acceptance was first and did not get through"


EDIT_KINDS = {
    "rule.set",
    "location.paused",
    "request.amended",
    "offer.withdrawn",
    "place.closed",
    "stay.registered",
    "neighbour request.amended",
}


# --- the scene ------------------------------------------------------------------------------------------------------


def _lane(town: Town, number: int) -> tuple[Lane, list[str]]:
    """A house with three rooms: the bed that is offered, a neighbour's, and a resident's. And how to put it back."""
    coordinator = town.coordinator()
    provider = town.provider(f"aanbieder {number}")
    location_id = town.location(
        provider=f"aanbieder {number}", places=(1, 1, 1), sexes=("f",), stances={"addiction": Stance.EXCLUDES}
    )
    wanted = {"residence": "dutch"}
    resident, neighbour, request_id = (
        town.request(coordinator, **wanted),
        town.request(coordinator, **wanted),
        town.request(coordinator, facts={"trauma": "yes"}, **wanted),
    )
    offers = []
    for room, asked in ((3, resident), (2, neighbour), (1, request_id)):
        [proposal] = propose(town, asked, f"{location_id}-u{room}")
        with town.database.transaction(coordinator.account_id) as tx:
            offers.append(placing.send_offer(tx, coordinator, asked, proposal).id)
    town.accept(provider, offers[0])
    with town.database.reading() as tx:
        codes = {asked: intake.request(tx, asked).short_code for asked in (resident, request_id)}
    assert all(CODE_FORM.fullmatch(code) for code in codes.values())
    lane = Lane(
        number,
        coordinator,
        provider,
        request_id,
        offers[2],
        location_id,
        offers[1],
        neighbour,
        codes[request_id],
        codes[resident],
    )
    return lane, _back_to_start(lane)


def _back_to_start(lane: Lane) -> list[str]:
    """The SQL that undoes whatever a race did."""
    both = f"('{lane.offer_id}', '{lane.neighbour_offer_id}')"
    cases = f"('{lane.request_id}', '{lane.neighbour_id}')"
    rooms = f"('{lane.unit_id}-p1', '{lane.location_id}-u2-p1')"
    at = SATURDAY_NIGHT.replace(tzinfo=None)
    hold = "INSERT INTO claim (id, place_id, kind, holder, started_at) VALUES"
    person = "INSERT INTO request_person (request_id, position, sex, age, age_estimated, parent) VALUES"
    return [
        f"DELETE FROM message WHERE about IN (SELECT 'stay:' || id FROM stay WHERE location_id = '{lane.location_id}')",
        f"DELETE FROM claim WHERE place_id IN {rooms}",
        f"DELETE FROM stay WHERE offer_id IN {both}",
        f"DELETE FROM stay WHERE location_id = '{lane.location_id}' AND request_id IS NULL",
        f"UPDATE offer SET status = 'live', ended_at = NULL WHERE id IN {both}",
        f"UPDATE offer_answer SET answer = NULL, account_id = NULL, at = NULL WHERE offer_id IN {both}",
        f"{hold} ('hold-{lane.number}-1', '{lane.unit_id}-p1', 'hold', '{lane.offer_id}', '{at}')",
        f"{hold} ('hold-{lane.number}-2', '{lane.location_id}-u2-p1', 'hold', '{lane.neighbour_offer_id}', '{at}')",
        f"DELETE FROM closure WHERE place_id IN {rooms}",
        f"UPDATE location SET pause_reason = NULL, pause_until = NULL WHERE id = '{lane.location_id}'",
        f"DELETE FROM admission_rule WHERE location_id = '{lane.location_id}' AND stance = 'excludes'"
        " AND criterion = 'trauma'",
        f"UPDATE admission_rule SET ended_at = NULL WHERE location_id = '{lane.location_id}'",
        f"UPDATE request SET status = 'offered', needs = '[]', residence = 'dutch' WHERE id IN {cases}",
        *(
            f"DELETE FROM {table} WHERE request_id IN {cases}"
            for table in ("request_person", "request_fact", "unsafe_region", "kept_apart")
        ),
        f"{person} ('{lane.request_id}', 0, 'f', 24, FALSE, FALSE), ('{lane.neighbour_id}', 0, 'f', 24, FALSE, FALSE)",
        f"INSERT INTO request_fact (request_id, criterion, value) VALUES ('{lane.request_id}', 'trauma', 'yes')",
    ]


@contextmanager
def races(here: Ground, way: str, count: int, seed: int) -> Iterator[Iterator[str]]:
    """Start the races of all lanes, each lane's two runners in different processes. Yields the faults as they come."""
    faults: Queue[str | None] = CHILDREN.Queue()
    tracks, bases = [], []
    shared = small_town(here.fresh()) if here.postgresql else None
    for number in range(LANES):
        # SQLite has one writer per file: in one file the lanes would mostly wait for each other.
        town = shared or small_town(here.fresh())
        lane, base = _lane(town, number)
        town.database.close()  # the connections; a new one opens when needed
        tracks.append(
            Track(town.database.url, lane, seed, count // LANES, CHILDREN.Barrier(2), CHILDREN.Event(), faults)
        )
        bases.append(base)
    with Crew() as crew:
        yield _faults_heard(faults, [crew.start(run_side, way, side, tracks, bases) for side in (0, 1)])


def _faults_heard(faults: "Queue[str | None]", runners: list[BaseProcess]) -> Iterator[str]:
    """Every fault, until all lanes are done or a process is gone."""
    running = LANES
    while running:
        try:
            fault = faults.get(timeout=1)
        except Empty:
            if not all(runner.is_alive() for runner in runners):
                yield "a process of the races ended too early"
                return
            continue
        if fault is None:
            running -= 1
        else:
            yield fault


def run_side(way: str, side: int, tracks: list[Track], bases: list[list[str]]) -> None:
    """One process: of the even lanes the acceptors and of the odd ones the editors, or the other way round."""
    threads = [
        Thread(target=_heard, args=(track, partial(run_acceptor, way, track, base)))
        if track.lane.number % 2 == side
        else Thread(target=_heard, args=(track, partial(run_editor, track)))
        for track, base in zip(tracks, bases, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _heard(track: Track, runner: Callable[[], None]) -> None:
    """A runner that cannot go on says so and ends the lane; otherwise everybody would wait for it."""
    try:
        runner()
    except Exception as error:  # noqa: BLE001 - as above
        track.faults.put(f"lane {track.lane.number} broke: {type(error).__name__}: {error}"[:500])
        track.gate.abort()
        track.faults.put(None)


def run(here: Ground, count: int, seed: int) -> Outcome:
    outcome = Outcome(trials=count // LANES * LANES)
    with races(here, "accept", count, seed) as heard:
        outcome.failures += heard
    if here.postgresql:  # SQLite has one writer at a time, and so no two that could wait for each other
        outcome.failures += deadlocks(here)
    return outcome


def _finds(way: str, here: Ground, seed: int) -> bool:
    with races(here, way, PLANTED_RACES_MAX, seed) as heard:
        return any("placed against" in fault for fault in heard)


def _finds_deadlock(here: Ground, _seed: int) -> bool:
    return any("deadlock" in fault for fault in deadlocks(here, whole_row=True))


UNSAFE = Row(
    2,
    "accept against every editable rule, both orders",
    500,
    run,
    (
        Planted("no re-check at acceptance", partial(_finds, "accept_unchecked")),
        Planted("the check in a transaction of its own", partial(_finds, "accept_checked_before")),
        # On SQLite a write transaction is alone by itself, so this bug cannot show there.
        Planted("no lock on the location", partial(_finds, "accept_unlocked"), engines=("postgresql",)),
        Planted("a lock that also locks the key", _finds_deadlock, engines=("postgresql",)),
    ),
)
