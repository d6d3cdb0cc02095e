"""Row 6: no deadline, hold or rung moves with the clock on the wall, and intake hours move with nothing else.

The clock is frozen at every minute of the nights on which summer time begins and ends, 2026 to 2040, and of
29 February, new year and the fixed holidays. What the wall shows is worked out here from the directive's own words
(last Sunday of March and October, 01:00 UTC), not from a time zone database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, timezone
from unittest.mock import patch

from sqlalchemy import Connection, create_engine, delete, text
from sqlalchemy.engine import make_url
from sqlmodel import col, select

from nrm.clock import AMSTERDAM, Clock
from nrm.columns import UtcDateTime
from nrm.db import Database
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm, Escalation, Heartbeat
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome as CaseOutcome
from nrm.intake.schemas import RequestIn
from nrm.placing import service as placing
from nrm.placing.models import Offer
from nrm.registry import queries as registry
from nrm.registry import rules
from nrm.registry.models import Location
from tests import statements
from tests.builders import Town, TurnedClock
from tests.soak.ground import Ground
from tests.soak.harness import Outcome, Planted, Row
from tests.soak.scene import propose_in, small_town, somebody_on_every_rung

YEARS = range(2026, 2041)
HOLIDAYS = ((1, 1), (4, 27), (5, 5), (12, 25), (12, 26), (12, 31))
MINUTE = timedelta(minutes=1)
SERVICES_EVERY = 60
"""Every minute goes through the rules and the database's columns; every so many, and each minute of the change itself,
through the services."""
DEADLINES = {"now": timedelta(hours=1), "today": timedelta(hours=4), "soon": timedelta(hours=24)}
HOLDS = {"now": timedelta(minutes=20), "today": timedelta(minutes=45), "soon": timedelta(hours=4)}
RUNGS = (timedelta(0), timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60))
HOURS = (
    (None, None),
    (time(8), time(20)),
    (time(20), time(8)),
    (time(2), time(3)),
    (time(2, 30), time(2, 31)),
    (time(0), time(2, 30)),
    (time(3), time(2)),
)


# --- what the wall shows, by the words of the directive ---------------------------------------------------------------


def last_sunday(year: int, month: int) -> datetime:
    """01:00 UTC on the last Sunday of the month: the moment the clocks change."""
    day = date(year, month, 31)
    return datetime.combine(day - timedelta(days=(day.weekday() + 1) % 7), time(1), UTC)


def on_the_wall(at: datetime) -> time:
    """The time in Amsterdam."""
    summer = last_sunday(at.year, 3) <= at < last_sunday(at.year, 10)
    return (at + timedelta(hours=2 if summer else 1)).time().replace(tzinfo=None)


def is_open(opens: time | None, closes: time | None, wall: time) -> bool:
    """Whether the wall's time lies in the hours, counting minutes round the clock."""
    if opens is None or closes is None:
        return True
    length = (_minutes(closes) - _minutes(opens)) % 1440
    return (_minutes(wall) - _minutes(opens)) % 1440 < length


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def nights() -> Iterator[tuple[datetime, int, bool]]:
    """(begin, minutes, whether the clocks change): every night to be gone through."""
    for year in YEARS:
        for month in (3, 10):
            yield last_sunday(year, month) - timedelta(hours=4), 8 * 60, True
        days = [date(year, month, day) for month, day in HOLIDAYS]
        if year % 4 == 0:
            days.append(date(year, 2, 29))
        for day in days:
            yield datetime.combine(day, time(21), UTC) - timedelta(days=1), 5 * 60, False


# --- the trials -------------------------------------------------------------------------------------------------------


def intake_hours(minutes: list[datetime]) -> Iterator[str]:
    """The rule for intake hours against the wall, at each minute, just after it and just before the next."""
    for at in minutes:
        for shift in (timedelta(0), timedelta(seconds=59, microseconds=999_999)):
            wall = on_the_wall(at + shift)
            for opens, closes in HOURS:
                if rules.intake_open(opens, closes, at + shift) != is_open(opens, closes, wall):
                    yield f"open {opens} to {closes} is wrong at {at + shift}"


