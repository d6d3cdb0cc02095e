"""Houses that several municipalities pay for, and rooms that serve as a crisis bed for a while."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select

from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.course import queries as course
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.placing import queries as placing
from nrm.placing import staying
from nrm.placing.models import OfferAnswer
from nrm.registry import joint, queries
from nrm.registry.models import Unit
from nrm.registry.rules import DISPLACED, PlaceState, Use, designated, may_not_use_yet, place_state
from nrm.registry.schemas import AgreementIn
from tests.builders import Town, town

ROTTERDAM, DORDRECHT = "GM0599", "GM0505"


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer()
    made.provider()
    yield made
    made.database.close()


def agree(here: Town, location_id: str, by: Actor | None = None, **said: object) -> None:
    actor = by or here.provider()
    with here.database.reading() as tx:
        version = queries.agreement(tx, location_id).version
    shape = AgreementIn.model_validate(
        {"shares": [{"municipality": ROTTERDAM, "parts": 2}], "version": version, **said}
    )
    with here.database.transaction(actor.account_id) as tx:
        joint.agree(tx, actor, location_id, shape)


def use(here: Town, unit_id: str, what: Use) -> None:
    provider = here.provider()
    with here.database.transaction() as tx:
        joint.set_use(tx, provider, unit_id, what)


def designate(here: Town, unit_id: str, hours: int = 24, displaces: str = "respite") -> None:
    provider = here.provider()
    with here.database.transaction() as tx:
        joint.designate(tx, provider, unit_id, tx.now + timedelta(hours=hours), displaces)


def occupy(here: Town, place_id: str, other_group: bool) -> None:
    provider = here.provider()
    with here.database.transaction() as tx:
        staying.occupy(tx, provider, place_id, other_group=other_group)


def states(here: Town, location_id: str) -> list[str]:
    with here.database.reading() as tx:
        (view,) = queries.locations(tx, location_id=location_id)
        return [place.state.value for unit in view.units for place in unit.places]


def shut_out(here: Town, request_id: str) -> set[str]:
    with here.database.reading() as tx:
        found = placing.proposals(tx, request_id)
        assert found is not None
        return {one.code for one in found.shut_out}


# Owners first


@pytest.mark.parametrize(
    ("after", "owners", "waited", "at_once", "waits"),
    [
        (4, {"VR17"}, 3, False, True),
        (4, {"VR17"}, 4, False, False),
        (0, {"VR17"}, 0, False, False),
        (None, {"VR17"}, 10_000, False, True),
        (None, {"VR17"}, 0, True, False),
        (None, {"VR17", "VR09"}, 0, False, False),
        (None, set(), 0, False, False),
    ],
)
def test_who_leaves_a_joint_house_to_its_owners(
    after: int | None, owners: set[str], waited: int, at_once: bool, waits: bool
) -> None:
    assert may_not_use_yet(after, owners, "VR09", waited, at_once) is waits


def test_the_owners_first_and_then_whoever_waited_long_enough(here: Town) -> None:
    house = here.location(region="VR13")
    agree(here, house, lendAfterHours=4)
    own = here.request(here.coordinator(), urgency="today")
    elsewhere = here.request(here.coordinator("VR09"), region="VR09", urgency="today")
    here.match()
    assert here.proposals(own) == [house]
    assert here.proposals(elsewhere) == []
    assert "barred:lending" in shut_out(here, elsewhere)
    here.clock.turn(hours=4)
    here.match()
    assert here.proposals(elsewhere) == [house]


def test_nobody_who_needs_a_bed_at_once_waits_for_who_pays(here: Town) -> None:
    house = here.location(region="VR13")
    agree(here, house, lendAfterHours=None)
    at_once = here.request(here.coordinator("VR09"), region="VR09", urgency="now")
    later = here.request(here.coordinator("VR09"), region="VR09", urgency="planned")
    here.match()
    assert here.proposals(at_once) == [house]
    here.clock.turn(days=10)
    here.match()
    assert here.proposals(later) == []


def test_a_house_that_is_lent_no_more_is_judged_again_when_it_says_yes(here: Town) -> None:
    house, coordinator = here.location(region="VR13"), here.coordinator("VR09")
    request_id = here.request(coordinator, region="VR09", urgency="today")
    here.match()
    offer_id = here.offer(coordinator, request_id)
    agree(here, house, lendAfterHours=None)
    with pytest.raises(Conflict, match="no_longer_fits") as refusal:
        here.accept(here.provider(), offer_id)
    assert refusal.value.reasons == ("barred:lending",)


def test_an_agreement_is_the_providers_own_and_is_never_half_written(here: Town) -> None:
    house, other = here.location(), here.provider("ander")
    agree(here, house, shares=[{"municipality": ROTTERDAM, "parts": 3}, {"municipality": DORDRECHT, "parts": 1}])
    with pytest.raises(NotFound):
        agree(here, house, other)
    for said, at in (
        ({"shares": [{"municipality": "GM9999", "parts": 1}]}, ("shares", 0, "municipality")),
        ({"shares": [{"municipality": ROTTERDAM, "parts": 1}] * 2}, ("shares",)),
        ({"ringFenced": 3}, ("ringFenced",)),
    ):
        with pytest.raises(Invalid) as wrong:
            agree(here, house, **said)
        assert [error.path for error in wrong.value.fields] == [at]
    with here.database.reading() as tx:
        standing = queries.agreement(tx, house)
    assert [(share.name, share.parts) for share in standing.shares] == [("Rotterdam", 3), ("Dordrecht", 1)]
    assert standing.version == 1


def test_of_two_who_write_at_once_one_is_told(here: Town) -> None:
    house, provider = here.location(), here.provider()
    shape = AgreementIn.model_validate({"shares": [], "ringFenced": 1, "version": 0})

    def write(_: int) -> str:
        try:
            with here.database.transaction() as tx:
                joint.agree(tx, provider, house, shape)
        except Conflict as refusal:
            return refusal.code
        return "written"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(write, range(4))) == ["changed_meanwhile"] * 3 + ["written"]


def test_a_municipality_that_merged_away_owns_nothing_any_more(here: Town) -> None:
    house = here.location(region="VR13")
    agree(here, house, lendAfterHours=None)
    with here.database.transaction() as tx:
        gone = next(found for found in queries.municipalities(tx) if found.code == ROTTERDAM)
        gone.valid_until = tx.now.date()
        tx.session.add(gone)
    request_id = here.request(here.coordinator("VR09"), region="VR09", urgency="today")
    here.match()
    assert here.proposals(request_id) == [house], "owners nobody knows keep nobody out"


# Kept for victims of human trafficking, and a first period


def test_other_groups_never_take_what_is_kept(here: Town) -> None:
    house = here.location(places=(1, 1, 1))
    agree(here, house, ringFenced=2)
    occupy(here, f"{house}-u1-p1", other_group=True)
    with pytest.raises(Conflict, match="ring_fenced"):
        occupy(here, f"{house}-u2-p1", other_group=True)
    occupy(here, f"{house}-u2-p1", other_group=False)
    assert states(here, house) == ["occupied", "occupied", "free"]


def test_a_private_room_counts_whole(here: Town) -> None:
    house = here.location(places=(3, 1), private=True)
    agree(here, house, ringFenced=2)
    with pytest.raises(Conflict, match="ring_fenced"):
        occupy(here, f"{house}-u1-p1", other_group=True)
    occupy(here, f"{house}-u2-p1", other_group=True)


def test_two_other_groups_at_once_leave_what_is_kept(here: Town) -> None:
    house, provider = here.location(places=(1, 1, 1, 1)), here.provider()
    agree(here, house, ringFenced=3)

    def take(number: int) -> str:
        try:
            with here.database.transaction() as tx:
                staying.occupy(tx, provider, f"{house}-u{number}-p1", other_group=True)
        except Conflict as refusal:
            return refusal.code
        return "taken"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, (1, 2, 3, 4))) == ["ring_fenced"] * 3 + ["taken"]


def test_a_first_period_ends_the_stay_sooner_and_longer_asks_why(here: Town) -> None:
    house, coordinator = here.location(), here.coordinator()
    agree(here, house, firstDaysMax=14)
    _, stay_id = here.placed(coordinator, here.provider(), days=60)
    with here.database.reading() as tx:
        found = course.stay_course(tx, stay_id)
        assert found.expected_departure == tx.now.date() + timedelta(days=14)
        assert found.ends_at_most <= tx.now.date() + timedelta(days=15)


def test_contracts_that_end_come_up_and_stay_until_renewed(here: Town) -> None:
    house = here.location()
    agree(here, house, contractEndsOn="2026-12-31", fundingEndsOn="2027-12-31")
    with here.database.reading() as tx:
        views = queries.locations(tx)
        assert [(one.what, one.on) for one in joint.ending(views, date(2027, 1, 31))] == [
            ("contract", date(2026, 12, 31))
        ]
        assert joint.ending(views, date(2026, 12, 30)) == []


# A municipality sees what it pays for


def test_a_municipality_sees_how_its_houses_are_used_and_no_case(here: Town) -> None:
    payer = here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    house = here.location(region="VR13", places=(1, 1, 1, 1))
    here.location(region="VR17")
    agree(here, house, lendAfterHours=0, ringFenced=1)
    occupy(here, f"{house}-u4-p1", other_group=True)
    for region in ("VR17", "VR09"):
        coordinator = here.coordinator(region)
        request_id = here.request(coordinator, region=region, unsafe=[{"region": "VR17"}])
        here.match()
        here.accept(here.provider(), here.offer(coordinator, request_id))
    other = here.provider()
    with here.database.reading() as tx:
        (line,) = placing.paid_for(tx, joint.paid_for(tx, payer))
        with pytest.raises(Forbidden):
            joint.paid_for(tx, other)
    assert (line.places, line.occupied, line.own, line.lent, line.other_groups, line.free) == (4, 3, 1, 1, 1, 1)
    assert [share.name for share in line.agreement.shares] == ["Rotterdam"]


# A regular room as a crisis bed


def test_a_regular_bed_serves_only_while_it_is_designated() -> None:
    assert place_state(False, None, lent=False) is PlaceState.OUT_OF_SERVICE
    assert place_state(False, None, lent=True) is PlaceState.FREE


def test_a_regular_room_is_a_crisis_bed_for_a_while(here: Town) -> None:
    house, coordinator = here.location(places=(1,)), here.coordinator()
    unit_id = f"{house}-u1"
    use(here, unit_id, Use.REGULAR)
    request_id = here.request(coordinator)
    here.match()
    assert states(here, house) == ["out_of_service"]
    assert here.proposals(request_id) == []
    designate(here, unit_id, hours=24)
    here.match()
    assert states(here, house) == ["free"]
    assert here.proposals(request_id) == [house]
    here.clock.turn(hours=24)
    here.match()
    assert states(here, house) == ["out_of_service"], "it ended by itself, on the stroke"
    assert here.proposals(request_id) == []
    here.clock.turn(hours=-1)
    assert states(here, house) == ["free"], "a clock that jumps back loses nothing"


def test_whoever_stays_in_it_stays_and_is_expected_to_leave_with_it(here: Town) -> None:
    house, coordinator, provider = here.location(places=(1,)), here.coordinator(), here.provider()
    use(here, f"{house}-u1", Use.REGULAR)
    designate(here, f"{house}-u1", hours=48)
    _, stay_id = here.placed(coordinator, provider, days=90)
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
        assert placing.stay(tx, stay_id).expected_departure == (tx.now + timedelta(hours=48)).date()
    here.clock.turn(hours=49)
    assert states(here, house) == ["occupied"]


def test_a_yes_to_a_room_that_went_back_to_its_own_use_is_refused(here: Town) -> None:
    house, coordinator, provider = here.location(places=(1,)), here.coordinator(), here.provider()
    use(here, f"{house}-u1", Use.REGULAR)
    designate(here, f"{house}-u1")
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    with here.database.transaction() as tx:
        joint.end_designation(tx, provider, f"{house}-u1")
    with pytest.raises(Conflict, match="no_longer_fits"):
        here.accept(provider, offer_id)


def test_what_cannot_be_a_crisis_bed(here: Town) -> None:
    house, unit_id = here.location(places=(1,)), "loc-1-u1"
    assert unit_id.startswith(house)
    with pytest.raises(Conflict, match="not_a_regular_room"):
        designate(here, unit_id)
    use(here, unit_id, Use.REGULAR)
    for hours, displaces in ((0, "respite"), (24 * 93, "respite"), (24, "wie")):
        with pytest.raises(Invalid):
            designate(here, unit_id, hours, displaces)
    designate(here, unit_id)
    with pytest.raises(Conflict, match="crisis_bed_already"):
        designate(here, unit_id)
    own, other = here.provider(), here.provider("ander")
    with here.database.transaction() as tx, pytest.raises(NotFound):
        joint.end_designation(tx, other, unit_id)
    here.clock.turn(hours=25)
    with here.database.transaction() as tx, pytest.raises(Conflict, match="not_a_crisis_bed"):
        joint.end_designation(tx, own, unit_id)
    designate(here, unit_id, displaces=DISPLACED[0])
    assert states(here, house) == ["free"]


def test_it_begins_and_ends_on_the_stroke() -> None:
    starts, ends = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC)
    for moment, expected in (
        (starts - timedelta(seconds=1), False),
        (starts, True),
        (ends - timedelta(seconds=1), True),
        (ends, False),
    ):
        assert designated(starts, ends, None, moment) is expected
        assert not designated(starts, ends, starts, moment)


# Who decides on a crisis bed at night


def decided_by(here: Town, offer_id: str) -> list[str]:
    with here.database.reading() as tx:
        return sorted(tx.session.exec(select(OfferAnswer.by).where(OfferAnswer.offer_id == offer_id)))


def test_after_office_hours_the_police_decide_on_a_crisis_bed(here: Town) -> None:
    here.police()
    house, coordinator = here.location(places=(1, 1)), here.coordinator()
    use(here, f"{house}-u1", Use.CRISIS)
    request_id = here.request(coordinator, persons=[{"sex": "f", "age": 24}])
    with here.database.transaction() as tx:
        other = tx.session.exec(select(Unit).where(col(Unit.id) == f"{house}-u2")).one()
        other.sexes = ["m"]
        tx.session.add(other)
    here.match()
    assert decided_by(here, here.offer(coordinator, request_id)) == ["police"]


def test_where_no_police_are_connected_the_house_itself_is_asked(here: Town) -> None:
    house, coordinator = here.location(places=(1,)), here.coordinator()
    use(here, f"{house}-u1", Use.CRISIS)
    request_id = here.request(coordinator)
    here.match()
    assert decided_by(here, here.offer(coordinator, request_id)) == ["provider"]


def test_who_refuses_the_police_never_comes_before_them(here: Town) -> None:
    here.police()
    house, coordinator = here.location(places=(1,)), here.coordinator()
    use(here, f"{house}-u1", Use.CRISIS)
    request_id = here.request(coordinator, refusesPolice=True)
    here.match()
    assert decided_by(here, here.offer(coordinator, request_id)) == ["duty_officer"]
