"""How far a location's "free" can be trusted: the share of offers that met a no of its own, or silence.

Shown to its provider and to the desk, with how many offers it rests on. It is no cost in the matching: the levels of
the solver are fixed, and a score that moved people away would be fed by ever fewer offers (docs/decisions/0012).
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import col, select

from nrm import policy
from nrm.access.rules import Actor, Role, Verb
from nrm.access.service import require
from nrm.db import Tx
from nrm.placing.models import Offer, OfferAnswer
from nrm.placing.rules import Answer, DeclineTag, OfferStatus
from nrm.registry.models import Location


@dataclass(frozen=True)
class TrustScore:
    """Of so many offers so many were refused on the house's own ground or not answered; `share` is that, smoothed."""

    location_id: str
    offers: int
    refused: int
    share: float


def scores(tx: Tx, actor: Actor) -> dict[str, TrustScore]:
    """The trust score of each location the actor may know it of: a provider its own, the desk every one."""
    require(actor, Verb.TRUST_READ)
    _, trust = policy.current(tx, policy.Trust)
    known = select(Location.id)
    if actor.role is Role.PROVIDER:
        known = known.where(Location.organisation_id == actor.organisation_id)
    counted: dict[str, list[bool]] = {location_id: [] for location_id in tx.session.exec(known)}
    # Asked after a phone call a figure was not listed as free; withdrawn, the house had no say.
    query = (
        select(Offer.location_id, Offer.status, Offer.decline_tag, OfferAnswer.answer)
        .join(Location, col(Location.id) == Offer.location_id)
        .join(
            OfferAnswer,
            (col(OfferAnswer.offer_id) == Offer.id) & (col(OfferAnswer.organisation_id) == Location.organisation_id),
        )
        .where(
            col(Offer.location_id).in_(known),
            col(Offer.ended_at) > tx.now - timedelta(days=trust.days),
            col(Offer.phoned).is_(False),
            col(Offer.status).in_((OfferStatus.ACCEPTED, OfferStatus.DECLINED, OfferStatus.LAPSED)),
        )
    )
    for location_id, status, tag, answer in tx.session.exec(query):
        if answer is not None:
            refused = answer == Answer.DECLINE and tag == DeclineTag.PROVIDER
            counted[location_id].append(refused)
        elif status == OfferStatus.LAPSED:
            counted[location_id].append(True)
    return {
        location_id: TrustScore(location_id, len(found), sum(found), smoothed(trust, sum(found), len(found)))
        for location_id, found in counted.items()
    }


def smoothed(trust: policy.Trust, refused: int, offers: int) -> float:
    """The share as it is believed: a Beta prior, so that one bad night of a house seldom asked is not a verdict."""
    return (trust.prior_refused + refused) / (trust.prior_refused + trust.prior_kept + offers)
