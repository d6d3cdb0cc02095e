"""Where people go: from region to region, in and out of places, back again, over bridges, and who pays."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise

from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from nrm.clock import AMSTERDAM
from nrm.course.models import Blockage, Settlement
from nrm.course.rules import TariffState
from nrm.db import Tx
from nrm.insight import rules
from nrm.insight.models import CaseCourse
from nrm.insight.rules import SMALL, Length, Split
from nrm.intake.models import PlacementRequest, Repeat
from nrm.intake.rules import Outcome, RepeatOutcome
from nrm.placing.models import Stay
from nrm.registry import queries as registry
from nrm.registry.models import Location

Pair = tuple[str, str]
"""The region where somebody was found, and the one where they got a place."""


@dataclass(frozen=True)
class Between:
    """First places given in a period, by the region of the request and the region of the place."""

    counts: Mapping[Pair, int]

    def own(self, region: str) -> int:
        """Placed in the region where they were found."""
        return self.counts.get((region, region), 0)

    def sent(self, region: str) -> int:
        """Found here, placed elsewhere."""
        return sum(count for (origin, target), count in self.counts.items() if origin == region != target)

    def received(self, region: str) -> int:
        """Placed here, found elsewhere."""
        return sum(count for (origin, target), count in self.counts.items() if origin != region == target)

    @property
    def regions(self) -> list[str]:
        """Regions from or to which anybody went."""
        return sorted({region for pair in self.counts for region in pair})

    def quiet(self, side: int) -> frozenset[str]:
        """Regions of which not even the sum stays: sent (side 0) or received (1) few, or telling of few by subtraction.

        For whoever sees all regions with their sum.
        """
        sums: Counter[str] = Counter()
        for pair, count in self.counts.items():
            if pair[0] != pair[1]:
                sums[pair[side]] += count
        told = sorted((count, region) for region, count in sums.items() if count)
        hidden = [(count, region) for count, region in told if count < SMALL]
        # Sorted, so what follows what is small is the smallest that is not.
        while hidden and sum(count for count, _ in hidden) < SMALL and len(hidden) < len(told):
            hidden.append(told[len(hidden)])
        return frozenset(region for _, region in hidden)

    @cached_property
    def hidden(self) -> frozenset[Pair]:
        """Pairs of regions of which the number stays away: of few people, or telling of few by subtraction.

        What is hidden of one origin, and of one target, is nothing or together not few.
        """
        elsewhere = {pair: count for pair, count in self.counts.items() if count and pair[0] != pair[1]}
        quiet = self.quiet(0), self.quiet(1)
        # The numbers of a region whose sum stays away add up to it.
        hidden = {
            pair for pair, count in elsewhere.items() if count < SMALL or pair[0] in quiet[0] or pair[1] in quiet[1]
        }
        while True:
            more = {
                pair
                for side in (0, 1)
                for region in {pair[side] for pair in hidden}
                for pair in _next(elsewhere, hidden, side, region)
            }
            if not more:
                return frozenset(hidden)
            hidden |= more


def _next(counts: Mapping[Pair, int], hidden: set[Pair], side: int, region: str) -> Iterable[Pair]:
    """The smallest number of a line to hide too, while what is hidden in it is still of few."""
    line = [pair for pair in counts if pair[side] == region]
    if sum(counts[pair] for pair in line if pair in hidden) < SMALL:
        yield from sorted((pair for pair in line if pair not in hidden), key=lambda pair: (counts[pair], pair))[:1]


def between(tx: Tx, since: datetime, until: datetime, region_code: str | None = None) -> Between:
    """From region to region, of places given in a period; those from or to one region, or all."""
    rows = select(CaseCourse.region, CaseCourse.placed_region).where(
        col(CaseCourse.accepted_at) >= since,
        col(CaseCourse.accepted_at) < until,
        col(CaseCourse.placed_region).is_not(None),
    )
    if region_code is not None:
        rows = rows.where((CaseCourse.region == region_code) | (CaseCourse.placed_region == region_code))
    return Between(Counter((origin, str(target)) for origin, target in tx.session.exec(rows)))


@dataclass(frozen=True)
class Through:
    """Requests that came into places of one pool in a period, left them, and are there at its end."""

    pool: str
    arrived: int
    departed: int
    there: int
    stay: Length
    """How long those stayed who left."""


@dataclass(frozen=True)
class Throughs:
    """The same of every pool, and where people went."""

    pools: tuple[Through, ...]
    departed: int
    destinations: Split


@dataclass(frozen=True)
class Stayed:
    """What of a course says how somebody went through a place."""

    pool: str
    arrived_at: datetime
    closed_at: datetime | None
    outcome: str | None
    destination: str | None

    def left(self, since: datetime, until: datetime) -> bool:
        """Whether they left in a period."""
        return self.outcome == Outcome.ENDED_STAY and self.closed_at is not None and since <= self.closed_at < until


def through(tx: Tx, since: datetime, until: datetime, region_code: str | None = None) -> Throughs:
    """Who came, left and is there, in the places of one region or of all. Stays arranged elsewhere are not known."""
    rows = columns(
        col(CaseCourse.pool),
        col(CaseCourse.arrived_at),
        col(CaseCourse.closed_at),
        col(CaseCourse.outcome),
        col(CaseCourse.destination),
    ).where(
        col(CaseCourse.arrived_at) < until,
        col(CaseCourse.closed_at).is_(None) | (col(CaseCourse.closed_at) >= since),
    )
    if region_code is not None:
        rows = rows.where(col(CaseCourse.placed_region) == region_code)
    found = (Stayed(pool or "", *rest) for pool, *rest in tx.session.execute(rows))
    return gone_through(found, since, until)


def gone_through(found: Iterable[Stayed], since: datetime, until: datetime) -> Throughs:
    """The same of courses that were read already."""
    of_pool: dict[str, list[Stayed]] = {}
    for one in found:
        of_pool.setdefault(one.pool, []).append(one)
    pools = []
    left: list[Stayed] = []
    for pool, ones in sorted(of_pool.items()):
        gone = [one for one in ones if one.left(since, until)]
        left += gone
        spans = [one.closed_at - one.arrived_at for one in gone if one.closed_at]
        pools.append(
            Through(
                pool,
                arrived=sum(since <= one.arrived_at for one in ones),
                departed=len(gone),
                there=sum(one.closed_at is None or one.closed_at >= until for one in ones),
                stay=rules.length(spans, len(gone)),
            )
        )
    return Throughs(tuple(pools), len(left), rules.split(Counter(one.destination or "unknown" for one in left)))


@dataclass(frozen=True)
class Blocked:
    """Stays that could end but could not, for one cause; None is all causes of few stays together."""

    cause: str | None
    stays: int
    nights: int


@dataclass(frozen=True)
class Blocks:
    """Blocked outflow over a period."""

    stays: int
    now: int
    nights: int
    by: tuple[Blocked, ...]


def blocks(tx: Tx, since: datetime, until: datetime, region_code: str | None = None) -> Blocks:
    """Outflow that was blocked in a period, in the places of one region or of all, with the nights it took in it."""
    rows = (
        select(Blockage, col(Stay.ended_at))
        .join(Stay, col(Stay.id) == Blockage.stay_id)
        .join(Location, col(Location.id) == Stay.location_id)
        .where(
            col(Blockage.since) < until,
            col(Blockage.ended_at).is_(None) | (col(Blockage.ended_at) > since),
            col(Stay.ended_at).is_(None) | (col(Stay.ended_at) > since),
        )
    )
    if region_code is not None:
        rows = rows.where(Location.region_code == region_code)
    return blocked(tx.session.exec(rows), since, until)


def blocked(rows: Iterable[tuple[Blockage, datetime | None]], since: datetime, until: datetime) -> Blocks:
    """The same of blockages that were read already, each with when its stay ended: whoever left is not kept any more.

    A night counts while it lasted at midnight.
    """
    stays: dict[str, set[str]] = {}
    nights: Counter[str] = Counter()
    live: set[str] = set()
    for row, left_at in rows:
        stays.setdefault(row.cause, set()).add(row.stay_id)
        begin, end = max(row.since, since), min(row.ended_at or until, left_at or until, until)
        nights[row.cause] += max(0, (_day(end) - _day(begin)).days)
        if row.ended_at is None and left_at is None:
            live.add(row.stay_id)
    found = rules.split({cause: len(of) for cause, of in stays.items()})
    by = [Blocked(cause, count, nights[cause]) for cause, count in found.shown]
    if found.rest >= SMALL:
        by.append(Blocked(None, found.rest, sum(nights.values()) - sum(one.nights for one in by)))
    return Blocks(len(set().union(*stays.values())), len(live), sum(nights.values()), tuple(by))


def _day(at: datetime) -> date:
    return at.astimezone(AMSTERDAM).date()


@dataclass(frozen=True)
class Repeats:
    """Requests that may be about somebody who was asked for before."""

    noticed: int
    same: int
    """The desk found that it is the same person."""
    back: int
    """Of those: the earlier request was closed when the later one came."""
    open: int


def repeats(tx: Tx, since: datetime, until: datetime, region_code: str | None = None) -> Repeats:
    """Noticed in a period, by where the later request came from."""
    later = aliased(PlacementRequest)
    rows = (
        select(Repeat, col(PlacementRequest.closed_at), later.created_at)
        .join(PlacementRequest, col(PlacementRequest.id) == Repeat.first_id)
        .join(later, col(later.id) == Repeat.second_id)
        .where(col(Repeat.noticed_at) >= since, col(Repeat.noticed_at) < until)
    )
    if region_code is not None:
        rows = rows.where(later.region_code == region_code)
    found = tx.session.exec(rows).all()
    same = [row for row in found if row[0].outcome == RepeatOutcome.SAME_PERSON]
    return Repeats(
        noticed=len(found),
        same=len(same),
        back=sum(closed_at is not None and closed_at <= created_at for _, closed_at, created_at in same),
        open=sum(one.ended_at is None for one, _, _ in found),
    )


AGES = (timedelta(days=30), timedelta(days=91), timedelta(days=182))
"""A dispute is younger than the first, than the second, than the third, or older."""


@dataclass(frozen=True)
class Disputes:
    """Settlements as they are now."""

    agreed: int
    open: int
    disputed: int
    ages: tuple[int, ...]
    """Disputed ones by how long they are, as `AGES` and older."""
    age: Length


def disputes(tx: Tx, region_code: str | None = None) -> Disputes:
    """Of the settlements in which a municipality of one region, or any, has a part."""
    rows = select(Settlement.tariff, Settlement.tariff_since)
    if region_code is not None:
        own = [one.code for one in registry.municipalities(tx) if one.region_code == region_code]
        rows = rows.where(col(Settlement.paying_code).in_(own) | col(Settlement.legal_code).in_(own))
    found = tx.session.exec(rows).all()
    count = Counter(tariff for tariff, _ in found)
    old = [tx.now - since for tariff, since in found if tariff == TariffState.DISPUTED]
    bounds = (timedelta(0), *AGES, timedelta.max)
    return Disputes(
        agreed=count[TariffState.AGREED],
        open=count[TariffState.OPEN],
        disputed=len(old),
        ages=tuple(sum(low <= age < high for age in old) for low, high in pairwise(bounds)),
        age=rules.length(old, len(old)),
    )
