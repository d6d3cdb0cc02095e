"""Opening escalations, firing the rungs that came due, taking them, and ending them when their cause is over."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Account, Organisation
from nrm.access.rules import Actor, Role, Verb
from nrm.access.service import require
from nrm.course import queries as course
from nrm.course import rules as course_rules
from nrm.course.models import Bridge, Signal
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from nrm.escalation import addressees, openers, queries, raised, rules
from nrm.escalation.models import Alarm, Escalation, Heartbeat
from nrm.escalation.openers import Cause, Found, Thresholds
from nrm.escalation.rules import End, Result, Trigger
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.journal import JournalEntry
from nrm.notify import service as notify
from nrm.notify.models import ContactPoint
from nrm.notify.queries import Answered, fresh_answers
from nrm.policy import Rung

BATCH = 500

_card = queries.card_of

T = TypeVar("T")

COUNTING = "counting"
"""The heartbeat of looking at what has to be counted."""


def run_due(database: Database) -> int:
    """End what is over, open what came due, let lapsed claims go, and fire every rung that is due.

    Returns how many rungs fired.

    An escalation with several rungs overdue (the worker was down) fires them all, in order, each once. Nothing that
    fails silences anything else: its error is raised when all others had their turn.
    """
    fired = 0
    failures: list[Exception] = []

    def firing() -> None:
        nonlocal fired
        while due := _due(database):
            done = 0
            try:
                done = database.each(due, _fire_due)
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)
                return
            finally:
                fired += done
            if done == 0:
                return  # others are firing the same rungs; they will be gone at the next tick

    steps: list[Callable[[], object]] = [
        lambda: database.each(_answers(database), _hear),
        lambda: end_over(database),
        lambda: database.each(_silent(database), _let_go),
        lambda: _open_all(database),
        lambda: database.each(_out_of_pace(database), _set_pace),
        firing,
        lambda: database.each(_unanswered(database), _note_unanswered),
        lambda: raised.remind_due(database),
    ]
    for step in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return fired


def end_over(database: Database) -> int:
    """End every escalation whose cause is over, and stop its unsent messages. Returns how many ended.

    What has to be counted is looked at when it is counted, by `run_due`.
    """
    cheap = [cause for cause in openers.CAUSES if not cause.measured]
    return _for_all(database, cheap, openers.all_over, _end)


# --- opening --------------------------------------------------------------------------------------------------------


def _for_all(
    database: Database,
    causes: Sequence[Cause],
    question: Callable[[Sequence[Cause], Tx, Thresholds], list[T]],
    work: Callable[[Tx, T], int],
) -> int:
    """Ask every cause in one reading, and work on what they answer. A cause that fails keeps no other from being heard:
    then each is asked in a reading of its own, and its error is raised when all others had their turn."""
    found: list[T] = []
    failures: list[Exception] = []
    try:
        with database.reading() as tx:
            rules = openers.thresholds(tx)
            found = question(causes, tx, rules)
    except Exception as error:  # noqa: BLE001 - raised below, or again by the cause that fails
        if len(causes) == 1:
            failures.append(error)
        for cause in causes if len(causes) > 1 else ():
            try:
                with database.reading() as tx:
                    found += question([cause], tx, openers.thresholds(tx))
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)
    done = database.each(found, work)
    if failures:
        raise failures[0]
    return done


def _open_all(database: Database) -> None:
    """Open what is due: what has to be counted only once a minute, by one worker."""
    cheap = [cause for cause in openers.CAUSES if not cause.measured]
    _for_all(database, cheap, openers.all_due, _open)
    now = database.now()
    with database.reading() as tx:
        last = queries.heartbeat(tx, COUNTING)
    if last is not None and abs(now - last) < openers.MEASURED_EVERY:
        return
    beat(database, COUNTING)
    counted = [cause for cause in openers.CAUSES if cause.measured]
    _for_all(database, counted, openers.all_over, _end)
    _for_all(database, counted, openers.all_due, _open)


def _open(tx: Tx, found: Found) -> bool:
    """Open an escalation, once per cause: the unique number is the guard, as is the signal it was made of."""
    opened = tx.session.exec(
        select(Escalation.number, Escalation.ended_at, Escalation.cause_at).where(
            Escalation.trigger == found.trigger, Escalation.subject == found.subject
        )
    ).all()
    if found.signal_id is not None:
        claimed = tx.affected(
            update(Signal)
            .where(col(Signal.id) == found.signal_id, col(Signal.fired_at).is_(None), col(Signal.over_at).is_(None))
            .values(fired_at=tx.now)
        )
        if not claimed:
            return False
    elif any(ended_at is None or cause_at >= found.cause_at for _, ended_at, cause_at in opened):
        return False
    version, ladder = _ladder(tx, found.request_id)
    _, authority = policy.current(tx, policy.Authority)
    hours = rules.hours_at(authority.office_hours, tx.now)
    line = rules.line_of(ladder, found.trigger, found.urgency, found.region_code, hours)
    pace = 100
    if found.request_id is not None and course.live_bridge(tx, found.request_id):
        pace = policy.current(tx, policy.Course)[1].bridge_pace_percent
    number = max((number for number, _, _ in opened), default=-1) + 1 if found.number is None else found.number
    escalation = Escalation(
        id=tx.new_id(),
        trigger=found.trigger,
        subject=found.subject,
        number=number,
        region_code=found.region_code,
        urgency=found.urgency,
        request_id=found.request_id,
        cause_at=found.cause_at,
        ladder_version=version,
        ladder_line=line,
        hours=hours,
        due_at=found.due_at,
        opened_at=tx.now,
        pace_percent=pace,
        rung_due_at=found.due_at + rules.wait(ladder.lines[line].rungs[0], pace),
    )
    try:
        with tx.session.begin_nested():
            tx.session.add(escalation)
            tx.session.flush()
    except IntegrityError:
        same = (Escalation.trigger == found.trigger, Escalation.subject == found.subject, Escalation.number == number)
        if tx.session.exec(select(Escalation.id).where(*same)).first() is None:
            raise
        return False  # another worker opened it a moment ago
    tx.record("escalation.opened", _card(escalation), "alarms", trigger=found.trigger, hours=hours)
    raised.cause_returned(tx, escalation)
    return True


def _ladder(tx: Tx, request_id: str | None) -> tuple[int, policy.Ladder]:
    """The ladder a case started under; of what is about no case the one in force."""
    if request_id is None:
        return policy.current(tx, policy.Ladder)
    version = intake.request(tx, request_id).ladder_version
    return version, policy.at_version(tx, policy.Ladder, version)


# --- the pace of a bridge -------------------------------------------------------------------------------------------


def _out_of_pace(database: Database) -> list[str]:
    """Live escalations of requests where a bridge began or ended since somebody looked."""
    bridged = select(Bridge.id).where(
        col(Bridge.request_id) == col(Escalation.request_id), col(Bridge.ended_at).is_(None)
    )
    bridged = bridged.correlate(Escalation)
    query = select(Escalation.id).where(col(Escalation.ended_at).is_(None), col(Escalation.request_id).is_not(None))
    with database.reading() as tx:
        if policy.current(tx, policy.Course)[1].bridge_pace_percent == 100:
            return []
        begun = query.where(col(Escalation.pace_percent) == 100, bridged.exists())
        over = query.where(col(Escalation.pace_percent) < 100, ~bridged.exists())
        return [*tx.session.exec(begun.limit(BATCH)), *tx.session.exec(over.limit(BATCH))]


def _set_pace(tx: Tx, escalation_id: str) -> bool:
    """While a bridge is in use the ladder climbs faster. The first bridge also halves what is left until the next rung;
    one after another must not halve it again and again."""
    found = tx.session.get_one(Escalation, escalation_id)
    if found.request_id is None or found.ended_at is not None:
        return False
    bridges = course.bridges(tx, found.request_id)
    live = course.live_bridge(tx, found.request_id)
    pace = policy.current(tx, policy.Course)[1].bridge_pace_percent if live else 100
    due_at = found.rung_due_at
    first = live is not None and len(bridges) == 1
    if live is not None and first and due_at is not None and found.opened_at <= live.recorded_at:
        due_at = course_rules.hastened(due_at, live.recorded_at, pace)
    return bool(
        tx.affected(
            update(Escalation)
            .where(
                col(Escalation.id) == escalation_id,
                col(Escalation.pace_percent) == found.pace_percent,
                col(Escalation.rung_due_at).is_(None)
                if found.rung_due_at is None
                else col(Escalation.rung_due_at) == found.rung_due_at,
            )
            .values(pace_percent=pace, rung_due_at=due_at)
        )
    )


# --- firing ---------------------------------------------------------------------------------------------------------


def _due(database: Database) -> list[str]:
    with database.reading() as tx:
        return list(
            tx.session.exec(
                select(Escalation.id)
                .where(
                    col(Escalation.rung_due_at).is_not(None),
                    col(Escalation.rung_due_at) <= tx.now,
                    col(Escalation.claim_until).is_(None),
                    col(Escalation.responsible_until).is_(None),
                )
                .order_by(col(Escalation.rung_due_at), Escalation.id)
                .limit(BATCH)
            )
        )


def _fire_due(tx: Tx, escalation_id: str) -> int:
    """Fire every rung of one escalation that is due by now, in order; or end it, or let it rest with its card."""
    found = tx.session.get(Escalation, escalation_id)
    if found is None or found.ended_at is not None:
        return 0
    if openers.is_over(tx, found):
        _end(tx, escalation_id)
        return 0
    if _rests_with_its_card(tx, found):
        return 0
    fired = 0
    while _fire(tx, escalation_id):
        fired += 1
    return fired


def _rests_with_its_card(tx: Tx, found: Escalation) -> bool:
    """Whoever took one escalation of a request has them all, also one that opened a moment later."""
    if found.request_id is None:
        return False
    held = tx.session.exec(
        select(Escalation)
        .where(
            Escalation.request_id == found.request_id,
            col(Escalation.ended_at).is_(None),
            col(Escalation.claim_until).is_not(None) | col(Escalation.responsible_until).is_not(None),
        )
        .limit(1)
    ).first()
    if held is None:
        return False
    names = ("claimed_by", "claimed_at", "claim_until", "responsible_id", "responsible_by", "responsible_at")
    values = {name: getattr(held, name) for name in (*names, "responsible_until")}
    return bool(tx.affected(_resting(update(Escalation).where(col(Escalation.id) == found.id)).values(**values)))


def _resting(statement: Any) -> Any:
    """Only while nobody has it and it is not over."""
    return statement.where(
        col(Escalation.claim_until).is_(None),
        col(Escalation.responsible_until).is_(None),
        col(Escalation.ended_at).is_(None),
    )


def _fire(tx: Tx, escalation_id: str) -> bool:
    """Fire the due rung of one escalation: advance the due moment, write the alarm, queue its messages. All or none.

    The guarded update is the claim: whoever moves the rung on writes the alarm, in the same transaction. A rung that
    finds nobody is written too, and the next one comes at once.
    """
    found = tx.session.get(Escalation, escalation_id)
    if found is None or found.rung_due_at is None or found.rung_due_at > tx.now:
        return False
    number, due_at = found.rung_next, found.rung_due_at
    line = policy.at_version(tx, policy.Ladder, found.ladder_version).lines[found.ladder_line]
    step = rules.step(line, number - found.rung_first, due_at, found.pace_percent)
    if step is None:
        return False
    told = [(one, one.ways(tx, step.rung.channels)) for one in addressees.addressees(tx, step.rung.role, found)]
    result = _passed_over(step.rung, told)
    next_due_at = due_at if result and step.next_due_at else step.next_due_at
    moved = tx.affected(
        _resting(update(Escalation))
        .where(
            col(Escalation.id) == escalation_id,
            col(Escalation.rung_next) == number,
            col(Escalation.rung_due_at) == due_at,
        )
        .values(rung_next=number + 1, rung_due_at=next_due_at)
    )
    if not moved:
        return False
    _ring(tx, tx.session.get_one(Escalation, escalation_id), number, step.rung, told, due_at, result)
    return True


Told = list[tuple[addressees.Addressee, list[ContactPoint]]]
"""Whom a rung speaks to, and the ways of their own that reach who is on call there."""


def _passed_over(rung: Rung, told: Told) -> Result | None:
    if rung.role == "authority":
        return Result.WITHHELD
    if not told:
        return Result.SKIPPED
    if not any(ways or any(map(one.recipient, rung.channels)) for one, ways in told):
        return Result.IMPOSSIBLE
    return None


def _ring(
    tx: Tx,
    found: Escalation,
    number: int,
    rung: Rung,
    told: Told,
    due_at: datetime,
    result: Result | None,
) -> None:
    """Write an alarm and queue its messages."""
    card, alarm_id = _card(found), tx.new_id()
    merge_minutes = policy.current(tx, policy.Ladder)[1].merge_minutes
    about, since = f"card:{card}", tx.now - timedelta(minutes=merge_minutes)
    reached = 0
    for one, ways in told if result is None else ():
        for channel in rung.channels:
            recipient = one.recipient(channel)
            if recipient is None:
                continue
            reached += 1
            if notify.told_since(tx, about, channel, recipient, since):
                continue  # of this card, for another of its causes
            key = f"{found.id}/{number}/{one.organisation.id}/{channel}"
            notify.queue(tx, key, about, channel, recipient, *_words(tx, rung.role, found))
        for way in ways:
            reached += 1
            if notify.told_since(tx, about, way.kind, way.address, since):
                continue
            key = f"{found.id}/{number}/{way.id}"
            words = _words(tx, rung.role, found)
            notify.queue(tx, key, about, way.kind, way.address, *words, way.account_id, way.id)
    tx.session.add(
        Alarm(
            id=alarm_id,
            escalation_id=found.id,
            rung=number,
            role=rung.role,
            channels=list(rung.channels),
            told=[one.organisation.id for one, _ in told],
            due_at=due_at,
            fired_at=tx.now,
            reached=reached,
            answer_due_at=None if result else tx.now + timedelta(minutes=rung.answer_minutes),
            result=result,
        )
    )
    tx.session.flush()
    tx.record(
        "alarm.fired",
        card,
        "alarms",
        "requests",
        alarm=alarm_id,
        trigger=found.trigger,
        rung=number,
        role=rung.role,
        reached=reached,
        result=result,
        late_seconds=int((tx.now - due_at) / timedelta(seconds=1)),
    )
    if result is Result.WITHHELD:
        raised.propose_from(tx, found)


def _words(tx: Tx, role: str, found: Escalation) -> tuple[str, str]:
    """Subject and text of an alarm: the code of the request for whoever may act on it, and no facts of the case.

    One message speaks for every cause of a card, so it names none.
    """
    where = found.region_code or "Nederland"
    request = tx.session.get(PlacementRequest, found.request_id) if found.request_id else None
    if request is None:
        return (
            f"Alarm: er is iets dat iemand moet zien ({where})",
            "Log in om te zien wat er is en om het op u te nemen.",
        )
    if role in addressees.NUMBERS_ONLY:
        return (
            f"Alarm: een opvangvraag vraagt aandacht ({where})",
            "Een aanvraag wacht op opvang en niemand heeft hem nog opgepakt. Log in voor de cijfers.",
        )
    if found.trigger == Trigger.B8_END:
        return (
            f"Opvangvraag {request.short_code}: er loopt binnenkort iets af",
            f"Bij de aanvraag met code {request.short_code} loopt binnenkort iets af.\nLog in om te zien wat.",
        )
    return (
        f"Alarm: opvangvraag {request.short_code} vraagt iemand",
        f"Bij de aanvraag met code {request.short_code} is iemand nodig.\n"
        "Log in om te zien waarom en om het op u te nemen.",
    )


# --- answers that do not come ---------------------------------------------------------------------------------------


def _unanswered(database: Database) -> list[str]:
    with database.reading() as tx:
        query = select(Alarm.id).where(col(Alarm.answer_due_at).is_not(None), col(Alarm.answer_due_at) <= tx.now)
        return list(tx.session.exec(query.order_by(col(Alarm.answer_due_at), Alarm.id).limit(BATCH)))


def _note_unanswered(tx: Tx, alarm_id: str) -> bool:
    """Nobody answered a rung in time: that too is recorded."""
    noted = tx.affected(
        update(Alarm)
        .where(col(Alarm.id) == alarm_id, col(Alarm.answer_due_at) <= tx.now, col(Alarm.result).is_(None))
        .values(answer_due_at=None, result=Result.UNANSWERED)
    )
    if not noted:
        return False
    alarm = tx.session.get_one(Alarm, alarm_id)
    found = tx.session.get_one(Escalation, alarm.escalation_id)
    tx.record("alarm.unanswered", _card(found), "alarms", alarm=alarm_id, rung=alarm.rung, role=alarm.role)
    return True


# --- taking it ------------------------------------------------------------------------------------------------------


def claim_alarm(tx: Tx, actor: Actor, alarm_id: str) -> None:
    """Take the card an alarm belongs to: I do this."""
    require(actor, Verb.ALARM_CLAIM)
    alarm = tx.session.get(Alarm, alarm_id)
    if alarm is None:
        raise NotFound("no_alarm")
    try:
        claim(tx, actor, alarm.escalation_id)
    except NotFound as error:
        raise NotFound("no_alarm") from error


def claim(tx: Tx, actor: Actor, escalation_id: str, over: str = "screen") -> None:
    """Take an escalation and with it all that is live for the same request: it is one person who waits.

    One person, atomically; unsent messages about it stop, and no later rung fires while the claim lives. Whoever has
    it may take it again, for longer.
    """
    found = _of(tx, actor, escalation_id, Verb.ALARM_CLAIM)
    until = tx.now + timedelta(minutes=policy.current(tx, policy.Ladder)[1].claim_minutes)
    values = {"claimed_by": actor.account_id, "claimed_at": tx.now, "claim_until": until}
    free = col(Escalation.claim_until).is_(None) | (col(Escalation.claimed_by) == actor.account_id)
    nobody = (free, col(Escalation.responsible_until).is_(None), col(Escalation.ended_at).is_(None))
    tx.guarded(
        update(Escalation).where(col(Escalation.id) == escalation_id, *nobody).values(**values),
        Conflict("already_claimed"),
    )
    card = _on_card(tx, escalation_id)
    tx.affected(update(Escalation).where(col(Escalation.id).in_(card), *nobody).values(**values))
    _acknowledge(tx, card, actor.account_id, over)
    tx.record("alarm.claimed", _card(found), "alarms", escalation=escalation_id, over=over)


def _answers(database: Database) -> list[Answered]:
    with database.reading() as tx:
        return fresh_answers(tx)


def _hear(tx: Tx, answered: Answered) -> bool:
    """Let whoever answered by telephone have it: a key or a "ja" takes the card as a press on the screen does.

    Where somebody else has it by then, or it is over, the answer changes nothing.
    """
    if not notify.note_answer(tx, answered.id) or answered.account_id is None:
        return False
    actor = access.actor_of_account(tx, answered.account_id)
    card = answered.about.removeprefix("card:")
    of_card = (
        col(Escalation.request_id) == card.removeprefix("request:")
        if card.startswith("request:")
        else col(Escalation.subject) == card
    )
    live = tx.session.exec(
        select(Escalation.id).where(of_card, col(Escalation.ended_at).is_(None)).order_by(Escalation.id).limit(1)
    ).first()
    if actor is None or live is None or card == answered.about:
        return False
    try:
        claim(tx, actor, live, over=answered.over)
    except (Conflict, Forbidden, NotFound):
        return False
    return True


def release(tx: Tx, actor: Actor, escalation_id: str) -> None:
    """Give back what one took: the ladder goes on where it was."""
    found = _of(tx, actor, escalation_id, Verb.ALARM_CLAIM)
    if found.claim_until is None or found.claimed_by != actor.account_id:
        raise Conflict("not_yours")
    for one in _on_card(tx, escalation_id):
        _go_on(tx, one, tx.now)
    tx.record("alarm.released", _card(found), "alarms", escalation=escalation_id)


def name_responsible(tx: Tx, actor: Actor, escalation_id: str, account_id: str) -> None:
    """Say who sees to it from now on: that stops the ladder, visibly, until they are silent for too long."""
    found = _of(tx, actor, escalation_id, Verb.ALARM_CLAIM)
    row = tx.session.exec(
        select(Account, Organisation)
        .join(Organisation, col(Organisation.id) == Account.organisation_id)
        .where(Account.id == account_id, col(Account.active))
    ).first()
    if (
        row is None
        or Role(row[0].role) not in queries.RESPONSIBLE
        or row[1].region_code not in {None, found.region_code}
    ):
        raise Invalid("invalid", (FieldError(("accountId",), "unknown_choice"),))
    until = tx.now + timedelta(minutes=policy.current(tx, policy.Ladder)[1].responsible_minutes)
    values = {
        "responsible_id": account_id,
        "responsible_by": actor.account_id,
        "responsible_at": tx.now,
        "responsible_until": until,
        "claim_until": None,
    }
    # Somebody else's claim is not ended over their head; a responsible person may hand it on.
    free = col(Escalation.claim_until).is_(None) | (col(Escalation.claimed_by) == actor.account_id)
    tx.guarded(
        update(Escalation)
        .where(col(Escalation.id) == escalation_id, free, col(Escalation.ended_at).is_(None))
        .values(**values),
        Conflict("already_claimed"),
    )
    card = _on_card(tx, escalation_id)
    tx.affected(
        update(Escalation)
        .where(col(Escalation.id).in_(card), free, col(Escalation.ended_at).is_(None))
        .values(**values)
    )
    _acknowledge(tx, card, actor.account_id, "screen")
    tx.record("alarm.responsible_named", _card(found), "alarms", escalation=escalation_id, responsible=account_id)


def _of(tx: Tx, actor: Actor, escalation_id: str, verb: Verb) -> Escalation:
    """A live escalation in the actor's reach, with its card locked: the request first, as everywhere."""
    require(actor, verb)
    found = tx.session.get(Escalation, escalation_id)
    if found is None or not queries.in_reach(tx, actor, found):
        raise NotFound("no_escalation")
    if found.request_id is not None:
        intake.request(tx, found.request_id, for_update=True)
        tx.session.refresh(found)
    return found


