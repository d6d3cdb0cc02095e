"""Planting: once, in one transaction, through the real services, and a demo that can be walked at any hour."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from nrm import journal, policy
from nrm.access import queries as access
from nrm.access.models import Account, Organisation
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.access.service import PASSWORD_CHARACTERS_MIN, add_organisation, password_fits
from nrm.course import queries as course
from nrm.db import Database
from nrm.errors import Conflict
from nrm.intake import queries as intake
from nrm.intake.rules import Sex, Urgency
from nrm.intake.schemas import PersonIn, RequestIn
from nrm.intake.service import submit
from nrm.placing import matcher
from nrm.placing import queries as placing
from nrm.registry import queries as registry
from nrm.registry import service as registry_service
from nrm.registry.rules import FreshnessBand, PlaceState
from nrm.seal import AddressKey, Sealed
from nrm.tables import metadata
from nrm.world import generator, seed
from nrm.world.seed import DEMO_PASSWORD, DemoAccount, plant

KEY = AddressKey(bytes(range(32)))
NIGHT = datetime(2026, 11, 21, 22, 40, tzinfo=UTC)


class StandingClock:
    """A clock that says what it was told."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(NIGHT)


@pytest.fixture
def database(database_url: str, clock: StandingClock) -> Iterator[Database]:
    database = Database(database_url, clock)
    yield database
    database.close()


def contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with database.reading() as tx:
        return {
            table.name: sorted((tuple(row) for row in tx.session.execute(table.select())), key=repr)
            for table in metadata.sorted_tables
        }


def test_planting_twice_changes_nothing(database: Database) -> None:
    first = plant(database, KEY)
    before = contents(database)
    assert plant(database, KEY) == first
    assert contents(database) == before


