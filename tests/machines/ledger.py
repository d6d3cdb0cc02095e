"""What the machine knows by itself: who was told what, and what has to follow from it by the words of domain.md §5.

Nothing here asks the application anything. Deadlines, bands and rungs stand here once more, as numbers, on purpose.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WALL = ZoneInfo("Europe/Amsterdam")
CLOSED = {
    date(2026, 12, 25),
    date(2027, 1, 1),
    date(2027, 3, 29),
    date(2027, 4, 27),
    date(2027, 5, 6),
    date(2027, 5, 17),
}
"""Public holidays on which offices are closed, in the time in which the machine moves."""
DEADLINE_MINUTES = {"now": 60, "today": 240, "soon": 1440, "planned": 4320}
RUNGS = (0, 15, 15, 30)
"""Minutes from each rung of the ladder to the next."""
TRUSTED_MINUTES = {"COSM": 1440, "OMM": 1440, "NLA": 2880, "MUNICIPAL": 960}
"""How old a figure may be and still count as free."""
FRESH_MINUTES = {pool: minutes // 2 for pool, minutes in TRUSTED_MINUTES.items()}
BRIDGED_SHARE = 0.5
SILENT_MINUTES = 60
SKEW = timedelta(minutes=2)
WAITING = ("open", "offered")
OMM_CRITERIA = ("addiction", "psychiatric", "multiple_problems", "intellectual_disability")

DESK = "org-comensha"
INSPECTORATE = "org-body-labour_inspectorate"


@dataclass(frozen=True)
class Said:
    """What was said about a party: everything the rules look at."""

    persons: tuple[tuple[str, int], ...] = (("f", 24),)
    """Sex and age of each."""
    urgency: str = "now"
    facts: tuple[tuple[str, str], ...] = ()
    unsafe: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    """Short codes."""
    refuses_police: bool = False
    residence: str = "unknown"
    exploitation: str = "unknown"
    days: int = 14

    @property
    def minor_alone(self) -> bool:
        return all(age < 18 for _, age in self.persons)

    def shape(self) -> dict[str, object]:
        """The same as it is typed."""
        return {
            "urgency": self.urgency,
            "persons": [{"sex": sex, "age": age} for sex, age in self.persons],
            "facts": dict(self.facts),
            "unsafe": [{"region": region} for region in self.unsafe],
            "apart": list(self.apart),
            "refuses_police": self.refuses_police,
            "residence": self.residence,
            "exploitation": self.exploitation,
            "days": self.days,
        }


@dataclass
class House:
    """A house as its provider last told of it."""

    id: str
    provider: str
    region: str
    pool: str
    units: dict[str, "Room"]
    confirmed: list[datetime]
    excludes: set[tuple[str | None, str]] = field(default_factory=set)
    """(unit or None for the whole house, criterion)"""
    paused: bool = False
    consent: datetime | None = None
    """Until when its provider says yes in advance."""

    def figure(self, now: datetime) -> str:
        """fresh, aging, stale or unknown: by the newest confirmation that is not from the future."""
        ages = [(now - at) / timedelta(minutes=1) for at in self.confirmed if at <= now + SKEW]
        if not ages:
            return "unknown"
        if min(ages) < FRESH_MINUTES[self.pool]:
            return "fresh"
        return "aging" if min(ages) < TRUSTED_MINUTES[self.pool] else "stale"

    def trusted(self, now: datetime) -> bool:
        return self.figure(now) in {"fresh", "aging"}

    def believed(self, room: "Room", now: datetime) -> bool:
        """Whether a free bed of this room counts as free: a later confirmation settles a doubt."""
        settled = [at for at in self.confirmed if at <= now + SKEW and room.doubted_at and at > room.doubted_at]
        return self.trusted(now) and (room.doubted_at is None or bool(settled))


@dataclass
class Room:
    """A unit: who can stay there, and its beds."""

    id: str
    sexes: tuple[str, ...]
    children: bool
    private: bool
    places: tuple[str, ...]
    closed: set[str] = field(default_factory=set)
    excludes: set[str] = field(default_factory=set)
    accepts: set[str] = field(default_factory=set)
    """Criteria the unit itself answered otherwise than its house."""
    doubted_at: datetime | None = None
    """When its provider said that it was full although it was listed free."""


@dataclass
class Climb:
    """A cause that is live for a case, and the rung that comes next."""

    number: int
    opened_at: datetime
    due_at: datetime | None
    next: int = 0
    paced: bool = False


@dataclass
class Case:
    """A request: what was said, whose it is, where it stands and when it rings."""

    id: str
    code: str
    owner: str
    said: Said
    status: str
    created_at: datetime
    deadline_at: datetime
    alone_since: datetime | None = None
    anew_since: datetime | None = None
    climbs: dict[str, Climb] = field(default_factory=dict)
    """Why it rings now."""
    causes: dict[str, list[datetime]] = field(default_factory=dict)
    """Every moment it ever rang for, per why."""
    line: str = ""
    """The first request of the same party."""
    group: str | None = None
    together: bool = False
    handover: bool = False
    asked_by: str = ""
    bridge: str | None = None
    """The live bridge."""
    cell: bool = False
    bridged_at: datetime | None = None
    """The deadline its first bridge gave it."""
    bridges: list[datetime] = field(default_factory=list)
    """When each bridge was recorded."""
    payers: dict[str, str | None] = field(default_factory=dict)
    """Each bridge it ever had → the municipality that pays, None while nobody said."""
    transfer: tuple[str, str] | None = None
    """(transfer, to which organisation)"""
    followed: bool = False
    signals: dict[str, int] = field(default_factory=dict)
    ringing: list[tuple[str, int, datetime]] = field(default_factory=list)
    """Signals that must ring at the next sweep, and when they were given."""
    lost: bool = False
    """The party left without a destination and nobody was alarmed yet."""
    barred: dict[str, datetime | None] = field(default_factory=dict)
    """House → until when it is left out after a no or silence; None is for good."""
    needed_from: datetime | None = None
    """Of a follow-on: when the next place is needed, which is when it rings."""

    @property
    def waits(self) -> bool:
        return self.status in WAITING


@dataclass
class Asked:
    """An offer: who must still say yes, and which beds it keeps meanwhile."""

    id: str
    case: str
    house: str
    unit: str
    until: datetime
    sent_at: datetime
    places: frozenset[str]
    waits_for: dict[str, str]
    """Organisation → in what capacity, of those that did not answer yet."""
    asked: dict[str, str]
    status: str = "live"
    extended: int = 0


@dataclass
class Guest:
    """A stay, and the beds it has."""

    id: str
    case: str | None
    house: str
    unit: str
    places: frozenset[str]
    status: str = "planned"
    version: int = 1
    released_to: str | None = None
    arrived_at: datetime | None = None
    set_out: bool = False
    """Whether a sweep saw the arrival."""


@dataclass
class Ledger:
    """Everything that was acknowledged so far."""

    houses: dict[str, House]
    cases: dict[str, Case] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    guests: dict[str, Guest] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)
    """Criteria that are off the national list."""
    alarms: dict[tuple[str, str, int, int], datetime] = field(default_factory=dict)
    """(request, why, how-manieth, rung) → when it was due."""
    releases: int = 0
    """How often an address was handed out or shown again."""

    # --- who may be where ---------------------------------------------------------------------------------------

    def apart(self, one: Case, other: Case) -> bool:
        """Whether these two parties may not share a house, whoever said so, and under whichever of their requests."""
        if one.line == other.line:
            return False
        mine = [case for case in self.cases.values() if case.line == one.line]
        theirs = [case for case in self.cases.values() if case.line == other.line]
        return any(b.code in a.said.apart or a.code in b.said.apart for a in mine for b in theirs)

    def there(self, house: str, besides: str) -> list[Case]:
        """Whose party is in a house, is expected there or has beds kept there, besides one request's own."""
        ids = {guest.case for guest in self.guests.values() if guest.house == house and guest.status in LIVE_STAYS}
        ids |= {asked.case for asked in self.asked.values() if asked.house == house and asked.status == "live"}
        return [self.cases[found] for found in sorted(one for one in ids if one and one != besides)]

    def against(self, case: Case, unit_id: str, now: datetime) -> set[str]:
        """Why this party may not be placed in this unit, by the words of the rules; empty when nothing forbids it."""
        house = next(one for one in self.houses.values() if unit_id in one.units)
        room, said = house.units[unit_id], case.said
        grown = [person for person in said.persons if person[1] >= 18]
        children = [person for person in said.persons if person[1] < 18]
        found: set[str] = set()
        if said.minor_alone:
            found.add("a minor alone")
        if any(sex not in room.sexes for sex, _ in grown):
            found.add("sex")
        if any(sex not in room.sexes and not (sex == "m" and age < 12) for sex, age in children):
            found.add("sex")
        if children and not room.children:
            found.add("children")
        for criterion, value in said.facts:
            answered = criterion in room.excludes | room.accepts
            shut = criterion in room.excludes or (not answered and (None, criterion) in house.excludes)
            if value == "yes" and shut and criterion not in self.retired:
                found.add(f"excludes {criterion}")
        if house.region in said.unsafe:
            found.add("an unsafe region")
        if any(self.apart(case, other) for other in self.there(house.id, case.id)):
            found.add("somebody to be kept apart from")
        if house.pool not in self.pools(said):
            found.add("pool")
        if house.paused:
            found.add("paused")
        if house.id in case.barred and ((until := case.barred[house.id]) is None or until > now):
            found.add("said no, or nothing")
        if set(room.places) <= room.closed:
            found.add("closed")
        return found

    @staticmethod
    def pools(said: Said) -> set[str]:
        """Which pools no known fact contradicts."""
        facts = dict(said.facts)
        found = set()
        if said.residence in {"unknown", "none"}:
            found.add("COSM")
        if said.exploitation in {"unknown", "labour"}:
            found.add("NLA")
        if said.residence in {"unknown", "dutch", "eu", "b8"}:
            found.add("MUNICIPAL")
        if any(facts.get(criterion) != "no" for criterion in OMM_CRITERIA):
            found.add("OMM")
        return found

    def deciders(self, case: Case, house: House, now: datetime) -> dict[str, str]:
        """Whose yes an offer sent now needs, and in what capacity."""
        local = now.astimezone(WALL)
        office = local.weekday() < 5 and time(9) <= local.time() < time(17) and local.date() not in CLOSED
        desk = "national_desk" if office else "duty_officer"
        if house.pool == "COSM":
            return {DESK: desk}
        found = {house.provider: "provider"}
        if house.pool == "OMM":
            found[DESK] = desk
        if house.pool == "NLA" and case.said.refuses_police:
            found[DESK] = desk
        elif house.pool == "NLA":
            found[INSPECTORATE] = "labour_inspectorate"
        return found

    def live(self, case_id: str) -> list[Asked]:
        """The offers of a request that wait for an answer."""
        return [one for one in self.asked.values() if one.case == case_id and one.status == "live"]

    def taken(self) -> dict[str, str]:
        """Bed → whose it is, of every bed that is held or slept in."""
        held = [(place, one.id) for one in self.asked.values() if one.status == "live" for place in one.places]
        slept = [(place, one.id) for one in self.guests.values() if one.status in LIVE_STAYS for place in one.places]
        return dict([*held, *slept])

    def free(self, room: Room) -> int:
        """Beds of a room that somebody could be asked for now."""
        taken = self.taken()
        if room.private and set(room.places) & set(taken) - room.closed:
            return 0
        return len(set(room.places) - room.closed - set(taken))

    # --- what follows -------------------------------------------------------------------------------------------

    def ended(self, asked: Asked, status: str) -> None:
        """An offer is over: its beds are free, and with no other house asked the request is open again."""
        asked.status = status
        case = self.cases[asked.case]
        if case.status == "offered" and not self.live(case.id):
            case.status = "open"

    def lapse(self, now: datetime) -> None:
        """Every hold whose time is over has to lapse at this sweep."""
        for asked in self.asked.values():
            if asked.status == "live" and asked.until <= now:
                self.ended(asked, "lapsed")
                case, until = self.cases[asked.case], now + timedelta(minutes=SILENT_MINUTES)
                if asked.house not in case.barred or (case.barred[asked.house] or until) < until:
                    case.barred[asked.house] = until

    def keep_pace(self, now: datetime) -> None:
        """Bridges end with an arrival or a closing; while one is in use the deadline does not move back."""
        for case in self.cases.values():
            if case.bridge and case.status in {"placed", "closed"}:
                self.bridge_over(case)
            if case.bridge and case.waits and case.bridged_at and case.deadline_at > case.bridged_at:
                case.deadline_at = case.bridged_at
            if case.lost:
                case.lost = False
                self.signal(case, "no_destination", now)

    @staticmethod
    def signal(case: Case, kind: str, now: datetime) -> None:
        number = case.signals.get(kind, 0)
        case.signals[kind] = number + 1
        case.ringing.append((kind, number, now))

    @staticmethod
    def signal_over(case: Case, kind: str) -> None:
        case.ringing = [one for one in case.ringing if one[0] != kind]
        case.climbs.pop(kind, None)

    def bridge_over(self, case: Case) -> None:
        if case.cell:
            self.signal_over(case, "police_cell")
        case.bridge, case.cell = None, False

    def escalate(self, now: datetime) -> None:
        """What is over ends, what is due opens, and every rung that is due rings at this sweep, once."""
        for case in self.cases.values():
            for why in ("deadline", "minor_alone"):
                climb = case.climbs.get(why)
                anew = climb and case.anew_since and case.anew_since > climb.opened_at
                if anew or not case.waits or case.said.minor_alone == (why == "deadline"):
                    case.climbs.pop(why, None)
            for kind, number, given_at in case.ringing:
                self.open(case, kind, number, min(given_at, now), now)
            case.ringing = []
            why = "minor_alone" if case.said.minor_alone else "deadline"
            cause = case.alone_since if case.said.minor_alone else case.deadline_at
            if case.waits and cause and why not in case.climbs and (case.said.minor_alone or cause <= now):
                before = case.causes.setdefault(why, [])
                if all(one < cause or (case.anew_since and one < case.anew_since) for one in before):
                    moment = max(cause, case.anew_since or cause)
                    self.open(case, why, len(before), min(moment, now), now)
                    before.append(moment)
            for why, climb in case.climbs.items():
                self.climb(case, why, climb, now)

    @staticmethod
    def open(case: Case, why: str, number: int, due_at: datetime, now: datetime) -> None:
        case.climbs[why] = Climb(number, now, due_at, paced=case.bridge is not None)

    def climb(self, case: Case, why: str, climb: Climb, now: datetime) -> None:
        """Each rung counts from when the one before it was due; a bridge in use makes the wait shorter."""
        if case.bridge and not climb.paced and climb.due_at and len(case.bridges) == 1:
            begun = case.bridges[0]
            if climb.opened_at <= begun and climb.due_at > begun:
                climb.due_at = begun + (climb.due_at - begun) / 2
        climb.paced = case.bridge is not None
        while climb.due_at and climb.due_at <= now:
            self.alarms[case.id, why, climb.number, climb.next] = climb.due_at
            climb.next += 1
            wait = RUNGS[climb.next] if climb.next < len(RUNGS) else None
            share = BRIDGED_SHARE if climb.paced else 1
            climb.due_at = climb.due_at + timedelta(minutes=wait) * share if wait is not None else None

    def due_after_amendment(self, case: Case, now: datetime) -> None:
        """A deadline counts from when the request came in; a minor alone rings at once, a follow-on when needed."""
        case.deadline_at = case.needed_from or case.created_at + timedelta(minutes=DEADLINE_MINUTES[case.said.urgency])
        case.alone_since = (case.alone_since or now) if case.said.minor_alone else None


LIVE_STAYS = ("planned", "arrived")
