"""What is put before a competent authority: asked for by a rung or a person, asked, reminded, answered, closed.

Only the national coordinator tells an authority anything, and what is told holds numbers and codes: no request, nobody.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access.rules import Actor, OrganisationKind, Verb
from nrm.access.service import require
from nrm.clock import AMSTERDAM
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.escalation import queries, rules
from nrm.escalation.models import Alarm, CompetentAuthority, Escalation, RaisedEscalation, RaisedStep
from nrm.escalation.rules import (
    ANSWERABLE,
    CLOSINGS,
    INVESTIGATIVE_AUTHORITIES,
    TO_ASK,
    RaisedAct,
    RaisedOutcome,
    RaisedState,
    Trigger,
)
from nrm.escalation.schemas import AnswerIn, AskAgainIn, AskIn, AuthorityIn, CloseIn, RaiseIn
from nrm.intake import queries as intake
from nrm.notify import rules as ways
from nrm.notify import service as notify
from nrm.registry import queries as registry

BATCH = 100
DUE_MAX = timedelta(days=92)
"""A question that may wait longer is none that climbed a ladder."""
ABOUT = "raised"
"""What the messages to the national coordinator are about: several at once are one mail."""

CHANNEL = "email"


# --- who they are ---------------------------------------------------------------------------------------------------


def add_authority(tx: Tx, actor: Actor, shape: AuthorityIn) -> str:
    """Put somebody on the list."""
    require(actor, Verb.AUTHORITY_ASK)
    if len(queries.authorities(tx)) >= queries.AUTHORITIES_MAX:
        raise Conflict("list_full")
    made = CompetentAuthority(id=tx.new_id(), **_contact(tx, shape))
    _keep(tx, made)
    tx.record("authority.added", f"authority:{made.id}", "alarms", authority_kind=made.kind)
    return made.id


def change_authority(tx: Tx, actor: Actor, authority_id: str, shape: AuthorityIn) -> None:
    """Another name or another way to reach them; what was asked of them stays what it was."""
    require(actor, Verb.AUTHORITY_ASK)
    found = queries.authority(tx, authority_id)
    for name, value in _contact(tx, shape).items():
        setattr(found, name, value)
    _keep(tx, found)
    tx.record("authority.changed", f"authority:{authority_id}", "alarms")


def end_authority(tx: Tx, actor: Actor, authority_id: str) -> None:
    """Take them off the list; what was asked of them stays on record."""
    require(actor, Verb.AUTHORITY_ASK)
    tx.guarded(
        update(CompetentAuthority)
        .where(col(CompetentAuthority.id) == authority_id, col(CompetentAuthority.ended_at).is_(None))
        .values(ended_at=tx.now),
        NotFound("no_authority"),
    )
    tx.record("authority.ended", f"authority:{authority_id}", "alarms")


def _contact(tx: Tx, shape: AuthorityIn) -> dict[str, Any]:
    errors = []
    if shape.region is not None and shape.region not in {region.code for region in registry.regions(tx)}:
        errors.append(FieldError(("region",), "unknown_region"))
    email = ways.email(shape.email) if shape.email else None
    phone = ways.phone(shape.phone) if shape.phone else None
    errors += [
        FieldError((name,), "not_an_address")
        for name, typed, kept in (("email", shape.email, email), ("phone", shape.phone, phone))
        if typed and kept is None
    ]
    if errors:
        raise Invalid("invalid", tuple(errors))
    return {"kind": shape.kind, "name": shape.name, "region_code": shape.region, "email": email, "phone": phone}


def _keep(tx: Tx, made: CompetentAuthority) -> None:
    try:
        with tx.session.begin_nested():
            tx.session.add(made)
            tx.session.flush()
    except IntegrityError as error:
        raise Conflict("authority_known") from error


def _named(tx: Tx, code: str) -> CompetentAuthority:
    """One of the list; or a municipality or region straight from the official list, put on it now."""
    if (found := tx.session.get(CompetentAuthority, code)) and found.ended_at is None:
        return found
    query = select(CompetentAuthority).where(
        CompetentAuthority.code == code, col(CompetentAuthority.ended_at).is_(None)
    )
    if (known := tx.session.exec(query).first()) is not None:
        return known
    for official in queries.official_authorities(tx, None):
        if official.code == code:
            official.id = tx.new_id()
            _keep(tx, official)
            tx.record("authority.added", f"authority:{official.id}", "alarms", authority_kind=official.kind)
            return official
    raise Invalid("invalid", (FieldError(("authority",), "unknown_choice"),))


# --- asking for it --------------------------------------------------------------------------------------------------


def propose_from(tx: Tx, found: Escalation, actor: Actor | None = None) -> str | None:
    """A rung, or somebody who takes alarms, asks the national coordinator to raise this card.

    None where that was asked already, or where it lies with an authority: then nobody has to be asked twice.
    """
    card = queries.card_of(found)
    if found.subject.startswith("raised:") or _live_of(tx, card):
        return None
    made = RaisedEscalation(
        id=tx.new_id(),
        card=card,
        trigger=found.trigger,
        region_code=found.region_code,
        escalation_id=found.id,
        state=RaisedState.PROPOSED,
        opened_at=tx.now,
    )
    try:
        with tx.session.begin_nested():
            tx.session.add(made)
            tx.session.flush()
    except IntegrityError:
        if not _live_of(tx, card):
            raise
        return None  # somebody asked for it a moment ago
    _step(tx, made.id, RaisedAct.PROPOSED, actor)
    _tell_coordinator(tx, "proposed", made)
    tx.record("raised.proposed", f"raised:{made.id}", "alarms", trigger=found.trigger, rung=actor is None)
    return made.id


def propose(tx: Tx, actor: Actor, escalation_id: str) -> str:
    """Ask the national coordinator to raise this: what we can do is done."""
    require(actor, Verb.ALARM_CLAIM)
    found = tx.session.get(Escalation, escalation_id)
    if found is None or not queries.in_reach(tx, actor, found):
        raise NotFound("no_escalation")
    if found.ended_at is not None or found.subject.startswith("raised:"):
        raise Conflict("not_to_be_raised")
    made = propose_from(tx, found, actor)
    if made is None:
        raise Conflict("raised_already")
    return made


def cause_returned(tx: Tx, found: Escalation) -> None:
    """What was put before an authority and closed comes back with its cause, to the national coordinator."""
    card = queries.card_of(found)
    if _live_of(tx, card):
        return
    _, ladder = policy.current(tx, policy.Ladder)
    closed = tx.session.exec(
        select(RaisedEscalation)
        .where(
            RaisedEscalation.card == card,
            RaisedEscalation.trigger == found.trigger,
            col(RaisedEscalation.asked_at).is_not(None),
            col(RaisedEscalation.closed_at) > tx.now - timedelta(days=ladder.authority_returns_days),
        )
        .order_by(col(RaisedEscalation.closed_at).desc(), RaisedEscalation.id)
        .limit(1)
    ).first()
    if closed is None:
        return
    values = {"state": RaisedState.RETURNED, "closed_at": None, "outcome": None, "escalation_id": found.id}
    if _move(tx, closed.id, closed.version, values):
        _step(tx, closed.id, RaisedAct.RETURNED)
        _tell_coordinator(tx, "returned", closed)
        tx.record("raised.returned", f"raised:{closed.id}", "alarms", trigger=found.trigger)


def drop_over(tx: Tx, card: str) -> None:
    """Nothing of this card rings any more: nobody has to be asked (again) about it."""
    waiting = tx.session.exec(
        select(RaisedEscalation).where(RaisedEscalation.card == card, col(RaisedEscalation.state).in_(TO_ASK))
    ).all()
    if not waiting or queries.card_rings(tx, card):
        return
    for found in waiting:
        values = {"state": RaisedState.CLOSED, "closed_at": tx.now, "outcome": RaisedOutcome.OVER}
        if _move(tx, found.id, found.version, values):
            _step(tx, found.id, RaisedAct.CLOSED, outcome=RaisedOutcome.OVER)
            tx.record("raised.closed", f"raised:{found.id}", "alarms", outcome=RaisedOutcome.OVER)


def _live_of(tx: Tx, card: str) -> bool:
    query = select(RaisedEscalation.id).where(RaisedEscalation.card == card, col(RaisedEscalation.closed_at).is_(None))
    return tx.session.exec(query.limit(1)).first() is not None


# --- asking ---------------------------------------------------------------------------------------------------------


def raise_to(tx: Tx, actor: Actor, shape: RaiseIn) -> str:
    """Put what rings, or a region's shortage, before an authority."""
    require(actor, Verb.AUTHORITY_ASK)
    escalation = None
    card, trigger, region = f"region:{shape.region}", str(Trigger.CAPACITY_SHORT), shape.region
    if (shape.escalation is None) == (shape.region is None):
        raise Invalid("invalid", (FieldError(("escalation",), "required"),))
    if shape.escalation is not None:
        escalation = tx.session.get(Escalation, shape.escalation)
        if escalation is None or not queries.in_reach(tx, actor, escalation):
            raise NotFound("no_escalation")
        if escalation.ended_at is not None or escalation.subject.startswith("raised:"):
            raise Conflict("not_to_be_raised")
        card, trigger, region = queries.card_of(escalation), escalation.trigger, escalation.region_code
    elif region not in {one.code for one in registry.regions(tx)}:
        raise Invalid("invalid", (FieldError(("region",), "unknown_region"),))
    proposed = tx.session.exec(
        select(RaisedEscalation).where(RaisedEscalation.card == card, RaisedEscalation.state == RaisedState.PROPOSED)
    ).first()
    made = proposed or RaisedEscalation(
        id=tx.new_id(),
        card=card,
        trigger=trigger,
        region_code=region,
        escalation_id=escalation.id if escalation else None,
        state=RaisedState.PROPOSED,
        opened_at=tx.now,
    )
    if proposed is None:
        tx.session.add(made)
        tx.session.flush()
    _ask(tx, actor, made, shape, made.version)
    return made.id


