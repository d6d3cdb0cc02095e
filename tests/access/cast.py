"""Everybody there is, and one case in every state, for tests of who may see what."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlmodel import select

from nrm import policy
from nrm.access import service as access
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.access.service import token_hash
from nrm.calendar import service as calendar
from nrm.calendar.models import OfficeClosure, OfficePeriod
from nrm.calendar.schemas import ClosureIn, HoursIn
from nrm.course import service as course
from nrm.course.schemas import BridgeIn, SettlementIn
from nrm.escalation import raised
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm
from nrm.escalation.schemas import RaiseIn
from nrm.handover.service import hand_over
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest, Repeat
from nrm.intake.rules import Outcome
from nrm.intake.schemas import GroupIn, PreAlertIn
from nrm.notify import points
from nrm.notify.models import ContactPoint
from nrm.placing import consents, staying
from nrm.placing import queries as placing_queries
from nrm.placing import service as placing
from nrm.registry import joint
from nrm.registry import service as registry
from nrm.registry.rules import Use
from nrm.reporting import service as reporting
from nrm.reporting.rules import NotReason
from nrm.roster import service as roster
from nrm.roster.models import Arrangement, RosterDeputy, RosterSlot
from nrm.roster.schemas import ArrangementIn, DeputyIn, LineIn, PatternIn, SlotIn
from nrm.rulebook import service as rulebook
from nrm.rulebook.schemas import DraftIn
from nrm.youth import service as youth
from nrm.youth.models import YouthAsk
from tests.builders import KEY, Town

OWN, OTHER = "VR17", "VR15"

ACTORS: dict[str, str] = {
    "coordinator": "coordinator-VR17",
    "other_coordinator": "coordinator-VR15",
    "duty": "piket",
    "duty_off": "piket-vrij",
    "police": "police",
    "other_police": "police-collega",
    "inspectorate": "labour_inspectorate",
    "provider": "aanbieder",
    "other_provider": "ander",
    "municipality": "municipality",
    "regional": "coordinator_regional",
    "other_regional": "regional-VR15",
    "desk": "loket",
    "national": "national_coordinator",
    "rapporteur": "rapporteur",
    "admin": "admin",
    "youth": "jeugdzorg",
    "nidos": "nidos",
    "ministry": "ministry",
}
"""Short name → login. `coordinator`, `police` and `provider` are the ones whose case it is."""


@dataclass
class Cast:
    """People and things by short name."""

    town: Town
    actors: dict[str, Actor] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    proposals: dict[str, str] = field(default_factory=dict)
    short_codes: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, request_id: str) -> str:
        """Remember a request under a name, as it is now."""
        self.ids[name] = request_id
        with self.town.database.reading() as tx:
            found = tx.session.get_one(PlacementRequest, request_id)
            self.versions[name] = found.version
            self.short_codes[name] = found.short_code
            proposed = placing_queries.proposals(tx, request_id)
            if proposed and proposed.proposals:
                self.proposals[name] = proposed.proposals[0].id
        return request_id

    def secrets(self) -> list[str]:
        """What points at one case or one house: ids, short codes, location codes."""
        known = {"alarm", "escalation", "region", "provider_organisation", "authority", "raised"}
        ids = [id for name, id in self.ids.items() if name not in known]
        return [*ids, *self.short_codes.values(), "L-001", "L-002", "L-003"]


def people(town: Town) -> dict[str, Actor]:
    """One of everybody, by short name."""
    town.national_desk()
    town.account("piket-vrij", Role.DUTY_OFFICER, town.organisations["comensha"])
    police = town.police()
    town.account("police-collega", Role.FIRST_RESPONDER, police.organisation_id)
    town.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, OWN)
    town.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, OWN)
    town.account(
        "regional-VR15",
        Role.COORDINATOR_REGIONAL,
        town.organisation("keten-VR15", OrganisationKind.CHAIN_DIRECTION, OTHER),
    )
    town.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    town.person(Role.RAPPORTEUR, OrganisationKind.RAPPORTEUR)
    town.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    town.person(Role.MINISTRY, OrganisationKind.MINISTRY)
    youth_care = town.organisation("jeugdzorg-VR15", OrganisationKind.YOUTH_CARE, OTHER)
    town.account("jeugdzorg", Role.YOUTH_CARE, youth_care)
    town.account("nidos", Role.YOUTH_CARE, town.organisation("nidos", OrganisationKind.GUARDIANSHIP))
    town.coordinator(OWN)
    town.coordinator(OTHER)
    town.duty_officer()
    town.police(OrganisationKind.LABOUR_INSPECTORATE)
    town.provider()
    town.provider("ander")
    return {short: town.actor(login) for short, login in ACTORS.items()}


def cast(town: Town) -> Cast:
    """A case of the coordinator in every state, one of the police, an alarm, two houses of the provider."""
    made = Cast(town, people(town))
    coordinator, provider, police, duty = (made.actors[name] for name in ("coordinator", "provider", "police", "duty"))
    overdue = town.request(coordinator)
    town.clock.turn(minutes=61)
    escalation.run_due(town.database)
    with town.database.reading() as tx:
        made.ids["alarm"], made.ids["escalation"] = tx.session.exec(select(Alarm.id, Alarm.escalation_id)).one()

    made.ids["location"] = town.location(places=(1,) * 16)
    made.ids["other_location"] = town.location("ander", region="VR01", places=(1,))
    # A house nobody here fits in, so that no case gets its beds.
    unused = made.ids["unused_location"] = town.location(places=(2,), sexes=("m",))
    made.ids["place"], made.ids["closed_place"] = f"{unused}-u1-p1", f"{unused}-u1-p2"
    with town.database.transaction(provider.account_id) as tx:
        registry.close_place(tx, provider, made.ids["closed_place"], "maintenance", None)
    spare = town.location(places=(1, 1), sexes=("m",))
    made.ids["regular_unit"], made.ids["lent_unit"] = f"{spare}-u1", f"{spare}-u2"
    with town.database.transaction(provider.account_id) as tx:
        for name in ("regular_unit", "lent_unit"):
            joint.set_use(tx, provider, made.ids[name], Use.REGULAR)
        joint.designate(tx, provider, made.ids["lent_unit"], tx.now + timedelta(days=7), "respite")

    made.ids["crisis_offer"] = in_crisis(town, coordinator, duty)
    made.ids["crisis"] = next(found.request_id for found in town.offers() if found.id == made.ids["crisis_offer"])
    made.ids["declined"] = declined(town, coordinator, provider)
    made.ids["declined_case"] = next(found.request_id for found in town.offers() if found.id == made.ids["declined"])
    with town.database.transaction(provider.account_id) as tx:
        consents.give_consent(tx, provider, unused, ["now"], town.clock.at.date() + timedelta(days=7))
    placed, placed_stay = town.placed(coordinator, provider)
    closed, closed_stay = town.placed(coordinator, provider)
    with town.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, placed_stay, 1)
        staying.confirm_arrival(tx, provider, closed_stay, 1)
        staying.depart(tx, provider, closed_stay, "own_home", 2)
    lost, made.ids["lost_stay"] = town.placed(coordinator, provider)
    with town.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, made.ids["lost_stay"], 1)
        staying.depart(tx, provider, made.ids["lost_stay"], "unknown", 2)
        paid = SettlementIn(legal="GM0599", paying="GM0599")
        made.ids["settlement"] = course.settle(tx, coordinator, placed, paid).id
    accepted, made.ids["stay"] = town.placed(coordinator, provider)
    made.ids["placed_stay"] = placed_stay
    asked = town.request(police)
    town.match()
    police_stay = town.accept(provider, town.offer(duty, asked), "Ingang politiebureau")
    assert police_stay is not None
    made.ids["police_stay"] = police_stay
    made.note("police_accepted", asked)
    followed = town.request(police)
    offered = town.request(coordinator)
    with town.database.transaction(coordinator.account_id) as tx:
        parties = [{"persons": [{"sex": "f", "age": 40}]}] * 2
        shape = GroupIn.model_validate({"region": OWN, "urgency": "planned", "parties": parties})
        made.ids["group"] = intake.submit_group(tx, coordinator, shape)[0].id
        for request_id in (made.ids["group"], overdue):
            intake.mark_person(tx, coordinator, KEY, request_id, "ZZ", date(1990, 1, 1))
        made.ids["repeat"] = tx.session.exec(select(Repeat.id)).one()
    with town.database.transaction(police.account_id) as tx:
        window = {"from_at": tx.now + timedelta(days=1), "until_at": tx.now + timedelta(days=1, hours=3)}
        planned = PreAlertIn.model_validate({"region": OWN, "persons": 6, **window})
        made.ids["pre_alert"] = intake.announce(tx, police, planned).id
    town.match()
    made.ids["offer"] = town.offer(coordinator, offered)
    town.match()
    with town.database.transaction(coordinator.account_id) as tx:
        hotel = BridgeIn(kind="hotel")  # type: ignore[arg-type]
        made.ids["bridge"] = course.record_bridge(tx, coordinator, offered, hotel).id
        to = made.actors["other_coordinator"].organisation_id
        made.ids["transfer"] = course.offer_transfer(tx, coordinator, offered, to).id
    course.follow_up(town.database)
    # A minor of somebody else's, so that nothing of the coordinator's case changes.
    minor = town.request(made.actors["other_coordinator"], region=OTHER, persons=[{"sex": "m", "age": 16}])
    youth.ask_due(town.database)
    with town.database.reading() as tx:
        made.ids["youth_ask"] = tx.session.exec(select(YouthAsk.id)).one()
    admin = made.actors["admin"]
    with town.database.transaction(admin.account_id) as tx:
        wanted = policy.Trust(days=30).model_dump(mode="json")
        rulebook.propose(tx, admin, "trust", DraftIn(body=wanted, note="korter", base_version=1))
    reporting.open_missing(town.database)
    with town.database.transaction(coordinator.account_id) as tx:
        reporting.send(tx, coordinator, placed, 1)
        reporting.drop(tx, coordinator, closed, NotReason.OTHER_MATTER, 1)
    for name, request_id in {
        "open": overdue,
        "offered": offered,
        "accepted": accepted,
        "placed": placed,
        "closed": closed,
        "lost": lost,
        "police_open": followed,
        "minor": minor,
    }.items():
        made.note(name, request_id)
    with town.database.reading() as tx:
        made.versions["location"] = registry.queries.location(tx, made.ids["location"]).version
        made.ids["rule"] = registry.queries.live_rules(tx, made.ids["location"])[0].id
    with town.database.transaction(provider.account_id) as tx:
        course.block(tx, provider, placed_stay, "no_housing")
    made.ids["blocked_stay"] = placed_stay
    with town.database.transaction() as tx:
        morning = hand_over(tx, OWN, "https://nrm.example")
        assert morning is not None
        made.ids["handover"] = morning.id
    on_the_roster(made)
    national = made.actors["national"]
    made.ids["authority"] = "authority-1"
    with town.database.transaction(national.account_id) as tx:
        asked_for = {"region": OWN, "authority": "authority-1", "question": "make_places"}
        due_at = tx.now + timedelta(hours=24)
        made.ids["raised"] = raised.raise_to(tx, national, RaiseIn.model_validate({**asked_for, "answerDueAt": due_at}))
    town.clock.turn(seconds=1)
    made.ids["contact_point"], made.ids["hook"] = reaching(town, made.actors["duty"])
    return made


def on_the_roster(made: Cast) -> None:
    """A national line with somebody on it, something to swap and a gap; a regional one; hours of the provider."""
    town, desk, provider = made.town, made.actors["desk"], made.actors["provider"]
    duty, off = made.actors["duty"], made.actors["duty_off"]
    regional = made.actors["regional"]
    made.ids["region"], made.ids["provider_organisation"] = OWN, provider.organisation_id
    with town.database.transaction(desk.account_id) as tx:
        hours = {"mon": {"opens": "08:00", "closes": "12:00"}}
        period = HoursIn.model_validate({"validFrom": date(2026, 1, 1), "hours": hours})
        calendar.set_hours(tx, provider, provider.organisation_id, period)
        away = {"fromAt": tx.now, "untilAt": tx.now + timedelta(days=1), "reason": "training"}
        calendar.close(tx, provider, provider.organisation_id, ClosureIn.model_validate(away))
        (made.ids["office_period"],) = tx.session.exec(select(OfficePeriod.id))
        (made.ids["office_closure"],) = tx.session.exec(select(OfficeClosure.id))
        line = roster.add_line(tx, desk, LineIn.model_validate({"role": "duty_officer"}))
        own = roster.add_line(tx, desk, LineIn.model_validate({"role": "coordinator_regional", "region": OWN}))
        made.ids["line"], made.ids["regional_line"] = line.id, own.id
        for actor, on, start, end in ((duty, line, -1, 8), (off, line, 8, 16), (regional, own, -1, 8)):
            stretch = {"startsAt": tx.now + timedelta(hours=start), "endsAt": tx.now + timedelta(hours=end)}
            roster.plan(tx, desk, on.id, SlotIn.model_validate({"account": actor.account_id, **stretch}))
            (found,) = tx.session.exec(select(RosterSlot.id).where(RosterSlot.account_id == actor.account_id))
            made.ids[{"piket": "slot", "piket-vrij": "swap_slot"}.get(actor.name, "regional_slot")] = found
        roster.offer_swap(tx, off, made.ids["swap_slot"])
        weekly = {
            "weekdays": ["sun"],
            "starts": "09:00",
            "ends": "17:00",
            "validFrom": tx.now.date() + timedelta(days=5),
        }
        made.ids["pattern"] = roster.recur(
            tx, desk, line.id, PatternIn.model_validate({**weekly, "people": [duty.account_id]})
        ).id
        stands_in = {"account": off.account_id, "validFrom": tx.now.date()}
        roster.add_deputy(tx, desk, line.id, DeputyIn.model_validate(stands_in))
        (made.ids["deputy"],) = tx.session.exec(select(RosterDeputy.id))
        intake_here = {"region": OWN, "task": "intake", "organisation": provider.organisation_id}
        roster.arrange(tx, desk, ArrangementIn.model_validate({**intake_here, "validFrom": tx.now.date()}))
        (made.ids["arrangement"],) = tx.session.exec(select(Arrangement.id))
        roster.make_feed(tx, duty)
    roster.keep_due(town.database)
    with town.database.reading() as tx:
        made.ids["gap"] = roster.queries.open_gaps(tx, made.ids["line"])[0].id


def in_crisis(town: Town, coordinator: Actor, duty: Actor) -> str:
    """An offer placed on the provider's spoken yes; the desk still has to judge it. Policy is as it was afterwards."""
    usual = policy.Authority()
    both = (policy.Decider(by="national_desk"), policy.Decider(by="provider"))
    with town.database.transaction() as tx:
        deciders = {**usual.deciders, "MUNICIPAL": both}
        policy.write(tx, policy.Authority(deciders=deciders, crisis_after_minutes={"MUNICIPAL": 5}), "crisis")
    request_id = town.request(coordinator)
    town.match()
    offer_id = town.offer(coordinator, request_id)
    town.clock.turn(minutes=5)
    with town.database.transaction(duty.account_id) as tx:
        placing.place_in_crisis(tx, duty, offer_id)
        policy.write(tx, usual, "as before")
    return offer_id


