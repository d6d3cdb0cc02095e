"""Offers that wait for an answer: of a provider, the national desk or the labour inspectorate."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.api import Id
from nrm.intake.rules import ADULT_AGE
from nrm.placing import service
from nrm.placing.rules import DECLINE_CODES
from nrm.placing.schemas import OfferToAnswerOut
from nrm.registry import queries as registry
from web.case_words import party
from web.visit import Act, Screen, Visit

router = APIRouter()

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
    code = visit.field("reason")
    return visit.act(lambda tx: service.decline(tx, visit.actor, offer_id, code), "/antwoorden", "offer_declined")


def _show(visit: Visit, template: str) -> Response:
    with visit.writing() as tx:  # each offer shown is a logged read
        frame = visit.frame(tx)
        offers = service.open_offers(tx, visit.actor)
        criteria = registry.criteria(tx)
    return visit.page(
        template,
        frame,
        waiting=[offer for offer in offers if offer.answered is None],
        answered=[offer for offer in offers if offer.answered is not None],
        parties={offer.id: party(visit.words, offer.persons) for offer in offers},
        members={offer.id: _one_by_one(visit, offer) for offer in offers},
        facts_of={offer.id: _sorted_facts(offer, criteria) for offer in offers},
        declines=list(DECLINE_CODES),
    )


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