def test_two_starts_at_once_plant_once(database: Database) -> None:
    results: list[list[DemoAccount]] = []
    starts = [threading.Thread(target=lambda: results.append(plant(database, KEY))) for _ in range(2)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert len(results) == 2
    assert results[0] == results[1]


def test_a_planting_that_dies_halfway_leaves_nothing(database: Database) -> None:
    class DiesLater(AddressKey):
        sealed = 0

        def seal(self, location_id: str, address: str) -> Sealed:
            self.sealed += 1
            if self.sealed == 30:
                raise RuntimeError("killed")
            return super().seal(location_id, address)

    before = contents(database)
    with pytest.raises(RuntimeError):
        plant(database, DiesLater(bytes(32)))
    assert contents(database) == before
    assert plant(database, KEY)


def test_nothing_is_planted_among_real_records(database: Database) -> None:
    with database.transaction() as tx:
        add_organisation(tx, Organisation(id="real", kind="provider", name="Echt"))
    with pytest.raises(Conflict, match="database_in_use"):
        plant(database, KEY)


def test_a_database_that_was_only_prepared_may_be_planted(database: Database) -> None:
    with database.transaction() as tx:
        registry_service.load_reference_data(tx)
        policy.ensure_first_versions(tx)
    assert plant(database, KEY)


def test_the_accounts_are_demo_accounts_with_the_published_password(database: Database) -> None:
    accounts = plant(database, KEY)
    assert len(DEMO_PASSWORD) >= PASSWORD_CHARACTERS_MIN
    with database.reading() as tx:
        stored = {account.login: account for account in tx.session.exec(select(Account))}
        assert stored.keys() == {account.login for account in accounts}
        assert all(account.demo for account in stored.values())
        assert password_fits(stored["beheer"].password_hash, DEMO_PASSWORD)
        assert access.on_duty(tx) == [("Piketdienst", "CoMensha")]
    assert {account.role for account in accounts} == set(Role) - {Role.EXERCISE_LEADER}, "whom only an exercise has"
    assert [account.where for account in accounts][:3] == ["Rotterdam-Rijnmond", "Utrecht", "Rotterdam-Rijnmond"]


def test_the_database_holds_the_generated_world(database: Database) -> None:
    plant(database, KEY, seed=7)
    world = generator.world(7, NIGHT)
    with database.reading() as tx:
        views = {view.location.id: view for view in registry.locations(tx)}
        assert views.keys() == {found.id for found in world.locations}
        taken = {place for stay in world.stays for place in stay.place_ids}
        closed = {closure.place_id for closure in world.closures}
        for found in world.locations:
            view = views[found.id]
            assert view.confirmed_at == found.confirmed_at
            assert view.paused == (found.pause is not None)
            for place in (place for unit in view.units for place in unit.places):
                assert (place.state is PlaceState.OCCUPIED) == (place.id in taken)
                assert (place.state is PlaceState.OUT_OF_SERVICE) == (place.id in closed)
            assert registry_service.unseal_address(tx, KEY, found.id) == found.address


def test_open_requests_wait_and_one_is_overdue(database: Database) -> None:
    plant(database, KEY)
    with database.reading() as tx:
        waiting = intake.unplaced(tx)
        assert len(waiting) == 7
        assert sum(found.minor_alone for found in waiting) == 1
        assert sum(intake.is_unmet(found, NIGHT) for found in waiting) == 1
        assert any(timedelta(0) < found.deadline_at - NIGHT <= timedelta(minutes=15) for found in waiting)
        police = [found for found in waiting if found.submitted_organisation_id == "politie-vr17"]
        assert [found.owner_organisation_id for found in police] == ["comensha"]
        assert all(found.handover_needed for found in police)
        bridged = course.live_bridges(tx, [found.id for found in waiting])
        assert list(bridged.values()) == ["hotel"]


def test_the_journal_is_whole_and_in_order(database: Database) -> None:
    plant(database, KEY)
    with database.reading() as tx:
        assert list(journal.faults(tx.session)) == []
        entries = journal.after(tx.session, 0, 100_000)
    moments = [entry.at for entry in entries]
    assert moments == sorted(moments)
    assert moments[0] == NIGHT - seed.HISTORY
    assert moments[-1] == NIGHT


def test_no_address_stands_in_the_clear_in_the_journal_or_anywhere_else(database: Database) -> None:
    plant(database, KEY)
    for table, rows in contents(database).items():
        assert "CANARY" not in repr(rows), table
        assert "Verzonnenlaan" not in repr(rows), table


def test_a_bare_request_is_proposed_to_somebody_who_can_log_in(database: Database, clock: StandingClock) -> None:
    """Under ten fields, at night and after a working day of demo: the answer can be given in the demo."""
    plant(database, KEY)
    demo_providers = {"Voorbeeldopvang De Linde", "Voorbeeldopvang De Esdoorn"}
    for hours in (0, 8):
        clock.at = NIGHT + timedelta(hours=hours)
        asked = [bare_request(database, "coordinator-rotterdam", "VR17")]
        asked.append(bare_request(database, "coordinator-utrecht", "VR09"))
        matcher.match(database)
        with database.reading() as tx:
            for request_id in asked:
                found = placing.proposals(tx, request_id)
                assert found is not None
                assert found.proposals[0].provider in demo_providers
                assert len({proposal.location_code for proposal in found.proposals}) > 1


def bare_request(database: Database, login: str, region: str) -> str:
    with database.reading() as tx:
        account = access.account_by_login(tx, login)
        assert account is not None
        actor = Actor(
            account_id=account.id,
            name=account.name,
            role=Role.COORDINATOR,
            organisation_id=account.organisation_id,
            organisation_name="",
            organisation_kind=OrganisationKind.CARE_COORDINATION,
            region_code=region,
            on_shift=False,
            session_id="",
            authenticated_at=tx.now,
        )
    with database.transaction(account.id) as tx:
        woman = PersonIn(sex=Sex.F, age=27)
        return submit(tx, actor, RequestIn(region=region, urgency=Urgency.NOW, persons=(woman,))).id


def test_the_matcher_takes_the_world_and_freshness_stays_mixed(database: Database, clock: StandingClock) -> None:
    plant(database, KEY)
    assert matcher.match(database) == 6
    for hours in (0, 8):
        clock.at = NIGHT + timedelta(hours=hours)
        with database.reading() as tx:
            bands = {view.freshness.band for view in registry.locations(tx)}
        assert bands == set(FreshnessBand), hours
