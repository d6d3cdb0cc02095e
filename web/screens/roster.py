"""The roster: who should be on duty when, what to swap, where nobody is, and one's own shifts."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from nrm import policy
from nrm.access import queries as access
from nrm.access.rules import Role, Verb, may
from nrm.api import Id, parts_of
from nrm.calendar.rules import WEEKDAYS, instant
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, Invalid, NotFound
from nrm.registry import queries as registry
from nrm.roster import queries, reading, rules, service
from nrm.roster.models import RosterLine, RosterSlot
from nrm.roster.queries import OnCall
from nrm.roster.rules import TURN_DAYS, Cover, Task
from nrm.roster.schemas import (
    AgendaIn,
    ArrangementIn,
    DeputyIn,
    GapOut,
    LineIn,
    PatternIn,
    PatternOut,
    SlotIn,
    SlotOut,
)
from web.labels import label
from web.pages import Form
from web.refusals import flash_text
from web.typed import day, read, said, wrong_fields
from web.visit import Act, Screen, Sent, Upload, Visit
from web.words import N_, Words, words_for

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.ROSTER_READ))]
Planner = Annotated[Visit, Depends(Screen(Verb.ROSTER_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.ROSTER_KEEP))]
Own = Annotated[Visit, Depends(Screen(Verb.ROSTER_STAND))]
Stander = Annotated[Visit, Depends(Act(Verb.ROSTER_STAND))]
Chosen = Annotated[str, Query(max_length=40)]

FILE_BYTES_MAX = 256 * 1024
FORM_BYTES_MAX = FILE_BYTES_MAX + 16 * 1024
LOAD = "/rooster/inlezen"
BODY_BYTES_MAX = {LOAD: 2 * FORM_BYTES_MAX}
SPANS = (14, 31)
"""How many days a page shows."""
NATIONAL = "nl"
"""How a form names the national roster, which has no region."""
NO_STORE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}

CHOOSE_PEOPLE = N_("Kies wie er om de beurt staan.")
NO_FILE = N_("Kies eerst een agendabestand (.ics).")


@dataclass(frozen=True)
class LineNow:
    """One line of the roster: who is on call now, and what is ahead."""

    id: str
    line: RosterLine
    name: str
    now: OnCall
    gaps: int


@dataclass(frozen=True)
class Day:
    """One day of the list: who begins, or stands there as the list begins, and where nobody does."""

    id: str
    at: datetime
    slots: list[SlotOut]
    gaps: list[GapOut]


@dataclass(frozen=True)
class Recurring:
    """A recurring shift with the names of who takes turns."""

    id: str
    pattern: PatternOut
    people: list[str]


@router.get("/rooster")
def overview(visit: Reader) -> Response:
    """Every line one sees, who is on call there now, and every gap ahead."""
    return _overview(visit, "roster.html")


@router.get("/rooster/deel")
def overview_part(visit: Reader) -> Response:
    """The live part of it."""
    return _overview(visit, "roster_part.html")


@router.post("/rooster/lijn")
def add_line(visit: Keeper) -> Response:
    """From now on this role has to be manned."""
    region = visit.field("region")

    def work(tx: Tx) -> None:
        values = {name: visit.field(name) for name in ("role", "ranks", "cover")}
        service.add_line(tx, visit.actor, read(LineIn, {**values, "region": "" if region == NATIONAL else region}))

    return visit.act(work, "/rooster", "line_added")


@router.get("/rooster/lijn/{line_id}")
def line(line_id: Id, visit: Reader, van: Chosen = "", dagen: Chosen = "") -> Response:
    """One line, day by day."""
    return _line(visit, "roster_line.html", line_id, van, dagen)


@router.get("/rooster/lijn/{line_id}/deel")
def line_part(line_id: Id, visit: Reader, van: Chosen = "", dagen: Chosen = "") -> Response:
    """The live part of it."""
    return _line(visit, "roster_line_part.html", line_id, van, dagen)


@router.post("/rooster/lijn/{line_id}/bezetting")
def change_line(line_id: Id, visit: Keeper) -> Response:
    """Another cover, or a second one too."""

    def work(tx: Tx) -> None:
        found = reading.line(tx, visit.actor, line_id)
        values = {"role": found.role, "ranks": visit.field("ranks"), "cover": visit.field("cover")}
        service.change_line(tx, visit.actor, line_id, read(LineIn, values))

    return visit.act(work, f"/rooster/lijn/{line_id}", "line_changed")


@router.post("/rooster/lijn/{line_id}/einde")
def end_line(line_id: Id, visit: Keeper) -> Response:
    """Nobody has to stand here any more."""
    return visit.act(lambda tx: service.end_line(tx, visit.actor, line_id), "/rooster", "line_ended")


@router.get("/rooster/lijn/{line_id}/plannen")
def planning(line_id: Id, visit: Planner, van: Chosen = "", tot: Chosen = "") -> Response:
    """Somebody from one moment until another; a gap comes along as what to fill in."""
    values = {"starts_at": van, "ends_at": tot}
    return _form(visit, "roster_plan.html", line_id, Form({name: value for name, value in values.items() if value}))


@router.post("/rooster/lijn/{line_id}/plannen")
def plan(line_id: Id, visit: Keeper) -> Response:
    """Plan them."""
    values: dict[str, object] = {name: visit.field(name) for name in ("account", "rank")}
    errors: dict[str, str] = {}
    for name in ("starts_at", "ends_at"):
        try:
            values[name] = visit.local(name, AMSTERDAM)
        except ValueError:
            errors[name] = said(visit.words, "unreadable_moment")
        else:
            if values[name] is None:
                errors[name] = said(visit.words, "required")
    failure = ""
    try:
        if not errors:
            shape = read(SlotIn, {**values, "instead": visit.field("instead") == "yes"})
            with visit.writing() as tx:
                service.plan(tx, visit.actor, line_id, shape)
            return visit.go(f"/rooster/lijn/{line_id}", "slot_planned")
    except (ValidationError, Invalid) as error:
        errors = wrong_fields(visit.words, error) | errors
    except Conflict as refusal:
        failure = flash_text(visit.words, refusal.code)
    return _form(visit, "roster_plan.html", line_id, visit.filled(errors), 409 if failure else 400, failure)


@router.get("/rooster/lijn/{line_id}/vast")
def recurring(line_id: Id, visit: Planner) -> Response:
    """What recurs, and one more."""
    return _form(visit, "roster_recurring.html", line_id, Form())


@router.post("/rooster/lijn/{line_id}/vast")
def recur(line_id: Id, visit: Keeper) -> Response:
    """People take turns from a day on."""
    values: dict[str, object] = {name: visit.field(name) for name in ("rank", "starts", "ends")}
    turn = visit.field("turn_days")
    values["turn_days"] = int(turn) if turn in {str(days) for days in TURN_DAYS} else 0
    errors: dict[str, str] = {}
    for name in ("valid_from", "valid_until"):
        try:
            values[name] = day(visit.field(name))
        except ValueError:
            errors[name] = said(visit.words, "unreadable_date")
    turns = [visit.field(f"person_{number}") for number in range(PEOPLE_MAX)]
    values |= {"weekdays": visit.fields("weekdays"), "people": [one for one in turns if one]}
    try:
        shape = read(PatternIn, values)
        if not errors:
            with visit.writing() as tx:
                service.recur(tx, visit.actor, line_id, shape)
            return visit.go(f"/rooster/lijn/{line_id}", "recurs")
    except (ValidationError, Invalid) as error:
        errors = wrong_fields(visit.words, error) | errors
        if errors.keys() & {"people", "account"}:
            errors["person_0"] = visit.words.gettext(CHOOSE_PEOPLE)
            errors = {name: text for name, text in errors.items() if name not in {"people", "account"}}
    return _form(visit, "roster_recurring.html", line_id, visit.filled(errors), 400)


PEOPLE_MAX = 8
"""Turns on the form; the API takes more."""


@router.post("/rooster/lijn/{line_id}/vast/{pattern_id}/einde")
def end_pattern(line_id: Id, pattern_id: Id, visit: Keeper) -> Response:
    """It recurs no more."""
    back = f"/rooster/lijn/{line_id}/vast"
    return visit.act(lambda tx: service.end_pattern(tx, visit.actor, pattern_id), back, "recurs_no_more")


@router.post("/rooster/lijn/{line_id}/vervanger")
def add_deputy(line_id: Id, visit: Keeper) -> Response:
    """One more to call when whoever stands there does not answer."""

    def work(tx: Tx) -> None:
        today = tx.now.astimezone(AMSTERDAM).date()
        values = {"account": visit.field("account"), "place": visit.field("place"), "valid_from": today}
        service.add_deputy(tx, visit.actor, line_id, read(DeputyIn, values))

    return visit.act(work, f"/rooster/lijn/{line_id}#vervangers", "deputy_added")


@router.post("/rooster/lijn/{line_id}/vervanger/{deputy_id}/einde")
def end_deputy(line_id: Id, deputy_id: Id, visit: Keeper) -> Response:
    """One fewer."""
    back = f"/rooster/lijn/{line_id}#vervangers"
    return visit.act(lambda tx: service.end_deputy(tx, visit.actor, deputy_id), back, "deputy_ended")


@router.post("/rooster/lijn/{line_id}/dienst/{slot_id}/weg")
def cancel_slot(line_id: Id, slot_id: Id, visit: Keeper) -> Response:
    """Nobody stands here any more."""
    back = f"/rooster/lijn/{line_id}"
    return visit.act(lambda tx: service.cancel_slot(tx, visit.actor, slot_id), back, "slot_cancelled")


@router.post("/rooster/dienst/{slot_id}/ruil")
def offer_swap(slot_id: Id, visit: Stander) -> Response:
    """Who takes this one of mine?"""
    return visit.act(lambda tx: service.offer_swap(tx, visit.actor, slot_id), "/rooster/mijn", "swap_offered")


@router.post("/rooster/dienst/{slot_id}/ruil/terug")
def withdraw_swap(slot_id: Id, visit: Stander) -> Response:
    """I stand it myself after all."""
    return visit.act(lambda tx: service.withdraw_swap(tx, visit.actor, slot_id), "/rooster/mijn", "swap_withdrawn")


@router.post("/rooster/dienst/{slot_id}/ruil/nemen")
def take_swap(slot_id: Id, visit: Stander) -> Response:
    """I take it."""
    return visit.act(lambda tx: service.take_swap(tx, visit.actor, slot_id), "/rooster/mijn", "swap_taken")


@router.post("/rooster/dienst/{slot_id}/overnemen")
def take_over(slot_id: Id, visit: Stander) -> Response:
    """I take over now."""
    return visit.act(lambda tx: service.take_over(tx, visit.actor, slot_id), "/rooster/mijn", "taken_over_now")


@router.post("/rooster/gat/{gap_id}")
def fill_gap(gap_id: Id, visit: Stander) -> Response:
    """I stand where nobody is planned."""
    return visit.act(lambda tx: service.fill_gap(tx, visit.actor, gap_id), "/rooster/mijn", "gap_filled_now")


@router.get("/rooster/mijn")
def mine(visit: Own) -> Response:
    """One's own shifts, what colleagues offer, and one's own feed."""
    return _mine(visit, "roster_mine.html")


@router.get("/rooster/mijn/deel")
def mine_part(visit: Own) -> Response:
    """The live part of it."""
    return _mine(visit, "roster_mine_part.html")


@router.post("/rooster/mijn/agenda")
def make_feed(visit: Stander) -> Response:
    """A private address for one's own calendar. It is on this page only: not kept, not in a redirect."""
    with visit.writing() as tx:
        token = service.make_feed(tx, visit.actor)
    with visit.reading() as tx:
        frame = visit.frame(tx)
    address = f"{visit.parts.settings.public_url.rstrip('/')}/rooster/agenda/{token}.ics"
    response = visit.page("roster_feed.html", frame, address=address)
    response.headers.update(NO_STORE)
    return response


