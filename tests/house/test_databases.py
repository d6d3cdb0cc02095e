"""The database fixtures do what tests lean on: migrated, empty, one's own, durable; and the server cleans up."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from tests import environment
from tests.environment import MissingError
from tests.house.sources import ROOT
from tests.postgresql import Cluster, cluster


@contextmanager
def connected(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def tables(url: str) -> set[str]:
    with connected(url) as engine:
        return set(inspect(engine).get_table_names())


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    try:
        with cluster() as own:
            yield own
    except MissingError as missing:
        environment.skip(missing)


def test_a_database_is_migrated(database_url: str) -> None:
    assert "alembic_version" in tables(database_url)


def test_an_empty_database_is_not(empty_database_url: str) -> None:
    assert tables(empty_database_url) == set()


@pytest.mark.parametrize("test", ["the first", "the second"])
def test_a_database_is_the_test_s_own(database_url: str, test: str) -> None:
    with connected(database_url) as engine, engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (test TEXT)"))
        connection.execute(text("INSERT INTO mine VALUES (:test)"), {"test": test})
    assert "mine" in tables(database_url)


def test_a_killed_server_comes_back_with_what_was_committed(own_cluster: Cluster) -> None:
    with connected(own_cluster.url) as engine:
        with engine.begin() as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert connection.execute(text(f"SHOW {setting}")).scalar_one() == "on", setting
            connection.execute(text("CREATE TABLE kept (x INT)"))
            connection.execute(text("INSERT INTO kept VALUES (812)"))
        own_cluster.kill()
        assert own_cluster.pid() is None
        own_cluster.start()
        engine.dispose()
        with engine.connect() as connection:
            assert connection.execute(text("SELECT x FROM kept")).scalar_one() == 812


USER = """
import pathlib, sys
from tests.postgresql import server
with server(pathlib.Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def start_user(shared: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, shared],
        cwd=ROOT,
        env=environment.without("NRM_TEST_PG_URL"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("own_cluster")  # only for its skip when there is no PostgreSQL
def test_a_shared_server_stops_when_its_last_user_is_killed(tmp_path: Path) -> None:
    with start_user(tmp_path) as first, start_user(tmp_path) as second:
        assert first.stdout is not None
        assert second.stdout is not None
        urls = {first.stdout.readline().strip(), second.stdout.readline().strip()}
        assert len(urls) == 1, "both use the same server"
        folder = Path(urls.pop().rpartition("=")[2])
        server = os.pidfd_open(Cluster(folder).pid() or 0)
        try:
            first.kill()
            first.wait()
            assert not ended(server, seconds_max=0.5), "it still has a user"
            second.kill()
            second.wait()
            assert ended(server, seconds_max=30), "nobody is left"
        finally:
            os.close(server)


def ended(process: int, seconds_max: float) -> bool:
    return bool(select.select([process], [], [], seconds_max)[0])
