"""Taking a request in, learning more about it, and ending it. A request always has an owner."""

from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from nrm import policy
from nrm.access import queries as access
from nrm.access.rules import Actor, OrganisationKind, Role, Verb, may_follow, may_see_case, owns_case
from nrm.access.service import log_read, require
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake import queries, rules
from nrm.intake.models import Bar, KeptApart, PlacementRequest, RequestFact, RequestPerson, UnsafeRegion
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import CLOSING_OUTCOMES, NEEDS, UNPLACED, WISHES, Fact, Outcome, Person, RequestStatus, Urgency
from nrm.intake.schemas import AmendIn, Needs, RequestIn
from nrm.registry import queries as registry

NEEDED_FROM_AHEAD_MAX = timedelta(days=366)
NEEDED_FROM_BEHIND_MAX = timedelta(days=1)
NEXT_DAYS = 90
"""Expected length of a follow-on until somebody knows better: about the three months of a recovery period."""


def submit(tx: Tx, actor: Actor, shape: RequestIn) -> PlacementRequest:
    """Take a request in. Its owner is the asking organisation, or the duty desk when a first responder asks."""
    require(actor, Verb.REQUEST_SUBMIT)
    known_regions = {region.code for region in registry.regions(tx)}
    if shape.region not in known_regions:
        raise Invalid("invalid", (FieldError(("region",), "unknown_choice"),))
    if shape.on_behalf_of is not None:
        if actor.role is not Role.DUTY_OFFICER:
            raise Invalid("invalid", (FieldError(("onBehalfOf",), "only_duty_officer"),))
        try:
            access.organisation(tx, shape.on_behalf_of)
        except NotFound as error:
            raise Invalid("invalid", (FieldError(("onBehalfOf",), "unknown_choice"),)) from error
    unsafe = _checked(tx, shape, known_regions, tx.now)
    ladder_version, ladder = policy.current(tx, policy.Ladder)
    deadline_at = tx.now + timedelta(minutes=ladder.deadline_minutes[shape.urgency.value])
    persons = _persons(shape)
    alone = rules.minor_alone(persons)
    request_id = tx.new_id()
    by_first_responder = actor.role is Role.FIRST_RESPONDER
    found = PlacementRequest(
        id=request_id,
        short_code=_free_code(tx, request_id),
        region_code=shape.region,
        urgency=shape.urgency,
        exploitation=shape.exploitation,
        residence=shape.residence,
        needed_from=_needed_from(shape, tx.now),
        days=shape.days,
        refuses_police=shape.refuses_police,
        minor_alone=alone,
        needs=sorted(set(shape.needs)),
        wishes=sorted(set(shape.wishes)),
        submitted_by=actor.account_id,
        submitted_organisation_id=actor.organisation_id,
        on_behalf_of=shape.on_behalf_of,
        owner_organisation_id=_duty_desk(tx) if by_first_responder else actor.organisation_id,
        owner_account_id=actor.account_id if actor.role is Role.COORDINATOR else None,
        handover_needed=by_first_responder,
        status=RequestStatus.OPEN,
        created_at=tx.now,
        deadline_at=deadline_at,
        ladder_version=ladder_version,
        # A minor alone is an alarm at once; everyone else has until the deadline.
        rung_due_at=tx.now if alone else deadline_at,
    )
    tx.session.add(found)
    tx.session.flush()
    _write_parts(tx, request_id, shape, persons, unsafe)
    tx.record(
        "request.submitted",
        f"request:{request_id}",
        "requests",
        region=shape.region,
        urgency=shape.urgency,
        persons=len(persons),
        minor_alone=alone,
    )
    return found