@router.post("/rooster/mijn/agenda/weg")
def revoke_feed(visit: Stander) -> Response:
    """Whoever has the address reads nothing any more."""
    return visit.act(lambda tx: service.revoke_feed(tx, visit.actor), "/rooster/mijn", "feed_revoked")


@router.get("/rooster/agenda/{token}.ics")
def feed(request: Request, token: str) -> Response:
    """The shifts behind an address. Nobody is logged in here: the token is all there is, and it reads one roster."""
    words = words_for(request)
    parts = parts_of(request)

    def title(slot: RosterSlot, found: RosterLine) -> str:
        return f"{_named(words, found, regions)} ({words.gettext(RANKS[slot.rank])})"

    with parts.database.transaction() as tx:
        regions = {region.code: region.name for region in registry.regions(tx)}
        content = service.read_feed(tx, token, title, words.gettext("Mijn diensten"))
    return Response(content, media_type="text/calendar; charset=utf-8", headers=NO_STORE)


RANKS = {1: N_("eerste"), 2: N_("tweede")}


@router.get(LOAD)
def loading(visit: Planner, lijn: Chosen = "") -> Response:
    """Where to send an agenda."""
    return _loading(visit, lijn)


@router.post(LOAD)
def load(sent: Annotated[Sent, Depends(Upload(Verb.ROSTER_KEEP, FORM_BYTES_MAX))]) -> Response:
    """Plan what it says, and say what it did."""
    visit, content = sent.visit, sent.content
    line_id = visit.field("line")
    if content is None:
        return _loading(visit, line_id, flash_text(visit.words, "agenda_too_long"), 413)
    if not content:
        return _loading(visit, line_id, visit.words.gettext(NO_FILE), 400)
    try:
        shape = read(AgendaIn, {"text": content.decode("utf-8-sig"), "rank": visit.field("rank")})
        with visit.writing() as tx:
            found = service.load_agenda(tx, visit.actor, line_id, shape)
    except (UnicodeDecodeError, ValidationError):
        return _loading(visit, line_id, flash_text(visit.words, "agenda_unreadable"), 400)
    except Invalid as refusal:
        return _loading(visit, line_id, flash_text(visit.words, refusal.code), 400)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        name = _named(visit.words, reading.line(tx, visit.actor, line_id), _regions(tx))
    return visit.page("roster_loaded.html", frame, found=found, line_id=line_id, name=name)


