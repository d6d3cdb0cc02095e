"""What is published of persons: small numbers stay unknown. The trials at random are row 12 of tests/soak."""

import random
from dataclasses import replace

import numpy as np
import pytest

from nrm.insight import catalogue, disclosure, telling
from nrm.insight.catalogue import Catalogue, Cell, Dimension, Table
from nrm.insight.rules import Cause
from nrm.intake.rules import AGE_GROUPS, CITIZENSHIP, Exploitation, Residence, Sex
from tests.soak import singled_out
from tests.soak.singled_out import attacked

MONTHS = tuple(f"2026-{number:02d}" for number in range(1, 13))
FIRST = catalogue.first(("VR01", "VR02", "VR03"))
SOMEBODY = {
    "sex": "f",
    "age": "25_up",
    "citizenship": "eu",
    "exploitation": "sexual",
    "result": "placed",
    "region": "VR01",
}


def persons(number: int, month: str = "2026-03", **known: str) -> list[tuple[str, dict[str, str]]]:
    return [(month, {**SOMEBODY, **known})] * number


def test_a_hand_counted_year() -> None:
    """Everybody once in every table, under each code and all it is part of."""
    found = FIRST.count(
        [*persons(7), *persons(2, "2026-04", sex="m", age="12_17", result="no_answer", region="VR02")],
        [*MONTHS, "2026"],
    )

    def number(period: str, **of: str) -> int:
        return found[catalogue.cell(period, of.items())]

    assert number("2026") == 9
    assert (number("2026-03"), number("2026-04"), number("2026-05")) == (7, 2, 0)
    assert (number("2026", sex="m"), number("2026", sex="m", age="child"), number("2026", age="adult")) == (2, 2, 7)
    assert (number("2026", result="not_placed"), number("2026", result="no_answer")) == (2, 2)
    assert number("2026-04", result="not_placed") == 2
    assert (number("2026", region="VR02", result="not_placed"), number("2026", region="VR01")) == (2, 7)
    assert number("2026", exploitation="sexual", sex="f", age="adult") == 7


def test_a_world_counts_when_its_whole_numbers_add_up() -> None:
    """Of three numbers each two are at most nine together: at their largest they are halves, which are no persons."""
    cells = [Cell("2026", (("region", f"VR0{number}"),)) for number in range(1, 7)]
    one, two, three, *pairs = cells
    sums = list(zip(pairs, ((one, two), (two, three), (one, three)), strict=True))
    worlds = disclosure._Worlds(dict.fromkeys(cells, 0), sums, dict.fromkeys(cells), frozenset(), cells)
    upward = np.array([1, 1, 1, 0, 0, 0])
    assert worlds._found(disclosure.QUICK, upward) is None
    found = worlds._found(disclosure.WHOLE, upward)
    assert found is not None
    first, second, third, *both = found.tolist()
    assert first + second + third == 13
    assert both == [first + second, second + third, first + third]
    seen = np.zeros((6, 2), dtype=np.int64)
    worlds.push(upward, seen)
    assert (seen[:, 1] >= found).all()


def test_around_a_world_one_number_differs_with_all_that_it_is_a_part_of() -> None:
    """No further than each of these can; and not where one of them adds up another way as well."""
    whole, left, right, *other = (Cell("2026", (("region", f"VR0{number}"),)) for number in range(1, 6))
    counts = dict(zip((whole, left, right, *other), (3, 1, 2, 3, 0), strict=True))

    def around(sums: list[disclosure.Equation], **shown: int) -> list[list[int]]:
        small = list(counts)
        seen = np.array([[count] * 2 for count in counts.values()], dtype=np.int64)
        worlds = disclosure._Worlds(counts, sums, {one: shown.get(one.of[0][1]) for one in small}, frozenset(), small)
        worlds.note_true(seen)
        return [*seen.tolist()]

    halves = (whole, (left, right))
    assert around([halves])[:3] == [[1, 9], [0, 7], [0, 8]]
    assert around([halves, (whole, tuple(other))])[:3] == [[3, 3], [1, 1], [2, 2]]
    assert around([halves], VR01=10) == [[count] * 2 for count in counts.values()], "what is shown is not true"


def test_small_numbers_are_left_out_and_others_rounded() -> None:
    counts = FIRST.count([*persons(8), *persons(12, sex="m", region="VR02")], ["2026-03", "2026"])
    month = telling.publish(FIRST, counts, "2026-03", ("2026-03",), (), {})
    year = telling.publish(FIRST, counts, "2026", ("2026-03",), (), month)
    assert month[Cell("2026-03", ())] == year[Cell("2026", ())] == 20
    assert (year[Cell("2026", (("sex", "f"),))], year[Cell("2026", (("sex", "m"),))]) == (10, 10)
    assert year[Cell("2026", (("sex", "x"),))] is None, "nobody is as small as few"
    # Below the national level ten are needed: 8 are not shown, 12 are.
    assert (year[Cell("2026", (("region", "VR01"),))], year[Cell("2026", (("region", "VR02"),))]) == (None, 10)
    assert {value % 5 for value in year.values() if value is not None} == {0}


SIX = Catalogue(9, (Dimension("kind", (("all", tuple("abcdef")),)),), (Table("kind", (("kind", 1),), monthly=True),))


