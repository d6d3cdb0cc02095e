"""Reports to CoMensha over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, answer
from nrm.reporting import service
from nrm.reporting.schemas import (
    ConfirmIn,
    DropIn,
    OverdueOut,
    PoliceCriteriaIn,
    PoliceCriteriaOut,
    ReportIn,
    ReportLineOut,
    ReportOut,
    SendIn,
)

router = APIRouter(prefix=ROOT, tags=["reporting"])

Keeper = Annotated[Call, Depends(Allowed(Verb.REPORT_KEEP))]
Confirmer = Annotated[Call, Depends(Allowed(Verb.REPORT_CONFIRM))]


@router.get("/requests/{request_id}/report", response_model=ReportOut)
def report(request_id: Id, call: Keeper) -> Response:
    """The report of a request; a logged read."""
    with call.writing() as tx:
        return answer(service.read(tx, call.actor, request_id))


@router.put("/requests/{request_id}/report", status_code=204)
def keep(request_id: Id, shape: ReportIn, call: Keeper) -> Response:
    """Change a report that was not sent yet."""
    with call.writing() as tx:
        service.keep(tx, call.actor, request_id, shape)
    return answer(None)


@router.post("/requests/{request_id}/report/sending", status_code=204)
def send(request_id: Id, shape: SendIn, call: Keeper) -> Response:
    """Say that it went to CoMensha."""
    return call.once(shape, lambda tx: service.send(tx, call.actor, request_id, shape.version))


@router.post("/requests/{request_id}/report/dropping", status_code=204)
def drop(request_id: Id, shape: DropIn, call: Keeper) -> Response:
    """Say why it is not sent."""
    return call.once(shape, lambda tx: service.drop(tx, call.actor, request_id, shape.reason, shape.version))


@router.post("/requests/{request_id}/report/reopening", status_code=204)
def reopen(request_id: Id, shape: SendIn, call: Keeper) -> Response:
    """It is to do after all."""
    return call.once(shape, lambda tx: service.reopen(tx, call.actor, request_id, shape.version))


@router.post("/requests/{request_id}/report/confirmation", status_code=204)
def confirm(request_id: Id, shape: ConfirmIn, call: Confirmer) -> Response:
    """CoMensha has it."""
    return call.once(shape, lambda tx: service.confirm(tx, call.actor, request_id, shape))


@router.get("/reports", response_model=list[ReportLineOut])
def reports(call: Keeper) -> Response:
    """The reports one may keep that are not finished; each is a logged read."""
    with call.writing() as tx:
        return answer(service.read_list(tx, call.actor))


@router.get("/reports-overdue", response_model=list[OverdueOut])
def overdue(call: Annotated[Call, Depends(Allowed(Verb.REPORTS_COUNT))]) -> Response:
    """How many reports are overdue per region and kind of organisation. Numbers, no cases."""
    with call.reading() as tx:
        return answer(service.overdue(tx, call.actor))


@router.get("/police-criteria", response_model=PoliceCriteriaOut)
def police_criteria(call: Confirmer) -> Response:
    """The words of the police criteria in force."""
    with call.reading() as tx:
        return answer(service.police_criteria(tx, call.actor))


@router.put("/police-criteria", status_code=204)
def keep_police_criteria(shape: PoliceCriteriaIn, call: Confirmer) -> Response:
    """Word the police criteria from now on."""
    with call.writing() as tx:
        service.keep_police_criteria(tx, call.actor, shape)
    return answer(None)
