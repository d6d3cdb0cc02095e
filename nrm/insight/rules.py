"""Every indicator in one place, and the arithmetic behind it. Pure: no session, no clock.

A definition has a version: whoever changes what a number means raises it. Its words are in `web/insight_words.py`.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from nrm.intake.rules import Outcome
from nrm.placing.rules import NOT_TO_BE_HAD, SAFETY, SAID_NO, OfferStatus
from nrm.registry.rules import TRUSTED


class Unit(StrEnum):
    """What an indicator counts."""

    PLACES = "places"
    REQUESTS = "requests"
    PERSONS = "persons"
    TIME = "time"
    NIGHTS = "nights"
    RULES = "rules"
    SHARE = "share"
    ROOMS = "rooms"
    ANSWERS = "answers"


class Basis(StrEnum):
    """What an indicator is read from."""

    REGISTRY = "registry"
    """Houses, places and stays as they are recorded at this moment."""
    REQUESTS = "requests"
    """Requests as they are recorded at this moment."""
    BOTH = "both"
    SOLVER = "solver"
    """What the search for places says, with one thing different."""
    NIGHT = "night"
    """What was looked at once a night, by the same rules, and written down then."""
    KEPT = "kept"
    """What the search for places said, as it was kept with the case then."""
    JOURNAL = "journal"
    """What happened, in order, as it was written down then."""
    DEPARTURES = "departures"
    """What was said at departures, counted at once and kept of nobody."""


class Coverage(StrEnum):
    """Over what part of the world an indicator counts."""

    HOUSES = "houses"
    """The houses of which the figures were checked recently, of all houses."""
    RECORDED = "recorded"
    """Requests that came in in the period, follow-ons apart; of how many of them it happened stands beside it."""
    ANSWERED = "answered"
    """Whoever left and wanted to answer."""
    ALL_REQUESTS = "all_requests"
    """Every request that came in here. Who never asked is not in it."""
    NIGHTS = "nights"
    """The nights that were looked at, of all; and in each the houses of which the figures could be counted on."""
    ALL_HOUSES = "all_houses"
    """Every house that is known here, however old its figures are."""


@dataclass(frozen=True)
class Indicator:
    """What a number on the screens means."""

    code: str
    unit: Unit
    basis: Basis
    coverage: Coverage
    version: int = 1


_P, _R = (Unit.PLACES, Basis.REGISTRY, Coverage.HOUSES), (Unit.REQUESTS, Basis.REQUESTS, Coverage.ALL_REQUESTS)

INDICATORS: dict[str, Indicator] = {
    found.code: found
    for found in (
        Indicator("free", *_P),
        Indicator("stale", *_P),
        Indicator("held", *_P),
        Indicator("occupied", *_P),
        Indicator("out_of_service", *_P),
        Indicator("unconditional", *_P),
        Indicator("waiting", *_R),
        Indicator("overdue", *_R),
        Indicator("seeking", Unit.PERSONS, Basis.REQUESTS, Coverage.ALL_REQUESTS),
        Indicator("coming_free", *_P),
        Indicator("ending", *_P),
        Indicator("inflow", Unit.PERSONS, Basis.REQUESTS, Coverage.ALL_REQUESTS),
        Indicator("unmet_waiting", *_R),
        Indicator("unmet_ended", *_R),
        Indicator("blockers", *_R),
        Indicator("time_to_answer", Unit.TIME, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("time_to_place", Unit.TIME, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("time_to_arrival", Unit.TIME, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("within_norm", Unit.SHARE, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("fairness", Unit.SHARE, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("waiting_then", Unit.REQUESTS, Basis.JOURNAL, Coverage.ALL_REQUESTS),
        Indicator("remedies", Unit.REQUESTS, Basis.SOLVER, Coverage.ALL_REQUESTS),
        Indicator("worth", Unit.REQUESTS, Basis.SOLVER, Coverage.ALL_REQUESTS),
        Indicator("remedies_past", Unit.REQUESTS, Basis.SOLVER, Coverage.ALL_REQUESTS),
        Indicator("shut_out", Unit.REQUESTS, Basis.KEPT, Coverage.ALL_REQUESTS),
        Indicator("review_past", Unit.RULES, Basis.REGISTRY, Coverage.ALL_HOUSES),
        Indicator("unanswered", Unit.PLACES, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("unused", Unit.NIGHTS, Basis.NIGHT, Coverage.NIGHTS),
        Indicator("unused_nearly", Unit.NIGHTS, Basis.NIGHT, Coverage.NIGHTS),
        Indicator("flows", Unit.REQUESTS, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("through", Unit.REQUESTS, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("stay_length", Unit.TIME, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("blocked", Unit.NIGHTS, Basis.REGISTRY, Coverage.ALL_HOUSES),
        Indicator("repeats", Unit.REQUESTS, Basis.REQUESTS, Coverage.ALL_REQUESTS),
        Indicator("bridge_nights", Unit.NIGHTS, Basis.REQUESTS, Coverage.ALL_REQUESTS),
        Indicator("disputes", Unit.REQUESTS, Basis.REQUESTS, Coverage.ALL_REQUESTS),
        Indicator("demand", Unit.REQUESTS, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("area_known", Unit.REQUESTS, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("enough", Unit.PLACES, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("bought", *_P[:2], Coverage.ALL_HOUSES),
        Indicator("used", Unit.NIGHTS, Basis.REGISTRY, Coverage.ALL_HOUSES),
        Indicator("balance", Unit.PLACES, Basis.BOTH, Coverage.HOUSES),
        Indicator("asked", Unit.REQUESTS, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("placed_of_asked", Unit.REQUESTS, Basis.JOURNAL, Coverage.RECORDED),
        Indicator("capacity_norm", *_P),
        Indicator("quality_checked", Unit.ROOMS, Basis.REGISTRY, Coverage.HOUSES),
        Indicator("continuity", Unit.ANSWERS, Basis.DEPARTURES, Coverage.ANSWERED),
    )
}
"""Code → definition, in the order of the page that explains them."""

AHEAD = (timedelta(0), timedelta(hours=24), timedelta(hours=72), timedelta(days=7))
"""For which moments places and persons are weighed: now, and so long from now."""

INFLOW_DAYS = 28
"""Over how many days what came in says what is expected to come in."""

INFLOW_DAYS_MIN = 14
"""With fewer days on record than this nothing can be said of it; then the published figure stands in."""

PUBLISHED_REQUESTS_PER_YEAR = 186
"""Requests for shelter in 2024 (RAND 2026, 2.2.1), in the whole country; there is no figure per region."""


class InflowBasis(StrEnum):
    """Where the expected inflow comes from."""

    RECORDED = "recorded"
    PUBLISHED = "published"


@dataclass(frozen=True)
class Inflow:
    """Persons expected per day; None for a region while only the national figure is known."""

    basis: InflowBasis
    per_day: float | None
    days: int
    """Over how many recorded days."""


def inflow(persons: int, recorded: timedelta, national: bool) -> Inflow:
    """What is expected per day, from the persons whose requests came in over the time on record."""
    days = min(recorded / timedelta(days=1), INFLOW_DAYS)
    if days >= INFLOW_DAYS_MIN:
        return Inflow(InflowBasis.RECORDED, persons / days, int(days))
    return Inflow(InflowBasis.PUBLISHED, PUBLISHED_REQUESTS_PER_YEAR / 365 if national else None, int(days))


@dataclass(frozen=True)
class Ahead:
    """Places against persons at one moment. Everything it is made of stays visible."""

    after: timedelta
    seeking: int
    """Persons who need a place by then and of whom nobody is being asked for one."""
    free: int
    coming_free: int
    ending: int
    inflow: float | None
    """Persons expected to ask by then; None is not known, and not counted."""

    @property
    def balance(self) -> int:
        """Places left over; below zero is persons short. Who is expected in part counts as a whole person."""
        return self.free + self.coming_free - self.ending - self.seeking - math.ceil(self.inflow or 0)

    @property
    def short(self) -> int:
        """Persons for whom there is no place."""
        return max(0, -self.balance)


class Cause(StrEnum):
    """Why somebody has no place. Of every request that waits, or ended without one, exactly one is the main cause."""

    NO_PLACE = "no_place"
    """Every place that would do is taken or closed."""
    NO_SUITABLE_PLACE = "no_suitable_place"
    """There are free places, and a rule keeps this party out of each."""
    UNSAFE = "unsafe"
    """There are free places that would do, and it is not safe there for this party."""
    NO_ANSWER = "no_answer"
    """Somebody was asked and has not answered."""
    DECLINED = "declined"
    NO_AUTHORITY = "no_authority"
    """An answer is needed of somebody, and nobody who may give it can be reached."""
    STALE_FIGURES = "stale_figures"
    """The only places there may be are in houses that did not say lately how full they are."""
    NOT_ASKED = "not_asked"
    """There is a place, and nobody asked for it yet."""
    WITHDRAWN = "withdrawn"
    """Whoever waited does not any more: withdrawn, lost from sight, refused."""
    YOUTH_CARE = "youth_care"
    """A minor alone: youth crisis care or Nidos is asked, no place is sought here."""
    NOT_LOOKED = "not_looked"
    """Nobody looked yet, or nobody did while it lasted."""


CAN_BE_ASKED = frozenset({Cause.NOT_ASKED, Cause.NO_ANSWER, Cause.NO_AUTHORITY})
"""There is a place, so what keeps others away is not what they wait for."""

WITHDRAWN_OUTCOMES = frozenset({Outcome.WITHDRAWN, Outcome.LOST_CONTACT, Outcome.REFUSED})
FAILED_OUTCOMES = WITHDRAWN_OUTCOMES | {Outcome.NO_PLACE, Outcome.ALTERNATIVE, Outcome.OWN_SOLUTION}
"""Outcomes of a request that ended without a place from here."""

_SAID_NO = frozenset({"barred:declined", SAID_NO})
_ROOM_FOR_OTHERS = frozenset({"capacity", "with_others"})
NO_ANSWER, NO_AUTHORITY, STALE = "no_answer", "no_authority", "stale"


@dataclass(frozen=True)
class Asked:
    """An offer that ended since the request began to wait."""

    status: str
    code: str | None


@dataclass(frozen=True)
class Waiting:
    """How a request that waits stands: what the solver last said, and what came of asking."""

    minor_alone: bool = False
    sought: bool = False
    """Whether the solver looked."""
    proposed: Sequence[str] = ()
    """The freshness bands of the places it proposed."""
    shut_out: Sequence[Mapping[str, Any]] = ()
    asking: bool = False
    """Whether an offer waits for an answer now."""
    nobody_authorised: bool = False
    asked: Sequence[Asked] = ()
    """Newest first."""


@dataclass(frozen=True)
class Explained:
    """The main cause, what precisely, and everything that stands in the way."""

    cause: Cause
    detail: str = ""
    blockers: tuple[dict[str, Any], ...] = field(default=(), compare=False)

    @property
    def codes(self) -> frozenset[str]:
        """What stands in the way, without how much of it."""
        return frozenset(str(one["code"]) for one in self.blockers)

    @property
    def bars(self) -> frozenset[tuple[str, bool, bool]]:
        """The same, with whether it keeps out of a free place, and whether of any it alone does."""
        return bars(self.blockers)


def bars(blockers: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, bool, bool]]:
    """What stands in the way, whether it keeps out of a free place, and whether of any it alone does."""
    return frozenset((str(one["code"]), bool(one.get("free")), bool(one.get("alone"))) for one in blockers)


def explained(found: Waiting) -> Explained:
    """Why this request still waits, in the order in which it would have to be solved.

    Who was not sought for, who waits for an answer, who can be asked, and only then what keeps every place out.
    """
    blockers = tuple(_blockers(found))
    if found.minor_alone:
        return Explained(Cause.YOUTH_CARE)
    if found.asking:
        return Explained(Cause.NO_AUTHORITY if found.nobody_authorised else Cause.NO_ANSWER, "", blockers)
    if not found.sought:
        return Explained(Cause.NOT_LOOKED, "", blockers)
    if found.proposed:
        sure = not TRUSTED.isdisjoint(found.proposed)
        return Explained(Cause.NOT_ASKED if sure else Cause.STALE_FIGURES, "", blockers)
    cause, detail = _kept_out(found)
    return Explained(cause, detail, blockers)


def _kept_out(found: Waiting) -> tuple[Cause, str]:
    """What keeps a party out for whom no place is proposed: what alone keeps most free places from it.

    Where nothing does so alone, what takes part in keeping out most free places; without any free place there is none.
    """
    if any(row["code"] in _ROOM_FOR_OTHERS for row in found.shut_out):
        return Cause.NO_PLACE, ""
    counted = [row for row in found.shut_out if row["code"] not in NOT_TO_BE_HAD and row["free"]]
    if not counted:
        return Cause.NO_PLACE, ""
    code = max(counted, key=lambda row: (row["alone"], row["free"], row["code"]))["code"]
    if code == SAFETY:
        return Cause.UNSAFE, ""
    if code in _SAID_NO:
        newest = found.asked[0] if found.asked else Asked(OfferStatus.DECLINED, None)
        return (Cause.NO_ANSWER, "") if newest.status == OfferStatus.LAPSED else (Cause.DECLINED, newest.code or "")
    return Cause.NO_SUITABLE_PLACE, code


def _blockers(found: Waiting) -> Iterable[dict[str, Any]]:
    yield from (dict(row) for row in found.shut_out)
    ended = Counter(
        NO_ANSWER if one.status == OfferStatus.LAPSED else f"declined:{one.code or 'other'}"
        for one in found.asked
        if one.status in {OfferStatus.LAPSED, OfferStatus.DECLINED}
    )
    yield from ({"code": code, "offers": ended[code]} for code in sorted(ended))
    if found.nobody_authorised:
        yield {"code": NO_AUTHORITY}
    if found.proposed and TRUSTED.isdisjoint(found.proposed):
        yield {"code": STALE}


def at_the_end(outcome: str, last: Explained | None) -> Explained:
    """What a request failed on that ended without a place: as it was while it waited, unless whoever waited left."""
    blockers = last.blockers if last else ()
    if outcome in WITHDRAWN_OUTCOMES:
        return Explained(Cause.WITHDRAWN, outcome, blockers)
    return Explained(last.cause, last.detail, blockers) if last else Explained(Cause.NOT_LOOKED)


SMALL = 5
"""Fewer than this is never shown of anything that says something about persons (domain.md rule 10)."""


def told(part: int, whole: int) -> bool:
    """Whether so many of so many may be said: neither who had it nor who had not may be few, unless it is nobody."""
    return all(count == 0 or count >= SMALL for count in (part, whole - part))


@dataclass(frozen=True)
class Split:
    """Parts of a whole that may be shown, largest first, and what is left of it; together exactly the whole."""

    shown: tuple[tuple[str, int], ...]
    rest: int


def split(counts: Mapping[str, int], small: int = SMALL) -> Split:
    """A whole in parts, none of them small: small parts go together, and if they are still small, so does the next."""
    ordered = sorted(((code, count) for code, count in counts.items() if count), key=lambda part: (-part[1], part[0]))
    shown = [part for part in ordered if part[1] >= small]
    rest = sum(count for _, count in ordered) - sum(count for _, count in shown)
    while shown and 0 < rest < small:
        rest += shown.pop()[1]
    return Split(tuple(shown), rest)


@dataclass(frozen=True)
class Course:
    """What happened to a request, as far as figures need it: nothing but what the journal says."""

    request_id: str
    submitted_at: datetime
    region: str
    urgency: str
    persons: int
    municipality: str | None = None
    """Where in the region they were found, as it was last said; None is not known."""
    profile: str = ""
    """Empty when the journal does not say."""
    office: bool | None = None
    """Whether it came in during office hours."""
    follow_on: bool = False
    in_group: bool = False
    norm_at: datetime | None = None
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    accepted_at: datetime | None = None
    arrived_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    pool: str | None = None
    placed_region: str | None = None
    unconditional: bool | None = None
    indication: str | None = None
    destination: str | None = None
    waits: tuple[tuple[datetime, datetime | None], ...] = ()
    """From when until when it waited; a second time when whoever was expected did not come."""

    @property
    def waiting(self) -> bool:
        return bool(self.waits) and self.waits[-1][1] is None


def begun(request_id: str, at: datetime, said: Mapping[str, Any]) -> Course:
    """A request as it came in."""
    return _said(
        Course(
            request_id,
            at,
            str(said["region"]),
            str(said["urgency"]),
            int(said.get("persons", 1)),
            said.get("municipality"),
            office=said.get("office"),
            follow_on=bool(said.get("follow_on", False)),
            waits=((at, None),),
        ),
        said,
    )


def followed(found: Course, kind: str, at: datetime, said: Mapping[str, Any]) -> Course:
    """What an entry of the journal adds; of the first of a kind the moment stays."""
    change = _FOLLOWS.get(kind)
    return change(found, at, said) if change else found


def _amended(found: Course, _at: datetime, said: Mapping[str, Any]) -> Course:
    return _said(replace(found, urgency=str(said["urgency"])), said)


def _municipality_set(found: Course, _at: datetime, said: Mapping[str, Any]) -> Course:
    return replace(found, municipality=said["municipality"])


def _asked(found: Course, at: datetime, _said: Mapping[str, Any]) -> Course:
    return replace(found, asked_at=found.asked_at or at)


def _answered(found: Course, at: datetime, _said: Mapping[str, Any]) -> Course:
    return replace(found, answered_at=found.answered_at or at)


def _accepted(found: Course, at: datetime, said: Mapping[str, Any]) -> Course:
    ended = _answered(_ended(found, at), at, said)
    if found.accepted_at is not None:
        return ended
    return replace(
        ended,
        accepted_at=at,
        pool=said.get("pool"),
        placed_region=said.get("region"),
        unconditional=said.get("unconditional"),
        indication=said.get("indication"),
    )


def _arrived(found: Course, at: datetime, _said: Mapping[str, Any]) -> Course:
    return replace(found, arrived_at=found.arrived_at or at)


def _waits_anew(found: Course, at: datetime, _said: Mapping[str, Any]) -> Course:
    return found if found.waiting else replace(found, waits=(*found.waits, (at, None)))


def _departed(found: Course, at: datetime, said: Mapping[str, Any]) -> Course:
    return replace(found, closed_at=at, outcome=Outcome.ENDED_STAY, destination=said.get("destination"))


def _destination_learned(found: Course, _at: datetime, said: Mapping[str, Any]) -> Course:
    return replace(found, destination=said.get("destination", found.destination))


def _closed(found: Course, at: datetime, said: Mapping[str, Any]) -> Course:
    return replace(_ended(found, at), closed_at=at, outcome=str(said["outcome"]))


def _taken_over(found: Course, at: datetime, _said: Mapping[str, Any]) -> Course:
    ended = replace(_ended(found, at), closed_at=at, outcome=Outcome.YOUTH_CARE)
    return replace(ended, accepted_at=found.accepted_at or at)


_FOLLOWS: dict[str, Callable[[Course, datetime, Mapping[str, Any]], Course]] = {
    "request.amended": _amended,
    "request.municipality_set": _municipality_set,
    "offer.sent": _asked,
    "offer.answered": _answered,
    "offer.declined": _answered,
    "offer.crisis": _answered,
    "offer.accepted": _accepted,
    "stay.arrived": _arrived,
    "stay.not_arrived": _waits_anew,
    "stay.departed": _departed,
    "stay.destination_learned": _destination_learned,
    "request.closed": _closed,
    "youth.taken": _taken_over,
}
COURSE_KINDS = tuple(_FOLLOWS)
"""Kinds of entries that say something of the course of a request, after the one with which it came in."""


def _said(found: Course, said: Mapping[str, Any]) -> Course:
    norm = said.get("deadline_at")
    return replace(
        found,
        persons=int(said.get("persons", found.persons)),
        profile=str(said.get("profile", found.profile)),
        norm_at=datetime.fromisoformat(norm) if norm else found.norm_at,
    )


def _ended(found: Course, at: datetime) -> Course:
    if not found.waiting:
        return found
    return replace(found, waits=(*found.waits[:-1], (found.waits[-1][0], at)))


@dataclass(frozen=True)
class Length:
    """How long something took, of those for whom it happened: so many of so many."""

    of: int
    happened: int
    median: timedelta | None
    p90: timedelta | None
    """Nine in ten had it within this. None, as the median, when it happened to too few to say."""


def length(spans: Sequence[timedelta], of: int) -> Length:
    """The nearest rank: a time that somebody really waited."""
    if len(spans) < SMALL:
        return Length(of, len(spans), None, None)
    ordered = sorted(spans)
    return Length(of, len(ordered), _ranked(ordered, 50), _ranked(ordered, 90))


def _ranked(ordered: Sequence[timedelta], percent: int) -> timedelta:
    return ordered[-(-len(ordered) * percent // 100) - 1]


@dataclass(frozen=True)
class Times:
    """How long a number of requests took."""

    requests: int
    answer: Length
    accepted: Length
    arrival: Length
    within: int
    """How many had a place within the norm, of `judged`: those that had one, or whose norm is past."""
    judged: int

    @property
    def share(self) -> float | None:
        return self.within / self.judged if self.judged >= SMALL else None


def judged(courses: Sequence[Course], now: datetime) -> list[Course]:
    """Those of which it is known whether they had a place within the norm: who may still make it is left out."""
    return [one for one in courses if one.norm_at and (one.accepted_at or one.closed_at or one.norm_at <= now)]


def in_time(one: Course) -> bool:
    """Whether there was a place within the norm."""
    return bool(one.accepted_at and one.norm_at and one.accepted_at <= one.norm_at)


def times(courses: Sequence[Course], now: datetime) -> Times:
    """From the moment a request came in, whoever was asked for it and however often."""
    of = len(courses)

    def spans(name: str) -> list[timedelta]:
        return [at - one.submitted_at for one in courses if (at := getattr(one, name)) is not None]

    found = judged(courses, now)
    return Times(
        of,
        length(spans("answered_at"), of),
        length(spans("accepted_at"), of),
        length(spans("arrived_at"), of),
        sum(map(in_time, found)),
        len(found),
    )
