"""Versioned policy: every deadline, band, weight and right to decide is data with a version, never a constant.

A body is validated when it is written. A case keeps the version it started under. The sources give no time norms
(domain.md §3), so version 1 of each kind is our assumption and says so in docs/assumptions.md.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Text, bindparam, type_coerce
from sqlalchemy import select as core_select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field as Column
from sqlmodel import SQLModel, col, select

from nrm.columns import Json, UtcDateTime
from nrm.db import Tx
from nrm.errors import Conflict, NotFound

Urgency = Literal["now", "today", "soon", "planned"]
Pool = Literal["COSM", "OMM", "NLA", "MUNICIPAL"]
Residence = Literal["none", "b8", "eu", "dutch"]
Exploitation = Literal["sexual", "labour", "criminal", "organ_removal"]
Minutes = Annotated[int, Field(ge=1, le=60 * 24 * 366)]


class PolicyVersion(SQLModel, table=True):
    """One version of one kind of policy, never changed after it was written."""

    __tablename__ = "policy"

    kind: str = Column(primary_key=True, max_length=20)
    version: int = Column(primary_key=True)
    body: dict[str, object] = Column(sa_type=Json)
    valid_from: datetime = Column(sa_type=UtcDateTime)
    note: str = Column(max_length=400)


class Policy(BaseModel):
    """The body of a policy. Subclasses say their kind and carry version 1 as defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    before: ClassVar[dict[str, object]] = {}
    """What a body means that was stored before these fields existed: never what they later came to mean by default."""


class Band(Policy):
    """Up to which age a confirmed figure is fresh, and up to which it is aging; older is stale."""

    fresh_minutes: Minutes
    aging_minutes: Minutes

    @model_validator(mode="after")
    def _ordered(self) -> "Band":
        if self.fresh_minutes >= self.aging_minutes:
            raise ValueError("fresh must end before aging does")
        return self


class Freshness(Policy):
    """Freshness bands per pool."""

    kind = "freshness"
    bands: dict[Pool, Band] = {
        "COSM": Band(fresh_minutes=12 * 60, aging_minutes=24 * 60),
        "OMM": Band(fresh_minutes=12 * 60, aging_minutes=24 * 60),
        "NLA": Band(fresh_minutes=24 * 60, aging_minutes=48 * 60),
        "MUNICIPAL": Band(fresh_minutes=8 * 60, aging_minutes=16 * 60),
    }


Trigger = Literal[
    "no_proposal",
    "only_stale",
    "offer_unanswered",
    "hold_near_lapse",
    "all_declined",
    "deadline_near",
    "deadline",
    "bridge",
    "police_cell",
    "apart_conflict",
    "figures_stale",
    "unconditional_low",
    "nobody_authorised",
    "minor_alone",
    "roster_gap",
    "b8_end",
    "no_destination",
    "no_feedback",
    "capacity_short",
    "cooperation_stalled",
    "decision_overdue",
]
"""Why an escalation opens (domain.md §6)."""

Hours = Literal["office", "after_hours"]

RungRole = Literal[
    "owner",
    "duty_officer",
    "second_duty_officer",
    "coordinator_regional",
    "municipality",
    "national_desk",
    "national_coordinator",
    "authority",
]
"""Whom a rung speaks to. `owner` is the organisation that decides on the request. `authority` is the bevoegd gezag: it
is never told by itself, the national coordinator opens that step."""

ChannelCode = Literal["log", "email", "sms", "voice", "web_push", "webhook", "in_app", "other"]


class Rung(Policy):
    """One step of the ladder: so long after the previous one, tell these, over these channels.

    The first counts from the moment its cause came due.
    """

    before = {"answer_minutes": 15}
    after_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 31)]
    role: RungRole
    channels: Annotated[tuple[ChannelCode, ...], Field(min_length=1)] = ("log", "email", "sms", "voice", "web_push")
    """In this order. Mail and log go to the organisation; the others, and mail too, to the ways its people proved."""
    answer_minutes: Minutes = 15
    """Within which somebody should take it; after that it stands recorded as unanswered."""


