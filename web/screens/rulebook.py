"""Changing the rules by four eyes: what somebody proposes, in words against what is in force, and who decides on it."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Verb, may
from nrm.api import Id
from nrm.db import Tx
from nrm.errors import Conflict, Invalid, NotFound
from nrm.policy import Policy
from nrm.rulebook import queries, service
from nrm.rulebook.rules import Leaf, Sort, differences, leaves, value_at, with_values
from nrm.rulebook.schemas import DeclineDraftIn, DraftIn
from web.pages import Form
from web.refusals import flash_text
from web.rule_words import changes, choice_words, kind_names, name_of, number_words, unit_of
from web.typed import read, said
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.POLICY_READ))]
Author = Annotated[Visit, Depends(Screen(Verb.POLICY_PROPOSE))]
Writing = Annotated[Visit, Depends(Act(Verb.POLICY_PROPOSE))]
Deciding = Annotated[Visit, Depends(Act(Verb.POLICY_DECIDE))]

_WRONG = {
    "number": N_("Vul een heel getal in van %(low)s tot %(high)s."),
    "time": N_("Schrijf een tijd als 09:00."),
    "choices": N_("Kies er minstens één."),
    "together": N_("Deze getallen passen niet bij elkaar. Kijk naar wat erbij hoort."),
}


@router.get("/spelregels/{kind}")
def one_kind(kind: Id, visit: Reader) -> Response:
    """One kind of policy: what waits, what is in force, and what was."""
    return _show(visit, kind, "rule_kind.html")


@router.get("/spelregels/{kind}/deel")
def one_kind_part(kind: Id, visit: Reader) -> Response:
    """The live part of it."""
    return _show(visit, kind, "rule_kind_part.html")


@router.get("/spelregels/{kind}/voorstel")
def form(kind: Id, visit: Author) -> Response:
    """The form, filled with one's own draft or with what is in force."""
    return _form(visit, kind, None)


@router.post("/spelregels/{kind}/voorstel")
def propose(kind: Id, visit: Writing) -> Response:
    """Propose it. What is wrong is said at its field, and what was typed stays."""
    found = queries.kind_named(kind)
    with visit.reading() as tx:
        typed = _typed(visit, found, queries.in_force(tx, found).body)
    errors = typed.errors
    if len(visit.field("note")) < 3:
        errors["note"] = said(visit.words, "required")
    try:
        if not errors:
            with visit.writing() as tx:
                base = queries.in_force(tx, found)
                body = with_values(base.body, typed.values, typed.without)
                shape = DraftIn.model_validate(
                    {
                        "body": body,
                        "note": visit.field("note"),
                        "baseVersion": _number(visit.field("base_version")),
                        "version": visit.version,
                    }
                )
                service.propose(tx, visit.actor, kind, shape)
            return visit.go(f"/spelregels/{kind}", "draft_kept")
    except Conflict as refusal:
        return _form(visit, kind, visit.filled(), 409, flash_text(visit.words, refusal.code))
    except Invalid as refusal:
        if refusal.code == "nothing_changes":
            return _form(visit, kind, visit.filled(), 400, flash_text(visit.words, refusal.code))
        errors = _errors(visit, found, refusal)
    except ValueError:  # the note, or a number of a version that is none
        errors = {"note": said(visit.words, "forbidden_character")}
    return _form(visit, kind, visit.filled(errors), 400)


@router.post("/spelregels/{kind}/voorstel/intrekken")
def withdraw(kind: Id, visit: Writing) -> Response:
    """Take one's own draft back."""
    return visit.act(lambda tx: service.withdraw(tx, visit.actor, kind), f"/spelregels/{kind}", "draft_withdrawn")


@router.post("/spelregels/{kind}/voorstel/ingaan")
def activate(kind: Id, visit: Deciding) -> Response:
    """Put somebody else's draft in force, as it was looked at."""

    def work(tx: Tx) -> None:
        service.activate(tx, visit.actor, kind, visit.version)

    return visit.act(work, f"/spelregels/{kind}", "rules_in_force")


@router.post("/spelregels/{kind}/voorstel/afwijzen")
def decline(kind: Id, visit: Deciding) -> Response:
    """Decline somebody else's draft, with a reason."""

    def work(tx: Tx) -> None:
        shape = read(DeclineDraftIn, {"version": visit.version, "reason": visit.field("reason")})
        service.decline(tx, visit.actor, kind, shape.version, shape.reason)

    return visit.act(work, f"/spelregels/{kind}", "draft_declined")


def _show(visit: Visit, name: str, template: str) -> Response:
    kind, decides = queries.kind_named(name), may(visit.actor, Verb.POLICY_DECIDE)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        versions = queries.versions(tx, kind)
        waiting = queries.waiting(tx, name) if decides else None
        draft = queries.draft_out(tx, visit.actor, waiting) if waiting else None
        ended = queries.decided(tx, name) if decides else []
    before = {older.version: older.body for older in versions}
    return visit.page(
        template,
        frame,
        kind=name,
        title=kind_names(visit.words)[name],
        draft=draft,
        draft_changes=changes(visit.words, kind, differences(versions[0].body, draft.body)) if draft else [],
        versions=[
            (one, changes(visit.words, kind, differences(before[one.version - 1], one.body)))
            if one.version - 1 in before
            else (one, [])
            for one in versions
        ],
        ended={one.became: one for one in ended if one.became},
        declined=[one for one in ended if one.state == "declined"],
        proposes=may(visit.actor, Verb.POLICY_PROPOSE),
        decides=decides,
        reason_form=Form(),
    )


