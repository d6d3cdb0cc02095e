"""The lines of the ladder: whom an alarm goes to, per cause, urgency, hours and region; and what would ring when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm import policy
from nrm.access.rules import Verb, may
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, Invalid, NotFound
from nrm.escalation.rules import Preview, preview
from nrm.policy import Ladder
from nrm.registry import queries as registry
from nrm.rulebook import queries, service
from nrm.rulebook.models import PolicyDraft
from nrm.rulebook.schemas import DraftIn
from web.labels import CHANNELS, URGENCIES
from web.pages import Form
from web.refusals import flash_text
from web.rule_words import RUNG_ROLES, TRIGGER_NAMES, line_words
from web.typed import said
from web.visit import Act, Screen, Visit
from web.words import N_, Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.POLICY_READ))]
Author = Annotated[Visit, Depends(Screen(Verb.POLICY_PROPOSE))]
Writing = Annotated[Visit, Depends(Act(Verb.POLICY_PROPOSE))]

NEW = "nieuw"
EMPTY_RUNGS = 2
"""Rows for rungs to add, below those there are."""
RUNGS_MAX = 20
HOURS = {"": N_("dag en nacht"), "office": N_("in kantooruren"), "after_hours": N_("buiten kantooruren")}
_WRONG = {
    "after": N_("Vul bij trede %(number)s in na hoeveel minuten zij hoort: 0 tot 44.640."),
    "answer": N_("Vul bij trede %(number)s in hoeveel minuten iemand heeft: 1 tot 527.040."),
    "channels": N_("Kies bij trede %(number)s minstens één manier."),
    "rungs": N_("Een regel heeft minstens één trede."),
    "scope": N_("Kies waarvoor deze regel geldt: voor alles is er al een, de laatste."),
}


@dataclass(frozen=True)
class Told:
    """What would ring under one version, in words."""

    title: str
    line: str
    hours: str
    rings: list[tuple[datetime, str]]


@router.get("/spelregels/ladder/lijnen")
def lines(visit: Reader) -> Response:
    """The lines in force and those proposed, and a preview under both."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        regions = {region.code: region.name for region in registry.regions(tx)}
        _, now = policy.current(tx, Ladder)
        _, authority = policy.current(tx, policy.Authority)
        draft = _shown_draft(tx, visit)
        proposed = Ladder.model_validate(draft.body) if draft else None
        own = draft is not None and draft.author_id == visit.actor.account_id
    asked, at = _asked(visit, frame.now)
    told = [
        _told(visit.words, title, ladder, asked, at, authority.office_hours, regions)
        for title, ladder in ((N_("Zoals het nu geldt"), now), (N_("Zoals voorgesteld"), proposed))
        if ladder is not None
    ]
    return visit.page(
        "ladder_lines.html",
        frame,
        now_lines=_in_words(visit.words, now, regions),
        draft_lines=_in_words(visit.words, proposed, regions) if proposed else [],
        edits=may(visit.actor, Verb.POLICY_PROPOSE) and (draft is None or own),
        told=told,
        form=Form({**asked, "moment": at.astimezone(AMSTERDAM).strftime("%Y-%m-%dT%H:%M")}),
        triggers=[(code, visit.words.gettext(name)) for code, name in TRIGGER_NAMES.items()],
        urgencies=[(code, visit.words.gettext(name)) for code, name in URGENCIES.items()],
        regions=list(regions.items()),
    )


@router.get("/spelregels/ladder/lijn/{number}")
def one_line(number: Id, visit: Author) -> Response:
    """One line to change, or a new one."""
    return _form(visit, number, None)


