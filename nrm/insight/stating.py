"""Making the shortage statements: each period's once, by itself, kept as it was; and who hears that it is there."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from babel.dates import format_date
from sqlalchemy import delete, exists, func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased, defer
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import REGIONAL, Actor, OrganisationKind, Verb, may, reach
from nrm.access.service import require
from nrm.clock import AMSTERDAM
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.insight import queries, releases, telling
from nrm.insight.disclosure import Shown
from nrm.insight.models import PictureState, StatementSubscription, StatementVersion, UnmetCause
from nrm.insight.rules import Cause
from nrm.insight.statement import (
    BACK_MAX,
    IN_REST,
    NATIONAL,
    SMALL,
    Found,
    Kind,
    Period,
    Reason,
    RegionPlaces,
    Statement,
    counted,
    due,
    from_body,
    history_of,
    kept_places,
    made,
    period_of,
)
from nrm.insight.telling import Counted
from nrm.intake.models import PlacementRequest
from nrm.journal import JournalEntry
from nrm.notify import queries as ways
from nrm.notify import service as notify
from nrm.notify.rules import ChannelName
from nrm.placing.models import ContinuityCount
from nrm.registry import quality
from nrm.registry import queries as registry

_ADDRESSEES = {
    Kind.MONTHLY: (OrganisationKind.MUNICIPALITY, OrganisationKind.MINISTRY),
    Kind.QUARTERLY: (OrganisationKind.MINISTRY, OrganisationKind.NATIONAL_COORDINATION),
}
"""Who hears of a statement without having asked for it; a municipality of those of its own region."""


_NOT_COUNTED = {"times", "norm"}
"""Tables of which what they say is not in what was counted."""


@dataclass(frozen=True)
class Made:
    """A statement as it is kept, and what is known of how it came about."""

    row: StatementVersion
    said: Statement
    newest: int
    """The number of the newest version of the same period."""


@dataclass(frozen=True)
class _Wanted:
    """A statement that should be there by now."""

    period: Period
    region: str


@dataclass(frozen=True)
class _Draft:
    """A statement with what of it may be told."""

    period: Period
    as_of: datetime
    places_at: datetime
    found: Found
    counted: Counted
    shown: Shown
    beside: int
    """Beside how many releases of the year."""


def make_due(database: Database, public_url: str) -> int:
    """Make every statement that should be there and is not. Returns how many were made.

    Nothing has to remember a month: what should be there is worked out from the calendar, and the unique row of its
    first version is the claim. So a missed month is made up for, two workers make one, and a crash leaves none or all
    of it. The journal must have been read up to the moment the statement speaks of.
    """
    with database.reading() as tx:
        wanted = _wanted(tx)
        _, rule = policy.current(tx, policy.Statements)
    made_now = 0
    # All of one period at once, a month before the quarter it ends: they are told beside each other.
    for period in sorted({one.period for one in wanted}, key=lambda one: (one.until, one.kind is Kind.QUARTERLY)):
        regions = [one.region for one in wanted if one.period == period]
        with database.reading() as tx:
            drafts = _drafts(tx, period, regions, period.due_at(rule.after_days, rule.made_at), 1)
        made_now += database.each(drafts, partial(_make, public_url))
    return made_now


def next_due(database: Database) -> datetime:
    """When the next statement is due, as policy stands."""
    with database.reading() as tx:
        _, rule = policy.current(tx, policy.Statements)
        today = tx.now.astimezone(AMSTERDAM).date()
        moments = [
            one.due_at(rule.after_days, rule.made_at)
            for kind in Kind
            for one in (period_of(kind, today).before, period_of(kind, today))
        ]
        return min(at for at in moments if at > tx.now)


def provisional(tx: Tx, region: str) -> Statement:
    """The statement of the month, or of the country the quarter, that is not over: it changes until it is made."""
    kind = Kind.QUARTERLY if region == NATIONAL else Kind.MONTHLY
    period = period_of(kind, tx.now.astimezone(AMSTERDAM).date())
    found = _found(tx, period, region, tx.now, _places(tx))
    said = counted(period, region, found, tx.now, 1, _regions(tx))
    return _stated(tx, _Draft(period, tx.now, tx.now, found, said, telling.alone(said), 0))


def statements(tx: Tx, actor: Actor, year: int) -> list[StatementVersion]:
    """The statements of a year that the actor may read, newest period first, without what they say.

    Of each the newest version.
    """
    newer = aliased(StatementVersion)
    later = exists().where(
        col(newer.kind) == col(StatementVersion.kind),
        col(newer.region_code) == col(StatementVersion.region_code),
        col(newer.since) == col(StatementVersion.since),
        col(newer.version) > col(StatementVersion.version),
    )
    query = _readable(actor).where(
        ~later, col(StatementVersion.since) >= date(year, 1, 1), col(StatementVersion.since) < date(year + 1, 1, 1)
    )
    ordered = query.order_by(
        col(StatementVersion.since).desc(), col(StatementVersion.kind).desc(), StatementVersion.region_code
    )
    return list(tx.session.exec(ordered.options(defer(StatementVersion.body))))  # type: ignore[arg-type]


def years(tx: Tx, actor: Actor) -> list[int]:
    """From the newest year to the oldest of which the actor may read a statement."""
    ends = _readable(actor).with_only_columns(func.min(StatementVersion.since), func.max(StatementVersion.since))
    first, last = tx.session.execute(ends).one()
    return list(range(last.year, first.year - 1, -1)) if first else []


def _readable(actor: Actor) -> SelectOfScalar[StatementVersion]:
    """What this actor may read."""
    require(actor, Verb.STATEMENT_READ)
    own = _own(actor)
    query = select(StatementVersion)
    return query if own is None else query.where(col(StatementVersion.region_code).in_((NATIONAL, own)))


def statement(tx: Tx, actor: Actor, statement_id: str) -> Made:
    """One version of one statement. One that is not for this actor does not exist."""
    require(actor, Verb.STATEMENT_READ)
    row = tx.session.get(StatementVersion, statement_id)
    if row is None or not may_read(actor, row.region_code):
        raise NotFound("no_statement")
    return Made(row, from_body(row.body), _versions(tx, row)[-1].version)


def versions(tx: Tx, actor: Actor, statement_id: str) -> list[StatementVersion]:
    """Every version of the same period, oldest first."""
    return _versions(tx, statement(tx, actor, statement_id).row)


def may_read(actor: Actor, region: str) -> bool:
    """Whether the statements of a region, or of the country, are for this actor."""
    return may(actor, Verb.STATEMENT_READ) and (region == NATIONAL or _own(actor) in {None, region})


def correct(tx: Tx, actor: Actor, statement_id: str, reason: str, public_url: str) -> StatementVersion:
    """Make the statement of a period once more, from what is known now. The earlier version stays as it was.

    Places and rooms are those of the first time: how they stood then cannot be counted again. Raises Conflict when
    nothing is different, or nothing that would be told (a version that tells the same tells one thing more: that
    somebody is behind a number left out), or somebody corrected it a moment ago.
    """
    require(actor, Verb.STATEMENT_CORRECT)
    if reason not in set(Reason):
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    before = statement(tx, actor, statement_id)
    if before.row.version != before.newest:
        raise Conflict("statement_corrected_already")
    period = Period(before.said.kind, before.said.since)
    (draft,) = _drafts(tx, period, [before.said.region], tx.now, before.row.version + 1)
    again = kept_places(_stated(tx, draft), before.said)
    same = [one for one in again.tables if one.code in _NOT_COUNTED] == [
        one for one in before.said.tables if one.code in _NOT_COUNTED
    ]
    if _seen(again) == _seen(before.said) or (same and draft.counted.plain() == before.row.counted):
        raise Conflict("statement_unchanged")
    row = _keep(tx, again, draft.counted, actor.account_id, reason)
    if row is None:
        raise Conflict("statement_corrected_already")
    _tell(tx, row, public_url)
    return row


def _seen(said: Statement) -> list[tuple[str, str, tuple[object, ...]]]:
    """The rows of all tables as a reader sees them: why a number is left out is no number."""
    return [
        (table.code, row.code, tuple(None if cell in {SMALL, IN_REST} else cell for cell in row.cells))
        for table in said.tables
        for row in table.rows
    ]


def subscriptions(tx: Tx, actor: Actor) -> set[tuple[str, str]]:
    """(kind, region) of what this actor hears of."""
    rows = select(StatementSubscription).where(StatementSubscription.account_id == actor.account_id)
    return {(row.kind, row.region_code) for row in tx.session.exec(rows)}


def subscribe(tx: Tx, actor: Actor, kind: str, region: str) -> None:
    """Hear when statements of this kind are there. Twice is once."""
    require(actor, Verb.STATEMENT_READ)
    known = region == NATIONAL if kind == Kind.QUARTERLY else region in {one.code for one in registry.regions(tx)}
    if kind not in set(Kind) or not known:
        raise Invalid("invalid", (FieldError(("region",), "unknown_choice"),))
    if not may_read(actor, region):
        raise NotFound("no_statement")
    with suppress(IntegrityError), tx.session.begin_nested():
        tx.session.add(StatementSubscription(account_id=actor.account_id, kind=kind, region_code=region, since=tx.now))
        tx.session.flush()
        tx.record("statement.subscribed", f"account:{actor.account_id}", statement=kind, region=region)


def unsubscribe(tx: Tx, actor: Actor, kind: str, region: str) -> None:
    """Hear of them no more."""
    require(actor, Verb.STATEMENT_READ)
    gone = delete(StatementSubscription).where(
        col(StatementSubscription.account_id) == actor.account_id,
        col(StatementSubscription.kind) == kind,
        col(StatementSubscription.region_code) == region,
    )
    if tx.affected(gone):
        tx.record("statement.unsubscribed", f"account:{actor.account_id}", statement=kind, region=region)


def _own(actor: Actor) -> str | None:
    """The one region of somebody who only sees one; None is all of them."""
    return reach(actor) if actor.role in REGIONAL else None


def _first_day(tx: Tx) -> date | None:
    """Since when anything is recorded here."""
    first = tx.session.exec(select(func.min(PlacementRequest.created_at))).one()
    return first.astimezone(AMSTERDAM).date() if first else None


def _wanted(tx: Tx) -> list[_Wanted]:
    """What should be there by now, is not, and can be made."""
    first = _first_day(tx)
    if first is None:
        return []
    _, rule = policy.current(tx, policy.Statements)
    periods = [one for kind in Kind for one in due(kind, first, tx.now, rule.after_days, rule.made_at)]
    periods = [one for one in periods if _read_up_to(tx, one.due_at(rule.after_days, rule.made_at))]
    if not periods:
        return []
    first_versions = select(StatementVersion).where(
        StatementVersion.version == 1, col(StatementVersion.since) >= min(one.since for one in periods)
    )
    slim = first_versions.options(defer(StatementVersion.body))  # type: ignore[arg-type]
    there = {(row.kind, row.region_code, row.since) for row in tx.session.exec(slim)}
    regions = [one.code for one in registry.regions(tx)]
    return [
        _Wanted(one, region)
        for one in periods
        for region in ([NATIONAL] if one.kind is Kind.QUARTERLY else regions)
        if (one.kind, region, one.since) not in there
    ]


def _read_up_to(tx: Tx, moment: datetime) -> bool:
    """Whether the picture has read every entry of the journal up to a moment."""
    seq = tx.session.get_one(PictureState, 1).seq
    unread = select(JournalEntry.at).where(col(JournalEntry.seq) > seq).order_by(col(JournalEntry.seq)).limit(1)
    following = tx.session.exec(unread).first()
    return following is None or following > moment


def _make(public_url: str, tx: Tx, draft: _Draft) -> bool:
    """Make one statement, unless another worker did meanwhile."""
    if len(releases.of_year(tx, str(draft.period.since.year))) != draft.beside:
        return False  # one came out meanwhile: it must be laid beside
    row = _keep(tx, _stated(tx, draft), draft.counted, tx.actor_id, None)
    if row is None:
        return False
    _tell(tx, row, public_url)
    return True


def _keep(tx: Tx, said: Statement, of: Counted, by: str, reason: str | None) -> StatementVersion | None:
    """Keep a version; None when there is one with this number. The unique row is the claim."""
    version = of.version
    row = StatementVersion(
        id=tx.new_id(),
        kind=said.kind,
        region_code=said.region,
        since=said.since,
        version=version,
        made_at=tx.now,
        made_by=by,
        reason=reason,
        body=said.as_body(),
        counted=of.plain(),
    )
    try:
        with tx.session.begin_nested():
            tx.session.add(row)
            tx.session.flush()
    except IntegrityError:
        return None
    tx.record(
        "statement.made",
        f"statement:{row.id}",
        "picture",
        statement=row.kind,
        region=row.region_code,
        since=row.since.isoformat(),
        version=version,
        reason=reason,
    )
    return row


def _drafts(tx: Tx, period: Period, regions: Sequence[str], as_of: datetime, version: int) -> list[_Draft]:
    """Statements of one period as of one moment, with what may be told of them beside all that is out."""
    places, codes = _places(tx), _regions(tx)
    found = {region: _found(tx, period, region, as_of, places) for region in regions}
    new = [counted(period, region, found[region], as_of, version, codes) for region in regions]
    year = period.since.year
    said, told = releases.stated_of(tx, year)
    beside, shown_before = releases.beside(tx, year)
    shown = telling.tell(new, said, beside, shown_before | told)
    out = len(releases.of_year(tx, str(year)))
    return [_Draft(period, as_of, tx.now, found[one.region], one, shown, out) for one in new]


def _found(tx: Tx, period: Period, region: str, as_of: datetime, places: Sequence[RegionPlaces]) -> Found:
    one_region = None if region == NATIONAL else region
    end = min(period.ends_at, as_of)
    waiting = queries.causes_at(tx, end, one_region)
    return Found(
        courses=queries.courses_since(tx, period.starts_at, end, one_region),
        waiting={part.cause: part.requests for part in waiting.parts},
        ended=_ended(tx, period.starts_at, end, one_region),
        places=[one for one in places if one_region in {None, one.region}],
        continuity=_continuity(tx, period, one_region),
        history=_history(tx, period, region),
    )


def _stated(tx: Tx, draft: _Draft) -> Statement:
    first = _first_day(tx) or draft.period.since
    return made(draft.period, draft.found, draft.counted, draft.shown, draft.as_of, draft.places_at, first)


def _regions(tx: Tx) -> list[str]:
    return [one.code for one in registry.regions(tx)]


def _ended(tx: Tx, since: datetime, until: datetime, region: str | None) -> Mapping[Cause, int]:
    rows = (
        select(UnmetCause.cause)
        .join(PlacementRequest, col(PlacementRequest.id) == UnmetCause.request_id)
        .where(col(UnmetCause.outcome).is_not(None), col(UnmetCause.since) >= since, col(UnmetCause.since) < until)
    )
    if region is not None:
        rows = rows.where(PlacementRequest.region_code == region)
    return Counter(Cause(cause) for cause in tx.session.exec(rows))


def _continuity(tx: Tx, period: Period, region: str | None) -> Mapping[str, int]:
    rows = select(ContinuityCount).where(
        col(ContinuityCount.month) >= period.since, col(ContinuityCount.month) < period.until
    )
    if region is not None:
        rows = rows.where(ContinuityCount.region_code == region)
    counts: Counter[str] = Counter()
    for row in tx.session.exec(rows):
        counts[row.answer] += row.answers
    return counts


def _history(tx: Tx, period: Period, region: str) -> list[tuple[date, int | str, int | str]]:
    """What earlier statements say of their own period: their newest versions, oldest first."""
    rows = (
        select(StatementVersion)
        .where(
            StatementVersion.kind == period.kind,
            StatementVersion.region_code == region,
            col(StatementVersion.since) < period.since,
        )
        .order_by(col(StatementVersion.since).desc(), col(StatementVersion.version).desc())
    )
    newest: dict[date, StatementVersion] = {}
    for row in tx.session.exec(rows):
        if row.since not in newest and len(newest) == BACK_MAX[period.kind] - 1:
            break
        newest.setdefault(row.since, row)
    return [history_of(from_body(newest[since].body)) for since in sorted(newest)]


def places_now(tx: Tx, region: str | None = None) -> list[RegionPlaces]:
    """Per region the places in use, their houses, and the norm: exact, for whoever sees the numbers themselves."""
    return [one for one in _places(tx) if region in {None, one.region}]


def _places(tx: Tx) -> list[RegionPlaces]:
    _, norm = policy.current(tx, policy.Capacity)
    rooms = quality.counts(tx)
    places: Counter[str] = Counter()
    houses: Counter[str] = Counter()
    trusted: Counter[str] = Counter()
    for row in registry.board_rows(registry.locations(tx)):
        places[row.region_code] += row.places - row.out_of_service
        houses[row.region_code] += row.locations
        trusted[row.region_code] += row.locations_trusted
    norms: Mapping[str, int] = {str(code): least for code, least in norm.places_min.items()}
    return [
        RegionPlaces(
            one.code,
            places[one.code],
            houses[one.code],
            trusted[one.code],
            norms.get(one.code),
            *rooms.get(one.code, (0, 0, 0)),
        )
        for one in registry.regions(tx)
    ]


def _versions(tx: Tx, row: StatementVersion) -> list[StatementVersion]:
    same = select(StatementVersion).where(
        StatementVersion.kind == row.kind,
        StatementVersion.region_code == row.region_code,
        StatementVersion.since == row.since,
    )
    return list(tx.session.exec(same.order_by(col(StatementVersion.version))))


def _tell(tx: Tx, row: StatementVersion, public_url: str) -> None:
    """Say that it is there: to whom it is made for, and to whoever asked to hear it. A link; never a figure.

    An organisation that hears of every region hears it once per month, not once per region; a correction by itself.
    """
    kind = Kind(row.kind)
    subject, body = _words(row, public_url)
    for organisation in _addressees(tx, kind, row.region_code):
        of_all = organisation.kind != OrganisationKind.MUNICIPALITY and row.version == 1
        key = f"{kind}:{row.since}" if of_all else row.id
        _queue(tx, f"statement:{key}:{organisation.id}", row, organisation.email, subject, body)
    rows = select(StatementSubscription).where(
        StatementSubscription.kind == kind, StatementSubscription.region_code == row.region_code
    )
    for one in tx.session.exec(rows.order_by(StatementSubscription.account_id)).all():
        actor = access.actor_of_account(tx, one.account_id)
        if actor is None or not may_read(actor, row.region_code):
            continue
        own = next(iter(ways.ways_of(tx, one.account_id, (ChannelName.EMAIL,))), None)
        key = f"statement:{row.id}:{one.account_id}"
        if own is not None:
            _queue(tx, key, row, own.address, subject, body, one.account_id, own.id)
        else:
            _queue(tx, key, row, access.organisation(tx, actor.organisation_id).email, subject, body)


def _addressees(tx: Tx, kind: Kind, region: str) -> Iterable[Organisation]:
    for of in _ADDRESSEES[kind]:
        for one in access.organisations_of_kind(tx, of):
            if of is not OrganisationKind.MUNICIPALITY or one.region_code == region:
                yield one


def _queue(
    tx: Tx,
    key: str,
    row: StatementVersion,
    recipient: str | None,
    subject: str,
    body: str,
    account_id: str | None = None,
    point_id: str | None = None,
) -> None:
    if recipient is None:
        return
    # Two workers may tell one ministry of two regions at once: whoever is second has nothing left to say.
    with suppress(IntegrityError), tx.session.begin_nested():
        notify.queue(
            tx,
            key,
            f"statement:{row.id}",
            ChannelName.EMAIL,
            recipient,
            subject,
            body,
            account_id=account_id,
            contact_point_id=point_id,
        )


def _words(row: StatementVersion, public_url: str) -> tuple[str, str]:
    if row.kind == Kind.QUARTERLY:
        period = f"het {Period(Kind.QUARTERLY, row.since).name[-1]}e kwartaal van {row.since.year}"
    else:
        period = format_date(row.since, "LLLL y", locale="nl")
    if row.version > 1:
        return (
            f"Verbeterd tekortoverzicht van {period}",
            f"Van het tekortoverzicht is een nieuwe versie gemaakt; de vorige blijft staan.\n"
            f"{public_url}/landelijk/tekort/{row.id}",
        )
    return (
        f"Tekortoverzicht van {period}",
        f"Het tekortoverzicht van {period} staat klaar. De cijfers staan niet in dit bericht.\n"
        f"{public_url}/landelijk/tekort",
    )