class LadderLine(Policy):
    """A ladder for what it names. What names nothing holds for all: of causes, urgencies, hours or regions."""

    triggers: tuple[Trigger, ...] = ()
    urgencies: tuple[Urgency, ...] = ()
    hours: Hours | None = None
    regions: tuple[Annotated[str, Field(max_length=8)], ...] = ()
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1, max_length=20)]

    @property
    def default(self) -> bool:
        """Whether it holds for everything."""
        return not (self.triggers or self.urgencies or self.hours or self.regions)


def _climb(*steps: tuple[int, RungRole], answer_minutes: int = 15) -> tuple[Rung, ...]:
    return tuple(Rung(after_minutes=after, role=role, answer_minutes=answer_minutes) for after, role in steps)


class Ladder(Policy):
    """When a request is overdue, what else must not go unnoticed, and who hears of it in what order.

    Peers first, authority last. The first line that fits holds; the last one fits everything. An escalation keeps the
    version and the line it opened under.
    """

    kind = "ladder"
    before = {
        "near_minutes": {},
        "unproposed_minutes": {},
        "unanswered_minutes": {},
        "lapse_near_minutes": {},
        "stale_minutes": None,
        "feedback_minutes": None,
        "transfer_minutes": None,
        "unconditional_floor": None,
        "capacity_floor": None,
        "silent_offers": None,
        "claim_minutes": 60 * 24 * 366,
        "responsible_minutes": 60 * 24 * 366,
        "merge_minutes": 1,
        "authority_answer_minutes": 24 * 60,
        "authority_reminder_minutes": 4 * 60,
        "authority_returns_days": 30,
    }
    deadline_minutes: dict[Urgency, Minutes] = {
        "now": 60,
        "today": 4 * 60,
        "soon": 24 * 60,
        "planned": 72 * 60,
    }
    near_minutes: dict[Urgency, Minutes] = {"now": 15, "today": 60, "soon": 4 * 60, "planned": 24 * 60}
    """So long before its deadline a request that nobody was asked for yet rings. An urgency not named never does."""
    unproposed_minutes: dict[Urgency, Minutes] = {"now": 5, "today": 30, "soon": 4 * 60, "planned": 24 * 60}
    """For how long a request may go without any proposal, or with proposals on stale figures alone."""
    unanswered_minutes: dict[Urgency, Minutes] = {"now": 10, "today": 25, "soon": 2 * 60, "planned": 12 * 60}
    """For how long an offer may go without all its answers."""
    lapse_near_minutes: dict[Urgency, Minutes] = {"now": 5, "today": 10, "soon": 60, "planned": 4 * 60}
    """So long before a hold lapses it rings."""
    stale_minutes: Minutes | None = 24 * 60
    """For how long a figure may be stale. None here and below: that never rings."""
    feedback_minutes: Minutes | None = 60
    """For how long whoever notified may go without hearing that somebody picked it up."""
    transfer_minutes: Minutes | None = 24 * 60
    """For how long an offer to hand a request over may go without an answer."""
    unconditional_floor: Annotated[int, Field(ge=0, le=1000)] | None = 1
    """Fewer free unconditional places than this in the whole country is short."""
    capacity_floor: Annotated[int, Field(ge=0, le=1000)] | None = 0
    """Fewer places than this left in a region, were everybody who waits there placed there, is short."""
    silent_offers: Annotated[int, Field(ge=1, le=100)] | None = 3
    """So many offers in a row that one house let lapse is cooperation that stalls."""
    claim_minutes: Minutes = 30
    """How long somebody who took an alarm has before the ladder goes on."""
    responsible_minutes: Minutes = 4 * 60
    """How long a responsible person may be silent before the ladder starts anew."""
    merge_minutes: Minutes = 10
    """Within which one addressee hears of one card once, however many causes it has."""
    authority_answer_minutes: Minutes = 24 * 60
    """How long a competent authority has, unless the national coordinator says otherwise."""
    authority_reminder_minutes: Minutes = 4 * 60
    """So long before its answer is due it is reminded."""
    authority_returns_days: Annotated[int, Field(ge=1, le=366)] = 30
    """So long after it was closed a raised escalation comes back with its cause."""
    lines: Annotated[tuple[LadderLine, ...], Field(min_length=1, max_length=100)] = (
        LadderLine(
            triggers=("b8_end",),
            rungs=_climb((0, "owner"), (7 * 24 * 60, "national_desk"), answer_minutes=7 * 24 * 60),
        ),
        LadderLine(
            triggers=("figures_stale", "no_feedback"),
            rungs=(
                Rung(after_minutes=0, role="duty_officer", channels=("log",), answer_minutes=24 * 60),
                Rung(after_minutes=24 * 60, role="national_desk", answer_minutes=24 * 60),
            ),
        ),
        LadderLine(
            triggers=("unconditional_low", "capacity_short", "cooperation_stalled"),
            rungs=_climb(
                (0, "coordinator_regional"),
                (4 * 60, "national_desk"),
                (24 * 60, "national_coordinator"),
                answer_minutes=4 * 60,
            ),
        ),
        LadderLine(
            triggers=("roster_gap",),
            rungs=_climb((0, "coordinator_regional"), (60, "national_desk"), (4 * 60, "national_coordinator")),
        ),
        LadderLine(
            hours="after_hours",
            rungs=_climb(
                (0, "duty_officer"),
                (10, "second_duty_officer"),
                (5, "coordinator_regional"),
                (15, "national_desk"),
                (30, "national_coordinator"),
                (60, "authority"),
            ),
        ),
        LadderLine(
            rungs=_climb(
                (0, "duty_officer"),
                (10, "second_duty_officer"),
                (5, "coordinator_regional"),
                (10, "municipality"),
                (5, "national_desk"),
                (30, "national_coordinator"),
                (60, "authority"),
            ),
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _one_ladder_for_all(cls, body: Any) -> Any:
        """Read what was stored when there was one ladder for everything; its first rung did not wait."""
        if not isinstance(body, dict) or "rungs" not in body:
            return body
        first, *rest = body["rungs"]
        rungs = [{**Rung.before, **rung} for rung in ({**first, "after_minutes": 0}, *rest)]
        return {name: value for name, value in body.items() if name != "rungs"} | {"lines": [{"rungs": rungs}]}

    @model_validator(mode="after")
    def _last_line_holds_for_all(self) -> "Ladder":
        if not self.lines[-1].default:
            raise ValueError("the last line must hold for everything")
        if any(line.default for line in self.lines[:-1]):
            raise ValueError("a line after one that holds for everything is never reached")
        return self


class Hold(Policy):
    """How an offer holds its places: how long, how often longer, how many houses at once; and what silence does."""

    kind = "hold"
    before = {"hold_minutes_of_pool": {}}
    hold_minutes: dict[Urgency, Minutes] = {"now": 20, "today": 45, "soon": 4 * 60, "planned": 24 * 60}
    hold_minutes_of_pool: dict[Pool, dict[Urgency, Minutes]] = {
        "OMM": {"now": 30, "today": 60},
        "NLA": {"now": 30, "today": 60},
    }
    """Where a pool differs; an urgency that is not named here is as `hold_minutes` says."""
    extension_minutes: Minutes = 15
    extensions_max: Annotated[int, Field(ge=0, le=10)] = 2
    asked_at_once_max: Annotated[int, Field(ge=1, le=10)] = 3
    silent_minutes: Minutes = 60
    no_staff_minutes: Minutes = 12 * 60

    def minutes(self, pool: str, urgency: str) -> int:
        """How long an offer for this pool and urgency holds its places."""
        everywhere: Mapping[Any, int] = self.hold_minutes
        of_pool: Mapping[Any, Mapping[Any, int]] = self.hold_minutes_of_pool
        return of_pool.get(pool, {}).get(urgency, everywhere[urgency])


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


Holiday = Literal[
    "new_years_day",
    "good_friday",
    "easter_monday",
    "kings_day",
    "liberation_day",
    "liberation_lustrum",
    "ascension_day",
    "whit_monday",
    "christmas_day",
    "second_christmas_day",
]
"""Dutch public holidays that can fall on a working day. Liberation day is every year, its lustrum every fifth."""


class OfficeHours(Policy):
    """When offices are open, by the clock on the wall in Amsterdam; never on the holidays named here."""

    weekdays: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    opens: time = time(9)
    closes: time = time(17)
    holidays: tuple[Holiday, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> "OfficeHours":
        if self.opens.tzinfo or self.closes.tzinfo or self.opens >= self.closes:
            raise ValueError("opens must be before closes, both without a zone")
        return self


class Decider(Policy):
    """An answer that an offer needs, and in what capacity.

    The provider of the place; the national desk, or after hours its duty officer on shift; the labour inspectorate;
    the police or a municipality of the region in which the place is.
    """

    by: Literal["provider", "national_desk", "duty_officer", "labour_inspectorate", "police", "municipality"]


class Intake(Policy):
    """Limits on what one account may ask of the desk."""

    kind = "intake"
    marks_per_day_max: Annotated[int, Field(ge=1, le=1000)] = 30
    marks_days: Annotated[int, Field(ge=1, le=3660)] = 366
    pre_alert_days_max: Annotated[int, Field(ge=1, le=366)] = 60


Deciders = Annotated[tuple[Decider, ...], Field(min_length=1)]
"""Never nobody: a place that nobody has to give would be taken."""


class Authority(Policy):
    """Who must agree before a placement stands, per pool and hour (domain.md §3).

    A pool that `deciders_after_hours` does not name is decided at night as by day. Where an investigative body would
    decide on a request that refuses police contact, the national desk does.
    """

    kind = "authority"
    before = {"deciders_after_hours": {}, "deciders_crisis_after_hours": {}}
    deciders: dict[Pool, Deciders] = {
        "COSM": (Decider(by="national_desk"),),
        "OMM": (Decider(by="national_desk"), Decider(by="provider")),
        "NLA": (Decider(by="labour_inspectorate"), Decider(by="provider")),
        "MUNICIPAL": (Decider(by="provider"),),
    }
    office_hours: OfficeHours = OfficeHours(
        holidays=(
            "new_years_day",
            "easter_monday",
            "kings_day",
            "liberation_lustrum",
            "ascension_day",
            "whit_monday",
            "christmas_day",
            "second_christmas_day",
        )
    )
    deciders_after_hours: dict[Pool, Deciders] = {
        "COSM": (Decider(by="duty_officer"),),
        "OMM": (Decider(by="duty_officer"), Decider(by="provider")),
    }
    deciders_crisis_after_hours: dict[Pool, Deciders] = {"MUNICIPAL": (Decider(by="police"),)}
    """Who decides after office hours on a crisis bed of the region, where that differs from the pool."""
    consent_days_max: Annotated[int, Field(ge=1, le=366)] = 92
    """For how long a house may say yes in advance."""
    crisis_after_minutes: dict[Pool, Minutes] = {}
    """Per pool: how long an answer may be missing before a duty officer may place first and have it approved
    afterwards. A pool that is not named has no such path."""
    approval_minutes: Minutes = 12 * 60
    """Within which that approval should be given."""


class PoolRule(Policy):
    """A pool stays open to a request unless a known fact contradicts it."""

    residences: tuple[Residence, ...] | None = None
    exploitations: tuple[Exploitation, ...] | None = None
    any_criterion: tuple[str, ...] | None = None


class Pools(Policy):
    """Which pools a request may go to. An unknown fact keeps every pool that is not contradicted."""

    kind = "pools"
    rules: dict[Pool, PoolRule] = {
        "COSM": PoolRule(residences=("none",)),
        "OMM": PoolRule(
            any_criterion=("addiction", "psychiatric", "multiple_problems", "intellectual_disability"),
        ),
        "NLA": PoolRule(exploitations=("labour",)),
        "MUNICIPAL": PoolRule(residences=("dutch", "eu", "b8")),
    }


class Matching(Policy):
    """What the solver is told about scarcity, claims and risk (domain.md §9)."""

    kind = "matching"
    before = {"reserve_points": 0, "reserve_days": 365}
    risk: Annotated[int, Field(ge=0, le=1000)] = 1
    scarcity: Annotated[int, Field(ge=0, le=1000)] = 1
    scarcity_omm: Annotated[int, Field(ge=0, le=1000)] = 3
    scarcity_unconditional: Annotated[int, Field(ge=0, le=1000)] = 3
    claim_indicated: Annotated[int, Field(ge=0, le=1000)] = 3
    reserve_points: Annotated[int, Field(ge=0, le=1000)] = 0
    """How much dearer a place becomes for every person still expected who has few others. 0: no place is kept."""
    reserve_days: Annotated[int, Field(ge=28, le=732)] = 365
    """Who is expected: whoever asked in so many days, at the same pace."""
    alternatives: Annotated[int, Field(ge=0, le=10)] = 3
    budget_ms: Annotated[int, Field(ge=10, le=60_000)] = 2000
    lend_at_once: tuple[Urgency, ...] = ("now",)
    """Who needs a bed this soon never waits until its owners lend it: who pays is settled afterwards."""
    latest_days: dict[Urgency, Annotated[int, Field(ge=0, le=366)]] = {"now": 0, "today": 0, "soon": 3, "planned": 14}


class Rhythm(Policy):
    """When a provider is reminded that a figure is about to grow old, and how its answer may come back."""

    kind = "rhythm"
    before_minutes: dict[Pool, Minutes] = {"COSM": 60, "OMM": 60, "NLA": 120, "MUNICIPAL": 60}
    """So long before a band turns a reminder goes: once for aging, once for stale."""
    again_minutes: Minutes = 24 * 60
    again_max: Annotated[int, Field(ge=0, le=14)] = 2
    """Once stale: how often again at most."""
    opens: time = time(7)
    closes: time = time(22)
    """When a mailbox is looked at. Outside these hours a reminder waits, but never past the turn itself."""
    link_minutes: Minutes = 24 * 60
    ask_again_minutes: Minutes = 15
    """So long after a location was asked, by whomever, nobody asks it again."""
    closure_ahead_days: Annotated[int, Field(ge=0, le=31)] = 2
    review_ahead_days: Annotated[int, Field(ge=0, le=92)] = 14
    """So long before its date a closed place, or an admission rule, is put before its provider."""
    agreement_ahead_days: Annotated[int, Field(ge=0, le=732)] = 92
    """So long before a contract or its funding ends, its provider sees it coming."""
    review_again_days: Annotated[int, Field(ge=7, le=732)] = 182
    """When a rule that stays as it is comes up again."""

    @model_validator(mode="after")
    def _some_hours(self) -> "Rhythm":
        if self.opens == self.closes:
            raise ValueError("a mailbox is looked at some of the day")
        return self


class Trust(Policy):
    """How the share of refused or unanswered offers is smoothed: as if so many had come before the first."""

    kind = "trust"
    days: Annotated[int, Field(ge=7, le=366)] = 90
    prior_refused: Annotated[int, Field(ge=0, le=1000)] = 1
    prior_kept: Annotated[int, Field(ge=1, le=1000)] = 9


class Course(Policy):
    """What holds for bridges, for a stay and for what follows it."""

    kind = "course"
    bridge_pace_percent: Annotated[int, Field(ge=1, le=100)] = 50
    """While a bridge is in use every wait up to the next rung is this part of what it would be."""
    emergency_days_max: Annotated[int, Field(ge=0, le=366)] = 7
    emergency_pools: tuple[Pool, ...] = ()
    follow_on_days: Annotated[int, Field(ge=1, le=366)] = 7
    """The follow-on is needed this many days after the arrival, or at the end of what was asked if that is sooner."""
    stay_days_max: dict[Pool, Annotated[int, Field(ge=1, le=3660)]] = {
        "COSM": 92,
        "OMM": 365,
        "NLA": 14,
        "MUNICIPAL": 183,
    }
    """The maximum stay; the norms of the sources, where they have one."""
    aftercare_days: dict[
        Literal["municipality", "legal_aid", "health", "b8", "follow_on"], Annotated[int, Field(ge=0, le=366)]
    ] = {
        "municipality": 3,
        "legal_aid": 5,
        "health": 7,
        "b8": 14,
        "follow_on": 14,
    }
    b8_ahead_days: Annotated[int, Field(ge=1, le=366)] = 30
    """So long before a B8 ends the owner of the request hears of it."""


class Youth(Policy):
    """Which minors alone are put before Nidos first; all others go to youth crisis care of the region."""

    kind = "youth"
    foreign_residences: tuple[Residence, ...] = ("none", "b8", "eu")


class Reporting(Policy):
    """When a request should have been reported to CoMensha."""

    kind = "reporting"
    due_days: Annotated[int, Field(ge=1, le=366)] = 7
    """Counted from when the request came in."""


class Handover(Policy):
    """How a night is given back in the morning, and what a duty officer has on paper."""

    kind = "handover"
    acknowledge_minutes: Minutes = 30
    """So long after it was made, and after each ring, an unacknowledged hand-over rings."""
    rings_max: Annotated[int, Field(ge=0, le=48)] = 6
    list_at: time = time(16, 30)
    """When the night list is put before the duty desk, by the clock on the wall."""
    list_minutes: Minutes = 24 * 60
    """How long a night list may be used."""
    news_days_max: Annotated[int, Field(ge=1, le=92)] = 14
    """So far back somebody who comes on duty is told what changed."""


class Roster(Policy):
    """How far ahead the roster is made, and when a gap in it is told."""

    kind = "roster"
    plan_days: Annotated[int, Field(ge=7, le=366)] = 92
    """So far ahead recurring shifts are written out."""
    gap_days: Annotated[int, Field(ge=1, le=92)] = 30
    """So far ahead gaps are listed."""
    gap_alarm_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 72
    """So long before it begins a gap becomes an alarm; and once more as it begins."""


class Statements(Policy):
    """When the shortage statements of a month and of a quarter are made."""

    kind = "statement"
    after_days: Annotated[int, Field(ge=1, le=28)] = 3
    """On which day after the end of the period: what is entered late is in it up to then."""
    made_at: time = time(7)
    """By the clock on the wall."""


Region = Literal[
    "VR01",
    "VR02",
    "VR03",
    "VR04",
    "VR05",
    "VR06",
    "VR07",
    "VR08",
    "VR09",
    "VR10",
    "VR11",
    "VR12",
    "VR13",
    "VR14",
    "VR15",
    "VR16",
    "VR17",
    "VR18",
    "VR19",
    "VR20",
    "VR21",
    "VR22",
    "VR23",
    "VR24",
    "VR25",
]


class Capacity(Policy):
    """How many places a region should have in use at least. A region that is not named has no norm.

    No source names one, so version 1 has none (docs/assumptions.md).
    """

    kind = "capacity"
    before = {"places_min": {}}
    places_min: dict[Region, Annotated[int, Field(ge=0, le=1000)]] = {}


class PoliceCriterion(Policy):
    """One question of the police criteria. Without words in both languages it is not asked."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,20}$")]
    nl: Annotated[str, Field(max_length=200)] = ""
    en: Annotated[str, Field(max_length=200)] = ""


class PoliceCriteria(Policy):
    """The five police criteria of a report, in the words of the national desk.

    No public source spells them out, so version 1 has none of the words: see docs/decisions/0015.
    """

    kind = "police_criteria"
    criteria: Annotated[tuple[PoliceCriterion, ...], Field(min_length=5, max_length=5)] = tuple(
        PoliceCriterion(code=f"police_{number}") for number in range(1, 6)
    )


KINDS: tuple[type[Policy], ...] = (
    Freshness,
    Ladder,
    Hold,
    Intake,
    Authority,
    Pools,
    Matching,
    Rhythm,
    Trust,
    Course,
    Youth,
    Reporting,
    Handover,
    Roster,
    Statements,
    Capacity,
)

WITHHELD: tuple[type[Policy], ...] = (PoliceCriteria,)
"""Kept and versioned as the others, but not shown to everybody: only to whoever may see what they are about."""

P = TypeVar("P", bound=Policy)


# Nearly every transaction asks one of these, and a tick has many: columns rather than objects, a body as its text.
_POLICY = PolicyVersion.__table__.c  # type: ignore[attr-defined]
_OF_KIND = core_select(_POLICY.version, type_coerce(_POLICY.body, Text).label("body")).where(
    _POLICY.kind == bindparam("kind")
)
_NEWEST = _OF_KIND.order_by(_POLICY.version.desc()).limit(1)
_ONE = _OF_KIND.where(_POLICY.version == bindparam("version"))


def ensure_first_versions(tx: Tx) -> None:
    """Write version 1 of every kind that has no version yet."""
    there = set(tx.session.exec(select(PolicyVersion.kind).distinct()))
    missing = [(body(), 1) for body in (*KINDS, *WITHHELD) if body.kind not in there]
    _add(tx, missing, "version 1: our assumption, see docs/assumptions.md")


def write(tx: Tx, body: Policy, note: str, after: int | None = None) -> int:
    """Add the next version of this kind, in force from now on. Returns its number.

    `after` is the version it must follow: raises Conflict when another one is in force by now, or was written at once.
    """
    newest = tx.session.exec(
        select(PolicyVersion.version)
        .where(PolicyVersion.kind == body.kind)
        .order_by(col(PolicyVersion.version).desc())
        .limit(1)
    ).first()
    if after is not None and after != newest:
        raise Conflict("rules_changed_meanwhile")
    version = (newest or 0) + 1
    _add(tx, [(body, version)], note)
    return version


def _add(tx: Tx, versions: Sequence[tuple[Policy, int]], note: str) -> None:
    tx.session.add_all(
        PolicyVersion(kind=body.kind, version=version, body=body.model_dump(mode="json"), valid_from=tx.now, note=note)
        for body, version in versions
    )
    try:
        tx.session.flush()
    except IntegrityError as error:
        raise Conflict("rules_changed_meanwhile") from error
    tx.policies.clear()
    for body, version in versions:
        tx.record("policy.written", f"policy:{body.kind}", "places", version=version, note=note)


def current(tx: Tx, body: type[P]) -> tuple[int, P]:
    """The newest version of a kind of policy: its number and its body. One and the same throughout a transaction."""
    if (body.kind, None) not in tx.policies:
        row = tx.session.execute(_NEWEST, {"kind": body.kind}).first()
        if row is None:
            raise NotFound("no_policy")
        tx.policies[body.kind, None] = row.version, _read(body, row.body)
    found: tuple[int, P] = tx.policies[body.kind, None]
    return found


def at_version(tx: Tx, body: type[P], version: int) -> P:
    """One version of a kind of policy, as a case that started under it needs it."""
    if (body.kind, version) not in tx.policies:
        row = tx.session.execute(_ONE, {"kind": body.kind, "version": version}).first()
        if row is None:
            raise NotFound("no_policy")
        tx.policies[body.kind, version] = _read(body, row.body)
    found: P = tx.policies[body.kind, version]
    return found


def _read(body: type[P], text: str) -> P:
    found = _validated(body, text)
    assert isinstance(found, body)
    return found


@lru_cache(maxsize=64)
def _validated(body: type[Policy], text: str) -> Policy:
    # A tick reads the same few bodies again and again, and judging one takes longer than everything else it does.
    return body.model_validate({**body.before, **json.loads(text)})
