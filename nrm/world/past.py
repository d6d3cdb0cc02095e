"""The months before the demo: who asked, who was asked, who came, who left, and what was counted of it.

Nothing is said of a period that did not come about in it. Parties come in and leave through the services; who fits
where, why nobody did and what stood free at night is asked of the matching library with the houses' own rules, as the
worker does; causes, courses, statements and published tables are made by the worker's own steps, each at its moment.
Only what a night of work writes most of, proposals and answers, is written as rows, with the journal entries that the
services would write: months of it would take minutes otherwise. All of it is part of the transaction that plants.
"""

import heapq
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from functools import partial
from itertools import count
from typing import Any, Final

from sqlalchemy import insert, update
from sqlmodel import col, select

import matching
from nrm import journal, policy
from nrm.access.rules import Actor
from nrm.access.service import end_shift, start_shift
from nrm.calendar import queries as calendar
from nrm.calendar.rules import instant, is_office_time
from nrm.clock import AMSTERDAM
from nrm.course import service as course
from nrm.course.rules import BLOCK_CAUSES, BridgeKind, TariffState, is_emergency
from nrm.course.schemas import BridgeIn, SettlementIn
from nrm.db import SYSTEM, Database, Tx
from nrm.insight import nights, periods, situations, stating
from nrm.insight import service as insight
from nrm.insight.counting import counted_at
from nrm.insight.releases import release_due
from nrm.intake import queries as intake_queries
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import Fact, Outcome, RequestStatus, Urgency, waiting_hours
from nrm.intake.schemas import RequestIn
from nrm.journal import JournalEntry
from nrm.notify.models import Message
from nrm.placing import matcher, staying
from nrm.placing import problem as placing
from nrm.placing import rules as placing_rules
from nrm.placing.models import Offer, OfferAnswer, Proposal, ProposalSet, Stay
from nrm.placing.problem import Built
from nrm.placing.rules import KIND_OF, OfferStatus, StayStatus
from nrm.registry import queries as registry
from nrm.registry.models import Claim, Confirmation
from nrm.registry.queries import LocationView, UnitView
from nrm.registry.rules import TRUSTED, ClaimKind, PlaceState, Use, freshness, intake_open
from nrm.reporting import service as reporting
from nrm.reporting.schemas import ConfirmIn
from nrm.world.assumptions import number
from nrm.world.generator import Location, Unit, World, municipality_of, stream
from nrm.world.generator import Stay as Planned
from nrm.youth import service as youth
from nrm.youth.schemas import TakeoverIn

LAST_ARRIVAL: Final = timedelta(hours=36)
"""So long before the demo nobody of the past asks any more: who waits when it starts is part of the demo itself."""
ALL_HELPED: Final = timedelta(hours=20)
"""By then everybody who asked has a place or went elsewhere."""
KEPT_FREE_BY: Final = timedelta(days=6)
"""So long before the demo whoever is in a place that stands empty in it has left."""
SITUATIONS_DAYS: Final = 28
"""Of how many days situations are kept and asked again: longer costs more than it shows."""
SITUATION_EVERY: Final = timedelta(hours=8)
"""No more of them are kept than one in so long, unless somebody is in it who was in none."""
ALTERNATIVES: Final = 2
"""So many places beside the first one are worked out: nobody chooses among them any more."""

FIRST_ASKED: Final = {Urgency.NOW: 20, Urgency.TODAY: 60, Urgency.SOON: 240, Urgency.PLANNED: 900}
"""After how many minutes, in the middle, the owner of a request asks for its first place."""
PATIENCE_DAYS: Final = {Urgency.NOW: 1, Urgency.TODAY: 2, Urgency.SOON: 4, Urgency.PLANNED: 8}
"""How long, in the middle, a place here still helps somebody who has none."""
LOOK_LASTS: Final = timedelta(hours=2)
"""So long whoever asks goes by what the search said, unless that place went to somebody else."""
IN_THE_CITY: Final = 0.5
ELSEWHERE: Final = 0.35
"""The shares found in the municipality that takes part for its region, and in any of the region; of others it is not
known."""
FULL_AT_FIRST: Final = 0.8
"""The share of the places that stand empty in the demo which had somebody in them before."""
ASKED_AGAIN_MINUTES: Final = 600
"""How long, in the middle, until somebody looks again for whom there was no place."""
ANSWER_MINUTES: Final = 25
ARRIVAL_MINUTES: Final = 200
REPORTED_DAYS: Final = 3
"""After how many days, in the middle, whoever asked reports somebody to CoMensha; the norm is policy, a week."""
NOT_REPORTED: Final = 0.1
CONFIRMED_DAYS: Final = 1.5
"""How long, in the middle, until the desk says that it has a report."""
CHECKED_AT: Final = (time(8, 30), time(19, 30))
"""When houses say that their figures are right; who says so once a day does it in the evening."""
DECLINES: Final = ("full_after_all", "no_staff", "room_unfit", "group_balance", "safety_here", "other")
GIVEN_UP: Final = {
    Outcome.NO_PLACE: 4,
    Outcome.ALTERNATIVE: 2,
    Outcome.OWN_SOLUTION: 2,
    Outcome.WITHDRAWN: 1,
    Outcome.LOST_CONTACT: 1,
}
DESTINATIONS: Final = {
    "own_home": 4,
    "follow_on_shelter": 3,
    "family": 2,
    "other_shelter": 1,
    "asylum_reception": 1,
    "abroad_voluntary": 1,
}
CONTINUITY: Final = {"went_on": 5, "partly": 3, "broke_off": 2}