def stored(town: Town, minutes: list[datetime]) -> Iterator[str]:
    """Instants come back from the database as they went in, and in their order, however they were written down."""
    zones = (UTC, AMSTERDAM, timezone(timedelta(hours=5, minutes=30)))
    names = [f"{number:06d}" for number in range(len(minutes))]
    with town.database.transaction() as tx:
        tx.session.add_all(
            Heartbeat(part=name, at=at.astimezone(zones[number % 3]))
            for number, (name, at) in enumerate(zip(names, minutes, strict=True))
        )
    ours = col(Heartbeat.part) <= names[-1]  # not those that the services write while they run
    with town.database.reading() as tx:
        found = list(tx.session.exec(select(Heartbeat).where(ours).order_by(col(Heartbeat.at))))
        half = minutes[len(minutes) // 2]
        due = len(tx.session.exec(select(Heartbeat.part).where(ours, Heartbeat.at <= half.astimezone(AMSTERDAM))).all())
    if [(one.part, one.at) for one in found] != list(zip(names, minutes, strict=True)):
        yield f"instants of the night of {minutes[0]} did not come back in order"
    if due != len(minutes) // 2 + 1:
        yield f"{due} of {len(minutes)} minutes of the night of {minutes[0]} count as past at {half}"
    with town.database.transaction() as tx:
        tx.session.execute(delete(Heartbeat).where(ours))


def through_the_services(town: Town, minutes: list[datetime]) -> Iterator[str]:
    """Deadline, hold and intake hours of a case that begins at each of these minutes: exact real durations."""
    coordinator = town.coordinator()
    expected: dict[str, tuple[datetime, datetime]] = {}
    for number, at in enumerate(minutes):
        urgency = tuple(DEADLINES)[number % 3]
        town.clock.at = at
        with town.database.transaction() as tx:
            asked = RequestIn.model_validate(
                {"region": "VR17", "urgency": urgency, "persons": [{"sex": "f", "age": 24}]}
            )
            request_id = intake.submit(tx, coordinator, asked).id
            [proposal] = propose_in(tx, request_id, "loc-1-u1")
            offer_id = placing.send_offer(tx, coordinator, request_id, proposal, phoned=True).id
            expected[request_id] = at + DEADLINES[urgency], at + HOLDS[urgency]
            placing.withdraw_offer(tx, coordinator, offer_id)
        with town.database.reading() as tx:
            for view in registry.locations(tx):
                if view.intake_open != is_open(
                    view.location.intake_opens, view.location.intake_closes, on_the_wall(at)
                ):
                    yield f"{view.location.code} shows intake {view.intake_open} at {at}"
    with town.database.reading() as tx:
        for request_id, (deadline, until) in expected.items():
            request = tx.session.get_one(PlacementRequest, request_id)
            offer = tx.session.exec(select(Offer).where(Offer.request_id == request_id)).one()
            if request.deadline_at != deadline:
                yield f"asked at {request.created_at}, deadline {request.deadline_at}, should be {deadline}"
            if offer.hold_until != until:
                yield f"offered at {offer.sent_at}, held until {offer.hold_until}, should be {until}"
    with town.database.transaction() as tx:
        for request_id in expected:
            intake.close(tx, coordinator, request_id, CaseOutcome.WITHDRAWN, _version(town, request_id))


def _version(town: Town, request_id: str) -> int:
    with town.database.reading() as tx:
        return tx.session.get_one(PlacementRequest, request_id).version


def ladder_with_jumps(town: Town, change: datetime) -> Iterator[str]:
    """The ladder of one case over a change of the clocks, while ours jumps back an hour and forward a day."""
    coordinator = town.coordinator()
    town.clock.at = change - timedelta(minutes=90)
    request_id = town.request(coordinator)
    due = [town.clock.at + DEADLINES["now"] + after for after in RUNGS]
    for rung, at in enumerate(due):
        for moment, fires in ((at - timedelta(microseconds=1), 0), (at, 1), (at - timedelta(hours=1), 0), (at, 0)):
            town.clock.at = moment
            if (fired := escalation.run_due(town.database)) != fires:
                yield f"rung {rung} due at {at} fired {fired} times at {moment}"
    town.clock.at = change + timedelta(days=1)
    if escalation.run_due(town.database):
        yield "a rung fired twice after a jump forward"
    with town.database.reading() as tx:
        found = tx.session.exec(
            select(Alarm.due_at)
            .join(Escalation, col(Escalation.id) == Alarm.escalation_id)
            .where(Escalation.request_id == request_id)
            .order_by(col(Alarm.rung))
        ).all()
    if list(found) != due:
        yield f"the rungs were due at {list(found)}, should be {due}"
    with town.database.transaction() as tx:
        intake.close(tx, coordinator, request_id, CaseOutcome.WITHDRAWN, _version(town, request_id))


@contextmanager
def skewed_pair(here: Ground) -> Iterator[tuple[str, "DatabaseClock"]]:
    """A PostgreSQL database whose own clock can be turned: a function of the same name stands before the built-in."""
    url = here.fresh()
    name = make_url(url).database
    here.alter(
        url,
        "CREATE SCHEMA turned",
        "CREATE TABLE turned.instant (at timestamptz)",
        "INSERT INTO turned.instant VALUES (now())",
        "CREATE FUNCTION turned.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE"
        " AS 'SELECT at FROM turned.instant'",
        f"ALTER DATABASE {name} SET search_path = turned, pg_catalog, public",
    )
    engine = create_engine(url)
    with engine.connect() as connection:
        yield url, DatabaseClock(connection)
    engine.dispose()


class DatabaseClock:
    """The clock of a database, turned from outside."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def turn_to(self, at: datetime) -> None:
        self._connection.execute(text("UPDATE turned.instant SET at = :at"), {"at": at})
        self._connection.commit()


def skewed_instances(here: Ground, changes: list[datetime], own_clock: bool = False) -> Iterator[str]:
    """Two instances whose machines are two hours apart ask, offer and fire: the database's clock decides for both."""
    with skewed_pair(here) as (url, clock):
        skews = [TurnedClock(), TurnedClock()]
        ours: list[Clock | None] = [*skews] if own_clock else [None, None]
        towns = [Town(Database(url, clock=each), skew) for each, skew in zip(ours, skews, strict=True)]
        clock.turn_to(changes[0] - timedelta(days=1))
        coordinator = towns[0].coordinator()
        somebody_on_every_rung(towns[0])
        for change in changes:
            expected = {}
            for number, town in enumerate(towns):
                at = change - timedelta(minutes=45 + number)
                clock.turn_to(at)
                town.clock.at = at + timedelta(hours=(-2, 2)[number])
                # The machine's own clock is wrong; nothing may come of it.
                with patch("nrm.clock.SystemClock.now", lambda _self, wrong=town.clock: wrong.at):
                    expected[town.request(coordinator)] = at + DEADLINES["now"]
            with towns[0].database.reading() as tx:
                for request_id, deadline in expected.items():
                    found = tx.session.get_one(PlacementRequest, request_id).deadline_at
                    if found != deadline:
                        yield f"two skewed instances: deadline {found}, should be {deadline}"
            clock.turn_to(max(expected.values()))
            fired = [escalation.run_due(town.database) for town in towns]
            if fired != [len(expected), 0]:
                yield f"two skewed instances fired {fired}, should be {[len(expected), 0]}"
            clock.turn_to(max(expected.values()) + timedelta(hours=2))
            rest = [escalation.run_due(town.database) for town in reversed(towns)]
            if rest != [3 * len(expected), 0]:
                yield f"two skewed instances fired {rest} later, should be {[3 * len(expected), 0]}"
        for town in towns:
            town.database.close()


@contextmanager
def clock_town(here: Ground) -> Iterator[Town]:
    """A town with one house that is always open, and one per set of intake hours."""
    town = small_town(here.fresh(), datetime(2026, 1, 1, tzinfo=UTC))
    somebody_on_every_rung(town)
    for opens, closes in HOURS:
        location_id = town.location(places=(1,))
        with town.database.transaction() as tx:
            found = tx.session.get_one(Location, location_id)
            found.intake_opens, found.intake_closes = opens, closes
            tx.session.add(found)
    yield town
    town.database.close()


def run(here: Ground, count: int, _seed: int) -> Outcome:
    """Every night through the rule and the columns; `count` of those with a change through the services too."""
    outcome = Outcome()
    every = 2 * len(YEARS) // count | 1  # odd, so that spring and autumn take turns
    with clock_town(here) as town:
        changed = 0
        for begin, length, changes in nights():
            minutes = [begin + MINUTE * number for number in range(length)]
            if not here.postgresql:  # no database has a part in these
                outcome.trials += len(minutes)
                outcome.failures += intake_hours(minutes)
            if not changes:
                continue
            outcome.trials += len(minutes) if here.postgresql else 0
            outcome.failures += stored(town, minutes)
            changed += 1
            if changed % every:
                continue
            change = begin + timedelta(hours=4)
            near = [at for at in minutes if abs(at - change) <= MINUTE]
            outcome.failures += through_the_services(town, sorted({*minutes[::SERVICES_EVERY], *near}))
            outcome.failures += ladder_with_jumps(town, change)
    if here.postgresql:
        ends = [begin + timedelta(hours=4) for begin, _, changes in nights() if changes]
        outcome.failures += skewed_instances(here, ends[::every])
    return outcome


# --- planted bugs -----------------------------------------------------------------------------------------------------


class WallClock(TurnedClock):
    """Planted: says the time as the wall does, so that adding hours to it adds hours on the wall."""

    def now(self) -> datetime:
        return self.at.astimezone(AMSTERDAM)


def _finds_wall_time_sum(here: Ground, _seed: int) -> bool:
    change = last_sunday(2027, 3)
    with clock_town(here) as town:
        town.clock = WallClock(change)
        town.database = Database(town.database.url, clock=town.clock)
        found = list(through_the_services(town, [change - timedelta(minutes=30), change - timedelta(minutes=10)]))
        town.database.close()
    return any("deadline" in fault for fault in found)


def _finds_winter_all_year(_here: Ground, _seed: int) -> bool:
    change = last_sunday(2031, 3)
    with patch.object(rules, "AMSTERDAM", timezone(timedelta(hours=1))):
        return any(intake_hours([change - MINUTE, change, change + MINUTE]))


def _finds_naive_column(here: Ground, _seed: int) -> bool:
    """Planted: the column keeps the wall's time and forgets the zone."""

    def wall(self: UtcDateTime, value: datetime | None, _dialect: object) -> datetime | None:
        return None if value is None else value.astimezone(AMSTERDAM).replace(tzinfo=None)

    change = last_sunday(2028, 10)
    with statements.apart(), clock_town(here) as town:
        minutes = [change + MINUTE * number for number in range(-70, 70)]
        with patch.object(UtcDateTime, "process_bind_param", wall):
            try:
                return any(stored(town, minutes))
            except Exception:  # noqa: BLE001 - a key that is found no more is a find too
                return True


def _finds_own_clock(here: Ground, _seed: int) -> bool:
    return any(skewed_instances(here, [last_sunday(2026, 10)], own_clock=True))


CLOCKS = Row(
    6,
    "every minute of the nights the clocks change 2026-2040, holidays, jumps, skew",
    10,
    run,
    (
        Planted("four hours added on the wall", _finds_wall_time_sum),
        Planted("winter time all year in intake hours", _finds_winter_all_year),
        Planted("a column that keeps the wall's time", _finds_naive_column),
        Planted("each instance by its own clock", _finds_own_clock, engines=("postgresql",)),
    ),
    count_max=2 * len(YEARS),
)
