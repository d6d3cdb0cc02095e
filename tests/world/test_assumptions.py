"""docs/assumptions.md says what the code does: every row is there, and no row says more."""

import pytest

from nrm.world import figures
from nrm.world.assumptions import MIXES, NUMBERS, STANCES
from tests.house.sources import ROOT
from tests.world import rendering

DOCUMENT = (ROOT / "docs" / "assumptions.md").read_text(encoding="utf-8")


def table(heading: str) -> list[str]:
    """The rows of the table under a heading, without its head."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Numbers", rendering.numbers()),
        ("Mixes", rendering.mixes()),
        ("Admission rules", rendering.stances()),
        ("National lists", rendering.lists()),
    ],
)
def test_the_document_shows_every_assumption_and_no_other(heading: str, expected: list[str]) -> None:
    assert table(heading) == list(expected)


def test_the_document_shows_version_1_of_every_policy() -> None:
    rows = table("Policy, version 1")
    expected = list(rendering.policies())
    assert len(rows) == len(expected)
    for row, start in zip(rows, expected, strict=True):
        assert row.startswith(f"{start} ")
        assert all(len(cell.strip()) > 0 for cell in row.removeprefix(start).strip(" |").split("|")), row


def test_the_document_shows_the_thresholds_of_the_figures() -> None:
    shown = {row.split("|")[1].strip(): row for row in table("Thresholds of the figures")}
    expected = {start.split("|")[1].strip(): start for start in rendering.thresholds()}
    assert set(shown) == set(expected)
    for name, start in expected.items():
        assert shown[name].startswith(f"{start} "), shown[name]


def test_the_document_quotes_the_published_figures() -> None:
    rows = {row.split("|")[1].strip(): row.split("|")[2].strip() for row in table("Published, and used as published")}
    assert rows["COSM places"] == f"{figures.shelter('COSM places (Aug 2024)').value:g}"
    assert rows["COSM places occupied on average"] == f"{figures.shelter('COSM mean occupancy 2024').value:g}"
    assert rows["NLA places"] == f"{figures.shelter('NLA places').value:g}"
    assert rows["OMM places"] == f"{figures.shelter('OMM places').value:g}"
    assert rows["requests for shelter per year"] == f"{figures.shelter('shelter requests 2024').value:g}"
    assert f"{figures.yearly_variation():.2f}" in rows["variation between years"]
    for form in ("sexual", "labour", "criminal"):
        total = sum(count for (found, _), count in figures.reports().items() if found == form)
        assert f"{form} {total}" in rows["form of exploitation by part of the world"]


def test_every_assumption_lies_in_its_range() -> None:
    for name, found in NUMBERS.items():
        assert found.low <= found.value <= found.high, name
    for kind, criteria in STANCES.items():
        for criterion, chances in criteria.items():
            assert sum(chances) == pytest.approx(1), (kind, criterion)
    weights = {"region_demand", "fact_yes"}
    for name in MIXES.keys() - weights:
        assert sum(MIXES[name].shares.values()) == pytest.approx(1), name
