"""The roster over HTTP."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, answer
from nrm.db import Tx
from nrm.roster import reading, service
from nrm.roster.schemas import (
    AgendaIn,
    AgendaOut,
    ArrangementIn,
    ArrangementOut,
    DeputyIn,
    DeputyOut,
    FeedOut,
    GapOut,
    LineIn,
    LineOut,
    OnCallOut,
    PatternIn,
    PatternOut,
    SlotIn,
    SlotOut,
)

router = APIRouter(prefix=ROOT, tags=["roster"])

Reader = Annotated[Call, Depends(Allowed(Verb.ROSTER_READ))]
Keeper = Annotated[Call, Depends(Allowed(Verb.ROSTER_KEEP))]
Stander = Annotated[Call, Depends(Allowed(Verb.ROSTER_STAND))]
Chosen = Annotated[str, Query(max_length=40, pattern=r"^[A-Za-z0-9_-]*$")]
Days = Annotated[int, Query(ge=1, le=92)]

FEED_PATH = "/rooster/agenda/{token}.ics"
"""Where a calendar reads somebody's shifts; a page of its own, because no login goes with it."""


@router.get("/on-call", response_model=OnCallOut)
def on_call(call: Reader, role: Chosen = "duty_officer", region: Chosen = "", at: datetime | None = None) -> Response:
    """Whom to call for a role, in order, now or at another moment."""
    with call.reading() as tx:
        return answer(reading.on_call(tx, call.actor, role, region or None, at))


@router.get("/roster-lines", response_model=list[LineOut])
def lines(call: Reader) -> Response:
    """The lines one sees: the national ones and those of one's region."""
    with call.reading() as tx:
        return answer(reading.lines(tx, call.actor))


@router.post("/roster-lines", status_code=204)
def add_line(shape: LineIn, call: Keeper) -> Response:
    """From now on this role has to be manned."""

    def work(tx: Tx) -> None:
        service.add_line(tx, call.actor, shape)

    return call.once(shape, work)


@router.put("/roster-lines/{line_id}", status_code=204)
def change_line(line_id: Id, shape: LineIn, call: Keeper) -> Response:
    """Another cover, or a second one too."""
    return call.once(shape, lambda tx: service.change_line(tx, call.actor, line_id, shape))


@router.delete("/roster-lines/{line_id}", status_code=204)
def end_line(line_id: Id, call: Keeper) -> Response:
    """Nobody has to stand here any more."""
    return call.once(None, lambda tx: service.end_line(tx, call.actor, line_id))


@router.get("/roster-lines/{line_id}/slots", response_model=list[SlotOut])
def slots(line_id: Id, call: Reader, days: Days = 31) -> Response:
    """Who stands there in the days ahead."""
    with call.reading() as tx:
        return answer(reading.slots(tx, call.actor, line_id, tx.now, tx.now + timedelta(days=days)))


@router.post("/roster-lines/{line_id}/slots", status_code=204)
def plan(line_id: Id, shape: SlotIn, call: Keeper) -> Response:
    """Somebody from one instant until another."""
    return call.once(shape, lambda tx: service.plan(tx, call.actor, line_id, shape))


@router.delete("/roster-slots/{slot_id}", status_code=204)
def cancel_slot(slot_id: Id, call: Keeper) -> Response:
    """Nobody stands here any more."""
    return call.once(None, lambda tx: service.cancel_slot(tx, call.actor, slot_id))


@router.get("/roster-lines/{line_id}/recurring-shifts", response_model=list[PatternOut])
def patterns(line_id: Id, call: Reader) -> Response:
    """What recurs on a line."""
    with call.reading() as tx:
        return answer(reading.patterns(tx, call.actor, line_id))


@router.post("/roster-lines/{line_id}/recurring-shifts", status_code=204)
def recur(line_id: Id, shape: PatternIn, call: Keeper) -> Response:
    """A recurring shift that people take in turn."""

    def work(tx: Tx) -> None:
        service.recur(tx, call.actor, line_id, shape)

    return call.once(shape, work)


@router.delete("/recurring-shifts/{pattern_id}", status_code=204)
def end_pattern(pattern_id: Id, call: Keeper) -> Response:
    """It recurs no more."""
    return call.once(None, lambda tx: service.end_pattern(tx, call.actor, pattern_id))


