"""Requests over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, answer
from nrm.db import Tx
from nrm.intake import queries, service
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import Exploitation, Outcome, RequestStatus, Residence, Urgency
from nrm.intake.schemas import (
    AmendIn,
    CloseIn,
    GroupIn,
    GroupOut,
    MarkIn,
    MunicipalityIn,
    OpenCountOut,
    PersonOut,
    PreAlertIn,
    PreAlertOut,
    RepeatEndIn,
    RepeatOut,
    RequestIn,
    RequestOut,
    SubmittedOut,
    TogetherIn,
    UnsafeOut,
)
from nrm.registry.api import board_region

router = APIRouter(prefix=ROOT, tags=["intake"])

Announcer = Annotated[Call, Depends(Allowed(Verb.PRE_ALERT_SEND))]
Changer = Annotated[Call, Depends(Allowed(Verb.REQUEST_CHANGE))]


def request_out(tx: Tx, detail: RequestDetail) -> RequestOut:
    """A request in the shape its owner sees."""
    found = detail.request
    return RequestOut(
        id=found.id,
        short_code=found.short_code,
        region=found.region_code,
        municipality=found.municipality_code,
        urgency=Urgency(found.urgency),
        exploitation=Exploitation(found.exploitation),
        residence=Residence(found.residence),
        needed_from=found.needed_from,
        days=found.days,
        refuses_police=found.refuses_police,
        minor_alone=found.minor_alone,
        needs=found.needs,
        wishes=found.wishes,
        persons=[PersonOut.model_validate(person) for person in detail.persons],
        facts=detail.facts,
        unsafe=[UnsafeOut(region=region, reason=reason) for region, reason in sorted(detail.unsafe.items())],
        apart=list(detail.apart),
        owner_organisation_id=found.owner_organisation_id,
        owner_account_id=found.owner_account_id,
        submitted_by=found.submitted_by,
        on_behalf_of=found.on_behalf_of,
        handover_needed=found.handover_needed,
        group_id=found.group_id,
        together=found.together,
        status=RequestStatus(found.status),
        outcome=Outcome(found.outcome) if found.outcome else None,
        created_at=found.created_at,
        closed_at=found.closed_at,
        deadline_at=found.deadline_at,
        unmet=queries.is_unmet(found, tx.now),
        version=found.version,
    )


def submitted_out(found: PlacementRequest) -> SubmittedOut:
    """The receipt of a request."""
    return SubmittedOut(
        id=found.id,
        short_code=found.short_code,
        minor_alone=found.minor_alone,
        deadline_at=found.deadline_at,
        version=found.version,
    )


def group_out(found: list[PlacementRequest]) -> GroupOut:
    """The receipt of a group."""
    return GroupOut(id=found[0].id, requests=[submitted_out(one) for one in found])


@router.post("/requests", response_model=SubmittedOut, status_code=201)
def submit(shape: RequestIn, call: Annotated[Call, Depends(Allowed(Verb.REQUEST_SUBMIT))]) -> Response:
    """Ask for a place."""
    return call.once(shape, lambda tx: submitted_out(service.submit(tx, call.actor, shape)), 201)


@router.get("/requests", response_model=list[RequestOut])
def listed(
    call: Annotated[Call, Depends(Allowed(Verb.REQUEST_READ))],
    closed: Annotated[bool, Query()] = False,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """The requests one may see, most urgent deadline first, at most 100 from `offset` on; each is a logged read."""
    with call.writing() as tx:
        return answer([request_out(tx, detail) for detail in service.open_list(tx, call.actor, closed, offset)])


@router.get("/requests/{request_id}", response_model=RequestOut)
def opened(request_id: Id, call: Annotated[Call, Depends(Allowed(Verb.REQUEST_READ))]) -> Response:
    """One request; a logged read."""
    with call.writing() as tx:
        return answer(request_out(tx, service.open_case(tx, call.actor, request_id, "open")))


@router.put("/requests/{request_id}", response_model=SubmittedOut)
def amend(request_id: Id, shape: AmendIn, call: Changer) -> Response:
    """Learn more about a request that still waits."""
    with call.writing() as tx:
        return answer(submitted_out(service.amend(tx, call.actor, request_id, shape)))


@router.put("/requests/{request_id}/municipality", status_code=204)
def set_municipality(request_id: Id, shape: MunicipalityIn, call: Changer) -> Response:
    """Say, or say otherwise, in which municipality they were found; also when they have a place, or had one."""
    return call.once(shape, lambda tx: service.set_municipality(tx, call.actor, request_id, shape.municipality))


@router.post("/requests/{request_id}/closing", status_code=204)
def close(request_id: Id, shape: CloseIn, call: Changer) -> Response:
    """End a request that was not placed, saying how it ended."""
    return call.once(shape, lambda tx: service.close(tx, call.actor, request_id, shape.outcome, shape.version))


@router.post("/groups", response_model=GroupOut, status_code=201)
def submit_group(shape: GroupIn, call: Annotated[Call, Depends(Allowed(Verb.REQUEST_SUBMIT))]) -> Response:
    """Ask for places for people found together: a request per party, all of them or none."""
    return call.once(shape, lambda tx: group_out(service.submit_group(tx, call.actor, shape)), 201)


@router.get("/groups/{group_id}", response_model=list[RequestOut])
def opened_group(group_id: Id, call: Annotated[Call, Depends(Allowed(Verb.REQUEST_READ))]) -> Response:
    """The requests of a group that one may see; each is a logged read."""
    with call.writing() as tx:
        return answer([request_out(tx, detail) for detail in service.open_group(tx, call.actor, group_id)])


@router.put("/groups/{group_id}/together", status_code=204)
def set_together(group_id: Id, shape: TogetherIn, call: Changer) -> Response:
    """Let a group go to one house only, or be spread over several."""
    return call.once(shape, lambda tx: service.set_together(tx, call.actor, group_id, shape.together))


@router.post("/requests/{request_id}/marks", status_code=204)
def mark_person(request_id: Id, shape: MarkIn, call: Changer) -> Response:
    """Note as a keyed hash whom a request is about, so that the national desk notices a second one."""
    with call.writing() as tx:
        service.mark_person(tx, call.actor, call.parts.key, request_id, shape.initials, shape.born)
    return answer(None)


@router.get("/repeats", response_model=list[RepeatOut])
def repeats(call: Annotated[Call, Depends(Allowed(Verb.REPEAT_READ))]) -> Response:
    """Requests that may be about one person, for the desk that mediates; each is a logged read."""
    with call.writing() as tx:
        return answer(list(service.open_repeats(tx, call.actor)))


@router.post("/repeats/{repeat_id}/ending", status_code=204)
def end_repeat(
    repeat_id: Id, shape: RepeatEndIn, call: Annotated[Call, Depends(Allowed(Verb.REPEAT_READ))]
) -> Response:
    """What the desk found out about two requests that looked alike."""
    return call.once(shape, lambda tx: service.end_repeat(tx, call.actor, repeat_id, shape.outcome))


@router.get("/pre-alerts", response_model=list[PreAlertOut])
def pre_alerts(call: Annotated[Call, Depends(Allowed(Verb.PRE_ALERT_READ))]) -> Response:
    """Planned checks that are not over: one's own organisation's, or all of them for the duty desk."""
    with call.reading() as tx:
        return answer(list(queries.pre_alerts(tx, call.actor)))


@router.post("/pre-alerts", response_model=PreAlertOut, status_code=201)
def announce(shape: PreAlertIn, call: Announcer) -> Response:
    """Tell the duty desk of a planned check. It holds nothing."""

    def work(tx: Tx) -> PreAlertOut:
        made = service.announce(tx, call.actor, shape)
        return next(found for found in queries.pre_alerts(tx, call.actor) if found.id == made.id)

    return call.once(shape, work, 201)


@router.delete("/pre-alerts/{pre_alert_id}", status_code=204)
def withdraw_pre_alert(pre_alert_id: Id, call: Announcer) -> Response:
    """The planned check does not go on."""
    with call.writing() as tx:
        service.withdraw_pre_alert(tx, call.actor, pre_alert_id)
    return answer(None)


@router.get("/open-counts", response_model=list[OpenCountOut])
def open_counts(call: Annotated[Call, Depends(Allowed(Verb.NUMBERS_READ))]) -> Response:
    """How many requests wait, per region and urgency, and how many are overdue. Numbers, no cases."""
    with call.reading() as tx:
        rows = queries.open_counts(tx, board_region(call.actor))
        return answer([OpenCountOut.model_validate(row) for row in rows])
