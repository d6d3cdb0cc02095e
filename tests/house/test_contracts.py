"""The import contracts hold, and each of them catches what it is there for."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import environment
from tests.house.sources import PRODUCT, ROOT

PLANTED = [
    ("floors", "matching/planted.py", "import nrm.errors"),
    ("floors", "nrm/errors.py", "import web"),
    ("capabilities", "nrm/errors.py", "import nrm.journal"),
    ("capabilities", "nrm/access/planted.py", "import nrm.placing.planted"),
    ("capabilities", "nrm/registry/planted.py", "import nrm.intake.planted"),
    ("capabilities", "nrm/course/rules.py", "import nrm.exchange.rules"),
    ("capabilities", "nrm/live/planted.py", "import nrm.notify.planted"),
    ("capabilities", "nrm/misplaced.py", ""),
    ("staircase", "nrm/registry/models.py", "import nrm.registry.service"),
    ("staircase", "nrm/registry/rules.py", "import nrm.registry.queries"),
    ("pure-rules", "nrm/registry/rules.py", "import sqlmodel"),
    ("pure-rules", "nrm/intake/rules.py", "from sqlalchemy import text"),
    ("pure-rules", "nrm/placing/rules.py", "from nrm.db import Tx"),
    ("http", "nrm/registry/service.py", "import fastapi"),
    ("http", "nrm/db.py", "from starlette.requests import Request"),
    ("pure-matching", "matching/planted.py", "import sqlalchemy"),
    ("pure-matching", "matching/planted.py", "from fastapi import FastAPI"),
    ("no-circles", "nrm/notify/channel.py", "import nrm.notify.mail"),
    ("no-circles", "matching/problem.py", "import matching.engine"),
    ("no-circles", "web/words.py", "import web.app"),
]
ALLOWED = [
    ("nrm/registry/api.py", "import fastapi"),
    ("nrm/app.py", "import fastapi"),
    ("nrm/placing/planted.py", "import nrm.registry.planted"),
    ("web/planted.py", "import nrm.errors"),
    ("matching/planted.py", "import time"),
]


def lint(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", folder / "pyproject.toml"],
        cwd=folder,
        env=environment.without("PYTHONPATH") | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def contract_name(contract: str) -> str:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return next(str(each["name"]) for each in tool["contracts"] if each["id"] == contract)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages as they stand, to plant something in."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PRODUCT:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    for capability in ("access", "registry", "intake", "placing", "notify", "live"):
        folder = tmp_path / "nrm" / capability
        folder.mkdir(exist_ok=True)
        for name in ("__init__.py", "planted.py", "rules.py", "models.py", "queries.py", "service.py"):
            (folder / name).touch()
    return tmp_path


def plant(folder: Path, file: str, line: str) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as source:
        source.write(f"\n{line}\n")


def test_the_contracts_hold() -> None:
    code, output = lint(ROOT)
    assert code == 0, output
    assert re.search(r"Contracts: (\d+) kept, 0 broken", output), output


@pytest.mark.parametrize(("contract", "file", "line"), PLANTED)
def test_a_planted_import_breaks_its_contract(contract: str, file: str, line: str, copy: Path) -> None:
    plant(copy, file, line)
    code, output = lint(copy)
    assert code == 1, output
    assert f"{contract_name(contract)} BROKEN" in output, output


def test_what_is_allowed_breaks_nothing(copy: Path) -> None:
    for file, line in ALLOWED:
        plant(copy, file, line)
    code, output = lint(copy)
    assert code == 0, output