@router.get("/roster-lines/{line_id}/deputies", response_model=list[DeputyOut])
def deputies(line_id: Id, call: Reader) -> Response:
    """Who is called when whoever stands there does not answer."""
    with call.reading() as tx:
        return answer(reading.deputies(tx, call.actor, line_id))


@router.post("/roster-lines/{line_id}/deputies", status_code=204)
def add_deputy(line_id: Id, shape: DeputyIn, call: Keeper) -> Response:
    """One more of them."""
    return call.once(shape, lambda tx: service.add_deputy(tx, call.actor, line_id, shape))


@router.delete("/roster-deputies/{deputy_id}", status_code=204)
def end_deputy(deputy_id: Id, call: Keeper) -> Response:
    """One fewer."""
    return call.once(None, lambda tx: service.end_deputy(tx, call.actor, deputy_id))


@router.post("/roster-lines/{line_id}/agenda", response_model=AgendaOut)
def load_agenda(line_id: Id, shape: AgendaIn, call: Keeper) -> Response:
    """Plan what an iCalendar file says."""
    return call.once(shape, lambda tx: service.load_agenda(tx, call.actor, line_id, shape))


@router.get("/roster-gaps", response_model=list[GapOut])
def gaps(call: Reader) -> Response:
    """Where somebody has to be and nobody is planned, soonest first."""
    with call.reading() as tx:
        return answer(reading.gaps(tx, call.actor))


@router.post("/roster-gaps/{gap_id}/filling", status_code=204)
def fill_gap(gap_id: Id, call: Stander) -> Response:
    """I stand there."""
    return call.once(None, lambda tx: service.fill_gap(tx, call.actor, gap_id))


@router.get("/my-slots", response_model=list[SlotOut])
def my_slots(call: Stander) -> Response:
    """What one has to stand, soonest first."""
    with call.reading() as tx:
        return answer(reading.own_slots(tx, call.actor))


@router.post("/roster-slots/{slot_id}/swap", status_code=204)
def offer_swap(slot_id: Id, call: Stander) -> Response:
    """Who takes this one of mine?"""
    return call.once(None, lambda tx: service.offer_swap(tx, call.actor, slot_id))


@router.delete("/roster-slots/{slot_id}/swap", status_code=204)
def withdraw_swap(slot_id: Id, call: Stander) -> Response:
    """I stand it myself after all."""
    return call.once(None, lambda tx: service.withdraw_swap(tx, call.actor, slot_id))


@router.post("/roster-slots/{slot_id}/swap/taking", status_code=204)
def take_swap(slot_id: Id, call: Stander) -> Response:
    """I take it."""
    return call.once(None, lambda tx: service.take_swap(tx, call.actor, slot_id))


@router.post("/roster-slots/{slot_id}/takeover", status_code=204)
def take_over(slot_id: Id, call: Stander) -> Response:
    """I take over now."""
    return call.once(None, lambda tx: service.take_over(tx, call.actor, slot_id))


@router.post("/roster-feed", response_model=FeedOut, status_code=201)
def make_feed(call: Stander) -> Response:
    """A new private address for one's own calendar; an earlier one stops. Never answered again from a key."""
    with call.writing() as tx:
        token = service.make_feed(tx, call.actor)
    return answer(FeedOut(path=FEED_PATH.format(token=token)), 201)


@router.delete("/roster-feed", status_code=204)
def revoke_feed(call: Stander) -> Response:
    """Whoever has the address reads nothing any more."""
    return call.once(None, lambda tx: service.revoke_feed(tx, call.actor))


@router.get("/regions/{region}/arrangements", response_model=list[ArrangementOut])
def arrangements(region: Id, call: Reader) -> Response:
    """Who does what in a region, and who may decide what."""
    with call.reading() as tx:
        return answer(reading.arrangements(tx, call.actor, region))


@router.post("/arrangements", status_code=204)
def arrange(shape: ArrangementIn, call: Keeper) -> Response:
    """Who does a task in a region, from a day on."""
    return call.once(shape, lambda tx: service.arrange(tx, call.actor, shape))


@router.delete("/arrangements/{arrangement_id}", status_code=204)
def end_arrangement(arrangement_id: Id, call: Keeper) -> Response:
    """It does not hold any more."""
    return call.once(None, lambda tx: service.end_arrangement(tx, call.actor, arrangement_id))
