"""What keeping the registry true costs: a provider's daily round in taps and seconds, and 200 changes at once.

    python -m bench.registry [--engine sqlite|postgresql] [--rounds 5]

The round is that of the two demo providers: everything their start page asks for (who should have left, closed places,
rules to review), then "checked, unchanged" for every house, done through the pages. Seconds are what the server takes
plus `SECONDS_PER_TAP` for the person. The storm is half confirmations, a quarter intake stops and a quarter closings,
each in a thread of its own, over all locations of the world: each ends done or refused by name, and nothing else.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Barrier
from typing import Any

from sqlmodel import select
from starlette.testclient import TestClient

from nrm.access import queries as access
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.api import Parts
from nrm.clock import SystemClock
from nrm.db import Database, migrate
from nrm.errors import NrmError
from nrm.registry import service
from nrm.registry.models import Location, Place, Unit
from nrm.seal import AddressKey
from nrm.settings import Settings
from nrm.world.seed import DEMO_PASSWORD, plant
from tests.postgresql import server
from web.app import create_app

SECONDS_PER_TAP = 2.0
AT_ONCE = 200
KEY = AddressKey(bytes(32))


class Round:
    """One provider's round, as a person with a phone does it: every tap counted, every page waited for."""

    def __init__(self, database: Database, login: str) -> None:
        self.client = TestClient(
            create_app(Parts(database, Settings(worker=False), KEY)), base_url="http://127.0.0.1", follow_redirects=True
        )
        answer = self.client.post("/api/v1/session", json={"login": login, "password": DEMO_PASSWORD})
        answer.raise_for_status()
        self.csrf = answer.json()["csrf"]
        self.taps: Counter[str] = Counter()
        self.waited = 0.0
        self.page = self._timed(lambda: self.client.get("/opvang"))

    def _timed(self, ask: Callable[[], Any]) -> str:
        start = time.perf_counter()
        answer = ask()
        self.waited += time.perf_counter() - start
        answer.raise_for_status()
        return str(answer.text)

    def press(self, what: str, taps: int, path: str, **fields: str) -> None:
        self.taps[what] += taps
        self.page = self._timed(lambda: self.client.post(path, data={"csrf_token": self.csrf, **fields}))

    def walk(self) -> None:
        """Everything the start page asks for, until it asks for nothing."""
        leaving = r'action="(/opvang/verblijf/[\w-]+/verwacht-vertrek)".*?name="version" value="(\d+)"'
        while found := re.search(leaving, self.page, re.DOTALL):
            self.press("leaving", 2, found[1], days="7", version=found[2])
        while found := re.search(r'action="(/opvang/plek/[\w-]+/blijft-dicht)"', self.page):
            self.press("closed place", 1, found[1], days="7")
        if 'id="herzien"' in self.page:
            self.taps["review"] += 1
        while found := re.search(r'action="(/opvang/regel/[\w-]+/blijft)"', self.page):
            self.press("review", 1, found[1])
        for path in re.findall(r'action="(/opvang/[\w-]+/gecontroleerd)"', self.page):
            self.press("checked", 1, path)


def storm(database: Database, providers: dict[str, Actor]) -> tuple[Counter[str], list[float]]:
    """200 changes at once. Returns how each ended, and how long each took in milliseconds."""
    with database.reading() as tx:
        houses = list(tx.session.exec(select(Location.id, Location.organisation_id).order_by(Location.id)))
        places = dict(tx.session.exec(_places()).all())
    together = Barrier(AT_ONCE)

    def change(number: int) -> tuple[str, float]:
        house, organisation = houses[number // 2 % len(houses)]
        actor, place = providers[organisation], places[house]
        together.wait()
        start = time.perf_counter()
        try:
            with database.transaction(actor.account_id) as tx:
                if number % 2:
                    service.confirm_unchanged(tx, actor, house)
                elif number % 4:
                    service.pause_intake(tx, actor, house, "staffing", None)
                else:
                    service.close_place(tx, actor, place, "maintenance", None)
            ended = "done"
        except NrmError as refusal:
            ended = f"refused: {refusal.code}"
        return ended, (time.perf_counter() - start) * 1000

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(change, range(AT_ONCE)))
    return Counter(ended for ended, _ in found), [took for _, took in found]


def _places() -> Any:
    return select(Unit.location_id, Place.id).join(Place, Place.unit_id == Unit.id)  # type: ignore[arg-type]


def actors(database: Database) -> dict[str, Actor]:
    """Somebody of every provider."""
    with database.reading() as tx:
        return {
            found.id: Actor(
                account_id="bench",
                name="bench",
                role=Role.PROVIDER,
                organisation_id=found.id,
                organisation_name=found.name,
                organisation_kind=OrganisationKind.PROVIDER,
                region_code=found.region_code,
                on_shift=False,
                session_id="",
                authenticated_at=tx.now,
            )
            for found in access.organisations_of_kind(tx, OrganisationKind.PROVIDER)
        }


def measure(engine: str, folder: Path, rounds: int) -> None:
    with server(folder) if engine == "postgresql" else nullcontext(f"sqlite:///{folder / 'nrm.sqlite3'}") as url:
        migrate(url)
        database = Database(url, clock=SystemClock() if engine == "sqlite" else None)
        plant(database, KEY)
        for login in ("aanbieder-1", "aanbieder-2"):
            walked = Round(database, login)
            walked.walk()
            taps = sum(walked.taps.values())
            print(
                f"{engine:<11} round of {login}: {taps} taps {dict(walked.taps)}, {walked.waited:.1f} s waiting, "
                f"{walked.waited + taps * SECONDS_PER_TAP:.0f} s in all"
            )
            again = Round(database, login)
            again.taps["checked"] = len(re.findall(r"/gecontroleerd", again.page))
            print(
                f"{engine:<11} a day on which nothing changed: {again.taps['checked']} taps, "
                f"{again.taps['checked'] * SECONDS_PER_TAP:.0f} s"
            )
        ends: Counter[str] = Counter()
        took: list[float] = []
        start = time.perf_counter()
        for _ in range(rounds):
            ended, milliseconds = storm(database, actors(database))
            ends += ended
            took += milliseconds
        seconds = time.perf_counter() - start
        p99 = statistics.quantiles(took, n=100)[98]
        print(
            f"{engine:<11} {AT_ONCE} at once, {rounds} rounds: {dict(ends)}, p50={statistics.median(took):.0f} ms "
            f"p99={p99:.0f} ms, {len(took) / seconds:.0f} changes/s"
        )
        database.close()


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--engine", choices=["sqlite", "postgresql"])
    reader.add_argument("--rounds", type=int, default=5)
    asked = reader.parse_args()
    for engine in [asked.engine] if asked.engine else ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            measure(engine, Path(folder), asked.rounds)


if __name__ == "__main__":
    main()
