"""Reading escalations and alarms."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Account, Shift
from nrm.access.rules import Actor, Role, may_see_case, reach
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.escalation import openers
from nrm.escalation.models import (
    Alarm,
    CompetentAuthority,
    Escalation,
    Heartbeat,
    RaisedEscalation,
    RaisedStep,
)
from nrm.escalation.rules import AuthorityKind, RaisedState
from nrm.escalation.schemas import AlarmOut, EscalationOut, RaisedDetailOut, RaisedOut, RaisedStepOut
from nrm.intake.models import PlacementRequest
from nrm.registry import queries as registry

LIST_MAX = 100

RESPONSIBLE = frozenset({Role.COORDINATOR, Role.DUTY_OFFICER, Role.NATIONAL_DESK, Role.COORDINATOR_REGIONAL})
"""Who can be named as the one who sees to it."""

_Claimer, _Responsible, _Acknowledger = aliased(Account), aliased(Account), aliased(Account)


@dataclass(frozen=True)
class _Seen:
    """What of an escalation an actor may see: the case for who may open it, names for who may act, numbers for all."""

    request_id: str | None
    short_code: str | None
    subject: str | None
    names: bool


def _seen(actor: Actor, found: Escalation, request: PlacementRequest | None) -> _Seen:
    numbers_only = actor.role is Role.NATIONAL_COORDINATOR
    off_shift = actor.role is Role.DUTY_OFFICER and not actor.on_shift  # that it rings is for them, whose case not
    hidden = numbers_only or off_shift
    return _Seen(
        request_id=request.id if request is not None and may_see_case(actor, request) else None,
        short_code=None if hidden or request is None else request.short_code,
        subject=None if hidden or request is not None else found.subject,
        names=not numbers_only,
    )


def _in_reach(actor: Actor) -> list[ColumnElement[bool]]:
    """Of which escalations an actor hears at all: of their own region, and never of a case kept from their body."""
    conditions: list[ColumnElement[bool]] = [col(Escalation.ended_at).is_(None)]
    region_code = reach(actor)
    if region_code is not None:
        conditions.append(col(Escalation.region_code) == region_code)
    if actor.investigative:
        conditions.append(col(PlacementRequest.refuses_police).is_(False) | col(Escalation.request_id).is_(None))
    return conditions


def _with_people(query: Any) -> Any:
    return (
        query.outerjoin(PlacementRequest, col(PlacementRequest.id) == Escalation.request_id)
        .outerjoin(_Claimer, col(_Claimer.id) == Escalation.claimed_by)
        .outerjoin(_Responsible, col(_Responsible.id) == Escalation.responsible_id)
    )


def in_reach(tx: Tx, actor: Actor, found: Escalation) -> bool:
    """Whether an actor hears of this escalation at all."""
    if reach(actor) not in {None, found.region_code}:
        return False
    if found.request_id is None or not actor.investigative:
        return True
    return not tx.session.get_one(PlacementRequest, found.request_id).refuses_police


def live_alarms(tx: Tx, actor: Actor) -> list[AlarmOut]:
    """The rungs that rang of what is not over, in the actor's region (or everywhere), newest rung first.

    Without facts of the case; the request's id only for those who may open it.
    """
    columns: list[Any] = [Alarm, Escalation, PlacementRequest, _Claimer.name, _Responsible.name, _Acknowledger.name]
    query = (
        _with_people(select(*columns).select_from(Alarm).join(Escalation, col(Escalation.id) == Alarm.escalation_id))
        .outerjoin(_Acknowledger, col(_Acknowledger.id) == Alarm.acknowledged_by)
        .where(*_in_reach(actor))
        .order_by(col(Alarm.fired_at).desc(), col(Alarm.rung).desc(), Alarm.id)
        .limit(LIST_MAX)
    )
    shown = []
    lines: dict[tuple[int, int], policy.LadderLine] = {}
    for alarm, found, request, claimer, responsible, acknowledger in tx.session.exec(query):
        seen = _seen(actor, found, request)
        shown.append(
            AlarmOut(
                id=alarm.id,
                escalation_id=found.id,
                request_id=seen.request_id,
                short_code=seen.short_code,
                subject=seen.subject,
                region=found.region_code,
                urgency=found.urgency,
                trigger=found.trigger,
                rung=alarm.rung,
                role=alarm.role,
                channels=tuple(alarm.channels),
                due_at=alarm.due_at,
                fired_at=alarm.fired_at,
                reached=alarm.reached,
                result=alarm.result,
                answer_due_at=alarm.answer_due_at,
                acknowledged_by=acknowledger if seen.names else None,
                acknowledged_at=alarm.acknowledged_at,
                acknowledged_over=alarm.acknowledged_over,
                claimed=found.claim_until is not None,
                claimed_by=claimer if seen.names and found.claim_until else None,
                claimed_at=found.claimed_at if found.claim_until else None,
                claim_until=found.claim_until,
                responsible=responsible if seen.names and found.responsible_until else None,
                responsible_until=found.responsible_until,
                next_rung_at=found.rung_due_at,
                next_role=_next_role(tx, found, lines),
                mine=found.claim_until is not None and found.claimed_by == actor.account_id,
            )
        )
    return shown


def _next_role(tx: Tx, found: Escalation, lines: dict[tuple[int, int], policy.LadderLine]) -> str | None:
    """Whom the next rung speaks to; None after the last. `lines` keeps what was read of the rules."""
    if found.rung_due_at is None:
        return None
    key = (found.ladder_version, found.ladder_line)
    if key not in lines:
        lines[key] = policy.at_version(tx, policy.Ladder, key[0]).lines[key[1]]
    rungs = lines[key].rungs
    number = found.rung_next - found.rung_first
    return rungs[number].role if number < len(rungs) else None


@dataclass(frozen=True)
class Candidate:
    """Somebody who can be named as the one who sees to it, and whether they are on duty now."""

    account_id: str
    name: str
    organisation: str
    on_duty: bool


def candidates(tx: Tx, region_code: str | None) -> list[Candidate]:
    """Who can see to something of a region: those on duty first, then who works for that region, then by name."""
    on_duty = set(tx.session.exec(select(Shift.account_id).where(col(Shift.ended_at).is_(None))))
    found = [
        (account, organisation)
        for account, organisation in access.accounts(tx)
        if account.active and account.role in RESPONSIBLE and organisation.region_code in {None, region_code}
    ]
    found.sort(key=lambda pair: (pair[0].id not in on_duty, pair[1].region_code is None, pair[0].name))
    return [
        Candidate(account.id, account.name, organisation.name, account.id in on_duty)
        for account, organisation in found[:LIST_MAX]
    ]


def live_escalations(tx: Tx, actor: Actor, offset: int = 0) -> list[EscalationOut]:
    """A page of everything that is not over, in the actor's region (or everywhere), oldest cause first."""
    query = (
        _with_people(select(Escalation, PlacementRequest, _Claimer.name, _Responsible.name).select_from(Escalation))
        .where(*_in_reach(actor))
        .order_by(col(Escalation.due_at), Escalation.id)
        .offset(offset)
        .limit(LIST_MAX)
    )
    shown = []
    for found, request, claimer, responsible in tx.session.exec(query):
        seen = _seen(actor, found, request)
        shown.append(
            EscalationOut(
                id=found.id,
                trigger=found.trigger,
                subject=seen.subject,
                request_id=seen.request_id,
                short_code=seen.short_code,
                region=found.region_code,
                urgency=found.urgency,
                hours=found.hours,
                ladder_version=found.ladder_version,
                opened_at=found.opened_at,
                due_at=found.due_at,
                rungs_fired=found.rung_next,
                next_rung_at=found.rung_due_at,
                claimed=found.claim_until is not None,
                claimed_by=claimer if seen.names and found.claim_until else None,
                claim_until=found.claim_until,
                responsible=responsible if seen.names and found.responsible_until else None,
                responsible_until=found.responsible_until,
            )
        )
    return shown