def amend(tx: Tx, actor: Actor, request_id: str, shape: AmendIn) -> PlacementRequest:
    """Learn more about a request that still waits. Its clock keeps running from when it came in."""
    found = owned(tx, actor, request_id)
    if found.version != shape.version:
        raise Conflict("changed_meanwhile")
    if found.status not in UNPLACED:
        raise Conflict("not_waiting")
    unsafe = _checked(tx, shape, {region.code for region in registry.regions(tx)}, found.created_at)
    ladder = policy.at_version(tx, policy.Ladder, found.ladder_version)
    persons = _persons(shape)
    deadline_at = found.created_at + timedelta(minutes=ladder.deadline_minutes[shape.urgency.value])
    alone = rules.minor_alone(persons)
    newly_alone = alone and not found.minor_alone
    found.urgency = shape.urgency
    found.exploitation = shape.exploitation
    found.residence = shape.residence
    found.needed_from = _needed_from(shape, found.created_at)
    found.days = shape.days
    found.refuses_police = shape.refuses_police
    found.minor_alone = alone
    found.needs = sorted(set(shape.needs))
    found.wishes = sorted(set(shape.wishes))
    if found.rung_next == 0:
        found.rung_due_at = tx.now if alone else deadline_at
    elif newly_alone:
        found.rung_first, found.rung_due_at = found.rung_next, tx.now
    found.deadline_at = deadline_at
    found.version += 1
    tx.session.add(found)
    for part in (RequestPerson, RequestFact, UnsafeRegion, KeptApart):
        tx.session.execute(delete(part).where(col(part.request_id) == request_id))
    _write_parts(tx, request_id, shape, persons, unsafe)
    tx.record("request.amended", f"request:{request_id}", "requests", urgency=shape.urgency, version=found.version)
    return found


def close(tx: Tx, actor: Actor, request_id: str, outcome: Outcome, version: int) -> None:
    """End a request that was not placed, saying how it ended. A live offer must be withdrawn first."""
    if outcome not in CLOSING_OUTCOMES:
        raise Invalid("invalid", (FieldError(("outcome",), "unknown_choice"),))
    found = owned(tx, actor, request_id)
    if found.version != version:
        raise Conflict("changed_meanwhile")
    if found.status != RequestStatus.OPEN:
        raise Conflict("offer_or_stay_in_the_way" if found.status != RequestStatus.CLOSED else "already_closed")
    move(tx, request_id, (RequestStatus.OPEN,), RequestStatus.CLOSED, outcome=outcome, closed_at=tx.now)
    tx.record("request.closed", f"request:{request_id}", "requests", outcome=outcome)


def move(
    tx: Tx,
    request_id: str,
    come_from: tuple[RequestStatus, ...],
    to: RequestStatus,
    **values: object,
) -> None:
    """Change the state of a request, guarded. Its clock stops while it is accepted, placed or closed."""
    if to not in UNPLACED:
        values["rung_due_at"] = None
    tx.guarded(
        update(PlacementRequest)
        .where(col(PlacementRequest.id) == request_id, col(PlacementRequest.status).in_(come_from))
        .values(status=to, version=PlacementRequest.version + 1, **values),
        Conflict("request_moved_on"),
    )


def hasten(tx: Tx, request_id: str, deadline_at: datetime, rung_due_at: datetime | None) -> None:
    """Bring the deadline and the next rung of a request that still waits forward; neither ever moves back."""
    found = queries.request(tx, request_id, for_update=True)
    if found.status not in UNPLACED:
        return
    found.deadline_at = min(found.deadline_at, deadline_at)
    if found.rung_due_at is not None and rung_due_at is not None:
        found.rung_due_at = min(found.rung_due_at, rung_due_at)
    tx.session.add(found)
    tx.session.flush()


