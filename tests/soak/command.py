"""`nrm-soak ci|nightly|release [--row N …] [--engine sqlite|postgresql] [--seed S]`: the trust table, tried.

Prints one line per row and engine, and at the very end, once more, each that did not hold and why; then it exits 1.
"""

import argparse
import secrets
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import matching
from tests import environment, statements
from tests.environment import MissingError
from tests.soak.ground import CHILDREN, Crew, Ground, ground, preload
from tests.soak.harness import FAILURES_SHOWN, Row
from tests.soak.rows import ROWS

SIDE_BY_SIDE = 2
PLANTED_TRIES = 3
TIMES = {"ci": 1, "nightly": 10, "release": 100}
LIBRARY = "library"
"""Stands in the place of the engine for what needs no database."""
ENGINES = (LIBRARY, "postgresql", "sqlite")
"""The quickest last: what is short fills the end, when there is little left to share out."""
CI_SEED = 1
"""A gate says something about the change it lets through, not about the draw: only the long runs draw."""
WHY_LENGTH_MAX = 200


@dataclass(frozen=True)
class Job:
    """One row on one engine, for whichever worker is free."""

    row: Row
    here: Ground
    length: str
    count: int
    seed: int

    @property
    def name(self) -> str:
        return f"row {self.row.number} {self.here.engine}"


