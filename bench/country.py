"""Years of a country, made in no time: what ten years of work would have left in the database, by a seed.

Nobody searched for places here and nobody pressed a button: rows and journal are written as the services would have,
through the models of the project, in the order of the journal and a batch at a time. A request is drawn whole when it
comes in; what happens to it later waits in a heap until the journal gets there, so that memory follows who is being
helped at one moment, not how many ever were.

    country = Country(town, Size(requests=200_000, entries=5_000_000, places=5_000, years=10))
    country.settle()        # organisations, houses, rooms, rules
    country.live()          # the years, up to the moment at which the clock of the town stands
"""

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from sqlalchemy import Table, insert
from sqlmodel import SQLModel, select

from nrm import journal
from nrm.access.models import Organisation
from nrm.access.rules import OrganisationKind, Role
from nrm.clock import AMSTERDAM
from nrm.course.models import Aftercare, Blockage, Bridge, Settlement
from nrm.escalation.models import Alarm, Escalation
from nrm.insight.models import UnmetCause
from nrm.intake.models import PlacementRequest, RequestFact, RequestPerson, UnsafeRegion
from nrm.journal import Change, JournalEntry
from nrm.placing.models import Offer, OfferAnswer, Proposal, ProposalSet, Stay
from nrm.registry import centres
from nrm.registry.models import AdmissionRule, Claim, Confirmation, Location, Municipality, Place, Unit
from nrm.registry.service import NATIONAL_CRITERIA
from nrm.reporting.models import Report
from nrm.world.generator import made_up_centres
from nrm.world.seed import LISTED_FROM, MADE_UP
from tests.builders import Town

BATCH = 1000
"""So many requests are written at once, with all that belongs to them."""

POOLS = (("MUNICIPAL", 77), ("COSM", 10), ("OMM", 8), ("NLA", 5))
ROOMS = (1, 2, 4)
"""How many places a room has; those for more than one are private."""

PARTIES = ((1, 80), (2, 11), (3, 6), (4, 3))
URGENCIES = (("now", 30, 4), ("today", 25, 12), ("soon", 30, 24), ("planned", 15, 72))
"""How many of a hundred, and how many hours until the norm."""

FAILED = ("no_place", "withdrawn", "lost_contact", "refused", "alternative", "own_solution")
OCCUPANCY = 0.9
MUNICIPALITY_KNOWN = 0.7
"""Of how many requests it was said in which municipality somebody was found."""

TABLES: tuple[type[SQLModel], ...] = (
    *(PlacementRequest, RequestPerson, RequestFact, UnsafeRegion, ProposalSet, Proposal, Offer, OfferAnswer),
    *(Stay, Claim, UnmetCause, Bridge, Blockage, Settlement, Aftercare, Report, Escalation, Alarm, Confirmation),
    JournalEntry,
)
"""What the years fill, whatever is referred to first."""


