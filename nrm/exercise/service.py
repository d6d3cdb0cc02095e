"""Making an exercise and leading it. What the script then does is in `playing`."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from nrm import journal
from nrm.access.models import Organisation
from nrm.access.rules import Actor, OrganisationKind, Verb
from nrm.access.service import require
from nrm.clock import PacedClock
from nrm.db import SYSTEM, Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.exercise import queries
from nrm.exercise.models import THE_ONE, Exercise, ExerciseManner, ExerciseStep
from nrm.exercise.rules import INJECTED, NIGHT, PACES, Manner, StepKind

ABOUT = f"exercise:{THE_ONE}"
TOPIC = "exercise"
STEPS_MAX = 60


def refuse_mix(database: Database, practising: bool) -> None:
    """Raise Conflict when the database is an exercise and we are not practising, or the other way round."""
    with database.reading() as tx:
        found = queries.is_exercise(tx)
    if found and not practising:
        raise Conflict("database_is_an_exercise")
    if practising and not found:
        raise Conflict("database_is_no_exercise")


def go_on(database: Database, clock: PacedClock) -> None:
    """Set the clock of an exercise to how late it was when it was last seen: nothing happened while it was off."""
    with database.reading() as tx:
        at = queries.reached(tx)
    if at is not None:
        clock.turn(at)


def begin(database: Database, seed: int, plant: Callable[[Database], object]) -> bool:
    """Make this database an exercise, unless it is one. Returns whether it was made now.

    Raises Conflict on a database that anybody used for anything else. It is marked before anything is planted in it: a
    crash in between leaves an exercise, whose planting is done again at the next start, and nothing else.
    """
    with database.transaction() as tx:
        journal.append(tx.session, [], SYSTEM, tx.now)  # takes the journal's lock: two starts at once make one
        made = not queries.is_exercise(tx)
        if made:
            used = journal.last_seq(tx.session) or tx.session.exec(select(Organisation.id).limit(1)).first()
            if used:
                raise Conflict("database_in_use")
            tx.session.add(Exercise(seed=seed, clock_at=tx.now, starts_at=tx.now))
            tx.session.add_all(
                ExerciseStep(
                    number=number,
                    kind=step.kind,
                    lasts_minutes=step.lasts_minutes,
                    due_at=tx.now + timedelta(minutes=step.minutes),
                )
                for number, step in enumerate(NIGHT, start=1)
            )
    plant(database)
    return made


def start(tx: Tx, actor: Actor) -> None:
    """Let the night begin: from now on the clock runs."""
    require(actor, Verb.EXERCISE_LEAD)
    queries.exercise(tx, for_update=True)
    _change(tx, col(Exercise.started_at).is_(None), Conflict("exercise_started"), started_at=tx.now, pace=1)
    tx.record("exercise.started", ABOUT, TOPIC)


def set_pace(tx: Tx, actor: Actor, pace: int) -> None:
    """Let the clock run so many times as fast as the wall's; 0 pauses. What it was on its way to is left."""
    require(actor, Verb.EXERCISE_LEAD)
    if pace != 0 and pace not in PACES:
        raise Invalid("invalid", (FieldError(("pace",), "unknown_choice"),))
    queries.exercise(tx, for_update=True)
    _change(tx, _running(), Conflict("exercise_stands"), pace=pace, skip_to=None)
    tx.record("exercise.paced", ABOUT, TOPIC, pace=pace)


def skip(tx: Tx, actor: Actor, to: datetime | None = None) -> datetime:
    """Go to the next step, or to a moment, as fast as the machine can, leaving out nothing that is due on the way."""
    require(actor, Verb.EXERCISE_LEAD)
    found = queries.exercise(tx, for_update=True)
    step = queries.next_step(tx)
    to = to or (step.due_at if step else None)
    if to is None:
        raise Conflict("no_next_step")
    _change(tx, _running(), Conflict("exercise_stands"), skip_to=max(to, tx.now), pace=found.pace)
    tx.record("exercise.skipped", ABOUT, TOPIC, to=to.isoformat())
    return to


def put_in(tx: Tx, actor: Actor, kind: StepKind) -> int:
    """Let something happen now that the script does not have. Returns its number."""
    require(actor, Verb.EXERCISE_LEAD)
    if kind not in INJECTED:
        raise Invalid("invalid", (FieldError(("kind",), "unknown_choice"),))
    found = queries.exercise(tx, for_update=True)
    if found.started_at is None or found.ended_at is not None:
        raise Conflict("exercise_stands")
    number = max(step.number for step in queries.steps(tx)) + 1
    if number > STEPS_MAX:
        raise Conflict("too_many_steps")
    tx.session.add(
        ExerciseStep(number=number, kind=kind, lasts_minutes=INJECTED[kind], due_at=tx.now, put_in_by=actor.account_id)
    )
    tx.session.flush()
    tx.record("exercise.put_in", ABOUT, TOPIC, step=number, step_kind=kind)
    return number


def set_manner(tx: Tx, actor: Actor, organisation_id: str, manner: Manner) -> None:
    """Decide how a house answers while nobody plays it."""
    require(actor, Verb.EXERCISE_LEAD)
    queries.exercise(tx, for_update=True)
    body = tx.session.get(Organisation, organisation_id)
    if body is None or body.kind != OrganisationKind.PROVIDER:
        raise NotFound("no_organisation")
    note_manner(tx, organisation_id, manner)
    tx.record("exercise.manner_set", ABOUT, TOPIC, organisation=organisation_id, manner=manner)


def note_manner(tx: Tx, organisation_id: str, manner: Manner) -> None:
    """Remember how a house answers."""
    row = tx.session.get(ExerciseManner, organisation_id) or ExerciseManner(
        organisation_id=organisation_id, manner=manner
    )
    row.manner = manner
    tx.session.add(row)
    tx.session.flush()


def end(tx: Tx, actor: Actor) -> None:
    """It is over: the clock stands still for good, and what happened can be talked about."""
    require(actor, Verb.EXERCISE_LEAD)
    queries.exercise(tx, for_update=True)
    _change(tx, _running(), Conflict("exercise_stands"), ended_at=tx.now, pace=0, skip_to=None)
    for step in queries.steps(tx):
        if step.until is not None and step.over_at is None:
            outage_over(tx, step)
    tx.record("exercise.ended", ABOUT, TOPIC)


def outage_over(tx: Tx, step: ExerciseStep) -> None:
    """The worker goes on."""
    step.over_at = tx.now
    tx.session.add(step)
    tx.session.flush()
    tx.record("exercise.outage_over", ABOUT, TOPIC, step=step.number)


def arrived(tx: Tx, at: datetime) -> bool:
    """It is as late as it was on its way to. False when the leader changed their mind meanwhile."""
    return bool(
        tx.affected(
            update(Exercise).where(col(Exercise.id) == THE_ONE, col(Exercise.skip_to) == at).values(skip_to=None)
        )
    )


def _running() -> object:
    return col(Exercise.started_at).is_not(None) & col(Exercise.ended_at).is_(None)


def _change(tx: Tx, condition: object, refusal: Conflict, **values: object) -> None:
    tx.guarded(
        update(Exercise).where(col(Exercise.id) == THE_ONE, condition).values(clock_at=tx.now, **values),  # type: ignore[arg-type]
        refusal,
    )