def _on_card(tx: Tx, escalation_id: str) -> list[str]:
    """Every live escalation of the same request, this one among them."""
    request_id = tx.session.get_one(Escalation, escalation_id).request_id
    if request_id is None:
        return [escalation_id]
    query = select(Escalation.id).where(Escalation.request_id == request_id, col(Escalation.ended_at).is_(None))
    return list(tx.session.exec(query.order_by(Escalation.id)))


def _acknowledge(tx: Tx, card: list[str], account_id: str, over: str) -> None:
    """Somebody answered: the rungs that wait for it have their answer, and what was not sent yet is not sent."""
    tx.affected(
        update(Alarm)
        .where(col(Alarm.escalation_id).in_(card), col(Alarm.result).is_(None))
        .values(
            result=Result.ACKNOWLEDGED,
            acknowledged_by=account_id,
            acknowledged_at=tx.now,
            acknowledged_over=over,
            answer_due_at=None,
        )
    )
    notify.cancel(tx, f"card:{_card(tx.session.get_one(Escalation, card[0]))}")


# --- silence after that ---------------------------------------------------------------------------------------------


def _silent(database: Database) -> list[str]:
    """Escalations whose claim lapsed or whose responsible person must have done something by now."""
    with database.reading() as tx:
        lapsed = select(Escalation.id).where(
            col(Escalation.claim_until).is_not(None), col(Escalation.claim_until) <= tx.now
        )
        silent = select(Escalation.id).where(
            col(Escalation.responsible_until).is_not(None), col(Escalation.responsible_until) <= tx.now
        )
        return [*tx.session.exec(lapsed.limit(BATCH)), *tx.session.exec(silent.limit(BATCH))]


