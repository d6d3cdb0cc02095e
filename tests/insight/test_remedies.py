"""What would help: each remedy against really doing it and seeking again."""

from collections.abc import Iterator
from random import Random

import pytest

from nrm.access.rules import OrganisationKind, Role
from nrm.insight.remedies import Remedies, Remedy, remedies, worths
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from nrm.registry.rules import Basis, Stance
from nrm.registry.service import NATIONAL_CRITERIA
from tests.builders import Town, town
from tests.site import Visitor

GENEROUS_MS = 60_000
"""Here it is about what is right, not about how fast."""


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.national_desk()
    yield made
    made.database.close()


def found(here: Town, houses: bool = True) -> Remedies:
    return remedies(here.database, houses, GENEROUS_MS)


def placeable(here: Town, made: list[str]) -> int:
    """For how many of these a place is proposed, after seeking anew."""
    here.match()
    return sum(bool(here.proposals(one)) for one in made)


def do(here: Town, remedy: Remedy, region: str) -> None:
    """Make the remedy come true, through the real registry."""
    if remedy.kind == "place":
        consult = dict.fromkeys(NATIONAL_CRITERIA, Stance.CONSULT)
        here.location("nieuw", region, remedy.pool, (remedy.places,), consult, private=remedy.places > 1)
        return
    with here.database.reading() as tx:
        views = registry.locations(tx)
    for view in views:
        chosen = view.location.code == remedy.location_code or (
            remedy.kind == "rule" and view.location.pool == remedy.pool
        )
        if chosen and any(unit.stances[remedy.criterion] is Stance.EXCLUDES for unit in view.units):
            owner = here.provider(view.organisation.name)
            with here.database.transaction(owner.account_id) as tx:
                args = (view.location.id, remedy.criterion, Stance.CONSULT, Basis.CHOICE, "proef")
                keeping.set_rule(tx, owner, *args)


def undo(here: Town, remedy: Remedy) -> None:
    """A house that was only tried takes nobody in any more."""
    if remedy.kind == "place":
        owner = here.provider("nieuw")
        with here.database.reading() as tx:
            views = registry.locations(tx, organisation_id=owner.organisation_id)
        for view in views:
            with here.database.transaction(owner.account_id) as tx:
                keeping.pause_intake(tx, owner, view.location.id, "other", None)


def small_world(here: Town) -> list[str]:
    """One house that excludes addiction, one that takes no children; five who wait, two of them without a place."""
    here.location("linde", "VR13", places=(1, 1, 1), stances={"addiction": Stance.EXCLUDES}, children=False)
    here.location("esdoorn", "VR17", "OMM", places=(1,), stances={"trauma": Stance.EXCLUDES})
    coordinator = here.coordinator()
    municipal = {"residence": "dutch", "facts": {"addiction": "no", "psychiatric": "no"}}
    none = dict.fromkeys(("psychiatric", "multiple_problems", "intellectual_disability"), "no")
    facts = [
        {**municipal["facts"], **none},  # type: ignore[dict-item]
        {"addiction": "yes", "trauma": "yes", **none},
    ]
    made = [here.request(coordinator, residence="dutch", facts=one) for one in facts]
    family = [{"sex": "f", "age": 30, "parent": True}, {"sex": "f", "age": 3}]
    made.append(here.request(coordinator, residence="dutch", persons=family, facts=facts[0]))
    return made


def test_a_small_world_by_hand(here: Town) -> None:
    made = small_world(here)
    assert placeable(here, made) == 1
    listed = found(here)
    assert (len(listed.waiting), len(listed.unplaced), listed.proven) == (3, 2, True)
    told = {(one.kind, one.pool, one.places, one.criterion, one.location_code): one for one in listed.found}
    assert told[("place", "MUNICIPAL", 2, "", "")].requests == 1
    assert told[("place", "MUNICIPAL", 1, "", "")].requests == 1
    assert told[("rule", "MUNICIPAL", 0, "addiction", "")].persons == 1
    assert told[("rule", "OMM", 0, "trauma", "")].placed == ("VR17",)
    assert told[("house_rule", "MUNICIPAL", 0, "addiction", "L-001")].organisation_id == "org-linde"
    assert ("rule", "MUNICIPAL", 0, "trauma", "") not in told, "what excludes nobody is no remedy"
    assert not any(one.kind == "house_rule" for one in found(here, houses=False).found)