def card_of(found: Escalation) -> str:
    """What people see as one: the request, or else the subject itself."""
    return f"request:{found.request_id}" if found.request_id else found.subject


def still_rings(tx: Tx, about: str) -> bool:
    """Whether a message about this card may still go: something of it is not over and nobody has it.

    What is about no card may go as far as escalation is concerned.
    """
    word, _, card = about.partition(":")
    if word != "card":
        return True
    request_id = card.partition(":")[2] if card.startswith("request:") else None
    query = select(Escalation).where(
        Escalation.request_id == request_id if request_id else Escalation.subject == card,
        col(Escalation.ended_at).is_(None),
    )
    live = tx.session.exec(query).all()
    if any(one.claim_until or one.responsible_until for one in live):
        return False
    return any(not openers.is_over(tx, one) for one in live)


@dataclass(frozen=True)
class AlarmCount:
    """For how many requests of one region an alarm goes that called one role last. Each stands in one count only.

    What rings for a request is taken together, however many rungs called (`Escalation`); what is about no request, a
    gap in the roster say, counts by itself.
    """

    region_code: str
    role: str
    ringing: int
    claimed: int
    unreached: int
    """Of how many some rung reached nobody."""


def alarm_counts(tx: Tx, region_code: str | None = None) -> list[AlarmCount]:
    """Numbers of live alarms per region and the role called last, of one region or of all: no case, only counts."""
    taken = col(Escalation.claim_until).is_not(None) | col(Escalation.responsible_until).is_not(None)
    query = (
        select(Escalation, Alarm.role, Alarm.reached, taken)
        .join(Alarm, col(Alarm.escalation_id) == Escalation.id)
        .where(col(Escalation.ended_at).is_(None), col(Escalation.region_code).is_not(None))
        .order_by(col(Alarm.fired_at), col(Alarm.rung), Alarm.id)
    )
    if region_code is not None:
        query = query.where(Escalation.region_code == region_code)
    rung: dict[tuple[str, str], list[tuple[str, bool, bool]]] = {}
    for found, role, reached, is_taken in tx.session.exec(query):
        of = (str(found.region_code), found.request_id or found.id)
        rung.setdefault(of, []).append((role, bool(is_taken), reached == 0))
    counts: dict[tuple[str, str], list[int]] = {}
    for (region, _), rungs in rung.items():
        cell = counts.setdefault((region, rungs[-1][0]), [0, 0, 0])
        cell[0] += 1
        cell[1] += all(is_taken for _, is_taken, _ in rungs)
        cell[2] += any(silent for _, _, silent in rungs)
    return [AlarmCount(*key, *counts[key]) for key in sorted(counts)]


