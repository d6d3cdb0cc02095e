"""Letting the machine run: how often and how long, and what must have happened for it to have shown anything."""

import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.environment import MEMORY
from tests.machines.shelter import OFTEN, Stage, build, machine

RUNS, STEPS = 10, 70
LONG = "long"
STORY_LINES = 8
NOT_SYNCED = "SET synchronous_commit TO off"
"""The same for a PostgreSQL database."""

EVENTS = ("asked", "amended", "sent", "said yes", "placed", "rang", "arrived", "confirmed", "jumped", "named a payer")
"""What the usual runs come to together; without it they would have shown little."""

ANYHOW = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    print_blob=False,
)


@contextmanager
def sqlite_stage(url: str) -> Iterator[Stage]:
    """The town, built in an empty SQLite database, and copies of it in memory."""
    people, houses = build(url)
    numbers = count()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:

        def fresh() -> str:
            copy = Path(folder) / str(next(numbers)) / "nrm.sqlite3"
            copy.parent.mkdir()
            shutil.copyfile(url.removeprefix("sqlite:///"), copy)
            return f"sqlite:///{copy}"

        yield Stage(fresh, lambda used: shutil.rmtree(Path(used.removeprefix("sqlite:///")).parent), people, houses)


def play(stage: Stage) -> None:
    """The runs of `make test`: always the same ones, unless the profile `long` is asked for (tests/conftest.py)."""
    long = settings.get_current_profile_name() == LONG
    usual = settings(ANYHOW, stateful_step_count=STEPS, max_examples=RUNS * 100 if long else RUNS, derandomize=not long)
    run_state_machine_as_test(machine(stage), settings=usual)


def play_at_random(stage: Stage, runs: int, seed: int, often: Mapping[str, int] = OFTEN) -> str:
    """So many runs that the seed chooses. What went wrong in the first that failed, or nothing.

    `often`: how often each deed is chosen, those it does not name once. Without Hypothesis: it repeats itself on
    purpose, and where nothing has to be made smaller plain chance sees more.
    """
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    for _ in range(runs):
        played = machine(stage, often)()
        try:
            for _ in range(STEPS):
                played.happen(chance.choice)
                played.ledger_and_tables_agree()
        except Exception as error:  # noqa: BLE001 - whatever ends a run is what it found
            return f"{type(error).__name__}: {error}; after {' | '.join(stage.story[-STORY_LINES:])}"
        finally:
            played.teardown()
    return ""