@pytest.mark.parametrize("seed", range(4))
def test_doing_it_places_as_many_as_was_said(here: Town, seed: int) -> None:
    """A random world; the best remedy of each kind, and one thing that was said to help nobody."""
    chance = Random(seed)  # noqa: S311 - not for secrets
    criteria = ("addiction", "psychiatric", "trauma")
    for number in range(3):
        excluded = {criterion: Stance.EXCLUDES for criterion in criteria if chance.random() < 0.6}
        pool = chance.choice(("MUNICIPAL", "OMM"))
        region = chance.choice(("VR13", "VR17"))
        here.location(f"huis-{number}", region, pool, (chance.randint(1, 2),), excluded)
    coordinator = here.coordinator()
    made = []
    for _ in range(6):
        persons = [{"sex": chance.choice("fm"), "age": 25}] * chance.choice((1, 1, 2))
        facts = {criterion: chance.choice(("yes", "no", "unknown")) for criterion in criteria}
        unsafe = [{"region": "VR13", "reason": "network"}] if chance.random() < 0.3 else []
        asked = {"persons": persons, "facts": facts, "unsafe": unsafe, "residence": chance.choice(("dutch", "none"))}
        made.append(here.request(coordinator, **asked))
    before = placeable(here, made)
    listed = found(here)
    assert before + len(listed.unplaced) == len(made)
    tried: set[str] = set()
    for remedy in listed.found:
        if remedy.kind == "place" and remedy.kind not in tried:
            tried.add(remedy.kind)
            do(here, remedy, chance.choice(remedy.regions))
            assert placeable(here, made) == before + remedy.requests, remedy
            undo(here, remedy)
            assert placeable(here, made) == before
    # Rules last: a rule that was lifted stays lifted.
    for remedy in listed.found:
        if remedy.kind == "rule":
            do(here, remedy, "")
            assert placeable(here, made) == before + remedy.requests, remedy
            break


def test_a_room_with_what_somebody_needs_is_tried_too(here: Town) -> None:
    here.location(places=(2,))
    coordinator = here.coordinator()
    party = [{"sex": "f", "age": 30}, {"sex": "f", "age": 31}]
    here.request(coordinator, persons=party, needs=["wheelchair"], residence="dutch", facts={"addiction": "no"})
    assert {(one.places, one.needs) for one in found(here).found} == {(2, ("wheelchair",))}
    desk = Visitor(here, "loket").get("/landelijk/oplossen").text
    assert "Een kamer voor 2 personen erbij, met wat nodig is (rolstoel)" in desk
    assert "een plek voor 1 aanvraag" in desk
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    nac = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/oplossen").text
    assert "met wat zij nodig hebben: gemeentelijke opvang" in nac
    assert "rolstoel" not in nac


def test_where_most_are_unsafe_is_tried_first_and_where_it_helps_is_still_found(here: Town) -> None:
    unsafe = [{"region": f"VR{number:02d}", "reason": "network"} for number in range(1, 16)]
    here.request(here.coordinator(), unsafe=unsafe, residence="dutch", facts=dict.fromkeys(NATIONAL_CRITERIA, "no"))
    assert {one.regions for one in found(here).found} == {tuple(f"VR{number}" for number in range(16, 26))}
    desk = Visitor(here, "loket").get("/landelijk/oplossen").text
    assert "Zuid-Limburg" in desk
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    nac = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/oplossen").text
    assert "in 10 van de 25 regio’s" in nac
    assert "Zuid-Limburg" not in nac, "where somebody is unsafe is not told"


def test_where_whoever_would_be_in_it_is_not_safe_somebody_else_is(here: Town) -> None:
    """What a room does elsewhere is not said of where the one it would be for cannot go."""
    known = {"residence": "dutch", "facts": dict.fromkeys(NATIONAL_CRITERIA, "no")}
    here.request(here.coordinator(), unsafe=[{"region": "VR13", "reason": "network"}], **known)
    here.clock.turn(minutes=1)
    here.request(here.coordinator("VR15"), region="VR15", urgency="today", **known)
    where = {one.placed: set(one.regions) for one in found(here).found if (one.kind, one.places) == ("place", 1)}
    assert where == {("VR17",): {f"VR{number:02d}" for number in range(1, 26)} - {"VR13"}, ("VR15",): {"VR13"}}


