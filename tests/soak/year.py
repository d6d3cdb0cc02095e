"""Rows 5 and 6 over a whole year: the real services in one process, from due moment to due moment, by a seed.

People ask, offer, answer, go silent; the roster has gaps and figures grow old; messages come late, fail and are
answered; the worker is away for minutes or days, two work at once, one breaks off at any statement or after a commit.
After every tick the journal must hold what the almanac says, and nothing else. The same seed gives the same journal.
"""

import hashlib
import heapq
import json
import logging
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import structlog
from sqlalchemy import event, text, update
from sqlalchemy.engine import make_url
from sqlmodel import col, func, select

from nrm import journal, policy
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.db import SYSTEM, Database, Tx
from nrm.errors import NrmError
from nrm.escalation import queries, rules, service
from nrm.escalation.models import Alarm, Escalation
from nrm.handover import service as handover
from nrm.handover.models import Handover
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome as Ending
from nrm.intake.schemas import RequestIn
from nrm.journal import JournalEntry
from nrm.notify import service as notify
from nrm.notify.channel import DeliveryFailed, NeverDeliverable
from nrm.notify.models import ContactPoint, Message
from nrm.notify.rules import ChannelName
from nrm.placing import service as placing
from nrm.placing import staying
from nrm.placing.models import ProposalSet, Stay
from nrm.registry import service as registry
from nrm.roster import service as roster
from nrm.roster.models import RosterGap, RosterSlot
from nrm.roster.schemas import LineIn
from nrm.settings import Settings
from tests.builders import TurnedClock
from tests.soak.alarms import AlarmWorker
from tests.soak.almanac import NEVER, OTHER, USUAL, WALL, Almanac, Asked, Case, Event, Norms
from tests.soak.ground import Ground
from tests.soak.harness import Outcome, Planted, Row
from tests.soak.scene import propose_in, small_town

CASES, AWAY, HOUSES = 30, 10, 2
REGIONS = ("VR13", "VR17")
HOLDS = {"now": 20, "today": 45, "soon": 240, "planned": 1440}
WAITS = (15, 30, 60, 120, 240, 480, 900)
"""Seconds from a try that failed to the next."""
GONE = timedelta(seconds=61)
"""After a worker broke off: what it had counted is counted again, and by then nothing may be left."""
CLAIMED = timedelta(seconds=121)
"""A message that a worker had in hand when it broke off comes due again."""
MERGED = timedelta(minutes=10)
PASSES_MAX = 40
DAY = 86_400
PAUSES = [timedelta(minutes=minutes) for minutes in (2, 10, 45, 120, 360, 1000, 2880, 7000)]
MEMORY = Path("/dev/shm")  # noqa: S108 - files that no disk has to keep

T = TypeVar("T")
Deed = Callable[[], None]

WATCHED = {
    "escalation.opened": ("trigger",),
    "alarm.fired": ("trigger", "rung", "role", "result"),
    "alarm.ended": ("trigger",),
    "alarm.claimed": (),
    "alarm.claim_lapsed": (),
    "alarm.responsible_silent": (),
    "offer.lapsed": (),
    "handover.made": ("cases",),
    "handover.rang": ("ring",),
}
"""Entries of the journal that the almanac foresees, and what it foresees of them."""


class Broken(BaseException):
    """The process ends here."""


class Shared(Database):
    """A database as one process sees it: breaks off where it is told to, and lets another in between transactions."""

    def __init__(self, url: str, clock: TurnedClock, seed: str) -> None:
        ids = random.Random(seed)  # noqa: S311 - reproducible on purpose
        super().__init__(url, clock=clock, new_id=lambda: f"{ids.getrandbits(100):025x}", pool_size=2)
        self.statements_left: int | None = None
        self.commits_left: int | None = None
        self.before: Callable[[], None] | None = None
        event.listen(self.engine, "before_cursor_execute", self._count)

    @contextmanager
    def transaction(self, actor_id: str = SYSTEM) -> Iterator[Tx]:
        if self.before is not None:
            self.before()
        with super().transaction(actor_id) as tx:
            yield tx
        if self.commits_left is not None:
            self.commits_left -= 1
            if self.commits_left <= 0:
                raise Broken

    def whole(self) -> None:
        """Nothing breaks any more."""
        self.statements_left = self.commits_left = None

    def _count(self, *_: Any) -> None:
        if self.statements_left is not None:
            self.statements_left -= 1
            if self.statements_left <= 0:
                raise Broken


# --- the country ----------------------------------------------------------------------------------------------------


