"""The national list: kept by the desk, ordered, retired into history, and never a reason to lose what was said."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from nrm import journal
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.registry import queries, service
from nrm.registry.rules import Basis, Stance, criterion_code, tightens
from tests.builders import Town, town
from tests.registry.test_asking import at_once


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def listed(here: Town) -> list[str]:
    with here.database.reading() as tx:
        return queries.criteria(tx)


def keep(here: Town, code: str, active: bool, place: int) -> None:
    desk = here.national_desk()
    with here.database.transaction(desk.account_id) as tx:
        service.keep_criterion(tx, desk, code, active, place)


def add(here: Town, name: str) -> str:
    desk = here.national_desk()
    with here.database.transaction(desk.account_id) as tx:
        return service.add_criterion(tx, desk, name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Slaapstoornis", "slaapstoornis"),
        ("  Ernstig één-op-één toezicht! ", "ernstig_een_op_een_toezicht"),
        ("!?", ""),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_code_is_made_of_the_name(name: str, code: str) -> None:
    assert criterion_code(name) == code


def test_stricter_is_towards_excluding() -> None:
    order = (Stance.ACCEPTS, Stance.CONSULT, Stance.EXCLUDES)
    assert [(a, b) for a in order for b in order if tightens(a, b)] == [
        (Stance.ACCEPTS, Stance.CONSULT),
        (Stance.ACCEPTS, Stance.EXCLUDES),
        (Stance.CONSULT, Stance.EXCLUDES),
    ]


def test_a_new_one_is_open_everywhere_and_ends_unconditional_until_answered(here: Town) -> None:
    provider = here.provider()
    house = here.location()

    def unconditional() -> bool:
        with here.database.reading() as tx:
            return queries.locations(tx, location_id=house)[0].units[0].unconditional

    assert unconditional()
    code = add(here, "Slaapstoornis")
    assert listed(here)[-1] == code == "slaapstoornis"
    assert not unconditional()
    with here.database.transaction() as tx:
        service.set_rule(tx, provider, house, code, Stance.ACCEPTS, Basis.CHOICE, "")
    assert unconditional()


def test_a_retired_one_bars_nobody_and_stays_as_history(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(stances={"addiction": Stance.EXCLUDES})
    request_id = here.request(coordinator, facts={"addiction": "yes"})
    here.match()
    assert here.proposals(request_id) == []
    keep(here, "addiction", False, 1)
    here.match()
    assert here.proposals(request_id) == [house]
    assert "addiction" not in listed(here)
    with here.database.reading() as tx:
        assert [rule.stance for rule in queries.rule_history(tx, house, "addiction")] == ["excludes"]
        assert queries.all_criteria(tx)[-1].code == "addiction"
        assert [entry.kind for entry in journal.of_subject(tx.session, "criterion:addiction")] == ["criterion.kept"]
    with here.database.transaction() as tx, pytest.raises(Invalid):
        service.set_rule(tx, provider, house, "addiction", Stance.ACCEPTS, Basis.CHOICE, "")
    keep(here, "addiction", True, 99)
    assert listed(here)[-1] == "addiction"
    here.match()
    assert here.proposals(request_id) == []


def test_the_order_is_the_desk_s(here: Town) -> None:
    first, second, *rest = listed(here)
    keep(here, first, True, 2)
    assert listed(here) == [second, first, *rest]
    keep(here, first, True, 1)
    assert listed(here) == [first, second, *rest]


def test_what_is_refused(here: Town) -> None:
    desk = here.national_desk()
    for name, refusal, code in (("Trauma", Conflict, "criterion_exists"), ("...", Invalid, "invalid")):
        with here.database.transaction() as tx, pytest.raises(refusal, match=code):
            service.add_criterion(tx, desk, name)
    with here.database.transaction() as tx, pytest.raises(NotFound, match="no_criterion"):
        service.keep_criterion(tx, desk, "verzonnen", True, 1)
    for actor in (here.provider(), here.coordinator(), here.duty_officer()):
        with here.database.transaction() as tx, pytest.raises(Forbidden):
            service.add_criterion(tx, actor, "Slaapstoornis")
        with here.database.transaction() as tx, pytest.raises(Forbidden):
            service.keep_criterion(tx, actor, "trauma", False, 1)
    for number in range(service.CRITERIA_MAX - len(listed(here))):
        add(here, f"onderwerp {number}")
    with here.database.transaction() as tx, pytest.raises(Conflict, match="list_full"):
        service.add_criterion(tx, desk, "een te veel")


def test_two_who_order_at_once_lose_none(here: Town) -> None:
    before = listed(here)
    here.national_desk()
    at_once([lambda code=code: keep(here, code, True, 1) for code in before[-3:]])  # type: ignore[misc]
    assert sorted(listed(here)) == sorted(before)
    with here.database.reading() as tx:
        assert sorted(found.position for found in queries.all_criteria(tx)) == list(range(len(before)))


def test_rules_to_review_are_the_desk_s_of_all_and_a_provider_s_own(here: Town) -> None:
    mine, theirs = here.location(), here.location("ander")
    for name, house in (("aanbieder", mine), ("ander", theirs)):
        provider = here.provider(name)
        with here.database.transaction() as tx:
            today = tx.now.date()
            service.set_rule(
                tx, provider, house, "trauma", Stance.EXCLUDES, Basis.CHOICE, "omdat", None, today + timedelta(days=14)
            )
    with here.database.reading() as tx:
        by = today + timedelta(days=14)
        assert [one.location.id for one in queries.rules_to_review(tx, by)] == [mine, theirs]
        own = queries.rules_to_review(tx, by, here.organisations["ander"])
        assert [(one.location.id, one.rule.criterion) for one in own] == [(theirs, "trauma")]
        assert queries.rules_to_review(tx, by - timedelta(days=1)) == []
    keep(here, "trauma", False, 1)
    with here.database.reading() as tx:
        assert queries.rules_to_review(tx, by) == []
