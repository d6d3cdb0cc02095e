"""The machine: many people and workers act on one database, and after every step the ledger and the tables agree.

Whoever acts goes through the real services. A refusal is a `Conflict`, `Invalid`, `Forbidden` or `NotFound`; any other
exception ends the run. What was acknowledged is written in the ledger, which works out by itself what follows.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlmodel import col, func, select

from nrm import journal, policy
from nrm.access.models import ReadLog
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.course import service as course
from nrm.course.models import Bridge, Transfer
from nrm.course.schemas import BridgeIn
from nrm.db import Database, Tx
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm, Escalation
from nrm.intake import queries as intake_queries
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.intake.schemas import AmendIn, GroupIn, RequestIn
from nrm.journal import JournalEntry
from nrm.notify import service as notify
from nrm.notify.models import Message
from nrm.placing import consents, matcher, reviews, staying
from nrm.placing import queries as placing_queries
from nrm.placing import service as placing
from nrm.placing.api import follow_out
from nrm.placing.models import AddressRelease, Offer, OfferAnswer, Stay
from nrm.registry import asking
from nrm.registry import queries as registry_queries
from nrm.registry import service as registry
from nrm.registry.models import Claim
from nrm.registry.rules import Basis, Stance
from tests.builders import KEY, Town, TurnedClock, town
from tests.machines.ledger import (
    DEADLINE_MINUTES,
    DESK,
    WALL,
    Asked,
    Case,
    Guest,
    House,
    Ledger,
    Room,
    Said,
)

EVENING = datetime(2026, 10, 24, 21, 40, tzinfo=UTC)
"""Saturday night; three hours later the clocks go back."""
CLOCKS_CHANGE = (
    datetime(2026, 10, 25, 0, 59, tzinfo=UTC),
    datetime(2027, 3, 28, 0, 59, tzinfo=UTC),
    datetime(2027, 10, 31, 0, 59, tzinfo=UTC),
)
REFUSALS = (Conflict, Invalid, Forbidden, NotFound)
REFUSED = object()
WAITING_MAX, CASES_MAX = 7, 24
HOLD_EXTENSION = timedelta(minutes=15)
CRISIS_MINUTES = 10
EMERGENCY_DAYS_MAX = FOLLOW_ON_DAYS = 7
CRITERIA = ("addiction", "trauma")
HANDOVER = "Ingang politiebureau"
INVESTIGATING = ("police", "inspector")
ORGANISATIONS = {
    "coordinator": "org-zorgcoordinatie-VR17",
    "colleague": "org-zorgcoordinatie-VR13",
    "desk": DESK,
    "duty": DESK,
    "house_a": "org-house_a",
    "house_b": "org-house_b",
    "police": "org-body-police",
    "inspector": "org-body-labour_inspectorate",
    "regional": "org-body-coordinator_regional",
    "national": "org-body-national_coordinator",
}
EVERYBODY = tuple(ORGANISATIONS)
CASE_HOLDERS = ("coordinator", "colleague", "desk", "duty")
SPEAKERS = {
    "provider": ("house_a", "house_b"),
    "national_desk": ("desk",),
    "duty_officer": ("duty", "desk"),
    "labour_inspectorate": ("inspector",),
}

Number = range(60)
YES_OR_NO = (False, True)


LADDERS = ("deadline", "minor_alone", "police_cell", "no_destination")
"""What the ledger works out by itself, rung by rung."""


@dataclass
class Stage:
    """A town to copy: its people, what its providers told of their houses, and how to get one more database of it."""

    fresh: Callable[[], str]
    drop: Callable[[str], None]
    people: dict[str, Actor]
    houses: dict[str, House]
    tally: Counter[str] = field(default_factory=Counter)
    """How often each thing happened in all runs together: a machine to which nothing happens shows nothing."""
    story: list[str] = field(default_factory=list)
    """What happened in the last run, in words."""


def build(url: str) -> tuple[dict[str, Actor], dict[str, House]]:
    """Make the town in an empty, migrated database."""
    made = town(url, TurnedClock(EVENING))
    with made.database.transaction() as tx:
        crisis = policy.Authority(crisis_after_minutes={"OMM": CRISIS_MINUTES})
        policy.write(tx, crisis, note="so that the machine can place in a crisis")
    people = {
        "coordinator": made.coordinator("VR17"),
        "colleague": made.coordinator("VR13"),
        "desk": made.national_desk(),
        "duty": made.duty_officer(),
        "house_a": made.provider("house_a"),
        "house_b": made.provider("house_b"),
        "police": made.police(),
        "inspector": made.police(OrganisationKind.LABOUR_INSPECTORATE),
        "regional": made.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17"),
        "national": made.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION),
    }
    houses = {}
    for provider, region, pool, places, sexes, private, children, excludes in (
        ("house_a", "VR13", "MUNICIPAL", (2, 1), ("f",), False, True, "addiction"),
        ("house_a", "VR17", "MUNICIPAL", (2,), ("f", "m", "x"), True, True, None),
        ("house_b", "VR13", "OMM", (1, 1), ("f", "m", "x"), False, False, None),
        ("house_b", "VR20", "NLA", (2,), ("f", "m", "x"), False, False, None),
        ("house_b", "VR17", "COSM", (1,), ("f",), False, False, "trauma"),
    ):
        house = _house(made, provider, region, pool, places, sexes, private, children, excludes)
        houses[house.id] = house
    made.database.close()
    return people, houses


def _house(
    made: Town,
    provider: str,
    region: str,
    pool: str,
    places: tuple[int, ...],
    sexes: tuple[str, ...],
    private: bool,
    children: bool,
    excludes: str | None,
) -> House:
    stances = {excludes: Stance.EXCLUDES} if excludes else {}
    house = made.location(provider, region, pool, places, stances, sexes=sexes, private=private, children=children)
    rooms = {
        f"{house}-u{number}": Room(
            f"{house}-u{number}",
            sexes,
            children,
            private,
            tuple(f"{house}-u{number}-p{bed}" for bed in range(1, beds + 1)),
        )
        for number, beds in enumerate(places, start=1)
    }
    shut: set[tuple[str | None, str]] = {(None, excludes)} if excludes else set()
    return House(house, f"org-{provider}", region, pool, rooms, [EVENING - timedelta(minutes=5)], shut)


Method = Callable[..., None]
_DEEDS: dict[str, dict[str, Sequence[Any]]] = {}
_WHEN: dict[str, Callable[[Any], object]] = {}
OFTEN = {
    "ask": 6,
    "offer": 9,
    "say_yes": 12,
    "step": 12,
    "tick": 8,
    "wait": 4,
    "jump": 3,
    "confirm": 3,
    "set_rule": 3,
    "amend": 3,
    "sweep": 4,
    "bridge": 2,
    "hand_over": 3,
    "ask_address": 4,
    "read_board": 4,
    "read_proposals": 2,
    "look": 2,
}
"""What happens more often than the rest, which counts once."""


def deed(**arguments: Sequence[Any]) -> Callable[[Method], Method]:
    """Something that can happen, and what it takes.

    Not a rule of its own: Hypothesis leaves out about half the rules in each run, and then hardly anybody gets as far
    as a bed. We choose among all of them, the common ones more often.
    """

    def mark(method: Method) -> Method:
        _DEEDS[method.__name__] = arguments
        return method

    return mark


def when(condition: Callable[[Any], object]) -> Callable[[Method], Method]:
    """When it can happen."""

    def mark(method: Method) -> Method:
        _WHEN[method.__name__] = condition
        return method

    return mark


class Shelter(RuleBasedStateMachine):
    """What can happen. `stage` and `often` are given by a subclass: see `machine`."""

    stage: ClassVar[Stage]
    often: ClassVar[Mapping[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.url = self.stage.fresh()
        self.clock = TurnedClock(EVENING)
        numbers = count(1)
        # Ids that come out the same each time: the solver breaks ties by them, and a failure must repeat.
        self.database = Database(self.url, self.clock, lambda: f"id-{next(numbers):06d}", pool_size=3)
        self.book = Ledger(copy.deepcopy(self.stage.houses))
        self.seen, self.head = 0, journal.GENESIS
        self.stage.story.clear()
        self.delivered = 0

    def teardown(self) -> None:
        """Walk the whole journal once more, and go."""
        try:
            with self.database.reading() as tx:
                assert not list(journal.faults(tx.session)), "the journal's chain is broken"
        finally:
            self.database.close()
            self.stage.drop(self.url)

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """Something happens that Hypothesis chooses."""
        self.happen(lambda choices: data.draw(st.sampled_from(choices)))
        note(self.stage.story[-1])

    def happen(self, choose: Callable[[Sequence[Any]], Any]) -> None:
        """Something happens, of all that can."""
        able = [name for name in _DEEDS if name not in _WHEN or _WHEN[name](self)]
        name = choose([name for name in able for _ in range(self.often.get(name, 1))])
        arguments = {key: choose(choices) for key, choices in _DEEDS[name].items()}
        self.stage.story.append(f"{self.now:%d %b %H:%M} {name} {arguments}")
        getattr(self, name)(**arguments)

    # --- how things are done ------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.clock.at

    def actor(self, who: str) -> Actor:
        return replace(self.stage.people[who], authenticated_at=self.now)

    def act(self, what: str, who: str, work: Callable[[Tx, Actor], Any], actor: Actor | None = None) -> Any:
        """What came of it, or REFUSED. Only the four refusals count as one."""
        actor = actor or self.actor(who)
        self.stage.tally["steps"] += 1
        try:
            with self.database.transaction(actor.account_id) as tx:
                found = work(tx, actor)
        except REFUSALS as refusal:
            self.stage.tally[f"refused {refusal.code}"] += 1
            return REFUSED
        self.stage.tally[what] += 1
        return found

    @contextmanager
    def looking(self) -> Iterator[Tx]:
        with self.database.reading() as tx:
            yield tx

    def owner(self, case: Case, number: int) -> str:
        """Somebody of the organisation that owns this request."""
        mine = [who for who in CASE_HOLDERS if ORGANISATIONS[who] == case.owner]
        return mine[number % len(mine)]

    def cases(self, *statuses: str) -> list[Case]:
        return [case for case in self.book.cases.values() if case.status in statuses]

    def live(self) -> list[Asked]:
        return [asked for asked in self.book.asked.values() if asked.status == "live"]

    def guests(self, *statuses: str) -> list[Guest]:
        return [guest for guest in self.book.guests.values() if guest.status in statuses]

    # --- asking -------------------------------------------------------------------------------------------------

    @when(lambda self: len(self.cases("open", "offered")) < WAITING_MAX and len(self.book.cases) < CASES_MAX)
    @deed(
        who=("coordinator", "coordinator", "colleague", "duty", "police", "inspector"),
        number=Number,
        days=(3, 3, 14),
        police=YES_OR_NO,
        unsafe=((), (), ("VR13",), ("VR17",)),
        urgency=("now", "now", "today", "planned"),
    )
    def ask(self, who: str, number: int, days: int, police: bool, unsafe: tuple[str, ...], urgency: str) -> None:
        """Somebody asks for a place, perhaps apart from somebody who was asked for before."""
        said = replace(self._party(number), days=days, refuses_police=police, unsafe=unsafe, urgency=urgency)
        earlier = [*self.book.cases.values()]
        if earlier and number % 3 == 0:
            said = replace(said, apart=(earlier[number % len(earlier)].code,))
        shape = RequestIn.model_validate({"region": "VR17", **said.shape()})
        made = self.act("asked", who, lambda tx, actor: intake.submit(tx, actor, shape))
        if made is not REFUSED:
            self._came_in(made, said, who)

    @when(lambda self: len(self.cases("open", "offered")) < WAITING_MAX - 2 and len(self.book.cases) < CASES_MAX)
    @deed(number=Number, together=YES_OR_NO, apart=YES_OR_NO, urgency=("now", "today"))
    def ask_for_group(self, number: int, together: bool, apart: bool, urgency: str) -> None:
        """A coordinator asks for people who were found together."""
        said = Said(urgency=urgency)
        parties = [{"persons": said.shape()["persons"]}, {"persons": said.shape()["persons"], "apart": apart}]
        shape = GroupIn.model_validate({"region": "VR17", "urgency": urgency, "parties": parties, "together": together})
        made = self.act("asked for a group", "coordinator", lambda tx, actor: intake.submit_group(tx, actor, shape))
        if made is REFUSED:
            return
        for position, found in enumerate(made):
            alone = apart and position == len(made) - 1
            case = self._came_in(found, replace(said, apart=(made[0].short_code,) if alone else ()), "coordinator")
            case.group, case.together = made[0].id, together and not alone

    def _party(self, number: int) -> Said:
        facts = (("addiction", ("yes", "no")[number % 2]),) if number % 4 < 2 else (("trauma", "yes"),)
        return Said(
            persons=PARTIES[number % len(PARTIES)],
            facts=facts if number % 5 else (),
            residence=("unknown", "none", "dutch", "unknown")[number % 4],
            exploitation=("unknown", "labour")[number % 2],
        )

    def _came_in(self, made: PlacementRequest, said: Said, who: str) -> Case:
        first_responder = who in INVESTIGATING
        deadline_at = self.now + timedelta(minutes=DEADLINE_MINUTES[said.urgency])
        case = Case(
            made.id,
            made.short_code,
            DESK if first_responder else ORGANISATIONS[who],
            said,
            "open",
            self.now,
            deadline_at,
            self.now if said.minor_alone else None,
            line=made.id,
            handover=first_responder,
            asked_by=who,
        )
        self.book.cases[case.id] = case
        return case

    @when(lambda self: self.cases("open", "offered"))
    @deed(number=Number, party=Number, police=YES_OR_NO, unsafe=((), ("VR13",), ("VR20",)))
    def amend(self, number: int, party: int, police: bool, unsafe: tuple[str, ...]) -> None:
        """More is learned of somebody who waits."""
        waiting = self.cases("open", "offered")
        case = waiting[number % len(waiting)]
        others = [other.code for other in self.book.cases.values() if other is not case]
        said = replace(
            self._party(party), refuses_police=police, unsafe=unsafe, urgency=case.said.urgency, days=case.said.days
        )
        if others and party % 3 == 0:
            said = replace(said, apart=(others[party % len(others)],))

        def work(tx: Tx, actor: Actor) -> None:
            version = intake_queries.request(tx, case.id).version
            intake.amend(tx, actor, case.id, AmendIn.model_validate({**said.shape(), "version": version}))

        if self.act("amended", self.owner(case, number), work) is not REFUSED:
            case.said = said
            self.book.due_after_amendment(case, self.now)

    @when(lambda self: self.cases("open", "offered"))
    @deed(number=Number)
    def close(self, number: int) -> None:
        """Somebody who waits found something else."""
        waiting = self.cases("open", "offered")
        case = waiting[number % len(waiting)]

        def work(tx: Tx, actor: Actor) -> None:
            version = intake_queries.request(tx, case.id).version
            intake.close(tx, actor, case.id, Outcome.OWN_SOLUTION, version)

        if number % 4 == 0 and self.act("closed", self.owner(case, number), work) is not REFUSED:
            assert case.status == "open", "a request was closed with an offer out"
            case.status = "closed"

    # --- offers -------------------------------------------------------------------------------------------------

    @when(lambda self: self.cases("open", "offered"))
    @deed(number=Number, houses=(1, 2, 3), phoned=YES_OR_NO, match=YES_OR_NO)
    def offer(self, number: int, houses: int, phoned: bool, match: bool) -> None:
        """The owner of a request asks one house or several."""
        if match:
            self._match()
        waiting = self.cases("open", "offered")
        case = waiting[number % len(waiting)]
        with self.looking() as tx:
            found = placing_queries.proposals(tx, case.id)
        proposals = [proposal.id for proposal in found.proposals] if found else []
        chosen = proposals[number % 2 : number % 2 + houses] or proposals[:houses]
        if not chosen:
            return
        sent = self.act(
            "sent",
            self.owner(case, number),
            lambda tx, actor: [
                offer.id for offer in placing.send_offers(tx, actor, case.id, chosen, chosen if phoned else ()).offers
            ],
        )
        if sent is not REFUSED:
            self._sent(sent, phoned)

    @when(lambda self: any(case.group and case.status == "open" for case in self.book.cases.values()))
    @deed(number=Number)
    def offer_group(self, number: int) -> None:
        """The owner asks for everybody of a group at once."""
        groups = sorted({case.group for case in self.cases("open") if case.group})
        self._match()
        group = groups[number % len(groups)]
        case = self.book.cases[group]
        sent = self.act(
            "sent for a group",
            self.owner(case, number),
            lambda tx, actor: [offer.id for offer in placing.send_group(tx, actor, group, phoned=True)],
        )
        if sent is not REFUSED:
            self._sent(sent, phoned=True)

    def _sent(self, offer_ids: list[str], phoned: bool) -> None:
        """Offers went out: rightly, to the right ones, and with beds that were free."""
        for offer_id in offer_ids:
            with self.looking() as tx:
                offer = tx.session.get_one(Offer, offer_id)
                answers = tx.session.exec(select(OfferAnswer).where(OfferAnswer.offer_id == offer_id)).all()
                stay = tx.session.exec(select(Stay).where(Stay.offer_id == offer_id)).first()
                holder = stay.id if stay else offer_id
                places = frozenset(
                    tx.session.exec(select(Claim.place_id).where(Claim.holder == holder, col(Claim.ended_at).is_(None)))
                )
            case, house = self.book.cases[offer.request_id], self.book.houses[offer.location_id]
            room = house.units[offer.unit_id]
            assert case.waits, "offered for somebody who does not wait"
            assert not (why := self.book.against(case, room.id, self.now)), f"offered against {why}"
            assert phoned or house.trusted(self.now), "a figure that is not fresh was used without phoning"
            opened = set(room.places) - room.closed
            assert places <= opened - set(self.book.taken()), "a bed was given away twice"
            assert len(places) == (len(opened) if room.private else len(case.said.persons)), "a wrong number of beds"
            deciders = {needed.organisation_id: needed.by for needed in answers}
            assert deciders == self.book.deciders(case, house, self.now), f"asked {deciders}"
            for needed in answers:
                if needed.answer is not None:
                    assert (house.consent or self.now) > self.now, "a yes that nobody gave"
                    assert needed.organisation_id == house.provider, "a yes that somebody else gave"
                    assert house.trusted(self.now), "a yes in advance on a figure that is not fresh"
            asked = Asked(
                offer_id,
                case.id,
                house.id,
                room.id,
                offer.hold_until,
                self.now,
                places,
                {needed.organisation_id: needed.by for needed in answers if needed.answer is None},
                deciders,
            )
            self.book.asked[offer_id] = asked
            case.status = "offered"
            if stay:
                self._won(asked, stay.id)

    def _won(self, asked: Asked, stay_id: str) -> None:
        """The last yes is in: nothing may forbid it, and every other house is let go."""
        case = self.book.cases[asked.case]
        assert asked.until > self.now, "accepted after the hold was over"
        assert (asked.status, case.status) == ("live", "offered"), f"accepted: {asked.status}, {case.status}"
        assert not (why := self.book.against(case, asked.unit, self.now)), f"placed against {why}"
        assert len(case.said.persons) <= len(asked.places), "placed where there are too few beds"
        asked.status = "accepted"
        for other in self.book.live(case.id):
            other.status = "not_needed"
        self.book.guests[stay_id] = Guest(stay_id, case.id, asked.house, asked.unit, asked.places)
        case.status = "accepted"
        self.stage.tally["placed"] += 1

    @when(lambda self: self.live())
    @deed(number=Number, whom=Number, where=YES_OR_NO)
    def say_yes(self, number: int, whom: int, where: bool) -> None:
        """Somebody who is asked says yes."""
        live = self.live()
        asked = live[number % len(live)]
        if not asked.waits_for:
            return
        organisation = sorted(asked.waits_for)[whom % len(asked.waits_for)]
        who = self._speaker(organisation, asked.waits_for[organisation], whom)
        point = HANDOVER if where or self.book.cases[asked.case].handover else None
        stay = self.act("said yes", who, lambda tx, actor: placing.accept(tx, actor, asked.id, point))
        if stay is REFUSED:
            return
        assert asked.until > self.now, "a yes after the hold was over"
        del asked.waits_for[organisation]
        assert (stay is None) == bool(asked.waits_for), "the stay began too early, or not"
        if stay is not None:
            self._won(asked, stay.id)

    @staticmethod
    def _speaker(organisation: str, by: str, number: int) -> str:
        able = [who for who in SPEAKERS[by] if ORGANISATIONS[who] == organisation]
        return able[number % len(able)]

    @when(lambda self: any(self.book.cases[asked.case].group for asked in self.live()))
    @deed(number=Number)
    def say_yes_to_group(self, number: int) -> None:
        """A house says yes to everybody of a group it was asked for."""
        waiting = [
            asked
            for asked in self.live()
            if self.book.cases[asked.case].group and asked.waits_for.get(self.book.houses[asked.house].provider)
        ]
        if not waiting:
            return
        first = waiting[number % len(waiting)]
        house, group = self.book.houses[first.house], self.book.cases[first.case].group or ""
        who = self._speaker(house.provider, "provider", 0)
        said = self.act(
            "said yes to a group", who, lambda tx, actor: placing.accept_group(tx, actor, group, house.id, HANDOVER)
        )
        if said is REFUSED:
            return
        ours = [asked for asked in waiting if asked.house == house.id and self.book.cases[asked.case].group == group]
        assert said == len(ours), "said yes for more, or fewer, than were asked for"
        for asked in ours:
            del asked.waits_for[house.provider]
            if not asked.waits_for:
                with self.looking() as tx:
                    stay = tx.session.exec(select(Stay.id).where(Stay.offer_id == asked.id)).one()
                self._won(asked, stay)

    @when(lambda self: self.live())
    @deed(number=Number, code=("full_after_all", "no_staff", "criterion", "other"))
    def say_no(self, number: int, code: str) -> None:
        """Somebody who is asked says no."""
        live = self.live()
        asked = live[number % len(live)]
        if not asked.waits_for or number % 3:
            return
        organisation = sorted(asked.waits_for)[number % len(asked.waits_for)]
        by = asked.waits_for[organisation]
        who = self._speaker(organisation, by, number)
        ground = "addiction" if code == "criterion" else None
        if (
            self.act("said no", who, lambda tx, actor: placing.decline(tx, actor, asked.id, code, ground))
            is not REFUSED
        ):
            assert asked.until > self.now, "a no after the hold was over"
            self.book.ended(asked, "declined")
            if by == "provider" and code == "full_after_all":
                self.book.houses[asked.house].units[asked.unit].doubted_at = self.now
            if by != "provider" or code in {"criterion", "other"}:
                self.book.cases[asked.case].barred[asked.house] = None

    @when(lambda self: self.live())
    @deed(number=Number)
    def take_back(self, number: int) -> None:
        """The owner takes an offer back."""
        live = self.live()
        asked = live[number % len(live)]
        who = self.owner(self.book.cases[asked.case], number)
        if number % 3 == 0:
            done = self.act("took back", who, lambda tx, actor: placing.withdraw_offer(tx, actor, asked.id))
            if done is not REFUSED:
                self.book.ended(asked, "withdrawn")

    @when(lambda self: self.live())
    @deed(number=Number)
    def hold_longer(self, number: int) -> None:
        """The owner asks for a while longer."""
        live = self.live()
        asked = live[number % len(live)]
        who = self.owner(self.book.cases[asked.case], number)
        done = self.act("held longer", who, lambda tx, actor: placing.extend_hold(tx, actor, asked.id, asked.extended))
        if done is not REFUSED:
            assert asked.until > self.now, "held longer what was over"
            assert asked.extended < 2, "held longer than may be"
            asked.until += HOLD_EXTENSION
            asked.extended += 1

    @when(lambda self: any(self.book.houses[asked.house].pool == "OMM" for asked in self.live()))
    @deed(number=Number, wait=YES_OR_NO)
    def place_in_crisis(self, number: int, wait: bool) -> None:
        """The duty officer places on a spoken yes, where policy lets them and after the time it asks."""
        live = [asked for asked in self.live() if self.book.houses[asked.house].pool == "OMM"]
        asked = live[number % len(live)]
        if wait:
            self.clock.turn(minutes=CRISIS_MINUTES)
        case = self.book.cases[asked.case]
        stay = self.act(
            "placed in a crisis", "duty", lambda tx, actor: placing.place_in_crisis(tx, actor, asked.id, HANDOVER)
        )
        if stay is not REFUSED:
            assert case.said.urgency == "now", "a crisis for somebody who can wait"
            assert self.now >= asked.sent_at + timedelta(minutes=CRISIS_MINUTES), "a crisis too early"
            asked.waits_for.clear()
            self._won(asked, stay.id)

    # --- staying ------------------------------------------------------------------------------------------------

    @when(lambda self: self.guests("planned", "arrived"))
    @deed(number=Number, at_home=YES_OR_NO, destination=("family", "unknown"))
    def step(self, number: int, at_home: bool, destination: str) -> None:
        """A party arrives, does not come, or leaves."""
        present = self.guests("planned", "arrived")
        guest = present[number % len(present)]
        case = self.book.cases[guest.case] if guest.case else None
        home = self._speaker(self.book.houses[guest.house].provider, "provider", 0)
        who = home if at_home or case is None else self.owner(case, number)
        if guest.status == "planned" and number % 4:
            work, what = staying.confirm_arrival, "arrived"
        elif guest.status == "planned":
            work, what = staying.not_arrived, "did not come"
        elif number % 2 == 0:
            who, what = home, "left"

            def work(tx: Tx, actor: Actor, stay_id: str, version: int) -> None:
                staying.depart(tx, actor, stay_id, destination, version)
        else:
            return
        if self.act(what, who, lambda tx, actor: work(tx, actor, guest.id, guest.version)) is REFUSED:
            return
        guest.version += 1
        if what == "arrived":
            guest.status, guest.arrived_at = "arrived", self.now
            if case:
                case.status = "placed"
        elif what == "did not come":
            guest.status = "not_arrived"
            if case:
                case.status, case.anew_since = "open", self.now
        else:
            guest.status = "departed"
            if case:
                case.status, case.lost = "closed", destination == "unknown"

    @when(lambda self: self.guests("arrived"))
    @deed(number=Number)
    def ask_for_next(self, number: int) -> None:
        """The owner asks for the next place of somebody who stays in one."""
        staying_now = [guest for guest in self.guests("arrived") if guest.case]
        if not staying_now or len(self.book.cases) >= CASES_MAX:
            return
        guest = staying_now[number % len(staying_now)]
        case = self.book.cases[guest.case or ""]
        made = self.act(
            "asked for the next", self.owner(case, number), lambda tx, a: course.open_follow_on(tx, a, case.id)
        )
        if made is not REFUSED:
            assert not case.followed, "asked twice for the next place"
            self._followed(case, guest)

    def _followed(self, before: Case, guest: Guest) -> None:
        """The next request of a party has the owner of the one before, and everything that was said."""
        with self.looking() as tx:
            found = tx.session.exec(select(PlacementRequest).where(PlacementRequest.continues_id == before.id)).one()
        assert guest.arrived_at is not None
        day = guest.arrived_at.astimezone(WALL).date() + timedelta(days=min(before.said.days, FOLLOW_ON_DAYS))
        needed_from = max(self.now, datetime(day.year, day.month, day.day, 12, tzinfo=WALL).astimezone(UTC))
        before.followed = True
        self.book.cases[found.id] = Case(
            found.id,
            found.short_code,
            before.owner,
            replace(before.said, urgency="planned", days=found.days),
            "open",
            self.now,
            needed_from,
            line=before.line,
            needed_from=needed_from,
            asked_by=before.asked_by,
        )
        self.stage.tally["followed on"] += 1

    @when(lambda self: self.guests("planned", "arrived"))
    @deed(number=Number, who=EVERYBODY, owner=YES_OR_NO, late=YES_OR_NO)
    def ask_address(self, number: int, who: str, owner: bool, late: bool) -> None:
        """Somebody asks for the address: only the owner of an accepted request gets it, once, with a fresh password."""
        guests = [guest for guest in self.guests("planned", "arrived") if guest.case]
        if not guests:
            return
        guest = guests[number % len(guests)]
        case = self.book.cases[guest.case or ""]
        if owner:
            who = self.owner(case, number)
        actor = self.actor(who)
        if late and number % 3 == 0:
            actor = replace(actor, authenticated_at=self.now - timedelta(hours=2))
        address = self.act(
            "released",
            who,
            lambda tx, a: staying.release_address(tx, a, KEY, guest.id, "bring_there", 10),
            actor,
        )
        entitled = (
            guest.status == "planned"
            and who in CASE_HOLDERS
            and ORGANISATIONS[who] == case.owner
            and not (case.handover and who == "desk")
            and actor.authenticated_at == self.now
            and guest.released_to in {None, who}
        )
        assert (address is not REFUSED) <= entitled, f"{who} got the address of a stay that is {guest.status}"
        if address is not REFUSED:
            assert address.endswith(f"CANARY-{int(guest.house.removeprefix('loc-')):03d}"), "a wrong address"
            guest.released_to = who
            self.book.releases += 1

    # --- houses -------------------------------------------------------------------------------------------------

    def _of_house(self, number: int) -> tuple[House, str]:
        house = [*self.book.houses.values()][number % len(self.book.houses)]
        return house, self._speaker(house.provider, "provider", 0)

    @deed(number=Number)
    def confirm(self, number: int) -> None:
        """A provider says that a figure is right as it stands."""
        house, who = self._of_house(number)
        done = self.act("confirmed", who, lambda tx, actor: registry.confirm_unchanged(tx, actor, house.id))
        if done is not REFUSED:
            house.confirmed.append(self.now)
            assert house.figure(self.now) == "fresh"

    @deed(
        number=Number,
        criterion=CRITERIA,
        stance=(Stance.EXCLUDES, Stance.EXCLUDES, Stance.ACCEPTS),
        of_room=YES_OR_NO,
    )
    def set_rule(self, number: int, criterion: str, stance: Stance, of_room: bool) -> None:
        """A provider says whom a house, or one room of it, does not take in."""
        house, who = self._of_house(number)
        room = [*house.units.values()][number % len(house.units)] if of_room else None
        done = self.act(
            "set a rule",
            who,
            lambda tx, actor: registry.set_rule(
                tx, actor, house.id, criterion, stance, Basis.CHOICE, "vol", room.id if room else None
            ),
        )
        if done is REFUSED:
            return
        if room:
            room.excludes.discard(criterion)
            room.accepts.discard(criterion)
            (room.excludes if stance is Stance.EXCLUDES else room.accepts).add(criterion)
        elif stance is Stance.EXCLUDES:
            house.excludes.add((None, criterion))
        else:
            house.excludes.discard((None, criterion))

    @deed(criterion=CRITERIA, often=Number)
    def keep_list(self, criterion: str, often: int) -> None:
        """The national desk takes a contra-indication off the list, or puts it back."""
        active = criterion in self.book.retired
        if often % 4 and not active:
            return
        done = self.act(
            "kept the list", "desk", lambda tx, actor: registry.keep_criterion(tx, actor, criterion, active, 1)
        )
        if done is not REFUSED:
            (self.book.retired.discard if active else self.book.retired.add)(criterion)

    @deed(number=Number)
    def pause(self, number: int) -> None:
        """A house stops taking people in, or begins again."""
        house, who = self._of_house(number)
        if house.paused:
            done = self.act("resumed", who, lambda tx, actor: registry.resume_intake(tx, actor, house.id))
        elif number % 4 == 0:
            done = self.act("paused", who, lambda tx, a: registry.pause_intake(tx, a, house.id, "staffing", None))
        else:
            return
        if done is not REFUSED:
            house.paused = not house.paused

    @deed(number=Number, bed=Number)
    def close_bed(self, number: int, bed: int) -> None:
        """A bed goes out of service, or comes back."""
        house, who = self._of_house(number)
        room = [*house.units.values()][bed % len(house.units)]
        place = room.places[bed % len(room.places)]
        if place in room.closed:
            if self.act("opened a bed", who, lambda tx, a: registry.reopen_place(tx, a, place)) is not REFUSED:
                room.closed.discard(place)
        elif bed % 3 == 0:
            done = self.act("closed a bed", who, lambda tx, a: registry.close_place(tx, a, place, "maintenance", None))
            if done is not REFUSED:
                assert place not in self.book.taken(), "a bed that is in use went out of service"
                room.closed.add(place)

    @deed(number=Number, bed=Number)
    def occupy(self, number: int, bed: int) -> None:
        """A house says that somebody stays there whom nobody asked us for."""
        house, who = self._of_house(number)
        room = [*house.units.values()][bed % len(house.units)]
        place = room.places[bed % len(room.places)]
        if number % 4:
            return
        stay = self.act("occupied", who, lambda tx, actor: staying.occupy(tx, actor, place))
        if stay is REFUSED:
            return
        places = frozenset(set(room.places) - room.closed if room.private else {place})
        assert not places & {*self.book.taken(), *room.closed}, "a bed was given away twice"
        self.book.guests[stay.id] = Guest(stay.id, None, house.id, room.id, places, "arrived")

    @deed(number=Number)
    def say_yes_in_advance(self, number: int) -> None:
        """A provider says yes in advance, or takes that back."""
        house, who = self._of_house(number)
        until: date = self.now.astimezone(WALL).date() + timedelta(days=1)
        if house.consent:
            done = self.act("took a yes back", who, lambda tx, a: consents.revoke_consent(tx, a, house.id))
            if done is not REFUSED:
                house.consent = None
        elif number % 3 == 0:
            done = self.act(
                "said yes in advance",
                who,
                lambda tx, a: consents.give_consent(tx, a, house.id, ("now", "today"), until, HANDOVER),
            )
            if done is not REFUSED:
                after = until + timedelta(days=1)
                house.consent = datetime(after.year, after.month, after.day, tzinfo=WALL).astimezone(UTC)

    # --- around a request ---------------------------------------------------------------------------------------

    @when(lambda self: self.cases("open", "offered", "accepted"))
    @deed(number=Number, kind=("hotel", "police_cell"))
    def bridge(self, number: int, kind: str) -> None:
        """A night somewhere else, paid by whom is often not known: its clock runs faster, once, and a cell rings."""
        found = self.cases("open", "offered", "accepted")
        case = found[number % len(found)]
        payer = "GM0489" if number % 2 else None
        shape = BridgeIn.model_validate({"kind": kind, "municipality": payer, "replaces": case.bridge})
        made = self.act(
            "bridged", self.owner(case, number), lambda tx, actor: course.record_bridge(tx, actor, case.id, shape)
        )
        if made is REFUSED:
            return
        if case.bridge:
            self.book.bridge_over(case)
        if case.bridged_at is None:
            case.bridged_at = self._halved(case.deadline_at)
        if case.waits:
            case.deadline_at = min(case.deadline_at, case.bridged_at)
        case.bridge, case.cell = made.id, kind == "police_cell"
        case.bridges.append(self.now)
        case.payers[made.id] = payer
        if case.cell:
            self.book.signal(case, "police_cell", self.now)

    def _halved(self, due_at: datetime) -> datetime:
        return due_at if due_at <= self.now else self.now + (due_at - self.now) / 2

    @when(lambda self: any(case.bridge for case in self.book.cases.values()))
    @deed(number=Number)
    def leave_bridge(self, number: int) -> None:
        """Somebody goes away from a night elsewhere."""
        found = [case for case in self.book.cases.values() if case.bridge]
        case = found[number % len(found)]
        bridge = case.bridge or ""
        done = self.act("left a bridge", self.owner(case, number), lambda tx, a: course.end_bridge(tx, a, bridge))
        if done is not REFUSED:
            self.book.bridge_over(case)

    @when(lambda self: any(case.payers for case in self.book.cases.values()))
    @deed(number=Number)
    def name_payer(self, number: int) -> None:
        """Who sees to a request says who pays for a bridge of it, also long after: once, and it stands."""
        found = [(case, bridge) for case in self.book.cases.values() for bridge in case.payers]
        case, bridge = found[number % len(found)]
        done = self.act(
            "named a payer", self.owner(case, number), lambda tx, a: course.name_payer(tx, a, bridge, "GM0344")
        )
        assert (done is not REFUSED) == (case.payers[bridge] is None), f"bridge {bridge}: {done}"
        case.payers[bridge] = case.payers[bridge] or "GM0344"

    @when(lambda self: self.book.cases)
    @deed(number=Number, answer=("take", "take", "refuse", "keep"))
    def hand_over(self, number: int, answer: str) -> None:
        """A request is handed to another organisation, which takes it or does not."""
        case = [*self.book.cases.values()][number % len(self.book.cases)]
        if case.transfer is None:
            taker = next(who for who in ("coordinator", "colleague", "desk") if ORGANISATIONS[who] != case.owner)
            if number % 2:
                taker = "desk" if case.owner != DESK else "colleague"
            made = self.act(
                "handed over",
                self.owner(case, number),
                lambda tx, actor: course.offer_transfer(tx, actor, case.id, ORGANISATIONS[taker]),
            )
            if made is not REFUSED:
                assert case.status != "closed", "handed over what is closed"
                case.transfer = (made.id, ORGANISATIONS[taker])
            return
        transfer, to = case.transfer
        who = next(name for name in ("coordinator", "colleague", "desk") if ORGANISATIONS[name] == to)
        if answer == "take":
            if self.act("took over", who, lambda tx, actor: course.take_over(tx, actor, transfer)) is not REFUSED:
                case.owner, case.transfer = to, None
        elif answer == "refuse":
            if self.act("took not", who, lambda tx, actor: course.refuse_transfer(tx, actor, transfer)) is not REFUSED:
                case.transfer = None
        else:
            mine = self.owner(case, number)
            if self.act("kept", mine, lambda tx, actor: course.withdraw_transfer(tx, actor, transfer)) is not REFUSED:
                case.transfer = None

    # --- workers and the clock ----------------------------------------------------------------------------------

    @deed()
    def tick(self) -> None:
        """A worker does everything that is due, in its order."""
        self._lapse()
        self._follow_up()
        self._escalate()
        self._match()
        asking.remind_due(self.database, "https://example.org")
        self._deliver()

    @deed(which=("_lapse", "_follow_up", "_escalate", "_match", "_deliver"))
    def sweep(self, which: str) -> None:
        """A worker does one step and is gone."""
        getattr(self, which)()

    def _lapse(self) -> None:
        placing.lapse_due(self.database)
        live = len(self.live())
        self.book.lapse(self.now)
        self.stage.tally["lapsed"] += live - len(self.live())

    def _follow_up(self) -> None:
        course.follow_up(self.database)
        self.book.keep_pace(self.now)
        for guest in self.guests("arrived"):
            case = self.book.cases[guest.case] if guest.case else None
            if case is None or guest.set_out:
                continue
            guest.set_out = True
            if case.said.days <= EMERGENCY_DAYS_MAX and not case.followed:
                self._followed(case, guest)

    def _escalate(self) -> None:
        escalation.end_over(self.database)
        escalation.run_due(self.database)
        before = len(self.book.alarms)
        self.book.escalate(self.now)
        self.stage.tally["rang"] += len(self.book.alarms) - before

    def _match(self) -> None:
        """Offers that a change made impossible are taken back, those and no others; then everybody is matched."""
        matcher.match(self.database)
        with self.looking() as tx:
            gone = set(tx.session.exec(select(Offer.id).where(Offer.status == "withdrawn")))
        for asked in self.live():
            case = self.book.cases[asked.case]
            unfit = (
                self.book.against(case, asked.unit, self.now)
                or len(case.said.persons) > len(asked.places)
                or (case.said.refuses_police and "labour_inspectorate" in asked.asked.values())
            )
            if asked.id in gone:
                # Where the others of a group went since is not the ledger's to know.
                assert unfit or case.together, "an offer was taken back though nothing speaks against it"
                self.book.ended(asked, "withdrawn")
                self.stage.tally["became unfit"] += 1
            else:
                assert not unfit, f"an offer goes on though {unfit} speaks against it"

    def _deliver(self) -> None:
        while notify.deliver_due(self.database, {"log": self, "email": self}):
            pass

    def deliver(self, message: Message) -> None:
        """We are the channel too: what reaches an investigative body names nobody who refuses the police."""
        self.delivered += 1
        if any(f"body-{kind}" in message.recipient for kind in ("police", "labour_inspectorate")):
            self._no_word_of_whom_refuses(f"{message.subject} {message.body}")

    @deed(minutes=(3, 16, 21, 31, 61, 61, 250, 9 * 60, 25 * 60))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.clock.turn(minutes=minutes)

    @deed(minutes=(-3, -61, -61, -25 * 60, 3 * 24 * 60))
    def jump(self, minutes: int) -> None:
        """A clock is put right, or wrong."""
        self.clock.turn(minutes=minutes)
        self.stage.tally["jumped"] += 1

    @deed(often=Number)
    def clocks_change(self, often: int) -> None:
        """It is a minute before the clocks on the wall change, and the night goes on."""
        after = [at for at in CLOCKS_CHANGE if at > self.now]
        if after and (often % 4 == 0 or after[0] - self.now < timedelta(days=2)):
            self.clock.at = after[0]
            self.stage.tally["nights the clocks changed"] += 1

    # --- who looks, and who may not -----------------------------------------------------------------------------

    @deed(who=INVESTIGATING)
    def look(self, who: str) -> None:
        """An investigative body looks at all it can."""

        def work(tx: Tx, actor: Actor) -> list[object]:
            asked = intake_queries.visible(tx, actor)
            return [
                placing.open_offers(tx, actor),
                reviews.open_approvals(tx, actor),
                placing_queries.not_needed(tx, actor),
                [follow_out(tx, intake.follow(tx, actor, found.id)) for found in asked],
            ]

        shown = self.act("looked", who, work)
        assert shown is not REFUSED
        self._no_word_of_whom_refuses(str(shown))

    def _no_word_of_whom_refuses(self, words: str) -> None:
        for case in self.book.cases.values():
            if case.said.refuses_police:
                named = case.code in words or case.id in words
                assert not named, "an investigative body was shown who refuses it"

    @when(lambda self: self.book.cases)
    @deed(number=Number, who=EVERYBODY, what=("close", "bridge", "take", "owner"))
    def meddle_with_request(self, number: int, who: str, what: str) -> None:
        """Somebody tries what is not theirs to decide."""
        case = [*self.book.cases.values()][number % len(self.book.cases)]
        if ORGANISATIONS[who] == case.owner:
            return

        def work(tx: Tx, actor: Actor) -> None:
            version = intake_queries.request(tx, case.id).version
            if what == "close":
                intake.close(tx, actor, case.id, Outcome.WITHDRAWN, version)
            elif what == "bridge":
                shape = BridgeIn.model_validate({"kind": "hotel", "municipality": "GM0489", "replaces": case.bridge})
                course.record_bridge(tx, actor, case.id, shape)
            elif what == "owner":
                course.offer_transfer(tx, actor, case.id, actor.organisation_id)
            elif case.transfer and ORGANISATIONS[who] != case.transfer[1]:
                course.take_over(tx, actor, case.transfer[0])
            else:
                raise NotFound("nothing_to_take")

        if what == "bridge" and who == "duty":
            return  # may record where anybody spends the night
        assert self.act("meddled", who, work) is REFUSED, f"{who} could {what} a request of {case.owner}"

    @when(lambda self: self.live() or self.guests("planned", "arrived"))
    @deed(number=Number, who=EVERYBODY, yes=YES_OR_NO)
    def meddle_with_place(self, number: int, who: str, yes: bool) -> None:
        """Somebody answers, or lets leave, in the place of another."""
        live, present = self.live(), self.guests("planned", "arrived")
        if live and (yes or not present):
            asked = live[number % len(live)]
            if ORGANISATIONS[who] not in asked.asked:
                done = self.act("meddled", who, lambda tx, actor: placing.accept(tx, actor, asked.id, HANDOVER))
                assert done is REFUSED, f"{who} answered for {sorted(asked.asked)}"
            return
        guest = present[number % len(present)]
        if ORGANISATIONS[who] != self.book.houses[guest.house].provider:
            done = self.act(
                "meddled", who, lambda tx, actor: staying.depart(tx, actor, guest.id, "family", guest.version)
            )
            assert done is REFUSED, f"{who} let somebody leave the house of another"

    @when(lambda self: self.cases("open"))
    @deed(number=Number)
    def read_proposals(self, number: int) -> None:
        """The owner reads what is proposed: each figure as it is now."""
        waiting = self.cases("open")
        case = waiting[number % len(waiting)]
        with self.looking() as tx:
            found = placing_queries.proposals(tx, case.id)
        for proposal in found.proposals if found else ():
            house = next(one for one in self.book.houses.values() if proposal.unit_id in one.units)
            assert proposal.fit["freshness"] == house.figure(self.now), "a figure was shown fresher, or older"
            assert not case.said.minor_alone or not proposal.available, "an adult place was proposed to a minor alone"

    # --- after every step ---------------------------------------------------------------------------------------

    @invariant()
    def ledger_and_tables_agree(self) -> None:
        """Nothing was lost, doubled, closed in silence or left without its owner; every bed is whose it should be."""
        with self.looking() as tx:
            requests = {
                one.id: (one.status, one.owner_organisation_id) for one in tx.session.exec(select(PlacementRequest))
            }
            offers = dict(tx.session.exec(select(Offer.id, Offer.status)).all())
            stays = dict(tx.session.exec(select(Stay.id, Stay.status)).all())
            claims = tx.session.exec(select(Claim.place_id, Claim.holder).where(col(Claim.ended_at).is_(None))).all()
            alarms = tx.session.exec(
                select(Escalation.request_id, Escalation.trigger, Escalation.number, Alarm.rung, Alarm.due_at)
                .join(Alarm, col(Alarm.escalation_id) == Escalation.id)
                .where(col(Escalation.trigger).in_(LADDERS))
            ).all()
            transfers = set(tx.session.exec(select(Transfer.request_id).where(col(Transfer.ended_at).is_(None))))
            released = dict(tx.session.exec(select(AddressRelease.stay_id, AddressRelease.account_id)).all())
            payers = {one.id: one.municipality_code for one in tx.session.exec(select(Bridge))}
            looks = select(func.count()).where(col(ReadLog.subject).startswith("address:"))
            logged = tx.session.scalar(looks) or 0
            self._follow_chain(tx)
        book = self.book
        assert requests == {case.id: (case.status, case.owner) for case in book.cases.values()}
        assert offers == {asked.id: asked.status for asked in book.asked.values()}
        assert stays == {guest.id: guest.status for guest in book.guests.values()}
        assert len(claims) == len({place for place, _ in claims}), "a bed has two claims"
        assert dict(claims) == book.taken()
        rang = {(request, why, number, rung): due_at for request, why, number, rung, due_at in alarms}
        assert len(rang) == len(alarms), "a rung rang twice"
        assert set(rang) == set(book.alarms), f"rang {sorted(set(rang) ^ set(book.alarms))}"
        for key, due_at in rang.items():
            assert due_at == book.alarms[key], f"rung {key} was due at {due_at}, not at {book.alarms[key]}"
        assert payers == {bridge: payer for case in book.cases.values() for bridge, payer in case.payers.items()}
        assert transfers == {case.id for case in book.cases.values() if case.transfer}
        people = self.stage.people
        assert released == {
            guest.id: people[guest.released_to].account_id for guest in book.guests.values() if guest.released_to
        }
        assert logged == book.releases, "an address was shown and not logged"

    @deed()
    def read_board(self) -> None:
        """Only what is fresh counts as free; what is stale is counted apart."""
        with self.looking() as tx:
            board = registry_queries.board(tx)
        free: Counter[tuple[str, str]] = Counter()
        stale: Counter[tuple[str, str]] = Counter()
        for house in self.book.houses.values():
            for room in () if house.paused else house.units.values():
                sure = house.believed(room, self.now)
                (free if sure else stale)[house.region, house.pool] += self.book.free(room)
        for row in board:
            key = row.region_code, row.pool
            assert (row.free, row.stale) == (free[key], stale[key]), (
                f"the board says of {key} {row.free} and {row.stale}"
            )

    def _follow_chain(self, tx: Tx) -> None:
        """Every new entry of the journal follows the one before it."""
        query = select(JournalEntry).where(col(JournalEntry.seq) > self.seen).order_by(col(JournalEntry.seq))
        for entry in tx.session.exec(query):
            if self.seen:
                assert (entry.prev_hash, entry.seq) == (self.head, self.seen + 1), "the journal's chain is broken"
            self.seen, self.head = entry.seq, entry.hash


PARTIES: tuple[tuple[tuple[str, int], ...], ...] = (
    (("f", 24),),
    (("f", 31),),
    (("m", 30),),
    (("f", 24), ("m", 3)),
    (("f", 24), ("f", 40)),
    (("f", 16),),
)


def machine(stage: Stage, often: Mapping[str, int] = OFTEN) -> type[Shelter]:
    """The machine on a stage, with how often each deed is chosen."""
    return type("ShelterOnStage", (Shelter,), {"stage": stage, "often": often})