def oldest_overdue(tx: Tx) -> datetime | None:
    """Since when the longest overdue rung waits to fire; None when nothing is overdue."""
    return tx.session.exec(
        select(func.min(Escalation.rung_due_at)).where(
            col(Escalation.rung_due_at) <= tx.now,
            col(Escalation.claim_until).is_(None),
            col(Escalation.responsible_until).is_(None),
        )
    ).first()


def heartbeat(tx: Tx, part: str) -> datetime | None:
    """When a part last said that it works."""
    return tx.session.exec(select(Heartbeat.at).where(Heartbeat.part == part)).first()


# --- before the competent authority ---------------------------------------------------------------------------------


def authorities(tx: Tx, region_code: str | None = None) -> list[CompetentAuthority]:
    """Who is on the list, by name; with a region those that decide there: its own and the national ones."""
    query = select(CompetentAuthority).where(col(CompetentAuthority.ended_at).is_(None))
    if region_code is not None:
        query = query.where(
            (col(CompetentAuthority.region_code) == region_code) | col(CompetentAuthority.region_code).is_(None)
        )
    return list(tx.session.exec(query.order_by(CompetentAuthority.name).limit(AUTHORITIES_MAX)))


AUTHORITIES_MAX = 500


def official_authorities(tx: Tx, region_code: str | None) -> list[CompetentAuthority]:
    """Municipalities and regions of the official lists that are not on ours yet, as they would stand there."""
    listed = authorities(tx)
    known, names = {one.code for one in listed}, {one.name for one in listed}
    found = [
        CompetentAuthority(id=one.code, kind=kind, name=f"{title} {one.name}", region_code=region, code=one.code)
        for kind, title, rows in (
            (AuthorityKind.REGION, "Veiligheidsregio", registry.regions(tx)),
            (AuthorityKind.MUNICIPALITY, "Gemeente", registry.municipalities(tx)),
        )
        for one in rows
        if (region := getattr(one, "region_code", one.code)) in {region_code or region}
    ]
    return [one for one in found if one.code not in known and one.name not in names]


def authority(tx: Tx, authority_id: str) -> CompetentAuthority:
    """One that is on the list. Raises NotFound."""
    found = tx.session.get(CompetentAuthority, authority_id)
    if found is None or found.ended_at is not None:
        raise NotFound("no_authority")
    return found


def raised_list(tx: Tx, actor: Actor, closed: bool = False, offset: int = 0) -> list[RaisedOut]:
    """What is before a competent authority, or should be: in the actor's region, or everywhere.

    Live ones by when their answer is due, those that wait to be asked first; closed ones newest first.
    """
    query = _raised(actor).where(col(RaisedEscalation.closed_at).is_not(None) if closed else _LIVE)
    order: tuple[Any, ...] = (
        (col(RaisedEscalation.closed_at).desc(),)
        if closed
        else (
            col(RaisedEscalation.state).not_in([RaisedState.PROPOSED, RaisedState.RETURNED]),
            col(RaisedEscalation.answer_due_at),
        )
    )
    query = query.order_by(*order, RaisedEscalation.id).offset(offset).limit(LIST_MAX)
    return [RaisedOut.model_validate(_raised_out(tx, *row)) for row in tx.session.exec(query)]


