"""Databases to measure in."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from nrm.db import migrate
from tests.postgresql import server


@contextmanager
def empty(engine: str) -> Iterator[str]:
    """The URL of a migrated, empty database on `sqlite` or `postgresql`; gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, server() if engine == "postgresql" else nullcontext() as url:
        found = url or f"sqlite:///{Path(folder) / 'nrm.sqlite3'}"
        migrate(found)
        yield found
