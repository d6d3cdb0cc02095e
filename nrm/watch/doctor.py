"""`nrm doctor`: is everything there that a night needs? In plain words; reads, and changes nothing."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alembic.runtime.migration import MigrationContext
from sqlalchemy import func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from nrm import journal
from nrm.clock import Clock
from nrm.db import Database, Tx, newest_revision
from nrm.notify.models import Message
from nrm.roster.queries import on_call
from nrm.settings import Settings
from nrm.watch import queries
from nrm.watch.rules import GONE_AFTER, LINE, MESSAGE_LATE_MAX, RUNG_LATE_MAX, UNMATCHED_MAX, silent

SKEW_MAX = timedelta(seconds=2)
ENTRIES_CHECKED = 1000
DISK_FREE_MIN_BYTES = 1024**3
AHEAD_HOURS = (0, 6, 12)
"""For when, from now, somebody should be on the roster: now, and through the night."""
FAILED_WITHIN = timedelta(days=1)


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"
    TROUBLE = "TROUBLE"


@dataclass(frozen=True)
class Finding:
    """One thing looked at, in a sentence. A trouble says what to do."""

    level: Level
    text: str


def examine(database: Database, settings: Settings, clock: Clock, parts: tuple[str, ...]) -> Iterator[Finding]:
    """Look at everything. What cannot be looked at is a trouble of its own, and stops nothing else."""
    yield from _tried("settings", lambda: _settings(settings))
    try:
        shape = _shape(database)
    except SQLAlchemyError as error:
        yield _trouble(f"the database does not answer ({type(error).__name__}): start it, or look at NRM_DATABASE_URL")
        return
    yield shape
    if shape.level is Level.TROUBLE:
        return
    with database.reading() as tx:
        looks: tuple[tuple[str, Callable[[], list[Finding]]], ...] = (
            ("clock", lambda: _clock(tx, clock.now())),
            ("parts", lambda: _parts(tx, parts)),
            ("work", lambda: _work(tx)),
            ("messages", lambda: _messages(tx)),
            ("roster", lambda: _roster(tx)),
            ("journal", lambda: _journal(tx)),
        )
        for name, look in looks:
            yield from _tried(name, look)


def _tried(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except (SQLAlchemyError, OSError, ValueError) as error:
        return [_trouble(f"could not look at the {name} ({type(error).__name__})")]


def _settings(settings: Settings) -> list[Finding]:
    found = []
    free = shutil.disk_usage(settings.data if settings.data.exists() else settings.data.absolute().anchor).free
    text = f"{free / 1024**3:.1f} GB of disk left"
    found.append(_ok(text) if free >= DISK_FREE_MIN_BYTES else _trouble(f"only {text}: make room"))
    if settings.address_key:
        found.append(_ok("the key of the addresses comes from NRM_ADDRESS_KEY"))
    elif (file := settings.data / "address.key").exists():
        found.append(_ok(f"the key of the addresses is in {file}: is there a copy elsewhere?"))
    else:
        found.append(_trouble(f"there is no key of the addresses: no NRM_ADDRESS_KEY and no {file}"))
    if settings.smtp_host:
        found.append(_ok(f"e-mail goes to {settings.smtp_host}"))
    else:
        found.append(_trouble("no NRM_SMTP_HOST: alarms only go to the screen and the log, nobody is mailed"))
    if settings.deadman_url:
        found.append(_ok("somebody outside hears a ping for as long as all is well"))
    else:
        found.append(_note("no NRM_DEADMAN_URL: nobody outside notices when everything here stands still"))
    return found


def _shape(database: Database) -> Finding:
    with database.reading() as tx:
        revision = MigrationContext.configure(tx.session.connection()).get_current_revision()
    newest = newest_revision()
    if revision == newest:
        return _ok(f"the database answers and is in the newest shape ({revision})")
    return _trouble(f"the database is in shape {revision or 'none'}, not {newest}: run `nrm migrate`")


def _clock(tx: Tx, here: datetime) -> list[Finding]:
    skew = abs(here - tx.now)
    newest = journal.after(tx.session, journal.last_seq(tx.session) - 1, 1)
    if newest and newest[0].at > tx.now + SKEW_MAX:
        return [_trouble("the newest change is from the future: the clock was set back")]
    if skew <= SKEW_MAX:
        return [_ok("the clocks of this machine and of the database agree")]
    return [_trouble(f"this machine's clock differs {skew.total_seconds():.0f} s from the database's: set it right")]


def _parts(tx: Tx, parts: tuple[str, ...]) -> list[Finding]:
    beats = queries.figures(tx).beats
    if not any(part in beats for part in parts):
        return [_trouble("no worker ever ran here: start `nrm work`, or serve without NRM_WORKER=false")]
    late = [part for part in parts if silent(beats.get(part), tx.now)]
    found = [_trouble(f"{part} was last heard {_age(beats.get(part), tx.now)}") for part in late]
    lines = [part for part, at in beats.items() if part.startswith(LINE) and tx.now - at < GONE_AFTER]
    late = [part for part in lines if silent(beats[part], tx.now)]
    found += [_trouble(f"{part} was last heard {_age(beats[part], tx.now)}") for part in late]
    return found or [_ok(f"the worker and all {len(parts) - 1} of its steps beat; {len(lines)} live line(s) do")]


def _work(tx: Tx) -> list[Finding]:
    figures = queries.figures(tx)
    found = []
    for what, since, most in (
        ("alarm", figures.rung, RUNG_LATE_MAX),
        ("message", figures.message, MESSAGE_LATE_MAX),
        ("request to match", figures.request, UNMATCHED_MAX),
    ):
        late = since is not None and tx.now - since > most
        if late:
            found.append(_trouble(f"the oldest {what} that is due waits since {_age(since, tx.now)}"))
    return found or [_ok("nothing that is due waits")]


def _messages(tx: Tx) -> list[Finding]:
    sent = dict(
        tx.session.exec(
            select(Message.channel, func.max(Message.sent_at))
            .where(col(Message.sent_at).is_not(None))
            .group_by(Message.channel)
        ).all()
    )
    failed = dict(
        tx.session.exec(
            select(Message.channel, func.count())
            .where(col(Message.failed_at) > tx.now - FAILED_WITHIN)
            .group_by(Message.channel)
        ).all()
    )
    found = [_ok(f"{channel} last went out {_age(sent[channel], tx.now)}") for channel in sorted(sent)]
    found += [_trouble(f"{failed[one]} message(s) over {one} failed for good today") for one in sorted(failed)]
    return found or [_note("no message has gone out yet")]


def _roster(tx: Tx) -> list[Finding]:
    found = []
    for hours in AHEAD_HOURS:
        at = tx.now + timedelta(hours=hours)
        when = f"in {hours} hours" if hours else "now"
        there = on_call(tx, "duty_officer", None, at)
        if there.gap or not there.persons:
            found.append(_trouble(f"nobody has the national duty {when}"))
        elif not any(person.reachable for person in there.persons):
            found.append(_trouble(f"who has the national duty {when} has no channel that works"))
        else:
            found.append(_ok(f"national duty {when}: {there.persons[0].name}"))
    return found


def _journal(tx: Tx) -> list[Finding]:
    faults = list(journal.faults(tx.session, newest=ENTRIES_CHECKED))
    if faults:
        return [_trouble(f"the journal was altered: {fault}") for fault in faults[:5]]
    return [_ok(f"the newest {ENTRIES_CHECKED} entries of the journal hang together (`nrm check-journal` does all)")]


def _age(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    if seconds < 0:
        return "in the future: a clock was set back"
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} minutes ago"


def _ok(text: str) -> Finding:
    return Finding(Level.OK, text)


def _note(text: str) -> Finding:
    return Finding(Level.NOTE, text)


def _trouble(text: str) -> Finding:
    return Finding(Level.TROUBLE, text)
