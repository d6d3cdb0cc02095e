"""What has to happen in a year, worked out apart from the application: the ledger of tests/soak/year.py.

It is told what people did and when somebody worked, and says what must be in the journal after that. Deadlines, rungs,
hours and holidays stand here once more, as numbers, and nothing here asks the application anything.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

WALL = ZoneInfo("Europe/Amsterdam")
MINUTE = timedelta(minutes=1)
NEVER = datetime.max.replace(tzinfo=UTC)

AGING = timedelta(hours=16)
"""How old a figure of a municipal house may be before it is stale."""
STALE = timedelta(hours=24)
"""For how long it may be that."""
GAP_AHEAD = timedelta(hours=72)
RING_EVERY, RINGS = timedelta(minutes=30), 6
"""A hand-over that nobody acknowledges."""

Steps = tuple[tuple[int, str], ...]
Event = tuple[object, ...]


@dataclass(frozen=True)
class Norms:
    """One version of the ladder: minutes, and whom each rung speaks to."""

    deadline: dict[str, int]
    unanswered: dict[str, int]
    office: Steps
    after_hours: Steps
    gap: Steps
    stale: Steps
    claim: int
    responsible: int


USUAL = Norms(
    deadline={"now": 60, "today": 240, "soon": 1440, "planned": 4320},
    unanswered={"now": 10, "today": 25, "soon": 120, "planned": 720},
    office=(
        (0, "duty_officer"),
        (10, "second_duty_officer"),
        (5, "coordinator_regional"),
        (10, "municipality"),
        (20, "national_desk"),
        (30, "national_coordinator"),
    ),
    after_hours=(
        (0, "duty_officer"),
        (10, "coordinator_regional"),
        (15, "national_desk"),
        (30, "national_coordinator"),
        (60, "authority"),
    ),
    gap=((0, "coordinator_regional"), (60, "national_desk"), (240, "national_coordinator")),
    stale=((0, "duty_officer"), (1440, "national_desk")),
    claim=30,
    responsible=240,
)
OTHER = Norms(
    deadline={"now": 45, "today": 200, "soon": 1200, "planned": 4000},
    unanswered={"now": 8, "today": 20, "soon": 90, "planned": 600},
    office=((0, "duty_officer"), (25, "coordinator_regional"), (15, "national_desk")),
    after_hours=((0, "duty_officer"), (20, "national_desk"), (20, "national_coordinator")),
    gap=((0, "coordinator_regional"), (120, "national_desk")),
    stale=((0, "national_desk"),),
    claim=20,
    responsible=180,
)


# --- days and hours -------------------------------------------------------------------------------------------------


@cache
def closed_days(year: int) -> frozenset[date]:
    """Public holidays on which offices are closed: Gauss's Easter, and what hangs on it."""
    century, golden = year // 100, year % 19
    shift = (15 + century - century // 4 - (8 * century + 13) // 25) % 30
    moon = (19 * golden + shift) % 30
    moon -= (moon == 29) or (moon == 28 and golden > 10)
    week = (2 * (year % 4) + 4 * (year % 7) + 6 * moon + (4 + century - century // 4) % 7) % 7
    easter = date(year, 3, 22) + timedelta(days=moon + week)
    king = date(year, 4, 27)
    fixed = {date(year, 1, 1), king - timedelta(days=king.weekday() == 6), date(year, 12, 25), date(year, 12, 26)}
    if year % 5 == 0:
        fixed.add(date(year, 5, 5))
    return frozenset(fixed | {easter + timedelta(days=days) for days in (1, 39, 50)})


def office(at: datetime) -> bool:
    """Whether offices are open: nine to five on the wall, on working days."""
    wall = at.astimezone(WALL)
    return _works(wall.date()) and time(9) <= wall.time() < time(17)


def opening_after(at: datetime) -> datetime:
    """When offices open next."""
    day = at.astimezone(WALL).date()
    while True:
        opens = datetime.combine(day, time(9), WALL).astimezone(UTC)
        if opens > at and _works(day):
            return opens
        day += timedelta(days=1)


def _works(day: date) -> bool:
    return day.weekday() < 5 and day not in closed_days(day.year)


# --- what is known --------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """A request, as it was asked."""

    card: str
    region: str
    urgency: str
    asked_at: datetime
    norms: Norms
    alone: bool
    waits: bool = True
    open: bool = True
    placed: bool = False

    @property
    def deadline_at(self) -> datetime:
        """Real hours, also over a night on which the clock is changed."""
        return self.asked_at + timedelta(minutes=self.norms.deadline[self.urgency])


@dataclass
class Asked:
    """An offer that holds a bed."""

    case: Case
    sent_at: datetime
    hold_until: datetime
    live: bool = True


@dataclass
class Climb:
    """One thing that nobody may leave lying, and how far its ladder is."""

    trigger: str
    card: str
    key: str
    """What it is about: the card, or one offer of it."""
    region: str
    steps: Steps
    due: datetime | None
    next: int = 0
    first: int = 0
    holder: str | None = None
    claim_until: datetime | None = None
    responsible: str | None = None
    responsible_at: datetime | None = None
    responsible_until: datetime | None = None

    @property
    def held(self) -> bool:
        return self.claim_until is not None or self.responsible_until is not None

    def rest_with(self, other: "Climb") -> None:
        for name in ("holder", "claim_until", "responsible", "responsible_at", "responsible_until"):
            setattr(self, name, getattr(other, name))

    def go_on(self, since: datetime, anew: bool = False) -> None:
        """The ladder goes on where it was, from the bottom when none is left."""
        self.claim_until = self.responsible_until = None
        if anew or self.due is None:
            self.first, self.due = self.next, since + self.steps[0][0] * MINUTE
        else:
            self.due = max(self.due, since)


@dataclass
class Morning:
    """What one region was handed over, and when it rings again."""

    cases: list[Case]
    again_at: datetime | None
    rings: int = 0
    taken: bool = False


@dataclass
class Almanac:
    """The ledger."""

    start: datetime
    regions: tuple[str, ...]
    lined: str
    """The region that has a roster of its own."""
    norms: Norms = USUAL
    cases: dict[str, Case] = field(default_factory=dict)
    offers: dict[str, Asked] = field(default_factory=dict)
    confirmed: dict[str, datetime] = field(default_factory=dict)
    """House → when its figure was last confirmed."""
    house_region: dict[str, str] = field(default_factory=dict)
    slots: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When somebody is planned in the region with a roster."""
    gaps: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    """Card → from when until when nobody is."""
    filled: set[str] = field(default_factory=set)
    """Those in which somebody stands by now."""
    climbs: list[Climb] = field(default_factory=list)
    opened: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """(trigger, key) → the cause it opened for."""
    answers: list[tuple[datetime, str, str, str]] = field(default_factory=list)
    """When, message, card, who: by telephone, and not heard yet."""
    acted: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """(card, who) → when they last did something about it."""
    counted: datetime | None = None
    openings: dict[str, datetime] = field(default_factory=dict)
    mornings: dict[tuple[str, date], Morning] = field(default_factory=dict)
    rungs: int = 0

    def __post_init__(self) -> None:
        self.openings = {region: opening_after(self.start) for region in self.regions}

    # --- people -----------------------------------------------------------------------------------------------------

    def ends(self, card: str) -> None:
        """Nobody waits any more."""
        self.cases[card].waits = False

    def held_by_other(self, card: str, who: str) -> bool:
        """Whether somebody else has it."""
        return any(
            one.responsible_until is not None or (one.claim_until is not None and one.holder != who)
            for one in self.of(card)
        )

    def claim(self, card: str, who: str, now: datetime) -> None:
        for one in self.of(card):
            one.holder, one.claim_until = who, now + self.norms.claim * MINUTE

    def name(self, card: str, who: str, now: datetime) -> None:
        for one in self.of(card):
            one.claim_until, one.responsible, one.responsible_at = None, who, now
            one.responsible_until = now + self.norms.responsible * MINUTE

    def release(self, card: str, now: datetime) -> None:
        for one in self.of(card):
            if one.held:
                one.go_on(now)

    def of(self, card: str) -> list[Climb]:
        return [one for one in self.climbs if one.card == card]

    def rings(self, card: str, now: datetime) -> bool:
        """Whether anybody may be told of it now."""
        if any(answered == card for _, _, answered, _ in self.answers):
            return False
        return any(not self._over(one, now) for one in self.of(card)) and not any(one.held for one in self.of(card))

    # --- what comes of it -------------------------------------------------------------------------------------------

    def tick(self, now: datetime) -> Counter[Event]:
        """Somebody works now: what must be in the journal after it."""
        return Counter(
            [
                *self._lapses(now),
                *self._heard(now),
                *self._ended(now),
                *self._let_go(now),
                *self._open(now),
                *self._fired(now),
                *self._handed_over(now),
            ]
        )

    def next_due(self, now: datetime) -> datetime:
        """When something comes due next; now or before when something already is."""
        moments = [asked.hold_until for asked in self.offers.values() if asked.live]
        for one in self.climbs:
            if one.held:
                moments += [at for at in (one.claim_until, one.responsible_until) if at is not None]
            elif one.due is not None:
                moments.append(one.due)
        moments += [due for trigger, key, due, *_ in self._causes(NEVER) if (trigger, key) not in self.opened]
        for house, at in self._stale(NEVER):
            if self.opened.get(("figures_stale", house)) != at and not self._live("figures_stale", house):
                moments.append(max(at, self.counted + MINUTE) if self.counted else at)
        moments += [answered_at for answered_at, *_ in self.answers]
        moments += self.openings.values()
        moments += [one.again_at for one in self.mornings.values() if one.again_at is not None]
        return min(moments, default=NEVER)

    def _lapses(self, now: datetime) -> Iterator[Event]:
        for asked in self.offers.values():
            if asked.live and asked.hold_until <= now:
                asked.live = False
                yield "offer.lapsed", asked.case.card

    def _heard(self, now: datetime) -> Iterator[Event]:
        for _, _, card, who in sorted(self.answers):
            if self.of(card) and not self.held_by_other(card, who):
                self.claim(card, who, now)
                yield "alarm.claimed", card
        self.answers.clear()

    def _ended(self, now: datetime) -> Iterator[Event]:
        for one in list(self.climbs):
            if self._over(one, now) and one.trigger != "figures_stale":
                yield self._end(one)

    def _end(self, one: Climb) -> Event:
        self.climbs.remove(one)
        return "alarm.ended", one.card, one.trigger

    def _let_go(self, now: datetime) -> Iterator[Event]:
        for one in self.climbs:
            if one.claim_until is not None and one.claim_until <= now:
                one.go_on(one.claim_until)
                yield "alarm.claim_lapsed", one.card
            elif one.responsible_until is not None and one.responsible_until <= now:
                assert one.responsible_at is not None
                did = self.acted.get((one.card, str(one.responsible)))
                if did is not None and one.responsible_at < did <= now:
                    one.responsible_until += did - one.responsible_at
                    one.responsible_at = did
                    continue
                one.go_on(one.responsible_until, anew=True)
                yield "alarm.responsible_silent", one.card

    def _open(self, now: datetime) -> Iterator[Event]:
        for trigger, key, due, card, region, norms in self._causes(now):
            if (trigger, key) in self.opened:
                continue
            self.opened[trigger, key] = due
            steps = norms.gap if trigger == "roster_gap" else norms.office if office(now) else norms.after_hours
            yield self._begin(Climb(trigger, card, key, region, steps, due + steps[0][0] * MINUTE))
        if self.counted is not None and now - self.counted < MINUTE:
            return
        self.counted = now
        for one in list(self.climbs):
            if one.trigger == "figures_stale" and self._over(one, now):
                yield self._end(one)
        for house, since in self._stale(now):
            if not self._live("figures_stale", house) and self.opened.get(("figures_stale", house)) != since:
                self.opened["figures_stale", house] = since
                steps = self.norms.stale
                climb = Climb("figures_stale", house, house, self.house_region[house], steps, since)
                yield self._begin(climb)

    def _begin(self, one: Climb) -> Event:
        self.climbs.append(one)
        return "escalation.opened", one.card, one.trigger

    def _fired(self, now: datetime) -> Iterator[Event]:
        for one in list(self.climbs):
            if one.due is None or one.due > now or one.held:
                continue
            if self._over(one, now):
                yield self._end(one)
                continue
            if held := next((other for other in self.of(one.card) if other.held), None):
                one.rest_with(held)
                continue
            while one.due is not None and one.due <= now:
                number, due = one.next - one.first, one.due
                role = one.steps[number][1]
                result = self._passed_over(role, one.region, now)
                last = number + 1 == len(one.steps)
                one.next += 1
                one.due = None if last else due if result else due + one.steps[number + 1][0] * MINUTE
                self.rungs += 1
                yield "alarm.fired", one.card, one.trigger, one.next - 1, role, result, due

    def _passed_over(self, role: str, region: str, now: datetime) -> str | None:
        """Who is not there makes nobody wait: the country of this year has no second officer and no municipality."""
        if role == "authority":
            return "withheld"
        if role in {"second_duty_officer", "municipality"}:
            return "skipped"
        if role == "coordinator_regional" and (region != self.lined or not self.planned(now)):
            return "skipped"
        return None

    def planned(self, at: datetime) -> bool:
        """Whether the roster has somebody."""
        return any(begins <= at < ends for begins, ends in self.slots)

    def _causes(self, now: datetime) -> Iterator[tuple[str, str, datetime, str, str, Norms]]:
        """Trigger, key, due moment, card, region and norms of everything that is due by then."""
        for case in self.cases.values():
            if not case.waits:
                continue
            if case.alone:
                yield "minor_alone", case.card, case.asked_at, case.card, case.region, case.norms
            elif case.deadline_at <= now:
                yield "deadline", case.card, case.deadline_at, case.card, case.region, case.norms
        for offer, asked in self.offers.items():
            due = asked.sent_at + self.norms.unanswered[asked.case.urgency] * MINUTE
            if asked.live and due <= now:
                case = asked.case
                yield "offer_unanswered", offer, due, case.card, case.region, case.norms
        for card, (begins, ends) in self.gaps.items():
            begun = card.replace("gap:", "begun:")
            for key, due, over in ((card, begins - GAP_AHEAD, begins), (begun, begins, ends)):
                if card not in self.filled and (due <= now < over or now == NEVER):
                    yield "roster_gap", key, due, key, self.lined, self.norms

    def _stale(self, now: datetime) -> Iterator[tuple[str, datetime]]:
        for house, at in self.confirmed.items():
            if at + AGING + STALE <= now:
                yield house, at + AGING + STALE

    def _live(self, trigger: str, key: str) -> bool:
        return any(one.trigger == trigger and one.key == key for one in self.climbs)

    def _over(self, one: Climb, now: datetime) -> bool:
        """Whether its cause is over, whoever has looked before."""
        if one.trigger == "figures_stale":
            return one.key not in dict(self._stale(now))
        if one.trigger == "roster_gap":
            word, _, day = one.key.partition(":")
            return f"gap:{day}" in self.filled or self.gaps[f"gap:{day}"][word == "begun"] <= now
        if one.trigger == "offer_unanswered":
            return not self.offers[one.key].live
        return not self.cases[one.card].waits

    def _handed_over(self, now: datetime) -> Iterator[Event]:
        ringing = [one for one in self.mornings.items() if one[1].again_at is not None and one[1].again_at <= now]
        for region, due in self.openings.items():
            if due > now:
                continue
            self.openings[region] = opening_after(now)
            day = now.astimezone(WALL).date()
            if not office(now) or (region, day) in self.mornings:
                continue
            for (where, _), earlier in self.mornings.items():
                if where == region:
                    earlier.again_at = None
            cases = [one for one in self.cases.values() if one.region == region and one.open and not one.placed]
            self.mornings[region, day] = Morning(cases, now + RING_EVERY if cases else None)
            yield "handover.made", region, len(cases)
        for (region, _), one in ringing:
            if one.again_at is None:
                continue
            if not any(case.open for case in one.cases):
                one.again_at = None
                continue
            one.rings += 1
            one.again_at = now + RING_EVERY if one.rings < RINGS else None
            yield "handover.rang", region, one.rings