@router.get("/rooster/regio/{region}")
def region(region: Id, visit: Reader) -> Response:
    """Who does intake, triage, placing and aftercare in a region, and who may decide what."""
    return _region(visit, region, Form())


@router.post("/rooster/regio/{region}")
def arrange(region: Id, visit: Keeper) -> Response:
    """One more line of it."""
    values: dict[str, object] = {name: visit.field(name) for name in ("task", "organisation", "note")}
    errors: dict[str, str] = {}
    for name in ("valid_from", "valid_until"):
        try:
            values[name] = day(visit.field(name))
        except ValueError:
            errors[name] = said(visit.words, "unreadable_date")
    try:
        shape = read(ArrangementIn, {**values, "region": region})
        if not errors:
            with visit.writing() as tx:
                service.arrange(tx, visit.actor, shape)
            return visit.go(f"/rooster/regio/{region}", "arranged")
    except (ValidationError, Invalid) as error:
        errors = wrong_fields(visit.words, error) | errors
    return _region(visit, region, visit.filled(errors), 400)


@router.post("/rooster/regio/{region}/{arrangement_id}/einde")
def end_arrangement(region: Id, arrangement_id: Id, visit: Keeper) -> Response:
    """It does not hold any more."""
    back = f"/rooster/regio/{region}"
    return visit.act(lambda tx: service.end_arrangement(tx, visit.actor, arrangement_id), back, "arrangement_ended")


