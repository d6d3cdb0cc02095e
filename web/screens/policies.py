"""The rules in force, in plain words: deadlines, holds, freshness, who decides, whom an alarm goes to."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, get_args

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm import policy
from nrm.access.api import policy_out
from nrm.access.rules import Verb, may
from nrm.access.schemas import PolicyOut
from nrm.rulebook import queries as rulebook
from web.labels import URGENCIES
from web.rule_words import kind_names
from web.visit import Screen, Visit

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class UrgencyLine:
    """What holds for one urgency."""

    id: str
    deadline: timedelta
    hold: timedelta
    latest_days: int


@dataclass(frozen=True)
class PoolLine:
    """What holds for one pool."""

    id: str
    fresh: timedelta
    aging: timedelta
    before: timedelta
    deciders: list[str]
    after_hours: list[str]
    crisis: timedelta | None
    """How long without an answer until a duty officer may place first; None is never."""
    holds: dict[str, timedelta]
    """Per urgency for which this pool differs."""
    rule: policy.PoolRule


@dataclass(frozen=True)
class RungLine:
    """One rung of the ladder, counted from the deadline."""

    id: int
    role: str
    after: timedelta


@router.get("/spelregels")
def overview(visit: Annotated[Visit, Depends(Screen(Verb.POLICY_READ))]) -> Response:
    """The page."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        versions: dict[str, PolicyOut] = {kind.kind: policy_out(tx, kind) for kind in policy.KINDS}
        _, freshness = policy.current(tx, policy.Freshness)
        _, ladder = policy.current(tx, policy.Ladder)
        _, hold = policy.current(tx, policy.Hold)
        _, authority = policy.current(tx, policy.Authority)
        _, pools = policy.current(tx, policy.Pools)
        _, rhythm = policy.current(tx, policy.Rhythm)
        _, trust = policy.current(tx, policy.Trust)
        _, matching = policy.current(tx, policy.Matching)
        _, course = policy.current(tx, policy.Course)
        _, reporting = policy.current(tx, policy.Reporting)
        drafts = rulebook.all_waiting(tx, visit.actor) if may(visit.actor, Verb.POLICY_DECIDE) else []
    urgencies = [
        UrgencyLine(
            code,
            timedelta(minutes=ladder.deadline_minutes[code]),  # type: ignore[index]
            timedelta(minutes=hold.hold_minutes[code]),  # type: ignore[index]
            matching.latest_days[code],  # type: ignore[index]
        )
        for code in URGENCIES
    ]
    of_pool = [
        PoolLine(
            code,
            timedelta(minutes=freshness.bands[code].fresh_minutes),
            timedelta(minutes=freshness.bands[code].aging_minutes),
            timedelta(minutes=rhythm.before_minutes[code]),
            [decider.by for decider in authority.deciders[code]],
            [decider.by for decider in authority.deciders_after_hours.get(code, authority.deciders[code])],
            _span(authority.crisis_after_minutes.get(code)),
            {urgency: timedelta(minutes=most) for urgency, most in hold.hold_minutes_of_pool.get(code, {}).items()},
            pools.rules[code],
        )
        for code in get_args(policy.Pool)
    ]
    return visit.page(
        "policies.html",
        frame,
        versions=versions,
        urgencies=urgencies,
        of_pool=of_pool,
        rungs=_rungs(ladder),
        hold=hold,
        authority=authority,
        matching=matching,
        rhythm=rhythm,
        trust=trust,
        course=course,
        reporting=reporting,
        drafts=drafts,
        kinds=kind_names(visit.words),
    )


def _span(minutes: int | None) -> timedelta | None:
    return None if minutes is None else timedelta(minutes=minutes)


def _rungs(ladder: policy.Ladder) -> list[RungLine]:
    lines: list[RungLine] = []
    minutes = 0
    for number, rung in enumerate(ladder.lines[-1].rungs):
        # The first rung rings at the deadline itself; each next one counts from the one before.
        minutes += rung.after_minutes if number else 0
        lines.append(RungLine(number + 1, rung.role, timedelta(minutes=minutes)))
    return lines
