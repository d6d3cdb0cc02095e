"""Planning, swapping, taking over, gaps, agendas: through the services, on both engines where two may be at once."""

import threading
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlmodel import select

from nrm.access.models import Account
from nrm.access.rules import Actor
from nrm.calendar.rules import instant
from nrm.db import Database, Tx
from nrm.errors import Conflict, Invalid, NotFound, TooMany
from nrm.roster import agenda, queries, reading, service
from nrm.roster.models import RosterFeed, RosterLine
from nrm.roster.rules import Cover
from nrm.roster.schemas import AgendaIn, AgendaOut
from tests.builders import Town
from tests.roster.people import gaps, line, officer, plan, planner, recur, standing

HOUR = timedelta(hours=1)


def does(here: Town, actor: Actor, work: object, *args: object) -> None:
    with here.database.transaction(actor.account_id) as tx:
        work(tx, actor, *args)  # type: ignore[operator]


def names(here: Town, line_id: str) -> list[str]:
    return [login for login, _, _, _ in standing(here, line_id)]


# --- planning --------------------------------------------------------------------------------------------------------


def test_nobody_is_planned_over_somebody_by_accident(quick: Town) -> None:
    anna, bert = officer(quick, "anna"), officer(quick, "bert")
    national, now = line(quick), quick.clock.at
    plan(quick, national, anna, (0, 10))
    with pytest.raises(Conflict, match="slot_taken"):
        plan(quick, national, bert, (9, 12))
    plan(quick, national, bert, (10, 12))
    # On purpose: in the middle of Anna's, who keeps both ends.
    plan(quick, national, bert, (4, 6), instead=True)
    assert standing(quick, national) == [
        ("anna", 1, now, now + 4 * HOUR),
        ("bert", 1, now + 4 * HOUR, now + 6 * HOUR),
        ("anna", 1, now + 6 * HOUR, now + 10 * HOUR),
        ("bert", 1, now + 10 * HOUR, now + 12 * HOUR),
    ]


@pytest.mark.parametrize(
    ("hours", "field"), [((3, 3), "ends_at"), ((3, 1), "ends_at"), ((0, 400), "ends_at"), ((-30, 1), "starts_at")]
)
def test_a_slot_is_within_reason(quick: Town, hours: tuple[float, float], field: str) -> None:
    anna, national = officer(quick, "anna"), line(quick)
    with pytest.raises(Invalid) as refusal:
        plan(quick, national, anna, hours)
    assert [wrong.path for wrong in refusal.value.fields] == [(field,)]


def test_only_who_has_the_role_and_the_region_stands_on_a_line(quick: Town) -> None:
    national, own = line(quick), line(quick, region="VR09")
    eva, anna = officer(quick, "eva", "VR09"), officer(quick, "anna")
    for line_id, account in ((national, eva), (national, quick.coordinator().account_id), (national, "nobody")):
        with pytest.raises(Invalid):
            plan(quick, line_id, account)
    plan(quick, own, eva)
    plan(quick, own, anna, (8, 9))
    with quick.database.transaction() as tx:
        tx.session.get_one(Account, anna).active = False
    with pytest.raises(Invalid):
        plan(quick, national, anna)


def test_one_cannot_be_ones_own_second(quick: Town) -> None:
    anna, national = officer(quick, "anna"), line(quick, ranks=2)
    plan(quick, national, anna, (0, 8))
    with pytest.raises(Conflict, match="stands_there_already"):
        plan(quick, national, anna, (4, 12), rank=2)
    with pytest.raises(Invalid):
        plan(quick, line(quick, region="VR09"), anna, rank=2)


# --- recurring -------------------------------------------------------------------------------------------------------


