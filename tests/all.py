"""Every check there is, in the order in which a failure is cheapest to see: `make test`.

    python -m tests.all [group ...]

Stops at the first group that fails, then says of every group how it went. The last line counts the tests.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Group:
    name: str
    program: str
    arguments: tuple[str, ...]

    @property
    def counts(self) -> bool:
        return self.program == "pytest"


TWO = ("-n", "2", "--dist", "worksteal")

GROUPS = (
    Group("lint", "ruff", ("check", "--quiet", ".")),
    Group("format", "ruff", ("format", "--quiet", "--diff", ".")),
    Group("types", "mypy", ("--no-error-summary",)),
    Group("contracts", "lint-imports", ("--no-logo",)),
    # In two processes, for two processors: half of the tests each, and whoever is done first helps the other.
    Group("tests", "pytest", ("-q", "-m", "not browser", *TWO)),
    Group("soak", "nrm-soak", ("ci",)),
    Group("browser", "pytest", ("-q", "-m", "browser", *TWO)),
)


def main(names: list[str]) -> int:
    known = [group.name for group in GROUPS]
    if unknown := set(names) - set(known):
        print(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return 2
    chosen = [group for group in GROUPS if not names or group.name in names]
    counts: Counter[str] = Counter()
    report: list[str] = []
    failed = False
    for group in chosen:
        if failed:
            report.append(f"  {group.name:<10} not run")
            continue
        print(f"== {group.name}: {group.program} {' '.join(group.arguments)}", flush=True)
        started = time.monotonic()
        ok, counted = run(group)
        counts += counted
        failed = not ok
        skipped = f", {counted['skipped']} skipped (reasons above)" if counted["skipped"] else ""
        report.append(f"  {group.name:<10} {'ok' if ok else 'FAILED'} in {time.monotonic() - started:.0f} s{skipped}")
    print("\n".join(["", "== summary", *report, ""]))
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    return 1 if failed else 0


def run(group: Group) -> tuple[bool, Counter[str]]:
    """Run one group where we stand; whether it succeeded, and how many tests did what."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.xml"
        command = [BIN / group.program, *group.arguments, *([f"--junitxml={result}"] if group.counts else [])]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        return code == 0, count(result) if result.exists() else Counter()


def count(result: Path) -> Counter[str]:
    """What a pytest run's own report says. A test with an error in its set-up or tear-down has failed."""
    counts: Counter[str] = Counter()
    for suite in ElementTree.parse(result).getroot().iter("testsuite"):  # noqa: S314 - our own pytest wrote it
        number = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
        counts["failed"] += number["failures"] + number["errors"]
        counts["skipped"] += number["skipped"]
        counts["passed"] += number["tests"] - number["failures"] - number["errors"] - number["skipped"]
    return counts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
