"""Keeping the picture: why each request has no place, written down as it changes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, insert, update
from sqlmodel import col, select

from nrm import journal
from nrm.db import Database, Tx
from nrm.errors import Conflict
from nrm.escalation.models import Escalation
from nrm.escalation.rules import Trigger
from nrm.insight import boards, nights, queries, rules
from nrm.insight.models import BoardLook, CaseCourse, CaseWait, NightLook, PictureState, UnmetCause
from nrm.insight.rules import FAILED_OUTCOMES, Asked, Course, Explained, Waiting
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED, RequestStatus
from nrm.journal import JournalEntry, Said
from nrm.placing.models import Offer, Proposal, ProposalSet
from nrm.placing.rules import OfferStatus

BATCH = 1000
BATCHES_MAX = 20
"""So many entries are read at once, and so often in one tick: what is left is for the next."""

CAUSE_CHANGED = "unmet.changed"
_OF_REQUEST, _OF_GROUP = "request:", "group:"
_SUBMITTED, _GROUPED = "request.submitted", "group.submitted"
_KINDS = (_SUBMITTED, _GROUPED, nights.LOOKED, boards.COUNTED, *rules.COURSE_KINDS)


@dataclass(frozen=True)
class _Case:
    """A request, and what is on record about why it has no place."""

    request: PlacementRequest
    live: UnmetCause | None
    now: Explained | None
    """What holds now; None once it has a place, or needs none from here."""

    @property
    def changed(self) -> bool:
        if self.live is None or self.now is None:
            return (self.live is None) != (self.now is None)
        return (
            (self.live.cause, self.live.detail) != (self.now.cause, self.now.detail)
            or rules.bars(self.live.blockers) != self.now.bars
            or (self.live.outcome is None) != (self.request.status != RequestStatus.CLOSED)
        )


def keep(database: Database) -> int:
    """Bring the picture up to the newest journal entry. Returns how many causes were written.

    Looks at whoever waits and at the requests the new entries are about: what it costs follows the new entries, not
    all there ever were. What a crash leaves undone is found again, because the mark moves last.
    """
    written = 0
    for _ in range(BATCHES_MAX):
        with database.reading() as tx:
            before = tx.session.get_one(PictureState, 1).seq
            entries = journal.after(tx.session, before, BATCH)
            touched = {
                entry.subject.removeprefix(_OF_REQUEST) for entry in entries if entry.subject.startswith(_OF_REQUEST)
            }
            # Why people wait is asked once, when nothing is left to read before that.
            up_to_date = len(entries) < BATCH
            changed = [case.request.id for case in _cases(tx, touched, up_to_date) if case.changed] if entries else []
        written += database.each(changed, _write)
        if not entries:
            break
        with database.transaction() as tx:
            _follow(tx, before, entries, entries[-1].seq)
        if up_to_date:
            break
    return written


def rebuild(database: Database) -> None:
    """Empty what was read from the journal, and read all of it again. The causes stay: they are the record itself."""
    with database.transaction() as tx:
        tx.session.execute(delete(CaseWait))
        tx.session.execute(delete(CaseCourse))
        tx.session.execute(delete(NightLook))
        tx.session.execute(delete(BoardLook))
        tx.session.execute(update(PictureState).values(seq=0))
    while True:
        with database.reading() as tx:
            before, newest = tx.session.get_one(PictureState, 1).seq, journal.last_seq(tx.session)
            # Most of a long journal says nothing of the course of a request: it is not even fetched.
            entries = journal.of_kinds(tx.session, _KINDS, before, BATCH)
        if before >= newest:
            return
        with database.transaction() as tx:
            _follow(tx, before, entries, entries[-1].seq if len(entries) == BATCH else newest)


def _follow(tx: Tx, before: int, entries: Sequence[JournalEntry | Said], up_to: int) -> None:
    """Read these entries into the courses and move the mark, unless another worker did so meanwhile."""
    moved = update(PictureState).where(col(PictureState.id) == 1, col(PictureState.seq) == before)
    if tx.affected(moved.values(seq=up_to)) != 1:
        return
    for entry in entries:
        if entry.kind == nights.LOOKED:
            nights.read_back(tx, entry)
        elif entry.kind == boards.COUNTED:
            boards.read_back(tx, entry)
    of_requests = [entry for entry in entries if entry.subject.startswith((_OF_REQUEST, _OF_GROUP))]
    said = {entry.seq: json.loads(entry.data) for entry in of_requests}
    ids = {entry.subject.removeprefix(_OF_REQUEST) for entry in of_requests if entry.subject.startswith(_OF_REQUEST)}
    ids |= {one for entry in of_requests if entry.kind == _GROUPED for one in said[entry.seq].get("members", ())}
    courses = queries.courses(tx, ids)
    known = dict(courses)
    for entry in of_requests:
        request_id, words = entry.subject.removeprefix(_OF_REQUEST), said[entry.seq]
        if entry.kind == _GROUPED:
            for one in courses.keys() & set(words.get("members", ())):
                courses[one] = replace(courses[one], in_group=True)
        elif entry.kind == _SUBMITTED:
            courses[request_id] = rules.begun(request_id, entry.at, words)
        elif request_id in courses:
            courses[request_id] = rules.followed(courses[request_id], entry.kind, entry.at, words)
    _store(tx, known, {key: course for key, course in courses.items() if course != known.get(key)})


def _store(tx: Tx, known: Mapping[str, Course], changed: Mapping[str, Course]) -> None:
    """Write the courses that changed and how they waited: what is new as new, the rest over what it was."""
    for table, before, after in (
        (CaseCourse, _course_rows(known), _course_rows(changed)),
        (CaseWait, _wait_rows(known), _wait_rows(changed)),
    ):
        new = [row for key, row in after.items() if key not in before]
        moved = [row for key, row in after.items() if key in before and row != before[key]]
        if new:
            tx.session.execute(insert(table), new)
        if moved:
            tx.session.execute(update(table), moved)


def _course_rows(courses: Mapping[str, Course]) -> dict[tuple[str, int], dict[str, Any]]:
    return {
        (key, 0): {name: getattr(course, name) for name in CaseCourse.model_fields} for key, course in courses.items()
    }


def _wait_rows(courses: Mapping[str, Course]) -> dict[tuple[str, int], dict[str, Any]]:
    return {
        (key, number): {"request_id": key, "number": number, "since": since, "until": until}
        for key, course in courses.items()
        for number, (since, until) in enumerate(course.waits, start=1)
    }


def _write(tx: Tx, request_id: str) -> bool:
    """Write down what changed about one request, as it is in this transaction."""
    intake.request(tx, request_id, for_update=True)
    (case,) = _cases(tx, {request_id}, waiting=False)
    if not case.changed:
        return False
    closed = case.request.status == RequestStatus.CLOSED
    at = (case.request.closed_at or tx.now) if closed else tx.now
    if case.live is not None:
        tx.guarded(
            update(UnmetCause)
            .where(col(UnmetCause.id) == case.live.id, col(UnmetCause.until).is_(None))
            .values(until=at),
            Conflict("changed_meanwhile"),
        )
    found = case.now
    if found is not None:
        tx.session.add(
            UnmetCause(
                id=tx.new_id(),
                request_id=request_id,
                cause=found.cause,
                detail=found.detail,
                blockers=list(found.blockers),
                outcome=case.request.outcome if closed else None,
                since=at,
            )
        )
        tx.session.flush()
    tx.record(
        CAUSE_CHANGED,
        # Not the history of the case: that tells what people did, and this comes and goes with every bed.
        f"unmet:{request_id}",
        "picture",
        cause=found.cause if found else None,
        detail=found.detail if found else "",
        blockers=sorted(found.codes) if found else [],
        outcome=case.request.outcome if closed and found else None,
    )
    return True


def _cases(tx: Tx, touched: Iterable[str], waiting: bool = True) -> list[_Case]:
    """The requests named, and with `waiting` everybody who waits, with why they have no place now."""
    found = {
        one.id: one
        for one in tx.session.exec(select(PlacementRequest).where(col(PlacementRequest.id).in_(list(touched))))
    }
    if waiting:
        found |= {one.id: one for one in intake.unplaced(tx)}
    ids = list(found)
    live = {
        row.request_id: row
        for row in tx.session.exec(
            select(UnmetCause).where(col(UnmetCause.request_id).in_(ids), col(UnmetCause.until).is_(None))
        )
    }
    standing = _standing(tx, {key: one for key, one in found.items() if one.status in UNPLACED})
    return [_Case(found[key], live.get(key), _now(found[key], live.get(key), standing.get(key))) for key in sorted(ids)]


def _now(found: PlacementRequest, live: UnmetCause | None, standing: Waiting | None) -> Explained | None:
    if standing is not None:
        return rules.explained(standing)
    if found.status != RequestStatus.CLOSED or found.outcome not in FAILED_OUTCOMES:
        return None
    last = Explained(rules.Cause(live.cause), live.detail, tuple(live.blockers)) if live else None
    if live is not None and live.outcome is not None:
        return last
    return rules.at_the_end(found.outcome, last)


def _standing(tx: Tx, waiting: Mapping[str, PlacementRequest]) -> dict[str, Waiting]:
    """How everybody who waits stands. A few flat queries, however many wait."""
    ids = list(waiting)
    sets = {
        row.request_id: row
        for row in tx.session.exec(
            select(ProposalSet).where(col(ProposalSet.request_id).in_(ids), col(ProposalSet.replaced_at).is_(None))
        )
    }
    bands: dict[str, list[str]] = {}
    for row in tx.session.exec(select(Proposal).where(col(Proposal.set_id).in_([one.id for one in sets.values()]))):
        bands.setdefault(row.request_id, []).append(str(row.fit["freshness"]))
    asked: dict[str, list[Asked]] = {}
    asking = set()
    offers = select(Offer).where(col(Offer.request_id).in_(ids)).order_by(col(Offer.ended_at).desc(), Offer.id)
    for offer in tx.session.exec(offers):
        request = waiting[offer.request_id]
        if offer.status == OfferStatus.LIVE:
            asking.add(offer.request_id)
        elif offer.ended_at and offer.ended_at >= (request.waits_anew_since or request.created_at):
            asked.setdefault(offer.request_id, []).append(Asked(offer.status, offer.decline_code))
    nobody = set(
        tx.session.exec(
            select(Escalation.request_id).where(
                Escalation.trigger == Trigger.NOBODY_AUTHORISED,
                col(Escalation.ended_at).is_(None),
                col(Escalation.request_id).in_(ids),
            )
        )
    )
    return {
        key: Waiting(
            minor_alone=one.minor_alone,
            sought=key in sets,
            proposed=tuple(bands.get(key, ())),
            shut_out=tuple(sets[key].shut_out) if key in sets else (),
            asking=key in asking,
            nobody_authorised=key in nobody,
            asked=tuple(asked.get(key, ())),
        )
        for key, one in waiting.items()
    }
