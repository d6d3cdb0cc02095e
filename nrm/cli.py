"""The command line: run the demo, serve, work, migrate, keep accounts and lists, check the journal."""

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Annotated, NoReturn

import typer
import uvicorn
from sqlalchemy.exc import OperationalError
from uvicorn.importer import import_from_string

import matching
from nrm import journal
from nrm.access import service as access
from nrm.access.rules import Role
from nrm.api import Parts
from nrm.app import LONG_AGO, make_parts, prepare
from nrm.clock import AMSTERDAM, PacedClock, SystemClock
from nrm.db import Database, migrate
from nrm.errors import Conflict, NrmError
from nrm.exchange import sheets
from nrm.exercise import service as practice
from nrm.exercise.playing import as_leader
from nrm.exercise.rules import NIGHT_MINUTES
from nrm.insight import service as insight
from nrm.registry import centres
from nrm.registry import service as registry
from nrm.seal import load_key
from nrm.settings import Settings
from nrm.watch.doctor import Level, examine
from nrm.worker import Worker, parts
from nrm.world import night, seed

SCREENS = "web.app:create_app"
"""Where uvicorn finds the application with its pages: the floor above, which this one may not import."""
EXERCISE_SCREENS = "web.app:create_exercise"
REPORT = "web.exercise_paper:write"
"""What writes the report of an exercise, on the same floor."""

main = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@main.command()
def demo(
    months: Annotated[
        int, typer.Option(min=0, max=12, help="whole months that the world existed before; 0 starts sooner")
    ] = seed.MONTHS,
) -> None:
    """Set up a seeded Dutch world in the data folder and serve it on this machine only."""
    settings = Settings()
    _refuse_open_demo(settings)
    parts = _in_earnest(settings)
    # Before `prepare`: the world has a past, and the journal keeps its moments in order.
    occasion = replace(seed.DEMO, months=months, public_url=settings.public_url)
    accounts = seed.plant(parts.database, parts.key, occasion=occasion)
    _furnish(parts)
    parts.database.close()
    typer.echo(f"\nThe demo runs at {settings.public_url}  (data in {settings.data.absolute()}; Ctrl+C stops it)")
    typer.echo(f"Every demo account has the password: {seed.DEMO_PASSWORD}\n")
    for account in accounts:
        typer.echo(f"  {account.login:<24} {account.role:<22} {account.organisation}")
    typer.echo("")
    _serve(settings)


@main.command()
def exercise(
    seed_number: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1)] = seed.SEED,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M"], help="when the night begins, in Amsterdam; else Saturday 22:30"),
    ] = None,
    play: Annotated[
        bool, typer.Option(help="play the whole night by itself, write the report, keep nothing else")
    ] = False,
    report: Annotated[Path, typer.Option(dir_okay=False, help="where --play writes its report")] = Path(
        "exercise-report.pdf"
    ),
) -> None:
    """Practise a night: made-up people and houses in a database of its own, a script, and no way out of it."""
    settings = Settings().for_exercise()
    begins_at = (at or night.saturday(SystemClock().now())).replace(tzinfo=AMSTERDAM).astimezone(UTC)
    if play:
        _ready_to_match()
        with TemporaryDirectory() as folder:
            played = play_alone(Path(folder), seed_number, begins_at)
            import_from_string(REPORT)(played, report)
            played.close()
        typer.echo(f"The night was played; its report is in {report.absolute()}")
        return
    parts = _migrated(settings)
    assert parts.clock is not None
    if parts.clock.now() == LONG_AGO:  # a new one: one that was begun goes on where it stood, whatever day it is
        parts.clock.turn(begins_at)
    cast = night.occasion(night.password(settings.data))
    with _refusals():
        accounts = night.prepare(parts.database, parts.key, seed_number, cast)
    _furnish(parts)
    parts.database.close()
    typer.echo(f"\nThe exercise runs at {settings.public_url}  (data in {settings.data.absolute()}; Ctrl+C stops it)")
    typer.echo("Nothing leaves it: no mail, no text message, no call. The clock waits until the leader starts it.")
    typer.echo(f"Every account of it has the password: {cast.password}\n")
    for account in accounts:
        typer.echo(f"  {account.login:<24} {account.role:<22} {account.organisation}")
    typer.echo("")
    _serve(settings, EXERCISE_SCREENS)