def ladder(norms: Norms) -> policy.Ladder:
    """The norms of the almanac as people write them down."""

    def rungs(steps: tuple[tuple[int, str], ...]) -> list[dict[str, object]]:
        return [{"after_minutes": after, "role": role} for after, role in steps]

    return policy.Ladder.model_validate(
        {
            "deadline_minutes": norms.deadline,
            "near_minutes": {},
            "unproposed_minutes": {},
            "unanswered_minutes": norms.unanswered,
            "lapse_near_minutes": {},
            "feedback_minutes": None,
            "transfer_minutes": None,
            "unconditional_floor": None,
            "capacity_floor": None,
            "silent_offers": None,
            "claim_minutes": norms.claim,
            "responsible_minutes": norms.responsible,
            "lines": [
                {"triggers": ["roster_gap"], "rungs": rungs(norms.gap)},
                {"triggers": ["figures_stale"], "rungs": rungs(norms.stale)},
                {"hours": "after_hours", "rungs": rungs(norms.after_hours)},
                {"rungs": rungs(norms.office)},
            ],
        }
    )


@dataclass(frozen=True)
class Country:
    """Two regions with their people, in a database to copy for each year."""

    copy: Callable[[], str]
    drop: Callable[[str], None]
    people: dict[str, Actor]
    houses: tuple[str, ...]
    line: str


def build(url: str) -> tuple[dict[str, Actor], tuple[str, ...], str]:
    """Make it, the same each time."""
    town = small_town(url)
    town.database.close()
    town.database = Shared(url, town.clock, "country")
    with town.database.transaction() as tx:
        here = "({})".format(", ".join(f"'{region}'" for region in REGIONS))
        for table, column in (("municipality", "region_code"), ("region", "code")):
            tx.session.execute(text(f"DELETE FROM {table} WHERE {column} NOT IN {here}"))  # noqa: S608 - our words
    people = {
        "officer": town.duty_officer(),
        "desk": town.national_desk(),
        "regional": town.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17"),
        "VR17": town.coordinator("VR17"),
        "VR13": town.coordinator("VR13"),
        "provider": town.provider(),
    }
    town.organisation("nac", OrganisationKind.NATIONAL_COORDINATION)
    houses = tuple(town.location(region="VR13", places=(CASES,)) for _ in range(HOUSES))
    with town.database.transaction() as tx:
        policy.write(tx, ladder(USUAL), "of this year")
        line = roster.add_line(tx, people["regional"], LineIn(role="coordinator_regional", region="VR17")).id
        for number, (who, kind) in enumerate(
            (("officer", "sms"), ("officer", "voice"), ("regional", "sms"), ("regional", "voice"))
        ):
            tx.session.add(
                ContactPoint(
                    id=f"point-{number}",
                    account_id=people[who].account_id,
                    kind=kind,
                    address=f"+3160000000{number}",
                    position=number,
                    added_at=tx.now,
                    verified_at=tx.now,
                )
            )
    town.database.close()
    return people, houses, line


@contextmanager
def country(here: Ground) -> Iterator[Country]:
    """A country that is built once for all years of this ground, planted or not, and copied for each."""
    url, built = here.built(build)
    if here.postgresql:

        def alike() -> str:
            made = here.copy(url)
            here.alter(made, f"ALTER DATABASE {make_url(made).database} SET synchronous_commit TO off")
            return made

        yield Country(alike, here.drop, *built)
        return
    numbers = count()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:

        def copied() -> str:
            made = Path(folder) / str(next(numbers)) / "nrm.sqlite3"
            made.parent.mkdir()
            shutil.copyfile(url.removeprefix("sqlite:///"), made)
            return f"sqlite:///{made}"

        yield Country(copied, lambda used: shutil.rmtree(Path(used.removeprefix("sqlite:///")).parent), *built)


# --- the network ----------------------------------------------------------------------------------------------------


@dataclass
class Network:
    """Every channel at once, with its bad days: what it took, what it refused, and what people do with it."""

    year: "Year"
    taken: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    due: dict[str, datetime] = field(default_factory=dict)
    """Message → when it must be tried again, not before and not later."""
    handed: set[str] = field(default_factory=set)
    """Tried since the worker began its tick."""
    twice: set[str] = field(default_factory=set)
    """A worker broke off while it had these: they may come once more, with the same id."""
    down: dict[str, datetime] = field(default_factory=dict)
    """Address → until when nothing gets there."""

    def deliver(self, message: Message) -> str | None:
        year, chance, now = self.year, self.year.chance, self.year.clock.at
        if not year.may_page(message.about):
            year.fault(f"paged about {message.about}, of which nobody may be told now")
        if (due := self.due.pop(message.id, None)) is not None and due > now:
            year.fault(f"a message was tried again before {due}")
        if self.taken[message.id] and message.id not in self.twice:
            year.fault("a message was handed over twice")
        self.twice.discard(message.id)
        self.handed.add(message.id)
        bad = (now - year.begins).days % 27 in {2, 3}
        if chance.random() < (0.3 if bad else 0.004):
            self.down[message.recipient] = now + timedelta(seconds=chance.choice((20, 20, 20, 120, 1200)))
        if self.down.get(message.recipient, now) > now:
            self.failures[message.id] += 1
            if self.failures[message.id] <= len(WAITS):
                self.due[message.id] = now + timedelta(seconds=WAITS[self.failures[message.id] - 1])
            raise DeliveryFailed("down")
        if chance.random() < 0.02:
            self.refused.add(message.id)
            raise NeverDeliverable("no such number")
        if chance.random() < 0.05:
            year.clock.turn(seconds=chance.randint(1, 9))
        self.taken[message.id] += 1
        if chance.random() < 0.3:
            year.later(chance.randint(1, 3000), partial(year.receipt, message.id, chance.random() < 0.9))
        if message.account_id and message.about.startswith("card:") and chance.random() < 0.25:
            year.later(chance.randint(20, 900), partial(year.answer, message.id, message.channel, message.recipient))
        return f"ref-{message.id[:8]}"

    def broke(self) -> None:
        """The worker ended in the middle of it: what it had in hand comes due again later, done or not."""
        self.twice |= {one for one in self.handed if self.taken[one]}
        for one in self.handed:
            self.due.pop(one, None)


