"""Giving the night back in the morning, and having it on paper in case the screens go dark.

What comes round by the clock has a row with its due moment (`errand`). Moving that on and what it is for are one
transaction, so several workers do each once; the unique region and morning is the second lock. Times on the wall are
worked out anew from the policy at each tick, so a clock that jumps, or a policy that changes, corrects itself.
"""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Organisation
from nrm.access.rules import Actor, Role, Verb, may_see_case, reach
from nrm.access.service import log_read, require
from nrm.calendar.rules import is_office_time
from nrm.clock import AMSTERDAM
from nrm.course import queries as course
from nrm.db import Database, Tx
from nrm.errors import Conflict, Invalid, NotFound
from nrm.handover import queries, rules
from nrm.handover.models import ErrandDue, Handover, HandoverCase, NightList
from nrm.handover.rules import Errand, ListReason
from nrm.handover.schemas import HandoverOut, NewsOut, NightListOut
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED, RequestStatus
from nrm.notify import service as notify
from nrm.notify.rules import ChannelName

LATE_MAX = timedelta(hours=6)
"""A night list is put before the desk this long after its hour at most; later it is the next evening's."""


def run_due(database: Database, public_url: str) -> int:
    """Hand over, ring, put forward the night list, and clear files whose time is over. Returns how much was done."""
    with database.reading() as tx:
        known = queries.errands(tx)
        wanted = _wanted(tx)
        rings = queries.rings_due(tx)
        expired = queries.expired_lists(tx)
        now = tx.now
    # One that has no row yet, or waits past its moment: the clock was ahead, or policy moved it forward.
    plans = [(key, at) for key, at in wanted.items() if key not in known or known[key] > at]
    due = [(key, at) for key, at in known.items() if at <= now]
    if plans:
        with database.transaction() as tx:
            for key, at in plans:
                _plan(tx, key, at)
    return (
        database.each(due, partial(_run_errand, public_url))
        + database.each(rings, partial(_ring, public_url))
        + database.each(expired, _forget)
    )


def hand_over(tx: Tx, region_code: str, public_url: str) -> Handover | None:
    """Give the open cases of a region to whoever has them by day. None when this morning was handed over already.

    Its message holds a link and codes. Where nobody takes part or nobody has a mailbox the desk hears it at once.
    """
    morning = tx.now.astimezone(AMSTERDAM).date()
    earlier = select(Handover.id).where(Handover.region_code == region_code, Handover.morning == morning)
    if tx.session.exec(earlier).first() is not None:
        return None
    _, rule = policy.current(tx, policy.Handover)
    to = queries.addressees(tx).get(region_code)
    listed = queries.to_hand_over(tx, region_code)
    _over(tx, region_code)
    made = Handover(
        id=tx.new_id(),
        region_code=region_code,
        morning=morning,
        organisation_id=to.id if to else None,
        made_at=tx.now,
        cases=len(listed),
        again_at=tx.now + timedelta(minutes=rule.acknowledge_minutes) if listed and rule.rings_max else None,
    )
    tx.session.add(made)
    tx.session.flush()
    tx.session.add_all(HandoverCase(handover_id=made.id, request_id=found.id) for found in listed)
    tx.session.flush()
    codes = [found.short_code for found in listed]
    if listed and not _tell(tx, made.id, 0, to, *_words(codes, made.morning.strftime("%d-%m"), public_url)):
        for desk in _desks(tx, region_code):
            _tell(tx, made.id, 0, desk, *_unread_words(region_code, public_url))
    tx.record("handover.made", f"handover:{made.id}", "handovers", region=region_code, cases=len(listed))
    return made


