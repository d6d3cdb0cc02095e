"""The worker's matching step: look when the journal moved on, solve outside any transaction, write what changed."""

import hashlib
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlmodel import col, select

import matching
from nrm import journal, policy
from nrm.columns import canonical
from nrm.db import Database, Tx
from nrm.errors import Conflict
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import RequestStatus
from nrm.journal import JournalEntry
from nrm.placing import problem, queries, rules, service
from nrm.placing.models import MatchState, Proposal, ProposalSet
from nrm.placing.problem import Built
from nrm.placing.reserve import Expected
from nrm.registry import queries as registry

REMATCH_AFTER = timedelta(seconds=60)
"""Time alone changes the answer (figures go stale, intake hours begin and end), so look again after this long."""

ASKED_PER_SHOWN = 2
"""Alternatives asked of the solver per one shown, because several may be rooms of one house."""

PROPOSALS_MADE = "proposals.made"


class MatchingDefect(Exception):
    """The solver's answer did not pass the independent check. Nothing of it was written."""


def match_due(database: Database) -> bool:
    """Whether anything changed that can change a proposal, or enough time passed."""
    with database.reading() as tx:
        state = tx.session.get(MatchState, 1)
        if state is None or not timedelta(0) <= tx.now - state.matched_at < REMATCH_AFTER:
            return True
        topics = col(JournalEntry.topics)
        moved = (
            select(JournalEntry.seq)
            .where(
                col(JournalEntry.seq) > state.seq,
                JournalEntry.kind != PROPOSALS_MADE,
                or_(topics.contains("requests"), topics.contains("places")),
            )
            .limit(1)
        )
        return tx.session.exec(moved).first() is not None


class Standing:
    """What was solved last, so that the next match works out only what changed. Losing it costs time, no answer."""

    def __init__(self) -> None:
        self._session: matching.Session | None = None
        self.expected = Expected()

    def solution(self, wanted: matching.Problem, settings: policy.Matching) -> matching.Solution:
        """The same as from scratch."""
        if self._session is None:
            self._session = matching.Session(wanted, keep_places=False)
        self._session.follow(wanted)
        budget = matching.Budget(milliseconds=settings.budget_ms)
        return self._session.solve(budget, ASKED_PER_SHOWN * settings.alternatives)


def match(database: Database, standing: Standing | None = None) -> int:
    """Solve for everyone who waits and write the proposals that differ. Returns how many requests got new ones.

    Raises MatchingDefect when the checker objects.
    """
    standing = standing or Standing()
    service.withdraw_unfit(database)
    with database.reading() as tx:
        seq = journal.last_seq(tx.session)
        before = tx.session.get(MatchState, 1)
        before_seq = before.seq if before else None
        details = {found.request.id: found for found in intake.details(tx, problem.waiting(tx))}
        built = problem.build(tx, details.values(), registry.locations(tx))
        built = standing.expected.priced(tx, built)
    found = answers(built, details, standing) if details else {}
    with database.transaction() as tx:
        if not _advance(tx, before_seq, seq):
            return 0
        _retire_of_minors(tx)
        changed = sum(
            write(tx, built, details[request_id], seq, *answer) for request_id, answer in sorted(found.items())
        )
        if changed:
            tx.record(PROPOSALS_MADE, "requests:waiting", "requests", requests=changed, seq=seq)
    return changed


Answer = tuple[bool, dict[str, str | None], list[dict[str, Any]], list[dict[str, Any]]]
"""Proven, proposed units in order with why each stands behind the first (None for that one), what shut the others out,
what would place an unplaced request."""