@main.command()
def serve() -> None:
    """Serve API and pages; with the worker in the same process unless NRM_WORKER=false."""
    settings = Settings()
    parts = _prepared(settings)
    with parts.database.reading() as tx:
        if access.has_demo_accounts(tx):
            _refuse_open_demo(settings)
    parts.database.close()
    _serve(settings)


@main.command()
def work() -> None:
    """Run a worker by itself: matching, escalation, delivery. Several may run."""
    settings = Settings()
    _ready_to_match()
    worker = Worker(_prepared(settings).database, settings)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: worker.stop())
    thread = threading.Thread(target=worker.run)
    _keep_what_stays()
    thread.start()
    thread.join()


@main.command(name="migrate")
def migrate_command() -> None:
    """Bring the database to the newest shape."""
    _prepared(Settings()).database.close()


@main.command(name="add-account")
def add_account(
    login: str,
    name: str,
    role: Role,
    organisation_id: str,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
) -> None:
    """Add an account. Asks for the password, at least 12 characters."""
    if len(password) < access.PASSWORD_CHARACTERS_MIN:
        _stop(f"a password has at least {access.PASSWORD_CHARACTERS_MIN} characters")
    database = _prepared(Settings()).database
    with _refusals(), database.transaction() as tx:
        access.add_account(tx, login, name, role, organisation_id, access.hash_password(password))
    typer.echo(f"added {login}")


@main.command(name="load-municipalities")
def load_municipalities(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    valid_from: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])],
) -> None:
    """Load an official list of municipalities (columns code, name, region) in force from a date."""
    database = _prepared(Settings()).database
    with _refusals(), database.transaction() as tx:
        changed = registry.load_municipalities(tx, path, valid_from.date())
    typer.echo(f"{changed} municipalities changed")


@main.command(name="load-centres")
def load_centres(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    valid_from: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])],
    source: Annotated[str, typer.Option(help="who published it, shown beside what rests on it")],
) -> None:
    """Load a published list of centre municipalities, csv or xlsx (columns code, centre), in force from a date."""
    database = _prepared(Settings()).database
    with _refusals():
        heads, *lines = sheets.read(path.read_bytes()) or [[]]
        rows = [
            {head.strip().lower(): cell.strip() for head, cell in zip(heads, line, strict=False)}
            for line in lines
            if any(cell.strip() for cell in line)
        ]
        with database.transaction() as tx:
            changed = centres.load(tx, rows, valid_from.date(), source)
    typer.echo(f"{changed} municipalities changed")


@main.command(name="set-municipality")
def set_municipality(organisation_id: str, code: str) -> None:
    """Note which municipality (its CBS code) an organisation is, so that it sees the figures of its own area."""
    database = _prepared(Settings()).database
    with _refusals(), database.transaction() as tx:
        centres.set_municipality(tx, organisation_id, code)
    typer.echo(f"{organisation_id} is {code}")


@main.command(name="check-journal")
def check_journal(
    head: Annotated[str | None, typer.Option(help="seq:hash of an entry noted earlier, kept elsewhere")] = None,
) -> None:
    """Walk the journal's chain. Exit 1 and say what is wrong if it was altered; print its head if not."""
    expected = None
    if head:
        seq, _, digest = head.partition(":")
        if not seq.isdigit():
            _stop("a head is written as seq:hash")
        expected = (int(seq), digest)
    with Database(Settings().url).reading() as tx:
        faults = list(journal.faults(tx.session, expected))
        newest = journal.after(tx.session, journal.last_seq(tx.session) - 1, 1)
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{newest[0].seq}:{newest[0].hash}" if newest else "0:empty")


