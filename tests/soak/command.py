"""`nrm-soak ci|nightly|release [--row N …] [--engine sqlite|postgresql] [--seed S]`: the trust table, tried.

Prints one line per row and engine and exits 1 on a failure or on a planted bug that was not caught.
"""

import argparse
import secrets
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tests import environment, statements
from tests.environment import MissingError
from tests.soak.ground import Ground, ground, start_fork_server
from tests.soak.harness import FAILURES_SHOWN, Row
from tests.soak.rows import ROWS

ROOT = Path(__file__).parents[2]
SIDE_BY_SIDE = 2
PLANTED_TRIES = 3
TIMES = {"ci": 1, "nightly": 10, "release": 100}
ENGINES = ("sqlite", "postgresql")
LIBRARY = "library"
"""Stands in the place of the engine for what needs no database."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command."""
    asked = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    statements.share()
    start_fork_server()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(10**9)
    if not asked.part:
        print(f"nrm-soak {asked.length}, seed {seed}", flush=True)
    rows = [row for row in ROWS if not asked.row or row.number in asked.row]
    engines = [asked.engine] if asked.engine else [*ENGINES, LIBRARY]
    started = time.monotonic()
    fine = _run_engine(engines[0], rows, asked, seed) if asked.engine else _run_side_by_side(engines, asked, seed)
    if not asked.part:
        print(f"{'all held' if fine else 'NOT ALL HELD'} in {time.monotonic() - started:.0f} s")
    sys.exit(0 if fine else 1)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nrm-soak", description=__doc__)
    parser.add_argument("length", choices=sorted(TIMES, key=TIMES.__getitem__))
    rows = sorted({row.number for row in ROWS}, key=lambda number: (isinstance(number, str), number))
    parser.add_argument("--row", type=_row, action="append", choices=rows)
    parser.add_argument("--engine", choices=[*ENGINES, LIBRARY])
    parser.add_argument("--seed", type=int)
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help="instead of the row's own number of trials")
    return parser.parse_args(arguments)


def _row(word: str) -> int | str:
    return int(word) if word.isdigit() else word


def _run_side_by_side(engines: Sequence[str], asked: argparse.Namespace, seed: int) -> bool:
    """Each engine in a process of its own, the library after whichever is done first: most rows use one processor."""
    more = [argument for row in asked.row or () for argument in ("--row", str(row))]
    more += ["--count", str(asked.count)] if asked.count else []
    command = [sys.executable, "-m", "tests.soak.command", asked.length, "--seed", str(seed), *more]
    running: list[subprocess.Popen[bytes]] = []
    codes: list[int] = []
    try:
        for engine in engines:
            while len(running) - len(codes) == SIDE_BY_SIDE:
                codes = _ended(running)
            running.append(subprocess.Popen([*command, "--engine", engine, "--part"], cwd=ROOT))
        while len(codes) < len(running):
            codes = _ended(running)
    finally:
        for process in running:
            process.terminate()
            process.wait()
    return not any(codes)


def _ended(running: Sequence["subprocess.Popen[bytes]"]) -> list[int]:
    """The exit codes of those that are done, after a moment."""
    time.sleep(0.2)
    return [code for process in running if (code := process.poll()) is not None]


def _run_engine(engine: str, rows: Sequence[Row], asked: argparse.Namespace, seed: int) -> bool:
    """Every row that this engine has. Without PostgreSQL: a failure on CI, a line that says so elsewhere."""
    todo = [row for row in rows if engine in row.engines]
    if not todo:
        return True
    try:
        # In memory for the short run: what is tried is killed processes, which lose nothing there either. The long
        # runs keep the disk, and with it commits as slow as they are in earnest.
        with ground(engine, environment.memory() if asked.length == "ci" else None) as here:
            held = [_run_row(here, row, asked, seed) for row in todo]
            return all(held)
    except MissingError as missing:
        print(f"rows {' '.join(str(row.number) for row in todo)} {engine} SKIPPED: {missing}", flush=True)
        return not environment.on_ci()


def _run_row(here: Ground, row: Row, asked: argparse.Namespace, seed: int) -> bool:
    started = time.monotonic()
    count = asked.count or min(row.count * TIMES[asked.length], row.count_max or sys.maxsize)
    missed: list[str] = []
    try:
        outcome = row.run(here, count, seed)
        trials, failures, notes = outcome.trials, outcome.failures, outcome.notes
    except Exception:  # noqa: BLE001 - a harness that breaks has shown nothing, and the other rows still count
        trials, failures, notes = 0, [traceback.format_exc()], []
    planted = [bug for bug in row.planted if here.engine in bug.engines]
    for bug in planted:
        try:
            # A planted race shows only when it is lost: a harness that can see it gets a few chances to.
            caught = any(bug.find(here, seed + attempt) for attempt in range(PLANTED_TRIES))
        except Exception:  # noqa: BLE001 - as above
            caught = False
            failures.append(f"planted bug {bug.name!r}: {traceback.format_exc()}")
        if not caught:
            missed.append(bug.name)
    seconds = time.monotonic() - started
    print(
        f"row {row.number} {here.engine} N={trials} failures={len(failures)}"
        f" planted={len(planted) - len(missed)}/{len(planted)} seconds={seconds:.0f}"
        f"  {row.title}{''.join(f' {note}' for note in notes)}",
        flush=True,
    )
    for failure in failures[:FAILURES_SHOWN]:
        print(f"    {failure}", flush=True)
    for name in missed:
        print(f"    planted bug not caught: {name}", flush=True)
    if trials == 0 or not planted:
        print("    nothing was tried", flush=True)
    if fine := trials > 0 and planted and not failures and not missed:
        return bool(fine)
    print(f"    again: nrm-soak {asked.length} --row {row.number} --engine {here.engine} --seed {seed}", flush=True)
    return False


if __name__ == "__main__":
    main()
