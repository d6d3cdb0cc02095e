"""Every check there is, in the order in which a failure is cheapest to see: `make test`.

    python -m tests.all [group ...]

Groups that use one processor go first, two at a time; where one of them failed the long ones are not run. Then says of
every group how it went and, by name, what failed: of a long log often only the end is seen. The last line counts the
tests and the soak's rows.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Group:
    name: str
    program: str
    arguments: tuple[str, ...]
    processors: int = 1

    @property
    def counts(self) -> bool:
        """Whether it writes down how each test or row went."""
        return self.program in {"pytest", "nrm-soak"}


PROCESSORS = 2
NAMED_MAX = 6
NAMED_LENGTH_MAX = 200
"""So many of what failed are named at the end, each on a line no longer than this."""
WORKERS = ("-n", str(PROCESSORS), "--dist", "worksteal")
"""Half of the tests each, and whoever is done first helps the other."""

GROUPS = (
    # Whoever runs the application wants the solver's kernels compiled: half a minute, once.
    Group("solver", "python", ("-c", "import matching; matching.prepare()")),
    Group("types", "mypy", ("--no-error-summary",)),
    Group("lint", "ruff", ("check", "--quiet", ".")),
    Group("format", "ruff", ("format", "--quiet", "--diff", ".")),
    Group("contracts", "lint-imports", ("--no-logo",)),
    Group("tests", "pytest", ("-q", "-m", "not browser", *WORKERS), PROCESSORS),
    Group("soak", "nrm-soak", ("ci",), PROCESSORS),
    Group("browser", "pytest", ("-q", "-m", "browser", *WORKERS), PROCESSORS),
)


def main(names: list[str]) -> int:
    known = [group.name for group in GROUPS]
    if unknown := set(names) - set(known):
        print(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return 2
    chosen = [group for group in GROUPS if not names or group.name in names]
    if any(group.processors > 1 for group in chosen) and GROUPS[0] not in chosen:
        chosen.insert(0, GROUPS[0])
    counts: Counter[str] = Counter()
    report: list[str] = []
    named: list[str] = []
    failed = False
    for processors, several in groupby(chosen, key=lambda group: group.processors):
        together = list(several)
        if failed:
            report += [f"  {group.name:<10} not run" for group in together]
            continue
        for group, done in each_run(together, processors):
            counts += done.counted
            named += done.named
            failed = failed or not done.ok
            skipped = f", {done.counted['skipped']} skipped (reasons above)" if done.counted["skipped"] else ""
            report.append(f"  {group.name:<10} {'ok' if done.ok else 'FAILED'} in {done.seconds:.0f} s{skipped}")
    print("\n".join(["", "== summary", *report, *few(named), ""]))
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    return 1 if failed else 0


@dataclass(frozen=True)
class Done:
    """How a group went. `named` is what failed in it, `said` what it printed, if that was kept until now."""

    ok: bool
    seconds: float
    counted: Counter[str]
    named: list[str] = field(default_factory=list)
    said: str = ""


def each_run(groups: list[Group], processors: int) -> Iterator[tuple[Group, Done]]:
    """Run groups, as many at once as there are processors for; each one's output stays together."""
    side_by_side = PROCESSORS // processors
    with ThreadPoolExecutor(side_by_side) as pool:
        for group, done in zip(groups, pool.map(lambda one: run(one, keep=side_by_side > 1), groups), strict=True):
            if side_by_side > 1:
                print(f"== {headline(group)}\n{done.said}", end="", flush=True)
            yield group, done


def headline(group: Group) -> str:
    return f"{group.name}: {group.program} {' '.join(group.arguments)}"


def run(group: Group, keep: bool = False) -> Done:
    """Run one group where we stand, and keep what it prints or let it print."""
    if not keep:
        print(f"== {headline(group)}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.xml"
        command = [BIN / group.program, *group.arguments, *([f"--junitxml={result}"] if group.counts else [])]
        kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if keep else {}
        done = subprocess.run(command, cwd=ROOT, check=False, text=True, **kept)
        counted, named = (count(result), failures(result)) if result.exists() else (Counter(), [])
    return Done(done.returncode == 0, time.monotonic() - started, counted, named, done.stdout or "")


def count(result: Path) -> Counter[str]:
    """What a pytest run's own report says. A test with an error in its set-up or tear-down has failed."""
    counts: Counter[str] = Counter()
    for suite in ElementTree.parse(result).getroot().iter("testsuite"):  # noqa: S314 - our own pytest wrote it
        number = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
        counts["failed"] += number["failures"] + number["errors"]
        counts["skipped"] += number["skipped"]
        counts["passed"] += number["tests"] - number["failures"] - number["errors"] - number["skipped"]
    return counts


def failures(result: Path) -> list[str]:
    """Of each test or row that failed its name and why, on a line."""
    named = []
    for case in ElementTree.parse(result).getroot().iter("testcase"):  # noqa: S314 - our own pytest wrote it
        for fault in (*case.iter("failure"), *case.iter("error")):
            why = fault.get("message", "").strip().splitlines()
            named.append(": ".join([f"{case.get('classname')}::{case.get('name')}", *why[:1]]))
    return named


def few(named: list[str]) -> list[str]:
    """The first of what failed, for the summary."""
    more = [f"    and {len(named) - NAMED_MAX} more"] if len(named) > NAMED_MAX else []
    return [*(f"    {name[:NAMED_LENGTH_MAX]}" for name in named[:NAMED_MAX]), *more]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