def open_next(
    tx: Tx, detail: RequestDetail, asked_by: str, needed_from: datetime, urgency: Urgency
) -> PlacementRequest:
    """Ask for the place that follows on one that is only for a few days.

    Party, facts, needs and what is unsafe travel with it, so that nobody has to tell them again; so does the owner.
    It rings when the next place is needed. Raises Conflict when it was asked before.
    """
    before = detail.request
    ladder_version, _ = policy.current(tx, policy.Ladder)
    request_id = tx.new_id()
    found = PlacementRequest(
        id=request_id,
        short_code=_free_code(tx, request_id),
        region_code=before.region_code,
        urgency=urgency,
        exploitation=before.exploitation,
        residence=before.residence,
        needed_from=needed_from,
        days=NEXT_DAYS,
        refuses_police=before.refuses_police,
        minor_alone=before.minor_alone,
        needs=before.needs,
        wishes=before.wishes,
        continues_id=before.id,
        submitted_by=asked_by,
        submitted_organisation_id=before.owner_organisation_id,
        owner_organisation_id=before.owner_organisation_id,
        owner_account_id=before.owner_account_id,
        # Whoever found the party has handed it over: from house to house nobody needs a hand-over point.
        handover_needed=False,
        status=RequestStatus.OPEN,
        created_at=tx.now,
        deadline_at=needed_from,
        ladder_version=ladder_version,
        rung_due_at=needed_from,
    )
    tx.session.add(found)
    try:
        tx.session.flush()
    except IntegrityError as error:
        raise Conflict("follow_on_exists") from error
    for position, person in enumerate(detail.persons):
        tx.session.add(RequestPerson(request_id=request_id, position=position, **asdict(person)))
    for criterion, value in detail.facts.items():
        tx.session.add(RequestFact(request_id=request_id, criterion=criterion, value=value))
    for region, reason in detail.unsafe.items():
        tx.session.add(UnsafeRegion(request_id=request_id, region_code=region, reason=reason))
    for code in detail.apart:
        tx.session.add(KeptApart(request_id=request_id, other_code=code))
    tx.session.flush()
    tx.record("request.followed_on", f"request:{before.id}", "requests", follow_on=request_id)
    tx.record("request.submitted", f"request:{request_id}", "requests", region=before.region_code, urgency=urgency)
    return found


def change_owner(tx: Tx, request_id: str, from_organisation_id: str, actor: Actor) -> None:
    """Give a request to the actor's organisation, in one step: it has an owner before, after and in between."""
    tx.guarded(
        update(PlacementRequest)
        .where(
            col(PlacementRequest.id) == request_id,
            col(PlacementRequest.owner_organisation_id) == from_organisation_id,
            col(PlacementRequest.status) != RequestStatus.CLOSED,
        )
        .values(
            owner_organisation_id=actor.organisation_id,
            owner_account_id=actor.account_id if actor.role is Role.COORDINATOR else None,
            version=PlacementRequest.version + 1,
        ),
        Conflict("request_moved_on"),
    )


def bar(tx: Tx, request_id: str, location_id: str, cause: str, until: datetime | None) -> None:
    """Leave a location out of this request, for good or until a moment. The longer bar stands."""
    row = tx.session.get(Bar, (request_id, location_id))
    if row is None:
        tx.session.add(Bar(request_id=request_id, location_id=location_id, cause=cause, until=until, since=tx.now))
    elif row.until is not None and (until is None or until > row.until):
        row.cause, row.until, row.since = cause, until, tx.now
    tx.session.flush()


def open_case(tx: Tx, actor: Actor, request_id: str, purpose: str) -> RequestDetail:
    """Read a request one may see; the read is logged first, in the same transaction."""
    found = queries.request(tx, request_id)
    if not may_see_case(actor, found):
        raise NotFound("no_request")
    log_read(tx, actor, f"request:{request_id}", purpose)
    return queries.detail(tx, request_id)


def open_list(tx: Tx, actor: Actor, closed: bool = False, offset: int = 0) -> list[RequestDetail]:
    """A page of at most 100 requests the actor may see; each one shown is a logged read."""
    found = queries.visible(tx, actor, closed, offset)
    for request in found:
        log_read(tx, actor, f"request:{request.id}", "list")
    return queries.details(tx, found)


