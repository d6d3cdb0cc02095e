"""Practising: what the leader leads, what everybody's phone would have done, and the report afterwards."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access import queries as access
from nrm.access.rules import Role, Verb
from nrm.api import Id
from nrm.errors import FieldError, Invalid, NotFound
from nrm.exercise import queries, service
from nrm.exercise.models import Exercise, ExerciseStep
from nrm.exercise.queries import Part
from nrm.exercise.report import Report, Told, report
from nrm.exercise.rules import INJECTED, PACES, Manner, StepKind
from nrm.notify import service as notify
from nrm.registry import queries as registry
from web.exercise_paper import on_paper, told_as
from web.visit import Act, Screen, Visit
from web.words import language_of

router = APIRouter(include_in_schema=False)

Leader = Annotated[Visit, Depends(Screen(Verb.EXERCISE_LEAD))]
LeaderActs = Annotated[Visit, Depends(Act(Verb.EXERCISE_LEAD))]
Anybody = Annotated[Visit, Depends(Screen(Verb.EXERCISE_READ))]
AnybodyActs = Annotated[Visit, Depends(Act(Verb.EXERCISE_READ))]

HERE = "/oefening"
NEWEST_MAX = 40
"""So many of the newest lines stand on the leader's screen; the report has them all."""


@dataclass(frozen=True)
class StepRow:
    """A step of the script as the leader sees it."""

    id: int
    step: ExerciseStep
    after: timedelta


@dataclass(frozen=True)
class ToldRow:
    """A line of the night, in words."""

    id: int
    line: Told
    words: str


@router.get(HERE)
def overview(visit: Leader) -> Response:
    """The exercise as its leader leads it."""
    return _overview(visit, "exercise.html")


@router.get(HERE + "/deel")
def overview_part(visit: Leader) -> Response:
    """What of it is live."""
    return _overview(visit, "exercise_part.html")


@router.post(HERE + "/start")
def start(visit: LeaderActs) -> Response:
    """The night begins."""
    return visit.act(lambda tx: service.start(tx, visit.actor), HERE, "exercise_begun")


@router.post(HERE + "/tempo")
def pace(visit: LeaderActs) -> Response:
    """Faster, slower, or a pause."""
    typed = visit.field("pace")
    wanted = int(typed) if typed in {"0", *map(str, PACES)} else -1
    return visit.act(lambda tx: service.set_pace(tx, visit.actor, wanted), HERE, "exercise_paced")


@router.post(HERE + "/verder")
def skip(visit: LeaderActs) -> Response:
    """On to the next step."""
    return visit.act(lambda tx: service.skip(tx, visit.actor), HERE, "exercise_skipping")


@router.post(HERE + "/erbij")
def put_in(visit: LeaderActs) -> Response:
    """Something happens that the script does not have."""
    typed = visit.field("kind")

    def work(tx: Any) -> None:
        if typed not in set(StepKind):
            raise Invalid("invalid", (FieldError(("kind",), "unknown_choice"),))
        service.put_in(tx, visit.actor, StepKind(typed))

    return visit.act(work, HERE, "exercise_put_in")


@router.post(HERE + "/huis/{organisation_id}")
def manner(organisation_id: Id, visit: LeaderActs) -> Response:
    """How a house answers while nobody plays it."""
    typed = visit.field("manner")

    def work(tx: Any) -> None:
        if typed not in set(Manner):
            raise Invalid("invalid", (FieldError(("manner",), "unknown_choice"),))
        service.set_manner(tx, visit.actor, organisation_id, Manner(typed))

    return visit.act(work, HERE, "exercise_manner_set")


@router.post(HERE + "/einde")
def end(visit: LeaderActs) -> Response:
    """It is over."""
    return visit.act(lambda tx: service.end(tx, visit.actor), HERE + "/verslag", "exercise_over")


@router.get(HERE + "/berichten")
def kept(visit: Anybody) -> Response:
    """What one's own phone and mailbox would have got; the leader everybody's."""
    return _kept(visit, "exercise_kept.html")


@router.get(HERE + "/berichten/deel")
def kept_part(visit: Anybody) -> Response:
    """What of it is live."""
    return _kept(visit, "exercise_kept_part.html")


@router.post(HERE + "/berichten/{message_id}/opnemen")
def pick_up(message_id: Id, visit: AnybodyActs) -> Response:
    """Answer it, as a pressed key or a "ja" would have done."""

    def work(tx: Any) -> None:
        mine = {one.id: one for one in queries.kept(tx, visit.actor.account_id, None)}
        queries.exercise(tx)
        if message_id not in mine:
            raise NotFound("no_message")
        if mine[message_id].asks_answer:
            notify.answered(tx, message_id, mine[message_id].channel)

    return visit.act(work, HERE + "/berichten", "exercise_picked_up")


@router.get(HERE + "/verslag")
def shown_report(visit: Leader) -> Response:
    """What the night was like."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = report(tx)
        regions = {region.code: region.name for region in registry.regions(tx)}
    rows = [ToldRow(line.id, line, told_as(visit.words, line)) for line in found.told]
    return visit.page("exercise_report.html", frame, report=found, rows=rows, regions=regions)


@router.get(HERE + "/verslag.pdf")
def report_on_paper(visit: Leader) -> Response:
    """The same on paper."""
    with visit.reading() as tx:
        found = report(tx)
        regions = {region.code: region.name for region in registry.regions(tx)}
    return Response(
        on_paper(visit.words, language_of(visit.request), found, regions),
        media_type="application/pdf",
        headers={"Content-Disposition": 'attachment; filename="verslag-oefening.pdf"', "Cache-Control": "no-store"},
    )


def _overview(visit: Visit, template: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = queries.exercise(tx)
        steps = queries.steps(tx)
        out = queries.outage(tx)
        parts = queries.parts(tx)
        night: Report = report(tx)
    rows = [ToldRow(line.id, line, told_as(visit.words, line)) for line in reversed(night.told[-NEWEST_MAX:])]
    return visit.page(
        template,
        frame,
        exercise=found,
        state=_state(found),
        steps=[StepRow(step.number, step, step.due_at - found.starts_at) for step in steps],
        upcoming=next((step for step in steps if step.played_at is None), None),
        outage=out,
        parts=sorted(parts, key=_first_people),
        night=night,
        rows=rows,
        paces=PACES,
        injected=[kind.value for kind in INJECTED],
        manners=[one.value for one in Manner],
    )


def _first_people(part: Part) -> tuple[bool, str]:
    return not part.by_people, part.login


def _state(found: Exercise) -> str:
    if found.ended_at:
        return "over"
    if not found.started_at:
        return "ready"
    if found.skip_to:
        return "skipping"
    return "running" if found.pace else "paused"


def _kept(visit: Visit, template: str) -> Response:
    leads = visit.actor.role is Role.EXERCISE_LEADER
    with visit.reading() as tx:
        frame = visit.frame(tx)
        queries.exercise(tx)
        mailbox = access.organisation(tx, visit.actor.organisation_id).email
        found = queries.kept(tx) if leads else queries.kept(tx, visit.actor.account_id, mailbox)
    return visit.page(template, frame, found=found, leads=leads)