def test_a_recurring_shift_is_written_out_once_and_leaves_others_alone(here: Town) -> None:
    anna, bert, cor = (officer(here, login) for login in ("anna", "bert", "cor"))
    national = line(here)
    plan(here, national, cor, (24, 32))  # Sunday night is Cor's
    recur(here, national, starts="17:00", ends="09:00", people=[anna, bert])
    made = standing(here, national)
    assert made[0][0] == "anna"
    assert made[0][2] == instant(date(2026, 11, 21), time(17)), "the night that runs now too"
    sunday = [one for one in made if one[2] < instant(date(2026, 11, 23), time(12))]
    assert [one[0] for one in sunday] == ["anna", "cor"], "whoever stood there stays"
    assert names(here, national).count("bert") > 30
    # A day later there is one more, and looking again at the same moment, or an hour back, makes none twice.
    here.clock.turn(days=1)
    assert service.keep_due(here.database) == 1
    assert len(standing(here, national)) == len(made) + 1
    for hours in (0, -2, 1):
        here.clock.turn(hours=hours)
        with here.database.transaction() as tx:
            tx.session.get_one(RosterLine, national).check_due_at = tx.now
        service.keep_due(here.database)
        assert len(standing(here, national)) == len(made) + 1


def test_what_recurs_no_more_falls_away_except_what_somebody_took(quick: Town) -> None:
    anna, bert = officer(quick, "anna"), officer(quick, "bert")
    national = line(quick)
    pattern = recur(quick, national, starts="17:00", ends="09:00", people=[anna])
    plan(quick, national, bert, (24, 26), instead=True)
    does(quick, planner(quick), service.end_pattern, pattern)
    left = standing(quick, national)
    assert [one[0] for one in left] == ["anna", "bert"], "the night that runs, and what Bert took of the next"
    with pytest.raises(NotFound):
        does(quick, planner(quick), service.end_pattern, pattern)


# --- swap and take over ----------------------------------------------------------------------------------------------


def test_a_swap_is_offered_taken_and_over(quick: Town) -> None:
    anna = officer(quick, "anna")
    officer(quick, "bert")
    national, now = line(quick), quick.clock.at
    slot = plan(quick, national, anna, (24, 32))
    does(quick, quick.actor("anna"), service.offer_swap, slot)
    does(quick, quick.actor("anna"), service.offer_swap, slot)  # twice is once
    bert = quick.actor("bert")
    with quick.database.reading() as tx:
        assert [one.id for one in reading.on_offer(tx, bert)] == [slot]
    with pytest.raises(Conflict, match="own_slot"):
        does(quick, quick.actor("anna"), service.take_swap, slot)
    does(quick, bert, service.take_swap, slot)
    assert standing(quick, national) == [("bert", 1, now + 24 * HOUR, now + 32 * HOUR)]
    for late in (service.take_swap, service.withdraw_swap):
        with pytest.raises((Conflict, NotFound)):
            does(quick, quick.actor("anna"), late, slot)


