"""Reading requests."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case
from sqlmodel import col, select

from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, Role, Verb, may
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.intake import rules
from nrm.intake.models import (
    Bar,
    KeptApart,
    PlacementRequest,
    PreAlert,
    Repeat,
    RequestFact,
    RequestPerson,
    UnsafeRegion,
)
from nrm.intake.rules import UNPLACED, Fact, Person, RequestStatus, Sex, UnsafeReason
from nrm.intake.schemas import PreAlertOut, RepeatOut

PAGE_MAX = 100
BATCH = 1000
"""So many ids are asked for at once."""


@dataclass(frozen=True)
class RequestDetail:
    """A request with its party, facts, unsafe regions, links and bars in force."""

    request: PlacementRequest
    persons: tuple[Person, ...]
    facts: dict[str, Fact]
    unsafe: dict[str, UnsafeReason]
    apart: tuple[str, ...]
    bars: tuple[Bar, ...]

    @property
    def barred_locations(self) -> dict[str, str]:
        """Location → why it is out for this request, for bars in force."""
        return {bar.location_id: bar.cause for bar in self.bars}


def request(tx: Tx, request_id: str, for_update: bool = False) -> PlacementRequest:
    """One request; `for_update` locks its row until the transaction ends. Raises NotFound."""
    query = select(PlacementRequest).where(PlacementRequest.id == request_id)
    if for_update:
        # Not the key: a row that refers to this one may be written meanwhile, and never waits for us.
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = tx.session.exec(query).first()
    if found is None:
        raise NotFound("no_request")
    return found


def details(tx: Tx, requests: Iterable[PlacementRequest]) -> list[RequestDetail]:
    """The given requests with everything that belongs to them, in the given order."""
    wanted = list(requests)
    ids = [found.id for found in wanted]
    persons: dict[str, list[Person]] = {}
    for row in tx.session.exec(
        select(RequestPerson).where(col(RequestPerson.request_id).in_(ids)).order_by(col(RequestPerson.position))
    ):
        persons.setdefault(row.request_id, []).append(Person(Sex(row.sex), row.age, row.age_estimated, row.parent))
    facts: dict[str, dict[str, Fact]] = {}
    for fact in tx.session.exec(select(RequestFact).where(col(RequestFact.request_id).in_(ids))):
        facts.setdefault(fact.request_id, {})[fact.criterion] = Fact(fact.value)
    unsafe: dict[str, dict[str, UnsafeReason]] = {}
    for region in tx.session.exec(select(UnsafeRegion).where(col(UnsafeRegion.request_id).in_(ids))):
        unsafe.setdefault(region.request_id, {})[region.region_code] = UnsafeReason(region.reason)
    apart: dict[str, list[str]] = {}
    for link in tx.session.exec(
        select(KeptApart).where(col(KeptApart.request_id).in_(ids)).order_by(KeptApart.other_code)
    ):
        apart.setdefault(link.request_id, []).append(link.other_code)
    bars: dict[str, list[Bar]] = {}
    for bar in tx.session.exec(
        select(Bar).where(col(Bar.request_id).in_(ids), col(Bar.until).is_(None) | (col(Bar.until) > tx.now))
    ):
        bars.setdefault(bar.request_id, []).append(bar)
    return [
        RequestDetail(
            request=found,
            persons=tuple(persons.get(found.id, ())),
            facts=facts.get(found.id, {}),
            unsafe=unsafe.get(found.id, {}),
            apart=tuple(apart.get(found.id, ())),
            bars=tuple(bars.get(found.id, ())),
        )
        for found in wanted
    ]


def detail(tx: Tx, request_id: str, for_update: bool = False) -> RequestDetail:
    """One request with everything that belongs to it. Raises NotFound."""
    return details(tx, [request(tx, request_id, for_update)])[0]


def group(tx: Tx, group_id: str) -> list[PlacementRequest]:
    """The requests of a group, in the order of their ids. Empty when there is no such group."""
    return list(
        tx.session.exec(
            select(PlacementRequest).where(PlacementRequest.group_id == group_id).order_by(PlacementRequest.id)
        ).all()
    )


def repeats(tx: Tx) -> list[RepeatOut]:
    """Pairs of requests that may be about one person and were not looked into, oldest first, at most a page."""
    rows = tx.session.exec(
        select(Repeat).where(col(Repeat.ended_at).is_(None)).order_by(col(Repeat.noticed_at), Repeat.id).limit(PAGE_MAX)
    ).all()
    listed = []
    for row in rows:
        both = [request(tx, row.first_id), request(tx, row.second_id)]
        owners = [access.organisation(tx, found.owner_organisation_id) for found in both]
        listed.append(
            RepeatOut(
                id=row.id,
                codes=[found.short_code for found in both],
                owners=[owner.name for owner in owners],
                phones=[owner.phone for owner in owners],
                noticed_at=row.noticed_at,
            )
        )
    return listed


def pre_alerts(tx: Tx, actor: Actor) -> list[PreAlertOut]:
    """Planned checks that are not over: all of them for the desk, for others those of their own organisation."""
    query = (
        select(PreAlert, Organisation)
        .join(Organisation, col(Organisation.id) == PreAlert.organisation_id)
        .where(col(PreAlert.withdrawn_at).is_(None), col(PreAlert.until_at) > tx.now)
        .order_by(col(PreAlert.from_at), PreAlert.id)
        .limit(PAGE_MAX)
    )
    if actor.role not in {Role.DUTY_OFFICER, Role.NATIONAL_DESK}:
        query = query.where(PreAlert.organisation_id == actor.organisation_id)
    elif actor.region_code is not None:
        query = query.where(PreAlert.region_code == actor.region_code)
    return [
        PreAlertOut(
            id=found.id,
            region=found.region_code,
            from_at=found.from_at,
            until_at=found.until_at,
            persons=found.persons,
            organisation=organisation.name,
            own=found.organisation_id == actor.organisation_id,
        )
        for found, organisation in tx.session.exec(query)
    ]


def lines(tx: Tx, request_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Request → id and short code of every request for the same party: what it follows on and what follows on it.

    Keeping apart holds for the party, so it holds for the whole line.
    """
    wanted = list(request_ids)
    columns = select(PlacementRequest.id, PlacementRequest.short_code, PlacementRequest.continues_id)
    rows: dict[str, tuple[str, str | None]] = {}
    frontier = set(wanted)
    while frontier:
        near = col(PlacementRequest.id).in_(frontier) | col(PlacementRequest.continues_id).in_(frontier)
        found = {row_id: (code, before) for row_id, code, before in tx.session.exec(columns.where(near))}
        earlier = {before for _, before in found.values() if before is not None}
        frontier = (set(found) | earlier) - set(rows) - frontier
        rows |= found
    neighbours: dict[str, set[str]] = {row_id: set() for row_id in rows}
    for row_id, (_, before) in rows.items():
        if before is not None:
            neighbours[row_id].add(before)
            neighbours[before].add(row_id)
    result: dict[str, dict[str, str]] = {}
    for start in wanted:
        seen: set[str] = set()
        todo = [start] if start in rows else []
        while todo:
            here = todo.pop()
            seen.add(here)
            todo += neighbours[here] - seen
        result[start] = {row_id: rows[row_id][0] for row_id in seen}
    return result


