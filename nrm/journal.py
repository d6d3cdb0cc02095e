"""The journal: every change, append-only, hash-chained, written as the last act of the transaction that made it.

The sequence number is given out under a lock that is held until commit, so the order of numbers is the order of
commits on both engines: a reader that has seen `seq` has missed nothing below it. Stream, audit, statistics and
replay all read this one table. It never holds an identity, an address or a narrative.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Text, text
from sqlmodel import Field, Session, SQLModel, col, select

from nrm.columns import UtcDateTime, canonical

GENESIS = "0" * 64
_ADVISORY_LOCK = 0x6E726D01  # "nrm" and a number: the journal's lock among PostgreSQL advisory locks

TOPICS = (
    "requests",
    "offers",
    "places",
    "askings",
    "alarms",
    "shifts",
    "accounts",
    "sessions",
    "repeats",
    "pre_alerts",
    "calls",
    "handovers",
    "messages",
    "policies",
    "exercise",
    "picture",
)
"""What a hint can be about. Screens subscribe to these words; a hint never names a record."""


class JournalEntry(SQLModel, table=True):
    """One change. `data` is canonical JSON text, hashed as it is stored."""

    __tablename__ = "journal"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(max_length=60)
    topics: str = Field(max_length=120)
    subject: str = Field(max_length=80, index=True)
    actor: str = Field(max_length=40)
    data: str = Field(sa_type=Text)
    prev_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)


@dataclass(frozen=True)
class Change:
    """A change about to be recorded. `kind` is `thing.verbed`, `subject` is `thing:id`."""

    kind: str
    subject: str
    topics: tuple[str, ...]
    data: dict[str, Any] = field(default_factory=dict)


def append(session: Session, changes: Sequence[Change], actor: str, now: datetime) -> int:
    """Write the changes behind the last entry; must be the last write before commit. Returns the last seq."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    last = session.exec(select(JournalEntry.seq, JournalEntry.hash).order_by(col(JournalEntry.seq).desc()).limit(1))
    seq, head = last.first() or (0, GENESIS)
    for change in changes:
        seq += 1
        row = chained(change, actor, now, seq, head)
        head = row["hash"]
        session.add(JournalEntry(**row))
    session.flush()
    return seq


def chained(change: Change, actor: str, at: datetime, seq: int, head: str) -> dict[str, Any]:
    """The entry of a change behind the one whose hash is `head`, by column."""
    row: dict[str, Any] = {
        "seq": seq,
        "at": at,
        "kind": change.kind,
        "topics": " ".join(change.topics),
        "subject": change.subject,
        "actor": actor,
        "data": canonical(change.data),
        "prev_hash": head,
    }
    return {**row, "hash": _hash(**row)}


def last_seq(session: Session) -> int:
    """The number of the newest committed entry, 0 if there is none."""
    return session.exec(select(JournalEntry.seq).order_by(col(JournalEntry.seq).desc()).limit(1)).first() or 0


def after(session: Session, seq: int, limit: int) -> list[JournalEntry]:
    """At most `limit` entries that follow `seq`, oldest first."""
    query = select(JournalEntry).where(col(JournalEntry.seq) > seq).order_by(col(JournalEntry.seq)).limit(limit)
    return list(session.exec(query))


class Said(NamedTuple):
    """What an entry says, without what chains it."""

    seq: int
    at: datetime
    kind: str
    subject: str
    data: str


def of_kinds(session: Session, kinds: Iterable[str], seq: int, limit: int) -> list[Said]:
    """At most `limit` entries of these kinds that follow `seq`, oldest first."""
    query = (
        select(JournalEntry.seq, JournalEntry.at, JournalEntry.kind, JournalEntry.subject, JournalEntry.data)  # type: ignore[call-overload]
        .where(col(JournalEntry.seq) > seq, col(JournalEntry.kind).in_(list(kinds)))
        .order_by(col(JournalEntry.seq))
        .limit(limit)
    )
    return [Said(*row) for row in session.exec(query)]


def of_subject(session: Session, subject: str, limit: int = 200) -> list[JournalEntry]:
    """The newest `limit` entries about one subject, oldest first."""
    query = (
        select(JournalEntry).where(JournalEntry.subject == subject).order_by(col(JournalEntry.seq).desc()).limit(limit)
    )
    return list(reversed(list(session.exec(query))))


def faults(session: Session, expected_head: tuple[int, str] | None = None, newest: int | None = None) -> Iterator[str]:
    """Walk the whole chain and say what is wrong with it: gaps, altered entries, broken links, a cut tail.

    `expected_head` is a (seq, hash) pair kept elsewhere; without it a truncated tail cannot be noticed.
    With `newest` only so many entries are walked, from the one before them on trust.
    """
    seq, head = 0, GENESIS
    if newest is not None and (start := last_seq(session) - newest) > 0:
        seq, head = start, "".join(entry.hash for entry in after(session, start - 1, 1))
    seen: dict[int, str] = {}
    while batch := after(session, seq, 1000):
        for entry in batch:
            if entry.seq != seq + 1:
                yield f"entry {seq + 1} is missing"
            if entry.prev_hash != head:
                yield f"entry {entry.seq} does not follow the one before it"
            if entry.hash != hash_of(entry):
                yield f"entry {entry.seq} was altered"
            seq, head = entry.seq, entry.hash
            if expected_head and seq == expected_head[0]:
                seen[seq] = head
        session.expunge_all()
    if expected_head and expected_head[0] and seen.get(expected_head[0]) != expected_head[1]:
        yield f"the entry that was head at {expected_head[0]} is gone or different"


def hash_of(entry: JournalEntry) -> str:
    """What the hash of an entry is by what it says and by the entry before it."""
    return _hash(**entry.model_dump(exclude={"hash"}))


def _hash(seq: int, at: datetime, kind: str, topics: str, subject: str, actor: str, data: str, prev_hash: str) -> str:
    instant = at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = (seq, instant, kind, topics, subject, actor, data, prev_hash)
    return hashlib.sha256(canonical(fields).encode()).hexdigest()
