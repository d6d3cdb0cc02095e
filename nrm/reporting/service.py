"""Keeping the report of a request to CoMensha: by its owner, by whoever reports, and by the national desk.

There is no line to CoMensha: a person sends it there and says so here. No bed waits for any of it.
"""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import exists, update
from sqlmodel import col, select

from nrm import policy
from nrm.access.rules import Actor, Verb
from nrm.access.service import log_read, require
from nrm.clock import AMSTERDAM
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Fact
from nrm.journal import JournalEntry
from nrm.reporting import queries, rules
from nrm.reporting.models import Report
from nrm.reporting.rules import WAITS, NotReason, ReportState
from nrm.reporting.schemas import (
    ConfirmIn,
    OverdueOut,
    PoliceCriteriaIn,
    PoliceCriteriaOut,
    ReportIn,
    ReportLineOut,
    ReportOut,
)

BATCH = 500
FOUND_DAYS_MAX = 3660


def open_missing(database: Database, after: int | None = None, batch: int = BATCH) -> int:
    """Open a report for every request that has none. A follow-on is about somebody who has one. Returns how many.

    With `after` only of requests that came in after that entry of the journal, else of every one there ever was.
    """
    if after is not None:
        with database.reading() as tx:
            came = tx.session.exec(
                select(JournalEntry.subject).where(
                    col(JournalEntry.seq) > after, JournalEntry.kind == "request.submitted"
                )
            ).all()
        return database.each([subject.removeprefix("request:") for subject in came], _open)
    missing = (
        select(PlacementRequest.id)
        .where(
            col(PlacementRequest.continues_id).is_(None),
            ~exists().where(col(Report.request_id) == col(PlacementRequest.id)),
        )
        .order_by(col(PlacementRequest.created_at), PlacementRequest.id)
        .limit(batch)
    )
    opened = 0
    while True:
        with database.reading() as tx:
            found = tx.session.exec(missing).all()
        opened += database.each(found, _open)
        if len(found) < batch:
            return opened


def read(tx: Tx, actor: Actor, request_id: str) -> ReportOut:
    """Read the report of a request, opened at the first look; a logged read."""
    found = _kept(tx, actor, request_id, for_update=False)
    log_read(tx, actor, f"report:{request_id}", "open")
    return queries.report_out(tx, found)


def read_list(tx: Tx, actor: Actor) -> list[ReportLineOut]:
    """The reports one may keep that are not finished; each is a logged read."""
    require(actor, Verb.REPORT_KEEP)
    listed = queries.reports_of(tx, actor)
    for line in listed:
        log_read(tx, actor, f"report:{line.request_id}", "list")
    return listed


def overdue(tx: Tx, actor: Actor) -> list[OverdueOut]:
    """Numbers of overdue reports: no case."""
    require(actor, Verb.REPORTS_COUNT)
    return queries.overdue_counts(tx, actor)


def keep(tx: Tx, actor: Actor, request_id: str, shape: ReportIn) -> None:
    """Change a report that was not sent yet: who reports, whether the person agreed, what it answers."""
    found = _kept(tx, actor, request_id)
    request = intake.request(tx, request_id)
    errors = []
    if shape.reporter is not None and shape.reporter not in {one.id for one in queries.possible_reporters(tx, request)}:
        errors.append(FieldError(("reporter",), "unknown_choice"))
    today = tx.now.astimezone(AMSTERDAM).date()
    if shape.found_on is not None and shape.found_on > today:
        errors.append(FieldError(("foundOn",), "in_the_future"))
    elif shape.found_on is not None and shape.found_on < today - timedelta(days=FOUND_DAYS_MAX):
        errors.append(FieldError(("foundOn",), "too_long_ago"))
    criteria_version = queries.criteria_version(tx, found)
    known = {one.code for one in queries.asked(tx, criteria_version)}
    errors += [FieldError(("criteria", code), "unknown_choice") for code in shape.criteria if code not in known]
    if errors:
        raise Invalid("invalid", tuple(errors))
    state = ReportState.AGREED if shape.agreed else ReportState.TO_DO
    _move(
        tx,
        actor,
        request_id,
        WAITS,
        state,
        shape.version,
        reporter_id=shape.reporter,
        pseudonymous=shape.pseudonymous,
        found_on=_unless_default(shape.found_on, queries.came_in_on(request)),
        criteria_version=criteria_version,
        criteria={code: str(answer) for code, answer in sorted(shape.criteria.items()) if answer is not Fact.UNKNOWN},
    )
    tx.record("report.kept", f"request:{request_id}", "reports", state=state)


def send(tx: Tx, actor: Actor, request_id: str, version: int) -> None:
    """Say that the report went to CoMensha. Who reported, whether by name and what it said stay as they were then."""
    found = _kept(tx, actor, request_id)
    request = intake.request(tx, request_id)
    reporter = queries.reporter_of(tx, found, request)
    if reporter is None:
        raise Conflict("nobody_reports")
    pseudonymous = found.pseudonymous or rules.must_be_pseudonymous(ReportState(found.state), reporter)
    _move(
        tx,
        actor,
        request_id,
        WAITS,
        ReportState.SENT,
        version,
        reporter_id=reporter.id,
        pseudonymous=pseudonymous,
        sent=queries.said(tx, found).model_dump(mode="json"),
        sent_at=tx.now,
        sent_by=actor.account_id,
    )
    tx.record("report.sent", f"request:{request_id}", "reports", pseudonymous=pseudonymous)


