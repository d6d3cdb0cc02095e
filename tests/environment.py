"""What the tests want to know of the machine they run on. Nothing else under tests/ reads the environment."""

import ctypes
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The shell first: the same pages without the windows around them, for half the processor time."""
CHROMIUM_INSTALL = "sudo apt-get install -y chromium libatomic1"

MEMORY = Path("/dev/shm")  # noqa: S108 - files that no disk has to keep
MEMORY_BYTES_MIN = 4 * 2**30


class MissingError(Exception):
    """Something the tests need is not installed. The message names the one command that installs it."""

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"{what} is not installed; this installs it: {install}")


def on_ci() -> bool:
    """Whether this is a run that may skip nothing."""
    return os.environ.get("CI", "").lower() in {"true", "1"}


def skip(missing: MissingError) -> NoReturn:
    """Skip the running test on a developer's machine; fail it on CI, where a skip would be a hole in the proof."""
    if on_ci():
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


def postgresql_url() -> str | None:
    """A PostgreSQL server somebody else runs, whose role may create databases."""
    return os.environ.get("NRM_TEST_PG_URL") or None


def chromium() -> Path:
    """The browser to test with. Playwright's own download is never used: the distribution keeps this one patched."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        raise MissingError("Chromium", CHROMIUM_INSTALL)
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libatomic.so.1")
        except OSError:
            raise MissingError("libatomic, which Playwright's driver needs,", CHROMIUM_INSTALL) from None
    return Path(found)


def as_root() -> bool:
    return os.geteuid() == 0


def memory() -> Path | None:
    """A folder in memory, where there is room: on a disk each commit and each copy of a database waits.

    A killed process loses nothing there either. Only a power cut would, and that nothing here tries.
    """
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
    return MEMORY if roomy else None


def keep_files_in_memory() -> None:
    """Let the tests' own files be in memory where there is room."""
    if folder := memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))


def tell_children(name: str, value: str) -> None:
    """Say something to processes that start from here on."""
    os.environ[name] = value


def told(name: str) -> str | None:
    """What the process that started us said."""
    return os.environ.get(name)


def without(*names: str) -> dict[str, str]:
    """A copy of the environment for a child process, less these variables."""
    return {name: value for name, value in os.environ.items() if name not in names}
