"""Places kept for who may still come: off until policy says so with four eyes, then said on screen."""

from collections.abc import Iterator

import pytest
from sqlmodel import select

from nrm import policy
from nrm.access.rules import OrganisationKind, Role
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.placing import matcher, problem, queries
from nrm.placing.models import ProposalSet
from nrm.placing.reserve import DAYS_MIN, Expected
from nrm.registry import queries as registry
from nrm.registry.rules import Stance
from nrm.rulebook import queries as rulebook
from nrm.rulebook import service as rules
from nrm.rulebook.schemas import DraftIn
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.national_desk()
    made.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    yield made
    made.database.close()


def switch(here: Town, points: int) -> int:
    """By the administrator, put in force by somebody of the national desk. Returns the version."""
    admin, desk = here.actor("admin"), here.actor("loket")
    with here.database.transaction(admin.account_id) as tx:
        found = rulebook.in_force(tx, policy.Matching)
        shape = DraftIn(body={**found.body, "reserve_points": points}, note="proef", base_version=found.version)
        rules.propose(tx, admin, "matching", shape)
    with here.database.transaction(desk.account_id) as tx:
        return rules.activate(tx, desk, "matching", 1)


def asked_before(here: Town, number: int, **fields: object) -> None:
    """So many requests that are closed by now."""
    coordinator = here.coordinator("VR15")
    made = [here.request(coordinator, region="VR15", **fields) for _ in range(number)]
    with here.database.transaction(coordinator.account_id) as tx:
        for request_id in made:
            version = tx.session.get_one(PlacementRequest, request_id).version
            intake.close(tx, coordinator, request_id, Outcome.OWN_SOLUTION, version)
    here.clock.turn(days=10)


def proposed(here: Town, request_id: str) -> list[tuple[str, str | None]]:
    with here.database.reading() as tx:
        found = queries.proposals(tx, request_id)
        assert found is not None
        return [(proposal.location_code, proposal.fit["behind"]) for proposal in found.proposals]


def test_off_by_default_on_by_four_eyes_and_said(here: Town) -> None:
    asked_before(here, 4, facts={"addiction": "yes"})
    # The first takes everybody who came, the second not; else they are alike, and the first is nearer.
    here.location(region="VR17", stances={"pregnancy": Stance.EXCLUDES}, places=(1,))
    here.location(region="VR01", stances={"pregnancy": Stance.EXCLUDES, "addiction": Stance.EXCLUDES}, places=(1,))
    coordinator = here.coordinator("VR17")
    request_id = here.request(coordinator, facts={"addiction": "no", "pregnancy": "no"})
    standing = matcher.Standing()
    matcher.match(here.database, standing)
    assert proposed(here, request_id) == [("L-001", None), ("L-002", "distance")]

    assert switch(here, 15) == 2
    matcher.match(here.database, standing)
    assert proposed(here, request_id) == [("L-002", None), ("L-001", "kept")]
    with here.database.reading() as tx:
        found = tx.session.exec(select(ProposalSet).where(ProposalSet.replaced_at == None)).one()  # noqa: E711
        assert found.matching_version == 2
    # The place is kept for nobody in particular: whoever needs it gets it, tonight.
    needs = here.request(here.coordinator("VR15"), region="VR15", facts={"addiction": "yes"})
    matcher.match(here.database, standing)
    assert proposed(here, needs) == [("L-001", None)]


def test_expected_is_who_asked_before_today_and_looked_up_once_a_day(here: Town) -> None:
    asked_before(here, 3, facts={"addiction": "yes"})
    asked_before(here, 1, persons=[{"sex": "f", "age": 30}, {"sex": "m", "age": 3}])
    here.location(stances={"addiction": Stance.EXCLUDES}, places=(2,))
    here.location(places=(5,))
    with here.database.transaction() as tx:
        policy.write(tx, policy.Matching(reserve_points=1000), "proef")
    expected = Expected()

    def kept() -> dict[str, int]:
        with here.database.reading() as tx:
            built = problem.build(tx, [], registry.locations(tx))
            priced = expected.priced(tx, built)
            for before, after in zip(built.problem.units, priced.problem.units, strict=True):
                assert after.scarcity == before.scarcity + priced.kept[before.id]
            return dict(priced.kept)

    # Per place within 60 days, 8 for each who comes at once: a family by the seven places of both, three by five.
    family, others = 1000 * 60 * 8 * 2 / DAYS_MIN / 7, 1000 * 60 * 8 * 3 / DAYS_MIN / 5
    found = kept()
    assert sorted(found.values()) == [round(family), round(family + others)]
    # Who asks today is nobody who is still expected, and the same day the answer is the same.
    here.request(here.coordinator("VR15"), region="VR15")
    assert kept() == found
    here.clock.turn(days=1)
    assert kept() != found
    here.clock.turn(days=500)
    assert set(kept().values()) == {0}, "nobody came in the last year"


def test_without_the_policy_the_problem_is_left_alone(here: Town) -> None:
    asked_before(here, 2)
    here.location()
    with here.database.reading() as tx:
        built = problem.build(tx, [], registry.locations(tx))
        assert Expected().priced(tx, built) is built
        assert policy.current(tx, policy.Matching)[1].reserve_points == 0