def ask(tx: Tx, actor: Actor, raised_id: str, shape: AskAgainIn) -> None:
    """Ask what was proposed or came back; or once more, otherwise, or of somebody else."""
    _ask(tx, actor, _live(tx, actor, raised_id), shape, shape.version)


def _ask(tx: Tx, actor: Actor, found: RaisedEscalation, shape: AskIn, version: int) -> None:
    body = _named(tx, shape.authority)
    if body.kind in INVESTIGATIVE_AUTHORITIES and kept_from(tx, found.id):
        raise Invalid("invalid", (FieldError(("authority",), "not_for_investigators"),))
    if body.region_code not in {None, found.region_code}:
        raise Invalid("invalid", (FieldError(("authority",), "unknown_choice"),))
    due_at = shape.answer_due_at
    if due_at.tzinfo is None:
        raise Invalid("invalid", (FieldError(("answerDueAt",), "no_time_zone"),))
    if not tx.now < due_at <= tx.now + DUE_MAX:
        raise Invalid("invalid", (FieldError(("answerDueAt",), "not_in_range"),))
    mails = shape.mail and body.email is not None
    remind_at = due_at - timedelta(minutes=policy.current(tx, policy.Ladder)[1].authority_reminder_minutes)
    values = {
        "state": RaisedState.ASKED,
        "authority_id": body.id,
        "question": shape.question,
        "facts": _facts(tx, found),
        "asked_at": tx.now,
        "answer_due_at": due_at,
        "mails": mails,
        "remind_due_at": remind_at if remind_at > tx.now else None,
    }
    raised_id = found.id
    try:
        with tx.session.begin_nested():
            moved = _move(tx, raised_id, version, values)
    except IntegrityError as error:
        raise Conflict("asked_already") from error
    if not moved:
        raise Conflict("changed_meanwhile")
    step_id = _step(
        tx,
        raised_id,
        RaisedAct.ASKED,
        actor,
        authority_id=body.id,
        question=shape.question,
        answer_due_at=due_at,
    )
    if mails:
        _mail(tx, raised_id, step_id, "question")
    tx.record("raised.asked", f"raised:{raised_id}", "alarms", authority=body.id, question=shape.question)


