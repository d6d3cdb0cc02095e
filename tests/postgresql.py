"""A real PostgreSQL server for tests, the soak and the benches, without any set-up by hand.

    with server() as url: ...

`NRM_TEST_PG_URL` if set; else the machine's own binaries, in a temporary folder, reachable only through a unix socket
in a folder that only its owner (and root) may enter. Durability settings are PostgreSQL's own unless told otherwise.

Nobody has to remember to stop it, also after a crash: whoever uses a server holds a shared lock on its lease, and a
small process waits for the exclusive one. The kernel drops locks of the dead, so it gets it when all users are gone.
"""

import fcntl
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psycopg
from sqlalchemy.engine import make_url

from tests import environment
from tests.environment import MissingError, as_root, postgresql_url

READY_SECONDS_MAX = 60
STRATEGY_SINCE = 150000
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "log_checkpoints": "off",
}


class Cluster:
    """One server in one folder. `kill` and `start` are for tests of what survives a crash; else use `server`."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self._settings = SETTINGS | {"unix_socket_directories": str(folder)} | (settings or {})

    def create(self) -> None:
        owner = _owner()
        if owner:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        # C collation: the same order on every machine. Nothing a person sees is sorted by the database.
        self._run("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale")
        with (self.folder / "data" / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in self._settings.items())

    def start(self) -> None:
        """Start, and return when it answers. `pg_ctl` polls; after a `kill` the server recovers first."""
        log = self.folder / "log"
        if self.pid() is None:
            # In a container the dead may stay uncollected, and PostgreSQL takes a zombie for a live server.
            for leftover in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
                (self.folder / leftover).unlink(missing_ok=True)
        try:
            self._run("pg_ctl", "start", "--wait", f"--timeout={READY_SECONDS_MAX}", f"--log={log}")
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{log.read_text() if log.exists() else ''}") from None

    def stop(self) -> None:
        """Stop without waiting for clients, if it runs at all."""
        if self.pid() is not None:
            self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def kill(self) -> None:
        """`kill -9` of the postmaster; returns when it and the processes it leaves are gone. `start` brings it back."""
        pid = self.pid()
        assert pid is not None, "the server does not run"
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ends = [os.pidfd_open(process) for process in (pid, *map(int, children)) if Path(f"/proc/{process}").exists()]
        os.kill(pid, signal.SIGKILL)
        for end in ends:
            gone, _, _ = select.select([end], [], [], READY_SECONDS_MAX)
            os.close(end)
            assert gone, "a process of the killed server is still there"

    def pid(self) -> int | None:
        """The postmaster's process id, None when it does not run."""
        try:
            pid = int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if state in "ZX" else pid

    def _run(self, program: str, *arguments: str) -> None:
        # Output goes to a file: a pipe would stay open as long as the server that pg_ctl leaves behind.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [binaries() / program, f"--pgdata={self.folder / 'data'}", *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                timeout=READY_SECONDS_MAX * 2,
                **_unprivileged(),
            )
            if done.returncode:
                output.seek(0)
                raise RuntimeError(f"{program} failed:\n{output.read()}")


@contextmanager
def cluster(settings: dict[str, str] | None = None, within: Path | None = None) -> Iterator[Cluster]:
    """A started server of one's own, gone at the end of the block or of this process, whichever comes first."""
    folder = Path(tempfile.mkdtemp(prefix="nrm-pg-", dir=within))
    with (folder / "lease").open("w") as lease:
        fcntl.flock(lease, fcntl.LOCK_SH)
        reaper = _spawn_reaper(folder / "lease", folder)
        try:
            own = Cluster(folder, settings)
            own.create()
            own.start()
            yield own
        finally:
            fcntl.flock(lease, fcntl.LOCK_UN)
            os.waitpid(reaper, 0)


@contextmanager
def server(
    shared: Path | None = None, settings: dict[str, str] | None = None, within: Path | None = None
) -> Iterator[str]:
    """The SQLAlchemy URL of a server where databases may be created; its files lie `within` that folder.

    Processes that pass the same folder as `shared` share one server: the first starts it, the last one out stops it.
    """
    if url := postgresql_url():
        yield url
    elif shared is None:
        with cluster(settings, within) as own:
            yield own.url
    else:
        with (shared / "pg-lease").open("w") as lease:
            yield _join(shared, lease, settings, within)


def database(server_url: str, name: str) -> str:
    """The URL of one database of a server."""
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def create_database(server_url: str, name: str, template: str | None = None) -> str:
    """A new database, empty or a copy of one that nobody is connected to. Returns its URL."""
    with _administering(server_url) as connection:
        options = ""
        if template:
            # Copying files is a fraction of the work of writing every page to the log, which is the default.
            strategy = "STRATEGY FILE_COPY" if connection.info.server_version >= STRATEGY_SINCE else ""
            options = f"TEMPLATE {template} {strategy}"
        connection.execute(f"CREATE DATABASE {name} {options}".encode())
    return database(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    """Remove a database, whoever is still connected."""
    with _administering(server_url) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _administering(server_url: str) -> "psycopg.Connection[Any]":
    address = make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True)


def binaries() -> Path:
    """Where the newest installed server's programs are."""
    found = [initdb.parent for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise MissingError("PostgreSQL", "sudo apt-get install -y postgresql (or set NRM_TEST_PG_URL)")


def _join(shared: Path, lease: IO[str], settings: dict[str, str] | None, within: Path | None) -> str:
    address = shared / "pg-url"
    with (shared / "pg-guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        fcntl.flock(lease, fcntl.LOCK_SH)  # waits while a reaper is at work
        if not address.exists():
            folder = Path(tempfile.mkdtemp(prefix="nrm-pg-", dir=within))
            _spawn_reaper(shared / "pg-lease", folder, address)
            started = Cluster(folder, settings)
            started.create()
            started.start()
            address.write_text(started.url)
        return address.read_text()


def _spawn_reaper(lease: Path, folder: Path, address: Path | None = None) -> int:
    """Start the process that outlives us. Not `subprocess`, which complains about children left running."""
    command = [sys.executable, "-m", "tests.postgresql", str(lease), str(folder), *([str(address)] if address else [])]
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    return os.posix_spawn(sys.executable, command, environment.without(), file_actions=quiet, setsid=True)


def _reap(lease_path: Path, folder: Path, address: Path | None) -> None:
    # The lease is opened by its name once: after `shared` is removed the lock still works on the open file.
    with lease_path.open("w") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        if address:
            address.unlink(missing_ok=True)
        Cluster(folder).stop()
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root: it refuses to be root itself."""
    if not as_root():
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _unprivileged() -> dict[str, object]:
    owner = _owner()
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}


if __name__ == "__main__":
    _reap(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
