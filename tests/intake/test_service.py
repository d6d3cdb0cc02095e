"""A request always has an owner and a clock, whoever asked."""

import json
from collections.abc import Iterator

import pytest

from nrm import journal
from nrm.access.rules import Role
from nrm.errors import Conflict, Invalid, NotFound
from nrm.intake import queries, service
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.placing.matcher import match_due
from tests.builders import Town, town


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    yield made
    made.database.close()


def stored(here: Town, request_id: str) -> PlacementRequest:
    with here.database.reading() as tx:
        return queries.request(tx, request_id)


def test_the_owner_is_who_asks_or_else_the_desk(here: Town) -> None:
    coordinator, police, officer = here.coordinator(), here.police(), here.duty_officer()
    own, asked, called = here.request(coordinator), here.request(police), here.request(officer)
    assert stored(here, own).owner_account_id == coordinator.account_id
    assert stored(here, own).owner_organisation_id == coordinator.organisation_id
    for request_id, handover in ((asked, True), (called, False)):
        found = stored(here, request_id)
        assert found.owner_organisation_id == officer.organisation_id
        assert found.handover_needed is handover


def test_without_a_desk_a_first_responder_is_told_instead_of_lost(here: Town) -> None:
    organisation = here.organisation("politie", service.OrganisationKind.POLICE)
    here.account("agent", Role.FIRST_RESPONDER, organisation)
    with pytest.raises(Conflict, match="no_duty_desk"):
        here.request(here.actor("agent"))


def test_the_duty_officer_asks_in_the_caller_s_name(here: Town) -> None:
    coordinator, officer = here.coordinator(), here.duty_officer()
    request_id = here.request(officer, on_behalf_of=coordinator.organisation_id)
    assert stored(here, request_id).on_behalf_of == coordinator.organisation_id
    with pytest.raises(Invalid) as refused:
        here.request(coordinator, on_behalf_of=officer.organisation_id)
    assert [field.code for field in refused.value.fields] == ["only_duty_officer"]


ROTTERDAM, SCHIEDAM, THE_HAGUE = "GM0599", "GM0606", "GM0518"


def test_a_municipality_is_learned_whenever_and_changes_nothing_else(here: Town) -> None:
    """Not known is a full answer; said later, it disturbs nobody who is busy with the request, and history stays."""
    coordinator, other = here.coordinator(), here.coordinator("VR15")
    here.location(region="VR17")
    request_id = here.request(coordinator)
    here.match()
    before = stored(here, request_id)
    assert before.municipality_code is None
    for code in (SCHIEDAM, SCHIEDAM, ROTTERDAM, None, ROTTERDAM):
        with here.database.transaction(coordinator.account_id) as tx:
            service.set_municipality(tx, coordinator, request_id, code)
    assert not match_due(here.database), "where somebody was found decides nothing about a place"
    for wrong in (THE_HAGUE, "GM9999"):
        with pytest.raises(Invalid), here.database.transaction(coordinator.account_id) as tx:
            service.set_municipality(tx, coordinator, request_id, wrong)
        with pytest.raises(Invalid):
            here.request(coordinator, municipality=wrong)
    with pytest.raises(NotFound), here.database.transaction(other.account_id) as tx:
        service.set_municipality(tx, other, request_id, ROTTERDAM)
    with here.database.transaction(coordinator.account_id) as tx:
        service.close(tx, coordinator, request_id, Outcome.WITHDRAWN, before.version)
    with here.database.transaction(coordinator.account_id) as tx:
        service.set_municipality(tx, coordinator, request_id, SCHIEDAM)
    assert stored(here, request_id).municipality_code == SCHIEDAM
    with here.database.reading() as tx:
        said = [
            json.loads(entry.data)["municipality"]
            for entry in journal.of_subject(tx.session, f"request:{request_id}")
            if entry.kind in {"request.submitted", "request.municipality_set"}
        ]
    assert said == [None, SCHIEDAM, ROTTERDAM, None, ROTTERDAM, SCHIEDAM]


def test_an_unsafe_municipality_is_kept_as_its_region_only(here: Town) -> None:
    with here.database.reading() as tx:
        one = service.registry.municipalities(tx)[0]
    request_id = here.request(here.coordinator(), unsafe=[{"municipality": one.code, "reason": "family"}])
    with here.database.reading() as tx:
        assert queries.detail(tx, request_id).unsafe == {one.region_code: "family"}


def test_every_field_that_is_wrong_is_named(here: Town) -> None:
    with pytest.raises(Invalid) as refused:
        here.request(
            here.coordinator(),
            unsafe=[{"region": "VR99"}, {"region": "VR01", "municipality": "GM0014"}, {}],
            facts={"nonsense": "yes"},
            needs=["gold"],
            wishes=["lang:xx"],
            apart=["AAAAAA"],
            needed_from="2031-01-01T00:00:00Z",
        )
    assert {"/".join(map(str, field.path)) for field in refused.value.fields} == {
        "unsafe/0", "unsafe/1", "unsafe/2", "facts/nonsense", "needs/0", "wishes/0", "apart/0", "neededFrom"
    }  # fmt: skip


def test_a_code_that_does_not_exist_is_accepted_like_one_that_does(here: Town) -> None:
    coordinator = here.coordinator()
    real = stored(here, here.request(coordinator)).short_code
    for code in (real, "ZZ 0000"):
        with here.database.reading() as tx:
            assert queries.detail(tx, _asked(here, code)).apart == (code,)


def _asked(here: Town, code: str) -> str:
    return here.request(here.coordinator(), apart=[code])


def test_closing_says_how_it_ended_and_stops_the_clock(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    for outcome, error in ((Outcome.ENDED_STAY, Invalid), (Outcome.NO_PLACE, None)):
        with here.database.transaction() as tx:
            if error:
                with pytest.raises(error):
                    service.close(tx, coordinator, request_id, outcome, 1)
            else:
                service.close(tx, coordinator, request_id, outcome, 1)
    found = stored(here, request_id)
    assert (found.status, found.outcome) == ("closed", "no_place")
    with here.database.transaction() as tx, pytest.raises(Conflict, match="already_closed"):
        service.close(tx, coordinator, request_id, Outcome.NO_PLACE, 2)