class YearWorker(AlarmWorker):
    """The worker of row 5, without its heartbeat: that it is seen to live is row 7."""

    def _beat(self, _survived: Any) -> None:
        pass


# --- the year -------------------------------------------------------------------------------------------------------


@dataclass
class Year:
    """One year of one seed."""

    made: Country
    seed: int
    faults: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    expected: Counter[Event] = field(default_factory=Counter)
    refusal: str = ""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - reproducible on purpose
        first = 2027 + self.seed % 14
        self.begins = datetime(first, 3, 15, 11, tzinfo=UTC)
        self.ends = self.begins.replace(year=first + 1)
        self.clock = TurnedClock(self.begins)
        self.url = self.made.copy()
        self.front = Shared(self.url, self.clock, f"front {self.seed}")
        self.databases = [Shared(self.url, self.clock, f"worker {number} {self.seed}") for number in range(2)]
        self.network = Network(self)
        self.workers = [self._worker(one) for one in self.databases]
        self.almanac = Almanac(self.begins, REGIONS, "VR17")
        self.queue: list[tuple[datetime, int, Deed]] = []
        self.numbers = count()
        self.away_until = self.begins
        self.slots: dict[str, str] = {}
        """Card of a gap as the application names it → as the almanac does."""
        self.heard: set[str] = set()
        with self.front.reading() as tx:
            self.seq = self.first_seq = journal.last_seq(tx.session)

    def close(self) -> None:
        for one in (self.front, *self.databases):
            one.close()
        self.made.drop(self.url)

    def fault(self, words: str) -> None:
        self.faults.append(f"{self.clock.at:%Y-%m-%d %H:%M:%S} {words}")

    def later(self, seconds: float, deed: Deed) -> None:
        self._at(self.clock.at + timedelta(seconds=int(seconds)), deed)

    def _at(self, at: datetime, deed: Deed) -> None:
        heapq.heappush(self.queue, (at, next(self.numbers), deed))

    def _worker(self, database: Database) -> YearWorker:
        return YearWorker(database, Settings(), dict.fromkeys(ChannelName, self.network))

    # --- going on ---------------------------------------------------------------------------------------------------

    def play(self, days: int | None = None) -> Iterator[str]:
        """The whole year, or its first days; what goes wrong, as it does."""
        if not self.queue:
            self._plan()
            self._tick()
        until = self.ends if days is None else self.begins + timedelta(days=days)
        while self.clock.at < until:
            self._on()
            yield from self.faults
            self.faults.clear()
        if days is None:
            yield from self.in_the_end()

    def digest(self) -> str:
        """One number for all that happened."""
        found = hashlib.sha256()
        with self.front.reading() as tx:
            for one in tx.session.exec(
                select(JournalEntry).where(col(JournalEntry.seq) > self.first_seq).order_by(col(JournalEntry.seq))
            ):
                said = (one.at.isoformat(), one.kind, one.topics, one.subject, one.actor, one.data)
                found.update("\0".join(said).encode())
        return found.hexdigest()

    def _on(self) -> None:
        """To the next moment at which something is due or somebody does something."""
        now = self.clock.at
        due = min(self.almanac.next_due(now), min(self.network.due.values(), default=NEVER))
        due = max(due, self.away_until, now)
        if self.queue and self.queue[0][0] <= min(due, self.ends):
            at, _, deed = heapq.heappop(self.queue)
            self.clock.at = max(now, at)
            deed()
            if self.clock.at < self.away_until or self.chance.random() < 0.9:
                return  # else the worker looks although nothing is due
        else:
            self.clock.at = min(due, self.ends) + timedelta(seconds=self.chance.choice((0, 0, 1)))
        self._tick()

    def _tick(self) -> None:
        """Somebody works, or two do, or one breaks off and another takes its place."""
        chance, first = self.chance, self.databases[0]
        self.network.handed.clear()
        fate = chance.random()
        if fate < 0.035:
            first.statements_left = chance.randint(1, 150)
        elif fate < 0.05:
            first.commits_left = chance.randint(1, 6)
        elif fate < 0.13:
            self._let_in_between(first, chance.randint(1, 4))
        try:
            self._work(0)
        except Broken:
            first.whole()
            self.done["broken"] += 1
            self.network.broke()
            self.workers[0] = self._worker(first)
            self._work(1)
            self.clock.at += GONE
            self.later((CLAIMED - GONE).total_seconds(), self._look)
            self._work(0)
        first.whole()
        first.before = None
        self._finish()

    def _look(self) -> None:
        """Somebody works and nothing happens to them."""
        if self.clock.at < self.away_until:
            self._at(self.away_until, self._look)
            return
        self._work(0)
        self._finish()

    def _work(self, number: int) -> None:
        self.expected += self.almanac.tick(self.clock.at)
        if not self.workers[number].tick():
            self.fault("a step failed")

    def _let_in_between(self, database: Shared, after: int) -> None:
        """Right before the so-manieth transaction of one worker, the other does everything."""
        left = after

        def other() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self.done["two at once"] += 1
                self._work(1)

        database.before = other

    def _finish(self) -> None:
        """Look again while messages wait, then hold the journal against the almanac."""
        passes = 0
        while self._messages_due() and passes < PASSES_MAX:
            passes += 1
            self._work(0)
        if passes == PASSES_MAX:
            self.fault("messages that are due are not tried")
        for one in [one for one, at in self.network.due.items() if at <= self.clock.at]:
            del self.network.due[one]  # it was stopped meanwhile: nothing is left that is due
        self.done["ticks"] += 1
        expected, self.expected = self.expected, Counter()
        found = Counter(self._journal())
        for one in (expected - found).elements():
            self.fault(f"not in the journal: {' '.join(map(str, one))}")
        for one in (found - expected).elements():
            self.fault(f"in the journal too: {' '.join(map(str, one))}")
        for entry in expected.elements():
            if entry[0] == "alarm.fired" and entry[5] is None:
                self._somebody_reacts(str(entry[1]))
            if entry[0] == "handover.made" and entry[2] and self.chance.random() < 0.9:
                self.later(self.chance.choice((600, 1200, 5000)), partial(self.take_over, str(entry[1])))

    def _messages_due(self) -> int:
        with self.front.reading() as tx:
            return tx.session.scalar(select(func.count()).where(col(Message.due_at) <= tx.now)) or 0

    def _journal(self) -> Iterator[Event]:
        with self.front.reading() as tx:
            entries = journal.after(tx.session, self.seq, 100_000)
            for entry in entries:
                if entry.kind not in WATCHED or entry.actor != SYSTEM:
                    continue
                data = json.loads(entry.data)
                said = [data[name] for name in WATCHED[entry.kind]]
                if entry.kind == "alarm.fired":
                    said.append(entry.at - timedelta(seconds=data["late_seconds"]))
                about = data["region"] if entry.kind.startswith("handover.") else self._card(tx, entry.subject)
                yield (entry.kind, about, *said)
            if entries:
                self.seq = entries[-1].seq

    def _card(self, tx: Tx, card: str) -> str:
        """A card as the almanac names it: a gap by when it begins."""
        word, _, rest = card.partition(":")
        if word in {"slot", "slot_begun"} and card not in self.slots:
            known = _gap_card(tx.session.get_one(RosterGap, rest).from_at)
            self.slots[card] = known if word == "slot" else known.replace("gap:", "begun:")
        return self.slots.get(card, card)

    def may_page(self, about: str) -> bool:
        """Whether anybody may be told now of what a message is about."""
        word, _, rest = about.partition(":")
        if word == "card":
            with self.front.reading() as tx:
                return self.almanac.rings(self._card(tx, rest), self.clock.at)
        return word != "offer" or self.almanac.offers[rest].live

    # --- people -----------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Who will ask when, and everything else that does not follow from what happens."""
        chance = self.chance
        length = int((self.ends - self.begins).total_seconds())
        for _ in range(CASES):
            self.later(chance.randrange(length), self.ask)
        for night in _nights(self.begins):
            self._at(night + timedelta(minutes=chance.randrange(100)), partial(self.ask, "today", patient=True))
            self._at(night + timedelta(minutes=chance.randrange(75, 115)), partial(self.ask, "now", patient=True))
        self.later(chance.randrange(10 * DAY), partial(self.go_away, timedelta(hours=30)))
        for _ in range(AWAY):
            self.later(chance.randrange(length), partial(self.go_away, chance.choice(PAUSES)))
        for days, norms in ((9, OTHER), (120, USUAL), (250, OTHER)):
            self.later(chance.randrange(days * DAY, (days + 3) * DAY), partial(self.change_rules, norms))
        for _ in range(2):  # asked under one version, and still waiting under the next
            self.later(chance.randrange(8 * DAY, 9 * DAY), partial(self.ask, "planned", patient=True))
        for house in self.made.houses:
            self.almanac.house_region[f"location:{house}"] = "VR13"
            self.confirm(house)
        self._plan_roster()

    def _plan_roster(self) -> None:
        """A week each, until past the end; some weeks nobody stands, and some of those somebody steps in."""
        weeks = [self.begins - timedelta(days=1) + timedelta(days=7 * number) for number in range(60)]
        first = sorted(self.chance.sample(range(4, 48, 4), 5))
        empty = {number + more for number in first for more in range(self.chance.choice((1, 1, 2)))}
        taken = [begins for number, begins in enumerate(weeks) if number not in empty]
        with self.front.transaction() as tx:
            for begins in taken:
                ends = begins + timedelta(days=7)
                self.almanac.slots.append((begins, ends))
                tx.session.add(
                    RosterSlot(
                        id=tx.new_id(),
                        line_id=self.made.line,
                        account_id=self.made.people["regional"].account_id,
                        starts_at=begins,
                        ends_at=ends,
                        source="planned",
                    )
                )
        for number in first:
            begins, ends = weeks[number], weeks[number + 1 + (number + 1 in empty)]
            self.almanac.gaps[_gap_card(begins)] = begins, ends
            if self.chance.random() < 0.7:
                moment = begins + timedelta(seconds=self.chance.randint(-75, 100) * 3600)
                self._at(moment, partial(self.step_in, begins, ends))

    def _do(self, who: str, act: Callable[[Tx, Actor], T], card: str = "") -> T | None:
        """What somebody does at a screen. None when it was refused, or when the server broke off before its commit.

        One that breaks off after it, before the answer, has done it.
        """
        actor, chance, front = self.made.people[who], self.chance, self.front
        fate = chance.random()
        if fate < 0.02:
            front.statements_left = chance.randint(1, 30)
        elif fate < 0.04:
            front.commits_left = 1
        self.refusal, result = "", None
        try:
            with front.transaction(actor.account_id) as tx:
                result = act(tx, actor)
        except Broken:
            self.done["broken"] += 1
            if front.commits_left is None:
                self.refusal, result = "broken", None
        except NrmError as error:
            self.refusal, result = error.code, None
            self.done["refused"] += 1
        front.whole()
        if result is not None and card:
            self.almanac.acted[card, actor.account_id] = self.clock.at
        return result

    def ask(self, urgency: str | None = None, patient: bool = False) -> None:
        """Somebody needs a place; most get one, some are helped otherwise, some (the patient) wait for long."""
        chance = self.chance
        region = chance.choice(REGIONS)
        urgency = urgency or chance.choice(("now", "now", "today", "today", "soon", "planned"))
        age = 16 if chance.random() < 0.08 and not patient else 24

        def submit(tx: Tx, actor: Actor) -> str:
            said = {"region": region, "urgency": urgency, "persons": [{"sex": "f", "age": age}]}
            return intake.submit(tx, actor, RequestIn.model_validate(said)).id

        asked = self._do(region, submit)
        if asked is None:
            return
        self.done["asked"] += 1
        card = f"request:{asked}"
        case = Case(card, region, urgency, self.clock.at, self.almanac.norms, alone=age < 18)
        self.almanac.cases[card] = case
        within = (case.deadline_at - self.clock.at).total_seconds()
        if not (case.alone or patient):
            for part in sorted(chance.random() * 2 for _ in range(chance.choice((0, 1, 1, 2)))):
                self.later(within * part, partial(self.send, case))
        end = chance.choice((1.5, 2, 3) if patient else (0.3, 0.8, 1.1, 1.5, 3))
        self.later(within * end + 60, partial(self.end, case))

    def send(self, case: Case) -> None:
        """A house is asked; it says yes, or nothing, or is let go."""
        house = self.chance.choice(self.made.houses)

        def offer(tx: Tx, actor: Actor) -> str:
            request_id = case.card.removeprefix("request:")
            standing = (ProposalSet.request_id == request_id, col(ProposalSet.replaced_at).is_(None))
            tx.affected(update(ProposalSet).where(*standing).values(replaced_at=tx.now))
            [proposal] = propose_in(tx, request_id, f"{house}-u1")
            return placing.send_offer(tx, actor, request_id, proposal, phoned=True).id

        sent = self._do(case.region, offer, case.card)
        if sent is None:
            return
        self.done["offers"] += 1
        hold = HOLDS[case.urgency]
        self.almanac.offers[sent] = Asked(case, self.clock.at, self.clock.at + timedelta(minutes=hold))
        fate = self.chance.random()
        if fate < 0.4:
            self.later(hold * 60 * self.chance.random(), partial(self.say_yes, sent))
        elif fate < 0.6:
            self.later(hold * 60 * self.chance.random(), partial(self.let_go, sent))

    def say_yes(self, offer: str) -> None:
        asked = self.almanac.offers[offer]
        stay = self._do("provider", lambda tx, actor: placing.accept(tx, actor, offer))
        if stay is None:
            if asked.live and self.refusal != "broken":
                self.fault(f"an offer that lives could not be accepted: {self.refusal}")
            return
        self.done["accepted"] += 1
        for one in self.almanac.offers.values():
            one.live = one.live and one.case is not asked.case
        asked.case.waits = False
        self.later(self.chance.randint(3600, 200_000), partial(self.arrive, asked.case, stay.id))

    def let_go(self, offer: str) -> None:
        asked = self.almanac.offers[offer]

        def withdraw(tx: Tx, actor: Actor) -> bool:
            placing.withdraw_offer(tx, actor, offer)
            return True

        if self._do(asked.case.region, withdraw, asked.case.card):
            asked.live = False

    def arrive(self, case: Case, stay_id: str) -> None:
        def confirm(tx: Tx, actor: Actor) -> bool:
            staying.confirm_arrival(tx, actor, stay_id, tx.session.get_one(Stay, stay_id).version)
            return True

        if self._do("provider", confirm):
            case.placed = True

    def end(self, case: Case) -> None:
        """Whoever still waits finds something else, sooner or later."""
        if not case.waits:
            return
        request_id = case.card.removeprefix("request:")

        def close(tx: Tx, actor: Actor) -> bool:
            version = tx.session.get_one(PlacementRequest, request_id).version
            intake.close(tx, actor, request_id, Ending.OWN_SOLUTION, version)
            return True

        if self._do(case.region, close, case.card):
            case.waits = case.open = False
        else:
            self.later(self.chance.randint(600, 7200), partial(self.end, case))

    def confirm(self, house: str) -> None:
        """A provider looks at a figure, often too late."""

        def confirm(tx: Tx, actor: Actor) -> bool:
            registry.confirm_unchanged(tx, actor, house)
            return True

        if self._do("provider", confirm):
            self.almanac.confirmed[f"location:{house}"] = self.clock.at
        self.later(
            self.chance.choice((30, 30, 44, 90, 400)) * 3600 * self.chance.random() + 1, partial(self.confirm, house)
        )

    def step_in(self, begins: datetime, ends: datetime) -> None:
        """Somebody stands where nobody was planned."""

        def fill(tx: Tx, actor: Actor) -> bool:
            gap = tx.session.exec(
                select(RosterGap).where(col(RosterGap.from_at) == begins, col(RosterGap.closed_at).is_(None))
            ).one()
            roster.fill_gap(tx, actor, gap.id)
            return True

        if self._do("regional", fill):
            self.almanac.filled.add(_gap_card(begins))
            self.almanac.slots.append((max(begins, self.clock.at), ends))

    def change_rules(self, norms: Norms) -> None:
        """Other norms from now on; what was asked before keeps its own."""

        def write(tx: Tx, _actor: Actor) -> bool:
            policy.write(tx, ladder(norms), "another version")
            return True

        if self._do("desk", write):
            self.almanac.norms = norms

    def go_away(self, pause: timedelta) -> None:
        """Nobody works for so long; people go on."""
        self.away_until = max(self.away_until, self.clock.at + pause)
        self.later(60, partial(self.ask, "now", patient=True))

    def take_over(self, region: str) -> None:
        who = "regional" if region == "VR17" else region

        def take(tx: Tx, actor: Actor) -> tuple[str, date]:
            found = tx.session.exec(
                select(Handover).where(Handover.region_code == region).order_by(col(Handover.morning).desc()).limit(1)
            ).one()
            handover.acknowledge(tx, actor, found.id)
            return region, found.morning

        if (morning := self._do(who, take)) is not None:
            self.almanac.mornings[morning].again_at = None

    # --- alarms -----------------------------------------------------------------------------------------------------

    def _somebody_reacts(self, card: str) -> None:
        fate, delay = self.chance.random(), self.chance.randint(5, 1500)
        who = [*self._who(card)]
        self.chance.shuffle(who)
        if fate < 0.28:
            self.later(delay, partial(self.take, card, who[0]))
        elif fate < 0.42:
            self.later(delay, partial(self.take, card, who[0]))
            self.later(delay, partial(self.take, card, who[1]))
        elif fate < 0.48:
            self.later(delay, partial(self.name, card, who[0], who[1]))

    def _who(self, card: str) -> tuple[str, ...]:
        case = self.almanac.cases.get(card)
        here = card.startswith(("gap:", "begun:")) or (case is not None and case.region == "VR17")
        return ("officer", "desk", "regional") if here else ("officer", "desk")

    def _live(self, tx: Tx, card: str) -> str | None:
        subject = next((name for name, known in self.slots.items() if known == card), card)
        request_id = card.removeprefix("request:") if card.startswith("request:") else None
        of_card = Escalation.request_id == request_id if request_id else Escalation.subject == subject
        query = select(Escalation.id).where(of_card, col(Escalation.ended_at).is_(None)).order_by(Escalation.id)
        return tx.session.exec(query.limit(1)).first()

    def _on_alarm(self, card: str, who: str, act: Callable[[Tx, Actor, str], None], allowed: bool) -> bool:
        """Somebody does something with an alarm, and it must go as the almanac says."""
        if not self.almanac.of(card):
            return False

        def deed(tx: Tx, actor: Actor) -> bool:
            found = self._live(tx, card)
            if found is None:
                raise AssertionError(f"nothing rings of {card}")
            act(tx, actor, found)
            return True

        done = self._do(who, deed, card)
        if done and not allowed:
            self.fault(f"{who} could take {card}, which somebody else has")
        if not done and allowed and self.refusal != "broken":
            self.fault(f"{who} could not take {card}: {self.refusal}")
        return bool(done)

    def take(self, card: str, who: str) -> None:
        account = self.made.people[who].account_id
        if self._on_alarm(card, who, service.claim, not self.almanac.held_by_other(card, account)):
            self.done["claims"] += 1
            self.almanac.claim(card, account, self.clock.at)
            if self.chance.random() < 0.2:
                self.later(self.chance.randint(60, 1200), partial(self.give_back, card, who))

    def give_back(self, card: str, who: str) -> None:
        account = self.made.people[who].account_id
        mine = any(one.claim_until is not None and one.holder == account for one in self.almanac.of(card))
        if mine and self._on_alarm(card, who, service.release, allowed=True):
            self.almanac.release(card, self.clock.at)

    def name(self, card: str, who: str, responsible: str) -> None:
        account = self.made.people[who].account_id
        named = self.made.people[responsible].account_id
        taken = any(one.claim_until is not None and one.holder != account for one in self.almanac.of(card))

        def act(tx: Tx, actor: Actor, found: str) -> None:
            service.name_responsible(tx, actor, found, named)

        if self._on_alarm(card, who, act, not taken):
            self.done["named"] += 1
            self.almanac.name(card, named, self.clock.at)
            if self.chance.random() < 0.5:
                self.later(self.chance.randint(60, 9000), partial(self.hand_on, card, responsible))

    def hand_on(self, card: str, who: str) -> None:
        """Whoever sees to it names themselves once more: a sign of life."""
        self.name(card, who, who)

    def receipt(self, message_id: str, arrived: bool) -> None:
        """The provider says what became of a message, late."""
        with self.front.transaction() as tx:
            notify.receipt(tx, message_id, arrived)

    def answer(self, message_id: str, channel: str, number: str) -> None:
        """Somebody presses a key, or sends a text back; twice where nobody heard the first."""
        with self.front.transaction() as tx:
            for _ in range(self.chance.choice((1, 1, 2))):
                if channel == ChannelName.SMS:
                    notify.replied(tx, channel, number, "ja")
                else:
                    notify.answered(tx, message_id, channel)
        with self.front.reading() as tx:
            for one in tx.session.exec(select(Message).where(col(Message.acknowledged_at) == self.clock.at)):
                if one.id not in self.heard and one.account_id is not None:
                    self.heard.add(one.id)
                    card = self._card(tx, one.about.removeprefix("card:"))
                    self.almanac.answers.append((self.clock.at, one.id, card, one.account_id))
                    self.done["answers"] += 1

    # --- in the end -------------------------------------------------------------------------------------------------

    def in_the_end(self) -> Iterator[str]:
        """What every rung and message came to, after somebody has worked once more."""
        self.away_until = self.clock.at
        self._look()
        yield from self.faults
        with self.front.reading() as tx:
            alarms = list(tx.session.exec(select(Alarm)))
            cards = {one.id: queries.card_of(one) for one in tx.session.exec(select(Escalation))}
            told: dict[str, list[datetime]] = {}
            for message in tx.session.exec(select(Message)):
                told.setdefault(message.about, []).append(message.queued_at)
                yield from self._message_faults(message)
        for alarm in alarms:
            times = told.get(f"card:{cards[alarm.escalation_id]}", [])
            lately = any(alarm.fired_at - MERGED < at <= alarm.fired_at for at in times)
            if bool(alarm.reached) != (alarm.result not in {"skipped", "withheld"}) or (alarm.reached and not lately):
                yield f"rung {alarm.rung} reached {alarm.reached}, told of it: {lately}"
        if len(alarms) != self.almanac.rungs:
            yield f"{len(alarms)} alarms, {self.almanac.rungs} rungs came due"
        self.done["rungs"], self.done["messages"] = len(alarms), sum(map(len, told.values()))

    def _message_faults(self, message: Message) -> Iterator[str]:
        network = self.network
        taken, tries = network.taken[message.id], network.failures[message.id]
        if message.due_at is not None and message.due_at <= self.clock.at:
            yield f"a message about {message.about} still waits since {message.due_at}"
        if message.sent_at is not None and not taken:
            yield f"a message about {message.about} counts as sent and was never handed over"
        if message.failed_at is not None and message.sent_at is None:
            # A try counts when it begins: also one that a worker broke off before anything left.
            enough = len(WAITS) < message.tries <= tries + self.done["broken"]
            given_up = message.id in network.refused or enough
            if taken or not given_up:
                yield f"a message about {message.about} was given up after {tries} tries"
        ended = (message.sent_at, message.failed_at, message.cancelled_at, message.due_at)
        if not any(ended):
            yield f"a message about {message.about} is nowhere"


