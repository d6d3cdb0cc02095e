"""Whom to call: who is really there, who should be, who steps in, and when nobody is."""

from datetime import UTC, date, datetime, timedelta

from nrm.access import service as access
from nrm.access.models import Account
from nrm.access.rules import Actor, Role
from nrm.roster import queries
from nrm.roster.models import RosterDeputy
from nrm.roster.queries import OnCall
from nrm.roster.rules import Cover
from tests.builders import Town
from tests.roster.people import DUTY, REGIONAL, line, officer, plan


def start(here: Town, login: str) -> Actor:
    actor = here.actor(login)
    with here.database.transaction(actor.account_id) as tx:
        access.start_shift(tx, actor)
    return here.actor(login)


def ask(
    here: Town, region: str | None = None, role: Role = DUTY, at: datetime | None = None, rank: int | None = None
) -> OnCall:
    with here.database.reading() as tx:
        return queries.on_call(tx, role, region, at, rank)


def who(found: OnCall) -> list[tuple[str, str]]:
    return [(one.name, one.source.value) for one in found.persons]


def test_without_a_roster_whoever_came_on_duty_and_else_the_channel(here: Town) -> None:
    officer(here, "anna")
    assert (who(ask(here)), ask(here).gap) == ([], False)
    assert [one.name for one in ask(here).organisations] == ["comensha"]
    start(here, "anna")
    assert who(ask(here, "VR17")) == [("anna", "on_shift")]


def test_really_there_then_planned_then_deputy_and_each_once(here: Town) -> None:
    anna, bert, cor, dirk = (officer(here, login) for login in ("anna", "bert", "cor", "dirk"))
    national = line(here, ranks=2)
    plan(here, national, anna)
    plan(here, national, bert, rank=2)
    with here.database.transaction() as tx:
        for place, account in enumerate((anna, dirk), start=1):
            tx.session.add(
                RosterDeputy(
                    id=tx.new_id(), line_id=national, account_id=account, place=place, valid_from=date(2026, 1, 1)
                )
            )
    found = ask(here)
    assert who(found) == [("anna", "rostered"), ("bert", "rostered"), ("dirk", "deputy")]
    assert not found.gap
    assert [one.name for one in found.not_started] == ["anna", "bert"]
    # Cor stayed on and Bert pressed start: they are there, Anna is not.
    start(here, "cor")
    start(here, "bert")
    found = ask(here)
    assert who(found) == [("bert", "on_shift"), ("cor", "on_shift"), ("anna", "rostered"), ("dirk", "deputy")]
    assert [one.name for one in found.not_started] == ["anna"]
    assert (found.persons[0].rank, found.persons[1].rank, found.persons[1].account_id) == (2, None, cor)
    assert [name for name, _ in who(ask(here, rank=2))] == ["bert", "anna", "dirk"]
    assert ask(here, rank=2) == ask(here, role="second_duty_officer")  # type: ignore[arg-type]
    assert [name for name, _ in who(ask(here, rank=1))] == ["cor", "anna", "dirk"]


def test_an_empty_slot_is_a_gap_also_with_a_deputy(here: Town) -> None:
    anna = officer(here, "anna")
    national = line(here)
    plan(here, national, anna, hours=(1, 2))
    assert ask(here).gap
    now = here.clock.at
    edges = [ask(here, at=now + timedelta(hours=hours)).gap for hours in (0.999, 1, 1.999, 2)]
    assert edges == [True, False, False, True]
    with here.database.transaction() as tx:
        tx.session.add(
            RosterDeputy(id="d", line_id=national, account_id=anna, valid_from=date(2026, 1, 1), valid_until=None)
        )
    found = ask(here)
    assert (found.gap, who(found)) == (True, [("anna", "deputy")])


def test_somebody_who_may_not_log_in_any_more_fills_no_slot(here: Town) -> None:
    anna = officer(here, "anna")
    plan(here, line(here), anna)
    assert not ask(here).gap
    with here.database.transaction() as tx:
        tx.session.get_one(Account, anna).active = False
    assert (ask(here).gap, who(ask(here))) == (True, [])


def test_within_office_hours_nobody_has_to_stand_on_an_after_hours_line(here: Town) -> None:
    line(here, cover=Cover.AFTER_HOURS)
    monday = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    at_edges = (monday - tick, monday, monday + timedelta(hours=8) - tick, monday + timedelta(hours=8))
    assert [ask(here, at=at).gap for at in at_edges] == [True, False, False, True]


def test_a_region_with_a_line_of_its_own_is_not_served_by_the_country(here: Town) -> None:
    anna, eva = officer(here, "anna"), officer(here, "eva", "VR09")
    plan(here, line(here), anna)
    own = line(here, region="VR09")
    start(here, "anna")
    assert (ask(here, "VR09").gap, who(ask(here, "VR09"))) == (True, [])
    assert who(ask(here, "VR17")) == [("anna", "on_shift")]
    plan(here, own, eva)
    assert who(ask(here, "VR09")) == [("eva", "rostered")]
    # Regional coordinators press no start, so nothing is said about that.
    officer(here, "regie", "VR09", REGIONAL)
    keten = line(here, REGIONAL, "VR09")
    plan(here, keten, here.accounts["regie"])
    found = ask(here, "VR09", REGIONAL)
    assert (who(found), found.not_started) == ([("regie", "rostered")], ())
    assert [one.id for one in found.organisations] == ["org-keten-VR09"]


def test_who_is_there_counts_until_now_and_not_for_a_night_to_come(here: Town) -> None:
    officer(here, "anna")
    line(here)
    began = here.clock.at
    start(here, "anna")
    here.clock.turn(hours=2)
    assert not ask(here).gap
    assert ask(here, at=here.clock.at + timedelta(days=1)).gap
    assert who(ask(here, at=began + timedelta(hours=1))) == [("anna", "on_shift")]
    here.clock.turn(hours=-5)  # a clock set back: she was not there yet
    assert ask(here).gap
