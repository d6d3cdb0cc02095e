"""Statements compiled once per process rather than once per database.

Each test has a database of its own, and so an engine that would compile every statement anew: a third of what the tests
cost. Engines of one kind speak one dialect here, and what is compiled for a dialect is good for all of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.util import LRUCache

import nrm.db

CACHED_MAX = 5000

_DIALECTS: dict[str, Dialect] = {}
"""Of each kind that of the first engine that was connected: a dialect learns from its first server what it needs."""
_COMPILED: dict[str, Any] = {}
_ENGINES: WeakSet[Engine] = WeakSet()


def share() -> None:
    """From now on every `Database` of this process shares its compiled statements with those of its kind."""
    nrm.db.create_engine = _create_engine


def _create_engine(url: str, **options: Any) -> Engine:
    engine = create_engine(url, **options)
    own, name = engine.dialect, engine.dialect.name
    engine.dialect = _DIALECTS.get(name, own)
    event.listen(engine, "connect", lambda *_: _DIALECTS.setdefault(name, own))
    engine.update_execution_options(compiled_cache=_COMPILED.setdefault(name, LRUCache(CACHED_MAX)))
    _ENGINES.add(engine)
    return engine


@contextmanager
def apart() -> Iterator[None]:
    """Engines made in here share nothing: what is planted in a type must not meet what was compiled before."""
    usual = nrm.db.create_engine
    nrm.db.create_engine = create_engine
    try:
        yield
    finally:
        nrm.db.create_engine = usual


def close(database: str) -> None:
    """Close what this process still has open to a database: a test that forgot to must not fail a later one."""
    for engine in list(_ENGINES):
        if engine.url.database == database:
            engine.dispose()