def acknowledge(tx: Tx, actor: Actor, handover_id: str) -> int:
    """Take a hand-over: it stops ringing, and what the desk owns of it becomes the taker's. Returns how many did.

    One act, for one taker. A case that ended or moved on since is left as it is; so is one that was offered to
    somebody else: there the other answers.
    """
    require(actor, Verb.HANDOVER_TAKE)
    found = tx.session.get(Handover, handover_id)
    if found is None or found.organisation_id != actor.organisation_id:
        raise NotFound("no_handover")
    tx.guarded(
        update(Handover)
        .where(
            col(Handover.id) == handover_id, col(Handover.acknowledged_at).is_(None), col(Handover.over_at).is_(None)
        )
        .values(acknowledged_at=tx.now, acknowledged_by=actor.account_id, again_at=None),
        Conflict("handover_taken"),
    )
    notify.cancel(tx, f"handover:{handover_id}")
    taken = 0
    if actor.role is Role.COORDINATOR:
        requests = queries.requests_of(tx, handover_id)
        at_the_desk = {one.request_id: one.at_the_desk for one in queries.cases(tx, requests)}
        for request in sorted(requests, key=lambda one: one.id):  # always in one order
            request_id, owner = request.id, request.owner_organisation_id
            if not at_the_desk[request_id] or request.status == RequestStatus.CLOSED:
                continue
            if course.live_transfer(tx, request_id) is not None:
                continue
            intake.change_owner(tx, request_id, owner, actor)
            tx.record("request.taken_over", f"request:{request_id}", "requests", "offers", handover=handover_id)
            taken += 1
    tx.record("handover.acknowledged", f"handover:{handover_id}", "handovers", taken=taken)
    return taken


def open_handovers(tx: Tx, actor: Actor) -> list[HandoverOut]:
    """The hand-overs of the actor's organisation with their cases; of a desk only the numbers. A logged read."""
    require(actor, Verb.HANDOVER_READ)
    listed = []
    for found in queries.handovers(tx, actor):
        requests = []
        if found.organisation_id == actor.organisation_id:
            requests = [
                request
                for request in queries.requests_of(tx, found.id)
                if not (request.refuses_police and actor.investigative)
            ]
        for request in requests:
            log_read(tx, actor, f"request:{request.id}", "handover")
        listed.append(queries.handover_out(tx, found, queries.cases(tx, requests)))
    return listed


def news(tx: Tx, actor: Actor) -> tuple[datetime, list[NewsOut]]:
    """Since when the actor was off duty, and what happened meanwhile to the cases they may open. A logged read."""
    require(actor, Verb.REQUEST_READ)
    since = queries.off_since(tx, actor)
    changed = queries.changed_since(tx, since)
    told = []
    for request in queries.requests_changed(tx, actor, changed):
        log_read(tx, actor, f"request:{request.id}", "news")
        told.append(queries.news_out(tx, request, changed[request.id]))
    return since, told


def make_list(tx: Tx, actor: Actor, reason: str) -> NightListOut:
    """What goes on paper: houses as codes, phones, open cases as codes. Who made it and why stays on record.

    Every case on it is a logged read. The file itself is added with `keep_list`, outside this transaction.
    """
    require(actor, Verb.NIGHT_LIST_MAKE)
    if reason not in set(ListReason):
        raise Invalid("invalid")
    _, rule = policy.current(tx, policy.Handover)
    made = NightList(
        id=tx.new_id(),
        account_id=actor.account_id,
        reason=reason,
        made_at=tx.now,
        expires_at=tx.now + timedelta(minutes=rule.list_minutes),
    )
    tx.session.add(made)
    tx.session.flush()
    waiting = select(PlacementRequest).where(col(PlacementRequest.status).in_((*UNPLACED, RequestStatus.ACCEPTED)))
    requests = [
        request
        for request in tx.session.exec(waiting.order_by(col(PlacementRequest.deadline_at), PlacementRequest.id))
        if may_see_case(actor, request)
    ]
    for request in requests:
        log_read(tx, actor, f"request:{request.id}", "night_list")
    tx.record("night_list.made", f"night_list:{made.id}", reason=reason, cases=len(requests))
    region_code = reach(actor)
    return NightListOut(
        id=made.id,
        made_at=made.made_at,
        expires_at=made.expires_at,
        houses=queries.houses(tx, region_code),
        cases=queries.cases(tx, requests),
        phones=queries.phones(tx, region_code),
    )