def remind(tx: Tx, actor: Actor, raised_id: str, version: int) -> None:
    """Remind them now."""
    found = _live(tx, actor, raised_id)
    if found.state != RaisedState.ASKED:
        raise Conflict("not_asked")
    if not _move(tx, raised_id, version, {"remind_due_at": None}):
        raise Conflict("changed_meanwhile")
    _remind(tx, raised_id, actor)


def remind_due(database: Database) -> int:
    """Remind whoever's answer is due soon, each once. Returns how many."""
    with database.reading() as tx:
        due = tx.session.exec(
            select(RaisedEscalation.id)
            .where(col(RaisedEscalation.remind_due_at) <= tx.now)
            .order_by(col(RaisedEscalation.remind_due_at), RaisedEscalation.id)
            .limit(BATCH)
        ).all()
    return database.each(due, _remind_one)


def _remind_one(tx: Tx, raised_id: str) -> int:
    claimed = tx.affected(
        update(RaisedEscalation)
        .where(
            col(RaisedEscalation.id) == raised_id,
            col(RaisedEscalation.remind_due_at) <= tx.now,
            col(RaisedEscalation.state) == RaisedState.ASKED,
        )
        .values(remind_due_at=None)
    )
    if not claimed:
        return 0
    _remind(tx, raised_id, None)
    return 1