def unplaced(tx: Tx) -> list[PlacementRequest]:
    """Everyone who still waits for a place, longest deadline first come first."""
    return list(
        tx.session.exec(
            select(PlacementRequest)
            .where(col(PlacementRequest.status).in_(UNPLACED))
            .order_by(col(PlacementRequest.deadline_at), PlacementRequest.id)
        ).all()
    )


def these(tx: Tx, request_ids: Iterable[str]) -> list[PlacementRequest]:
    """The requests of these ids, newest first."""
    wanted = sorted(set(request_ids))
    found: list[PlacementRequest] = []
    for start in range(0, len(wanted), BATCH):
        some = select(PlacementRequest).where(col(PlacementRequest.id).in_(wanted[start : start + BATCH]))
        found += tx.session.exec(some).all()
    return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)


def visible(tx: Tx, actor: Actor, closed: bool = False, offset: int = 0) -> list[PlacementRequest]:
    """A page of the requests this actor may open (or, as a first responder, follow), most urgent deadline first.

    Whoever still waits comes before those who have a place: a page of guests must not push them off the list.
    """
    query = select(PlacementRequest)
    if may(actor, Verb.REQUEST_FOLLOW):
        query = query.where(PlacementRequest.submitted_by == actor.account_id)
    elif not may(actor, Verb.REQUEST_READ):
        return []
    elif actor.role is Role.DUTY_OFFICER:
        if actor.region_code is not None:
            query = query.where(PlacementRequest.region_code == actor.region_code)
    else:
        query = query.where(PlacementRequest.owner_organisation_id == actor.organisation_id)
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False))
    is_closed = col(PlacementRequest.status) == RequestStatus.CLOSED
    query = query.where(is_closed if closed else ~is_closed)
    order = col(PlacementRequest.closed_at).desc() if closed else col(PlacementRequest.deadline_at)
    placed = case((col(PlacementRequest.status).in_(UNPLACED), 0), else_=1)
    return list(
        tx.session.exec(query.order_by(placed, order, PlacementRequest.id).offset(offset).limit(PAGE_MAX)).all()
    )


def ids_of_codes(tx: Tx, codes: Iterable[str]) -> dict[str, str]:
    """Short code → request id, for those that exist."""
    rows = tx.session.exec(
        select(PlacementRequest.short_code, PlacementRequest.id).where(
            col(PlacementRequest.short_code).in_(list(codes))
        )
    )
    return dict(rows.all())


@dataclass(frozen=True)
class OpenCount:
    """How many requests wait in one region, by urgency, and how many of those are overdue."""

    region_code: str
    urgency: str
    waiting: int
    overdue: int


def open_counts(tx: Tx, region_code: str | None = None) -> list[OpenCount]:
    """Numbers of waiting requests per region and urgency: no case, only counts."""
    counts: dict[tuple[str, str], list[int]] = {}
    for found in unplaced(tx):
        if region_code is not None and found.region_code != region_code:
            continue
        cell = counts.setdefault((found.region_code, found.urgency), [0, 0])
        cell[0] += 1
        cell[1] += is_unmet(found, tx.now)
    return [OpenCount(*key, *counts[key]) for key in sorted(counts)]


def is_unmet(found: PlacementRequest, now: datetime) -> bool:
    """Whether this request's deadline passed without a place."""
    return rules.unmet(RequestStatus(found.status), found.deadline_at, now)
