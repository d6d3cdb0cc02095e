"""What a figure's age makes of it, when a house takes people in, and what a place is."""

from datetime import UTC, datetime, time, timedelta
from itertools import product

import pytest

from nrm.clock import AMSTERDAM
from nrm.policy import Band, Freshness
from nrm.registry import rules
from nrm.registry.rules import ClaimKind, FreshnessBand, PlaceState, Stance

NOW = datetime(2026, 11, 21, 22, 40, tzinfo=UTC)
BANDS = Freshness().bands


@pytest.mark.parametrize("pool", list(BANDS))
def test_freshness_changes_at_its_edges_and_nowhere_else(pool: str) -> None:
    band = BANDS[pool]  # type: ignore[index]
    fresh, aging, tick = (
        timedelta(minutes=band.fresh_minutes),
        timedelta(minutes=band.aging_minutes),
        timedelta(microseconds=1),
    )
    for age, expected in (
        (timedelta(0), "fresh"),
        (fresh - tick, "fresh"),
        (fresh, "aging"),
        (aging - tick, "aging"),
        (aging, "stale"),
        (timedelta(days=4000), "stale"),
    ):
        assert rules.freshness(band, NOW - age, NOW).band == expected, age


def test_never_confirmed_and_confirmed_tomorrow_are_unknown() -> None:
    band = Band(fresh_minutes=10, aging_minutes=20)
    assert rules.freshness(band, None, NOW).band is FreshnessBand.UNKNOWN
    assert rules.freshness(band, NOW + timedelta(minutes=2), NOW) == rules.Freshness(FreshnessBand.FRESH, 0)
    ahead = rules.freshness(band, NOW + timedelta(minutes=2, microseconds=1), NOW)
    assert ahead == rules.Freshness(FreshnessBand.UNKNOWN, None)
    assert FreshnessBand.STALE not in rules.TRUSTED
    assert FreshnessBand.UNKNOWN not in rules.TRUSTED


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("opens", "closes", "at", "is_open"),
    [
        ("09:00", "17:00", "2026-11-21T08:59:59", False),
        ("09:00", "17:00", "2026-11-21T09:00:00", True),
        ("09:00", "17:00", "2026-11-21T16:59:59", True),
        ("09:00", "17:00", "2026-11-21T17:00:00", False),
        ("22:00", "06:00", "2026-11-21T21:59:59", False),
        ("22:00", "06:00", "2026-11-21T22:00:00", True),
        ("22:00", "06:00", "2026-11-22T00:00:00", True),
        ("22:00", "06:00", "2026-11-22T05:59:59", True),
        ("22:00", "06:00", "2026-11-22T06:00:00", False),
        ("09:00", "00:00", "2026-11-21T23:59:59", True),
        ("00:00", "06:00", "2026-11-21T00:00:00", True),
    ],
)
def test_intake_hours_around_midnight(opens: str, closes: str, at: str, is_open: bool) -> None:
    hours = time.fromisoformat(opens), time.fromisoformat(closes)
    assert rules.intake_open(*hours, local(at)) is is_open


def test_intake_hours_follow_the_clock_on_the_wall_on_both_nights_it_changes() -> None:
    """Open 22 to 3: on the night in March that is four real hours, in October six."""
    hours = time(22), time(3)
    for evening, real_hours in (("2026-03-28T21:00", 4), ("2026-10-24T21:00", 6), ("2026-06-01T21:00", 5)):
        start = local(evening)
        minutes = sum(rules.intake_open(*hours, start + timedelta(minutes=minute)) for minute in range(10 * 60))
        assert minutes == real_hours * 60, evening


def test_no_hours_means_day_and_night() -> None:
    assert all(rules.intake_open(None, None, NOW + timedelta(hours=hour)) for hour in range(24))


def test_a_pause_ends_by_itself() -> None:
    assert rules.paused("staffing", None, NOW)
    assert rules.paused("staffing", NOW + timedelta(microseconds=1), NOW)
    assert not rules.paused("staffing", NOW, NOW)
    assert not rules.paused(None, None, NOW)


def test_the_state_of_a_place_is_derived_in_its_order() -> None:
    for closed, claim in product((True, False), (None, *ClaimKind)):
        expected = {None: "free", ClaimKind.HOLD: "held", ClaimKind.STAY: "occupied"}[claim]
        assert rules.place_state(closed, claim) == (PlaceState.OUT_OF_SERVICE if closed else expected)


def test_a_criterion_nobody_answered_makes_no_place_unconditional() -> None:
    criteria = ["addiction", "psychiatric"]
    assert rules.unconditional(dict.fromkeys(criteria, Stance.ACCEPTS), criteria)
    assert not rules.unconditional({"addiction": Stance.ACCEPTS}, criteria)
    assert not rules.unconditional({**dict.fromkeys(criteria, Stance.ACCEPTS), "addiction": Stance.CONSULT}, criteria)
    assert not rules.unconditional({}, [])


def test_zones_come_in_steps_and_both_ways() -> None:
    assert rules.zone_class(52.1, 5.1, 52.1, 5.1) == 0
    assert rules.zone_class(52.1, 5.1, 52.2, 5.1) == 1
    assert rules.zone_class(50.8, 5.8, 53.4, 6.8) == 9
    assert rules.zone_class(51.9, 4.5, 52.4, 4.9) == rules.zone_class(52.4, 4.9, 51.9, 4.5)


def test_a_region_that_moves_is_as_far_as_where_it_now_lies() -> None:
    here, there, farther = ("A", 52.1, 5.1), ("B", 52.2, 5.1), ("B", 53.4, 6.8)
    assert rules.zone_classes((here, there)) == {"A": {"A": 0, "B": 1}, "B": {"A": 1, "B": 0}}
    moved = rules.zone_class(52.1, 5.1, 53.4, 6.8)
    assert rules.zone_classes((here, farther)) == {"A": {"A": 0, "B": moved}, "B": {"A": moved, "B": 0}}
