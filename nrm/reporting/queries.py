"""Reading reports."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import islice

from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, OrganisationKind, Role, Verb, may, owns_case
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Exploitation, Fact
from nrm.reporting import rules
from nrm.reporting.models import Report
from nrm.reporting.rules import WAITS, NotReason, Reporter, ReportState
from nrm.reporting.schemas import (
    CriterionOut,
    OverdueOut,
    PoliceCriteriaOut,
    PoliceCriterionIn,
    ReportedPersonOut,
    ReporterOut,
    ReportLineOut,
    ReportOut,
    SaidOut,
)

LIST_MAX = 200


def report(tx: Tx, request_id: str) -> Report | None:
    """The report of a request, if it was opened."""
    return tx.session.get(Report, request_id)


Desks = list[Reporter]


def desks(tx: Tx) -> Desks:
    """The national desk, or desks. Looked up once for a list."""
    return [_reporter(one) for one in access.organisations_of_kind(tx, OrganisationKind.NATIONAL_DESK)]


def possible_reporters(tx: Tx, request: PlacementRequest, known: Desks | None = None) -> tuple[Reporter, ...]:
    """Who may report this request, the default first."""
    owner, asker = (
        _reporter(access.organisation(tx, found))
        for found in (request.owner_organisation_id, request.on_behalf_of or request.submitted_organisation_id)
    )
    return rules.reporters(owner, asker, desks(tx) if known is None else known, request.refuses_police)


def reporter_of(tx: Tx, found: Report, request: PlacementRequest, known: Desks | None = None) -> Reporter | None:
    """Who reports; once it was sent, who did."""
    if found.state not in WAITS and found.reporter_id is not None:
        return _reporter(access.organisation(tx, found.reporter_id))
    return rules.reporter_of(possible_reporters(tx, request, known), found.reporter_id)


def may_keep(tx: Tx, actor: Actor, found: Report, request: PlacementRequest, known: Desks | None = None) -> bool:
    """Whether the actor is of the owner, of the national desk or of whoever reports.

    Never an investigative body when the person refuses contact with the police, also not when it already reported.
    """
    if actor.investigative and request.refuses_police:
        return False
    if _is_desk(actor) or owns_case(actor, request):
        return True
    reporter = reporter_of(tx, found, request, known)
    return reporter is not None and reporter.id == actor.organisation_id


def report_out(tx: Tx, found: Report) -> ReportOut:
    """A report with everything it says."""
    request = intake.request(tx, found.request_id)
    possible = possible_reporters(tx, request)
    reporter = reporter_of(tx, found, request)
    state = ReportState(found.state)
    must = rules.must_be_pseudonymous(state, reporter)
    return ReportOut(
        request_id=found.request_id,
        short_code=request.short_code,
        state=state,
        reason=NotReason(found.reason) if found.reason else None,
        reporter=_reporter_out(reporter) if reporter else None,
        reporters=[_reporter_out(one) for one in possible],
        chosen=found.reporter_id,
        pseudonymous=found.pseudonymous or (state in WAITS and must),
        must_be_pseudonymous=must,
        said=SaidOut.model_validate(found.sent) if found.sent else said(tx, found),
        criteria=_criteria(tx, found),
        opened_at=found.opened_at,
        due_at=found.due_at,
        overdue=rules.overdue(state, found.due_at, tx.now),
        sent_at=found.sent_at,
        confirmed_at=found.confirmed_at,
        reference=found.reference,
        version=found.version,
    )


def said(tx: Tx, found: Report) -> SaidOut:
    """What a report takes from its request as that stands now: how many and how old, about; nothing of who."""
    detail = intake.detail(tx, found.request_id)
    return SaidOut(
        region=detail.request.region_code,
        exploitation=Exploitation(detail.request.exploitation),
        persons=[ReportedPersonOut(sex=person.sex, age_group=rules.age_group(person.age)) for person in detail.persons],
        found_on=found.found_on or came_in_on(detail.request),
    )


def progress(tx: Tx, actor: Actor, request: PlacementRequest) -> ReportLineOut | None:
    """How far the report of a request is, for whoever may keep it: also before anybody opened it."""
    found = report(tx, request.id) or draft(tx, request)
    if found is None or not may(actor, Verb.REPORT_KEEP) or not may_keep(tx, actor, found, request):
        return None
    return _line(tx, found, request, desks(tx))


def draft(tx: Tx, request: PlacementRequest) -> Report | None:
    """What the report of a request is before it is opened. A follow-on is about somebody who has one: it has none."""
    if request.continues_id is not None:
        return None
    _, limits = policy.current(tx, policy.Reporting)
    return Report(
        request_id=request.id,
        state=ReportState.TO_DO,
        criteria_version=policy.current(tx, policy.PoliceCriteria)[0],
        opened_at=tx.now,
        due_at=request.created_at + timedelta(days=limits.due_days),
        changed_at=tx.now,
    )


def came_in_on(request: PlacementRequest) -> date:
    """The day a request came in, on the calendar on the wall."""
    return request.created_at.astimezone(AMSTERDAM).date()


def reports_of(tx: Tx, actor: Actor) -> list[ReportLineOut]:
    """The reports the actor may keep that wait, those due first, then those that were sent, oldest first.

    The desk keeps them all, but is only shown its own, what is late and what it has to confirm.
    """
    own = actor.organisation_id
    near = (
        (col(PlacementRequest.owner_organisation_id) == own)
        | (col(PlacementRequest.submitted_organisation_id) == own)
        | (col(PlacementRequest.on_behalf_of) == own)
        | (col(Report.reporter_id) == own)
    )
    waiting = _with_request().where(col(Report.state).in_(WAITS)).order_by(col(Report.due_at), Report.request_id)
    sent = _with_request().where(Report.state == ReportState.SENT).order_by(col(Report.sent_at), Report.request_id)
    if _is_desk(actor):
        waiting = waiting.where(near | (col(Report.due_at) <= tx.now))
    else:
        waiting, sent = waiting.where(near), sent.where(near)
    known = desks(tx)
    return [
        _line(tx, found, request, known)
        for query in (waiting, sent)
        for found, request in islice(
            ((one, of) for one, of in tx.session.exec(query) if may_keep(tx, actor, one, of, known)), LIST_MAX
        )
    ]


def overdue_counts(tx: Tx, actor: Actor) -> list[OverdueOut]:
    """How many reports are overdue per region and kind of organisation that reports, and how late the oldest is.

    The national coordinator sees numbers only, and none so small that it points at one case.
    """
    oldest: dict[tuple[str, OrganisationKind], list[datetime]] = {}
    known = desks(tx)
    for found, request in _overdue(tx):
        reporter = reporter_of(tx, found, request, known)
        if reporter is not None:
            oldest.setdefault((request.region_code, reporter.kind), []).append(found.due_at)
    exact = _is_desk(actor)
    return [
        OverdueOut(
            region=region,
            kind=kind,
            reports=len(dues) if exact or len(dues) >= rules.SMALL else None,
            oldest_days=(tx.now - min(dues)).days if exact or len(dues) >= rules.SMALL else None,
        )
        for (region, kind), dues in sorted(oldest.items())
    ]


def overdue_total(tx: Tx, shown: Sequence[OverdueOut]) -> tuple[int, bool]:
    """How many reports are overdue in the whole country, and whether that is all of them.

    Where the rest of what is shown would tell of a small number it is left out: a sum must not give away what a cell
    hides.
    """
    every = len(list(_overdue(tx)))
    seen = sum(row.reports or 0 for row in shown)
    hidden = sum(row.reports is None for row in shown)
    return (seen, False) if rules.rest_tells(every - seen, hidden) else (every, True)


def criteria_version(tx: Tx, found: Report) -> int:
    """Under which words a report is asked the criteria: those it has answers to, else those in force."""
    if found.criteria or found.state not in WAITS:
        return found.criteria_version
    return policy.current(tx, policy.PoliceCriteria)[0]


def police_criteria(tx: Tx) -> PoliceCriteriaOut:
    """The words in force."""
    version, found = policy.current(tx, policy.PoliceCriteria)
    return PoliceCriteriaOut(
        criteria=[PoliceCriterionIn(code=one.code, nl=one.nl, en=one.en) for one in found.criteria], version=version
    )


def asked(tx: Tx, version: int) -> list[policy.PoliceCriterion]:
    """The criteria of a version that have words, and so are asked."""
    found = policy.at_version(tx, policy.PoliceCriteria, version)
    return [one for one in found.criteria if one.nl and one.en]


def _overdue(tx: Tx) -> Iterable[tuple[Report, PlacementRequest]]:
    return tx.session.exec(_with_request().where(col(Report.state).in_(WAITS), col(Report.due_at) <= tx.now))


def _with_request() -> Select[Report, PlacementRequest]:
    return select(Report, PlacementRequest).join(PlacementRequest, col(PlacementRequest.id) == Report.request_id)


def _is_desk(actor: Actor) -> bool:
    return actor.role is Role.NATIONAL_DESK and actor.organisation_kind is OrganisationKind.NATIONAL_DESK


def _criteria(tx: Tx, found: Report) -> list[CriterionOut]:
    return [
        CriterionOut(code=one.code, nl=one.nl, en=one.en, answer=Fact(found.criteria.get(one.code, Fact.UNKNOWN)))
        for one in asked(tx, criteria_version(tx, found))
    ]


def _line(tx: Tx, found: Report, request: PlacementRequest, known: Desks) -> ReportLineOut:
    reporter = reporter_of(tx, found, request, known)
    state = ReportState(found.state)
    return ReportLineOut(
        request_id=found.request_id,
        short_code=request.short_code,
        region=request.region_code,
        state=state,
        reporter=reporter.name if reporter else "",
        due_at=found.due_at,
        overdue=rules.overdue(state, found.due_at, tx.now),
        sent_at=found.sent_at,
    )


def _reporter(found: Organisation) -> Reporter:
    return Reporter(found.id, found.name, OrganisationKind(found.kind))


def _reporter_out(found: Reporter) -> ReporterOut:
    return ReporterOut(id=found.id, name=found.name, kind=found.kind, has_duty=found.has_duty)
