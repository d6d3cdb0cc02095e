"""What a first responder sees of what they asked: how far it is, and where to bring somebody. Never where they stay."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access import queries as access
from nrm.access.rules import Verb
from nrm.api import Id
from nrm.course import queries as course
from nrm.intake import queries as intake_queries
from nrm.intake import service as intake
from nrm.intake.rules import UNPLACED
from nrm.placing.api import follow_out
from nrm.placing.schemas import FollowOut
from nrm.reporting import queries as reporting
from web.visit import Screen, Visit

router = APIRouter(include_in_schema=False)

Follower = Annotated[Visit, Depends(Screen(Verb.REQUEST_FOLLOW))]


@router.get("/gevolgd")
def overview(visit: Follower) -> Response:
    """Everything one asked for."""
    return _list(visit, "follow_list.html")


@router.get("/gevolgd/lijst")
def overview_part(visit: Follower) -> Response:
    """What of the list is live."""
    return _list(visit, "follow_list_part.html")


@router.get("/gevolgd/{request_id}")
def followed(request_id: Id, visit: Follower) -> Response:
    """One request: how far it is and what happens next."""
    return _one(visit, request_id, "follow.html")


@router.get("/gevolgd/{request_id}/deel")
def followed_part(request_id: Id, visit: Follower) -> Response:
    """What of it is live."""
    return _one(visit, request_id, "follow_part.html")


def _list(visit: Visit, template: str) -> Response:
    with visit.writing() as tx:  # each state shown is a logged read
        frame = visit.frame(tx)
        waiting, ended = (
            [
                follow_out(tx, intake.follow(tx, visit.actor, found.id))
                for found in intake_queries.visible(tx, visit.actor, closed)
            ]
            for closed in (False, True)
        )
    return visit.page(template, frame, waiting=waiting, ended=ended)


def _one(visit: Visit, request_id: str, template: str) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        found = intake.follow(tx, visit.actor, request_id)
        shown: FollowOut = follow_out(tx, found)
        desk = access.organisation(tx, found.owner_organisation_id)
        told = course.feedback(tx, request_id)
        handover_at = course.handover_at(tx, request_id)
        report = reporting.progress(tx, visit.actor, found)
    return visit.page(
        template,
        frame,
        found=shown,
        desk=desk,
        waits=found.status in UNPLACED,
        told=told,
        handover_at=handover_at,
        report=report,
    )
