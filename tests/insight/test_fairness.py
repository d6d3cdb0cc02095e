"""Who waits longer than everybody else: against counting both sides, and chance is not called more than chance."""

from datetime import timedelta
from random import Random

import pytest

from nrm.insight.fairness import Compared, compared
from nrm.insight.rules import SMALL
from tests.insight.test_courses import MONDAY_MORNING, course

NOW = MONDAY_MORNING + timedelta(days=9)


def test_counted_by_hand() -> None:
    """Men: 5 of 10 within the norm; women 15 of 20; of families too few to tell."""
    found = [course(n, 30 if n < 5 else 90, profile="men") for n in range(10)]
    found += [course(n, 30 if n < 15 else None, profile="women") for n in range(20)]
    found += [course(n, None, profile="family") for n in range(3)]
    men, women = compared(found, lambda one: one.profile, NOW)
    assert (men.group, men.within, men.judged, men.others_within, men.others_judged) == ("men", 5, 10, 15, 23)
    assert (men.share, men.points, men.sure) == (0.5, -15, False)
    assert (women.within, women.judged, women.others_within, women.others_judged) == (15, 20, 5, 13)
    assert compared(found[:12], lambda one: one.profile, NOW) == [], "of two others nothing is said"


@pytest.mark.parametrize("seed", range(20))
def test_nothing_of_few_is_told_and_both_sides_are_the_whole(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - not for secrets
    found = [
        course(n, chance.choice((10, 90, None)), region=chance.choice(("VR01", "VR02", "VR03"))) for n in range(60)
    ]
    for one in compared(found, lambda each: each.region, NOW):
        assert one.judged + one.others_judged == 60
        for part, whole in ((one.within, one.judged), (one.others_within, one.others_judged)):
            assert all(count == 0 or count >= SMALL for count in (part, whole - part))


def test_chance_is_seldom_called_more_than_chance_and_a_real_difference_is() -> None:
    chance = Random(1)  # noqa: S311 - not for secrets
    called = 0
    for _ in range(1000):
        within, others = (sum(chance.random() < 0.6 for _ in range(many)) for many in (60, 300))
        called += Compared("", within, 60, others, 300).sure
    assert called <= 25, "once in a hundred, and some"
    assert Compared("", 20, 60, 210, 300).sure
    assert not Compared("", 60, 60, 300, 300).sure
