"""Somebody asked for twice: only the desk notices, nobody else learns anything, and the input is kept nowhere."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import text
from sqlmodel import select

from nrm import journal
from nrm.access.rules import Actor
from nrm.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from nrm.intake import service
from nrm.intake.models import PersonMark, Repeat
from nrm.intake.rules import RepeatOutcome, person_key
from nrm.seal import AddressKey
from tests.builders import KEY, Town, town

BORN = date(1998, 2, 7)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def mark(here: Town, actor: Actor, request_id: str, initials: str = "AB", born: date = BORN) -> None:
    with here.database.transaction(actor.account_id) as tx:
        service.mark_person(tx, actor, KEY, request_id, initials, born)


def repeats(here: Town) -> list[Repeat]:
    with here.database.reading() as tx:
        found = list(tx.session.exec(select(Repeat)))
        tx.session.expunge_all()
        return found


def test_the_same_person_twice_comes_to_the_desk_and_to_nobody_else(here: Town) -> None:
    one, other, desk = here.coordinator("VR17"), here.coordinator("VR15"), here.national_desk()
    first, second, third = here.request(one), here.request(other), here.request(other)
    mark(here, one, first, " a.b ")
    mark(here, other, third, "AC")
    assert repeats(here) == []
    mark(here, other, second, "ÁB")
    [found] = repeats(here)
    assert (found.first_id, found.second_id) == (first, second)
    mark(here, other, second, "ab")  # said again
    mark(here, one, first)
    assert len(repeats(here)) == 1
    for actor in (one, other):
        with here.database.transaction(actor.account_id) as tx, pytest.raises(Forbidden):
            service.open_repeats(tx, actor)
    with here.database.transaction(desk.account_id) as tx:
        [shown] = service.open_repeats(tx, desk)
    assert len(set(shown.codes)) == 2
    with here.database.reading() as tx:
        # Whether anything was found cannot be told from the history of either case.
        histories = [[entry.kind for entry in journal.of_subject(tx.session, f"request:{id}")] for id in (first, third)]
    assert histories[0] == histories[1] == ["request.submitted", "request.marked"]


def test_what_was_typed_is_kept_nowhere(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    mark(here, coordinator, request_id, "QX")
    with here.database.reading() as tx:
        [kept] = tx.session.exec(select(PersonMark)).all()
        assert len(kept.pseudonym) == 64
        assert kept.pseudonym == KEY.pseudonym("QX|1998-02-07")
        assert kept.pseudonym != AddressKey(bytes(32)).pseudonym("QX|1998-02-07"), "without the key nobody can try"
        entries = tx.session.execute(text("SELECT kind, subject, data FROM journal")).all()
    assert not [entry for entry in entries if "QX" in str(entry[2]) or "1998" in str(entry[2])]


def test_nobody_can_try_out_birthdays(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    for day in range(1, 31):
        mark(here, coordinator, request_id, born=date(1999, 1, day))
    with pytest.raises(TooMany, match="too_many_marks"):
        mark(here, coordinator, request_id, born=date(1999, 2, 1))
    here.clock.turn(hours=25)
    mark(here, coordinator, request_id, born=date(1999, 2, 1))


def test_somebody_elses_request_cannot_be_marked(here: Town) -> None:
    other = here.coordinator("VR15")
    request_id = here.request(here.coordinator())
    with pytest.raises(NotFound):
        mark(here, other, request_id)


@pytest.mark.parametrize(
    ("initials", "born"), [("1.", BORN), ("..", BORN), ("AB", date(2027, 1, 1)), ("AB", date(1880, 1, 1))]
)
def test_what_cannot_be_is_refused(here: Town, initials: str, born: date) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    with pytest.raises(Invalid):
        mark(here, coordinator, request_id, initials, born)


def test_the_desk_says_once_what_it_found_out(here: Town) -> None:
    coordinator, desk = here.coordinator(), here.national_desk()
    for request_id in (here.request(coordinator), here.request(coordinator)):
        mark(here, coordinator, request_id)
    [found] = repeats(here)
    with here.database.transaction(desk.account_id) as tx:
        service.end_repeat(tx, desk, found.id, RepeatOutcome.SAME_PERSON)
    with pytest.raises(Conflict), here.database.transaction(desk.account_id) as tx:
        service.end_repeat(tx, desk, found.id, RepeatOutcome.OTHER_PERSON)
    with here.database.transaction(desk.account_id) as tx:
        assert service.open_repeats(tx, desk) == []


def test_after_a_year_nobody_compares_any_more(here: Town) -> None:
    coordinator = here.coordinator()
    mark(here, coordinator, here.request(coordinator))
    here.clock.turn(days=367)
    mark(here, here.coordinator(), here.request(here.coordinator()))
    assert repeats(here) == []


def test_one_way_to_write_the_same() -> None:
    assert {person_key(said, BORN) for said in ("ab", "A.B.", " a b ", "Äb")} == {"AB|1998-02-07"}