@dataclass(frozen=True)
class Verdict:
    """How a row went on an engine. `why` it did not hold, in a line; `skipped` says what was missing to try it."""

    name: str
    lines: tuple[str, ...]
    why: str = ""
    skipped: bool = False
    seconds: float = 0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command."""
    asked = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Before any process and any clock of ours runs: no trial may wait for the compiler.
    matching.prepare()
    seed = _seed(asked)
    print(f"nrm-soak {asked.length}, seed {seed}", flush=True)
    started = time.monotonic()
    rows = [row for row in ROWS if not asked.row or row.number in asked.row]
    verdicts = try_rows(rows, [asked.engine] if asked.engine else ENGINES, asked, seed)
    if asked.junitxml:
        write_xml(asked.junitxml, verdicts)
    print("\n".join(ending(verdicts, seed, time.monotonic() - started)), flush=True)
    sys.exit(1 if any(verdict.why for verdict in verdicts) else 0)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nrm-soak", description=__doc__)
    parser.add_argument("length", choices=sorted(TIMES, key=TIMES.__getitem__))
    rows = sorted({row.number for row in ROWS}, key=lambda number: (isinstance(number, str), number))
    parser.add_argument("--row", type=_row, action="append", choices=rows)
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--seed", type=int, help=f"ci takes {CI_SEED}, the long runs draw one")
    parser.add_argument("--count", type=int, help="instead of the row's own number of trials")
    parser.add_argument("--junitxml", type=Path, metavar="PATH", help="also write there how each row went")
    return parser.parse_args(arguments)


def _row(word: str) -> int | str:
    return int(word) if word.isdigit() else word


def _seed(asked: argparse.Namespace) -> int:
    if asked.seed is not None:
        return int(asked.seed)
    return CI_SEED if asked.length == "ci" else secrets.randbelow(10**9)


def try_rows(rows: Sequence[Row], engines: Sequence[str], asked: argparse.Namespace, seed: int) -> list[Verdict]:
    """Every row on each of these engines that it has, two at a time. Prints each verdict as it comes.

    Without PostgreSQL its rows are a failure on CI, and a line that says so elsewhere.
    """
    verdicts: list[Verdict] = []

    def say(verdict: Verdict) -> None:
        verdicts.append(verdict)
        print("\n".join(verdict.lines), flush=True)

    with ExitStack() as stack:
        jobs: deque[Job] = deque()
        grounds: list[Ground] = []
        for engine in engines:
            todo = [row for row in rows if engine in row.engines]
            if not todo:
                continue
            try:
                # In memory for the short run: what is tried is killed processes, which lose nothing there either. The
                # long runs keep the disk, and with it commits as slow as they are in earnest.
                within = environment.memory() if asked.length == "ci" else None
                grounds.append(stack.enter_context(ground(engine, within)))
            except MissingError as missing:
                say(_skipped(engine, todo, missing))
                continue
            jobs += [Job(row, grounds[-1], asked.length, _count(row, asked), seed) for row in todo]
        preload()
        for verdict in _worked_off(jobs, grounds, stack.enter_context(Crew())):
            say(verdict)
    return verdicts


def _count(row: Row, asked: argparse.Namespace) -> int:
    return asked.count or min(row.count * TIMES[asked.length], row.count_max or sys.maxsize)


def _skipped(engine: str, rows: Sequence[Row], missing: MissingError) -> Verdict:
    name = f"rows {' '.join(str(row.number) for row in rows)} {engine}"
    why = one_line(str(missing)) if environment.on_ci() else ""
    return Verdict(name, (f"{name} SKIPPED: {missing}",), why, skipped=True)


def _worked_off(jobs: deque[Job], grounds: Sequence[Ground], crew: Crew) -> Iterator[Verdict]:
    """The verdicts as they come: whichever worker is done takes the next row. Most rows use one processor."""
    busy: dict[Connection, Job] = {}
    free: list[Connection] = []
    while jobs or busy:
        while jobs and len(busy) < SIDE_BY_SIDE:
            line = free.pop() if free else _worker(grounds, crew)
            busy[line] = jobs.popleft()
            line.send(busy[line])
        for line in wait(list(busy)):
            assert isinstance(line, Connection)
            job = busy.pop(line)
            try:
                verdict: Verdict = line.recv()
            except EOFError:
                yield _verdict(job, 0, ["the process that tried it ended too early"], 0)
            else:
                free.append(line)
                yield verdict


def _worker(grounds: Sequence[Ground], crew: Crew) -> Connection:
    ours, theirs = CHILDREN.Pipe()
    crew.start(run_jobs, theirs, [here for here in grounds if here.engine != LIBRARY])
    theirs.close()
    return ours


def run_jobs(line: Connection, grounds: Sequence[Ground]) -> None:
    """A worker: one row after the other, until it is ended."""
    statements.share()
    preload(grounds)
    with suppress(EOFError):  # nobody is there any more to give us one
        while True:
            line.send(run_row(line.recv()))


def run_row(job: Job) -> Verdict:
    """Try one row and its planted bugs."""
    row, here, seed = job.row, job.here, job.seed
    started = time.monotonic()
    missed: list[str] = []
    try:
        outcome = row.run(here, job.count, seed)
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
    faults = [
        *failures,
        *(f"planted bug not caught: {name}" for name in missed),
        *(() if trials and planted else ("nothing was tried",)),
    ]
    head = f"N={trials} failures={len(failures)} planted={len(planted) - len(missed)}/{len(planted)}"
    return _verdict(job, time.monotonic() - started, faults, len(failures), head, notes)


def _verdict(
    job: Job, seconds: float, faults: Sequence[str], failures: int, head: str = "BROKEN", notes: Sequence[str] = ()
) -> Verdict:
    """What is printed of a row, `faults` being its failures, of which only some are shown, and then the rest."""
    shown = [*faults[: min(failures, FAILURES_SHOWN)], *faults[failures:]]
    lines = [
        " ".join((job.name, head, f"seconds={seconds:.0f} ", job.row.title, *notes)),
        *(f"    {fault}" for fault in shown),
    ]
    if faults:
        again = f"--row {job.row.number} --engine {job.here.engine} --seed {job.seed}"
        lines.append(f"    again: nrm-soak {job.length} {again}")
    return Verdict(job.name, tuple(lines), one_line(faults[0]) if faults else "", seconds=seconds)


def one_line(fault: str) -> str:
    """The line of a fault that says most: of a traceback the last. Nothing in it that a file of XML cannot hold."""
    last = fault.strip().splitlines()[-1] if fault.strip() else "failed without a word"
    return "".join(letter for letter in last if letter.isprintable())[:WHY_LENGTH_MAX]


def ending(verdicts: Sequence[Verdict], seed: int, seconds: float) -> list[str]:
    """The last lines: of a long log often all that anybody sees."""
    broken = [verdict for verdict in verdicts if verdict.why]
    return [
        f"{'NOT ALL HELD' if broken else 'all held'} in {seconds:.0f} s",
        *(f"  {verdict.name} seed {seed}: {verdict.why}" for verdict in broken),
    ]


def write_xml(path: Path, verdicts: Sequence[Verdict]) -> None:
    """How each row went, in the form in which pytest says it of tests."""
    suite = ElementTree.Element(
        "testsuite",
        name="soak",
        tests=str(len(verdicts)),
        failures=str(sum(bool(verdict.why) for verdict in verdicts)),
        errors="0",
        skipped=str(sum(verdict.skipped and not verdict.why for verdict in verdicts)),
    )
    for verdict in verdicts:
        case = ElementTree.SubElement(
            suite, "testcase", classname="soak", name=verdict.name, time=f"{verdict.seconds:.1f}"
        )
        if verdict.why:
            ElementTree.SubElement(case, "failure", message=verdict.why)
        elif verdict.skipped:
            ElementTree.SubElement(case, "skipped", message=verdict.lines[0])
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


if __name__ == "__main__":
    main()
