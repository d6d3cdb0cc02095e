"""Chasing figures: which houses do not know how full they are, whom to reach, and asking them now."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm import policy
from nrm.access.rules import Verb, may, reach
from nrm.db import Tx
from nrm.placing import trust
from nrm.registry import asking, queries
from nrm.registry.asking import Asked
from nrm.registry.queries import LocationView
from nrm.registry.rules import FreshnessBand
from web.labels import POOLS
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.FIGURES_CHASE))]
Asker = Annotated[Visit, Depends(Act(Verb.FIGURES_CHASE))]
Chosen = Annotated[str, Query(max_length=40)]

EVERYONE = "alle"


@router.get("/navraag")
def overview(visit: Reader, soort: Chosen = "", wie: Chosen = "") -> Response:
    """The page."""
    return _show(visit, "chase.html", soort, wie)


@router.get("/navraag/lijst")
def part(visit: Reader, soort: Chosen = "", wie: Chosen = "") -> Response:
    """The live part: answers stream in."""
    return _show(visit, "chase_part.html", soort, wie)


@router.post("/navraag")
def ask(visit: Asker) -> Response:
    """Ask one, those that were ticked, or everyone on the list."""
    pool, who = visit.field("soort"), visit.field("wie")
    with visit.writing() as tx:
        wanted = visit.fields("one") or visit.fields("chosen")
        if visit.field("all"):
            wanted = [view.location.id for view in _listed(visit, tx, pool, who)]
        done = asking.ask(tx, visit.actor, wanted, visit.parts.settings.public_url)
    query = f"?soort={pool if pool in POOLS else ''}&wie={EVERYONE if who == EVERYONE else ''}"
    return visit.go(f"/navraag{query}", _flash(done))


def _flash(done: Asked) -> str:
    if done == Asked():
        return "nobody_chosen"
    if done.asked == 0:
        return "asked_nobody"
    return "asked_some" if done.too_soon or done.no_mailbox else "asked_all"


def _listed(visit: Visit, tx: Tx, pool: str, who: str) -> list[LocationView]:
    """Who is on the list: not fresh, or everyone; in the reader's region."""
    region_code = reach(visit.actor)
    views = queries.locations(tx) if who == EVERYONE else queries.to_check(tx, region_code)
    return [
        view for view in views if region_code in {None, view.location.region_code} and pool in {"", view.location.pool}
    ]


def _show(visit: Visit, template: str, pool: str, who: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _list(visit, tx, pool if pool in POOLS else "", who if who == EVERYONE else "")
    return visit.page(template, frame, **shown)


def _list(visit: Visit, tx: Tx, pool: str, who: str) -> dict[str, Any]:
    _, rhythm = policy.current(tx, policy.Rhythm)
    region_code = reach(visit.actor)
    return {
        "listed": _listed(visit, tx, pool, who),
        "answered": [
            view
            for view in queries.locations(tx)
            if view.freshness.band is FreshnessBand.FRESH
            and view.location.asked_at is not None
            and view.confirmed_at is not None
            and view.confirmed_at >= view.location.asked_at
            and region_code in {None, view.location.region_code}
        ],
        "regions": {region.code: region.name for region in queries.regions(tx)},
        "scores": trust.scores(tx, visit.actor) if may(visit.actor, Verb.TRUST_READ) else {},
        "again_minutes": rhythm.ask_again_minutes,
        "pool": pool,
        "pools": list(POOLS),
        "who": who,
        "everyone": EVERYONE,
    }