def _let_go(tx: Tx, escalation_id: str) -> bool:
    """A claim lapsed, or a responsible person is silent: the ladder goes on, counted from that moment at the latest."""
    found = tx.session.get_one(Escalation, escalation_id)
    if found.claim_until is None or found.claim_until > tx.now:
        return _let_go_of_silent(tx, found)
    lapsed = _go_on(tx, escalation_id, found.claim_until)
    if lapsed:
        tx.record("alarm.claim_lapsed", _card(found), "alarms", escalation=escalation_id)
    return lapsed


def _let_go_of_silent(tx: Tx, found: Escalation) -> bool:
    escalation_id, until = found.id, found.responsible_until
    if until is None or until > tx.now or found.responsible_at is None:
        return False
    length = until - found.responsible_at
    if (sign := _sign_of_life(tx, found)) is not None:
        moved = update(Escalation).where(
            col(Escalation.id) == escalation_id, col(Escalation.responsible_until) == until
        )
        return bool(tx.affected(moved.values(responsible_at=sign, responsible_until=sign + length)))
    if not _go_on(tx, escalation_id, until, anew=True):
        return False
    tx.record("alarm.responsible_silent", _card(found), "alarms", escalation=escalation_id)
    return True


def _sign_of_life(tx: Tx, found: Escalation) -> datetime | None:
    """When the responsible person last did something about this since they were named or last looked at."""
    return tx.session.exec(
        select(JournalEntry.at)
        .where(
            JournalEntry.subject == _card(found),
            JournalEntry.actor == found.responsible_id,
            col(JournalEntry.at) > found.responsible_at,
            col(JournalEntry.at) <= tx.now,
        )
        .order_by(col(JournalEntry.seq).desc())
        .limit(1)
    ).first()


