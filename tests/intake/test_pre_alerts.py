"""A planned check: the desk is ready, nobody else hears of it, and it holds nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import select

from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.errors import Forbidden, Invalid, NotFound
from nrm.intake import queries, service
from nrm.intake.schemas import PreAlertIn
from nrm.notify.models import Message
from nrm.registry.models import Claim
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.national_desk()
    yield made
    made.database.close()


def announced(here: Town, actor: Actor, begins: float = 24, hours: float = 4, **other: object) -> str:
    start = here.clock.at + timedelta(hours=begins)
    said = {"region": "VR17", "from_at": start, "until_at": start + timedelta(hours=hours), "persons": 12, **other}
    with here.database.transaction(actor.account_id) as tx:
        return service.announce(tx, actor, PreAlertIn.model_validate(said)).id


def seen(here: Town, actor: Actor) -> list[str]:
    with here.database.reading() as tx:
        return [found.id for found in queries.pre_alerts(tx, actor)]


def test_the_desk_sees_it_and_other_organisations_do_not(here: Town) -> None:
    police, officer, coordinator = here.police(), here.duty_officer(), here.coordinator()
    inspectorate = here.police(OrganisationKind.LABOUR_INSPECTORATE)
    here.location(places=(12,))
    planned = announced(here, police)
    assert seen(here, officer) == seen(here, police) == [planned]
    assert seen(here, coordinator) == seen(here, inspectorate) == []
    with here.database.reading() as tx:
        assert tx.session.exec(select(Claim)).all() == []
        [message] = tx.session.exec(select(Message)).all()
    assert "VR17" not in message.subject + message.body
    assert "Rotterdam" not in message.subject + message.body


def test_it_is_gone_when_it_is_over_or_taken_back(here: Town) -> None:
    police, officer = here.police(), here.duty_officer()
    planned = announced(here, police, begins=1, hours=2)
    here.clock.turn(hours=2.9)
    assert seen(here, officer) == [planned]
    here.clock.turn(hours=0.2)
    assert seen(here, officer) == []
    police = here.police()
    later = announced(here, police)
    with here.database.transaction(police.account_id) as tx:
        service.withdraw_pre_alert(tx, police, later)
    assert seen(here, officer) == []
    with here.database.reading() as tx:
        assert [one.due_at for one in tx.session.exec(select(Message)) if later in one.about] == [None]


def test_only_its_own_organisation_takes_it_back(here: Town) -> None:
    planned = announced(here, here.police())
    coordinator = here.coordinator()
    with pytest.raises(NotFound), here.database.transaction(coordinator.account_id) as tx:
        service.withdraw_pre_alert(tx, coordinator, planned)


def test_a_provider_announces_nothing(here: Town) -> None:
    with pytest.raises(Forbidden):
        announced(here, here.provider())
    national = here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    with pytest.raises(Forbidden):
        announced(here, national)


@pytest.mark.parametrize(
    "wrong", [{"hours": 0}, {"hours": -1}, {"hours": 24 * 8}, {"begins": -10}, {"begins": 24 * 61}, {"region": "VR99"}]
)
def test_what_cannot_be_is_refused(here: Town, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        announced(here, here.police(), **wrong)  # type: ignore[arg-type]
