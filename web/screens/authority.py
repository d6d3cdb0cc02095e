"""Before the competent authority: what lies there, what should, and who they are. Numbers and codes alone."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import ValidationError
from starlette.responses import Response

from nrm import policy
from nrm.access.rules import Role, Verb, may
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, Invalid, NotFound
from nrm.escalation import queries, raised
from nrm.escalation.models import Escalation
from nrm.escalation.rules import CLOSINGS, INVESTIGATIVE_AUTHORITIES, TO_ASK
from nrm.escalation.schemas import AnswerIn, AskAgainIn, AuthorityIn, CloseIn, RaisedDetailOut, RaiseIn
from nrm.registry import queries as registry
from web.labels import AUTHORITY_KINDS, QUESTIONS, RAISED_OUTCOMES
from web.pages import Form
from web.refusals import flash_text
from web.typed import read, said, wrong_fields
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Follower = Annotated[Visit, Depends(Screen(Verb.AUTHORITY_READ))]
Asking = Annotated[Visit, Depends(Screen(Verb.AUTHORITY_ASK))]
Asker = Annotated[Visit, Depends(Act(Verb.AUTHORITY_ASK))]
Claimer = Annotated[Visit, Depends(Act(Verb.ALARM_CLAIM))]
Chosen = Annotated[str, Query(max_length=40)]

PAGE = "/gezag"
LIST = f"{PAGE}/lijst"
RUNGS_OF_THEIRS = frozenset({"national_coordinator", "authority"})
CHOOSE = N_("Kies iemand die daar iets over te zeggen heeft.")


@router.get(PAGE)
def overview(visit: Follower) -> Response:
    """What waits for the national coordinator, what lies with whom, and what rings that could be put before them."""
    return _overview(visit, "authority.html")


@router.get(f"{PAGE}/deel")
def part(visit: Follower) -> Response:
    """The live part of it."""
    return _overview(visit, "authority_part.html")


@router.get(LIST)
def listed(visit: Asking) -> Response:
    """Who they are."""
    return _list(visit, Form())


@router.post(LIST)
def add(visit: Asker) -> Response:
    """One more of them."""
    return _kept(visit, None)


@router.get(f"{LIST}/{{authority_id}}")
def change(authority_id: Id, visit: Asking) -> Response:
    """One of them to change."""
    with visit.reading() as tx:
        found = queries.authority(tx, authority_id)
        values = {name: getattr(found, name) or "" for name in ("kind", "name", "email", "phone")}
        region = found.region_code or ""
    return _list(visit, Form({**values, "region": region}), authority_id)


@router.post(f"{LIST}/{{authority_id}}")
def changed(authority_id: Id, visit: Asker) -> Response:
    """Keep the change."""
    return _kept(visit, authority_id)


@router.post(f"{LIST}/{{authority_id}}/weg")
def end(authority_id: Id, visit: Asker) -> Response:
    """Off the list."""
    return visit.act(lambda tx: raised.end_authority(tx, visit.actor, authority_id), LIST, "authority_kept")


@router.get(f"{PAGE}/nieuw")
def new(visit: Asking, alarm: Chosen = "", regio: Chosen = "") -> Response:
    """Put something that rings, or a region, before an authority."""
    return _new(visit, alarm, regio, None)


@router.post(f"{PAGE}/nieuw")
def raise_it(visit: Asker) -> Response:
    """Ask it."""
    alarm, region = visit.field("escalation")[:40], visit.field("region")[:40]
    errors: dict[str, str] = {}
    try:
        shape = read(RaiseIn, _asked(visit, errors) | {"escalation": alarm, "region": "" if alarm else region})
        with visit.writing() as tx:
            made = raised.raise_to(tx, visit.actor, shape)
        return visit.go(f"{PAGE}/{made}", "raised_asked")
    except (ValidationError, Invalid) as error:
        return _new(visit, alarm, region, visit.filled(_wrong(visit, error) | errors), 400)
    except Conflict as refusal:
        return _new(visit, alarm, region, visit.filled(), 409, flash_text(visit.words, refusal.code))


@router.post(f"{PAGE}/vraag/{{escalation_id}}")
def propose(escalation_id: Id, visit: Claimer) -> Response:
    """Ask the national coordinator to raise this."""
    back = "/piket" if visit.actor.role is Role.DUTY_OFFICER else "/landelijk"
    return visit.act(lambda tx: raised.propose(tx, visit.actor, escalation_id), back, "raised_proposed")


@router.get(f"{PAGE}/{{raised_id}}")
def one(raised_id: Id, visit: Follower) -> Response:
    """One of them: what was asked and answered each time, and what the national coordinator may do now."""
    return _one(visit, raised_id)


@router.post(f"{PAGE}/{{raised_id}}/voorleggen")
def ask(raised_id: Id, visit: Asker) -> Response:
    """Ask it, or ask it again."""
    errors: dict[str, str] = {}
    try:
        shape = read(AskAgainIn, _asked(visit, errors) | {"version": visit.version})
        with visit.writing() as tx:
            raised.ask(tx, visit.actor, raised_id, shape)
        return visit.go(f"{PAGE}/{raised_id}", "raised_asked")
    except (ValidationError, Invalid) as error:
        return _one(visit, raised_id, visit.filled(_wrong(visit, error) | errors), 400)
    except Conflict as refusal:
        return _one(visit, raised_id, visit.filled(), 409, flash_text(visit.words, refusal.code))


@router.post(f"{PAGE}/{{raised_id}}/herinneren")
def remind(raised_id: Id, visit: Asker) -> Response:
    """Remind them now."""
    back = f"{PAGE}/{raised_id}"
    return visit.act(lambda tx: raised.remind(tx, visit.actor, raised_id, visit.version), back, "raised_reminded")


@router.post(f"{PAGE}/{{raised_id}}/antwoord")
def note_answer(raised_id: Id, visit: Asker) -> Response:
    """Write down what they answered."""
    errors: dict[str, str] = {}
    values: dict[str, object] = {name: visit.field(name) for name in ("words", "answered_by")}
    try:
        shape = read(
            AnswerIn, {**values, "answered_at": _moment(visit, "answered_at", errors), "version": visit.version}
        )
        if errors:
            raise Invalid("invalid")
        with visit.writing() as tx:
            raised.answer(tx, visit.actor, raised_id, shape)
        return visit.go(f"{PAGE}/{raised_id}", "raised_answered")
    except (ValidationError, Invalid) as error:
        return _one(visit, raised_id, visit.filled(_wrong(visit, error) | errors), 400)
    except Conflict as refusal:
        return _one(visit, raised_id, visit.filled(), 409, flash_text(visit.words, refusal.code))


@router.post(f"{PAGE}/{{raised_id}}/afsluiten")
def close(raised_id: Id, visit: Asker) -> Response:
    """Say how it ended."""

    def work(tx: Tx) -> None:
        shape = read(CloseIn, {"outcome": visit.field("outcome"), "version": visit.version})
        raised.close(tx, visit.actor, raised_id, shape)

    return visit.act(work, f"{PAGE}/{raised_id}", "raised_closed")


def _asked(visit: Visit, errors: dict[str, str]) -> dict[str, object]:
    return {
        "authority": visit.field("authority"),
        "question": visit.field("question"),
        "answer_due_at": _moment(visit, "answer_due_at", errors),
        "mail": visit.field("mail") == "yes",
    }


def _moment(visit: Visit, name: str, errors: dict[str, str]) -> datetime | None:
    try:
        return visit.local(name, AMSTERDAM)
    except (ValueError, OverflowError):
        errors[name] = said(visit.words, "unreadable_moment")
        return None


def _wrong(visit: Visit, error: ValidationError | Invalid) -> dict[str, str]:
    errors = wrong_fields(visit.words, error)
    if isinstance(error, Invalid) and any(one.code == "unknown_choice" for one in error.fields):
        errors["authority"] = visit.words.gettext(CHOOSE)
    return errors


def _overview(visit: Visit, template: str) -> Response:
    asks = may(visit.actor, Verb.AUTHORITY_ASK)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        live = queries.raised_list(tx, visit.actor)
        ringing = queries.live_escalations(tx, visit.actor) if asks else []
        theirs = {
            alarm.escalation_id
            for alarm in (queries.live_alarms(tx, visit.actor) if asks else ())
            if alarm.role in RUNGS_OF_THEIRS
        }
        closed = queries.raised_list(tx, visit.actor, closed=True)
        regions = {region.code: region.name for region in registry.regions(tx)}
        raised_cards = {one.escalation_id for one in queries.raised_rows(tx)}
    open_to = [one for one in ringing if one.id not in raised_cards and one.trigger != "decision_overdue"]
    return visit.page(
        template,
        frame,
        asks=asks,
        to_ask=[one for one in live if one.state in TO_ASK],
        lying=[one for one in live if one.state not in TO_ASK],
        theirs=[one for one in open_to if one.id in theirs],
        others=[one for one in open_to if one.id not in theirs],
        closed=closed,
        regions=regions,
    )


def _choices(visit: Visit, tx: Tx, region_code: str | None, investigators: bool) -> list[tuple[str, str]]:
    """Who decides there: those on the list, then the region and its municipalities from the official lists."""
    found = queries.authorities(tx, region_code) if region_code else queries.authorities(tx)
    if region_code:
        found += queries.official_authorities(tx, region_code)
    else:
        found = [one for one in found if one.region_code is None]
    return [(one.id, one.name) for one in found if investigators or one.kind not in INVESTIGATIVE_AUTHORITIES]


def _defaults(tx: Tx) -> dict[str, str]:
    """The answer is asked for within the time that policy says, on the whole hour."""
    minutes = policy.current(tx, policy.Ladder)[1].authority_answer_minutes
    due_at = (tx.now + timedelta(minutes=minutes)).astimezone(AMSTERDAM).replace(minute=0)
    return {"answer_due_at": due_at.strftime("%Y-%m-%dT%H:%M")}


def _new(visit: Visit, alarm: str, region: str, form: Form | None, status: int = 200, failure: str = "") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        regions = {one.code: one.name for one in registry.regions(tx)}
        found = tx.session.get(Escalation, alarm) if alarm else None
        if (alarm and (found is None or found.ended_at is not None)) or (not alarm and region not in regions):
            raise NotFound("no_escalation")
        where = found.region_code if found else region
        choices = _choices(visit, tx, where, investigators=not raised.kept_from_investigators(tx, found))
        shown = form or Form(_defaults(tx))
    return visit.page(
        "authority_new.html",
        frame,
        status=status,
        form=shown,
        failure=failure,
        alarm=alarm,
        region=region if not alarm else "",
        trigger=found.trigger if found else "capacity_short",
        where=regions.get(where or "", ""),
        since=found.due_at if found else None,
        authorities=choices,
        questions=_words(visit, QUESTIONS),
    )


def _one(visit: Visit, raised_id: str, form: Form | None = None, status: int = 200, failure: str = "") -> Response:
    asks = may(visit.actor, Verb.AUTHORITY_ASK)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found: RaisedDetailOut = queries.raised_detail(tx, visit.actor, raised_id)
        regions = {one.code: one.name for one in registry.regions(tx)}
        choices = _choices(visit, tx, found.region, investigators=not raised.kept_from(tx, raised_id)) if asks else []
        facts_now = raised.facts_now(tx, raised_id) if asks and found.state in TO_ASK else {}
        known = {"authority": found.authority or "", "question": found.question or ""}
        shown = form or Form(_defaults(tx) | known)
    outcomes = [code for code in RAISED_OUTCOMES if code in CLOSINGS.get(found.state, ())]
    return visit.page(
        "authority_one.html",
        frame,
        status=status,
        form=shown,
        failure=failure,
        found=found,
        facts_now=facts_now,
        asks=asks and found.closed_at is None,
        where=regions.get(found.region or "", ""),
        authorities=choices,
        questions=_words(visit, QUESTIONS),
        outcomes=[(code, visit.words.gettext(RAISED_OUTCOMES[code])) for code in outcomes],
    )


def _list(visit: Visit, form: Form, changing: str = "", status: int = 200, failure: str = "") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        authorities = queries.authorities(tx)
        regions = [(one.code, one.name) for one in registry.regions(tx)]
    return visit.page(
        "authority_list.html",
        frame,
        status=status,
        form=form,
        failure=failure,
        changing=changing,
        authorities=authorities,
        regions=regions,
        region_names=dict(regions),
        kinds=_words(visit, AUTHORITY_KINDS),
    )


def _kept(visit: Visit, authority_id: str | None) -> Response:
    values = {name: visit.field(name) for name in ("kind", "name", "region", "email", "phone")}
    try:
        shape = read(AuthorityIn, values)
        with visit.writing() as tx:
            if authority_id is None:
                raised.add_authority(tx, visit.actor, shape)
            else:
                raised.change_authority(tx, visit.actor, authority_id, shape)
        return visit.go(LIST, "authority_kept")
    except (ValidationError, Invalid) as error:
        return _list(visit, visit.filled(wrong_fields(visit.words, error)), authority_id or "", 400)
    except Conflict as refusal:
        return _list(visit, visit.filled(), authority_id or "", 409, flash_text(visit.words, refusal.code))


def _words(visit: Visit, labels: dict[str, str]) -> list[tuple[str, Any]]:
    return [(code, visit.words.gettext(name)) for code, name in labels.items()]