def keep_list(tx: Tx, actor: Actor, list_id: str, locked: bytes) -> None:
    """Keep the locked file of a list for whoever made it, until its time is over."""
    tx.guarded(
        update(NightList)
        .where(
            col(NightList.id) == list_id,
            col(NightList.account_id) == actor.account_id,
            col(NightList.file).is_(None),
            col(NightList.expires_at) > tx.now,
        )
        .values(file=locked),
        NotFound("no_list"),
    )


def open_list(tx: Tx, actor: Actor, list_id: str) -> bytes:
    """The locked file, for whoever made the list, while it may be used. Each time is logged with its reason."""
    require(actor, Verb.NIGHT_LIST_MAKE)
    found = tx.session.get(NightList, list_id)
    if found is None or found.account_id != actor.account_id or found.file is None or found.expires_at <= tx.now:
        raise NotFound("no_list")
    log_read(tx, actor, f"night_list:{list_id}", found.reason)
    return found.file


def new_passphrase() -> str:
    """A passphrase for one list. It is shown once, and kept nowhere."""
    return rules.passphrase(secrets.randbelow(10**20))


def _wanted(tx: Tx) -> dict[tuple[str, str], datetime]:
    """(errand, subject) → when it comes round next: the hand-over of every region, the night list of every desk."""
    found: dict[tuple[str, str], datetime] = {}
    for region_code, calendar in queries.calendars(tx).items():
        opening = rules.opening_after(calendar, tx.now)
        if opening is not None:
            found[Errand.HANDOVER, region_code] = opening
    evening = rules.next_at(policy.current(tx, policy.Handover)[1].list_at, tx.now)
    return found | {(Errand.NIGHT_LIST, desk.id): evening for desk in queries.desks(tx)}


def _plan(tx: Tx, key: tuple[str, str], at: datetime) -> None:
    """Write when something is due, or bring it forward."""
    errand, subject = key
    sooner = tx.affected(
        update(ErrandDue)
        .where(col(ErrandDue.errand) == errand, col(ErrandDue.subject) == subject, col(ErrandDue.due_at) > at)
        .values(due_at=at)
    )
    if sooner or tx.session.get(ErrandDue, (errand, subject)) is not None:
        return
    with suppress(IntegrityError), tx.session.begin_nested():  # another worker may be first
        tx.session.add(ErrandDue(errand=errand, subject=subject, due_at=at))


def _run_errand(public_url: str, tx: Tx, found: tuple[tuple[str, str], datetime]) -> bool:
    """Do what is due and move its moment on. The guarded update is the claim.

    A morning that was missed whole is not made up for at night: the night kept its cases, and the next morning comes.
    """
    (errand, subject), due_at = found
    this = (
        col(ErrandDue.errand) == errand,
        col(ErrandDue.subject) == subject,
        col(ErrandDue.due_at) == due_at,
    )
    following = _wanted(tx).get((errand, subject))
    # What never comes round again (a region that is no more, an office that never opens) has no row.
    moved = (
        delete(ErrandDue).where(*this) if following is None else update(ErrandDue).where(*this).values(due_at=following)
    )
    if not tx.affected(moved):
        return False
    if errand == Errand.NIGHT_LIST:
        return tx.now - due_at <= LATE_MAX and _announce_list(tx, subject, public_url)
    there = queries.calendars(tx).get(subject)
    return there is not None and is_office_time(there, tx.now) and hand_over(tx, subject, public_url) is not None


def _announce_list(tx: Tx, desk_id: str, public_url: str) -> bool:
    """Put the night list before a duty desk: a link, nothing else."""
    desk = tx.session.get(Organisation, desk_id)
    if desk is None or desk.email is None:
        return False
    evening = tx.now.astimezone(AMSTERDAM).date()
    return notify.queue(
        tx,
        f"night_list:{desk_id}:{evening}",
        f"night_list:{desk_id}",
        ChannelName.EMAIL,
        desk.email,
        "De noodlijst voor vannacht",
        "Maak de noodlijst voordat de nacht begint: dan kunt u verder als de schermen uitvallen.\n"
        f"{public_url}/piket/noodlijst\n\n"
        "Log in en kies waarom u hem maakt. U ziet dan één keer de code van het bestand.",
    )