def _remind(tx: Tx, raised_id: str, actor: Actor | None) -> None:
    found = tx.session.get_one(RaisedEscalation, raised_id)
    step_id = _step(
        tx, raised_id, RaisedAct.REMINDED, actor, authority_id=found.authority_id, answer_due_at=found.answer_due_at
    )
    if found.mails:
        _mail(tx, raised_id, step_id, "reminder")
    if actor is None:
        _tell_coordinator(tx, "near", found)
    tx.record("raised.reminded", f"raised:{raised_id}", "alarms", mailed=found.mails)


# --- what came of it ------------------------------------------------------------------------------------------------


def answer(tx: Tx, actor: Actor, raised_id: str, shape: AnswerIn) -> None:
    """Write down what they answered: in their words, by whom, when. Later answers stand beside it."""
    found = _live(tx, actor, raised_id)
    if found.state not in ANSWERABLE or found.asked_at is None:
        raise Conflict("not_asked")
    said_at = shape.answered_at or tx.now
    if said_at.tzinfo is None:
        raise Invalid("invalid", (FieldError(("answeredAt",), "no_time_zone"),))
    if not found.asked_at <= said_at <= tx.now:
        raise Invalid("invalid", (FieldError(("answeredAt",), "not_in_range"),))
    body = found.authority_id
    if not _move(tx, raised_id, shape.version, {"state": RaisedState.ANSWERED, "remind_due_at": None}):
        raise Conflict("changed_meanwhile")
    _step(
        tx,
        raised_id,
        RaisedAct.ANSWERED,
        actor,
        authority_id=body,
        words=shape.words,
        answered_by=shape.answered_by,
        answered_at=said_at,
    )
    tx.record("raised.answered", f"raised:{raised_id}", "alarms")


def close(tx: Tx, actor: Actor, raised_id: str, shape: CloseIn) -> None:
    """Say how it ended. Granted, in part or refused only with an answer on record."""
    found = _live(tx, actor, raised_id)
    outcome = RaisedOutcome(shape.outcome)
    if outcome not in CLOSINGS[found.state]:
        raise Conflict("not_closed_so")
    values = {"state": RaisedState.CLOSED, "closed_at": tx.now, "outcome": outcome, "remind_due_at": None}
    if not _move(tx, raised_id, shape.version, values):
        raise Conflict("changed_meanwhile")
    _step(tx, raised_id, RaisedAct.CLOSED, actor, outcome=outcome)
    tx.record("raised.closed", f"raised:{raised_id}", "alarms", outcome=outcome)


def _live(tx: Tx, actor: Actor, raised_id: str) -> RaisedEscalation:
    require(actor, Verb.AUTHORITY_ASK)
    found = tx.session.get(RaisedEscalation, raised_id)
    if found is None:
        raise NotFound("no_raised")
    if found.closed_at is not None:
        raise Conflict("raised_over")
    return found


def _move(tx: Tx, raised_id: str, version: int, values: dict[str, Any]) -> bool:
    return bool(
        tx.affected(
            update(RaisedEscalation)
            .where(col(RaisedEscalation.id) == raised_id, col(RaisedEscalation.version) == version)
            .values(version=version + 1, **values)
        )
    )


def _step(tx: Tx, raised_id: str, act: RaisedAct, actor: Actor | None = None, **said: Any) -> str:
    step_id = tx.new_id()
    number = tx.session.scalar(select(func.count()).where(RaisedStep.raised_id == raised_id)) or 0
    tx.session.add(
        RaisedStep(
            id=step_id,
            raised_id=raised_id,
            number=number,
            act=act,
            at=tx.now,
            account_id=actor.account_id if actor else None,
            **said,
        )
    )
    tx.session.flush()
    return step_id


def kept_from_investigators(tx: Tx, escalation: Escalation | None) -> bool:
    """Whether no investigative body may be asked about this: it rings for somebody who refuses police contact."""
    if escalation is None or escalation.request_id is None:
        return False
    return intake.request(tx, escalation.request_id).refuses_police


def kept_from(tx: Tx, raised_id: str) -> bool:
    """The same of what is raised."""
    found = tx.session.get_one(RaisedEscalation, raised_id)
    return kept_from_investigators(tx, tx.session.get(Escalation, found.escalation_id) if found.escalation_id else None)


