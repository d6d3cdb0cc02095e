"""Row 16: a journal altered by somebody with access to the database is found, given its head kept elsewhere."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from nrm import journal
from nrm.db import Database
from nrm.journal import JournalEntry
from tests.builders import SATURDAY_NIGHT, TurnedClock
from tests.soak.ground import Ground
from tests.soak.harness import Outcome, Planted, Row

ENTRIES = 40
FIELDS = ("kind", "topics", "subject", "actor", "data", "prev_hash", "hash")
PLANTED_TRIES = 200

Head = tuple[int, str]
Judge = Callable[[Session, Head], bool]
"""Whether the journal was altered, by some way of looking."""


def whole(session: Session, head: Head) -> bool:
    return any(journal.faults(session, head))


def without_head(session: Session, _head: Head) -> bool:
    """Planted: nobody kept the head."""
    return any(journal.faults(session))


def hashes_only(session: Session, head: Head) -> bool:
    """Planted: each entry against its own hash, never against the one before it."""
    entries = list(session.exec(select(JournalEntry).order_by(col(JournalEntry.seq))))
    return any(entry.hash != journal.hash_of(entry) for entry in entries) or not _has(entries, head)


def links_only(session: Session, head: Head) -> bool:
    """Planted: each entry against the one before it, never against its own content."""
    entries = list(session.exec(select(JournalEntry).order_by(col(JournalEntry.seq))))
    before = journal.GENESIS
    for number, entry in enumerate(entries, start=1):
        if entry.prev_hash != before or entry.seq != number:
            return True
        before = entry.hash
    return not _has(entries, head)


def _has(entries: list[JournalEntry], head: Head) -> bool:
    return any((entry.seq, entry.hash) == head for entry in entries)


def alter(session: Session, chance: random.Random, head: Head) -> str:
    """Do one of the things an intruder might. Says which."""
    seq = chance.randint(1, ENTRIES)
    kind = chance.choice(("flip", "flip", "moment", "delete", "reorder", "truncate", "rewrite", "reseal"))
    here = col(JournalEntry.seq) == seq
    entry = session.exec(select(JournalEntry).where(JournalEntry.seq == seq)).one()
    if kind == "flip":
        name = chance.choice(FIELDS)
        value = getattr(entry, name)
        at = chance.randrange(len(value))
        flipped = value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
        session.execute(update(JournalEntry).where(here).values({name: flipped}))
    elif kind == "moment":
        session.execute(update(JournalEntry).where(here).values(at=entry.at.replace(microsecond=1)))
    elif kind == "delete":
        session.execute(delete(JournalEntry).where(here))
    elif kind == "truncate":
        session.execute(delete(JournalEntry).where(col(JournalEntry.seq) >= seq))
    elif kind == "reorder":
        other = seq % ENTRIES + 1
        for old, new in ((seq, -1), (other, seq), (-1, other)):
            session.execute(update(JournalEntry).where(col(JournalEntry.seq) == old).values(seq=new))
    else:
        # With the hash put right: of this entry only, or of the whole chain behind it.
        before = entry.prev_hash
        for one in session.exec(
            select(JournalEntry).where(col(JournalEntry.seq) >= seq).order_by(col(JournalEntry.seq))
        ):
            one.prev_hash, one.subject = before, "request:other" if one.seq == seq else one.subject
            one.hash = before = journal.hash_of(one)
            session.add(one)
            if kind == "rewrite":
                break
    session.flush()
    session.expire_all()
    return kind


_NO_GUARD = {
    "sqlite": ("DROP TRIGGER journal_no_update", "DROP TRIGGER journal_no_delete"),
    "postgresql": ("DROP TRIGGER journal_append_only ON journal",),
}
"""Whoever may alter the database may first take away what refuses changes to the journal."""


@contextmanager
def chain(here: Ground) -> Iterator[tuple[Database, Head]]:
    url = here.fresh()
    here.alter(url, *_NO_GUARD[here.engine])
    database = Database(url, clock=TurnedClock(SATURDAY_NIGHT))
    with database.transaction() as tx:
        tx.session.execute(delete(JournalEntry))
    with database.transaction("soak") as tx:
        for number in range(ENTRIES):
            tx.record("thing.happened", f"thing:{number}", "requests", number=number)
    with database.reading() as tx:
        last = journal.after(tx.session, ENTRIES - 1, 1)[0]
        head = last.seq, last.hash
        assert not whole(tx.session, head)
    yield database, head
    database.close()


def missed(here: Ground, judge: Judge, count: int, seed: int) -> Iterator[str]:
    """The alterations that this way of looking does not see. Each is rolled back."""
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    with chain(here) as (database, head):
        for number in range(count):
            with database.engine.connect().execution_options(nrm_write=True) as connection:
                session = Session(connection)
                connection.begin()
                kind = alter(session, chance, head)
                if not judge(session, head):
                    yield f"alteration {number} ({kind}) was not found"
                session.close()
                connection.rollback()


def run(here: Ground, count: int, seed: int) -> Outcome:
    return Outcome(count, list(missed(here, whole, count, seed)))


def _finds(judge: Judge, here: Ground, seed: int) -> bool:
    return any(missed(here, judge, PLANTED_TRIES, seed))


CHAIN = Row(
    16,
    "journal flipped, cut, reordered, rewritten",
    1000,
    run,
    (
        Planted("no head kept elsewhere", partial(_finds, without_head)),
        Planted("links between entries not checked", partial(_finds, hashes_only)),
        Planted("content of entries not checked", partial(_finds, links_only)),
    ),
)