@router.post("/spelregels/ladder/lijn/{number}")
def keep(number: Id, visit: Writing) -> Response:
    """Put the line in one's own draft, take it out, or say what is wrong with it."""
    errors: dict[str, str] = {}
    try:
        with visit.writing() as tx:
            base = queries.in_force(tx, Ladder)
            draft = _own(tx, visit)
            body: dict[str, Any] = dict(draft.body if draft else base.body)
            found = list(body["lines"])
            index = _index(number, found)
            last = index == len(found) - 1
            if visit.field("remove") == "yes":
                if last or number == NEW:
                    raise NotFound("no_policy")
                del found[index]
            else:
                made = _typed(visit, last, errors)
                if number != NEW:
                    del found[index]
                place = len(found) if last else min(max(_number(visit.field("place")) - 1, 0), len(found) - 1)
                found.insert(place, made)
            if len(visit.field("note")) < 3:
                errors["note"] = said(visit.words, "required")
            if errors:
                raise Invalid("invalid")
            shape = {
                "body": {**body, "lines": found},
                "note": visit.field("note"),
                "baseVersion": max(_number(visit.field("base_version")), 1),
                "version": visit.version,
            }
            service.propose(tx, visit.actor, "ladder", DraftIn.model_validate(shape))
        return visit.go("/spelregels/ladder/lijnen", "draft_kept")
    except Conflict as refusal:
        return _form(visit, number, visit.filled(), 409, flash_text(visit.words, refusal.code))
    except Invalid as refusal:
        failure = flash_text(visit.words, refusal.code) if not errors else ""
        return _form(visit, number, visit.filled(errors), 400, failure)
    except ValueError:
        return _form(visit, number, visit.filled({"note": said(visit.words, "forbidden_character")}), 400)


def _own(tx: Tx, visit: Visit) -> PolicyDraft | None:
    draft = queries.waiting(tx, "ladder")
    if draft and draft.author_id != visit.actor.account_id:
        raise Conflict("draft_waits")
    return draft


def _shown_draft(tx: Tx, visit: Visit) -> PolicyDraft | None:
    return queries.waiting(tx, "ladder") if may(visit.actor, Verb.POLICY_DECIDE) else None


def _index(number: str, found: list[Any]) -> int:
    """Where the line stands; a new one comes before all others. Raises NotFound."""
    if number == NEW:
        return -1
    if not number.isdecimal() or not 1 <= int(number) <= len(found):
        raise NotFound("no_policy")
    return int(number) - 1


def _form(visit: Visit, number: str, form: Form | None, status: int = 200, failure: str = "") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        draft = _own(tx, visit)
        base = queries.in_force(tx, Ladder)
        body: dict[str, Any] = dict(draft.body if draft else base.body)
        index = _index(number, body["lines"])
        regions = [(region.code, region.name) for region in registry.regions(tx)]
    line = body["lines"][-1 if number == NEW else index]
    shown = form or Form(_as_typed(line, number == NEW, index))
    hidden = {"base_version": str(base.version), "version": str(draft.version if draft else 0)}
    values = {"note": draft.note if draft else "", **shown.values, **hidden}
    rows = sum(name.startswith("role_") for name in values) if form else len(line["rungs"]) + EMPTY_RUNGS
    words = visit.words
    return visit.page(
        "ladder_line.html",
        frame,
        status=status,
        number=number,
        form=Form(values, shown.errors),
        failure=failure,
        rows=min(rows, RUNGS_MAX),
        last=number != NEW and index == len(body["lines"]) - 1,
        places=len(body["lines"]) - (0 if number == NEW else 1),
        triggers=[(code, words.gettext(name)) for code, name in TRIGGER_NAMES.items()],
        urgencies=[(code, words.gettext(name)) for code, name in URGENCIES.items()],
        hours=[(code, words.gettext(name)) for code, name in HOURS.items()],
        regions=regions,
        roles=[(code, words.gettext(name)) for code, name in RUNG_ROLES.items()],
        channels=[(code, words.gettext(CHANNELS[code])) for code in get_args(policy.ChannelCode)],
    )


def _as_typed(line: dict[str, Any], new: bool, index: int) -> dict[str, str | list[str]]:
    typed: dict[str, str | list[str]] = {
        "place": "1" if new else str(index + 1),
        "hours": "" if new else line["hours"] or "",
        **{name: [] if new else list(line[name]) for name in ("triggers", "urgencies", "regions")},
    }
    for row, rung in enumerate(line["rungs"]):
        typed |= {
            f"order_{row}": str(row + 1),
            f"role_{row}": rung["role"],
            f"after_{row}": str(rung["after_minutes"]),
            f"answer_{row}": str(rung["answer_minutes"]),
            f"channels_{row}": list(rung["channels"]),
        }
    return typed