def drop(tx: Tx, actor: Actor, request_id: str, reason: NotReason, version: int) -> None:
    """Say why somebody is not reported. Who has a duty to report has it whatever the person wants."""
    found = _kept(tx, actor, request_id)
    reporter = queries.reporter_of(tx, found, intake.request(tx, request_id))
    if reason is NotReason.NOT_WANTED and reporter is not None and reporter.has_duty:
        raise Conflict("duty_to_report")
    _move(tx, actor, request_id, WAITS, ReportState.NOT, version, reason=reason)
    tx.record("report.dropped", f"request:{request_id}", "reports", reason=reason)


def reopen(tx: Tx, actor: Actor, request_id: str, version: int) -> None:
    """It is to do after all: it was dropped, or called sent, by mistake. Consent is asked again."""
    _kept(tx, actor, request_id)
    _move(
        tx,
        actor,
        request_id,
        (ReportState.NOT, ReportState.SENT),
        ReportState.TO_DO,
        version,
        reason=None,
        reporter_id=None,
        pseudonymous=False,
        sent=None,
        sent_at=None,
        sent_by=None,
    )
    tx.record("report.reopened", f"request:{request_id}", "reports")


def confirm(tx: Tx, actor: Actor, request_id: str, shape: ConfirmIn) -> None:
    """The national desk has it, under CoMensha's own number."""
    require(actor, Verb.REPORT_CONFIRM)
    _kept(tx, actor, request_id)
    _move(
        tx,
        actor,
        request_id,
        (ReportState.SENT,),
        ReportState.CONFIRMED,
        shape.version,
        reference=shape.reference,
        confirmed_at=tx.now,
        confirmed_by=actor.account_id,
    )
    tx.record("report.confirmed", f"request:{request_id}", "reports")


def police_criteria(tx: Tx, actor: Actor) -> PoliceCriteriaOut:
    """The words of the police criteria, for the desk that keeps them."""
    require(actor, Verb.REPORT_CONFIRM)
    return queries.police_criteria(tx)


def keep_police_criteria(tx: Tx, actor: Actor, shape: PoliceCriteriaIn) -> int:
    """Word the police criteria from now on; a report keeps the words to which it has answers.

    A criterion has words in both languages or in none: half a question is not asked. Returns the version.
    """
    require(actor, Verb.REPORT_CONFIRM)
    version, before = policy.current(tx, policy.PoliceCriteria)
    if version != shape.version:
        raise Conflict("changed_meanwhile")
    if [one.code for one in shape.criteria] != [one.code for one in before.criteria]:
        raise Invalid("invalid", (FieldError(("criteria",), "unknown_choice"),))
    half = [index for index, one in enumerate(shape.criteria) if bool(one.nl) != bool(one.en)]
    if half:
        errors = [
            FieldError(("criteria", index, "en" if shape.criteria[index].nl else "nl"), "required") for index in half
        ]
        raise Invalid("invalid", tuple(errors))
    body = policy.PoliceCriteria(
        criteria=tuple(policy.PoliceCriterion(code=one.code, nl=one.nl, en=one.en) for one in shape.criteria)
    )
    try:
        return policy.write(tx, body, note="kept by the national desk", after=shape.version)
    except Conflict as error:
        raise Conflict("changed_meanwhile") from error


def _open(tx: Tx, request_id: str) -> bool:
    """Open the report of a request, once: whoever holds the request's row looks again before writing."""
    request = intake.request(tx, request_id, for_update=True)
    found = queries.draft(tx, request)
    if found is None or queries.report(tx, request_id) is not None:
        return False
    tx.session.add(found)
    tx.session.flush()
    tx.record("report.opened", f"request:{request_id}", "reports")
    return True


def _kept(tx: Tx, actor: Actor, request_id: str, for_update: bool = True) -> Report:
    """A report the actor may keep; of others nobody learns that there is one. Opened where the worker was not yet.

    The request's row is locked for a change: who may report follows from it.
    """
    require(actor, Verb.REPORT_KEEP)
    request = intake.request(tx, request_id, for_update)
    found = queries.report(tx, request_id) or queries.draft(tx, request)
    if found is None or not queries.may_keep(tx, actor, found, request):
        raise NotFound("no_request")
    if queries.report(tx, request_id) is None:
        _open(tx, request_id)
    return tx.session.get_one(Report, request_id)


def _move(
    tx: Tx,
    actor: Actor,
    request_id: str,
    come_from: tuple[ReportState, ...],
    to: ReportState,
    version: int,
    **values: Any,
) -> None:
    """Change a report, guarded by state and version."""
    tx.guarded(
        update(Report)
        .where(
            col(Report.request_id) == request_id,
            col(Report.state).in_(come_from),
            col(Report.version) == version,
        )
        .values(state=to, changed_by=actor.account_id, changed_at=tx.now, version=Report.version + 1, **values),
        Conflict("changed_meanwhile"),
    )


def _unless_default(said: date | None, usual: date) -> date | None:
    return None if said == usual else said
