"""Reminders, asking now, and the link that answers: once each, for one location, whatever races or crashes."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from nrm import journal, policy
from nrm.access import service as access
from nrm.access.models import Organisation
from nrm.access.rules import OrganisationKind, Role
from nrm.errors import Conflict, Forbidden, NotFound, NrmError
from nrm.notify import service as notify
from nrm.notify.models import Message
from nrm.notify.within import LogChannel
from nrm.policy import Band, Rhythm
from nrm.registry import asking, queries, service
from nrm.registry.asking import Asked
from nrm.registry.models import Asking, Confirmation
from nrm.registry.rules import FreshnessBand, freshness, reminders
from tests.builders import Town, town

URL = "https://nrm.example"
BAND = Band(fresh_minutes=8 * 60, aging_minutes=16 * 60)
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.clock.at = at("2026-11-23T09:00")  # a Monday, ten o'clock on the wall
    yield made
    made.database.close()


def confirmed(here: Town, **house: object) -> str:
    """A house whose provider confirmed it now."""
    provider = here.provider()
    location_id = here.location(confirmed_minutes_ago=None, **house)  # type: ignore[arg-type]
    with here.database.transaction(provider.account_id) as tx:
        service.confirm_unchanged(tx, provider, location_id)
    return location_id


def messages(here: Town) -> list[Message]:
    with here.database.reading() as tx:
        rows = list(tx.session.exec(select(Message).where(col(Message.about).startswith("check:"))))
    return sorted(rows, key=lambda row: (row.queued_at, row.about))


def askings(here: Town) -> list[tuple[str, str]]:
    with here.database.reading() as tx:
        rows = tx.session.exec(select(Asking).order_by(col(Asking.asked_at), Asking.location_id)).all()
        return [(row.location_id, row.occasion) for row in rows]


def token(here: Town) -> str:
    """The token in the newest message."""
    found = re.search(rf"{URL}/controle/(\S+)", messages(here)[-1].body)
    assert found
    return found[1]


def figures(here: Town, location_id: str) -> str:
    with here.database.reading() as tx:
        return queries.locations(tx, location_id=location_id)[0].figures


def by_link(here: Town, secret: str, seen: str) -> None:
    with here.database.transaction(asking.MAILBOX) as tx:
        asking.confirm_by_link(tx, secret, seen)


def band(here: Town, location_id: str) -> FreshnessBand:
    with here.database.reading() as tx:
        return queries.locations(tx, location_id=location_id)[0].freshness.band


def at_once(work: list[Callable[[], object]]) -> list[object]:
    """Everything in threads of its own, started together; what it returned, or the refusal."""
    together = Barrier(len(work))

    def run(one: Callable[[], object]) -> object:
        together.wait()
        try:
            return one()
        except NrmError as refusal:
            return refusal.code

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


# --- when -----------------------------------------------------------------------------------------------------------


def occasions(confirmed_at: str) -> list[tuple[str, str]]:
    return [
        (reminder.occasion, reminder.at.isoformat(timespec="minutes").removesuffix("+00:00"))
        for reminder in reminders(BAND, Rhythm(), HOUR, at(confirmed_at))
    ]


def test_an_hour_before_each_turn_and_then_twice_a_day_apart() -> None:
    assert occasions("2026-11-23T05:00") == [
        ("aging", "2026-11-23T12:00"),
        ("stale", "2026-11-23T20:00"),
        ("again-1", "2026-11-25T06:00"),
        ("again-2", "2026-11-26T06:00"),
    ]


def test_outside_the_hours_it_waits_for_the_opening_or_the_turn_whichever_is_first() -> None:
    found = dict(occasions("2026-11-23T21:30"))
    assert found["aging"] == "2026-11-24T05:30", "nobody looks before the turn: it goes at the turn"
    assert found["stale"] == "2026-11-24T12:30"
    early = reminders(BAND, Rhythm(), timedelta(hours=3), at("2026-11-23T00:30"))
    assert early[0].at == at("2026-11-23T06:00"), "05:30 is before the opening, the opening before the turn"


def test_across_the_night_the_clock_goes_back_the_opening_is_still_seven_on_the_wall() -> None:
    found = dict(occasions("2026-10-24T18:30"))
    assert found["aging"] == "2026-10-25T02:30"
    day = Band(fresh_minutes=14 * 60, aging_minutes=40 * 60)
    assert reminders(day, Rhythm(), HOUR, at("2026-10-24T16:30"))[0].at == at("2026-10-25T06:00")


def test_no_reminder_comes_before_half_way() -> None:
    assert reminders(BAND, Rhythm(), 12 * HOUR, at("2026-11-23T09:00"))[0].at == at("2026-11-23T13:00")


@given(
    confirmed_at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    fresh=st.integers(1, 3000),
    more=st.integers(1, 3000),
    before=st.integers(1, 5000),
    opens=st.times(),
    closes=st.times(),
)
def test_whatever_the_policy_a_reminder_comes_while_there_is_something_to_turn(
    confirmed_at: datetime, fresh: int, more: int, before: int, opens: object, closes: object
) -> None:
    if opens == closes:
        return
    rhythm = Rhythm.model_validate({"opens": opens, "closes": closes})
    bands = Band(fresh_minutes=fresh, aging_minutes=fresh + more)
    aging, stale, *again = reminders(bands, rhythm, timedelta(minutes=before), confirmed_at)
    turns = [confirmed_at + timedelta(minutes=minutes) for minutes in (fresh, fresh + more)]
    assert confirmed_at < aging.at <= turns[0] < stale.at <= turns[1]
    assert freshness(bands, confirmed_at, aging.at - timedelta(seconds=1)).band is FreshnessBand.FRESH
    assert all(reminder.at > turns[1] for reminder in again)


# --- reminders ------------------------------------------------------------------------------------------------------


def test_one_reminder_per_turn_however_often_the_worker_looks(here: Town) -> None:
    house = confirmed(here)
    for _ in range(4 * 24 * 4):
        here.clock.turn(minutes=15)
        asking.remind_due(here.database, URL)
        asking.remind_due(here.database, URL)
    assert askings(here) == [(house, occasion) for occasion in ("aging", "stale", "again-1", "again-2")]
    assert [message.queued_at for message in messages(here)][:2] == [at("2026-11-23T16:00"), at("2026-11-24T01:00")]


def test_who_confirmed_is_not_reminded_of_what_is_over(here: Town) -> None:
    house = confirmed(here)
    here.clock.turn(hours=7)
    assert asking.remind_due(here.database, URL) == 1
    provider = here.provider()
    with here.database.transaction() as tx:
        service.confirm_unchanged(tx, provider, house)
    (message,) = messages(here)
    assert (message.due_at, message.cancelled_at) == (None, here.clock.at), "not sent any more"
    here.clock.turn(hours=6)
    assert asking.remind_due(here.database, URL) == 0, "counted from the new confirmation"
    here.clock.turn(hours=2)  # the turn itself: nobody looks in the hour before midnight
    assert asking.remind_due(here.database, URL) == 1


def test_a_worker_that_was_away_sends_one_and_not_every_missed_one(here: Town) -> None:
    house = confirmed(here)
    here.clock.turn(days=9)
    assert asking.remind_due(here.database, URL) == 1
    assert asking.remind_due(here.database, URL) == 0
    assert askings(here) == [(house, "again-2")]


def test_a_clock_that_jumps_back_reminds_nobody_twice(here: Town) -> None:
    house = confirmed(here)
    here.clock.turn(hours=7)
    asking.remind_due(here.database, URL)
    with here.database.transaction() as tx:
        queries.location(tx, house).remind_due_at = here.clock.at  # as if the clock's jump had set it back
    assert asking.remind_due(here.database, URL) == 0
    assert len(messages(here)) == 1


def test_of_many_workers_at_once_one_reminds(here: Town) -> None:
    houses = [confirmed(here) for _ in range(5)]
    here.clock.turn(hours=7)
    done = at_once([lambda: asking.remind_due(here.database, URL)] * 4)
    assert sum(int(str(one)) for one in done) == len(houses)
    assert [house for house, _ in askings(here)] == houses


def test_a_worker_killed_halfway_has_sent_nothing_and_the_next_one_does(here: Town) -> None:
    confirmed(here)
    here.clock.turn(hours=7)

    class Killed(BaseException):
        pass

    def killed_before_it_is_kept() -> None:
        with here.database.transaction() as tx:
            assert asking._remind(URL, tx, "loc-1")
            raise Killed

    with pytest.raises(Killed):
        killed_before_it_is_kept()
    assert messages(here) == []
    assert asking.remind_due(here.database, URL) == 1


def test_a_shorter_rhythm_holds_from_its_day_on(here: Town) -> None:
    house = confirmed(here)
    with here.database.transaction() as tx:
        policy.write(tx, policy.Rhythm(before_minutes=dict.fromkeys(Rhythm().before_minutes, 5)), "later")
    here.clock.turn(hours=7)
    assert asking.remind_due(here.database, URL) == 0, "looked again under the policy in force"
    here.clock.turn(minutes=55)
    assert asking.remind_due(here.database, URL) == 1
    assert askings(here) == [(house, "aging")]


def test_without_a_mailbox_nobody_pretends_to_have_asked(here: Town) -> None:
    house = confirmed(here)
    with here.database.transaction() as tx:
        tx.session.get_one(Organisation, here.organisations["aanbieder"]).email = None
    here.clock.turn(hours=7)
    assert asking.remind_due(here.database, URL) == 0
    officer = here.duty_officer()
    with here.database.transaction() as tx:
        assert asking.ask(tx, officer, [house], URL) == Asked(no_mailbox=1)
    assert messages(here) == []


def test_a_message_says_the_code_and_nothing_of_where_or_who_and_its_link_is_not_logged(here: Town) -> None:
    confirmed(here)
    here.clock.turn(hours=7)
    asking.remind_due(here.database, URL)
    (message,) = messages(here)
    assert message.recipient == "aanbieder@example.org"
    assert "L-001" in message.subject + message.body
    for secret in ("CANARY", "Verzonnenlaan", "VR13", "Amsterdam"):
        assert secret not in message.subject + message.body
    secret = token(here)
    with structlog.testing.capture_logs() as logs:
        assert notify.deliver_due(here.database, {"email": LogChannel()}) == 1
    assert logs
    assert secret not in str(logs)
    with here.database.reading() as tx:
        (row,) = tx.session.exec(select(Asking)).all()
        told = journal.after(tx.session, 0, 1000)
    assert secret not in str(row)
    assert not [entry for entry in told if secret in entry.data]


# --- the link -------------------------------------------------------------------------------------------------------


def reminded(here: Town, **house: object) -> str:
    """A house whose provider was just reminded."""
    location_id = confirmed(here, **house)
    here.clock.turn(hours=7)
    assert asking.remind_due(here.database, URL)
    return location_id


def test_a_link_confirms_its_one_location_once_and_says_how(here: Town) -> None:
    other = confirmed(here)
    house = reminded(here)
    here.clock.turn(hours=2)
    assert {band(here, house), band(here, other)} == {FreshnessBand.AGING}
    secret = token(here)
    by_link(here, secret, figures(here, house))
    assert (band(here, house), band(here, other)) == (FreshnessBand.FRESH, FreshnessBand.AGING)
    with pytest.raises(Conflict, match="link_used"):
        by_link(here, secret, figures(here, house))
    with here.database.reading() as tx:
        newest = queries.newest_confirmation(tx, house)
        assert newest is not None
        assert newest.account_id == "mailbox"
        row = tx.session.exec(select(Asking).where(Asking.confirmation_id == newest.id)).one()
        assert row.used_at == here.clock.at
        entry = journal.of_subject(tx.session, f"location:{house}")[-1]
    assert (entry.kind, entry.actor) == ("location.confirmed", "mailbox")


def test_reading_a_link_changes_nothing(here: Town) -> None:
    reminded(here)
    with here.database.reading() as tx:
        before = journal.last_seq(tx.session)
        for _ in range(3):
            _, view = asking.read_link(tx, token(here))
            assert view.location.code == "L-001"
    with here.database.reading() as tx:
        assert journal.last_seq(tx.session) == before
        assert tx.session.exec(select(Asking)).one().used_at is None


@pytest.mark.parametrize("secret", ["", "x", "../..", "A" * 43, "A" * 5000, "é'\x00"])
def test_a_made_up_link_opens_nothing(here: Town, secret: str) -> None:
    house = reminded(here)
    with pytest.raises(NotFound, match="no_link"):
        by_link(here, secret, figures(here, house))


def test_every_changed_character_of_a_link_makes_it_nothing(here: Town) -> None:
    house = reminded(here)
    secret = token(here)
    for place in range(0, len(secret), 7):
        changed = secret[:place] + ("A" if secret[place] != "A" else "B") + secret[place + 1 :]
        with pytest.raises(NotFound, match="no_link"):
            by_link(here, changed, figures(here, house))


def test_an_old_link_is_over(here: Town) -> None:
    house = reminded(here)
    secret = token(here)
    here.clock.turn(hours=23, minutes=59)
    with here.database.reading() as tx:
        asking.read_link(tx, secret)
    here.clock.turn(minutes=1)
    with pytest.raises(Conflict, match="link_expired"):
        by_link(here, secret, figures(here, house))
    assert band(here, house) is FreshnessBand.STALE


def test_what_changed_after_looking_is_not_confirmed_and_the_link_still_works(here: Town) -> None:
    house = reminded(here)
    seen = figures(here, house)
    provider = here.provider()
    with here.database.transaction() as tx:
        service.close_place(tx, provider, f"{house}-u1-p1", "maintenance", None)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        by_link(here, token(here), seen)
    by_link(here, token(here), figures(here, house))
    assert band(here, house) is FreshnessBand.FRESH


def test_of_many_who_press_at_once_one_confirms(here: Town) -> None:
    house = reminded(here)
    secret, seen = token(here), figures(here, house)
    found = at_once([lambda: by_link(here, secret, seen)] * 6)
    assert sorted(map(str, found)) == ["None"] + ["link_used"] * 5
    with here.database.reading() as tx:
        assert len(tx.session.exec(select(Confirmation).where(Confirmation.location_id == house)).all()) == 2


# --- asking now -----------------------------------------------------------------------------------------------------


def test_asking_everyone_asks_each_once_and_pressing_again_nobody(here: Town) -> None:
    houses = [here.location(confirmed_minutes_ago=minutes) for minutes in (None, 60 * 20, 5)]
    officer = here.duty_officer()
    with here.database.transaction(officer.account_id) as tx:
        assert [view.location.id for view in queries.to_check(tx)] == houses[:2]
        assert asking.ask(tx, officer, houses, URL) == Asked(asked=3)
    here.clock.turn(minutes=14, seconds=59)
    with here.database.transaction(officer.account_id) as tx:
        assert asking.ask(tx, officer, [*houses, houses[0]], URL) == Asked(too_soon=3)
    here.clock.turn(seconds=1)
    with here.database.transaction(officer.account_id) as tx:
        assert asking.ask(tx, officer, houses[:1], URL) == Asked(asked=1)
    assert len(messages(here)) == 4
    by_link(here, token(here), figures(here, houses[0]))
    with here.database.reading() as tx:
        assert [view.location.id for view in queries.to_check(tx)] == houses[1:2]


def test_two_who_ask_everyone_at_once_send_one_message_each(here: Town) -> None:
    houses = [here.location(confirmed_minutes_ago=None) for _ in range(6)]
    officer, desk = here.duty_officer(), here.national_desk()

    def press(actor: object, order: list[str]) -> Asked:
        with here.database.transaction() as tx:
            return asking.ask(tx, actor, order, URL)  # type: ignore[arg-type]

    found = at_once([lambda: press(officer, houses), lambda: press(desk, houses[::-1])] * 2)
    assert sum(one.asked for one in found) == len(houses)  # type: ignore[attr-defined]
    assert len(messages(here)) == len(houses)


def test_who_may_ask_and_where(here: Town) -> None:
    here.location(region="VR13")
    regional = here.organisation("regiopiket", OrganisationKind.NATIONAL_DESK, "VR17")
    here.account("regiopiket", Role.DUTY_OFFICER, regional)
    off_shift = here.actor("regiopiket")
    with here.database.transaction() as tx, pytest.raises(Forbidden, match="not_on_shift"):
        asking.ask(tx, off_shift, ["loc-1"], URL)
    for actor in (here.provider(), here.coordinator(), here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.POLICE)):
        with here.database.transaction() as tx, pytest.raises(Forbidden):
            asking.ask(tx, actor, ["loc-1"], URL)
    with here.database.transaction() as tx:
        access.start_shift(tx, off_shift)
    elsewhere = here.actor("regiopiket")
    with here.database.transaction() as tx, pytest.raises(NotFound, match="no_location"):
        asking.ask(tx, elsewhere, ["loc-1"], URL)
    with here.database.transaction() as tx, pytest.raises(NotFound, match="no_location"):
        asking.ask(tx, elsewhere, ["no-such"], URL)
    assert messages(here) == []