def _go_on(tx: Tx, escalation_id: str, since: datetime, anew: bool = False) -> bool:
    """Let the ladder go on where it was; from the bottom when no rung is left, or when it must begin anew."""
    found = tx.session.get_one(Escalation, escalation_id)
    if found.claim_until is None and found.responsible_until is None:
        return False
    values: dict[str, object] = {"claim_until": None, "responsible_until": None}
    if anew or found.rung_due_at is None:
        line = policy.at_version(tx, policy.Ladder, found.ladder_version).lines[found.ladder_line]
        values["rung_first"] = found.rung_next
        values["rung_due_at"] = since + rules.wait(line.rungs[0], found.pace_percent)
    else:
        values["rung_due_at"] = max(found.rung_due_at, since)
    same = [
        col(getattr(Escalation, name)).is_(None)
        if getattr(found, name) is None
        else col(getattr(Escalation, name)) == getattr(found, name)
        for name in ("claim_until", "responsible_until", "rung_due_at")
    ]
    return bool(
        tx.affected(
            update(Escalation)
            .where(col(Escalation.id) == escalation_id, col(Escalation.ended_at).is_(None), *same)
            .values(**values)
        )
    )


# --- the end --------------------------------------------------------------------------------------------------------


def _end(tx: Tx, escalation_id: str) -> bool:
    ended = tx.affected(
        update(Escalation)
        .where(col(Escalation.id) == escalation_id, col(Escalation.ended_at).is_(None))
        .values(ended_at=tx.now, end=End.OVER, rung_due_at=None, claim_until=None, responsible_until=None)
    )
    if not ended:
        return False
    tx.affected(
        update(Alarm)
        .where(col(Alarm.escalation_id) == escalation_id, col(Alarm.result).is_(None))
        .values(result=Result.STOOD_DOWN, answer_due_at=None)
    )
    found = tx.session.get_one(Escalation, escalation_id)
    if not queries.still_rings(tx, f"card:{_card(found)}"):
        notify.cancel(tx, f"card:{_card(found)}")
    tx.record("alarm.ended", _card(found), "alarms", escalation=escalation_id, trigger=found.trigger)
    raised.drop_over(tx, _card(found))
    return True


def beat(database: Database, part: str) -> None:
    """Note that a part works."""
    with database.transaction() as tx:
        if not tx.affected(update(Heartbeat).where(col(Heartbeat.part) == part).values(at=tx.now)):
            with suppress(IntegrityError), tx.session.begin_nested():  # another one wrote its first a moment ago
                tx.session.add(Heartbeat(part=part, at=tx.now))
                tx.session.flush()