def raised_detail(tx: Tx, actor: Actor, raised_id: str) -> RaisedDetailOut:
    """One of them, with all that happened. Raises NotFound out of reach."""
    row = tx.session.exec(_raised(actor).where(RaisedEscalation.id == raised_id)).first()
    if row is None:
        raise NotFound("no_raised")
    steps = tx.session.exec(
        select(RaisedStep, Account.name, CompetentAuthority.name)
        .outerjoin(Account, col(Account.id) == RaisedStep.account_id)
        .outerjoin(CompetentAuthority, col(CompetentAuthority.id) == RaisedStep.authority_id)
        .where(RaisedStep.raised_id == raised_id)
        .order_by(col(RaisedStep.number), RaisedStep.id)
    )
    body = row[1]
    return RaisedDetailOut.model_validate(
        _raised_out(tx, *row)
        | {
            "authority_email": body.email if body else None,
            "authority_phone": body.phone if body else None,
            "steps": [
                RaisedStepOut(
                    id=step.id,
                    act=step.act,
                    at=step.at,
                    by=by,
                    authority_name=name,
                    question=step.question,
                    answer_due_at=step.answer_due_at,
                    words=step.words,
                    answered_by=step.answered_by,
                    answered_at=step.answered_at,
                    outcome=step.outcome,
                )
                for step, by, name in steps
            ],
        }
    )


def raised_of_escalations(tx: Tx, actor: Actor) -> dict[str, list[RaisedOut]]:
    """Escalation → what of its card lies with a competent authority, or should, in the actor's reach."""
    found: dict[str, list[RaisedOut]] = {}
    for raised, body in tx.session.exec(_raised(actor).where(_LIVE).limit(LIST_MAX)):
        request_id = raised.card.partition(":")[2] if raised.card.startswith("request:") else None
        of_card = select(Escalation.id).where(
            Escalation.request_id == request_id if request_id else Escalation.subject == raised.card,
            col(Escalation.ended_at).is_(None),
        )
        shown = RaisedOut.model_validate(_raised_out(tx, raised, body))
        for escalation_id in tx.session.exec(of_card):
            found.setdefault(escalation_id, []).append(shown)
    return found


def raised_rows(tx: Tx) -> list[RaisedEscalation]:
    """Everything that lies with a competent authority, or should: for working out what does not yet."""
    return list(tx.session.exec(select(RaisedEscalation).where(_LIVE)))


_LIVE = col(RaisedEscalation.closed_at).is_(None)


def _raised(actor: Actor) -> Any:
    query = (
        select(RaisedEscalation, CompetentAuthority)
        .outerjoin(CompetentAuthority, col(CompetentAuthority.id) == RaisedEscalation.authority_id)
        .outerjoin(Escalation, col(Escalation.id) == RaisedEscalation.escalation_id)
        .outerjoin(PlacementRequest, col(PlacementRequest.id) == Escalation.request_id)
    )
    region_code = reach(actor)
    if region_code is not None:
        query = query.where(RaisedEscalation.region_code == region_code)
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False) | col(Escalation.request_id).is_(None))
    return query


def _raised_out(tx: Tx, found: RaisedEscalation, body: CompetentAuthority | None) -> dict[str, Any]:
    return {
        "id": found.id,
        "version": found.version,
        "state": found.state,
        "trigger": found.trigger,
        "region": found.region_code,
        "authority": found.authority_id,
        "authority_name": body.name if body else None,
        "question": found.question,
        "facts": found.facts,
        "opened_at": found.opened_at,
        "asked_at": found.asked_at,
        "answer_due_at": found.answer_due_at,
        "overdue": found.state == RaisedState.ASKED
        and found.answer_due_at is not None
        and found.answer_due_at <= tx.now,
        "rings": card_rings(tx, found.card),
        "closed_at": found.closed_at,
        "outcome": found.outcome,
    }


def card_rings(tx: Tx, card: str) -> bool:
    """Whether anything of a card is not over."""
    request_id = card.partition(":")[2] if card.startswith("request:") else None
    query = select(Escalation.id).where(
        Escalation.request_id == request_id if request_id else Escalation.subject == card,
        col(Escalation.ended_at).is_(None),
    )
    return tx.session.exec(query.limit(1)).first() is not None
