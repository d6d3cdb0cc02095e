"""What reading a sheet in costs: 2,000 places from an xlsx into an empty register, and then all of them changed.

    python -m bench.bulk [--engine sqlite|postgresql] [--places 2000]

The desk adds the houses; then each provider sends its own template back with a bed of every room out of service.
Seconds are those of our code alone, without the browser: parse is the file into rows, preview the plan, apply
everything in one transaction under the locks, with the plan made once more.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from bench.registry import actors
from nrm.access import service as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.app import prepare
from nrm.clock import SystemClock
from nrm.db import Database, migrate
from nrm.exchange import loading, sheets
from nrm.exchange.rules import columns
from nrm.policy import Pool
from nrm.registry import queries
from nrm.registry.service import NATIONAL_CRITERIA
from nrm.seal import AddressKey
from tests.postgresql import server
from web import sheet_words
from web.words import words

KEY = AddressKey(bytes(32))
DUTCH = words("nl")
NAMES = columns(NATIONAL_CRITERIA)
POOLS: tuple[Pool, ...] = ("COSM", "OMM", "NLA", "MUNICIPAL")
PROVIDERS = 10
PLACES_OF_UNIT, UNITS_OF_HOUSE = 2, 5


def new_houses(places: int) -> list[list[str | int]]:
    """A sheet with houses of five rooms of two beds, every column filled."""
    rows: list[list[str | int]] = [[sheet_words.head(DUTCH, name) for name in NAMES]]
    for number in range(places // PLACES_OF_UNIT):
        house = number // UNITS_OF_HOUSE
        cells: dict[str, str | int] = {
            "location": f"B-{house}",
            "provider": f"Voorbeeld {house % PROVIDERS}",
            "region": f"VR{house % 25 + 1:02d}",
            "pool": POOLS[house % len(POOLS)],
            "safety_class": "geheim",
            "hours_from": "08:00",
            "hours_until": "22:00",
            "unit": f"K{number % UNITS_OF_HOUSE + 1}",
            "places": PLACES_OF_UNIT,
            "private": "nee",
            "sexes": "vrouwen, mannen",
            "children": "ja",
            "wheelchair": "nee",
            "closed": 0,
            **{f"rule:{criterion}": "welkom" for criterion in NATIONAL_CRITERIA},
            "address": f"Verzonnenlaan {house}",
        }
        rows.append([cells.get(name, "") for name in NAMES])
    return rows


def closed_beds(database: Database, actor: Actor) -> list[list[str | int]]:
    """The template of a provider, with one bed of every room out of service."""
    with database.reading() as tx:
        regions = {region.code: region.name for region in queries.regions(tx)}
        filled = loading.template_rows(tx, actor)
    rows: list[list[str | int]] = [[sheet_words.head(DUTCH, name) for name in NAMES]]
    for cells in filled:
        changed = {**cells, "closed": 1, "closed_reason": "maintenance"}
        rows.append([sheet_words.cell(DUTCH, name, changed.get(name), regions) for name in NAMES])
    return rows


class Stopwatch:
    """Seconds per step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def __str__(self) -> str:
        each = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.seconds.items())
        return f"{each}, in all {sum(self.seconds.values()):.2f} s"


def walk(database: Database, actor: Actor, content: bytes, watch: Stopwatch) -> int:
    """Parse, preview and apply one file. Returns how many changes that were."""
    with watch.step("parse"):
        table = sheets.read(content)
    with watch.step("preview"), database.reading() as tx:
        lexicon = sheet_words.lexicon(columns(queries.criteria(tx)), queries.regions(tx))
        plan = loading.preview(tx, actor, table, lexicon)
    assert plan.wrongs == (), plan.wrongs[:3]
    with watch.step("apply"), database.transaction(actor.account_id) as tx:
        loading.load(tx, actor, KEY, table, lexicon, plan.digest)
    return len(plan.changes)


def measure(engine: str, folder: Path, places: int) -> None:
    with server(folder) if engine == "postgresql" else nullcontext(f"sqlite:///{folder / 'nrm.sqlite3'}") as url:
        migrate(url)
        database = Database(url, clock=SystemClock() if engine == "sqlite" else None)
        with database.transaction() as tx:
            prepare(tx)
            for number in range(PROVIDERS):
                name = f"Voorbeeld {number}"
                access.add_organisation(tx, Organisation(id=f"p{number}", kind=OrganisationKind.PROVIDER, name=name))
        providers = list(actors(database).values())
        desk = replace(providers[0], role=Role.NATIONAL_DESK, organisation_kind=OrganisationKind.NATIONAL_DESK)
        adding = Stopwatch()
        content = sheets.write_xlsx("Plekken", new_houses(places), "Uitleg", [("", "")], {})
        changes = walk(database, desk, content, adding)
        with database.reading() as tx:
            there = sum(view.places for view in queries.locations(tx))
        assert there == places
        print(f"{engine:<11} {places} places added ({changes} changes, {len(content) // 1024} kB): {adding}")
        keeping = Stopwatch()
        changes = 0
        for actor in providers:
            file = sheets.write_xlsx("Plekken", closed_beds(database, actor), "Uitleg", [("", "")], {})
            changes += walk(database, actor, file, keeping)
        print(f"{engine:<11} a bed of each room closed by {PROVIDERS} providers ({changes} changes): {keeping}")
        database.close()


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--engine", choices=["sqlite", "postgresql"])
    reader.add_argument("--places", type=int, default=2000)
    asked = reader.parse_args()
    for engine in [asked.engine] if asked.engine else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            measure(engine, Path(folder), asked.places)


if __name__ == "__main__":
    main()