def follow(tx: Tx, actor: Actor, request_id: str) -> PlacementRequest:
    """Read the state of one's own request as a first responder; logged."""
    found = queries.request(tx, request_id)
    if not may_follow(actor, found):
        raise NotFound("no_request")
    log_read(tx, actor, f"request:{request_id}", "follow")
    return found


def owned(tx: Tx, actor: Actor, request_id: str) -> PlacementRequest:
    """A request the actor decides on, locked. Somebody else's does not exist for them."""
    require(actor, Verb.REQUEST_CHANGE)
    found = queries.request(tx, request_id, for_update=True)
    if not owns_case(actor, found):
        raise NotFound("no_request")
    return found


def _duty_desk(tx: Tx) -> str:
    desks = access.organisations_of_kind(tx, OrganisationKind.NATIONAL_DESK)
    if not desks:
        raise Conflict("no_duty_desk")
    return desks[0].id


def _free_code(tx: Tx, request_id: str) -> str:
    for attempt in range(20):
        code = rules.short_code(request_id, attempt)
        if not queries.ids_of_codes(tx, [code]):
            return code
    raise Conflict("no_free_short_code")


def _needed_from(shape: Needs, default: datetime) -> datetime:
    return shape.needed_from or default


def _persons(shape: Needs) -> list[Person]:
    return [Person(person.sex, person.age, person.age_estimated, person.parent) for person in shape.persons]


def _checked(tx: Tx, shape: Needs, known_regions: set[str], asked_at: datetime) -> dict[str, str]:
    """The unsafe regions, municipalities widened; raises Invalid naming every field that is wrong."""
    errors: list[FieldError] = []
    regions_of = {found.code: found.region_code for found in registry.municipalities(tx)} if shape.unsafe else {}
    unsafe: dict[str, str] = {}
    for index, place in enumerate(shape.unsafe):
        region = place.region or regions_of.get(place.municipality or "")
        if region not in known_regions or (place.region and place.municipality):
            errors.append(FieldError(("unsafe", index), "unknown_choice"))
        else:
            unsafe[region] = place.reason
    national = set(registry.criteria(tx))
    errors += [FieldError(("facts", code), "unknown_choice") for code in shape.facts if code not in national]
    errors += [FieldError(("needs", i), "unknown_choice") for i, need in enumerate(shape.needs) if need not in NEEDS]
    errors += [FieldError(("wishes", i), "unknown_choice") for i, w in enumerate(shape.wishes) if w not in WISHES]
    errors += [
        FieldError(("apart", i), "not_a_code")
        for i, typed in enumerate(shape.apart)
        if not rules.CODE_FORM.fullmatch(rules.normal_code(typed))
    ]
    if shape.needed_from is not None:
        if shape.needed_from.tzinfo is None:
            errors.append(FieldError(("neededFrom",), "no_time_zone"))
        elif not asked_at - NEEDED_FROM_BEHIND_MAX <= shape.needed_from <= tx.now + NEEDED_FROM_AHEAD_MAX:
            errors.append(FieldError(("neededFrom",), "not_in_range"))
    if errors:
        raise Invalid("invalid", tuple(errors))
    return unsafe


def _write_parts(tx: Tx, request_id: str, shape: Needs, persons: list[Person], unsafe: dict[str, str]) -> None:
    for position, person in enumerate(persons):
        tx.session.add(
            RequestPerson(
                request_id=request_id,
                position=position,
                sex=person.sex,
                age=person.age,
                age_estimated=person.age_estimated,
                parent=person.parent,
            )
        )
    for criterion, value in shape.facts.items():
        if value is not Fact.UNKNOWN:
            tx.session.add(RequestFact(request_id=request_id, criterion=criterion, value=value))
    for region, reason in unsafe.items():
        tx.session.add(UnsafeRegion(request_id=request_id, region_code=region, reason=reason))
    for code in {rules.normal_code(typed) for typed in shape.apart}:
        tx.session.add(KeptApart(request_id=request_id, other_code=code))
    tx.session.flush()