def lines_now(visit: Visit, tx: Tx) -> list[LineNow]:
    """Every line one sees with who is on call there now; for the duty desk too."""
    regions = _regions(tx)
    return [
        LineNow(
            one.id,
            one,
            _named(visit.words, one, regions),
            queries.on_call(tx, one.role, one.region_code),
            sum(gap.until_at > tx.now for gap in queries.open_gaps(tx, one.id)),
        )
        for one in queries.lines(tx, visit.actor)
    ]


def _overview(visit: Visit, template: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        listed = lines_now(visit, tx)
        _, ahead = policy.current(tx, policy.Roster)
        soon = tx.now + timedelta(hours=ahead.gap_alarm_hours)
        unreachable = [
            slot
            for one in listed
            for slot in reading.slots(tx, visit.actor, one.id, tx.now, soon)
            if not slot.reachable
        ]
        regions = _regions(tx)
        home = visit.actor.region_code
    keeps = may(visit.actor, Verb.ROSTER_KEEP)
    return visit.page(
        template,
        frame,
        lines=listed,
        names={one.id: one.name for one in listed},
        gaps=_gaps(visit),
        gap_days=ahead.gap_days,
        unreachable=unreachable,
        keeps=keeps,
        stands=may(visit.actor, Verb.ROSTER_STAND),
        regions={code: name for code, name in regions.items() if home in {None, code}},
        national=NATIONAL if visit.actor.role is not Role.COORDINATOR_REGIONAL else "",
        roles=rules.ROSTERED,
        covers=tuple(Cover),
        form=Form(),
    )


def _gaps(visit: Visit) -> list[GapOut]:
    with visit.reading() as tx:
        return reading.gaps(tx, visit.actor)


def _line(visit: Visit, template: str, line_id: str, since: str, span: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = reading.line(tx, visit.actor, line_id)
        today = tx.now.astimezone(AMSTERDAM).date()
        try:
            first = date.fromisoformat(since) if since else today
        except ValueError:
            first = today
        first = min(max(first, today - timedelta(days=366)), today + timedelta(days=366))
        days = int(span) if span in {str(one) for one in SPANS} else SPANS[0]
        edges = [instant(first + timedelta(days=ahead), time()) for ahead in range(days + 1)]
        slots = reading.slots(tx, visit.actor, line_id, edges[0], edges[-1])
        gaps = [one for one in reading.gaps(tx, visit.actor) if one.line == line_id]
        name = _named(visit.words, found, _regions(tx))
        now = queries.on_call(tx, found.role, found.region_code)
        deputies = reading.deputies(tx, visit.actor, line_id)
        people = [(one.id, one.name) for one in queries.people(tx, found)]
    listed = [
        Day(
            begins.astimezone(AMSTERDAM).date().isoformat(),
            begins,
            [one for one in slots if begins <= max(one.starts_at, edges[0]) < ends],
            [one for one in gaps if begins <= max(one.from_at, edges[0]) < ends and one.until_at > edges[0]],
        )
        for begins, ends in pairwise(edges)
    ]
    return visit.page(
        template,
        frame,
        line=found,
        name=name,
        now_there=now,
        days=listed,
        first=first,
        span=days,
        spans=SPANS,
        earlier=first - timedelta(days=days),
        later=first + timedelta(days=days),
        deputies=deputies,
        people=people,
        keeps=may(visit.actor, Verb.ROSTER_KEEP) and rules.may_keep(visit.actor, found),
        stands=may(visit.actor, Verb.ROSTER_STAND) and rules.fits(visit.actor.role, visit.actor.region_code, found),
        ahead=service.TAKEOVER_AHEAD,
        covers=tuple(Cover),
        local=_typed,
        form=Form({"ranks": str(found.ranks), "cover": found.cover}),
    )


def _form(visit: Visit, template: str, line_id: str, shown: Form, status: int = 200, failure: str = "") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = reading.line(tx, visit.actor, line_id)
        if not rules.may_keep(visit.actor, found):
            raise NotFound("no_roster")
        people = [(one.id, one.name) for one in queries.people(tx, found)]
        listed = reading.patterns(tx, visit.actor, line_id)
        names = queries.names(tx, {person for one in listed for person in one.people})
        name = _named(visit.words, found, _regions(tx))
    today = frame.now.astimezone(AMSTERDAM).date()
    return visit.page(
        template,
        frame,
        status=status,
        line=found,
        name=name,
        people=people,
        patterns=[Recurring(one.id, one, [names[person] for person in one.people]) for one in listed],
        weekdays=WEEKDAYS,
        turns=TURN_DAYS,
        people_max=PEOPLE_MAX,
        today=today.isoformat(),
        ranks=[(str(rank), visit.words.gettext(RANKS[rank])) for rank in rules.RANKS if rank <= found.ranks],
        form=shown,
        failure=failure,
    )


def _mine(visit: Visit, template: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        regions = _regions(tx)
        listed = queries.lines(tx, visit.actor)
        names = {one.id: _named(visit.words, one, regions) for one in listed}
        slots = reading.own_slots(tx, visit.actor)
        offered = reading.on_offer(tx, visit.actor)
        gaps = [
            one
            for one in reading.gaps(tx, visit.actor)
            for found in listed
            if found.id == one.line and rules.fits(visit.actor.role, visit.actor.region_code, found)
        ]
        has_feed = queries.feed(tx, visit.actor.account_id) is not None
        reachable = visit.actor.account_id in queries.reachable(tx, {visit.actor.account_id})
    return visit.page(
        template,
        frame,
        slots=slots,
        offered=offered,
        gaps=gaps,
        names=names,
        has_feed=has_feed,
        reachable=reachable,
    )


def _loading(visit: Visit, line_id: str, failure: str = "", status: int = 200) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        regions = _regions(tx)
        kept = [one for one in queries.lines(tx, visit.actor) if rules.may_keep(visit.actor, one)]
    return visit.page(
        "roster_load.html",
        frame,
        status=status,
        lines=[(one.id, _named(visit.words, one, regions)) for one in kept],
        ranks=[(str(rank), visit.words.gettext(RANKS[rank])) for rank in rules.RANKS],
        form=Form({"line": line_id}),
        failure=failure,
    )


def _region(visit: Visit, code: str, shown: Form, status: int = 200) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        listed = reading.arrangements(tx, visit.actor, code)
        regions = _regions(tx)
        if code not in regions:
            raise NotFound("no_roster")
        keeps = may(visit.actor, Verb.ROSTER_KEEP)
        organisations = (
            [(one.id, one.name) for one in access.organisations(tx) if one.region_code in {None, code}] if keeps else []
        )
    return visit.page(
        "roster_region.html",
        frame,
        status=status,
        region=code,
        name=regions[code],
        arrangements=listed,
        keeps=keeps,
        organisations=sorted(organisations, key=lambda pair: pair[1]),
        tasks=[(task.value, visit.words.gettext(label("task", task))) for task in Task],
        today=frame.now.astimezone(AMSTERDAM).date().isoformat(),
        form=shown,
    )


def _regions(tx: Tx) -> dict[str, str]:
    return {region.code: region.name for region in registry.regions(tx)}


def _named(words: Words, found: RosterLine, regions: dict[str, str]) -> str:
    """A line in words: the role and the region."""
    where = regions[found.region_code] if found.region_code else words.gettext("landelijk")
    role = words.gettext(label("role", found.role))
    return f"{role[:1].upper()}{role[1:]} {where}"


def _typed(at: datetime) -> str:
    """A moment as a field for one wants it."""
    return at.astimezone(AMSTERDAM).strftime("%Y-%m-%dT%H:%M")