def test_two_take_the_same_swap_at_once_and_one_has_it(here: Town) -> None:
    """Eight colleagues press at the same moment, each with a connection of their own."""
    anna = officer(here, "anna")
    logins = [f"collega-{number}" for number in range(8)]
    for login in logins:
        officer(here, login)
    national = line(here)
    slot = plan(here, national, anna, (24, 32))
    does(here, here.actor("anna"), service.offer_swap, slot)
    actors = [here.actor(login) for login in logins]
    start, outcomes = threading.Barrier(len(actors)), []

    def take(actor: Actor) -> None:
        database = Database(here.database.url, clock=here.clock)
        start.wait()
        try:
            with database.transaction(actor.account_id) as tx:
                service.take_swap(tx, actor, slot)
            outcomes.append(actor.name)
        except Conflict as refusal:
            outcomes.append(refusal.code)
        finally:
            database.close()

    threads = [threading.Thread(target=take, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if outcome != "swap_gone"]
    assert names(here, national) == [winner]


def test_a_slot_that_is_planned_anew_is_no_longer_on_offer(quick: Town) -> None:
    anna, bert = officer(quick, "anna"), officer(quick, "bert")
    national = line(quick)
    slot = plan(quick, national, anna, (24, 32))
    does(quick, quick.actor("anna"), service.offer_swap, slot)
    plan(quick, national, bert, (30, 34), instead=True)
    with quick.database.reading() as tx:
        assert queries.open_swap(tx, slot) is None


def test_take_over_now_for_what_is_left_of_it(quick: Town) -> None:
    anna = officer(quick, "anna")
    officer(quick, "bert")
    national, now = line(quick), quick.clock.at
    slot = plan(quick, national, anna, (-2, 6))
    does(quick, quick.actor("bert"), service.take_over, slot)
    assert standing(quick, national) == [
        ("anna", 1, now - 2 * HOUR, now),
        ("bert", 1, now, now + 6 * HOUR),
    ]
    with pytest.raises(Conflict, match="slot_over"):
        does(quick, quick.actor("bert"), service.take_over, slot)
    later = plan(quick, national, anna, (6, 100))
    does(quick, quick.actor("bert"), service.take_over, later)
    far = plan(quick, national, anna, (113, 120))
    with pytest.raises(Conflict, match="too_early"):
        does(quick, quick.actor("bert"), service.take_over, far)


# --- gaps ------------------------------------------------------------------------------------------------------------


def due_at(here: Town) -> list[datetime]:
    with here.database.reading() as tx:
        return [gap.due_at for line_id in line_ids(here) for gap in queries.open_gaps(tx, line_id) if gap.due_at]


def test_a_gap_that_is_filled_is_over_and_of_one_that_grows_the_new_begin_is_told(quick: Town) -> None:
    anna = officer(quick, "anna")
    national, now = line(quick), quick.clock.at
    first = plan(quick, national, anna, (-1, 100))
    plan(quick, national, anna, (104, 24 * 14))
    assert gaps(quick, national)[0][1] == now + 100 * HOUR
    assert due_at(quick)[0] == now + 28 * HOUR
    plan(quick, national, anna, (100, 104))
    assert gaps(quick, national)[0][1] > now + 104 * HOUR
    quick.clock.turn(hours=1)
    does(quick, planner(quick), service.cancel_slot, first)
    assert gaps(quick, national)[0][1:] == (now + HOUR, now + 100 * HOUR)
    assert due_at(quick)[0] == quick.clock.at


def test_every_hour_of_a_month_is_planned_or_a_gap(quick: Town) -> None:
    """Nobody planned: one gap to the end of what is looked at. Somebody every night: the days are gaps."""
    anna = officer(quick, "anna")
    national = line(quick)
    start, end = instant(date(2026, 11, 21), time(0)), instant(date(2026, 12, 21), time(0))
    assert gaps(quick, national) == [(1, start, end)]
    recur(quick, national, starts="17:00", ends="09:00", people=[anna])
    found = gaps(quick, national)
    assert len(found) == 29
    assert {until - from_at for _, from_at, until in found} == {8 * HOUR}
    does(quick, planner(quick), service.end_line, national)
    assert gaps(quick, national) == []


def test_after_hours_only_the_night_can_be_a_gap(quick: Town) -> None:
    anna = officer(quick, "anna")
    own = line(quick, region="VR17", cover=Cover.AFTER_HOURS)
    recur(quick, own, starts="17:00", ends="09:00", people=[anna])
    found = gaps(quick, own)
    # The days of weekends are left: no office is open then, and nobody stands there.
    assert {from_at.weekday() for _, from_at, _ in found} == {5, 6}
    assert len(found) == 9


def test_a_gap_is_filled_by_the_first_who_says_so(quick: Town) -> None:
    officer(quick, "anna")
    officer(quick, "bert")
    national = line(quick)
    plan(quick, national, quick.accounts["anna"], (24, 24 * 14))
    gaps(quick, national)
    with quick.database.reading() as tx:
        gap = queries.open_gaps(tx, national)[0].id
    does(quick, quick.actor("bert"), service.fill_gap, gap)
    assert names(quick, national)[0] == "bert"
    with pytest.raises(Conflict, match="gap_filled"):
        does(quick, quick.actor("anna"), service.fill_gap, gap)


def line_ids(here: Town) -> list[str]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(RosterLine.id)))


