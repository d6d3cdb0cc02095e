"""What a night was like, read from the journal of the exercise: who did what, what rang, what waited, what was late.

Nothing is kept for it while the exercise runs. The tables are asked only for names and for the policy a case had.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from sqlmodel import col, select

from nrm import journal, policy
from nrm.access.models import Account, Organisation
from nrm.db import SYSTEM, Tx
from nrm.exercise import queries
from nrm.intake.models import PlacementRequest
from nrm.registry.models import Location, Unit

BATCH = 1000
UNSEEN_FROM = timedelta(minutes=10)
"""From so long on a stretch in which nobody did anything for somebody who waits is told."""
LATE_FROM = timedelta(minutes=1)
"""From so late on a rung counts as late: what row 5 of docs/trust.md allows."""

SCRIPTED = frozenset({"exercise.acted", "exercise.step_played"})
"""The last entry of a transaction in which the script spoke for somebody."""

TOLD = frozenset(
    {
        *("request.submitted", "group.submitted", "request.closed", "request.taken_over", "pre_alert.announced"),
        *("offer.sent", "offer.answered", "offer.declined", "offer.accepted", "offer.lapsed", "offer.withdrawn"),
        *("offer.extended", "offer.crisis", "stay.arrived", "stay.not_arrived", "stay.departed"),
        *("alarm.fired", "alarm.claimed", "alarm.claim_lapsed", "alarm.unanswered", "alarm.responsible_named"),
        *("shift.started", "shift.ended", "youth.asked", "youth.taken", "youth.refused"),
        *("location.confirmed", "location.paused", "location.resumed", "place.closed", "call.noted"),
        *("bridge.recorded", "bridge.ended", "night_list.made", "raised.asked", "raised.answered"),
        *("exercise.started", "exercise.ended", "exercise.step_played", "exercise.put_in", "exercise.outage_over"),
    }
)
"""What the course of the night tells; the rest of the journal is for machines."""


@dataclass(frozen=True)
class Told:
    """One line of the course of the night. `by_script`: nobody played whoever did it."""

    id: int
    at: datetime
    kind: str
    code: str
    """Of the request or location it is about; empty where it is about neither."""
    who: str | None
    """None: the clock."""
    by_script: bool
    data: dict[str, Any]


@dataclass
class Asked:
    """How one request fared."""

    id: str
    code: str
    region: str
    urgency: str
    persons: int
    asked_at: datetime
    deadline_at: datetime
    first_asked_at: datetime | None = None
    first_answer_at: datetime | None = None
    placed_at: datetime | None = None
    arrived_at: datetime | None = None
    ended_at: datetime | None = None
    ended: str | None = None
    offers: int = 0
    declined: int = 0
    lapsed: int = 0
    touched: list[datetime] = field(default_factory=list)
    """When a person did something for it."""

    @property
    def over_at(self) -> datetime | None:
        """When nobody had to wait for it any more."""
        return self.placed_at or self.ended_at


@dataclass(frozen=True)
class Rang:
    """One rung that rang, and what became of it."""

    id: str
    at: datetime
    trigger: str
    code: str
    role: str
    reached: int
    late: timedelta
    answered_at: datetime | None
    answered_by: str | None
    over_at: datetime | None
    """When its cause was over before anybody took it."""

    @property
    def waited(self) -> timedelta | None:
        return self.answered_at - self.at if self.answered_at else None


@dataclass(frozen=True)
class House:
    """How one organisation answered what it was asked."""

    id: str
    name: str
    asked: int
    yes: int
    no: int
    silent: int
    median_minutes: int | None


@dataclass(frozen=True)
class Unseen:
    """A stretch in which somebody waited and no person did anything for them."""

    id: str
    code: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Late:
    """Something that was later than policy says: `what` is deadline, hold or answer."""

    id: str
    what: str
    code: str
    due_at: datetime
    happened_at: datetime | None


@dataclass(frozen=True)
class Outage:
    """A stretch in which the worker stood still, and what that cost."""

    id: str
    since: datetime
    until: datetime
    asked: int
    """Requests that came in meanwhile."""
    first_proposals: timedelta | None
    """How long the first of them waited until anything was proposed."""
    rang_late: int
    latest: timedelta
    """By how much the latest rung was late."""


@dataclass(frozen=True)
class Report:
    """The whole of it. `until` is the end, or how late it is while the exercise runs."""

    seed: int
    started_at: datetime | None
    until: datetime
    ended: bool
    requests: list[Asked]
    alarms: list[Rang]
    houses: list[House]
    unseen: list[Unseen]
    late: list[Late]
    outages: list[Outage]
    kept: dict[str, int]
    """Messages that would have gone out, per channel."""
    by_people: int
    by_script: int
    told: list[Told]

    @property
    def persons(self) -> int:
        return sum(one.persons for one in self.requests)

    @property
    def placed(self) -> int:
        return sum(one.persons for one in self.requests if one.placed_at)


def report(tx: Tx) -> Report:
    """What happened from the start of the exercise on, up to now. Raises NotFound where people work in earnest."""
    found = queries.exercise(tx)
    night = _Night(tx)
    for entry in _entries(tx):
        night.read(entry)
    until = found.ended_at or tx.now
    return Report(
        seed=found.seed,
        started_at=found.started_at,
        until=until,
        ended=found.ended_at is not None,
        requests=list(night.requests.values()),
        alarms=night.rang(),
        houses=night.houses(),
        unseen=sorted(night.unseen(until), key=lambda one: one.since - one.until),
        late=sorted(night.late(until), key=lambda one: (one.due_at, one.id)),
        outages=night.outages(until),
        kept=dict(sorted(night.kept.items())),
        by_people=sum(not one.by_script for one in night.deeds()),
        by_script=sum(one.by_script for one in night.deeds()),
        told=night.told,
    )


def _entries(tx: Tx) -> Iterator[journal.JournalEntry]:
    """The journal from the start of the exercise on; nothing before there was one."""
    first = tx.session.exec(
        select(journal.JournalEntry.seq).where(journal.JournalEntry.kind == "exercise.started").limit(1)
    ).first()
    seq = None if first is None else first - 1
    while seq is not None and (batch := journal.after(tx.session, seq, BATCH)):
        yield from batch
        seq = batch[-1].seq


class _Night:
    """What the entries add up to, read once and in order."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._names = dict(tx.session.exec(select(Account.id, Account.name)).all())
        self._codes = {f"location:{id}": code for id, code in tx.session.exec(select(Location.id, Location.code)).all()}
        houses = tx.session.exec(
            select(Unit.id, Organisation.id, Organisation.name)
            .join(Location, col(Location.id) == Unit.location_id)
            .join(Organisation, col(Organisation.id) == Location.organisation_id)
        ).all()
        self._house_of = {unit: (body, name) for unit, body, name in houses}
        self._ladders: dict[int, policy.Ladder] = {}
        self.requests: dict[str, Asked] = {}
        self.told: list[Told] = []
        self.kept: Counter[str] = Counter()
        self._pending: list[int] = []
        """Places in `told` that the next mark of the script may be about."""
        self._last: tuple[str, datetime] | None = None
        self._fired: list[tuple[journal.JournalEntry, dict[str, Any]]] = []
        self._claims: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._ends: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        self._unanswered: dict[str, datetime] = {}
        self._sent: dict[str, tuple[str, datetime, str]] = {}
        """Offer → house, moment, request."""
        self._answers: dict[str, tuple[str, datetime]] = {}
        self._proposed: list[datetime] = []
        self._outages: list[tuple[int, datetime]] = []
        self._over: dict[int, datetime] = {}

    def read(self, entry: journal.JournalEntry) -> None:
        data: dict[str, Any] = json.loads(entry.data)
        self._mark(entry)
        request = self.requests.get(entry.subject)
        if entry.kind == "request.submitted":
            request = self._asked(entry, data)
        if request is not None and entry.actor != SYSTEM:
            request.touched.append(entry.at)
        if request is not None:
            self._of_request(request, entry, data)
        match entry.kind:
            case "message.handed_over":
                self.kept[data["channel"]] += 1
            case "proposals.made":
                self._proposed.append(entry.at)
            case "alarm.fired":
                self._fired.append((entry, data))
            case "alarm.claimed":
                self._claims[entry.subject].append((entry.at, entry.actor))
            case "alarm.ended":
                self._ends[entry.subject, data["trigger"]].append(entry.at)
            case "alarm.unanswered":
                self._unanswered[data["alarm"]] = entry.at
            case "exercise.step_played" if data["step_kind"] == "outage":
                self._outages.append((data["step"], entry.at))
            case "exercise.outage_over":
                self._over[data["step"]] = entry.at

    def _mark(self, entry: journal.JournalEntry) -> None:
        """Note a line, and whether the script spoke: its mark is the last entry of its transaction."""
        if self._last != (entry.actor, entry.at):
            self._pending = []
        self._last = (entry.actor, entry.at)
        if entry.kind in SCRIPTED:
            for place in self._pending:
                line = self.told[place]
                self.told[place] = Told(line.id, line.at, line.kind, line.code, line.who, True, line.data)
            self._pending = []
        if entry.kind in TOLD:
            self._pending.append(len(self.told))
            who = None if entry.actor == SYSTEM else self._names.get(entry.actor)
            by_script = entry.kind == "exercise.step_played"
            self.told.append(
                Told(entry.seq, entry.at, entry.kind, self._code(entry.subject), who, by_script, json.loads(entry.data))
            )
            if by_script:
                self._pending = []

    def _code(self, subject: str) -> str:
        if subject.startswith("request:") and subject not in self._codes:
            found = self._tx.session.get(PlacementRequest, subject.removeprefix("request:"))
            self._codes[subject] = found.short_code if found else ""
        return self._codes.get(subject, "")

    def _asked(self, entry: journal.JournalEntry, data: dict[str, Any]) -> Asked:
        row = self._tx.session.get_one(PlacementRequest, entry.subject.removeprefix("request:"))
        ladder = self._ladders.get(row.ladder_version)
        if ladder is None:
            ladder = self._ladders[row.ladder_version] = policy.at_version(self._tx, policy.Ladder, row.ladder_version)
        minutes = ladder.deadline_minutes[data["urgency"]]
        self.requests[entry.subject] = found = Asked(
            id=row.id,
            code=row.short_code,
            region=data["region"],
            urgency=data["urgency"],
            persons=data.get("persons", 0),
            asked_at=entry.at,
            deadline_at=entry.at + timedelta(minutes=minutes),
        )
        return found

    def _of_request(self, request: Asked, entry: journal.JournalEntry, data: dict[str, Any]) -> None:
        match entry.kind:
            case "offer.sent":
                request.offers += 1
                request.first_asked_at = request.first_asked_at or entry.at
                self._sent[data["offer"]] = (data["unit"], entry.at, request.code)
            case "offer.answered":
                request.first_answer_at = request.first_answer_at or entry.at
            case "offer.accepted":
                request.placed_at = entry.at
                self._answers[data["offer"]] = ("yes", entry.at)
            case "offer.declined":
                request.first_answer_at = request.first_answer_at or entry.at
                request.declined += 1
                self._answers[data["offer"]] = ("no", entry.at)
            case "offer.lapsed":
                request.lapsed += 1
                self._answers[data["offer"]] = ("silent", entry.at)
            case "stay.arrived":
                request.arrived_at = entry.at
            case "stay.not_arrived":
                request.placed_at = None
            case "youth.taken" | "request.closed":
                request.ended_at, request.ended = entry.at, data.get("outcome", "youth_care")

    def deeds(self) -> list[Told]:
        """What somebody did, apart from leading the exercise."""
        return [line for line in self.told if line.who and not line.kind.startswith("exercise.")]

    def rang(self) -> list[Rang]:
        found = []
        for entry, data in self._fired:
            over = next((at for at in self._ends[entry.subject, data["trigger"]] if at >= entry.at), None)
            claim = next((one for one in self._claims[entry.subject] if one[0] >= entry.at), None)
            if data["result"] is not None or (claim and over and over < claim[0]):
                claim = None
            found.append(
                Rang(
                    id=data["alarm"],
                    at=entry.at,
                    trigger=data["trigger"],
                    code=self._code(entry.subject),
                    role=data["role"],
                    reached=data["reached"],
                    late=timedelta(seconds=data["late_seconds"]),
                    answered_at=claim[0] if claim else None,
                    answered_by=self._names.get(claim[1]) if claim else None,
                    over_at=over if claim is None else None,
                )
            )
        return found

    def houses(self) -> list[House]:
        asked: dict[tuple[str, str], list[tuple[str, float] | None]] = defaultdict(list)
        for offer, (unit, at, _) in self._sent.items():
            answer = self._answers.get(offer)
            asked[self._house_of[unit]].append((answer[0], (answer[1] - at).total_seconds() / 60) if answer else None)
        found = []
        for (body, name), answers in sorted(asked.items(), key=lambda item: item[0][1]):
            counted = Counter(one[0] for one in answers if one)
            spoken = [one[1] for one in answers if one and one[0] != "silent"]
            middle = round(median(spoken)) if spoken else None
            found.append(House(body, name, len(answers), counted["yes"], counted["no"], counted["silent"], middle))
        return found

    def unseen(self, until: datetime) -> Iterator[Unseen]:
        for one in self.requests.values():
            end = one.over_at or until
            moments = [one.asked_at, *(at for at in one.touched if one.asked_at < at < end), end]
            longest = max(pairwise(moments), key=lambda stretch: stretch[1] - stretch[0])
            if longest[1] - longest[0] >= UNSEEN_FROM:
                yield Unseen(one.id, one.code, *longest)

    def late(self, until: datetime) -> Iterator[Late]:
        for one in self.requests.values():
            if (one.over_at or until) > one.deadline_at:
                yield Late(f"deadline-{one.id}", "deadline", one.code, one.deadline_at, one.over_at)
        for offer, (_, _, code) in self._sent.items():
            if offer in self._answers and self._answers[offer][0] == "silent":
                yield Late(f"hold-{offer}", "hold", code, self._answers[offer][1], None)
        claims = {one.id: one for one in self.rang()}
        for alarm, at in self._unanswered.items():
            if alarm in claims:
                yield Late(f"answer-{alarm}", "answer", claims[alarm].code, at, claims[alarm].answered_at)

    def outages(self, until: datetime) -> list[Outage]:
        found = []
        for step, since in self._outages:
            end = self._over.get(step, until)
            came = [one.asked_at for one in self.requests.values() if since <= one.asked_at < end]
            proposed = next((at for at in self._proposed if at >= end), None)
            lates = [
                timedelta(seconds=data["late_seconds"])
                for entry, data in self._fired
                if end <= entry.at <= end + LATE_FROM and data["late_seconds"] > LATE_FROM.total_seconds()
            ]
            found.append(
                Outage(
                    id=str(step),
                    since=since,
                    until=end,
                    asked=len(came),
                    first_proposals=proposed - min(came) if came and proposed else None,
                    rang_late=len(lates),
                    latest=max(lates, default=timedelta(0)),
                )
            )
        return found