@dataclass(frozen=True)
class Size:
    """How much of it."""

    requests: int = 200_000
    entries: int = 5_000_000
    places: int = 5_000
    years: int = 10

    def share(self, years: int) -> "Size":
        """The same country, over fewer years."""
        return Size(self.requests * years // self.years, self.entries * years // self.years, self.places, years)


@dataclass
class _Rooms:
    """Rooms of one kind by when they come free; who needs one gets the one that was free longest."""

    free: list[tuple[datetime, str]] = field(default_factory=list)

    def take(self, by: datetime) -> tuple[datetime, str]:
        """A room and when it can be had, not before `by`."""
        since, unit = heapq.heappop(self.free)
        return max(since, by), unit

    def give(self, unit: str, at: datetime) -> None:
        heapq.heappush(self.free, (at, unit))


class Country:
    """A town that became a country. `seed` decides everything but the clock."""

    def __init__(self, town: Town, size: Size, seed: int = 1) -> None:
        self.town = town
        self.size = size
        self.chance = Random(seed)  # noqa: S311 - not for secrets
        self.end = town.clock.at
        self.begin = self.end - timedelta(days=365.25 * size.years)
        self.held_back: list[dict[str, Any]] = []
        """The newest entries of the journal, kept apart to be written when the picture has read the others."""
        self._numbers = count(1)
        self._rows: dict[type[SQLModel], list[dict[str, Any]]] = {table: [] for table in TABLES}
        self._to_come: list[tuple[datetime, int, Change, str]] = []
        self._rooms: dict[tuple[str, int], _Rooms] = {}
        self._houses: dict[str, tuple[str, str, str]] = {}
        """Unit → its location, the region and the pool of that."""
        self._places: dict[str, list[str]] = {}
        self._seq, self._head = 0, journal.GENESIS

    # --- the country itself ------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everybody who works here, and every house."""
        town = self.town
        town.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
        town.person(Role.RAPPORTEUR, OrganisationKind.RAPPORTEUR)
        self._desk = town.national_desk()
        self._coordinators = {f"VR{number:02d}": town.coordinator(f"VR{number:02d}") for number in range(1, 26)}
        with town.database.reading() as tx:
            self._payers: dict[str, list[str]] = {}
            for code, region in tx.session.exec(select(Municipality.code, Municipality.region_code)).all():
                self._payers.setdefault(region, []).append(code)
        locations = max(4, self.size.places // 8)
        per_provider = 5
        with town.database.transaction() as tx:
            centres.load(tx, made_up_centres(), LISTED_FROM, MADE_UP)
            for number in range(locations):
                provider = f"aanbieder-{number // per_provider}"
                if provider not in town.organisations:
                    town.organisations[provider] = f"org-{provider}"
                    row = {"id": f"org-{provider}", "kind": "provider", "name": provider, "email": "a@example.org"}
                    tx.session.execute(insert(Organisation), [row])
                self._house(tx, number, town.organisations[provider])
            tx.record("country.settled", "country:1", "places", locations=locations)
        with town.database.reading() as tx:
            (newest,) = journal.after(tx.session, journal.last_seq(tx.session) - 1, 1)
        self._seq, self._head = newest.seq, newest.hash

    def _house(self, tx: Any, number: int, organisation: str) -> None:
        chance = self.chance
        pool = self._weighed(POOLS) if number > len(POOLS) else POOLS[number % len(POOLS)][0]
        location = {
            "id": f"loc-{number}",
            "organisation_id": organisation,
            "code": f"L-{number:05d}",
            "region_code": f"VR{1 + number % 25:02d}",
            "pool": pool,
            "safety_class": "shielded",
            "handover_points": ["Ingang politiebureau"],
            "version": 1,
        }
        units, places = [], []
        for at, beds in enumerate((1, 1, 1, 1, 4) if number % 2 else (1, 1, 2, 2, 2)):
            unit = f"loc-{number}-u{at}"
            units.append(
                {
                    "id": unit,
                    "location_id": location["id"],
                    "code": f"K{at}",
                    "private": beds > 1,
                    "sexes": ["f", "m", "x"] if beds > 1 else [chance.choice("ffm"), "x"],
                    "sons_until": 17,
                    "age_min": 0 if beds > 1 else 18,
                    "age_max": 120,
                    "children": beds > 1,
                    "offers": [],
                    "use": "own",
                }
            )
            self._places[unit] = [f"{unit}-p{bed}" for bed in range(beds)]
            places += [{"id": one, "unit_id": unit, "label": one[-1]} for one in self._places[unit]]
            self._houses[unit] = (location["id"], location["region_code"], pool)
            self._rooms.setdefault((pool, beds), _Rooms()).give(unit, self.begin)
        rules = [
            {
                "id": f"rule-{number}-{criterion}",
                "location_id": location["id"],
                "criterion": criterion,
                "stance": chance.choice(("accepts", "accepts", "consult", "excludes")),
                "basis": "choice",
                "reason": "omdat",
                "valid_from": self.begin,
            }
            for criterion in NATIONAL_CRITERIA
        ]
        for table, rows in ((Location, [location]), (Unit, units), (Place, places), (AdmissionRule, rules)):
            tx.session.execute(insert(table), rows)

    # --- the years ---------------------------------------------------------------------------------------------------

    def live(self, hold_back: int = 0) -> None:
        """The years, up to now; the last `hold_back` entries of the journal are left in `held_back`."""
        self._per_entry()
        every = (self.end - self.begin) / self.size.requests
        at = self.begin
        for number in range(self.size.requests):
            at += every * self.chance.expovariate(1)
            if at >= self.end:
                break
            self._until(at)
            self._comes_in(number, at)
            if number % BATCH == BATCH - 1:
                self._write(hold_back)
        self._until(self.end)
        self._write(hold_back)
        self.held_back = self._rows[JournalEntry]
        self._rows[JournalEntry] = []

    def catch_up(self) -> int:
        """Write the entries that were held back. Returns how many."""
        with self.town.database.transaction() as tx:
            tx.session.execute(insert(JournalEntry), self.held_back)
        return len(self.held_back)

    def _per_entry(self) -> None:
        """How long people stay, so that houses are as full as they are; how often figures are confirmed, to fill it."""
        per_day = self.size.requests / ((self.end - self.begin) / timedelta(days=1))
        needed = {1: 0.80, 2: 0.11, 4: 0.09}
        self._stay_days = {
            beds: OCCUPANCY
            * sum(len(kind.free) for (_, size), kind in self._rooms.items() if size == beds)
            / (0.85 * per_day * needed[beds])
            for beds in ROOMS
        }
        locations = sorted({location for location, _, _ in self._houses.values()})
        of_requests = 9 * self.size.requests
        confirmed = max(len(locations), self.size.entries - of_requests)
        every = (self.end - self.begin) * len(locations) / confirmed
        for at, location in enumerate(locations):
            first = self.begin + every * (at / len(locations))
            self._plan(first, "location.confirmed", f"location:{location}", ("places",))
        self._confirmed_every = every

    def _until(self, at: datetime) -> None:
        """Write into the journal what happened before this moment."""
        while self._to_come and self._to_come[0][0] <= at:
            when, _, change, actor = heapq.heappop(self._to_come)
            self._seq += 1
            row = journal.chained(change, actor, when, self._seq, self._head)
            self._head = row["hash"]
            self._rows[JournalEntry].append(row)
            if change.kind == "location.confirmed":
                location = change.subject.removeprefix("location:")
                self._rows[Confirmation].append(
                    {"id": self._id("c"), "location_id": location, "confirmed_at": when, "account_id": actor}
                )
                wait = self._confirmed_every * self.chance.uniform(0.8, 1.2)
                self._plan(when + wait, change.kind, change.subject, change.topics)
            if len(self._rows[JournalEntry]) >= 50 * BATCH:
                self._write(0)

    def _plan(self, at: datetime, kind: str, subject: str, topics: tuple[str, ...], /, **data: Any) -> None:
        if at <= self.end:
            change = Change(kind, subject, topics, data)
            heapq.heappush(self._to_come, (at, next(self._numbers), change, "system"))

    def _comes_in(self, number: int, at: datetime) -> None:
        """One request with everything that becomes of it."""
        chance = self.chance
        key, region = f"r-{number}", f"VR{1 + int(25 * chance.random() ** 1.6):02d}"
        size = self._weighed(PARTIES)
        urgency, _, hours = chance.choices(URGENCIES, [share for _, share, _ in URGENCIES])[0]
        pool = self._weighed(POOLS)
        norm = at + timedelta(hours=hours)
        owner = self._coordinators[region]
        alone = [chance.choice("fffm")] if size == 1 else ["f"]
        persons = [(sex, chance.randint(18, 55)) for sex in alone] + [
            (chance.choice("fm"), chance.randint(0, 16)) for _ in range(size - 1)
        ]
        municipality = chance.choice(self._payers[region]) if chance.random() < MUNICIPALITY_KNOWN else None
        profile = "family" if size > 1 else "women" if persons[0][0] == "f" else "men"
        request: dict[str, Any] = {
            "id": key,
            "short_code": f"{number:08d}",
            "region_code": region,
            "municipality_code": municipality,
            "urgency": urgency,
            "exploitation": chance.choice(("sexual", "sexual", "labour", "criminal")),
            "residence": "none" if pool == "COSM" else "dutch",
            "needed_from": at,
            "days": 90,
            "refuses_police": chance.random() < 0.05,
            "minor_alone": False,
            "needs": [],
            "wishes": [],
            "submitted_by": owner.account_id,
            "submitted_organisation_id": owner.organisation_id,
            "owner_organisation_id": owner.organisation_id,
            "owner_account_id": owner.account_id,
            "handover_needed": False,
            "status": "open",
            "outcome": None,
            "created_at": at,
            "closed_at": None,
            "deadline_at": norm,
            "ladder_version": 1,
            "together": False,
            "version": 1,
        }
        self._add(PlacementRequest, request)
        for position, (sex, age) in enumerate(persons):
            self._add(
                RequestPerson,
                {"request_id": key, "position": position, "sex": sex, "age": age, "age_estimated": False}
                | {"parent": size > 1 and position == 0},
            )
        for criterion in NATIONAL_CRITERIA:
            if (drawn := chance.random()) < 0.6:
                value = "yes" if drawn < 0.1 else "no"
                self._add(RequestFact, {"request_id": key, "criterion": criterion, "value": value})
        if chance.random() < 0.3:
            unsafe = f"VR{chance.randint(1, 25):02d}"
            self._add(UnsafeRegion, {"request_id": key, "region_code": unsafe, "reason": "network"})
        self._tell(
            *(at, "request.submitted", key),
            region=region,
            municipality=municipality,
            urgency=urgency,
            persons=size,
            minor_alone=False,
            profile=profile,
            office=8 <= at.astimezone(AMSTERDAM).hour < 18,
            follow_on=False,
            deadline_at=norm.isoformat(),
        )
        self._add(
            Report,
            {"request_id": key, "state": "confirmed", "pseudonymous": False, "criteria_version": 1, "criteria": {}}
            | {"opened_at": at, "due_at": norm, "changed_at": at, "version": 1},
        )
        self._course(number, request, pool, size, norm)

    def _course(self, number: int, request: dict[str, Any], pool: str, size: int, norm: datetime) -> None:
        chance, key, at = self.chance, request["id"], request["created_at"]
        asked = at + timedelta(hours=chance.expovariate(1 / 3))
        self._proposed(number, key, pool, at + timedelta(minutes=1))
        self._unmet(key, at + timedelta(minutes=2), "not_asked", "", min(asked, self.end))
        if chance.random() < 0.12:
            self._fails(number, request, asked + timedelta(hours=chance.expovariate(1 / 30)))
            return
        if chance.random() < 0.15 and asked < self.end:
            self._declined(number, request, pool, asked)
            asked += timedelta(hours=chance.expovariate(1 / 2))
        beds = next(beds for beds in ROOMS if beds >= size)
        since, unit = self._rooms[pool, beds].take(asked + timedelta(hours=chance.expovariate(1 / 2)))
        if since > norm + timedelta(days=10) or since > self.end:
            self._rooms[pool, beds].give(unit, since)
            self._fails(number, request, norm + timedelta(hours=chance.expovariate(1 / 30)))
            return
        self._stays(number, request, unit, size, asked, since)

    def _proposed(self, number: int, key: str, pool: str, at: datetime) -> None:
        at = min(at, self.end)
        codes = [
            {"code": f"excludes:{criterion}", "units": 40, "places": 60, "alone": 10, "free": 5}
            for criterion in self.chance.sample(NATIONAL_CRITERIA, 2)
        ]
        self._add(
            ProposalSet,
            {"id": f"s-{number}", "request_id": key, "computed_at": at, "replaced_at": at + timedelta(hours=4)}
            | {"journal_seq": self._seq, "matching_version": 1, "pools_version": 1, "proven": True}
            | {"shut_out": codes, "would_place": [], "digest": "0" * 64},
        )
        size = next(beds for (found, beds) in self._rooms if found == pool)
        for rank, (_, unit) in enumerate(self._rooms[pool, size].free[:2], start=1):
            location, region, _ = self._houses[unit]
            fit = {"zone_class": 1, "region": region, "pool": pool, "free": 1, "freshness": "fresh", "consult": []}
            self._add(
                Proposal,
                {"id": f"p-{number}-{rank}", "set_id": f"s-{number}", "request_id": key, "rank": rank}
                | {"unit_id": unit, "location_id": location, "location_version": 1, "fit": fit},
            )
        self._plan(at, "proposals.made", "requests:waiting", ("requests",), requests=1, seq=self._seq)

    def _declined(self, number: int, request: dict[str, Any], pool: str, at: datetime) -> None:
        unit = self._rooms[pool, 1].free[0][1]
        code = self.chance.choice(("full", "contra_indication", "staffing"))
        answered = at + timedelta(minutes=50)
        self._offer(f"o-{number}-0", number, request, unit, at, answered, "declined", code)
        self._tell(answered, "offer.declined", request["id"], offer=f"o-{number}-0", code=code, tag="provider")

    def _offer(
        self,
        key: str,
        number: int,
        request: dict[str, Any],
        unit: str,
        sent: datetime,
        ended: datetime,
        status: str,
        code: str | None = None,
    ) -> None:
        location = self._houses[unit][0]
        owner = request["submitted_by"]
        self._add(
            Offer,
            {"id": key, "request_id": request["id"], "proposal_id": f"p-{number}-1", "unit_id": unit}
            | {"location_id": location, "status": status, "sent_at": sent, "sent_by": owner}
            | {"hold_until": sent + timedelta(hours=2), "extensions": 0, "ended_at": ended, "phoned": False}
            | {"decline_code": code, "decline_tag": "provider" if code else None, "hold_version": 1},
        )
        organisation = f"org-aanbieder-{int(location.split('-')[1]) // 5}"
        self._add(
            OfferAnswer,
            {"offer_id": key, "organisation_id": organisation, "by": "provider", "at": ended, "spoken": False}
            | {"answer": "decline" if code else "accept", "afterwards": False},
        )
        self._tell(sent, "offer.sent", request["id"], offer=key, unit=unit)

    def _fails(self, number: int, request: dict[str, Any], at: datetime) -> None:
        """Ends without a place, often after an alarm and some nights on a bridge."""
        chance, key = self.chance, request["id"]
        cause = chance.choice(("no_place", "no_suitable_place", "unsafe", "declined", "no_answer"))
        detail = f"excludes:{chance.choice(NATIONAL_CRITERIA)}" if cause == "no_suitable_place" else ""
        self._rings(number, request, at)
        if chance.random() < 0.4:
            nights = max(1, (min(at, self.end) - request["created_at"]).days)
            first = request["created_at"].date()
            self._add(
                Bridge,
                {"id": f"b-{number}", "request_id": key, "kind": chance.choice(("hotel", "crisis_bed"))}
                | {"municipality_code": chance.choice(self._payers[request["region_code"]]), "safe": "yes"}
                | {"cents_per_night": 9_500, "first_night": first, "last_night": first + timedelta(days=nights - 1)}
                | {"recorded_by": request["submitted_by"], "recorded_at": request["created_at"]}
                | {"deadline_at": request["deadline_at"], "ended_at": min(at, self.end), "end_cause": "placed"},
            )
        if at > self.end:
            return
        outcome = chance.choice(FAILED)
        request.update(status="closed", outcome=outcome, closed_at=at)
        self._tell(at, "request.closed", key, outcome=outcome)
        left = outcome in FAILED[1:4]
        self._add(
            UnmetCause,
            {"id": self._id("u"), "request_id": key, "cause": "withdrawn" if left else cause, "until": None}
            | {"detail": outcome if left else detail, "blockers": self._blockers(), "outcome": outcome, "since": at},
        )

    def _rings(self, number: int, request: dict[str, Any], until: datetime) -> None:
        """An alarm at the deadline; whoever was on duty saw to it."""
        at = request["deadline_at"]
        if at > min(until, self.end):
            return
        over = until <= self.end
        self._add(
            Escalation,
            {"id": f"e-{number}", "trigger": "deadline", "subject": f"request:{request['id']}", "number": 0}
            | {"region_code": request["region_code"], "urgency": request["urgency"], "request_id": request["id"]}
            | {"cause_at": at, "ladder_version": 1, "ladder_line": 1, "hours": "after_hours", "due_at": at}
            | {"opened_at": at, "pace_percent": 100, "rung_first": 0, "rung_next": 2, "rung_due_at": None}
            | {"ended_at": until if over else None, "end": "resolved" if over else None},
        )
        for rung, role in enumerate((Role.DUTY_OFFICER, Role.COORDINATOR_REGIONAL)):
            self._add(
                Alarm,
                {"id": f"a-{number}-{rung}", "escalation_id": f"e-{number}", "rung": rung, "role": role}
                | {"channels": ["log"], "told": [], "due_at": at, "fired_at": at, "reached": 1, "result": "answered"},
            )

    def _unmet(self, key: str, since: datetime, cause: str, detail: str, until: datetime) -> None:
        """Why it waited, for as long as that was why."""
        if since >= until:
            return
        self._add(
            UnmetCause,
            {"id": self._id("u"), "request_id": key, "cause": cause, "detail": detail, "blockers": self._blockers()}
            | {"outcome": None, "since": since, "until": until},
        )
        words = {"cause": cause, "detail": detail, "blockers": [], "outcome": None}
        self._plan(since, "unmet.changed", f"unmet:{key}", ("picture",), **words)

    def _blockers(self) -> list[dict[str, Any]]:
        chosen = self.chance.sample(NATIONAL_CRITERIA, 2)
        return [{"code": f"excludes:{one}", "units": 9, "places": 20} for one in chosen]

    def _stays(
        self, number: int, request: dict[str, Any], unit: str, size: int, asked: datetime, since: datetime
    ) -> None:
        """Accepted, arrived, and in the end departed; as far as that is past."""
        chance, key = self.chance, request["id"]
        location, region, pool = self._houses[unit]
        beds = len(self._places[unit])
        departs = since + timedelta(days=1 + chance.expovariate(1 / self._stay_days[beds]))
        self._rooms[pool, beds].give(unit, departs)
        arrives = since + timedelta(hours=chance.uniform(1, 6))
        offer, stay = f"o-{number}-1", f"st-{number}"
        self._offer(offer, number, request, unit, min(asked, since), since, "accepted")
        self._tell(since, "offer.answered", key, offer=offer, answer="accept")
        self._tell(since, "offer.accepted", key, offer=offer, stay=stay, region=region, pool=pool)
        self._tell(arrives, "stay.arrived", key, stay=stay)
        self._tell(departs, "stay.departed", key, stay=stay, destination="own_home", reason="ready")
        left, there = departs <= self.end, arrives <= self.end
        self._add(
            Stay,
            {"id": stay, "request_id": key, "offer_id": offer, "unit_id": unit, "location_id": location}
            | {"status": "departed" if left else "arrived" if there else "planned", "persons": size}
            | {"planned_at": since, "arrived_at": arrives if there else None, "ended_at": departs if left else None}
            | {"expected_departure": departs.date(), "destination": "own_home" if left else None}
            | {"end_reason": "ready" if left else None, "other_group": False, "version": 1},
        )
        for place in self._places[unit][:size]:
            claim = {"id": self._id("cl"), "place_id": place, "kind": "stay", "holder": stay, "started_at": since}
            self._add(Claim, claim | {"ended_at": departs if left else None})
        if left:
            request.update(status="closed", outcome="ended_stay", closed_at=departs)
        else:
            request.update(status="placed" if there else "accepted")
        if there:
            self._add(
                Aftercare,
                {"stay_id": stay, "item": "housing", "owner": "coordinator", "state": "done"}
                | {"changed_at": arrives, "version": 1},
            )
        if chance.random() < 0.1 and there:
            blocked = min(departs, self.end) - (min(departs, self.end) - since) / 4
            self._add(
                Blockage,
                {"id": f"bl-{number}", "stay_id": stay, "cause": "no_housing", "since": blocked}
                | {"by": request["submitted_by"], "ended_at": departs if left else None},
            )
        if chance.random() < 0.3 and there:
            codes = chance.choices(self._payers[request["region_code"]], k=2)
            self._add(
                Settlement,
                {"id": f"se-{number}", "request_id": key, "legal_code": codes[0], "paying_code": codes[1]}
                | {"tariff": "own", "tariff_since": arrives, "opened_at": arrives, "version": 1},
            )

    def _tell(self, at: datetime, kind: str, key: str, /, **data: Any) -> None:
        self._plan(at, kind, f"request:{key}", ("requests",), **data)

    def _weighed(self, options: tuple[tuple[Any, int], ...]) -> Any:
        return self.chance.choices([name for name, _ in options], [share for _, share in options])[0]

    def _id(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"

    def _add(self, table: type[SQLModel], row: dict[str, Any]) -> None:
        self._rows[table].append(row)

    def _write(self, hold_back: int) -> None:
        with self.town.database.transaction() as tx:
            for table in TABLES:
                rows = self._rows[table]
                kept = rows[len(rows) - hold_back :] if table is JournalEntry and hold_back else []
                done = rows[: len(rows) - len(kept)]
                for start in range(0, len(done), BATCH):
                    tx.session.connection().execute(insert(_columns(table)), done[start : start + BATCH])
                self._rows[table] = kept


def _columns(table: type[SQLModel]) -> Table:
    """The bare table: of millions of rows no object is made."""
    found: Table = SQLModel.metadata.tables[str(table.__tablename__)]
    return found