def declined(town: Town, coordinator: Actor, provider: Actor) -> str:
    """An offer the provider declined, of a request that is closed since."""
    request_id = town.request(coordinator)
    town.match()
    offer_id = town.offer(coordinator, request_id)
    with town.database.transaction(provider.account_id) as tx:
        placing.decline(tx, provider, offer_id, "other")
    with town.database.transaction(coordinator.account_id) as tx:
        version = intake.queries.request(tx, request_id).version
        intake.close(tx, coordinator, request_id, Outcome.OWN_SOLUTION, version)
    return offer_id


def investigators(town: Town, kind: OrganisationKind) -> dict[Role, Actor]:
    """An account of every role in one investigative body: nobody should have made some of these, but who knows."""
    organisation = town.organisation(f"body-{kind}", kind)
    found: dict[Role, Actor] = {}
    for role in Role:
        login = f"{kind}-{role}"
        town.account(login, role, organisation)
        actor = town.actor(login)
        if role is Role.DUTY_OFFICER:
            with town.database.transaction(actor.account_id) as tx:
                access.start_shift(tx, actor)
        found[role] = actor
    return found


def reaching(town: Town, duty: Actor) -> tuple[str, str]:
    """Two ways to reach this person: a mail address whose code is 123456, and a webhook."""
    with town.database.transaction(duty.account_id) as tx:
        mail = points.add(tx, duty, "email", "piket@example.org")
        hook = points.add(tx, duty, "webhook", "https://hooks.example.org/nrm")
        tx.session.get_one(ContactPoint, mail).code_hash = token_hash(f"{mail}/123456")
    return mail, hook
