"""What follows from the facts of a request. An unknown fact never bars."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from nrm.intake import rules
from nrm.intake.rules import Exploitation, Fact, Person, RequestStatus, Residence, Sex
from nrm.policy import Pools

OMM = ("addiction", "psychiatric", "multiple_problems", "intellectual_disability")
POLICY = Pools()


def pools(residence: str = "unknown", exploitation: str = "unknown", **facts: str) -> set[str]:
    known = {name: Fact(value) for name, value in facts.items()}
    return set(rules.pools_for(POLICY, Residence(residence), Exploitation(exploitation), known))


def test_who_is_unknown_may_go_everywhere() -> None:
    assert pools() == {"COSM", "OMM", "NLA", "MUNICIPAL"}


@pytest.mark.parametrize(
    ("residence", "expected"),
    [("none", {"COSM"}), ("b8", {"MUNICIPAL"}), ("eu", {"MUNICIPAL"}), ("dutch", {"MUNICIPAL"})],
)
def test_the_right_to_stay_decides_between_cosm_and_municipal(residence: str, expected: set[str]) -> None:
    assert pools(residence) & {"COSM", "MUNICIPAL"} == expected


def test_only_labour_exploitation_goes_to_the_labour_pool() -> None:
    for exploitation in Exploitation:
        assert ("NLA" in pools(exploitation=exploitation)) is (exploitation in {"labour", "unknown"})


def test_omm_is_out_only_when_every_indication_is_known_to_be_absent() -> None:
    for values in product(("yes", "no", "unknown"), repeat=len(OMM)):
        assert ("OMM" in pools(**dict(zip(OMM, values, strict=True)))) is (set(values) != {"no"})
    assert "OMM" in pools(**dict.fromkeys(OMM[:3], "no")), "one was not asked"


def test_learning_never_opens_a_pool() -> None:
    """Each known fact only takes pools away: what is unknown keeps every pool that is not contradicted."""
    for residence, exploitation in product(Residence, Exploitation):
        known = pools(residence, exploitation)
        assert known <= pools(residence)
        assert known <= pools(exploitation=exploitation)


@pytest.mark.parametrize(("ages", "alone"), [((17,), True), ((18,), False), ((0, 17), True), ((17, 18), False)])
def test_a_minor_is_alone_without_an_adult(ages: tuple[int, ...], alone: bool) -> None:
    assert rules.minor_alone([Person(Sex.F, age) for age in ages]) is alone


def test_unmet_is_at_the_deadline_and_only_while_waiting() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for status in RequestStatus:
        waits = status in {"open", "offered"}
        assert rules.unmet(status, at, at) is waits
        assert not rules.unmet(status, at, at - timedelta(microseconds=1))


def test_unsafe_municipalities_become_their_region() -> None:
    assert rules.widened(["VR17"], ["VR01", "VR17"]) == ("VR01", "VR17")


def test_codes_can_be_said_and_typed_back() -> None:
    codes = {rules.short_code(f"request-{number}", 0) for number in range(2000)}
    assert len(codes) > 1990
    for code in codes:
        assert rules.CODE_FORM.fullmatch(code)
        assert rules.normal_code(code.lower().replace(" ", "-")) == code
        assert not set(code) & set("IOQUY")
    assert rules.short_code("a", 0) != rules.short_code("a", 1)


def test_waiting_is_never_negative() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert rules.waiting_hours(at, at - timedelta(hours=3)) == 0
    assert rules.waiting_hours(at, at + timedelta(minutes=119)) == 1