def _typed(visit: Visit, last: bool, errors: dict[str, str]) -> dict[str, Any]:
    """The line as it was filled in. A row without a role is no rung; the numbers say their order."""
    words = visit.words
    rungs: list[tuple[int, int, dict[str, Any]]] = []
    for row in range(RUNGS_MAX):
        if not (role := visit.field(f"role_{row}")):
            continue
        after, answer = _number(visit.field(f"after_{row}")), _number(visit.field(f"answer_{row}") or "15")
        channels = visit.fields(f"channels_{row}")
        if not 0 <= after <= 60 * 24 * 31:
            errors[f"after_{row}"] = words.gettext(_WRONG["after"], number=row + 1)
        if not 1 <= answer <= 60 * 24 * 366:
            errors[f"answer_{row}"] = words.gettext(_WRONG["answer"], number=row + 1)
        if not channels:
            errors[f"channels_{row}"] = words.gettext(_WRONG["channels"], number=row + 1)
        rung = {"after_minutes": after, "role": role, "channels": channels, "answer_minutes": answer}
        order = _number(visit.field(f"order_{row}"))
        rungs.append((order if order > 0 else RUNGS_MAX + row, row, rung))
    if not rungs:
        errors["role_0"] = words.gettext(_WRONG["rungs"])
    scope: dict[str, Any] = {"triggers": [], "urgencies": [], "hours": None, "regions": []}
    if not last:
        scope = {name: visit.fields(name) for name in ("triggers", "urgencies", "regions")}
        scope["hours"] = visit.field("hours") or None
        if not any(scope.values()):
            errors["triggers"] = words.gettext(_WRONG["scope"])
    return {**scope, "rungs": [rung for *_, rung in sorted(rungs, key=lambda one: one[:2])]}


def _asked(visit: Visit, now: datetime) -> tuple[dict[str, str], datetime]:
    """What the preview is asked about; what cannot be read is what is commonest: a deadline, now."""
    query = visit.request.query_params
    trigger, urgency = query.get("trigger", "deadline"), query.get("urgency", "now")
    asked = {
        "trigger": trigger if trigger in TRIGGER_NAMES else "deadline",
        "urgency": urgency if urgency in URGENCIES else "now",
        "region": query.get("region", "VR17")[:8],
    }
    try:
        at = datetime.fromisoformat(query.get("moment", "")[:16]).replace(tzinfo=AMSTERDAM)
    except ValueError:
        at = now
    return asked, at


def _told(
    words: Words,
    title: str,
    ladder: Ladder,
    asked: dict[str, str],
    at: datetime,
    hours: policy.OfficeHours,
    regions: dict[str, str],
) -> Told:
    due_at = at + _wait(ladder, asked["trigger"], asked["urgency"])
    found: Preview = preview(ladder, asked["trigger"], asked["urgency"], asked["region"], due_at, hours)
    line = ladder.lines[found.line].model_dump(mode="json")
    return Told(
        words.gettext(title),
        line_words(words, line, regions),
        words.gettext(HOURS[found.hours]),
        [(ring.at, words.gettext(RUNG_ROLES[ring.role])) for ring in found.rings],
    )


def _wait(ladder: Ladder, trigger: str, urgency: str) -> timedelta:
    """How long after it came in a request rings for this cause; other causes ring when they are there."""
    deadline = ladder.deadline_minutes[urgency]  # type: ignore[index]
    minutes = {
        "deadline": deadline,
        "deadline_near": deadline - ladder.near_minutes.get(urgency, 0),  # type: ignore[call-overload]
        "no_proposal": ladder.unproposed_minutes.get(urgency, 0),  # type: ignore[call-overload]
        "only_stale": ladder.unproposed_minutes.get(urgency, 0),  # type: ignore[call-overload]
    }
    return timedelta(minutes=max(0, minutes.get(trigger, 0)))


def _in_words(words: Words, ladder: Ladder, regions: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "scope": line_words(words, line.model_dump(mode="json"), regions),
            "rungs": [
                (
                    words.gettext(RUNG_ROLES[rung.role]),
                    rung.after_minutes,
                    rung.answer_minutes,
                    [words.gettext(CHANNELS[code]) for code in rung.channels],
                )
                for rung in line.rungs
            ],
        }
        for number, line in enumerate(ladder.lines, start=1)
    ]


def _number(typed: str) -> int:
    return int(typed) if typed.isdecimal() and typed.isascii() and len(typed) < 8 else -1
