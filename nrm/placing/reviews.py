"""Judging afterwards: a placement in a crisis, and how a decline was read."""

from sqlalchemy import update
from sqlmodel import col

from nrm.access import queries as access
from nrm.access.rules import Actor, Verb
from nrm.access.service import log_read, require
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake import queries as intake
from nrm.placing import queries, rules, service
from nrm.placing.models import (
    DeclineCorrection,
    Offer,
    OfferAnswer,
)
from nrm.placing.rules import (
    CORRECTION_REASONS,
    Answer,
    DeclineTag,
    OfferStatus,
)
from nrm.placing.schemas import ApprovalOut


def open_approvals(tx: Tx, actor: Actor) -> list[ApprovalOut]:
    """Read the placements in a crisis that one's organisation has to judge; each is a logged read."""
    require(actor, Verb.OFFER_READ)
    found = queries.approvals(tx, actor)
    for approval in found:
        log_read(tx, actor, f"offer:{approval.offer_id}", "approval")
    return found


def approve_afterwards(tx: Tx, actor: Actor, offer_id: str, approved: bool) -> None:
    """Say afterwards whether a placement in a crisis was right. It undoes nothing; both answers stay on record."""
    require(actor, Verb.OFFER_ANSWER)
    needed = tx.session.get(OfferAnswer, (offer_id, actor.organisation_id))
    if needed is None or not needed.afterwards or not rules.speaks_as(actor, needed.by):
        raise NotFound("no_offer")
    request = intake.request(tx, queries.offer(tx, offer_id).request_id, for_update=True)
    if request.refuses_police and actor.investigative:
        raise NotFound("no_offer")
    by, request_id, short_code = needed.by, request.id, request.short_code
    owner = access.organisation(tx, request.owner_organisation_id)
    tx.guarded(
        update(OfferAnswer)
        .where(
            col(OfferAnswer.offer_id) == offer_id,
            col(OfferAnswer.organisation_id) == actor.organisation_id,
            col(OfferAnswer.answer).is_(None),
        )
        .values(
            answer=Answer.ACCEPT if approved else Answer.DECLINE,
            account_id=actor.account_id,
            at=tx.now,
            approval_due_at=None,
        ),
        Conflict("already_answered"),
    )
    if not approved:
        service.tell(
            tx,
            owner,
            f"disapproved:{offer_id}",
            f"Opvangvraag {short_code}: achteraf niet goedgekeurd",
            f"De plaatsing met code {short_code} is achteraf niet goedgekeurd. Zij blijft staan. Log in en overleg.",
        )
    tx.record(
        "offer.approved" if approved else "offer.disapproved",
        f"request:{request_id}",
        "requests",
        "offers",
        offer=offer_id,
        by=by,
    )


def correct_decline(tx: Tx, actor: Actor, offer_id: str, seen: DeclineTag, tag: DeclineTag, reason: str) -> None:
    """The national desk reads a decline otherwise than it was tagged, for a coded reason. What was said before stays.

    It changes how the decline is counted, never what it did: the place may have gone to somebody else since.
    """
    require(actor, Verb.DECLINES_REVIEW)
    if reason not in CORRECTION_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    if tag is seen:
        raise Invalid("invalid", (FieldError(("tag",), "unknown_choice"),))
    found = queries.offer(tx, offer_id)
    if found.status != OfferStatus.DECLINED:
        raise NotFound("no_offer")
    tx.guarded(
        update(Offer).where(col(Offer.id) == offer_id, col(Offer.decline_tag) == seen).values(decline_tag=tag),
        Conflict("changed_meanwhile"),
    )
    tx.session.add(
        DeclineCorrection(
            id=tx.new_id(),
            offer_id=offer_id,
            tag_before=seen,
            tag=tag,
            reason=reason,
            account_id=actor.account_id,
            at=tx.now,
        )
    )
    tx.record("decline.corrected", f"offer:{offer_id}", "offers", tag_before=seen, tag=tag, reason=reason)
