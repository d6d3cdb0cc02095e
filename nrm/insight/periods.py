"""What would have helped most over a period: asked at night of the situations that were kept, and added up for reading.

A piece at a time, so that no alarm waits for it: in the small hours each tick of the worker asks one situation again,
oldest first, and when none of the days before is left, adds up. What a night does not get to is for the next one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from time import perf_counter
from typing import Any

from sqlalchemy import delete, func, update
from sqlmodel import col, select

from nrm import policy
from nrm.calendar.rules import instant
from nrm.clock import AMSTERDAM
from nrm.db import Database, Tx
from nrm.errors import Conflict
from nrm.insight import replay, situations
from nrm.insight.models import RemedyAnswer, RemedyGain, RemedyLine, ReplayState, Situation
from nrm.insight.replay import Claim, Gain, Line
from nrm.intake.models import PlacementRequest
from nrm.registry.models import Location

PERIODS = (28, 91, 366)
"""Over how many days there are answers."""

KEPT_DAYS = 400
"""How long situations and what they said are kept: longer than the longest period."""

ASKED_PER_DAY = 24
"""So many situations of a day are asked again; of a day with more these are drawn."""

SMALL_HOURS = (time(1), time(6))
"""When there is least to do. By the clock on the wall."""

BUDGET_MS = 1000
"""For one situation: as long as anything else that is due may have to wait for it."""

TOLD_MAX = 25
"""How much of what would help is told, for the country and for each region; beside it the rules of every house."""


def ask_due(database: Database, budget_ms: int = BUDGET_MS) -> bool:
    """In the small hours, the next piece of work; False when there is none."""
    with database.reading() as tx:
        local = tx.now.astimezone(AMSTERDAM)
        state = tx.session.get(ReplayState, 1)
        if not SMALL_HOURS[0] <= local.time() < SMALL_HOURS[1] or (state and state.told_on == local.date()):
            return False
        drawn = state is not None and state.drawn_until == local.date()
    if not drawn:
        _draw(database)
        return True
    if not _ask(database, budget_ms):
        _tell(database)
    return True


def _draw(database: Database) -> None:
    """Choose which situations of the days that are over are asked again, and forget what is older than any period."""
    with database.transaction() as tx:
        today = tx.now.astimezone(AMSTERDAM).date()
        state = tx.session.get(ReplayState, 1)
        if state is None:
            state = ReplayState(id=1)
        of_day: dict[date, list[str]] = {}
        new = select(Situation.id, Situation.at).where(Situation.state == "new", col(Situation.at) < _begin(today))
        for key, at in tx.session.exec(new.order_by(col(Situation.at), Situation.id)):
            of_day.setdefault(at.astimezone(AMSTERDAM).date(), []).append(key)
        for day, keys in of_day.items():
            # What was drawn before and not reached is drawn already.
            if state.drawn_until is None or day >= state.drawn_until:
                chance = Random(day.toordinal())  # noqa: S311 - not for secrets
                left_out = set(keys) - set(chance.sample(keys, min(len(keys), ASKED_PER_DAY)))
                if left_out:
                    tx.affected(update(Situation).where(col(Situation.id).in_(left_out)).values(state="left_out"))
        state.drawn_until = today
        tx.session.add(state)
        oldest = today - timedelta(days=KEPT_DAYS)
        tx.session.execute(delete(Situation).where(col(Situation.at) < _begin(oldest)))
        tx.session.execute(delete(RemedyGain).where(col(RemedyGain.day) < oldest))


def _begin(day: date) -> datetime:
    return instant(day, time(0))


def _ask(database: Database, budget_ms: int) -> bool:
    """Ask the oldest situation that is left again; solved outside any transaction. False when none is left."""
    with database.reading() as tx:
        before_today = _begin(tx.now.astimezone(AMSTERDAM).date())
        found = tx.session.exec(
            select(Situation)
            .where(Situation.state == "new", col(Situation.at) < before_today)
            .order_by(col(Situation.at), Situation.id)
            .limit(1)
        ).first()
        if found is None:
            return False
        problem = situations.loaded(tx, found)
        lines = {Line(**row.remedy): row for row in tx.session.exec(select(RemedyLine))}
        _, settings = policy.current(tx, policy.Matching)
    before = {line: tuple(map(replay.claim_from, row.claims)) for line, row in lines.items() if row.claims}
    begun = perf_counter()
    asked = replay.asked_again(
        problem, found.at, before, settings.scarcity_omm, lambda: 1000 * (perf_counter() - begun) >= budget_ms
    )
    with database.transaction() as tx:
        tx.guarded(
            update(Situation)
            .where(col(Situation.id) == found.id, col(Situation.state) == "new")
            .values(state="asked" if asked.whole else "cut"),
            Conflict("asked_meanwhile"),
        )
        day = found.at.astimezone(AMSTERDAM).date()
        for line, claims in asked.claims.items():
            if claims != before.get(line, ()):
                _write_line(tx, line, lines.get(line), claims)
        tx.session.flush()
        ids = dict(tx.session.exec(select(RemedyLine.key, RemedyLine.id)).all())
        for line, gain in asked.gains.items():
            _write_gain(tx, ids[line.key], day, gain)
    return True


def _write_line(tx: Tx, line: Line, row: RemedyLine | None, claims: Iterable[Claim]) -> None:
    stored = list(map(replay.claim_to, claims))
    if row is None:
        tx.session.add(RemedyLine(id=tx.new_id(), key=line.key, remedy=asdict(line), claims=stored))
        return
    tx.guarded(
        update(RemedyLine).where(col(RemedyLine.id) == row.id).values(claims=stored), Conflict("asked_meanwhile")
    )


def _write_gain(tx: Tx, line_id: str, day: date, gain: Gain) -> None:
    row = tx.session.get(RemedyGain, (line_id, day)) or RemedyGain(line_id=line_id, day=day)
    row.requests, row.persons = (
        {region: count for region, count in _added(stored, more).items() if count}
        for stored, more in ((row.requests, gain.requests), (row.persons, gain.persons))
    )
    tx.session.add(row)


def _added(stored: Mapping[str, int], more: Mapping[str, int]) -> Counter[str]:
    found = Counter(stored)
    found.update(more)
    return found


# --- adding up ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """One thing that would have helped over a period."""

    kind: str
    pool: str
    places: int
    criterion: str
    location_id: str
    hour: int
    requests: int
    persons: int
    regions: tuple[str, ...] = ()
    """Of a place: where it did this."""
    low: int = 0
    high: int = 0
    """Between what the number of requests probably lies."""


@dataclass(frozen=True)
class Basis:
    """What the answers of a period were found from."""

    since: date
    until: date
    """The last day."""
    kept: int
    """Situations in which somebody had no place."""
    asked: int
    """Of those, how many were asked again."""
    cut: int
    """Of those, for how many there was not time enough for everything."""
    unplaced: int
    """Requests that were without a place in any of them."""

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1


def _tell(database: Database) -> None:
    """Add up what the situations said, for every period, for the country and for each region, and keep the answers."""
    with database.reading() as tx:
        today = tx.now.astimezone(AMSTERDAM).date()
        first = tx.session.exec(select(func.min(Situation.at))).first()
        lines = {row.id: Line(**row.remedy) for row in tx.session.exec(select(RemedyLine))}
        gains = tx.session.exec(select(RemedyGain).where(col(RemedyGain.day) >= today - timedelta(days=max(PERIODS))))
        of_line: dict[Line, list[RemedyGain]] = {}
        for row in gains:
            of_line.setdefault(lines[row.line_id], []).append(row)
        rows: list[RemedyAnswer] = []
        for days in PERIODS if first is not None else ():
            assert first is not None
            since = max(today - timedelta(days=days), first.astimezone(AMSTERDAM).date())
            until = today - timedelta(days=1)
            if since > until:
                continue
            bases = _bases(tx, since, until)
            for scope, basis in bases.items():
                rows.append(RemedyAnswer(days=days, scope=scope, rank=0, content=_stored(basis)))
                for rank, answer in enumerate(_answers(of_line, since, basis.days, scope), start=1):
                    rows.append(RemedyAnswer(days=days, scope=scope, rank=rank, content=asdict(answer)))
    with database.transaction() as tx:
        tx.session.execute(delete(RemedyAnswer))
        tx.session.add_all(rows)
        tx.affected(update(ReplayState).where(col(ReplayState.id) == 1).values(told_on=today))


def _bases(tx: Tx, since: date, until: date) -> dict[str, Basis]:
    """What there is of a period, for the country and for each region where somebody was without a place."""
    states: Counter[str] = Counter()
    ids: set[str] = set()
    kept = select(Situation.state, Situation.unplaced).where(
        col(Situation.at) >= _begin(since), col(Situation.at) < _begin(until + timedelta(days=1))
    )
    for state, unplaced in tx.session.exec(kept):
        states[state] += 1
        ids.update(unplaced)
    of_region: Counter[str] = Counter()
    wanted = sorted(ids)
    for start in range(0, len(wanted), 1000):
        regions = select(PlacementRequest.region_code).where(col(PlacementRequest.id).in_(wanted[start : start + 1000]))
        of_region.update(tx.session.exec(regions))
    asked = states["asked"] + states["cut"]
    return {
        scope: Basis(since, until, states.total(), asked, states["cut"], count)
        for scope, count in (("", of_region.total()), *sorted(of_region.items()))
    }


def _answers(of_line: Mapping[Line, list[RemedyGain]], since: date, days: int, scope: str) -> list[Answer]:
    """What helped whoever the scope is about, best first. A place is named with all regions where it did as much."""
    alike: dict[Answer, dict[Line, tuple[int, ...]]] = {}
    for line, rows in of_line.items():
        if scope and line.kind == "place" and line.region != scope:
            continue
        per_day = tuple(_of(row.requests, scope) for row in rows if row.day >= since)
        persons = sum(_of(row.persons, scope) for row in rows if row.day >= since)
        if sum(per_day) > 0:
            things = {name: value for name, value in asdict(line).items() if name != "region"}
            alike.setdefault(Answer(**things, requests=sum(per_day), persons=persons), {})[line] = per_day
    best = sorted(alike, key=lambda one: (-one.requests, -one.persons, one.places, one.kind, one.pool, one.criterion))
    told = [one for one in best if one.kind != "house_rule" and not _no_better(one, best)][:TOLD_MAX]
    houses = [one for one in best if one.kind == "house_rule" and not scope]
    return [_with_interval(one, alike[one], days) for one in told + houses]


def _no_better(one: Answer, others: Iterable[Answer]) -> bool:
    """Whether a larger room does no more than a smaller one of the same pool."""
    return any(
        other.kind == one.kind == "place"
        and other.pool == one.pool
        and other.places < one.places
        # In as many regions or more there is no need to know which: it is the lesser thing that does as much.
        and (other.requests, other.persons) >= (one.requests, one.persons)
        for other in others
    )


def _with_interval(one: Answer, lines: Mapping[Line, tuple[int, ...]], days: int) -> Answer:
    """The same with where it was and within what it lies: the widest, where regions got there on other days."""
    lies = [replay.interval([*per_day, *[0] * (days - len(per_day))], days) for per_day in sorted(set(lines.values()))]
    regions = tuple(sorted(line.region for line in lines if line.region))
    return replace(one, regions=regions, low=min(low for low, _ in lies), high=max(high for _, high in lies))


def _of(counts: Mapping[str, int], scope: str) -> int:
    return counts.get(scope, 0) if scope else sum(counts.values())


def _stored(basis: Basis) -> dict[str, Any]:
    return {**asdict(basis), "since": basis.since.isoformat(), "until": basis.until.isoformat()}


def answers(tx: Tx, days: int, region_code: str | None = None) -> tuple[Basis | None, list[Answer]]:
    """What was told last of a period, for the country or one region; nothing when nothing was kept yet."""
    rows = tx.session.exec(
        select(RemedyAnswer.rank, RemedyAnswer.content)
        .where(RemedyAnswer.days == days, RemedyAnswer.scope == (region_code or ""))
        .order_by(col(RemedyAnswer.rank))
    ).all()
    if not rows:
        return None, []
    header = rows[0][1]
    moments = {name: date.fromisoformat(header[name]) for name in ("since", "until")}
    told = [Answer(**{**content, "regions": tuple(content["regions"])}) for _, content in rows[1:]]
    return Basis(**{**header, **moments}), told


def houses(tx: Tx, location_ids: Iterable[str]) -> dict[str, Location]:
    """The houses that answers name."""
    found = tx.session.exec(select(Location).where(col(Location.id).in_(list(location_ids))))
    return {one.id: one for one in found}
