"""Taking a request in, learning more about it, and ending it. A request always has an owner."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access.rules import (
    INVESTIGATIVE,
    Actor,
    OrganisationKind,
    Role,
    Verb,
    may_follow,
    may_see_case,
    owns_case,
)
from nrm.access.service import log_read, require
from nrm.calendar import queries as calendar
from nrm.calendar.rules import is_office_time
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound, TooMany
from nrm.intake import queries, rules
from nrm.intake.models import (
    Bar,
    KeptApart,
    PersonMark,
    PlacementRequest,
    PreAlert,
    Repeat,
    RequestFact,
    RequestPerson,
    UnsafeRegion,
)
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import (
    CLOSING_OUTCOMES,
    NEEDS,
    UNPLACED,
    WISHES,
    Fact,
    Outcome,
    Person,
    RepeatOutcome,
    RequestStatus,
    Urgency,
)
from nrm.intake.schemas import AmendIn, Circumstances, GroupIn, Needs, PreAlertIn, RepeatOut, RequestIn
from nrm.notify import service as notify
from nrm.registry import queries as registry
from nrm.seal import AddressKey

PRE_ALERT_MAX = timedelta(days=7)
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
    _check_municipality(tx, shape.municipality, shape.region)
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
        municipality_code=shape.municipality,
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
        notifier_waits_since=tx.now if by_first_responder or shape.on_behalf_of else None,
        status=RequestStatus.OPEN,
        created_at=tx.now,
        deadline_at=deadline_at,
        ladder_version=ladder_version,
        # A minor alone is an alarm at once; everyone else has until the deadline.
        alone_since=tx.now if alone else None,
    )
    tx.session.add(found)
    tx.session.flush()
    _write_parts(tx, request_id, shape, persons, unsafe)
    tx.record(
        "request.submitted",
        f"request:{request_id}",
        "requests",
        region=shape.region,
        municipality=shape.municipality,
        urgency=shape.urgency,
        persons=len(persons),
        minor_alone=alone,
        profile=rules.profile(persons),
        **rules.for_statistics(persons, shape.exploitation, shape.residence),
        office=is_office_time(calendar.desk_calendar(tx), tx.now),
        deadline_at=deadline_at.isoformat(),
    )
    return found


def submit_group(tx: Tx, actor: Actor, shape: GroupIn) -> list[PlacementRequest]:
    """Take in people found together: a request per party, all in this transaction, so that they are matched as one.

    Whoever must be apart names every other party of the group. A minor alone goes to youth care and is waited for
    by nobody.
    """
    names = (*Circumstances.model_fields, "region", "municipality", "on_behalf_of")
    common = {name: getattr(shape, name) for name in names}
    made: list[PlacementRequest] = []
    for party in sorted(shape.parties, key=lambda party: party.apart):
        others = tuple(found.short_code for found in made) if party.apart else ()
        one = RequestIn.model_validate({**common, "persons": party.persons, "apart": (*shape.apart, *others)})
        found = submit(tx, actor, one)
        found.group_id = made[0].id if made else found.id
        found.together = shape.together and not party.apart and not found.minor_alone
        made.append(found)
    tx.session.flush()
    tx.record(
        "group.submitted",
        f"group:{made[0].id}",
        "requests",
        parties=len(made),
        persons=sum(len(party.persons) for party in shape.parties),
        together=shape.together,
        members=[found.id for found in made],
    )
    return made


def set_together(tx: Tx, actor: Actor, group_id: str, together: bool) -> None:
    """Let a group go to one house or nowhere, or be spread. Whoever is kept apart from the others never joins them."""
    members = owned_group(tx, actor, group_id)
    codes = {found.short_code for found in members}
    for detail in queries.details(tx, members):
        detail.request.together = together and not detail.request.minor_alone and not codes & set(detail.apart)
        tx.session.add(detail.request)
    tx.session.flush()
    tx.record("group.changed", f"group:{group_id}", "requests", together=together)


def open_group(tx: Tx, actor: Actor, group_id: str) -> list[RequestDetail]:
    """Read the requests of a group that one may see; each one is a logged read."""
    found = [request for request in queries.group(tx, group_id) if may_see_case(actor, request)]
    if not found:
        raise NotFound("no_group")
    for request in found:
        log_read(tx, actor, f"request:{request.id}", "group")
    return queries.details(tx, found)


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
    needed_from = _needed_from(shape, found.created_at)
    if found.continues_id is not None:
        # The next place of somebody who has one is waited for until it is needed, however much is learned meanwhile.
        deadline_at = needed_from = _needed_from(shape, found.needed_from)
    alone = rules.minor_alone(persons)
    if shape.refuses_police and not found.refuses_police:
        _silence_investigators(tx, found.short_code)
    found.urgency = shape.urgency
    found.exploitation = shape.exploitation
    found.residence = shape.residence
    found.needed_from = needed_from
    found.days = shape.days
    found.refuses_police = shape.refuses_police
    found.minor_alone = alone
    found.needs = sorted(set(shape.needs))
    found.wishes = sorted(set(shape.wishes))
    found.alone_since = (found.alone_since or tx.now) if alone else None
    found.deadline_at = deadline_at
    found.version += 1
    tx.session.add(found)
    for part in (RequestPerson, RequestFact, UnsafeRegion, KeptApart):
        tx.session.execute(delete(part).where(col(part.request_id) == request_id))
    _write_parts(tx, request_id, shape, persons, unsafe)
    tx.record(
        "request.amended",
        f"request:{request_id}",
        "requests",
        urgency=shape.urgency,
        version=found.version,
        persons=len(persons),
        profile=rules.profile(persons),
        **rules.for_statistics(persons, shape.exploitation, shape.residence),
        deadline_at=deadline_at.isoformat(),
    )
    return found


def set_municipality(tx: Tx, actor: Actor, request_id: str, code: str | None) -> None:
    """Say in which municipality they were found, whenever that is learned; what was said before stays in the journal.

    It decides nothing about a place: nobody who is changing the request meanwhile is told to begin again, and nothing
    is matched anew.
    """
    found = owned(tx, actor, request_id)
    _check_municipality(tx, code, found.region_code)
    if found.municipality_code != code:
        found.municipality_code = code
        tx.session.add(found)
        tx.session.flush()
        tx.record("request.municipality_set", f"request:{request_id}", "cases", municipality=code)


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
    tx.guarded(
        update(PlacementRequest)
        .where(col(PlacementRequest.id) == request_id, col(PlacementRequest.status).in_(come_from))
        .values(status=to, version=PlacementRequest.version + 1, **values),
        Conflict("request_moved_on"),
    )


def hasten(tx: Tx, request_id: str, deadline_at: datetime) -> None:
    """Bring the deadline of a request that still waits forward; it never moves back."""
    found = queries.request(tx, request_id, for_update=True)
    if found.status not in UNPLACED:
        return
    found.deadline_at = min(found.deadline_at, deadline_at)
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
        municipality_code=before.municipality_code,
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
        alone_since=needed_from if before.minor_alone else None,
        ladder_version=ladder_version,
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
    tx.record(
        "request.submitted",
        f"request:{request_id}",
        "requests",
        region=before.region_code,
        municipality=before.municipality_code,
        urgency=urgency,
        persons=len(detail.persons),
        profile=rules.profile(detail.persons),
        follow_on=True,
        deadline_at=needed_from.isoformat(),
    )
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


def open_these(tx: Tx, actor: Actor, request_ids: Iterable[str], limit: int) -> tuple[list[RequestDetail], int]:
    """Those of these requests that the actor may open, newest first and at most so many, and how many they may.

    Each one shown is a logged read; of the others nothing is said.
    """
    require(actor, Verb.REQUEST_READ)
    own = [one for one in queries.these(tx, request_ids) if may_see_case(actor, one)]
    for found in own[:limit]:
        log_read(tx, actor, f"request:{found.id}", "list")
    return queries.details(tx, own[:limit]), len(own)


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


def mark_person(tx: Tx, actor: Actor, key: AddressKey, request_id: str, initials: str, born: date) -> None:
    """Note, as a keyed hash, whom a request is about; the input itself is kept nowhere.

    Another request with the same hash goes to the national desk, which mediates. Whoever asks learns nothing of it,
    not even by how this ends, and can try only so many a day.
    """
    owned(tx, actor, request_id)
    _, limits = policy.current(tx, policy.Intake)
    today = select(func.count()).where(
        PersonMark.marked_by == actor.account_id, col(PersonMark.marked_at) > tx.now - timedelta(days=1)
    )
    if (tx.session.scalar(today) or 0) >= limits.marks_per_day_max:
        raise TooMany("too_many_marks")
    if not tx.now.date() - timedelta(days=366 * 120) <= born <= tx.now.date():
        raise Invalid("invalid", (FieldError(("born",), "not_in_range"),))
    said = rules.person_key(initials, born)
    if said.index("|") < rules.INITIALS_MIN:
        raise Invalid("invalid", (FieldError(("initials",), "required"),))
    pseudonym = key.pseudonym(said)
    if tx.session.get(PersonMark, (request_id, pseudonym)) is not None:
        return
    others = tx.session.exec(
        select(PersonMark.request_id).where(
            PersonMark.pseudonym == pseudonym,
            col(PersonMark.marked_at) > tx.now - timedelta(days=limits.marks_days),
        )
    ).all()
    tx.session.add(PersonMark(request_id=request_id, pseudonym=pseudonym, marked_by=actor.account_id, marked_at=tx.now))
    for other in others:
        known = select(Repeat.id).where(Repeat.first_id == other, Repeat.second_id == request_id)
        if tx.session.exec(known).first() is None:
            tx.session.add(Repeat(id=tx.new_id(), first_id=other, second_id=request_id, noticed_at=tx.now))
    tx.session.flush()
    # The same entry whether anything was found or not: the history of a case is read by whoever asked.
    tx.record("request.marked", f"request:{request_id}", "repeats")


def end_repeat(tx: Tx, actor: Actor, repeat_id: str, outcome: RepeatOutcome) -> None:
    """The national desk says what it found out about two requests that looked alike."""
    require(actor, Verb.REPEAT_READ)
    if tx.session.get(Repeat, repeat_id) is None:
        raise NotFound("no_repeat")
    tx.guarded(
        update(Repeat)
        .where(col(Repeat.id) == repeat_id, col(Repeat.ended_at).is_(None))
        .values(outcome=outcome, ended_at=tx.now, ended_by=actor.account_id),
        Conflict("already_closed"),
    )
    tx.record("repeat.ended", f"repeat:{repeat_id}", "repeats", outcome=outcome)


def open_repeats(tx: Tx, actor: Actor) -> list[RepeatOut]:
    """Read which requests may be about one person, oldest first; each is a logged read of both."""
    require(actor, Verb.REPEAT_READ)
    found = queries.repeats(tx)
    for repeat in found:
        log_read(tx, actor, f"repeat:{repeat.id}", "mediate")
    return found


def announce(tx: Tx, actor: Actor, shape: PreAlertIn) -> PreAlert:
    """Tell the duty desk of a planned check, so that somebody is ready. It holds nothing."""
    require(actor, Verb.PRE_ALERT_SEND)
    _, limits = policy.current(tx, policy.Intake)
    errors = []
    if shape.region not in {region.code for region in registry.regions(tx)}:
        errors.append(FieldError(("region",), "unknown_choice"))
    errors += [
        FieldError((name,), "no_time_zone")
        for name, at in (("fromAt", shape.from_at), ("untilAt", shape.until_at))
        if at.tzinfo is None
    ]
    if not errors:
        if not shape.from_at < shape.until_at <= shape.from_at + PRE_ALERT_MAX:
            errors.append(FieldError(("untilAt",), "not_in_range"))
        if not tx.now < shape.until_at <= tx.now + timedelta(days=limits.pre_alert_days_max):
            errors.append(FieldError(("fromAt",), "not_in_range"))
    if errors:
        raise Invalid("invalid", tuple(errors))
    found = PreAlert(
        id=tx.new_id(),
        region_code=shape.region,
        from_at=shape.from_at,
        until_at=shape.until_at,
        persons=shape.persons,
        organisation_id=actor.organisation_id,
        announced_by=actor.account_id,
        announced_at=tx.now,
    )
    tx.session.add(found)
    tx.session.flush()
    desk = access.organisation(tx, _duty_desk(tx))
    if desk.email:
        # Where and when stays out of the message: a mailbox is no place for a planned check.
        notify.queue(
            tx,
            f"pre-alert:{found.id}",
            f"pre-alert:{found.id}",
            "email",
            desk.email,
            "Er is een controle aangekondigd",
            "Bij een aangekondigde controle kunnen mensen gevonden worden. Log in om te zien waar en wanneer.",
        )
    tx.record("pre_alert.announced", f"pre_alert:{found.id}", "pre_alerts")
    return found


def withdraw_pre_alert(tx: Tx, actor: Actor, pre_alert_id: str) -> None:
    """The planned check does not go on: said by the organisation that announced it."""
    require(actor, Verb.PRE_ALERT_SEND)
    found = tx.session.get(PreAlert, pre_alert_id)
    if found is None or found.organisation_id != actor.organisation_id:
        raise NotFound("no_pre_alert")
    tx.guarded(
        update(PreAlert)
        .where(col(PreAlert.id) == pre_alert_id, col(PreAlert.withdrawn_at).is_(None))
        .values(withdrawn_at=tx.now),
        Conflict("already_closed"),
    )
    notify.cancel(tx, f"pre-alert:{pre_alert_id}")
    tx.record("pre_alert.withdrawn", f"pre_alert:{pre_alert_id}", "pre_alerts")


def owned_group(tx: Tx, actor: Actor, group_id: str) -> list[PlacementRequest]:
    """The requests of a group that the actor decides on, locked in the order of their ids. NotFound if there are none.

    One of them may have gone to another owner, who decides on it since.
    """
    require(actor, Verb.REQUEST_CHANGE)
    members = [queries.request(tx, found.id, for_update=True) for found in queries.group(tx, group_id)]
    if not (own := [found for found in members if owns_case(actor, found)]):
        raise NotFound("no_group")
    return own


def _silence_investigators(tx: Tx, code: str) -> None:
    """Stop what was about to tell an investigative body of a request that refuses police contact from now on."""
    bodies = [one for kind in sorted(INVESTIGATIVE) for one in access.organisations_of_kind(tx, kind)]
    notify.cancel_naming(tx, code, {one.email or one.id for one in bodies} | {one.id for one in bodies})


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


def _needed_from(shape: Circumstances, default: datetime) -> datetime:
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


def _check_municipality(tx: Tx, code: str | None, region: str) -> None:
    """Raise Invalid unless it is a municipality in force of that region, or not known."""
    if code is None:
        return
    if region not in {found.region_code for found in registry.municipalities(tx) if found.code == code}:
        raise Invalid("invalid", (FieldError(("municipality",), "unknown_choice"),))


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