def _form(visit: Visit, name: str, form: Form | None, status: int = 200, failure: str = "") -> Response:
    kind = queries.kind_named(name)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        now = queries.in_force(tx, kind)
        draft = queries.waiting(tx, name)
        if draft and draft.author_id != visit.actor.account_id:
            raise Conflict("draft_waits")
        if all(leaf.sort in {Sort.FIXED, Sort.LINES} for leaf in leaves(kind)):
            raise NotFound("no_policy")
        body = draft.body if draft else now.body
        note, seen = (draft.note, draft.version) if draft else ("", 0)
    shown = form or Form(_as_typed(kind, body))
    # Whoever sends it again has seen what is in force now.
    values = {"note": note, **shown.values, "base_version": str(now.version), "version": str(seen)}
    return visit.page(
        "rule_form.html",
        frame,
        status=status,
        kind=name,
        title=kind_names(visit.words)[name],
        form=Form(values, shown.errors),
        failure=failure,
        draft=draft is not None,
        fields=[_field(visit, kind, leaf, now.body) for leaf in leaves(kind) if _here(leaf)],
    )


def _here(leaf: Leaf) -> bool:
    return leaf.sort in {Sort.NUMBER, Sort.TIME, Sort.CHOICES}


def _field(visit: Visit, kind: type[Policy], leaf: Leaf, body: dict[str, Any]) -> dict[str, Any]:
    words = visit.words
    value = value_at(body, leaf.path)
    unit = unit_of(words, leaf) if leaf.sort is Sort.NUMBER else ""
    hint = number_words(words, leaf, value) if leaf.sort is Sort.NUMBER and value is not None else ""
    name = name_of(words, kind, leaf)
    return {
        "name": ".".join(leaf.path),
        "sort": leaf.sort.value,
        "label": f"{name} ({unit})" if unit else name,
        "now": hint,
        "optional": leaf.optional,
        "nullable": leaf.nullable,
        "choices": [(code, choice_words(words, leaf, code)) for code in leaf.choices],
    }


def _as_typed(kind: type[Policy], body: dict[str, Any]) -> dict[str, str | list[str]]:
    """A body as the fields of the form."""
    typed: dict[str, str | list[str]] = {}
    for leaf in filter(_here, leaves(kind)):
        value = value_at(body, leaf.path)
        if leaf.sort is Sort.CHOICES:
            typed[".".join(leaf.path)] = [one[leaf.each] if leaf.each else one for one in value or ()]
        else:
            typed[".".join(leaf.path)] = (
                "" if value is None else str(value)[:5] if leaf.sort is Sort.TIME else str(value)
            )
    return typed


@dataclass
class _Typed:
    """What the form says: the values by their path, which of a map are left unsaid, and what cannot be read."""

    values: dict[tuple[str, ...], Any] = field(default_factory=dict)
    without: list[tuple[str, ...]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


def _typed(visit: Visit, kind: type[Policy], body: dict[str, Any]) -> _Typed:
    made = _Typed()
    for leaf in filter(_here, leaves(kind)):
        name = ".".join(leaf.path)
        value: Any
        if leaf.sort is Sort.CHOICES:
            value = _chosen(visit.fields(name), leaf, value_at(body, leaf.path) or [])
        else:
            value = visit.field(name)
            if leaf.sort is Sort.TIME and len(value) == 5:
                value = f"{value}:00"
            if leaf.sort is Sort.NUMBER and value:
                value = _number(value)
                if not leaf.low <= value <= leaf.high:
                    made.errors[name] = _range(visit, leaf)
        if value in ("", []) and leaf.optional:
            made.without.append(leaf.path)
        elif value in ("", []) and leaf.nullable:
            made.values[leaf.path] = None
        elif value == "" and leaf.sort is Sort.NUMBER:
            made.errors[name] = _range(visit, leaf)
        else:
            made.values[leaf.path] = value
    return made


def _chosen(ticked: list[str], leaf: Leaf, stands: list[Any]) -> list[Any]:
    """What is ticked; what was so already keeps its order, so that ticking nothing anew changes nothing."""
    chosen = [{leaf.each: one} if leaf.each else one for one in ticked]
    return [one for one in stands if one in chosen] + [one for one in chosen if one not in stands]


def _errors(visit: Visit, kind: type[Policy], refusal: Invalid) -> dict[str, str]:
    """What is wrong at which field of the form."""
    errors: dict[str, str] = {}
    for found in refusal.fields:
        path = tuple(str(part) for part in found.path[1:])
        leaf = next((one for one in leaves(kind) if one.path == path[: len(one.path)]), None)
        # A rule about several values is said at the first of them.
        first = leaf or next((one for one in leaves(kind) if one.path[: len(path)] == path), leaves(kind)[0])
        word = "together" if leaf is None or leaf.sort is Sort.NUMBER else str(leaf.sort)
        errors.setdefault(".".join(first.path), visit.words.gettext(_WRONG[word]))
    return errors or {"note": said(visit.words, "required")}


def _range(visit: Visit, leaf: Leaf) -> str:
    words = visit.words
    return words.gettext(_WRONG["number"], low=words.number(leaf.low), high=words.number(leaf.high))


def _number(typed: str) -> int:
    """A whole number as typed; what is none lies outside every range."""
    return int(typed) if typed.isdecimal() and typed.isascii() and len(typed) < 10 else -1
