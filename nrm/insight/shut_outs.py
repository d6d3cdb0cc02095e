"""How many requests each rule shut out, which rules are past their review, and where a question cost a scarce place."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import col, select

from nrm.db import Tx
from nrm.insight.models import CaseCourse, UnmetCause
from nrm.insight.rules import CAN_BE_ASKED, SMALL, Cause
from nrm.intake.models import PlacementRequest
from nrm.placing.rules import NOT_TO_BE_HAD, SAFETY, Indication
from nrm.registry.models import AdmissionRule, Criterion, Location
from nrm.registry.rules import Stance

CONTRA = "excludes:"
_NO_RULE = NOT_TO_BE_HAD | {SAFETY, "size", "capacity", "only_location", "barred:declined", "closed:said_no"}
"""What keeps people out without being a rule of a house or of the country."""


@dataclass(frozen=True)
class ShutOut:
    """What one rule did to requests for which nothing was proposed: each request counts once per rule."""

    code: str
    alone: int
    """There was a free place that nothing but this rule kept from them."""
    together: int
    """There were free places that it kept from them, and something else did too at each."""
    main: int
    """It was the main cause that there was no place."""

    @property
    def requests(self) -> int:
        return self.alone + self.together


@dataclass(frozen=True)
class ShutOuts:
    """What rules did over a period."""

    requests: int
    """Requests that waited a while without anything being proposed."""
    found: tuple[ShutOut, ...]

    @property
    def contra(self) -> tuple[ShutOut, ...]:
        """Contra-indications."""
        return tuple(one for one in self.found if one.code.startswith(CONTRA))

    @property
    def others(self) -> tuple[ShutOut, ...]:
        """Every other rule."""
        return tuple(one for one in self.found if not one.code.startswith(CONTRA))


def shut_outs(tx: Tx, since: datetime, until: datetime, region_code: str | None = None) -> ShutOuts:
    """What each rule did in a period, by what was written down then, of requests from one region or from all."""
    rows = (
        # A year has many rows: what is not needed of them is not made.
        select(UnmetCause.request_id, UnmetCause.cause, UnmetCause.detail, col(UnmetCause.blockers))
        .join(PlacementRequest, col(PlacementRequest.id) == UnmetCause.request_id)
        .where(
            col(UnmetCause.outcome).is_(None),
            col(UnmetCause.since) <= until,
            col(UnmetCause.until).is_(None) | (col(UnmetCause.until) > since),
            col(UnmetCause.cause).not_in([*CAN_BE_ASKED, Cause.NOT_LOOKED, Cause.YOUTH_CARE]),
        )
    )
    if region_code is not None:
        rows = rows.where(PlacementRequest.region_code == region_code)
    return counted(tx.session.exec(rows))


Kept = tuple[str, str, str, Sequence[Mapping[str, Any]]]
"""A request, its main cause, what precisely, and everything that stood in the way."""


def counted(rows: Iterable[Kept]) -> ShutOuts:
    """The same of causes that were read already."""
    requests: set[str] = set()
    barred: dict[str, set[str]] = {}
    alone: dict[str, set[str]] = {}
    main: dict[str, set[str]] = {}
    for request_id, cause, detail, blockers in rows:
        requests.add(request_id)
        if cause == Cause.NO_SUITABLE_PLACE:
            main.setdefault(detail, set()).add(request_id)
        for one in blockers:
            code = str(one["code"])
            if code in _NO_RULE or not one.get("free"):
                continue
            barred.setdefault(code, set()).add(request_id)
            if one.get("alone"):
                alone.setdefault(code, set()).add(request_id)
    found = [
        ShutOut(code, by_itself := len(alone.get(code, ())), len(who) - by_itself, len(main.get(code, ())))
        for code, who in barred.items()
    ]
    return ShutOuts(len(requests), tuple(sorted(found, key=lambda one: (-one.requests, -one.alone, one.code))))


def told(found: Iterable[ShutOut]) -> list[ShutOut]:
    """Those of enough requests to be named; each request counts at every rule, so nothing can be subtracted."""
    return [one for one in found if one.requests >= SMALL]


@dataclass(frozen=True)
class Reviews:
    """The rules in force on one criterion that keep people out or ask to be consulted, and how old they are."""

    criterion: str
    rules: int
    excluding: int
    past: int
    """The day on which they would be looked at again is over."""
    undated: int
    """Nobody agreed on such a day."""


def reviews(tx: Tx, today: date, region_code: str | None = None) -> list[Reviews]:
    """Per criterion on the national list, of the houses of one region or of all; most past their day first."""
    rows = (
        select(AdmissionRule.criterion, AdmissionRule.stance, col(AdmissionRule.review_on))
        .join(Location, col(Location.id) == AdmissionRule.location_id)
        .join(Criterion, col(Criterion.code) == AdmissionRule.criterion)
        .where(
            col(AdmissionRule.ended_at).is_(None),
            col(AdmissionRule.stance) != Stance.ACCEPTS,
            col(Criterion.active),
        )
    )
    if region_code is not None:
        rows = rows.where(Location.region_code == region_code)
    counts: dict[str, Counter[str]] = {}
    for criterion, stance, review_on in tx.session.exec(rows):
        cell = counts.setdefault(criterion, Counter())
        cell["rules"] += 1
        cell["excluding"] += stance == Stance.EXCLUDES
        cell["past"] += review_on is not None and review_on < today
        cell["undated"] += review_on is None
    found = [
        Reviews(criterion, cell["rules"], cell["excluding"], cell["past"], cell["undated"])
        for criterion, cell in counts.items()
    ]
    return sorted(found, key=lambda one: (-one.past, -one.undated, one.criterion))


@dataclass(frozen=True)
class Given:
    """Places that were given to requests of a period, and how many of them exclude nobody."""

    places: int
    unconditional: int
    by: dict[Indication, int]
    """Unconditional ones by what was known of whoever got them."""
    unknown: int
    """Places of which it was not written down whether they exclude anybody."""

    @property
    def unanswered(self) -> int:
        """Given to somebody of whom no contra-indication is known, while a question was still open."""
        return self.by[Indication.UNKNOWN]


def given(tx: Tx, since: datetime, until: datetime, region_code: str | None = None) -> Given:
    """The first places given to requests that came in in a period, of one region or of all."""
    rows = select(CaseCourse.unconditional, CaseCourse.indication).where(
        col(CaseCourse.submitted_at) >= since,
        col(CaseCourse.submitted_at) < until,
        col(CaseCourse.placed_region).is_not(None),
    )
    if region_code is not None:
        rows = rows.where(CaseCourse.region == region_code)
    found = tx.session.exec(rows).all()
    by = Counter(indication for unconditional, indication in found if unconditional)
    return Given(
        places=len(found),
        unconditional=sum(by.values()),
        by={one: by[one] for one in Indication},
        unknown=sum(unconditional is None for unconditional, _ in found),
    )