def facts_now(tx: Tx, raised_id: str) -> dict[str, int]:
    """What would be kept beside the question if it were asked now: for whoever decides whether to ask."""
    return _facts(tx, tx.session.get_one(RaisedEscalation, raised_id))


def _facts(tx: Tx, found: RaisedEscalation) -> dict[str, int]:
    """The numbers of this moment, of the region or of the country: no request, no house, nobody."""
    counts = intake.open_counts(tx, found.region_code)
    rows = registry.board(tx, found.region_code)
    facts = {
        "waiting": sum(one.waiting for one in counts),
        "overdue": sum(one.overdue for one in counts),
        "free": sum(row.free for row in rows),
        "stale": sum(row.stale for row in rows),
        "unconditional_free": sum(row.unconditional_free for row in rows),
    }
    if found.escalation_id is not None:
        escalation = tx.session.get_one(Escalation, found.escalation_id)
        rungs = select(func.count()).where(Alarm.escalation_id == escalation.id)
        facts["rungs"] = tx.session.scalar(rungs) or 0
        facts["rings_minutes"] = max(0, int((tx.now - escalation.due_at) / timedelta(minutes=1)))
    return facts


# --- words ----------------------------------------------------------------------------------------------------------


_ASKED = {
    rules.Question.MAKE_PLACES: "opvangplekken beschikbaar te maken",
    rules.Question.FUND_PLACES: "opvangplekken te bekostigen",
    rules.Question.ADMIT: "te besluiten wie wordt toegelaten",
    rules.Question.COOPERATE: "mee te werken waar de samenwerking stokt",
    rules.Question.DECIDE: "een besluit te nemen dat uitblijft",
    rules.Question.MAN_ROSTER: "te zorgen dat er iemand dienst heeft",
}


def _mail(tx: Tx, raised_id: str, step_id: str, what: str) -> None:
    """Put the question, or a reminder of it, in the mailbox of the authority: in a code's words and without figures.

    Counts stay on the screen of who may see them: so small that a person could be known by them, they never leave.
    """
    found = tx.session.get_one(RaisedEscalation, raised_id)
    body = tx.session.get_one(CompetentAuthority, found.authority_id)
    if body.email is None or found.question is None or found.answer_due_at is None:
        return
    until = found.answer_due_at.astimezone(AMSTERDAM).strftime("%d-%m-%Y %H:%M")
    where = _region_name(tx, found.region_code)
    title = "Verzoek aan het bevoegd gezag" if what == "question" else "Herinnering: verzoek aan het bevoegd gezag"
    notify.queue(
        tx,
        f"raised/{step_id}",
        f"raised:{raised_id}",
        CHANNEL,
        body.email,
        f"{title} ({where})",
        f"De landelijk coördinator vraagt u {_ASKED[rules.Question(found.question)]}. Het gaat om {where}.\n"
        f"Graag uw antwoord voor {until}, aan de landelijk coördinator zelf. Dit bericht kunt u niet beantwoorden.\n"
        "In dit bericht staan geen gegevens van personen. Stuur die ook niet terug.\n",
    )


def _tell_coordinator(tx: Tx, what: str, found: RaisedEscalation) -> None:
    """Tell the national coordinator that something waits for them; several at once are one mail."""
    where = _region_name(tx, found.region_code)
    subject, text = {
        "proposed": (
            f"Gevraagd: leg iets voor aan het bevoegd gezag ({where})",
            "De ladder is ten einde, of iemand vraagt erom. Log in om te zien wat er speelt en om te beslissen.",
        ),
        "returned": (
            f"Terug: wat bij het bevoegd gezag lag ({where})",
            "De oorzaak van een gesloten opschaling is er weer. Log in om te zien wat er speelt.",
        ),
        "near": (
            f"Bijna om: antwoord van het bevoegd gezag ({where})",
            "Het bevoegd gezag heeft nog niet geantwoord. Log in om te zien wie het is.",
        ),
    }[what]
    since = tx.now - timedelta(minutes=policy.current(tx, policy.Ladder)[1].merge_minutes)
    for body in access.organisations_of_kind(tx, OrganisationKind.NATIONAL_COORDINATION):
        about = f"{ABOUT}:{what}"
        if body.email is None or notify.told_since(tx, about, CHANNEL, body.email, since):
            continue
        notify.queue(tx, f"raised/{tx.new_id()}", about, CHANNEL, body.email, subject, f"{text}\n")


def _region_name(tx: Tx, code: str | None) -> str:
    return next((region.name for region in registry.regions(tx) if region.code == code), "heel Nederland")