def test_who_reads_what(here: Town) -> None:
    small_world(here)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR13")
    here.provider("linde")
    here.provider("esdoorn")
    nac = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/oplossen").text
    assert "Voor 2 daarvan is er nergens een plek." in nac
    assert "Een kamer voor 2 erbij: gemeentelijke opvang" in nac
    rule = nac.split("Overleg in plaats van een nee bij verslaving, in alle huizen")[1].split("</tr>")[0]
    assert "minder dan 5 aanvragen" in rule, "one person's problem is not told"
    assert "L-001" not in nac
    desk = Visitor(here, "loket").get("/landelijk/oplossen").text
    assert "in huis L-001" in desk
    assert "een plek voor 1 aanvraag" in desk
    elsewhere = Visitor(here, Role.COORDINATOR_REGIONAL).get("/landelijk/oplossen").text
    assert "Voor 0 aanvragen wordt nu een plek gezocht." in elsewhere
    assert "erbij" not in elsewhere, "whom it would place is not of this region"
    own, other = (Visitor(here, name).get("/onze-regels").text for name in ("linde", "esdoorn"))
    assert "in huis L-001" in own
    assert "in huis L-001" not in other
    assert "in huis L-002" in other
    assert Visitor(here, "linde").get("/landelijk/oplossen").status_code == 403
    assert Visitor(here, Role.NATIONAL_COORDINATOR).get("/onze-regels").status_code == 403


def test_with_nobody_left_out_there_is_nothing_to_solve(here: Town) -> None:
    here.location()
    here.request(here.coordinator())
    here.match()
    assert found(here).found == ()


def test_one_place_more_of_a_kind_is_worth_what_having_it_does(here: Town) -> None:
    """Two kinds of places; what one more of each is said to do, against having it."""
    women = {"sexes": ("f",)}
    here.location("linde", "VR13", places=(1,), **women)  # type: ignore[arg-type]
    here.location("esdoorn", "VR17", "OMM", places=(1,))
    coordinator = here.coordinator()
    alone = dict.fromkeys(NATIONAL_CRITERIA, "no")
    made = [here.request(coordinator, residence="dutch", facts=alone) for _ in range(3)]
    before = placeable(here, made)
    listed = worths(here.database, GENEROUS_MS)
    assert (listed.waiting, listed.kinds, listed.proven) == (3, 2, True)
    told = {(one.pool, one.regions, one.sexes): one for one in listed.found}
    kind = told["MUNICIPAL", ("VR13",), ("f",)]
    assert (kind.placed, kind.change) == (("VR17",), "")

    desk = Visitor(here, "loket").get("/landelijk/oplossen/plekken").text
    line = desk.split("voor vrouwen: gemeentelijke opvang")[1].split("</tr>")[0]
    assert "Amsterdam-Amstelland" in line
    assert "een plek voor 1 aanvraag" in line
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    nac = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/oplossen/plekken").text
    line = nac.split("voor vrouwen: gemeentelijke opvang")[1].split("</tr>")[0]
    assert "Amsterdam" not in line, "where it does nothing can be where somebody is not safe"
    assert "minder dan 5 aanvragen" in line, "for whom a room is says who waits"
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR09")
    elsewhere = Visitor(here, Role.COORDINATOR_REGIONAL).get("/landelijk/oplossen/plekken").text
    assert "gemeentelijke opvang</th>" not in elsewhere
    assert "voor vrouwen" not in elsewhere
    here.provider("wilg")
    assert Visitor(here, "wilg").get("/landelijk/oplossen/plekken").status_code == 403

    here.location("beuk", "VR13", places=(1,), **women)  # type: ignore[arg-type]
    assert placeable(here, made) == before + 1


def test_of_rooms_that_differ_in_their_rules_alone_the_best_one_counts_and_no_more_is_told(here: Town) -> None:
    here.location("linde", "VR13", places=(1,), stances={"addiction": Stance.EXCLUDES})
    here.location("esdoorn", "VR13", places=(1,))
    coordinator = here.coordinator()
    addicted = dict.fromkeys(NATIONAL_CRITERIA, "no") | {"addiction": "yes"}
    made = [here.request(coordinator, residence="dutch", facts=addicted) for _ in range(2)]
    assert placeable(here, made) == 1
    (kind,) = worths(here.database, GENEROUS_MS).found
    assert (kind.pool, kind.regions, kind.placed) == ("MUNICIPAL", ("VR13",), ("VR17",))
