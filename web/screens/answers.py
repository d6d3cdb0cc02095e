"""Offers that wait for an answer: of a provider, the national desk or the labour inspectorate."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Role, Verb
from nrm.api import Id
from nrm.intake.rules import ADULT_AGE, Fact
from nrm.placing import queries, reviews, service
from nrm.placing.rules import CRITERION, DECLINES, DeclineEffect
from nrm.placing.schemas import OfferToAnswerOut
from nrm.registry import queries as registry
from web.case_words import party
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.OFFER_READ))]
Answerer = Annotated[Visit, Depends(Act(Verb.OFFER_ANSWER))]


@router.get("/antwoorden")
def overview(visit: Reader) -> Response:
    """The page."""
    return _show(visit, "answers.html")


@router.get("/antwoorden/lijst")
def part(visit: Reader) -> Response:
    """What of the page is live."""
    return _show(visit, "answers_part.html")


@router.post("/antwoorden/{offer_id}/ja")
def accept(offer_id: Id, visit: Answerer) -> Response:
    """Yes, perhaps with the hand-over point."""
    point = visit.field("point") or None
    return visit.act(lambda tx: service.accept(tx, visit.actor, offer_id, point), "/antwoorden", "offer_accepted")


@router.post("/antwoorden/{offer_id}/nee")
def decline(offer_id: Id, visit: Answerer) -> Response:
    """No, with the coded reason."""
    code, _, criterion = visit.field("reason").partition(":")
    return visit.act(
        lambda tx: service.decline(tx, visit.actor, offer_id, code, criterion or None), "/antwoorden", "offer_declined"
    )


@router.post("/antwoorden/{offer_id}/langer")
def extend(offer_id: Id, visit: Annotated[Visit, Depends(Act(Verb.OFFER_EXTEND))]) -> Response:
    """Hold the place a while longer."""
    seen = visit.field("seen")
    times = int(seen) if seen.isdecimal() and len(seen) < 4 else -1
    return visit.act(lambda tx: service.extend_hold(tx, visit.actor, offer_id, times), "/antwoorden", "offer_extended")


@router.post("/antwoorden/groep/{group_id}/ja")
def accept_group(group_id: Id, visit: Answerer) -> Response:
    """Yes to everybody of a group who was asked for at one house."""
    house, point = visit.field("house"), visit.field("point") or None
    return visit.act(
        lambda tx: service.accept_group(tx, visit.actor, group_id, house, point), "/antwoorden", "group_accepted"
    )


@router.post("/antwoorden/{offer_id}/achteraf")
def approve(offer_id: Id, visit: Answerer) -> Response:
    """Judge a placement in a crisis afterwards."""
    approved = visit.field("approved")
    if approved not in {"yes", "no"}:
        return visit.go("/antwoorden", "invalid")
    return visit.act(
        lambda tx: reviews.approve_afterwards(tx, visit.actor, offer_id, approved == "yes"), "/antwoorden", "approved"
    )


def _show(visit: Visit, template: str) -> Response:
    with visit.writing() as tx:  # each offer shown is a logged read
        frame = visit.frame(tx)
        offers = service.open_offers(tx, visit.actor)
        approvals = reviews.open_approvals(tx, visit.actor)
        criteria = registry.criteria(tx)
        own = visit.actor.organisation_id if visit.actor.role is Role.PROVIDER else ""
        not_needed = queries.not_needed(tx, visit.actor)
        not_now = queries.own_not_now(tx, own) if own else []
        unpublished = queries.unpublished(tx, own) if own else []
    return visit.page(
        template,
        frame,
        waiting=[offer for offer in offers if offer.answered is None],
        groups=_groups([offer for offer in offers if offer.answered is None]),
        answered=[offer for offer in offers if offer.answered is not None],
        parties={offer.id: party(visit.words, offer.persons) for offer in offers},
        members={offer.id: _one_by_one(visit, offer) for offer in offers},
        facts_of={offer.id: _sorted_facts(offer, criteria) for offer in offers},
        declines={offer.id: _noes(offer, criteria) for offer in offers},
        approvals=approvals,
        not_needed=not_needed,
        not_now=not_now,
        unpublished=unpublished,
    )


def _groups(waiting: list[OfferToAnswerOut]) -> list[list[OfferToAnswerOut]]:
    """The offers for people found together at one house, where there are several: one yes can answer them all."""
    found: dict[tuple[str, str], list[OfferToAnswerOut]] = {}
    for offer in waiting:
        if offer.group_id:
            found.setdefault((offer.group_id, offer.location_id), []).append(offer)
    return [offers for offers in found.values() if len(offers) > 1]


@dataclass(frozen=True)
class Noes:
    """Every way to say no to an offer: the codes by what they do, and the grounds that can be named."""

    codes: dict[str, list[str]]
    grounds: list[str]


def _noes(offer: OfferToAnswerOut, criteria: list[str]) -> Noes:
    """A ground that is known not to play is none; what is known to play comes first, as the likelier one."""
    codes: dict[str, list[str]] = {effect: [] for effect in DeclineEffect}
    for code, rule in DECLINES.items():
        if code != CRITERION:
            # Who decides without being the house says no for this request only.
            effect = rule.effect if offer.by == "provider" else DeclineEffect.LOCATION_FOR_REQUEST
            codes[effect].append(code)
    grounds = [criterion for criterion in criteria if offer.facts.get(criterion) is not Fact.NO]
    return Noes(codes, sorted(grounds, key=lambda criterion: offer.facts.get(criterion) is not Fact.YES))


def _one_by_one(visit: Visit, offer: OfferToAnswerOut) -> list[str]:
    """Everyone by themselves where there are children: whether one is a son or a daughter matters to a house."""
    mixed = len({person.age < ADULT_AGE for person in offer.persons}) > 1
    return [party(visit.words, [person]) for person in offer.persons] if mixed else []


def _sorted_facts(offer: OfferToAnswerOut, criteria: list[str]) -> dict[str, list[str]]:
    """yes, no and unknown, each with the criteria it goes for; a criterion nobody asked about is unknown."""
    found: dict[str, list[str]] = {"yes": [], "no": [], "unknown": []}
    for criterion in criteria:
        found[offer.facts.get(criterion, "unknown")].append(criterion)
    return found