def answers(built: Built, details: dict[str, RequestDetail], standing: Standing) -> dict[str, Answer]:
    """What the solver says for each of these. Raises MatchingDefect when the checker objects."""
    settings = built.settings
    solution = standing.solution(built.problem, settings)
    if faults := matching.violations(built.problem, solution):
        raise MatchingDefect("; ".join(str(fault) for fault in faults[:5]))
    places_of = {unit_id: len(unit.places) for unit_id, (_, unit) in built.units.items()}
    unplaced = {found.request: found for found in solution.unplaced}
    found: dict[str, Answer] = {}
    for request_id in details:
        first = solution.unit_of.get(request_id)
        ranked = sorted(solution.alternatives.get(request_id, ()), key=lambda other: (other.rank, other.unit))
        others, of = [found.unit for found in ranked], {found.unit: found for found in ranked}
        units = _one_per_location(built, [first, *others])[: 1 + settings.alternatives] if first else []
        proposed = {unit: None if unit == first else built.behind(request_id, first or "", of[unit]) for unit in units}
        pairs = matching.pair_codes(built.problem, request_id)
        codes = {unit_id: built.told(unit_id, found) for unit_id, found in pairs.items()}
        shut_out = rules.shut_out(codes, places_of)
        would_place: list[dict[str, Any]] = []
        if request_id in unplaced:
            # Which other requests stand in the way is not for people's eyes: only what they were weighed by.
            weighed = built.weighed(request_id, unplaced[request_id].outbid)
            shut_out += [
                {
                    "code": reason.code,
                    "units": reason.units or 0,
                    "places": reason.places or 0,
                    **({"weighed": weighed} if reason.code == "capacity" and weighed else {}),
                }
                for reason in unplaced[request_id].reasons
                if reason.code in {"capacity", "with_others"}
            ]
            lifts = Counter(
                tuple(sorted(built.told(found.unit, found.lift))) for found in unplaced[request_id].would_place
            )
            would_place = [{"lift": list(lift), "units": units} for lift, units in sorted(lifts.items())]
        found[request_id] = (solution.proven, proposed, shut_out, would_place)
    return found


def _one_per_location(built: Built, units: list[str]) -> list[str]:
    """The best unit of each location: a house that says no says it for all its rooms, so another room is no choice."""
    best: dict[str, str] = {}
    for unit_id in units:
        best.setdefault(built.units[unit_id][0].location.id, unit_id)
    return list(best.values())


def _advance(tx: Tx, before_seq: int | None, seq: int) -> bool:
    """Move the matcher's mark, unless another matcher was there meanwhile: then its answer stands."""
    if before_seq is None:
        if tx.session.get(MatchState, 1) is not None:
            return False
        tx.session.add(MatchState(id=1, seq=seq, matched_at=tx.now))
        tx.session.flush()
        return True
    moved = update(MatchState).where(col(MatchState.id) == 1, col(MatchState.seq) == before_seq)
    return tx.affected(moved.values(seq=seq, matched_at=tx.now)) == 1


def _retire_of_minors(tx: Tx) -> None:
    """Take back what was proposed to a party that turned out to be a minor alone."""
    minors = select(PlacementRequest.id).where(col(PlacementRequest.minor_alone))
    tx.affected(
        update(ProposalSet)
        .where(col(ProposalSet.request_id).in_(minors), col(ProposalSet.replaced_at).is_(None))
        .values(replaced_at=tx.now)
    )


def write(
    tx: Tx,
    built: Built,
    detail: RequestDetail,
    seq: int,
    proven: bool,
    proposed: dict[str, str | None],
    shut_out: list[dict[str, Any]],
    would_place: list[dict[str, Any]],
) -> bool:
    """Replace a request's proposals when they differ, unless it moved on meanwhile. Whether anything was written."""
    request_id = detail.request.id
    fits = {unit_id: {**problem.fit(built, detail, unit_id), "behind": proposed[unit_id]} for unit_id in proposed}
    content = [proven, list(proposed), fits, shut_out, would_place]
    digest = hashlib.sha256(canonical(content).encode()).hexdigest()
    old = queries.current_set(tx, request_id)
    if old is not None and old.digest == digest:
        return False
    status = tx.session.exec(
        select(PlacementRequest.status).where(PlacementRequest.id == request_id).with_for_update(key_share=True)
    ).one()
    if status != RequestStatus.OPEN:
        return False
    if old is not None:
        tx.guarded(
            update(ProposalSet)
            .where(col(ProposalSet.id) == old.id, col(ProposalSet.replaced_at).is_(None))
            .values(replaced_at=tx.now),
            Conflict("matched_meanwhile"),
        )
    made = ProposalSet(
        id=tx.new_id(),
        request_id=request_id,
        computed_at=tx.now,
        journal_seq=seq,
        matching_version=built.versions.matching,
        pools_version=built.versions.pools,
        proven=proven,
        shut_out=shut_out,
        would_place=would_place,
        digest=digest,
    )
    tx.session.add(made)
    tx.session.flush()
    for rank, unit_id in enumerate(proposed, start=1):
        view, _ = built.units[unit_id]
        tx.session.add(
            Proposal(
                id=tx.new_id(),
                set_id=made.id,
                request_id=request_id,
                rank=rank,
                unit_id=unit_id,
                location_id=view.location.id,
                location_version=view.location.version,
                fit=fits[unit_id],
            )
        )
    tx.session.flush()
    return True
