"""What a row of the trust table is: trials that must not fail, and planted bugs that must be caught."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.soak.ground import Ground

FAILURES_SHOWN = 10
HANG_SECONDS = 300
"""How long anything waits for what must come. Only whoever hangs waits so long: slow is a word about the machine."""


@dataclass
class Outcome:
    """How many trials there were and what went wrong in them, in words."""

    trials: int = 0
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Numbers worth printing beside the verdict, `name=value`."""


@dataclass(frozen=True)
class Planted:
    """A bug that the row's own check must notice. `find` gets a ground and a seed and says whether it did."""

    name: str
    find: Callable[[Ground, int], bool]
    engines: tuple[str, ...] = ("sqlite", "postgresql", "library")


@dataclass(frozen=True)
class Row:
    """One row of the table: `run(ground, count, seed)` at the count that CI asks; longer runs multiply it."""

    number: int | str
    """Of the trust table; a word for what is about the whole table."""
    title: str
    count: int
    run: Callable[[Ground, int, int], Outcome]
    planted: tuple[Planted, ...]
    engines: tuple[str, ...] = ("sqlite", "postgresql")
    count_max: int | None = None
    """For rows that are complete at a number: trying the same again would show nothing more."""
