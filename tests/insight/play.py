"""A town in which anybody does anything, the same each time: for figures that must hold whatever happens."""

from collections.abc import Iterator
from random import Random

from nrm.access.rules import Actor
from nrm.errors import NrmError
from nrm.insight import service
from nrm.intake import service as intake
from nrm.intake.rules import Outcome
from nrm.placing import queries as placing_queries
from nrm.placing import service as placing
from nrm.placing import staying
from nrm.placing.rules import OfferStatus
from nrm.registry.rules import Stance
from tests.builders import Town

PARTIES: tuple[list[dict[str, object]], ...] = (
    [{"sex": "f", "age": 24}],
    [{"sex": "m", "age": 31}],
    [{"sex": "f", "age": 30, "parent": True}, {"sex": "m", "age": 4}],
    [{"sex": "f", "age": 16}],
)
MUNICIPALITIES: dict[str, tuple[str | None, ...]] = {
    "VR17": ("GM0599", "GM0489", "GM0606", None),
    "VR13": ("GM0363", "GM0362", None),
}
"""Where in a region somebody is found, as far as anybody knows."""

DEEDS = (
    *("ask", "ask", "amend", "offer", "offer", "offer", "answer", "answer", "answer", "close"),
    *("stay", "stay", "stay", "time", "work", "work", "work"),
)


def close(here: Town, actor: Actor, request_id: str, outcome: Outcome) -> None:
    with here.database.transaction(actor.account_id) as tx:
        version = intake.queries.request(tx, request_id).version
        intake.close(tx, actor, request_id, outcome, version)


def play(here: Town, seed: int, deeds: int) -> Iterator[str]:
    """One deed after the other, each at an instant of its own; yields what it was. What is refused is no deed."""
    chance = Random(seed)  # noqa: S311 - not for secrets
    found = Random(seed + 1000)  # noqa: S311 - apart, so that what it draws changes nothing of what happens
    coordinators = [here.coordinator("VR17"), here.coordinator("VR13")]
    provider = here.provider()
    here.duty_officer()
    for number in range(4):
        here.location(
            region=chance.choice(("VR13", "VR17")),
            places=(chance.randint(1, 2),),
            stances={"addiction": Stance.EXCLUDES} if number % 2 else {},
            confirmed_minutes_ago=chance.choice((5, 60 * 20)),
        )
    made: dict[str, Actor] = {}
    for _ in range(deeds):
        here.clock.turn(seconds=1)
        deed = chance.choice(DEEDS)
        try:
            _do(here, chance, found, deed, made, coordinators, provider)
        except NrmError:
            continue
        yield deed


def _do(
    here: Town,
    chance: Random,
    found: Random,
    deed: str,
    made: dict[str, Actor],
    coordinators: list[Actor],
    provider: Actor,
) -> None:
    chosen = chance.choice(list(made)) if made else ""  # in the order they came: ids differ from run to run
    if deed == "ask" or not made:
        actor = chance.choice(coordinators)
        facts = {"addiction": chance.choice(("yes", "no", "unknown"))}
        where = {"region": actor.region_code, "municipality": found.choice(MUNICIPALITIES[str(actor.region_code)])}
        made[here.request(actor, **where, facts=facts, persons=chance.choice(PARTIES))] = actor
    elif deed == "amend":
        with here.database.transaction(made[chosen].account_id) as tx:
            code = found.choice(MUNICIPALITIES[str(made[chosen].region_code)])
            intake.set_municipality(tx, made[chosen], chosen, code)
            version = intake.queries.request(tx, chosen).version
            said = {"urgency": chance.choice(("now", "today")), "persons": chance.choice(PARTIES), "version": version}
            intake.amend(tx, made[chosen], chosen, intake.AmendIn.model_validate(said))
    elif deed == "offer":
        here.match()
        for one in sorted(made, key=lambda one: (one != chosen, one)):
            if here.status(one) == "proposed":
                here.offer(made[one], one, phoned=True)
                break
    elif deed == "answer":
        live = [offer for offer in here.offers() if offer.status == OfferStatus.LIVE]
        if live and chance.random() < 0.7:
            here.accept(provider, live[0].id)
        elif live:
            with here.database.transaction(provider.account_id) as tx:
                placing.decline(tx, provider, live[0].id, chance.choice(("no_staff", "other")))
    elif deed == "close":
        close(here, made[chosen], chosen, chance.choice((Outcome.WITHDRAWN, Outcome.NO_PLACE)))
    elif deed == "stay":
        with here.database.transaction(provider.account_id) as tx:
            for stay in placing_queries.stays_at(tx, provider.organisation_id)[:1]:
                if stay.arrived_at:
                    staying.depart(tx, provider, stay.id, "family", stay.version)
                elif chance.random() < 0.7:
                    staying.confirm_arrival(tx, provider, stay.id, stay.version)
                else:
                    staying.not_arrived(tx, provider, stay.id, stay.version)
    elif deed == "time":
        here.clock.turn(minutes=chance.choice((5, 30, 90)))
        placing.lapse_due(here.database)
    else:
        here.match()
        service.keep(here.database)
