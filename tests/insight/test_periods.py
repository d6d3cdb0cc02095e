"""What would have helped over a period: against really having had it, from the same story told again."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlmodel import select

import matching
from nrm.access.rules import OrganisationKind, Role
from nrm.insight import periods, replay, situations
from nrm.insight.models import RemedyGain, RemedyLine, Situation
from nrm.insight.periods import Answer
from nrm.insight.replay import Claim, Line
from nrm.placing import problem as placing
from nrm.registry import service as keeping
from nrm.registry.models import Location
from nrm.registry.rules import Basis, Stance
from nrm.registry.service import NATIONAL_CRITERIA
from tests.builders import SATURDAY_NIGHT, Town, TurnedClock, town
from tests.site import Visitor

MONDAY_NIGHT = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
"""02:30 on the wall: the small hours after the stories here."""

CONSULTED = dict.fromkeys(NATIONAL_CRITERIA, Stance.CONSULT)

Change = Callable[[Town], None]
Told = list[tuple[timedelta, dict[str, Any]]]
"""How long after the start each request comes in, and what is asked."""


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def asked(here: Town, days: int = 28, region: str | None = None) -> dict[Line, Answer]:
    """What is told after the night, by what would have been different; places in each region by themselves."""
    here.clock.at = MONDAY_NIGHT
    while periods.ask_due(here.database, budget_ms=60_000):
        pass
    with here.database.reading() as tx:
        _, found = periods.answers(tx, days, region)
    return {
        Line(one.kind, one.pool, region, one.places, one.criterion, one.location_id, one.hour): one
        for one in found
        for region in one.regions or ("",)
    }


def played(here: Town, told: Told, as_before: dict[int, str] | None = None) -> dict[int, str]:
    """Everybody comes in and whoever is proposed a place takes it: where they were before, or else the first.

    Returns who has a place, by their number, and where.
    """
    as_before = as_before or {}
    made: list[str] = []
    where: dict[int, str] = {}
    for after, fields in told:
        here.clock.at = SATURDAY_NIGHT + after
        made.append(here.request(here.coordinator(), **fields))
        here.match()
        for number, request_id in enumerate(made):
            proposed = [] if number in where else here.proposals(request_id)
            if not proposed:
                continue
            rank = proposed.index(as_before[number]) if as_before.get(number) in proposed else 0
            owner = here.provider(provider_of(here, proposed[rank]))
            here.accept(owner, here.offer(here.coordinator(), request_id, rank + 1))
            where[number] = proposed[rank]
            here.match()
        situations.keep(here.database)
    return where


def provider_of(here: Town, location_id: str) -> str:
    with here.database.reading() as tx:
        owner = tx.session.get_one(Location, location_id).organisation_id
    return owner.removeprefix("org-")


def adult(sex: str = "f", **facts: str) -> dict[str, Any]:
    known = dict.fromkeys(NATIONAL_CRITERIA, "no") | facts
    return {"residence": "dutch", "persons": [{"sex": sex, "age": 30}], "facts": known}


def story(hours: list[int], *fields: dict[str, Any]) -> Told:
    return list(zip((timedelta(hours=one) for one in hours), fields, strict=True))


def strict_house(here: Town) -> None:
    here.location("linde", "VR13", places=(2,), stances={"addiction": Stance.EXCLUDES})


ONE_MORE = Line("place", "MUNICIPAL", "VR13", 1)


def test_a_place_helps_one_at_a_time_and_a_rule_as_many_as_there_is_room_for(here: Town) -> None:
    strict_house(here)
    addicted = adult(addiction="yes")
    assert played(here, story([0, 1, 2, 3], adult(), addicted, addicted, addicted)) == {0: "loc-1"}
    told = asked(here)
    assert told[ONE_MORE].requests == 1, "who is in it keeps the others out"
    assert told[ONE_MORE].regions == tuple(f"VR{number:02d}" for number in range(1, 26))
    assert told[Line("rule", "MUNICIPAL", criterion="addiction")].requests == 1, "two beds, one of them taken"
    assert told[Line("house_rule", "MUNICIPAL", criterion="addiction", location_id="loc-1")].persons == 1
    with here.database.reading() as tx:
        basis, _ = periods.answers(tx, 28)
        assert periods.answers(tx, 28, "VR13") == (None, []), "nobody of there was without"
        assert periods.answers(tx, 28, "VR17")[1][0].requests == 1
        assert set(tx.session.exec(select(Situation.state))) == {"asked"}
    assert basis == periods.Basis(date(2026, 11, 22), date(2026, 11, 22), 3, 3, 0, 3)
    assert not periods.ask_due(here.database), "a night has its answers once"


@pytest.fixture
def twice(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[Change], Town]]:
    """Towns of their own, each a new beginning of the same story."""
    made: list[Town] = []

    def again(settle: Change) -> Town:
        copy = tmp_path / f"{len(made)}.sqlite3"
        shutil.copyfile(sqlite_template, copy)
        made.append(town(f"sqlite:///{copy}", TurnedClock()))
        settle(made[-1])
        return made[-1]

    yield again
    for one in made:
        one.database.close()


@pytest.mark.parametrize("seed", range(3))
def test_really_having_had_it_places_as_many_more(twice: Callable[[Change], Town], seed: int) -> None:
    """A drawn story, told once as it was and once more with what was said to help: commitments kept, nobody leaves."""
    chance = Random(seed)  # noqa: S311 - not for secrets
    criteria = ("addiction", "psychiatric")
    excluded = [{criterion: Stance.EXCLUDES for criterion in criteria if chance.random() < 0.6} for _ in range(3)]
    told = []
    for number in range(8):
        facts = {criterion: chance.choice(("yes", "no", "no")) for criterion in criteria}
        unsafe = [{"region": "VR13", "reason": "network"}] if chance.random() < 0.3 else []
        told.append((timedelta(hours=3 * number), {**adult(chance.choice("fm"), **facts), "unsafe": unsafe}))

    def settle(here: Town) -> None:
        for number, stances in enumerate(excluded):
            here.location(f"huis-{number}", "VR17", places=(1,), stances=stances)

    first = twice(settle)
    before = played(first, told)
    said = asked(first)
    lines: list[tuple[Line, Change]] = [
        (ONE_MORE, lambda here: _added(here, "VR13")),
        (Line("place", "MUNICIPAL", "VR08", 1), lambda here: _added(here, "VR08")),
        *((Line("rule", "MUNICIPAL", criterion=one), lambda here, one=one: lifted(here, one)) for one in criteria),
    ]
    assert any(line in said for line, _ in lines)
    for line, change in lines:

        def changed(here: Town, change: Change = change) -> None:
            settle(here)
            change(here)

        after = played(twice(changed), told, before)
        expected = said[line].requests if line in said else 0
        assert len(after) - len(before) == expected, (line, before, after)


def _added(here: Town, region: str) -> None:
    here.location("nieuw", region, places=(1,), stances=CONSULTED)


def lifted(here: Town, criterion: str) -> None:
    for number in range(3):
        owner = here.provider(f"huis-{number}")
        with here.database.transaction(owner.account_id) as tx:
            keeping.set_rule(tx, owner, f"loc-{number + 1}", criterion, Stance.CONSULT, Basis.CHOICE, "proef")


def test_a_place_helps_nobody_where_it_is_not_safe_for_them(twice: Callable[[Change], Town]) -> None:
    here = twice(strict_house)
    unsafe = {"unsafe": [{"region": "VR13", "reason": "network"}]}
    played(here, story([0], {**adult(addiction="yes"), **unsafe}))
    told = asked(here)
    assert ONE_MORE not in told
    assert len(told[replace(ONE_MORE, region="VR08")].regions) == 24


def test_a_situation_is_kept_when_somebody_else_has_no_place_and_each_hour(twice: Callable[[Change], Town]) -> None:
    here = twice(strict_house)
    assert not situations.keep(here.database)
    here.request(here.coordinator(), **adult(addiction="yes"))
    assert not situations.keep(here.database), "nobody looked for a place yet"
    here.match()
    assert situations.keep(here.database)
    here.clock.turn(minutes=30)
    assert not situations.keep(here.database)
    here.request(here.coordinator(), **adult(addiction="yes"))
    here.match()
    assert situations.keep(here.database), "somebody who was not in the last"
    here.clock.turn(minutes=61)
    assert situations.keep(here.database)
    with here.database.reading() as tx:
        kept = list(tx.session.exec(select(Situation).order_by(Situation.at)))  # type: ignore[arg-type]
        assert len({one.houses for one in kept}) == 1, "the houses once"
        assert situations.loaded(tx, kept[-1]) == situations.problem(tx, placing.waiting(tx))


def test_figures_that_could_be_relied_on_and_intake_at_night_are_things_too(twice: Callable[[Change], Town]) -> None:
    def settle(here: Town) -> None:
        here.location("oud", confirmed_minutes_ago=60 * 24 * 3, places=(1,))
        here.location("overdag", pool="OMM", places=(1,))
        owner = here.provider("overdag")
        with here.database.transaction(owner.account_id) as tx:
            keeping.set_intake_hours(tx, owner, "loc-2", time(9), time(17))

    here = twice(settle)
    here.request(here.coordinator(), **adult())
    here.request(here.coordinator(), **adult(addiction="yes", psychiatric="yes"))
    here.request(here.coordinator(), **adult(addiction="yes", psychiatric="yes"))
    here.match()
    assert situations.keep(here.database)
    told = asked(here)
    assert told[Line("fresh", "MUNICIPAL")].requests == 1
    assert told[Line("hours", "OMM", hour=23)].requests == 1
    assert not any(line.kind == "fresh" and line.pool == "OMM" for line in told)


def test_of_a_day_with_many_situations_some_are_drawn_and_only_at_night(twice: Callable[[Change], Town]) -> None:
    here = twice(strict_house)
    here.request(here.coordinator(), **adult(addiction="yes"))
    here.match()
    situations.keep(here.database)
    with here.database.transaction() as tx:
        (first,) = tx.session.exec(select(Situation))
        for number in range(40):
            content = first.model_dump() | {"id": f"s{number}", "at": first.at + timedelta(hours=1, minutes=number)}
            tx.session.add(Situation(**content))
    here.clock.at = MONDAY_NIGHT + timedelta(hours=9)
    assert not periods.ask_due(here.database), "by day everybody has something else to do"
    assert asked(here)[ONE_MORE].requests == 1
    with here.database.reading() as tx:
        states = list(tx.session.exec(select(Situation.state)))
        basis, _ = periods.answers(tx, 91)
    assert (states.count("asked"), states.count("left_out")) == (1 + periods.ASKED_PER_DAY, 16)
    assert basis
    assert (basis.kept, basis.asked, basis.cut) == (41, 25, 0)
    here.clock.turn(days=periods.KEPT_DAYS + 2)
    while periods.ask_due(here.database):
        pass
    with here.database.reading() as tx:
        assert not tx.session.exec(select(Situation)).all()
        assert not tx.session.exec(select(RemedyGain)).all()


def test_with_no_time_left_it_is_said_that_it_was_cut_short(twice: Callable[[Change], Town]) -> None:
    here = twice(strict_house)
    played(here, story([0], adult(addiction="yes")))
    here.clock.at = MONDAY_NIGHT
    while periods.ask_due(here.database, budget_ms=0):
        pass
    with here.database.reading() as tx:
        basis, found = periods.answers(tx, 28)
        assert not tx.session.exec(select(RemedyLine)).all()
    assert basis
    assert (basis.cut, found) == (1, [])


def test_who_really_came_is_never_put_out() -> None:
    at = SATURDAY_NIGHT
    unit = matching.Unit(id="u", location="l", region="VR01", pool="OMM", places=2)
    problem = matching.Problem(criteria=(), units=(unit,), requests=())
    one, two = (Claim(name, "VR02", 1, "u", at, at + timedelta(days=9)) for name in ("a", "b"))
    assert replay.kept(problem, at, (one, two)) == ((one, two), [])
    full = replace(problem, units=(replace(unit, places=1),))
    assert replay.kept(full, at, (one, two)) == ((one,), [two]), "somebody else is really there"
    itself = replace(full, occupants={"l": ("a",)})
    assert replay.kept(itself, at, (one, two)) == ((two,), []), "who is really there needs no claim"
    assert replay.kept(problem, at + timedelta(days=9), (one,)) == ((), []), "by then they have left"
    extra = replace(one, unit="one-more")
    assert replay.kept(replace(problem, units=()), at, (extra, one)) == ((extra,), [one])


def test_an_interval_holds_what_other_days_like_these_would_have_brought() -> None:
    assert replay.interval([0] * 28, 1) == (0, 0)
    assert replay.interval([1] * 28, 1) == (28, 28)
    low, high = replay.interval([1] * 14 + [0] * 14, 1)
    # Binomial of 28 and a half: 90 in a hundred lie between 10 and 18.
    assert (low, high) == (10, 18)
    assert replay.interval([*[0] * 27, -1], 1)[0] == 0


def test_who_reads_what_had_helped(twice: Callable[[Change], Town]) -> None:
    here = twice(strict_house)
    here.national_desk()
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR13")
    here.provider("linde")
    here.provider("ander")
    path = "/landelijk/oplossen?dagen=28"
    assert "Er is nog niets uitgerekend." in Visitor(here, "loket").get(path).text
    played(here, story([0, 1], adult(addiction="yes"), adult(addiction="yes")))
    asked(here)
    nac = Visitor(here, Role.NATIONAL_COORDINATOR).get(path).text
    assert "was er voor 2 aanvragen een tijd lang geen plek" in nac
    place = nac.split("Eén plek erbij: gemeentelijke opvang")[1].split("</tr>")[0]
    assert "in elke regio" in place
    assert "een plek voor 1 aanvraag" in place
    rule = nac.split("Overleg in plaats van een nee bij verslaving, in alle huizen")[1].split("</tr>")[0]
    assert "minder dan 5 aanvragen" in rule, "two persons' problem is not told"
    assert "te weinig om te zeggen" in rule
    assert "L-001" not in nac
    desk = Visitor(here, "loket").get(path).text
    assert "in huis L-001" in desk
    assert "een plek voor 2 aanvragen" in desk
    assert "erbij" not in Visitor(here, Role.COORDINATOR_REGIONAL).get(path).text
    own, other = (Visitor(here, name).get("/onze-regels").text for name in ("linde", "ander"))
    past = own.split("Wat in de laatste 91 dagen had geholpen")[1]
    assert "in huis L-001" in past
    assert "minder dan 5 aanvragen" in past
    assert "had geholpen" not in other
