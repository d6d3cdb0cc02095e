"""Planting the seeded world in a database: all of it or nothing, once.

What a service can do goes through that service; the rest are plain rows. The days before the demo started are part of
the world, so its journal entries carry the moments they tell about, oldest first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final

from sqlmodel import SQLModel, col, select

from nrm import journal, policy
from nrm.access import queries as access
from nrm.access.models import Account
from nrm.access.models import Organisation as OrganisationRow
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.access.service import add_account, add_organisation, hash_password, start_shift
from nrm.calendar.rules import instant
from nrm.clock import AMSTERDAM
from nrm.course.rules import BridgeKind
from nrm.course.schemas import BridgeIn
from nrm.course.service import record_bridge
from nrm.db import SYSTEM, Database, Tx
from nrm.errors import Conflict
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Exploitation, Fact, Residence, Sex, UnsafeReason, Urgency
from nrm.intake.schemas import PersonIn, RequestIn, UnsafeIn
from nrm.intake.service import submit
from nrm.notify.models import ContactPoint
from nrm.notify.rules import ChannelName
from nrm.placing.consents import give_consent
from nrm.registry import centres, joint
from nrm.registry import service as registry
from nrm.registry.models import AdmissionRule, Place
from nrm.registry.models import Location as LocationRow
from nrm.registry.models import Region as RegionRow
from nrm.registry.models import Unit as UnitRow
from nrm.registry.schemas import AgreementIn
from nrm.roster import queries as roster_queries
from nrm.roster import service as roster
from nrm.roster.rules import Cover, Task
from nrm.roster.schemas import ArrangementIn, LineIn, PatternIn
from nrm.seal import AddressKey
from nrm.world.figures import region_names
from nrm.world.generator import Location, Organisation, Rule, World, made_up_centres, provider_id, world
from nrm.world.houses import POLICE_REGIONS, PROVIDERS
from nrm.world.past import Past, Step, register

DEMO_PASSWORD: Final = "opvang-voor-de-demo"  # noqa: S105 - published on purpose: demo accounts work on loopback only

SEED: Final = 2026

HISTORY: Final = timedelta(days=7)
"""How long before the demo the organisations took the software into use, in a world without a past."""

MONTHS: Final = 2
"""Of how many whole months before its own the demo has a past."""

NATIONWIDE: Final = "heel Nederland"


@dataclass(frozen=True)
class DemoAccount:
    """An account to log in with, as it is shown to whoever starts the demo."""

    login: str
    role: Role
    name: str
    organisation: str
    where: str


@dataclass(frozen=True)
class Person:
    """Somebody to log in as."""

    login: str
    role: Role
    name: str
    organisation_id: str


PEOPLE: Final = (
    Person("coordinator-rotterdam", Role.COORDINATOR, "Zorgcoördinator Rotterdam", "zc-vr17"),
    Person("coordinator-utrecht", Role.COORDINATOR, "Zorgcoördinator Utrecht", "zc-vr09"),
    Person("aanbieder-1", Role.PROVIDER, "Plaatsing De Linde", provider_id("linde")),
    Person("aanbieder-2", Role.PROVIDER, "Plaatsing De Esdoorn", provider_id("esdoorn")),
    Person("piket", Role.DUTY_OFFICER, "Piketdienst", "comensha"),
    Person("piket-2", Role.DUTY_OFFICER, "Tweede piketdienst", "comensha"),
    Person("piket-utrecht", Role.DUTY_OFFICER, "Piketdienst Utrecht", "keten-vr09"),
    Person("politie", Role.FIRST_RESPONDER, "Politie Rotterdam", "politie-vr17"),
    Person("fairwork", Role.FIRST_RESPONDER, "Hulplijn FairWork", "fairwork"),
    Person("arbeidsinspectie", Role.FIRST_RESPONDER, "Arbeidsinspectie, team opvang", "arbeidsinspectie"),
    Person("loket", Role.NATIONAL_DESK, "Landelijk loket", "comensha"),
    Person("regie-utrecht", Role.COORDINATOR_REGIONAL, "Ketenregisseur Utrecht", "keten-vr09"),
    Person("gemeente-utrecht", Role.MUNICIPALITY, "Gemeente Utrecht, opvang", "gemeente-vr09"),
    Person("jeugd-utrecht", Role.YOUTH_CARE, "Jeugdcrisisopvang Utrecht", "jeugd-vr09"),
    Person("nidos", Role.YOUTH_CARE, "Nidos, aanmelding", "nidos"),
    Person("nac", Role.NATIONAL_COORDINATOR, "Nationaal coördinator", "nac"),
    Person("rapporteur", Role.RAPPORTEUR, "Nationaal rapporteur", "rapporteur"),
    Person("beheer", Role.ADMIN, "Functioneel beheer", "beheer"),
    Person("vws", Role.MINISTRY, "Ministerie van VWS, opvang", "vws"),
)


@dataclass(frozen=True)
class _OpenRequest:
    """A request that waits when the demo starts."""

    minutes_ago: int
    login: str
    shape: RequestIn


_NOTHING_SPECIAL: Final = dict.fromkeys(
    ("addiction", "psychiatric", "multiple_problems", "intellectual_disability"), Fact.NO
)

_OPEN_REQUESTS: Final = (
    # Four of its twenty-four hours are left; only the categorale opvang is open to her.
    _OpenRequest(
        20 * 60,
        "coordinator-utrecht",
        RequestIn(
            region="VR09",
            municipality="GM0344",
            urgency=Urgency.SOON,
            persons=(PersonIn(sex=Sex.F, age=31),),
            exploitation=Exploitation.SEXUAL,
            residence=Residence.NONE,
            facts=_NOTHING_SPECIAL | {"trauma": Fact.YES},
            wishes=("lang:fr",),
            unsafe=(UnsafeIn(region="VR13", reason=UnsafeReason.NETWORK),),
            days=90,
        ),
    ),
    # Addiction and a psychiatric disorder: the specialised places.
    _OpenRequest(
        11 * 60,
        "coordinator-rotterdam",
        RequestIn(
            region="VR17",
            municipality="GM0599",
            urgency=Urgency.PLANNED,
            persons=(PersonIn(sex=Sex.M, age=44),),
            exploitation=Exploitation.CRIMINAL,
            residence=Residence.DUTCH,
            facts={"addiction": Fact.YES, "psychiatric": Fact.YES},
            days=30,
        ),
    ),
    # Ten minutes before its deadline.
    _OpenRequest(
        3 * 60 + 50,
        "coordinator-rotterdam",
        RequestIn(
            region="VR17",
            municipality="GM0606",
            urgency=Urgency.TODAY,
            persons=(PersonIn(sex=Sex.F, age=26, parent=True), PersonIn(sex=Sex.M, age=4)),
            exploitation=Exploitation.LABOUR,
            residence=Residence.EU,
            facts=dict(_NOTHING_SPECIAL),
            wishes=("lang:bg",),
            unsafe=(UnsafeIn(region="VR17", reason=UnsafeReason.FOUND_HERE),),
        ),
    ),
    # Past its deadline, and hardly any house fits: five people, a son of 17, a wheelchair.
    _OpenRequest(
        80,
        "coordinator-utrecht",
        RequestIn(
            region="VR09",
            municipality="GM0307",
            urgency=Urgency.NOW,
            persons=(
                PersonIn(sex=Sex.F, age=41, parent=True),
                PersonIn(sex=Sex.M, age=17),
                PersonIn(sex=Sex.F, age=14),
                PersonIn(sex=Sex.F, age=9),
                PersonIn(sex=Sex.M, age=2),
            ),
            residence=Residence.B8,
            needs=("wheelchair",),
            wishes=("lang:ar",),
        ),
    ),
    # Six men who keep away from the authorities.
    _OpenRequest(
        50,
        "fairwork",
        RequestIn(
            region="VR20",
            urgency=Urgency.TODAY,
            persons=tuple(PersonIn(sex=Sex.M, age=age) for age in (22, 25, 28, 33, 39, 46)),
            exploitation=Exploitation.LABOUR,
            residence=Residence.EU,
            refuses_police=True,
            wishes=("lang:ro",),
            unsafe=(UnsafeIn(region="VR20", reason=UnsafeReason.NETWORK),),
        ),
    ),
    _OpenRequest(
        20,
        "politie",
        RequestIn(
            region="VR17",
            municipality="GM0599",
            urgency=Urgency.NOW,
            persons=(PersonIn(sex=Sex.F, age=22, age_estimated=True),),
            exploitation=Exploitation.SEXUAL,
            unsafe=(UnsafeIn(region="VR17", reason=UnsafeReason.FOUND_HERE),),
            days=3,
        ),
    ),
    # A girl alone: youth care of the region is asked, and an alarm rings until somebody took over.
    _OpenRequest(
        6,
        "coordinator-utrecht",
        RequestIn(
            region="VR09",
            urgency=Urgency.TODAY,
            persons=(PersonIn(sex=Sex.F, age=16),),
            exploitation=Exploitation.SEXUAL,
        ),
    ),
)

_SHIFT_MINUTES: Final = 3 * 60

_WILLING: Final = "aanbieder-2"
"""Said yes in advance for its houses, to whoever plans ahead."""

_CONSENT: Final = timedelta(days=60)
"""For how long, from the demo on."""

_ROSTER_MADE: Final = timedelta(hours=5)
"""How long before the demo the roster was made."""

_BRIDGE_MINUTES: Final = 30
"""How long ago the family of five went to a hotel, for want of a place."""


@dataclass(frozen=True)
class Occasion:
    """What a world is planted for: who takes part, with which password, and whether it is in full swing already."""

    people: tuple[Person, ...] = PEOPLE
    password: str = DEMO_PASSWORD
    demo: bool = True
    """The password is published: such accounts are served on this machine only."""
    months: int = 0
    """So many whole months of a past, before the month of the demo; each takes some seconds to make."""
    public_url: str = ""
    """Where a message of the past says that something can be read."""
    in_full_swing: bool = True
    """Somebody is on shift, people wait, one family is in a hotel."""
    shape: Callable[[World, datetime], World] = lambda planted, _at: planted
    phones: bool = False
    """Whether those on the roster have a telephone too; its number cannot exist."""


DEMO: Final = Occasion()


def plant(db: Database, key: AddressKey, seed: int = SEED, occasion: Occasion = DEMO) -> list[DemoAccount]:
    """Plant the world unless it stands there already, in one transaction; returns whom one can log in as.

    Raises Conflict on a database that others already use: nothing made up ever mixes with real records.
    """
    with db.reading() as tx:
        if planted := _accounts(tx, occasion):
            return planted
    password_hash = hash_password(occasion.password)  # slow on purpose, so before the transaction
    with db.transaction() as tx:
        journal.append(tx.session, [], SYSTEM, tx.now)  # takes the journal's lock: two starts at once plant once
        if not _accounts(tx, occasion):
            if tx.session.exec(select(OrganisationRow.id).limit(1)).first() is not None:
                raise Conflict("database_in_use")
            _plant(tx, key, password_hash, seed, occasion)
            tx.record("world.planted", "world:demo", "requests", "places", "accounts", seed=seed)
    with db.reading() as tx:
        return _accounts(tx, occasion)


def _accounts(tx: Tx, occasion: Occasion) -> list[DemoAccount]:
    order = [person.login for person in occasion.people]
    rows = tx.session.exec(
        select(Account, OrganisationRow, RegionRow)
        .join(OrganisationRow, col(OrganisationRow.id) == Account.organisation_id)
        .join(RegionRow, col(RegionRow.code) == OrganisationRow.region_code, isouter=True)
        .where(col(Account.demo) == occasion.demo, col(Account.login).in_(order))
    ).all()
    found = [
        DemoAccount(
            account.login, Role(account.role), account.name, organisation.name, region.name if region else NATIONWIDE
        )
        for account, organisation, region in rows
    ]
    return sorted(found, key=lambda account: order.index(account.login))


def _plant(tx: Tx, key: AddressKey, password_hash: str, seed: int, occasion: Occasion) -> None:
    """Write the world as it was taken into use, then what happened since, oldest first."""
    planted = occasion.shape(world(seed, tx.now), tx.now)
    opened_at = _months_before(tx.now, occasion.months) if occasion.months else tx.now - HISTORY
    _happen(tx, Step(opened_at, SYSTEM, partial(_open, planted, key, password_hash, occasion)))
    steps = sorted(_history(tx, planted, opened_at, occasion), key=lambda step: step.at)
    if occasion.months:
        Past(tx, planted, dict(_people(tx)), seed, opened_at, occasion.public_url).live(steps)
        return
    for step in steps:
        _happen(tx, step)


def _months_before(at: datetime, months: int) -> datetime:
    """The first working hour of a month, so many whole months before the one of this moment."""
    month = at.astimezone(AMSTERDAM).date().replace(day=1)
    for _ in range(months):
        month = (month - timedelta(days=1)).replace(day=1)
    return instant(month, time(0, 30))


_AGREED: dict[str, dict[str, object]] = {
    "VR17": {
        "shares": [{"municipality": "GM0599", "parts": 3}, {"municipality": "GM0505", "parts": 1}],
        "lendAfterHours": 0,
        "ringFenced": 2,
    },
    "VR20": {"shares": [{"municipality": "GM0855", "parts": 1}], "lendAfterHours": 8, "firstDaysMax": 42},
}
"""Region → what holds for its first municipal house: one that anybody may use, one that is for its owners first."""

MADE_UP: Final = "verzonnen voor deze demo, geen gepubliceerde lijst"
"""Where the list of centre municipalities of the demo is from, in the words that stand beside it."""

NO_PASSWORD: Final = "!"  # noqa: S105 - it opens nothing
"""What no password is, in place of its hash."""

LISTED_FROM: Final = date(2024, 1, 1)

_FUNDED_DAYS = 75


def _happen(tx: Tx, step: Step) -> None:
    """Let a step happen at its own moment, inside the one transaction, and journal it as of that moment."""
    assert step.at <= tx.now, step
    past = Tx(tx.session, step.at, step.actor_id, tx.new_id)
    step.act(past)
    past.session.flush()
    journal.append(past.session, past.changes, past.actor_id, past.now)


def _colleagues(known: Sequence[Person]) -> Iterator[Person]:
    """Somebody of every organisation whose work the past is, where nobody of it takes part in the demo.

    Nobody logs in as them: whoever starts the demo chooses among few.
    """
    names = region_names()
    wanted = (
        *((provider_id(slug), Role.PROVIDER, f"Plaatsing {name}") for slug, (name, _) in PROVIDERS.items()),
        *((f"zc-{code.lower()}", Role.COORDINATOR, f"Zorgcoördinator {names[code]}") for code in names),
        *((f"politie-{code.lower()}", Role.FIRST_RESPONDER, f"Politie {names[code]}") for code in POLICE_REGIONS),
    )
    there = {person.organisation_id for person in known}
    yield from (Person(one, role, name, one) for one, role, name in wanted if one not in there)


_REACHABLE = frozenset({Role.DUTY_OFFICER, Role.COORDINATOR_REGIONAL})


def _contact_point(tx: Tx, account_id: str, kind: ChannelName, address: str) -> ContactPoint:
    """An address that can never exist, so that whoever is on the roster counts as reachable."""
    return ContactPoint(
        id=tx.new_id(),
        account_id=account_id,
        kind=kind,
        address=address,
        position=1,
        added_at=tx.now,
        verified_at=tx.now,
    )


def _open(planted: World, key: AddressKey, password_hash: str, occasion: Occasion, tx: Tx) -> None:
    """The day everybody started: reference data, policies, organisations, accounts, houses."""
    registry.load_reference_data(tx)
    policy.ensure_first_versions(tx)
    centres.load(tx, made_up_centres(), LISTED_FROM, MADE_UP)
    for organisation in planted.organisations:
        add_organisation(tx, _organisation_row(organisation))
    colleagues = _colleagues(occasion.people) if occasion.months else ()
    for number, person in enumerate((*occasion.people, *colleagues)):
        there = person in occasion.people
        account_id = add_account(
            *(tx, person.login, person.name, person.role, person.organisation_id),
            password_hash if there else NO_PASSWORD,
            demo=occasion.demo and there,
        )
        if person.role in _REACHABLE:
            tx.session.add(_contact_point(tx, account_id, ChannelName.EMAIL, f"{person.login}@piket.example"))
            if occasion.phones:
                for kind in (ChannelName.SMS, ChannelName.VOICE):
                    tx.session.add(_contact_point(tx, account_id, kind, f"+3100000{number:04d}"))
    # Layer by layer, because a row must stand before another refers to it.
    for layer in (_location_rows, _unit_rows, _place_rows, _rule_rows):
        tx.session.add_all(row for found in planted.locations for row in layer(found, tx))
        tx.session.flush()
    for found in planted.locations:
        tx.record("location.added", f"location:{found.id}", "places")
        registry.seal_address(tx, key, found.id, found.address)


def _history(tx: Tx, planted: World, opened_at: datetime, occasion: Occasion) -> Iterator[Step]:
    actors = {actor.organisation_id: actor for actor in _providers(tx)}
    began = tx.now - HISTORY
    house_of = {place: found for found in planted.locations for unit in found.units for place in unit.places}
    for stay in planted.stays:
        # Who was in before the start is registered at the start.
        yield Step(max(stay.arrived_at, opened_at), SYSTEM, partial(register, stay), stay.place_ids, stay)
    for closure in planted.closures:
        actor = actors[house_of[closure.place_id].organisation_id]
        close = partial(
            registry.close_place,
            actor=actor,
            place_id=closure.place_id,
            reason=closure.reason,
            expected_end=closure.expected_end,
        )
        yield Step(closure.since, actor.account_id, close, (closure.place_id,))
    for found in planted.locations:
        actor = actors[found.organisation_id]
        if found.pause:
            pause = partial(
                registry.pause_intake,
                actor=actor,
                location_id=found.id,
                reason=found.pause.reason,
                until=found.pause.until,
            )
            yield Step(found.pause.since, actor.account_id, pause)
        if found.confirmed_at:
            confirm = partial(registry.confirm_unchanged, actor=actor, location_id=found.id)
            yield Step(found.confirmed_at, actor.account_id, confirm)
    for region, said in _AGREED.items():
        found = next(found for found in planted.locations if (found.region, found.pool) == (region, "MUNICIPAL"))
        actor = actors[found.organisation_id]
        ends = began.date() + timedelta(days=_FUNDED_DAYS)
        shape = AgreementIn.model_validate({**said, "fundingEndsOn": ends, "version": 0})
        agree = partial(joint.agree, actor=actor, location_id=found.id, shape=shape)
        yield Step(began, actor.account_id, agree)
    people = dict(_people(tx))
    willing = people[_WILLING]
    for found in planted.locations:
        if found.organisation_id == willing.organisation_id:
            until = (tx.now + _CONSENT).date()
            say_yes = partial(
                give_consent, actor=willing, location_id=found.id, urgencies=(Urgency.PLANNED,), until=until
            )
            yield Step(began + timedelta(hours=1), willing.account_id, say_yes)
    yield Step(tx.now - _ROSTER_MADE, people["loket"].account_id, partial(_roster, people, tx.now))
    if not occasion.in_full_swing:
        return
    duty = people["piket"]
    yield Step(tx.now - timedelta(minutes=_SHIFT_MINUTES), duty.account_id, partial(start_shift, actor=duty))
    for asked in _OPEN_REQUESTS:
        asker = people[asked.login]
        at = tx.now - timedelta(minutes=asked.minutes_ago)
        yield Step(at, asker.account_id, partial(submit, actor=asker, shape=asked.shape))
    owner = people["coordinator-utrecht"]
    at = tx.now - timedelta(minutes=_BRIDGE_MINUTES)
    yield Step(at, owner.account_id, partial(_bridge, actor=owner))


_EVERY_DAY: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ROSTER_GAP_DAYS: Final = (3, 5)
"""From which day ahead until which the national roster of the demo has nobody: a gap that everybody can see."""


def _roster(people: dict[str, Actor], demo_at: datetime, tx: Tx) -> None:
    """Who should be on duty: two take turns nationally day and night, Utrecht has its own after office hours."""
    desk, utrecht = people["loket"], people["regie-utrecht"]
    today = demo_at.astimezone(AMSTERDAM).date()
    first, last = (today + timedelta(days=days) for days in _ROSTER_GAP_DAYS)
    national = roster.add_line(tx, desk, LineIn(role="duty_officer", ranks=2))
    # Last week's turn was the other one's, so that whoever is on shift as the demo starts is the first this week.
    for rank, logins in {1: ("piket-2", "piket"), 2: ("piket", "piket-2")}.items():
        rule = {"rank": rank, "weekdays": _EVERY_DAY, "starts": time(9), "ends": time(9)}
        rule["people"] = tuple(people[login].account_id for login in logins)
        made = PatternIn.model_validate({**rule, "valid_from": today - timedelta(days=7)})
        roster.recur(tx, desk, national.id, made)
    for slot in roster_queries.slots_between(tx, national.id, instant(first, time(12)), instant(last, time(6))):
        if slot.rank == 1:
            roster.cancel_slot(tx, desk, slot.id)
    regional = roster.add_line(tx, utrecht, LineIn(role="coordinator_regional", region="VR09"))
    own = roster.add_line(tx, utrecht, LineIn(role="duty_officer", region="VR09", cover=Cover.AFTER_HOURS))
    for line, login in ((regional, "regie-utrecht"), (own, "piket-utrecht")):
        rule = {"weekdays": _EVERY_DAY, "starts": time(9), "ends": time(9), "people": (people[login].account_id,)}
        roster.recur(tx, utrecht, line.id, PatternIn.model_validate({**rule, "valid_from": today - timedelta(days=7)}))
    for task, organisation, note in _ARRANGED:
        roster.arrange(
            tx,
            utrecht,
            ArrangementIn(region="VR09", task=task, organisation=organisation, note=note, valid_from=today),
        )


_ARRANGED: Final = (
    (Task.INTAKE, "zc-vr09", None),
    (Task.TRIAGE, "zc-vr09", None),
    (Task.PLACING, "zc-vr09", "buiten kantooruren de piketdienst"),
    (Task.AFTERCARE, "gemeente-vr09", None),
    (Task.MANDATE, "keten-vr09", "wijst een crisisbed van de regio aan"),
)
"""Who does what in Utrecht, so that the demo has one region that wrote it down."""


def _bridge(tx: Tx, actor: Actor) -> None:
    """The family that hardly any house takes spends the night in a hotel, and keeps waiting."""
    family = (
        select(PlacementRequest.id)
        .where(PlacementRequest.owner_organisation_id == actor.organisation_id, PlacementRequest.urgency == Urgency.NOW)
        .order_by(col(PlacementRequest.created_at).desc())
        .limit(1)
    )
    shape = BridgeIn(kind=BridgeKind.HOTEL, municipality="GM0344", cents_per_night=18_500, safe=Fact.YES)
    record_bridge(tx, actor, tx.session.exec(family).one(), shape)


def _people(tx: Tx) -> Iterator[tuple[str, Actor]]:
    """Login and actor of every demo account."""
    for account, organisation in access.accounts(tx):
        yield account.login, _actor(account.id, account.name, Role(account.role), organisation, tx.now)


def _providers(tx: Tx) -> Iterator[Actor]:
    """Somebody of every provider: its account, or the system for one that nobody logs in for."""
    own = {actor.organisation_id: actor for _, actor in _people(tx) if actor.role is Role.PROVIDER}
    for organisation in access.organisations_of_kind(tx, OrganisationKind.PROVIDER):
        yield own.get(organisation.id) or _actor(SYSTEM, SYSTEM, Role.PROVIDER, organisation, tx.now)


def _actor(account_id: str, name: str, role: Role, organisation: OrganisationRow, now: datetime) -> Actor:
    return Actor(
        account_id=account_id,
        name=name,
        role=role,
        organisation_id=organisation.id,
        organisation_name=organisation.name,
        organisation_kind=OrganisationKind(organisation.kind),
        region_code=organisation.region_code,
        on_shift=False,
        session_id="",
        authenticated_at=now,
    )


def _organisation_row(found: Organisation) -> OrganisationRow:
    return OrganisationRow(
        id=found.id,
        kind=found.kind,
        name=found.name,
        region_code=found.region,
        email=found.email,
        phone=found.phone,
        municipality_code=found.municipality,
    )


def _location_rows(found: Location, tx: Tx) -> Iterator[SQLModel]:
    opens, closes = found.intake or (None, None)
    yield LocationRow(
        id=found.id,
        organisation_id=found.organisation_id,
        code=found.code,
        region_code=found.region,
        pool=found.pool,
        safety_class=found.safety_class,
        intake_opens=opens,
        intake_closes=closes,
        handover_points=list(found.handover_points),
    )


def _unit_rows(found: Location, tx: Tx) -> Iterator[SQLModel]:
    for unit in found.units:
        yield UnitRow(
            id=unit.id,
            location_id=found.id,
            code=unit.code,
            private=unit.private,
            sexes=list(unit.sexes),
            sons_until=unit.sons_until,
            age_min=unit.age_min,
            age_max=unit.age_max,
            children=unit.children,
            offers=list(unit.offers),
            use=unit.use,
        )


def _place_rows(found: Location, tx: Tx) -> Iterator[SQLModel]:
    for unit in found.units:
        for n, place in enumerate(unit.places, start=1):
            yield Place(id=place, unit_id=unit.id, label=str(n))


def _rule_rows(found: Location, tx: Tx) -> Iterator[SQLModel]:
    for unit_id, rules in ((None, found.rules), *((unit.id, unit.rules) for unit in found.units)):
        for rule in rules:
            yield _rule_row(found.id, unit_id, rule, tx)


def _rule_row(location_id: str, unit_id: str | None, rule: Rule, tx: Tx) -> AdmissionRule:
    return AdmissionRule(
        id=tx.new_id(),
        location_id=location_id,
        unit_id=unit_id,
        criterion=rule.criterion,
        stance=rule.stance,
        basis=rule.basis,
        reason=rule.reason,
        review_on=rule.review_on,
        valid_from=tx.now,
    )