def test_what_could_be_worked_out_takes_another_number_with_it() -> None:
    """Five parts of 7 shown as 5 and a whole of 38 shown as 40: the sixth is 3 or 4, so one more is left out."""
    counts = {
        Cell("2026-01", (("kind", code),)): number for code, number in zip("abcdef", (7, 7, 7, 7, 7, 3), strict=True)
    }
    counts[Cell("2026-01", ())] = 38
    shown = telling.publish(SIX, counts, "2026-01", (), (), {})
    assert shown[Cell("2026-01", ())] == 40
    assert sorted(shown.values(), key=str) == [40, 5, 5, 5, 5, None, None]
    # With 33 in all it could be 0, 1 or 2 as well: nothing else needs to go.
    counts |= {Cell("2026-01", (("kind", code),)): 6 for code in "abcde"} | {Cell("2026-01", ()): 33}
    assert list(telling.publish(SIX, counts, "2026-01", (), (), {}).values()).count(None) == 1


def test_a_year_gives_way_to_its_months_that_are_out_already() -> None:
    """Four in every month and 48 in the year, shown as 50: every month would be known. The months stay as they were."""
    found = Catalogue(9, SIX.dimensions, SIX.tables)
    counts = {Cell(month, ()): 4 for month in MONTHS} | {Cell("2026", ()): 48}
    counts |= {Cell(month, (("kind", code),)): 4 * (code == "a") for month in MONTHS for code in "abcdef"}
    counts |= {Cell("2026", (("kind", code),)): 48 * (code == "a") for code in "abcdef"}
    out: disclosure.Shown = {}
    for month in MONTHS:
        out |= telling.publish(found, counts, month, MONTHS, (), out)
    assert set(out.values()) == {None}
    year = telling.publish(found, counts, "2026", MONTHS, (), out)
    assert {one.period for one in year} == {"2026"}
    assert set(year.values()) == {None}, "in the year's own tables 48 alone would be fine"
    assert disclosure.protect({one: counts[one] for one in year}, found.equations("2026"), {})[Cell("2026", ())] == 50


def test_nothing_is_shown_when_what_is_out_already_says_too_much() -> None:
    """Shown before by mistake: then the year is refused, not shown regardless."""
    counts = {Cell("2026-01", ()): 7, Cell("2026-01", (("kind", "a"),)): 4, Cell("2026-01", (("kind", "b"),)): 3}
    two = Catalogue(9, (Dimension("kind", (("all", ("a", "b")),)),), SIX.tables)
    before = {Cell("2026-01", ()): 10}  # not what 7 is rounded to: no world agrees with it
    with pytest.raises(disclosure.CannotProtectError):
        disclosure.protect(counts, two.equations("2026-01"), before)


def test_the_same_numbers_are_shown_the_same_again_in_whatever_order_they_come() -> None:
    year = singled_out.made_up(random.Random(5))  # noqa: S311 - not for secrets
    again = replace(year, persons=list(reversed(year.persons)))
    assert singled_out.as_we_do(year) == singled_out.as_we_do(again)


def test_everything_that_can_be_recorded_has_a_place_in_the_tables() -> None:
    """Whoever adds a form of exploitation or a cause needs a new version of the definitions, and hears of it here."""
    bottoms = {
        one.code: {code for code in FIRST.codes((one.code, 9)) if code not in one.parts} for one in FIRST.dimensions
    }
    assert bottoms["sex"] == set(Sex)
    assert bottoms["exploitation"] == set(Exploitation)
    assert bottoms["citizenship"] == {CITIZENSHIP[one] for one in Residence}
    assert bottoms["age"] == {code for code, _ in AGE_GROUPS} | {"unknown"}
    causes = {cause.value for cause in Cause} - {"youth_care", "not_looked"}
    assert bottoms["result"] == causes | {"placed", "youth_care", "waiting", "not_known"}


def test_the_tables_hang_together_as_a_tree() -> None:
    """Then whoever agrees with every table agrees with some list of persons, and cells are all there is to protect.

    A list of sets is a tree when the heaviest way to join them by what they share counts every shared thing once less
    than it occurs.
    """
    every = [
        {(name, level) for name, depth in table.axes for level in range(1, depth + 1)} for table in FIRST.tables
    ] + [{("period", 1), *((name, depth) for name, depth in table.axes)} for table in FIRST.tables if table.monthly]
    sets = [one for one in every if not any(one < other for other in every)]
    assert _is_tree(sets)
    assert not _is_tree([*sets, {("sex", 1), ("citizenship", 1)}]), "planted: a table that closes a ring"


def _is_tree(sets: list[set[tuple[str, int]]]) -> bool:
    joined, apart, weight = sets[:1], sets[1:], 0
    while apart:
        best = max(apart, key=lambda one: max(len(one & other) for other in joined))
        weight += max(len(best & other) for other in joined)
        joined.append(best)
        apart.remove(best)
    return weight == sum(len(one) for one in sets) - len(set().union(*sets))


@pytest.mark.parametrize(
    ("publish", "base", "seed"),
    [
        (singled_out.small_ones_only, 5, 11),
        (singled_out.exact, 1, 11),
        (singled_out.year_by_itself, 5, 11),
        (singled_out.statements_by_themselves, 5, 1),
        (singled_out.every_statement_by_itself, 5, 1),
        (singled_out.newer_versions_by_themselves, 5, 1),
    ],
)
def test_an_opponent_with_everything_finds_what_is_planted_and_nothing_else(
    publish: singled_out.Publish, base: int, seed: int
) -> None:
    """Tables of all months and years, and every version of every statement of all regions and the country."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    years = [singled_out.made_up(chance, stated=seed != 11) for _ in range(8)]
    found = next(year for year in years if attacked(year, publish, base)[1])
    assert attacked(found, singled_out.as_we_do)[1] == []
