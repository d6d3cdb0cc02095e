"""Reading an exercise: whether this is one, its steps, who plays, what would have gone out."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select

from nrm import journal
from nrm.access.models import Account, LoginSession, Organisation
from nrm.access.rules import Role
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.escalation.models import Heartbeat
from nrm.exercise.models import THE_ONE, Exercise, ExerciseManner, ExerciseStep
from nrm.notify.models import Message
from nrm.notify.rules import ChannelName, asks_answer

LIST_MAX = 200


def is_exercise(tx: Tx) -> bool:
    """Whether this database is an exercise."""
    return tx.session.get(Exercise, THE_ONE) is not None


def exercise(tx: Tx, for_update: bool = False) -> Exercise:
    """The exercise. Raises NotFound where people work in earnest."""
    query = select(Exercise).where(Exercise.id == THE_ONE)
    found = tx.session.exec(query.with_for_update() if for_update else query).first()
    if found is None:
        raise NotFound("no_exercise")
    return found


def reached(tx: Tx) -> datetime | None:
    """How far the clock of the exercise has been, as far as anything shows; None where there is none."""
    found = tx.session.get(Exercise, THE_ONE)
    if found is None:
        return None
    beat = tx.session.exec(select(func.max(Heartbeat.at))).first()
    newest = [entry.at for entry in journal.after(tx.session, journal.last_seq(tx.session) - 1, 1)]
    return max(filter(None, (found.clock_at, beat, *newest)))


def steps(tx: Tx) -> list[ExerciseStep]:
    """Every step, in the order in which they come."""
    return list(tx.session.exec(select(ExerciseStep).order_by(col(ExerciseStep.due_at), col(ExerciseStep.number))))


def due_steps(tx: Tx) -> list[int]:
    """The steps that are due now and were not played, oldest first."""
    query = select(ExerciseStep.number).where(col(ExerciseStep.played_at).is_(None), ExerciseStep.due_at <= tx.now)
    return list(tx.session.exec(query.order_by(col(ExerciseStep.due_at), col(ExerciseStep.number))))


def next_step(tx: Tx) -> ExerciseStep | None:
    """The step that comes next."""
    return next((step for step in steps(tx) if step.played_at is None), None)


def outage(tx: Tx) -> ExerciseStep | None:
    """The outage that is on now: played, and not noted as over."""
    query = select(ExerciseStep).where(
        col(ExerciseStep.until).is_not(None), col(ExerciseStep.over_at).is_(None), col(ExerciseStep.played_at) <= tx.now
    )
    return tx.session.exec(query.order_by(col(ExerciseStep.number)).limit(1)).first()


def played_by_people(tx: Tx) -> set[str]:
    """The accounts that somebody is logged in with: those play themselves."""
    query = select(LoginSession.account_id).where(
        col(LoginSession.ended_at).is_(None), col(LoginSession.expires_at) > tx.now
    )
    return set(tx.session.exec(query))


@dataclass(frozen=True)
class Part:
    """Somebody one can be in the exercise, and whether somebody is."""

    account_id: str
    login: str
    name: str
    role: str
    organisation_id: str
    organisation: str
    by_people: bool
    manner: str | None
    """How their house answers while nobody plays it."""

    @property
    def id(self) -> str:
        """Its row in the table of the leader."""
        return self.account_id


def parts(tx: Tx) -> list[Part]:
    """Everybody there is to be, by login; not the leader."""
    people = played_by_people(tx)
    manners = dict(tx.session.exec(select(ExerciseManner.organisation_id, ExerciseManner.manner)).all())
    rows = tx.session.exec(
        select(Account, Organisation)
        .join(Organisation, col(Organisation.id) == Account.organisation_id)
        .where(col(Account.active), Account.role != Role.EXERCISE_LEADER)
        .order_by(Account.login)
    )
    return [
        Part(
            account.id,
            account.login,
            account.name,
            account.role,
            body.id,
            body.name,
            account.id in people,
            manners.get(body.id) if account.role == Role.PROVIDER else None,
        )
        for account, body in rows
    ]


@dataclass(frozen=True)
class Kept:
    """A message that would have gone out."""

    id: str
    channel: str
    person: str | None
    organisation: str | None
    subject: str
    body: str
    queued_at: datetime
    sent_at: datetime | None
    cancelled_at: datetime | None
    acknowledged_at: datetime | None
    asks_answer: bool
    """Whether picking up now would be an answer."""


def kept(tx: Tx, account_id: str | None = None, organisation_email: str | None = None) -> list[Kept]:
    """What would have gone out, newest first: all of it, or only what was for one person and their mailbox."""
    query = (
        select(Message, Account.name, Organisation.name)
        .outerjoin(Account, col(Account.id) == Message.account_id)
        .outerjoin(Organisation, col(Organisation.email) == Message.recipient)
        .where(col(Message.channel).not_in((ChannelName.IN_APP, ChannelName.LOG)))
        .order_by(col(Message.queued_at).desc(), Message.id)
        .limit(LIST_MAX)
    )
    if account_id is not None:
        mailbox = col(Message.account_id).is_(None) & (col(Message.recipient) == organisation_email)
        query = query.where((col(Message.account_id) == account_id) | mailbox)
    return [
        Kept(
            message.id,
            message.channel,
            person,
            body,
            message.subject,
            message.body,
            message.queued_at,
            message.sent_at,
            message.cancelled_at,
            message.acknowledged_at,
            asks_answer(message.about)
            and message.account_id is not None
            and message.sent_at is not None
            and message.acknowledged_at is None
            and message.cancelled_at is None,
        )
        for message, person, body in tx.session.exec(query)
    ]