@main.command(name="rebuild-picture")
def rebuild_picture() -> None:
    """Empty what the figures read from the journal, and read all of it again. Safe while others work."""
    insight.rebuild(Database(Settings().url))
    typer.echo("the picture was read again from the journal")


@main.command()
def doctor() -> None:
    """Look whether everything is there that a night needs, in plain words. Exit 1 when something is wrong."""
    settings = Settings()
    findings = []
    for found in examine(Database(settings.url), settings, SystemClock(), parts()):
        typer.echo(f"{found.level:<8} {found.text}")
        findings.append(found)
    if any(found.level is Level.TROUBLE for found in findings):
        raise typer.Exit(1)


def play_alone(folder: Path, seed_number: int, at: datetime, url: str | None = None) -> Database:
    """Play the whole night with nobody there, in a database in this folder: the same seed gives the same night.

    Returns the database, for whoever reads the report. `url` names another one, empty and migrated.
    """
    settings = Settings(exercise=True, data=folder, database_url=url)
    if url is None:
        migrate(settings.url)
    clock = PacedClock(at)
    database = Database(settings.url, clock, night.drawn_ids(seed_number))
    night.prepare(database, load_key(settings), seed_number, night.occasion(token_hex(8)))
    worker = Worker(database, settings, clock=clock)
    with database.reading() as tx:
        leader = as_leader(tx)
    with database.transaction(leader.account_id) as tx:
        practice.start(tx, leader)
        practice.skip(tx, leader, tx.now + timedelta(minutes=NIGHT_MINUTES))
    while worker.round():
        pass
    with database.transaction(leader.account_id) as tx:
        practice.end(tx, leader)
    return database


def _migrated(settings: Settings) -> Parts:
    """The parts of this deployment, its database in the newest shape."""
    try:
        migrate(settings.url)
    except OperationalError as error:
        _stop(f"the database cannot be reached: {type(error.orig).__name__}")
    return make_parts(settings)


def _in_earnest(settings: Settings) -> Parts:
    """The parts of this deployment. Stops at a database that is an exercise: nothing real may ever stand in one."""
    parts = _migrated(settings)
    try:
        practice.refuse_mix(parts.database, settings.exercise)
    except Conflict:
        _stop("this database is an exercise, or the exercise has none yet: `nrm exercise` serves one")
    return parts


def _prepared(settings: Settings) -> Parts:
    """The parts of this deployment, with what every deployment needs in its database."""
    parts = _in_earnest(settings)
    _furnish(parts)
    return parts


def _furnish(parts: Parts) -> None:
    """Put in what every deployment needs; in one that an older version made, what has come since."""
    with parts.database.transaction() as tx:
        prepare(tx)


def _serve(settings: Settings, screens: str = SCREENS) -> None:
    if settings.worker:
        _ready_to_match()
    app = import_from_string(screens)()
    _keep_what_stays()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        ws="websockets-sansio",
        ws_max_size=4096,
        ws_per_message_deflate=False,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def _keep_what_stays() -> None:
    """What is loaded by now is never garbage: looking for some in it again and again takes a third of a large page."""
    gc.collect()
    gc.freeze()


def _ready_to_match() -> None:
    """Compile what the solver needs before anybody waits for it: half a minute on a new machine, nothing after that."""
    matching.prepare()


def _refuse_open_demo(settings: Settings) -> None:
    """Demo accounts have a published password: they never listen beyond this machine."""
    if not settings.loopback:
        _stop(f"demo accounts are only served on 127.0.0.1, not on {settings.host}")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NrmError as error:
        where = "; ".join(f"{'/'.join(map(str, field.path))}: {field.code}" for field in error.fields)
        _stop(f"{error.code}{': ' if where else ''}{where}")


def _stop(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(2)
