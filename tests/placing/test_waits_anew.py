"""Whoever waits anew is watched anew, and an offer that should not have been asked any more is taken back."""

from collections.abc import Iterator

import pytest
from sqlmodel import col, select

from nrm.access.rules import OrganisationKind
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm, Escalation
from nrm.intake import queries as intake
from nrm.intake import service as requests
from nrm.intake.schemas import AmendIn
from nrm.placing import service, staying
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def rungs(here: Town, request_id: str) -> list[tuple[int, int, str]]:
    with here.database.reading() as tx:
        found = tx.session.exec(
            select(Escalation.number, Alarm.rung, Alarm.role)
            .join(Alarm, col(Alarm.escalation_id) == Escalation.id)
            .where(Escalation.request_id == request_id)
        )
        return sorted(found.all())


def amended(here: Town, request_id: str, **fields: object) -> None:
    coordinator = here.coordinator()
    with here.database.transaction(coordinator.account_id) as tx:
        version = intake.request(tx, request_id).version
        said = {"urgency": "now", "persons": [{"sex": "m", "age": 30}], "version": version, **fields}
        requests.amend(tx, coordinator, request_id, AmendIn.model_validate(said))


def test_a_ladder_that_was_used_up_begins_again_when_nobody_came(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    here.clock.turn(hours=-1)
    request_id = here.request(coordinator)
    here.clock.turn(hours=3)
    for _ in range(4):
        escalation.run_due(here.database)
        here.clock.turn(minutes=30)
    first = rungs(here, request_id)
    assert [(number, rung) for number, rung, _ in first] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    here.match()
    stay_id = here.accept(provider, here.offer(coordinator, request_id))
    assert stay_id is not None
    with here.database.transaction(provider.account_id) as tx:
        staying.not_arrived(tx, provider, stay_id, version=1)
    escalation.run_due(here.database)
    again = rungs(here, request_id)[len(first) :]
    assert again[0] == (1, 0, first[0][2]), "from the bottom"
    here.clock.turn(hours=2)
    escalation.run_due(here.database)
    assert [role for _, _, role in rungs(here, request_id)[len(first) :]] == [role for _, _, role in first]


def test_a_police_refusal_learned_late_takes_the_question_from_the_inspectorate(here: Town) -> None:
    coordinator, inspectorate = here.coordinator(), here.police(OrganisationKind.LABOUR_INSPECTORATE)
    here.provider()
    here.location(pool="NLA")
    labour = {"exploitation": "labour", "residence": "none", "persons": [{"sex": "m", "age": 30}]}
    request_id = here.request(coordinator, **labour)
    here.match()
    here.offer(coordinator, request_id)
    amended(here, request_id, exploitation="labour", residence="none", refuses_police=True)
    assert service.withdraw_unfit(here.database) == 1
    here.match()
    second = here.offer(coordinator, request_id)
    with here.database.reading() as tx:
        answers = {needed.by for offer in service.queries.offers(tx, request_id) for needed in offer.answers}
        asked_now = next(offer for offer in service.queries.offers(tx, request_id) if offer.id == second)
    assert OrganisationKind.LABOUR_INSPECTORATE in answers, "asked first, before the refusal was known"
    assert inspectorate.organisation_id not in {needed.organisation_id for needed in asked_now.answers}


def test_a_party_that_turns_out_to_be_a_minor_alone_loses_its_adult_offer(here: Town) -> None:
    coordinator = here.coordinator()
    here.provider(), here.national_desk()
    here.location()
    request_id = here.request(coordinator)
    here.match()
    here.offer(coordinator, request_id)
    amended(here, request_id, persons=[{"sex": "f", "age": 17}])
    assert service.withdraw_unfit(here.database) == 1
    here.match()
    assert here.proposals(request_id) == []
    escalation.run_due(here.database)
    assert rungs(here, request_id)[0] == (0, 0, "duty_officer")


def test_amending_days_later_may_keep_the_day_it_was_needed_from(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator, urgency="planned")
    here.clock.turn(days=2)
    with here.database.reading() as tx:
        needed_from = intake.request(tx, request_id).needed_from
    amended(here, request_id, urgency="planned", needed_from=needed_from)
