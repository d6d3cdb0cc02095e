"""Reading who is asked to take a minor over."""

from datetime import timedelta

from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, OrganisationKind
from nrm.db import Tx
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED, Exploitation
from nrm.intake.schemas import PersonOut
from nrm.youth import rules
from nrm.youth.models import YouthAsk
from nrm.youth.rules import YOUTH_KINDS, NotOurs, YouthAnswer
from nrm.youth.schemas import YouthAskOut, YouthStandOut

LIST_MAX = 200
SHOWN_AFTER = timedelta(hours=24)
"""For how long what was taken over stays on the screen, with whom to phone."""


def takers(tx: Tx, request: PlacementRequest) -> list[Organisation]:
    """Who could take this minor over, the one that applies first: youth care of the region, and Nidos."""
    _, youth = policy.current(tx, policy.Youth)
    return [
        organisation
        for kind in rules.kinds_in_order(request.residence, youth.foreign_residences)
        for organisation in access.organisations_of_kind(tx, kind)
        # Youth care without a region is nobody's: what was forgotten opens nothing.
        if organisation.region_code == (request.region_code if kind is OrganisationKind.YOUTH_CARE else None)
    ]


def asks_of(tx: Tx, request_id: str) -> list[YouthAsk]:
    """Who was asked to take a minor over, in the order in which they were."""
    return list(
        tx.session.exec(
            select(YouthAsk).where(YouthAsk.request_id == request_id).order_by(col(YouthAsk.asked_at), YouthAsk.id)
        )
    )


def waiting(tx: Tx) -> list[str]:
    """Requests of minors alone whom nobody took over yet, the longest waiting first."""
    return list(
        tx.session.exec(
            select(PlacementRequest.id)
            .where(col(PlacementRequest.minor_alone), col(PlacementRequest.status).in_(UNPLACED))
            .order_by(col(PlacementRequest.created_at), PlacementRequest.id)
        )
    )


def next_to_ask(tx: Tx, request: PlacementRequest) -> str | None:
    """The organisation that must be asked now, if any."""
    answers = {row.organisation_id: YouthAnswer(row.answer) if row.answer else None for row in asks_of(tx, request.id)}
    return rules.next_to_ask([one.id for one in takers(tx, request)], answers)


def asks_for(tx: Tx, actor: Actor) -> list[YouthAskOut]:
    """The minors one's organisation is asked to take over, longest waiting first, then whom it took over since."""
    rows = tx.session.exec(
        select(YouthAsk, PlacementRequest)
        .join(PlacementRequest, col(PlacementRequest.id) == YouthAsk.request_id)
        .where(
            YouthAsk.organisation_id == actor.organisation_id,
            (
                col(YouthAsk.answer).is_(None)
                & col(PlacementRequest.minor_alone)
                & col(PlacementRequest.status).in_(UNPLACED)
            )
            | ((col(YouthAsk.answer) == YouthAnswer.TAKEN) & (col(YouthAsk.answered_at) > tx.now - SHOWN_AFTER)),
        )
        .order_by(col(YouthAsk.answer).is_not(None), col(PlacementRequest.created_at), YouthAsk.id)
        .limit(LIST_MAX)
    )
    return [_ask_out(tx, row, request) for row, request in rows]


def stands(tx: Tx, request_id: str) -> list[YouthStandOut]:
    """How far whoever was asked is, for the owner of the request."""
    listed = []
    for row in asks_of(tx, request_id):
        organisation = access.organisation(tx, row.organisation_id)
        listed.append(
            YouthStandOut(
                organisation_id=organisation.id,
                organisation=organisation.name,
                kind=OrganisationKind(organisation.kind),
                phone=organisation.phone,
                asked_at=row.asked_at,
                answer=YouthAnswer(row.answer) if row.answer else None,
                reason=NotOurs(row.reason) if row.reason else None,
                answered_at=row.answered_at,
                spoken=row.spoken,
            )
        )
    return listed


def youth_organisations(tx: Tx, region_code: str) -> list[Organisation]:
    """Everybody who could say on the phone that they take over; those of the region and of the country first."""
    found = [one for kind in YOUTH_KINDS for one in access.organisations_of_kind(tx, kind)]
    return sorted(found, key=lambda one: (one.region_code not in {region_code, None}, one.name))


def _ask_out(tx: Tx, row: YouthAsk, request: PlacementRequest) -> YouthAskOut:
    detail = intake.detail(tx, request.id)
    owner = access.organisation(tx, request.owner_organisation_id)
    return YouthAskOut(
        id=row.id,
        short_code=request.short_code,
        region=request.region_code,
        persons=[PersonOut.model_validate(person) for person in detail.persons],
        exploitation=Exploitation(request.exploitation),
        needs=request.needs,
        wishes=request.wishes,
        asked_at=row.asked_at,
        waiting_since=request.created_at,
        owner=owner.name,
        owner_phone=owner.phone,
        taken_at=row.answered_at if row.answer == YouthAnswer.TAKEN else None,
    )