def _gap_card(begins: datetime) -> str:
    return f"gap:{begins:%Y-%m-%d}"


def _nights(begins: datetime) -> Iterator[datetime]:
    """Midnight before each change of the clock in this year, and before new year."""
    for day in (begins.date() + timedelta(days=number) for number in range(365)):
        midnight, next_one = (datetime.combine(day + timedelta(days=more), time(), WALL) for more in (0, 1))
        if next_one.utcoffset() != midnight.utcoffset() or (day.month, day.day) == (12, 25):
            yield midnight.astimezone(UTC)


@contextmanager
def year_of(made: Country, seed: int) -> Iterator[Year]:
    year = Year(made, seed)
    try:
        yield year
    finally:
        year.close()


def run(here: Ground, number: int, seed: int) -> Outcome:
    """So many months, a year of each seed; on PostgreSQL a third of it, where a tick takes longer and is the same."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    months = max(2, number // 3) if here.postgresql else number
    outcome, done, digest = Outcome(months), Counter[str](), ""
    with country(here) as made:
        for each, begin in enumerate(range(0, months, YEAR_MONTHS), start=seed):
            left = months - begin
            with year_of(made, each) as year:
                faults = list(year.play(MONTH_DAYS))
                digest = digest or year.digest()
                faults += year.play(None if left >= YEAR_MONTHS else left * MONTH_DAYS)
                faults += year.in_the_end() if left < YEAR_MONTHS else ()
            outcome.failures += [f"seed {each}: {fault}" for fault in faults]
            done += year.done
        if not here.postgresql:
            with year_of(made, seed) as again:
                list(again.play(MONTH_DAYS))
                if again.digest() != digest:
                    outcome.failures.append(f"seed {seed}: its first month gave another journal the second time")
    outcome.notes = [f"{word.replace(' ', '_')}={done[word]}" for word in SHOWN] + [f"hash={digest[:12]}"]
    return outcome


YEAR_MONTHS, MONTH_DAYS = 12, 30
SHOWN = ("rungs", "messages", "asked", "offers", "claims", "broken", "two at once", "ticks")


# --- planted --------------------------------------------------------------------------------------------------------


def missed_tick() -> Any:
    """A rung whose moment passed while nobody worked never fires."""
    right = service._due

    def due(database: Database) -> list[str]:
        with database.reading() as tx:
            late = set(
                tx.session.exec(
                    select(Escalation.id).where(col(Escalation.rung_due_at) < tx.now - timedelta(minutes=1))
                )
            )
        return [one for one in right(database) if one not in late]

    return patch.object(service, "_due", due)


def double_claim() -> Any:
    """Whoever presses last has it."""
    right = service.claim

    def claim(tx: Tx, actor: Actor, escalation_id: str, over: str = "screen") -> None:
        of_card = select(Escalation.id).where(Escalation.id == escalation_id).scalar_subquery()
        tx.affected(update(Escalation).where(col(Escalation.id) == of_card).values(claimed_by=actor.account_id))
        right(tx, actor, escalation_id, over)

    return patch.object(service, "claim", claim)


def local_sum() -> Any:
    """A deadline is so many hours on by the clock on the wall."""
    right = intake.submit

    def submit(tx: Tx, actor: Actor, shape: RequestIn) -> PlacementRequest:
        found = right(tx, actor, shape)
        wall = found.created_at.astimezone(WALL) + (found.deadline_at - found.created_at)
        found.deadline_at = wall.astimezone(UTC)
        tx.session.add(found)
        tx.session.flush()
        return found

    return patch.object(intake, "submit", submit)


def newest_rules() -> Any:
    """A case climbs whatever ladder is in force."""
    return patch.object(policy, "at_version", lambda tx, body, _version: policy.current(tx, body)[1])


def paged_after() -> Any:
    """Whoever answered, what was not sent yet still goes."""
    always = patch.object(queries, "still_rings", lambda *_: True)

    @contextmanager
    def both() -> Iterator[None]:
        with always, patch.object(notify, "cancel", lambda *_: 0):
            yield

    return both()


def claim_stays() -> Any:
    """Whoever took an alarm has it for ever."""
    return patch.object(service, "_silent", lambda _database: [])


def next_from_firing() -> Any:
    """The next rung counts from when this one fired."""
    step = rules.step
    right = service._fire

    def fire(tx: Tx, escalation_id: str) -> bool:
        with patch.object(rules, "step", lambda line, number, _due, *pace: step(line, number, tx.now, *pace)):
            return right(tx, escalation_id)

    return patch.object(service, "_fire", fire)


PLANTS = (missed_tick, double_claim, local_sum, newest_rules, paged_after, claim_stays, next_from_firing)


def _finds(bug: Callable[[], Any], here: Ground, seed: int) -> bool:
    """Whether the almanac notices it: within the first years, and by a fault of the year, not by breaking itself."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with country(here) as made, bug(), year_of(made, seed) as year:
        return next(year.play(), None) is not None


ENGINES = ("sqlite", "postgresql")
"""Where a bug is planted: the almanac is the same on both, so PostgreSQL gets the one that shows soonest."""

YEAR = Row(
    "year",
    "months of nights, from due moment to due moment",
    3,
    run,
    tuple(
        Planted((bug.__doc__ or "").rstrip("."), partial(_finds, bug), ENGINES if bug is double_claim else ENGINES[:1])
        for bug in PLANTS
    ),
)
