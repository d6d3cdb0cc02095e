"""One reader of the wall clock, one of the environment, and names that say something.

ruff bans the usual spellings where they stand; these checks also see them through other names.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nrm.api import ROOT as API_ROOT
from tests.house.sources import PACKAGES, PRODUCT, ROOT, dotted_names, modules

WALL_CLOCK = re.compile(
    r"(^|\.)(datetime\.(now|utcnow|today)|date\.today"
    r"|time\.(time|time_ns|localtime|gmtime|ctime|asctime|strftime|clock_gettime|clock_gettime_ns)|uuid\.uuid1)$"
)
ENVIRONMENT = re.compile(
    r"(^|\.)(os\.(environ|environb|getenv|getenvb|putenv|unsetenv)(\..*)?|(pydantic_settings|dotenv)(\..*)?)$"
)
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc"}


def wall_clock(source: str) -> list[int]:
    """The lines that read the wall clock."""
    return sorted({line for line, name in dotted_names(ast.parse(source)) if WALL_CLOCK.search(name)})


def environment(source: str) -> list[int]:
    """The lines that read the environment, also through typer's `envvar` or `getattr`."""
    tree = ast.parse(source)
    lines = {line for line, name in dotted_names(tree) if ENVIRONMENT.search(name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "envvar":
            lines.add(node.value.lineno)
        if isinstance(node, ast.Constant) and node.value in {"environ", "environb", "getenv"}:
            lines.add(node.lineno)
    return sorted(lines)


def routers_inside(source: str) -> list[int]:
    """The lines that put a router into a router or an application instead of laying its routes down there.

    The framework asks an included router its way again at each depth: finding a page took longer than refusing it.
    """
    named = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute))
    return sorted({node.lineno for node in named if node.attr == "include_router"})


def empty_names(paths: Iterator[Path]) -> list[str]:
    """The modules and packages whose name says nothing about what is in them."""
    return [str(path) for path in paths if EMPTY_NAMES & {*path.parts[:-1], path.stem}]


def _found(check: str, allowed: str = "") -> list[str]:
    checks = {"clock": wall_clock, "environment": environment, "routers": routers_inside}
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules(*PRODUCT)
        if path != ROOT / allowed
        for line in checks[check](path.read_text(encoding="utf-8"))
    ]


def test_only_the_clock_reads_the_wall_clock() -> None:
    assert _found("clock", allowed="nrm/clock.py") == []


def test_only_the_settings_read_the_environment() -> None:
    assert _found("environment", allowed="nrm/settings.py") == []


def test_no_router_stands_in_another() -> None:
    assert _found("routers") == []
    assert routers_inside("app = FastAPI()\napp.include_router(router)") == [2]


def test_the_root_of_the_api_is_written_once() -> None:
    """Also in scripts and templates: who writes it beside `nrm.api.ROOT` stays behind when it moves."""
    ours = (path for floor in PRODUCT for path in (ROOT / floor).rglob("*") if path.suffix in {".py", ".js", ".html"})
    assert [str(path.relative_to(ROOT)) for path in ours if API_ROOT in path.read_text(encoding="utf-8")] == [
        "nrm/api.py"
    ]


def test_no_module_has_an_empty_name() -> None:
    assert empty_names(path.relative_to(ROOT) for path in modules(*PACKAGES)) == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\nx = datetime.now()",
        "from datetime import datetime as d\nx = d.utcnow()",
        "import datetime as dt\nx = dt.datetime.now(dt.UTC)",
        "import datetime\nx = datetime.date.today()",
        "from datetime import datetime\nx = field(default_factory=datetime.now)",
        "import time\nx = time.time()",
        "import time as t\nx = t.time_ns()",
        "import os\nfrom time import time",
        "import uuid\nx = uuid.uuid1()",
        "import nrm.clock\nx = nrm.clock.datetime.now()",
    ],
)
def test_a_planted_clock_is_found(source: str) -> None:
    assert wall_clock(source) == [2]


@pytest.mark.parametrize(
    "source",
    [
        "import time\nx = time.monotonic() + time.perf_counter()",
        "def f(clock):\n    return clock.now()",
        "from datetime import datetime\nx = datetime.fromisoformat('2026-01-01')",
        "from datetime import timedelta\nx = timedelta(minutes=5)",
    ],
)
def test_time_as_an_argument_is_fine(source: str) -> None:
    assert wall_clock(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import os\nx = os.environ['A']",
        "import os as o\nx = o.getenv('A')",
        "import sys\nfrom os import environ",
        "import sys\nfrom os import getenv as g",
        "from nrm import settings\nx = settings.os.environ.get('A')",
        "import os\nx = getattr(os, 'environ')",
        "import typer\nx = typer.Option(8000, envvar='PORT')",
        "import sys\nfrom pydantic_settings import BaseSettings",
        "import sys\nimport dotenv",
    ],
)
def test_a_planted_look_at_the_environment_is_found(source: str) -> None:
    assert environment(source) == [2]


def test_other_uses_of_os_are_fine() -> None:
    assert environment("import os\nx = os.path.join('a', 'b')") == []


def test_a_planted_empty_name_is_found() -> None:
    names = ["nrm/utils.py", "nrm/common/rules.py", "nrm/registry/rules.py", "web/basement.py"]
    assert empty_names(Path(name) for name in names) == names[:2]