class Turned:
    """A clock that stands where it was put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Inside(Database):
    """A database within a transaction of another one: what is done here stays when that transaction does.

    Each block sees everything before it and its entries are chained behind theirs. One that raises ends all of it.
    """

    def __init__(self, outer: Tx, clock: Turned) -> None:
        self._session = outer.session
        self._policies = outer.policies
        self._turned = clock
        self.new_id = outer.new_id
        (newest,) = journal.after(outer.session, journal.last_seq(outer.session) - 1, 1)
        self._seq, self._head = newest.seq, newest.hash

    @property
    def postgresql(self) -> bool:
        return self._session.get_bind().dialect.name == "postgresql"

    @contextmanager
    def transaction(self, actor_id: str = SYSTEM) -> Iterator[Tx]:
        tx = Tx(self._session, self.now(), actor_id, self.new_id, policies=self._policies)
        yield tx
        self._session.flush()
        rows = []
        for change in tx.changes:
            rows.append(journal.chained(change, actor_id, tx.now, self._seq + 1, self._head))
            self._seq, self._head = rows[-1]["seq"], rows[-1]["hash"]
        if rows:
            self._session.execute(insert(JournalEntry), rows)
        self._session.expunge_all()

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        yield Tx(self._session, self.now(), new_id=self.new_id, policies=self._policies)
        self._session.expunge_all()

    def now(self) -> datetime:
        return self._turned.now()


@dataclass(frozen=True)
class Step:
    """Something that happened before the demo."""

    at: datetime
    actor_id: str
    act: Callable[[Tx], object]
    places: tuple[str, ...] = ()
    """The places it is about: it does not happen while somebody of the past is in one of them."""
    stay: Planned | None = None
    """Who is in them from then on; they come later when somebody is still there."""


@dataclass
class _Case:
    """A request of the past, and what the search needs of it."""

    detail: RequestDetail
    asked: matching.Request
    owner: Actor
    until: datetime
    """How long a place here still helps them."""
    barred: dict[str, str] = field(default_factory=dict)
    seeks: bool = True
    """Whether a place is sought: not while a house is asked, and not for a minor alone."""
    bridged: bool = False
    looked: datetime | None = None
    sure: list[Proposal] = field(default_factory=list)
    """The places that were proposed then of which the figures can be relied on."""

    @property
    def id(self) -> str:
        return self.detail.request.id


@dataclass
class _Room:
    """A room as it is now: who is in which place."""

    house: Location
    unit: Unit
    view: UnitView
    taken: dict[str, str] = field(default_factory=dict)
    """Place → the stay or offer that has it."""

    @property
    def free(self) -> int:
        left = len(self.unit.places) - len(self.taken)
        return 0 if self.unit.private and self.taken else left


class Past:
    """Everything from `since` until the demo, oldest first. `people` are those who act, by login."""

    def __init__(
        self, tx: Tx, planted: World, people: Mapping[str, Actor], seed: int, since: datetime, public_url: str
    ) -> None:
        self._clock = Turned(since)
        self._database = Inside(tx, self._clock)
        self._since, self._until, self._public_url, self._seed = since, tx.now, public_url, seed
        self._chance = random.Random(f"{seed}/past")  # noqa: S311 - a made-up past, not a secret
        # Drawn apart: whatever is reported, the same people ask and the same becomes of it.
        self._paper = random.Random(f"{seed}/reports")  # noqa: S311 - the same
        self._numbers = count()
        self._to_come: list[tuple[datetime, int, Callable[[], object]]] = []
        self._by_organisation = {actor.organisation_id: actor for actor in people.values()}
        self._desk = replace(people["piket-2"], on_shift=True)
        self._receives = people["loket"]
        self._on_shift = False
        self._planted = planted
        self._organisations = sorted(planted.organisations, key=lambda one: (one.region is None, one.id))
        self._stays_on = {place for stay in planted.stays for place in stay.place_ids}
        """The places that have somebody in them when the demo starts."""
        self._checked_at: dict[str, datetime] = {}
        self._daily = self._habits()
        self._waiting: dict[str, _Case] = {}
        self._late: list[Step] = []
        self._in_situations: set[str] = set()
        self._kept_at = since
        self._standing = matcher.Standing()
        with self._database.reading() as read:
            self._bands = policy.current(read, policy.Freshness)[1].bands
            self._authority_version, self._authority = policy.current(read, policy.Authority)
            self._hold_version, self._hold = policy.current(read, policy.Hold)
            self._settings = policy.current(read, policy.Matching)[1]
            self._course = policy.current(read, policy.Course)[1]
            self._desk_hours = calendar.desk_calendar(read, self._authority.office_hours)
            self._views = {view.location.id: view for view in registry.locations(read)}
            self._built = placing.build(read, [], list(self._views.values()))
            municipalities: dict[str, list[str]] = {}
            for one in registry.municipalities(read):
                municipalities.setdefault(one.region_code, []).append(one.code)
            self._municipalities = municipalities
        few = self._built.settings.model_copy(update={"alternatives": ALTERNATIVES})
        self._built = replace(self._built, settings=few)
        self._plain = {unit.id: unit for unit in self._built.problem.units}
        self._rooms = {
            unit.id: _Room(found, unit, self._built.units[unit.id][1])
            for found in planted.locations
            for unit in found.units
        }
        self._room_of = {place: room for room in self._rooms.values() for place in room.unit.places}
        self._known: dict[tuple[str, int, str, str | None], matching.Unit] = {}

    def live(self, steps: Sequence[Step]) -> None:
        """Let it all happen, with what is certain to have happened (`steps`) in between."""
        self._first_people()
        for step in steps:
            self._at(step.at, self._happens, step)
        last = self._until - LAST_ARRIVAL
        for arrival in stream(self._seed, self._since + timedelta(days=1), last, number("past_requests_per_year")):
            self._at(arrival.at, self._comes_in, arrival.request)
        day = self._since.astimezone(AMSTERDAM).date() + timedelta(days=1)
        while (midnight := instant(day, time(0))) < self._until:
            if midnight > self._until - timedelta(days=SITUATIONS_DAYS):
                self._at(instant(day, time(2)), self._asks_again)
            self._at(instant(day, time(nights.NIGHT_HOUR)), self._night)
            self._at(instant(day, time(8)), self._morning)
            if day.day == 1:
                month = (day - timedelta(days=1)).strftime("%Y-%m")
                self._at(counted_at(month) + timedelta(minutes=1), self._publishes)
            for number_of_day, at in enumerate(CHECKED_AT):
                self._at(instant(day, at), self._checks, number_of_day, midnight)
            day += timedelta(days=1)
        self._at(self._since, self._states)
        while self._to_come:
            self._clock.at, _, act = heapq.heappop(self._to_come)
            act()
        self._clock.at = self._until
        reporting.open_missing(self._database)
        course.follow_up(self._database)
        with self._database.transaction() as tx:
            # What was said then went out then: nobody is told of it today.
            told = update(Message).where(
                col(Message.due_at).is_not(None), col(Message.queued_at) < self._until - LAST_ARRIVAL
            )
            tx.session.execute(told.values(due_at=None, sent_at=Message.queued_at, tries=1))
        self._reads_all()

    # --- the time ---

    def _at(self, at: datetime, act: Callable[..., object], *with_: object) -> None:
        if self._since <= at <= self._until:
            todo: tuple[datetime, int, Callable[[], object]] = (at, next(self._numbers), partial(act, *with_))
            heapq.heappush(self._to_come, todo)

    def _in(self, minutes: float, act: Callable[..., object], *with_: object) -> None:
        self._at(self._clock.at + timedelta(minutes=minutes), act, *with_)

    def _about(self, middle: float) -> float:
        """Around so much: most are near it, some take several times as long."""
        return middle * self._chance.lognormvariate(0, 0.7)

    def _one_of(self, weights: Mapping[Any, float]) -> Any:
        return self._chance.choices(list(weights), list(weights.values()))[0]

    def _do(self, actor: Actor, act: Callable[[Tx, Actor], object]) -> None:
        with self._database.transaction(actor.account_id) as tx:
            act(tx, actor)

    # --- houses ---

    def _habits(self) -> dict[str, int]:
        """House → how often a day it says that its figures are right; houses that do so seldom are not in it."""
        found = {}
        for house in self._planted.locations:
            if house.confirmed_at is None:
                continue
            age = (self._until - house.confirmed_at) / timedelta(minutes=1)
            bands = policy.Freshness().bands[house.pool]
            if age < bands.aging_minutes:
                found[house.id] = 2 if age < bands.fresh_minutes else 1
        return found

    def _checks(self, turn: int, midnight: datetime) -> None:
        """Houses say that their figures are right, up to the last time they did so before the demo."""
        says = [
            house
            for house in self._planted.locations
            if house.confirmed_at is not None
            and self._clock.at < house.confirmed_at
            and (self._daily.get(house.id, 0) > 1 - turn or (turn == 1 and self._chance.random() < 0.3))
        ]
        with self._database.transaction() as tx:
            rows = []
            for house in says:
                by = self._by_organisation[house.organisation_id].account_id
                self._checked_at[house.id] = self._clock.at
                rows.append({"id": tx.new_id(), "location_id": house.id, "confirmed_at": tx.now, "account_id": by})
                tx.record("location.confirmed", f"location:{house.id}", "places", by=by)
            if rows:
                tx.session.execute(insert(Confirmation), rows)

    def _first_people(self) -> None:
        """Who was in the houses when they took the software into use, and left since."""
        house_of = {house.id: self._by_organisation[house.organisation_id] for house in self._planted.locations}
        with self._database.transaction() as tx:
            for stay, leaves in self._first_stays():
                before = replace(stay, id=tx.new_id(), arrived_at=self._since - timedelta(days=self._about(20)))
                register(before, tx)
                self._take(before.place_ids, before.id)
                by = max(leaves, self._since + timedelta(hours=2))
                self._at(by, self._leaves, before.id, house_of[stay.location_id], before.place_ids)

    def _first_stays(self) -> Iterator[tuple[Planned, datetime]]:
        """Where somebody is in the demo somebody was before; most of what stands empty in it was full once, too."""
        for stay in self._planted.stays:
            yield stay, stay.arrived_at - timedelta(hours=3, days=self._chance.uniform(0, 8))
        span = self._until - KEPT_FREE_BY - self._since
        for room in self._rooms.values():
            places = room.unit.places
            for some in (places,) if room.unit.private else ((place,) for place in places):
                if self._stays_on.isdisjoint(some) and self._chance.random() < FULL_AT_FIRST:
                    leaves = self._since + span * self._chance.uniform(0.2, 1)
                    yield Planned("", room.house.id, room.unit.id, some, 1, self._since, None), leaves

    def _happens(self, step: Step) -> None:
        if any(place in self._room_of[place].taken for place in step.places):
            if step.stay:
                self._late += [step]
            return
        with self._database.transaction(step.actor_id) as tx:
            if step.stay and step.at < tx.now:
                register(replace(step.stay, arrived_at=tx.now), tx)
            else:
                step.act(tx)
        if step.stay:
            self._take(step.places, step.stay.id)

    def _take(self, places: Sequence[str], holder: str) -> None:
        for place in places:
            self._room_of[place].taken[place] = holder
        self._look_anew(places)

    def _free(self, places: Sequence[str]) -> None:
        for place in places:
            self._room_of[place].taken.pop(place, None)
        self._look_anew(places)
        late, self._late = self._late, []
        for step in late:
            self._happens(step)

    def _look_anew(self, places: Sequence[str]) -> None:
        for room in {id(room): room for room in map(self._room_of.__getitem__, places)}.values():
            of = {True: PlaceState.OCCUPIED, False: PlaceState.FREE}
            now = (replace(place, state=of[place.id in room.taken]) for place in room.view.places)
            room.view = replace(room.view, places=tuple(now))

    # --- the search ---

    def _seen(self) -> Built:
        """Everybody who waits and every room, as they are now."""
        units = []
        band = {
            house: freshness(
                self._bands[view.location.pool],  # type: ignore[index]
                self._checked_at.get(house),
                self._clock.at,
            )
            for house, view in self._views.items()
        }
        views = {house: replace(view, freshness=band[house]) for house, view in self._views.items()}
        found: dict[str, tuple[LocationView, UnitView]] = {}
        for key, room in self._rooms.items():
            view, house = self._built.units[key][0], room.house.id
            open_now = intake_open(view.location.intake_opens, view.location.intake_closes, self._clock.at)
            closed = self._plain[key].closed if self._plain[key].closed == "out_of_service" else None
            closed = closed or (None if open_now else "intake_hours")
            state = (key, room.free, band[house].band.value, closed)
            if state not in self._known:
                self._known[state] = replace(
                    self._plain[key],
                    places=room.free or len(room.unit.places),
                    available_from=0 if room.free else placing.NO_END_KNOWN_DAYS,
                    freshness=state[2],
                    closed=closed,
                )
            units.append(self._known[state])
            found[key] = (views[house], room.view)
        requests = [self._as_now(case) for case in self._waiting.values() if case.seeks]
        problem = replace(self._built.problem, units=tuple(units), requests=tuple(requests))
        return replace(self._built, problem=problem, units=found)

    def _as_now(self, case: _Case) -> matching.Request:
        row = case.detail.request
        ahead = max(timedelta(0), row.needed_from - self._clock.at) // timedelta(days=1)
        return replace(
            case.asked,
            waiting_hours=waiting_hours(row.created_at, self._clock.at),
            from_day=ahead,
            latest_day=ahead + self._settings.latest_days[row.urgency],  # type: ignore[index]
            barred=dict(case.barred),
        )

    def _asks_again(self) -> None:
        """What the worker does in the small hours: ask the situations of the day before again."""
        while periods.ask_due(self._database):
            pass

    def _night(self) -> None:
        """What stood free this night, by the same rules as the worker."""
        if self._waiting:
            insight.keep(self._database)
        built = self._seen()
        here = {case.id: case for case in self._waiting.values() if case.seeks}
        tonight = [one for one in here if here[one].detail.request.needed_from <= self._clock.at]
        with self._database.reading() as tx:
            causes = nights.causes_of(tx, tonight)
        seen = nights.seen(built, {one: here[one].detail.request.region_code for one in tonight}, causes)
        with self._database.transaction() as tx:
            nights.write(tx, nights.newest(tx.now), seen)

    def _morning(self) -> None:
        if self._on_shift:
            self._do(self._desk, end_shift)
            self._on_shift = False

    def _states(self) -> None:
        """The statements that are due, and when the next ones are."""
        self._reads_all()
        stating.make_due(self._database, self._public_url)
        self._at(stating.next_due(self._database), self._states)

    def _reads_all(self) -> None:
        while insight.keep(self._database):
            pass

    def _publishes(self) -> None:
        self._reads_all()
        release_due(self._database)

    # --- who asks ---

    def _comes_in(self, shape: RequestIn) -> None:
        actor = self._by_organisation[f"zc-{shape.region.lower()}"]
        drawn = self._chance.random()
        if drawn < IN_THE_CITY + ELSEWHERE:
            others = self._municipalities[shape.region]
            found_in = municipality_of(shape.region) if drawn < IN_THE_CITY else self._chance.choice(others)
            shape = shape.model_copy(update={"municipality": found_in})
        if not is_office_time(self._desk_hours, self._clock.at):
            shape = shape.model_copy(update={"on_behalf_of": actor.organisation_id})
            actor = self._desk
            if not self._on_shift:
                self._do(actor, start_shift)
                self._on_shift = True
        with self._database.transaction(actor.account_id) as tx:
            request_id = intake.submit(tx, actor, shape).id
        if self._paper.random() >= NOT_REPORTED:
            self._in(self._paper.lognormvariate(0, 0.7) * REPORTED_DAYS * 1440, self._reports, request_id, actor)
        self._expect(request_id, actor)

    def _reports(self, request_id: str, owner: Actor) -> None:
        self._do(owner, lambda tx, by: reporting.send(tx, by, request_id, 1))
        self._in(self._paper.lognormvariate(0, 0.7) * CONFIRMED_DAYS * 1440, self._confirms, request_id)

    def _confirms(self, request_id: str) -> None:
        shape = ConfirmIn(reference=f"CM{self._paper.randrange(10**6):06}", version=2)
        self._do(self._receives, lambda tx, by: reporting.confirm(tx, by, request_id, shape))

    def _expect(self, request_id: str, owner: Actor) -> None:
        """Somebody waits from now on: what the search needs of them, and when they are asked for."""
        with self._database.reading() as tx:
            detail = intake_queries.detail(tx, request_id)
            (asked,) = placing.build(tx, [detail], [], with_previous=False).problem.requests
        urgency = Urgency(detail.request.urgency)
        until = self._clock.at + timedelta(days=self._about(PATIENCE_DAYS[urgency]))
        case = _Case(detail, asked, owner, min(until, self._until - ALL_HELPED))
        self._waiting[request_id] = case
        if detail.request.minor_alone:
            case.seeks = False
            self._in(self._about(90), self._taken_over, case)
            return
        self._in(2, self._looks, case)
        first = max(self._clock.at, detail.request.needed_from - timedelta(days=2))
        self._at(first + timedelta(minutes=3 + self._about(FIRST_ASKED[urgency])), self._asks, case)

    def _taken_over(self, case: _Case) -> None:
        shape = TakeoverIn(organisation=f"jeugd-{case.detail.request.region_code.lower()}")
        self._do(case.owner, lambda tx, by: youth.record_takeover(tx, by, case.id, shape))
        del self._waiting[case.id]

    # --- who is asked ---

    def _looks(self, case: _Case) -> None:
        """What the search says for somebody now, written down when it differs from what it said before."""
        built = self._seen()
        answer = matcher.answers(built, {case.id: case.detail}, self._standing)[case.id]
        with self._database.transaction() as tx:
            seq = journal.last_seq(tx.session)
            if matcher.write(tx, built, case.detail, seq, *answer):
                tx.record(matcher.PROPOSALS_MADE, "requests:waiting", "requests", requests=1, seq=seq)
            listed = (
                select(Proposal)
                .join(ProposalSet, col(ProposalSet.id) == Proposal.set_id)
                .where(Proposal.request_id == case.id, col(ProposalSet.replaced_at).is_(None))
            )
            found = list(tx.session.exec(listed.order_by(col(Proposal.rank))))
        sure = [one for one in found if one.fit["freshness"] in TRUSTED]
        if not sure:
            if not case.looked:
                insight.keep(self._database)
            if self._clock.at > self._until - timedelta(days=SITUATIONS_DAYS):
                self._keeps(built.problem, case.id)
        case.looked, case.sure = self._clock.at, sure

    def _keeps(self, problem: matching.Problem, request_id: str) -> None:
        """The situation in which somebody has no place, as the worker keeps it."""
        if request_id in self._in_situations and self._clock.at < self._kept_at + SITUATION_EVERY:
            return
        self._in_situations.add(request_id)
        self._kept_at = self._clock.at
        with self._database.transaction() as tx:
            situations.write(tx, *situations.packed(problem), {request_id})

    def _asks(self, case: _Case) -> None:
        if case.looked is None or self._clock.at - case.looked > LOOK_LASTS or not self._still_free(case):
            self._looks(case)
        if case.sure:
            self._sends(case, case.sure[0])
        elif self._clock.at >= case.until:
            self._gives_up(case)
        else:
            self._bridges(case)
            again = self._clock.at + timedelta(minutes=self._about(ASKED_AGAIN_MINUTES))
            self._at(min(again, max(case.until, self._clock.at + timedelta(minutes=30))), self._asks, case)

    def _still_free(self, case: _Case) -> bool:
        return bool(case.sure) and self._rooms[case.sure[0].unit_id].free >= len(case.detail.persons)

    def _gives_up(self, case: _Case) -> None:
        outcome = self._one_of(GIVEN_UP)

        def close(tx: Tx, by: Actor) -> None:
            version = tx.session.get_one(PlacementRequest, case.id).version
            intake.close(tx, by, case.id, outcome, version)

        self._do(case.owner, close)
        insight.keep(self._database)
        course.follow_up(self._database)
        del self._waiting[case.id]

    def _bridges(self, case: _Case) -> None:
        """Some who have no place at their deadline spend the night in a hotel or a crisis bed."""
        request = case.detail.request
        late = self._clock.at >= request.deadline_at
        if not late or request.urgency not in (Urgency.NOW, Urgency.TODAY) or case.bridged:
            return
        if self._chance.random() < 0.5:
            case.bridged = True
            kind = self._chance.choice((BridgeKind.HOTEL, BridgeKind.REGULAR_BED))
            paying = municipality_of(request.region_code)
            shape = BridgeIn(
                kind=kind, municipality=paying, cents_per_night=self._chance.randint(80, 190) * 100, safe=Fact.YES
            )
            self._do(case.owner, lambda tx, by: course.record_bridge(tx, by, case.id, shape))

    def _sends(self, case: _Case, proposal: Proposal) -> None:
        """A house is asked, and everybody whose answer a place there needs."""
        room = self._rooms[proposal.unit_id]
        request = case.detail.request
        persons = len(case.detail.persons)
        free = [place for place in room.unit.places if place not in room.taken]
        places = free if room.unit.private else free[:persons]
        case.seeks = False
        with self._database.transaction(case.owner.account_id) as tx:
            hold = self._hold.minutes(room.house.pool, request.urgency)
            offer = Offer(
                id=tx.new_id(),
                request_id=case.id,
                proposal_id=proposal.id,
                unit_id=proposal.unit_id,
                location_id=room.house.id,
                status=OfferStatus.LIVE,
                sent_at=tx.now,
                sent_by=case.owner.account_id,
                hold_until=tx.now + timedelta(minutes=hold),
                hold_version=self._hold_version,
                authority_version=self._authority_version,
            )
            offer_id = offer.id
            tx.session.add(offer)
            tx.session.flush()
            who = self._deciders(room, request)
            tx.session.add_all(OfferAnswer(offer_id=offer_id, organisation_id=one, by=by) for one, by in who)
            tx.session.add_all(
                Claim(id=tx.new_id(), place_id=one, kind=ClaimKind.HOLD, holder=offer_id, started_at=tx.now)
                for one in places
            )
            intake.move(tx, case.id, (RequestStatus.OPEN,), RequestStatus.OFFERED)
            tx.record(
                "offer.sent",
                f"request:{case.id}",
                "requests",
                "offers",
                "places",
                offer=offer_id,
                unit=proposal.unit_id,
            )
        self._take(places, offer_id)
        drawn = self._chance.random()
        if drawn < 0.07:
            self._in(hold + 1, self._ends, case, offer_id, places, OfferStatus.LAPSED, who)
        elif drawn < 0.2:
            self._in(
                min(self._about(ANSWER_MINUTES), hold - 1),
                self._ends,
                case,
                offer_id,
                places,
                OfferStatus.DECLINED,
                who,
            )
        else:
            self._in(min(self._about(ANSWER_MINUTES), hold - 1), self._accepts, case, offer_id, places, who)

    def _deciders(self, room: _Room, request: PlacementRequest) -> list[tuple[str, str]]:
        crisis = room.unit.use == Use.CRISIS
        found: dict[str, str] = {}
        for by in placing_rules.deciders(
            self._authority, room.house.pool, self._clock.at, request.refuses_police, crisis, self._desk_hours
        ):
            one = room.house.organisation_id if by == "provider" else self._in_capacity(by, room.house.region)
            if one is None:
                return [(room.house.organisation_id, "provider")]
            found.setdefault(one, by)
        return list(found.items())

    def _in_capacity(self, by: str, region: str) -> str | None:
        here = (
            one.id for one in reversed(self._organisations) if one.kind == KIND_OF[by] and one.region in (None, region)
        )
        return next(here, None)

    def _ends(
        self, case: _Case, offer_id: str, places: Sequence[str], status: OfferStatus, who: Sequence[tuple[str, str]]
    ) -> None:
        """A no, or no answer: the places are free again, and that house is not asked again."""
        code = self._chance.choice(DECLINES) if status is OfferStatus.DECLINED else None
        by = self._by_organisation[who[-1][0]].account_id if code else SYSTEM
        with self._database.transaction(by) as tx:
            values: dict[str, object] = {"status": status, "ended_at": tx.now}
            if code is not None:
                values |= {"decline_code": code, "decline_tag": placing_rules.DECLINES[code].tag}
                self._answered(tx, offer_id, who[-1:], "decline")
            tx.affected(update(Offer).where(col(Offer.id) == offer_id).values(**values))
            tx.affected(update(Claim).where(col(Claim.holder) == offer_id).values(ended_at=tx.now))
            intake.move(tx, case.id, (RequestStatus.OFFERED,), RequestStatus.OPEN)
            house = tx.session.get_one(Offer, offer_id).location_id
            intake.bar(tx, case.id, house, code or "lapsed", until=None)
            case.barred[house] = "declined"
            said = {"code": code, "tag": placing_rules.DECLINES[code].tag, "criterion": None} if code else {}
            kind = "offer.declined" if code else "offer.lapsed"
            tx.record(kind, f"request:{case.id}", "requests", "offers", "places", offer=offer_id, **said)
        self._free(places)
        case.seeks, case.sure = True, []
        self._in(3, self._asks, case)

    def _answered(self, tx: Tx, offer_id: str, who: Sequence[tuple[str, str]], answer: str) -> None:
        for organisation, _ in who:
            row = tx.session.get_one(OfferAnswer, (offer_id, organisation))
            row.answer, row.account_id, row.at = answer, self._by_organisation[organisation].account_id, tx.now
            tx.session.add(row)
        tx.session.flush()

    def _accepts(self, case: _Case, offer_id: str, places: Sequence[str], who: Sequence[tuple[str, str]]) -> None:
        """The last yes: the hold becomes a stay."""
        room = self._room_of[places[0]]
        request, persons = case.detail.request, len(case.detail.persons)
        point = room.house.handover_points[0] if request.handover_needed else None
        actor = self._by_organisation[who[-1][0]]
        known = placing_rules.indication(case.detail.facts, room.view.stances)
        with self._database.transaction(actor.account_id) as tx:
            self._answered(tx, offer_id, who, "accept")
            stay = Stay(
                id=tx.new_id(),
                request_id=case.id,
                offer_id=offer_id,
                unit_id=room.unit.id,
                location_id=room.house.id,
                status=StayStatus.PLANNED,
                persons=persons,
                planned_at=tx.now,
                expected_departure=(request.needed_from + timedelta(days=request.days)).date(),
            )
            stay_id = stay.id
            tx.session.add(stay)
            tx.session.flush()
            ended = {"status": OfferStatus.ACCEPTED, "ended_at": tx.now, "handover_point": point}
            tx.affected(update(Offer).where(col(Offer.id) == offer_id).values(**ended))
            tx.affected(update(Claim).where(col(Claim.holder) == offer_id).values(kind=ClaimKind.STAY, holder=stay_id))
            intake.move(tx, case.id, (RequestStatus.OFFERED,), RequestStatus.ACCEPTED)
            subject = f"request:{case.id}"
            for _ in who:
                tx.record("offer.answered", subject, "requests", "offers", offer=offer_id, answer="accept")
            tx.record(
                "offer.accepted",
                subject,
                "requests",
                "offers",
                "places",
                offer=offer_id,
                stay=stay_id,
                region=room.house.region,
                pool=room.house.pool,
                unconditional=room.view.unconditional,
                indication=known,
            )
        del self._waiting[case.id]
        self._take(places, stay_id)
        house = self._by_organisation[room.house.organisation_id]
        comes = max(self._clock.at, request.needed_from) + timedelta(minutes=self._about(ARRIVAL_MINUTES))
        self._at(min(comes, self._until - timedelta(hours=1)), self._arrives, case, stay_id, house, places)

    # --- who comes and goes ---

    def _arrives(self, case: _Case, stay_id: str, house: Actor, places: Sequence[str]) -> None:
        def come(tx: Tx, by: Actor) -> None:
            staying.confirm_arrival(tx, by, stay_id, tx.session.get_one(Stay, stay_id).version)

        self._do(house, come)
        days = case.detail.request.days
        if is_emergency(self._course, self._room_of[places[0]].house.pool, days):
            # What is set out for afterwards is for who stays; where they go next must be sought at once.
            course.follow_up(self._database)
            with self._database.reading() as tx:
                follows = tx.session.exec(
                    select(PlacementRequest.id).where(PlacementRequest.continues_id == case.id)
                ).one()
            self._expect(follows, case.owner)
        if self._chance.random() < 0.35:
            self._in(self._chance.uniform(2, 12) * 1440, self._settles, case)
        stays = self._about(days * 0.8)
        leaves = self._clock.at + timedelta(days=max(stays, 0.5))
        # A place that stands empty when the demo starts has nobody in it by then.
        if not self._stays_on.issuperset(places):
            latest = self._until - KEPT_FREE_BY - timedelta(hours=self._chance.uniform(0, 96))
            leaves = min(leaves, max(latest, self._clock.at + timedelta(hours=6)))
            leaves = min(leaves, self._until - timedelta(minutes=50))
        if stays > days and leaves < self._until:
            cause = self._chance.choice(BLOCK_CAUSES)
            self._at(self._clock.at + timedelta(days=days), self._blocked, case, stay_id, leaves, cause)
        self._at(leaves, self._leaves, stay_id, house, places)

    def _blocked(self, case: _Case, stay_id: str, leaves: datetime, cause: str) -> None:
        if self._clock.at < leaves:
            self._do(case.owner, lambda tx, by: course.block(tx, by, stay_id, cause))

    def _settles(self, case: _Case) -> None:
        codes = self._municipalities[case.detail.request.region_code]
        tariff = self._one_of({TariffState.AGREED: 6, TariffState.OPEN: 3, TariffState.DISPUTED: 1})
        shape = SettlementIn(
            legal=self._chance.choice(codes), paying=municipality_of(case.detail.request.region_code), tariff=tariff
        )
        self._do(case.owner, lambda tx, by: course.settle(tx, by, case.id, shape))

    def _leaves(self, stay_id: str, house: Actor, places: Sequence[str]) -> None:
        says = self._one_of(CONTINUITY) if self._chance.random() < 0.5 else None
        reason = "planned" if self._chance.random() < 0.8 else "own_wish"

        def go(tx: Tx, by: Actor) -> None:
            version = tx.session.get_one(Stay, stay_id).version
            staying.depart(tx, by, stay_id, self._one_of(DESTINATIONS), version, reason, says)

        self._do(house, go)
        self._free(places)


def register(stay: Planned, tx: Tx) -> None:
    """People placed before, or past, the software: a stay without a request."""
    tx.session.add(
        Stay(
            id=stay.id,
            unit_id=stay.unit_id,
            location_id=stay.location_id,
            status=StayStatus.ARRIVED,
            persons=stay.persons,
            planned_at=stay.arrived_at,
            arrived_at=stay.arrived_at,
            expected_departure=stay.expected_departure,
        )
    )
    tx.session.flush()
    tx.session.add_all(
        Claim(id=tx.new_id(), place_id=place, kind=ClaimKind.STAY, holder=stay.id, started_at=stay.arrived_at)
        for place in stay.place_ids
    )
    tx.record("stay.registered", f"location:{stay.location_id}", "places", stay=stay.id)
