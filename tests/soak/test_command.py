"""What did not hold is named where it is seen: in the last lines of the soak, and in those of every check there is."""

import argparse
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests import all as every_check
from tests.soak import command
from tests.soak.command import CI_SEED, ending, try_rows, write_xml
from tests.soak.ground import Ground
from tests.soak.harness import Outcome, Planted, Row


def holds(_here: Ground, count: int, _seed: int) -> Outcome:
    return Outcome(count)


def fails(_here: Ground, count: int, seed: int) -> Outcome:
    return Outcome(count, [f"a bed went twice at seed {seed}", "and once more"])


def breaks(_here: Ground, _count: int, _seed: int) -> Outcome:
    raise RuntimeError("the server did not\nstart\x00")


def dies(_here: Ground, _count: int, _seed: int) -> Outcome:
    os._exit(1)


def finds(found: bool, _here: Ground, _seed: int) -> bool:
    return found


CAUGHT = (Planted("a bug that is seen", partial(finds, True)),)
MISSED = (*CAUGHT, Planted("a bug that nobody sees", partial(finds, False)))
ROWS = [
    Row(number, "a trial", 3, run, planted, engines=("library",))
    for number, run, planted in (
        (1, holds, CAUGHT),
        (2, fails, CAUGHT),
        (3, breaks, CAUGHT),
        (4, holds, MISSED),
        (5, dies, CAUGHT),
        (6, holds, ()),
        (7, holds, CAUGHT),
    )
]
ASKED = argparse.Namespace(length="ci", count=None)


def test_each_row_that_did_not_hold_is_named_in_the_last_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = try_rows(ROWS, ["library"], ASKED, 5)
    said = capsys.readouterr().out
    assert "row 1 library N=3 failures=0 planted=1/1" in said
    assert "again: nrm-soak ci --row 4 --engine library --seed 5" in said
    last = ending(sorted(verdicts, key=lambda verdict: verdict.name), 5, 12)
    assert last == [
        "NOT ALL HELD in 12 s",
        "  row 2 library seed 5: a bed went twice at seed 5",
        "  row 3 library seed 5: start",
        "  row 4 library seed 5: planted bug not caught: a bug that nobody sees",
        "  row 5 library seed 5: the process that tried it ended too early",
        "  row 6 library seed 5: nothing was tried",
    ]
    write_xml(tmp_path / "result.xml", verdicts)
    assert every_check.count(tmp_path / "result.xml") == {"passed": 2, "failed": 5, "skipped": 0}
    named = sorted(every_check.failures(tmp_path / "result.xml"))
    assert named[0] == "soak::row 2 library: a bed went twice at seed 5"
    assert len(named) == 5


def test_rows_that_all_held_say_so() -> None:
    assert ending([command.Verdict("row 1 library", ())], 1, 3) == ["all held in 3 s"]


def test_only_the_long_runs_draw_their_seed() -> None:
    def seeds(*words: str) -> set[int]:
        return {command._seed(command._parse(words)) for _ in range(4)}

    assert seeds("ci") == {CI_SEED}
    assert seeds("ci", "--seed", "9") == seeds("nightly", "--seed", "9") == {9}
    assert len(seeds("nightly")) > 1
    assert len(seeds("release")) > 1


def test_every_check_names_the_tests_that_failed(tmp_path: Path) -> None:
    tests = tmp_path / "test_it.py"
    tests.write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def broken(): raise OSError('no room')\n"
        "@pytest.mark.parametrize('n', range(7))\n"
        "def test_sum(n): assert n + 1 == n, 'wrong\\nby one'\n"
        "def test_set_up(broken): pass\n"
        "def test_right(): pass\n"
    )
    result = tmp_path / "result.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={result}", tests]
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    named = every_check.failures(result)
    assert [name for name in named if name.startswith("test_it::test_set_up: ")]
    assert "test_it::test_sum[0]: AssertionError: wrong" in named
    shown = every_check.few(named)
    assert len(shown) == every_check.NAMED_MAX + 1
    assert shown[-1] == "    and 2 more"
    assert every_check.few(["x" * 900])[0].strip() == "x" * every_check.NAMED_LENGTH_MAX