def _ring(public_url: str, tx: Tx, found: tuple[str, datetime]) -> bool:
    """Tell again that nobody acknowledged a hand-over: to whom it goes, and to the desk that still has its cases."""
    handover_id, again_at = found
    _, rule = policy.current(tx, policy.Handover)
    handover = tx.session.get_one(Handover, handover_id)
    number = handover.rings + 1
    following = tx.now + timedelta(minutes=rule.acknowledge_minutes) if number < rule.rings_max else None
    still_open = [one for one in queries.requests_of(tx, handover_id) if one.status != RequestStatus.CLOSED]
    values = {"rings": number, "again_at": following} if still_open else {"again_at": None, "over_at": tx.now}
    claimed = tx.affected(
        update(Handover)
        .where(
            col(Handover.id) == handover_id,
            col(Handover.again_at) == again_at,
            col(Handover.acknowledged_at).is_(None),
            col(Handover.over_at).is_(None),
        )
        .values(**values)
    )
    if not claimed or not still_open:
        return False
    handover = tx.session.get_one(Handover, handover_id)
    region_code, morning = handover.region_code, handover.morning.strftime("%d-%m")
    to = tx.session.get(Organisation, handover.organisation_id) if handover.organisation_id else None
    codes = [request.short_code for request in queries.requests_of(tx, handover_id)]
    _tell(tx, handover_id, number, to, *_words(codes, morning, public_url))
    for desk in _desks(tx, region_code):
        _tell(tx, handover_id, number, desk, *_unread_words(region_code, public_url))
    tx.record("handover.rang", f"handover:{handover_id}", "handovers", region=region_code, ring=number)
    return True


def _over(tx: Tx, region_code: str) -> None:
    """End what earlier mornings handed over and nobody acknowledged: this morning lists what of it is open."""
    before = select(Handover.id).where(
        Handover.region_code == region_code, col(Handover.acknowledged_at).is_(None), col(Handover.over_at).is_(None)
    )
    for handover_id in tx.session.exec(before).all():
        tx.affected(
            update(Handover)
            .where(
                col(Handover.id) == handover_id,
                col(Handover.acknowledged_at).is_(None),
                col(Handover.over_at).is_(None),
            )
            .values(over_at=tx.now, again_at=None)
        )
        notify.cancel(tx, f"handover:{handover_id}")


def _forget(tx: Tx, list_id: str) -> bool:
    """Throw the file of a list away; that it was made stays on record."""
    return bool(
        tx.affected(
            update(NightList).where(col(NightList.id) == list_id, col(NightList.file).is_not(None)).values(file=None)
        )
    )


def _desks(tx: Tx, region_code: str) -> list[Organisation]:
    """The duty desks that keep watch over a region."""
    return [desk for desk in queries.desks(tx) if desk.region_code in {None, region_code}]


def _tell(tx: Tx, handover_id: str, ring: int, body: Organisation | None, subject: str, text: str) -> bool:
    """Queue one message about a hand-over; False when there is no mailbox to send it to."""
    if body is None or body.email is None:
        return False
    key = f"handover:{handover_id}:{ring}:{body.id}"
    notify.queue(tx, key, f"handover:{handover_id}", ChannelName.EMAIL, body.email, subject, text)
    return True


def _words(codes: list[str], morning: str, public_url: str) -> tuple[str, str]:
    """Subject and text for whom it is given to: codes and a link, no facts of a case."""
    return (
        f"Overdracht van de nacht, {morning}",
        "De piketdienst geeft deze aanvragen aan u over:\n"
        + "\n".join(codes)
        + "\n\nLog in, bekijk de lijst en bevestig dat u ze heeft. Tot dan blijven ze bij de piketdienst.\n"
        f"{public_url}/ochtend",
    )


def _unread_words(region_code: str, public_url: str) -> tuple[str, str]:
    """Subject and text for the desk: nobody has them yet."""
    return (
        f"Overdracht niet bevestigd ({region_code})",
        "Niemand bevestigde de overdracht van vanochtend. De aanvragen blijven bij de piketdienst. Bel de regio.\n"
        f"{public_url}/ochtend",
    )