# --- agendas ---------------------------------------------------------------------------------------------------------

ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//elsewhere//EN
BEGIN:VEVENT
UID:weekly
DTSTAMP:20261101T000000Z
DTSTART;TZID=Europe/Amsterdam:20261122T170000
DTEND;TZID=Europe/Amsterdam:20261123T090000
RRULE:FREQ=WEEKLY;COUNT=3
EXDATE;TZID=Europe/Amsterdam:20261129T170000
SUMMARY:Anna
END:VEVENT
BEGIN:VEVENT
UID:utc
DTSTAMP:20261101T000000Z
DTSTART:20261124T160000Z
DURATION:PT16H
SUMMARY: anna
END:VEVENT
BEGIN:VEVENT
UID:day
DTSTAMP:20261101T000000Z
DTSTART;VALUE=DATE:20261126
DTEND;VALUE=DATE:20261127
SUMMARY:Zomaar iemand
END:VEVENT
END:VCALENDAR
"""


def load(here: Town, line_id: str, text: str) -> AgendaOut:
    actor = planner(here)
    with here.database.transaction(actor.account_id) as tx:
        return service.load_agenda(tx, actor, line_id, AgendaIn(text=text))


def test_a_file_is_planned_once_however_often_it_is_read(quick: Town) -> None:
    officer(quick, "anna")
    national = line(quick)
    assert load(quick, national, ICS) == AgendaOut(planned=3, known=0, taken=0, unknown=["Zomaar iemand"])
    assert [(begin, end) for _, _, begin, end in standing(quick, national)] == [
        (datetime(2026, 11, 22, 16, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC)),
        (datetime(2026, 11, 24, 16, tzinfo=UTC), datetime(2026, 11, 25, 8, tzinfo=UTC)),
        (datetime(2026, 12, 6, 16, tzinfo=UTC), datetime(2026, 12, 7, 8, tzinfo=UTC)),
    ]
    assert load(quick, national, ICS) == AgendaOut(planned=0, known=3, taken=0, unknown=["Zomaar iemand"])
    moved = ICS.replace("20261124T160000Z", "20261124T170000Z")
    assert load(quick, national, moved).taken == 1, "somebody stands there: left as it is"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "agenda_unreadable"),
        ("geen agenda", "agenda_unreadable"),
        (ICS.replace("FREQ=WEEKLY;COUNT=3", "FREQ=SECONDLY"), "agenda_recurs_too_often"),
        (ICS.replace("FREQ=WEEKLY;COUNT=3", "FREQ=DAILY;BYSECOND=1,2,3"), "agenda_recurs_too_often"),
        (ICS.replace("DTSTART:20261124T160000Z\n", ""), "agenda_unreadable"),
        ("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\nEND:VEVENT\n" * 501 + "END:VCALENDAR", "agenda_too_long"),
    ],
)
def test_what_is_no_agenda_is_refused(text: str, code: str) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    with pytest.raises(Invalid, match=code):
        agenda.read(text, now, now + timedelta(days=92))


def feed(here: Town, tx: Tx, token: str) -> str:
    return service.read_feed(tx, token, lambda slot, _: f"Piketdienst {slot.rank}", "Mijn diensten").decode()


def test_a_feed_holds_ones_own_shifts_until_it_is_revoked(quick: Town) -> None:
    anna, bert = officer(quick, "anna"), officer(quick, "bert")
    national = line(quick)
    plan(quick, national, anna, (24, 32))
    plan(quick, national, bert, (32, 40))
    actor = quick.actor("anna")
    with quick.database.transaction(anna) as tx:
        first = service.make_feed(tx, actor)
        token = service.make_feed(tx, actor)
        assert not [row for row in tx.session.exec(select(RosterFeed)) if token in str(row.model_dump())]
    with quick.database.transaction() as tx:
        text = feed(quick, tx, token)
    assert (text.count("BEGIN:VEVENT"), "DTSTART:20261122T224000Z" in text, token in text) == (1, True, False)
    written = agenda.read(text, quick.clock.at, quick.clock.at + timedelta(days=9))
    assert [(one.starts_at, one.ends_at) for one in written] == [standing(quick, national)[0][2:]]
    for wrong in (first, "x", "x" * 5000):
        with pytest.raises(NotFound), quick.database.transaction() as tx:
            feed(quick, tx, wrong)
    does(quick, actor, service.revoke_feed)
    with pytest.raises(NotFound), quick.database.transaction() as tx:
        feed(quick, tx, token)


def test_who_reads_without_end_is_slowed_down(quick: Town) -> None:
    officer(quick, "anna")
    actor = quick.actor("anna")
    with quick.database.transaction() as tx:
        token = service.make_feed(tx, actor)

    def reads() -> int:
        for number in range(20):
            try:
                with quick.database.transaction() as tx:
                    feed(quick, tx, token)
            except TooMany:
                return number
        return 20

    assert (reads(), reads()) == (10, 0)
    quick.clock.turn(minutes=1)
    assert reads() == 10
    quick.clock.turn(hours=-1)  # a clock set back locks nobody out
    assert reads() == 10
