"""The rulebook over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.access.schemas import PolicyOut
from nrm.api import ROOT, Id, answer
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.rulebook import queries, service
from nrm.rulebook.schemas import DecideIn, DeclineDraftIn, DraftIn, DraftOut

router = APIRouter(prefix=ROOT, tags=["rulebook"])

Author = Annotated[Call, Depends(Allowed(Verb.POLICY_PROPOSE))]
Decider = Annotated[Call, Depends(Allowed(Verb.POLICY_DECIDE))]


@router.get("/policies/{kind}/versions", response_model=list[PolicyOut])
def versions(kind: Id, call: Annotated[Call, Depends(Allowed(Verb.POLICY_READ))]) -> Response:
    """The versions of one kind of policy, newest first."""
    with call.reading() as tx:
        found = queries.versions(tx, queries.kind_named(kind))
        return answer([PolicyOut.model_validate(row) for row in found])


@router.get("/policies/{kind}/draft", response_model=DraftOut)
def draft(kind: Id, call: Decider) -> Response:
    """The draft that waits."""
    with call.reading() as tx:
        found = queries.waiting(tx, queries.kind_named(kind).kind)
        if found is None:
            raise NotFound("no_draft")
        return answer(queries.draft_out(tx, call.actor, found))


@router.put("/policies/{kind}/draft", status_code=204)
def propose(kind: Id, shape: DraftIn, call: Author) -> Response:
    """Propose a version of a policy, or change one's own proposal."""
    with call.writing() as tx:
        service.propose(tx, call.actor, kind, shape)
    return answer(None)


@router.delete("/policies/{kind}/draft", status_code=204)
def withdraw(kind: Id, call: Author) -> Response:
    """Take one's own proposal back."""
    with call.writing() as tx:
        service.withdraw(tx, call.actor, kind)
    return answer(None)


@router.post("/policies/{kind}/draft/activation", status_code=204)
def activate(kind: Id, shape: DecideIn, call: Decider) -> Response:
    """Put somebody else's proposal in force from now on."""

    def work(tx: Tx) -> None:
        service.activate(tx, call.actor, kind, shape.version)

    return call.once(shape, work)


@router.post("/policies/{kind}/draft/declining", status_code=204)
def decline(kind: Id, shape: DeclineDraftIn, call: Decider) -> Response:
    """Decline somebody else's proposal."""
    return call.once(shape, lambda tx: service.decline(tx, call.actor, kind, shape.version, shape.reason))
