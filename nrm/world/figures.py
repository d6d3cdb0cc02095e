"""Published figures, read from the tables that ship with us. What is not here is an assumption (assumptions.py)."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, stdev

from nrm.registry.service import DATA as REFERENCE

DATA = Path(__file__).parent / "data"

MIX_YEAR = 2022
"""The newest year in the tables of form of exploitation and part of the world."""

UNKNOWN_ORIGIN = "Onbekend"

_FORMS = {"sexual": "nationality_sexual", "labour": "nationality_labour", "criminal": "nationality_criminal"}


@dataclass(frozen=True)
class Figure:
    """A published number with its unit and where it was published."""

    value: float
    unit: str
    source: str


@cache
def shelter(quantity: str) -> Figure:
    """A figure about shelter in 2024, by its name in the table. Raises KeyError for one that was not published."""
    for row in _rows("shelter_2024"):
        if row["quantity"] == quantity:
            return Figure(float(row["value"]), row["unit"], row["source"])
    raise KeyError(quantity)


@cache
def reports(year: int = MIX_YEAR) -> dict[tuple[str, str], int]:
    """(form of exploitation, part of the world) → reported presumed victims in a year.

    Organ removal is published without origin.
    """
    found = {
        (form, row["nationaliteit"]): int(row[str(year)])
        for form, table in _FORMS.items()
        for row in _rows(f"{table}_2014_2022")
    }
    (organ_removal,) = _rows("organ_removal_2014_2022")
    return found | {("organ_removal", UNKNOWN_ORIGIN): int(organ_removal[str(year)])}


def yearly_variation() -> float:
    """Standard deviation over mean of unique reported victims per year, 2014-2022."""
    counts = [
        int(row["meldingen_unieke_slachtoffers"])
        for row in _rows("unique_reported_victims_2003_2022")
        if int(row["jaar"]) >= 2014
    ]
    return stdev(counts) / fmean(counts)


@cache
@cache
def region_names() -> dict[str, str]:
    """Code → name of the 25 regions, from the registry's own reference data."""
    return {row["code"]: row["name"] for row in _rows("regions", REFERENCE)}


@cache
def municipalities() -> dict[str, dict[str, str]]:
    """Region → name → code of its municipalities, from the same."""
    found: dict[str, dict[str, str]] = {}
    for row in _rows("municipalities", REFERENCE):
        found.setdefault(row["region"], {})[row["name"]] = row["code"]
    return found


def _rows(table: str, folder: Path = DATA) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
