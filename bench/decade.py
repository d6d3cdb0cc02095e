"""Ten years of a country on two cores: whether the national pages stay usable, and what keeping them up costs.

    python -m bench.decade [--engine sqlite|postgresql] [--requests 200000] [--entries 5000000] [--places 5000]
                           [--years 10] [--rounds 20]

Makes one year of the country and then all of them (`bench/country.py`), each in a database of its own, and says of each
how long the picture takes to be read again from the whole journal and with how much memory, and what the newest
entries cost when the picture is brought up to them: the same with ten years behind them as with one, or something
reads history. Then opens every national page as the national coordinator, and the slowest of them over a year, which
is the yearly report: elapsed at p95, processor at the median. One twentieth of it all is a quick look.
"""

import argparse
import gc
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.routing import iter_route_contexts

from bench.country import Country, Size
from bench.databases import empty
from nrm.access.rules import Role
from nrm.insight import service as insight
from nrm.settings import Settings
from nrm.worker import STEPS, Worker
from tests.builders import Town, town
from tests.site import Visitor

NEWEST = 5000
"""So many entries are read into a picture that has read all the others."""

YEAR = "dagen=366"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.decade", description=__doc__)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"])
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--entries", type=int, default=5_000_000)
    parser.add_argument("--places", type=int, default=5_000)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    whole = Size(asked.requests, asked.entries, asked.places, asked.years)
    for engine in [asked.engine] if asked.engine else ["sqlite", "postgresql"]:
        for size in (whole.share(1), whole):
            with empty(engine) as url:
                made = town(url)
                _of(f"{engine} {size.years}y", made, size, asked.rounds if size is whole else 0)
                made.database.close()


def _of(name: str, made: Town, size: Size, rounds: int) -> None:
    country = Country(made, size)
    with _taken(f"{name} made: {size.requests} requests, {size.entries} entries, {size.places} places"):
        country.settle()
        country.live(hold_back=NEWEST)
    _say(name, "memory while making", f"{_peak():.0f} MB")
    if made.database.postgresql:
        with made.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    with _taken(f"{name} picture read again"):
        insight.rebuild(made.database)
    _say(name, "memory while reading", f"{_peak():.0f} MB")
    caught_up = country.catch_up()
    began = time.process_time()
    with _taken(f"{name} picture brought up by {caught_up}"):
        while insight.keep(made.database):
            pass
    _say(name, "per new entry", f"{(time.process_time() - began) / caught_up * 1e6:.0f} us of processor")
    if rounds:
        _tick(name, made)
        _pages(name, made, rounds)


def _tick(name: str, made: Town) -> None:
    """A quiet tick of the worker, by step: nothing of it may read what is over."""
    worker = Worker(made.database, Settings(), {})
    for _ in range(2):
        made.clock.turn(seconds=61)
        worker.tick()
    made.clock.turn(seconds=61)
    for step in STEPS:
        began, elapsed = time.process_time(), time.perf_counter()
        getattr(worker, f"_{step}")()
        spent = (time.process_time() - began) * 1000
        _say(name, f"quiet tick, {step}", f"{(time.perf_counter() - elapsed) * 1000:.0f} ms processor {spent:.0f} ms")


def _pages(name: str, made: Town, rounds: int) -> None:
    visitor = Visitor(made, Role.NATIONAL_COORDINATOR)
    visitor.get("/landelijk")
    gc.collect()
    gc.freeze()  # as the server does when it starts
    for path in _paths(visitor):
        for query in ("", f"?{YEAR}"):
            elapsed, spent = [], []
            _, taken, _ = _opened(visitor, path + query)
            for _ in range(rounds if taken < 5 else 1):
                status, one, processor = _opened(visitor, path + query)
                elapsed.append(one * 1000)
                spent.append(processor * 1000)
            p95 = statistics.quantiles(elapsed, n=20)[18] if len(elapsed) > 1 else elapsed[0]
            _say(
                name,
                f"{path}{query} ({status})",
                f"N={len(elapsed)} p95={p95:.0f} ms processor median={statistics.median(spent):.0f} ms",
            )


def _opened(visitor: Visitor, path: str) -> tuple[int, float, float]:
    began, elapsed = time.process_time(), time.perf_counter()
    status = visitor.get(path).status_code
    return status, time.perf_counter() - elapsed, time.process_time() - began


def _paths(visitor: Visitor) -> list[str]:
    """Every national page that needs no further word in its path."""
    routes = iter_route_contexts(visitor.client.app.routes)  # type: ignore[attr-defined]
    paths = {str(route.path) for route in routes if "GET" in (route.methods or ())}
    return sorted(path for path in paths if path.startswith("/landelijk") and "{" not in path)


@contextmanager
def _taken(what: str) -> Iterator[None]:
    gc.collect()
    _forget_peak()
    elapsed, processor = time.perf_counter(), time.process_time()
    yield
    elapsed, processor = time.perf_counter() - elapsed, time.process_time() - processor
    print(f"{what}: {elapsed:.1f} s, processor {processor:.1f} s", flush=True)


def _say(name: str, what: str, value: str) -> None:
    print(f"{name} {what}: {value}", flush=True)


def _forget_peak() -> None:
    """Let the kernel count the highest memory from here on, where it can."""
    file = Path("/proc/self/clear_refs")
    if file.exists():
        file.write_text("5")


def _peak() -> float:
    """The most memory since `_forget_peak`, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
