"""The shortage statement: counted by hand, made once whatever happens, never changed, and nothing small in it."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from textwrap import dedent

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from nrm import journal, policy
from nrm.access.rules import OrganisationKind, Role
from nrm.errors import Conflict, Forbidden, NotFound
from nrm.insight import catalogue, queries, service, stating
from nrm.insight.catalogue import rounded
from nrm.insight.models import CaseCourse, StatementVersion
from nrm.insight.rules import Cause, Course, split
from nrm.insight.statement import (
    ALL,
    FEW_HOUSES,
    IN_REST,
    NATIONAL,
    NO_NORM,
    REST,
    SMALL,
    Found,
    Kind,
    Period,
    RegionPlaces,
    Statement,
    at,
    coarse,
    counted,
    due,
    from_body,
    how_it_went,
    made,
    period_of,
    told,
    told_in,
)
from nrm.insight.telling import alone
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.notify.models import Message
from nrm.registry import quality
from tests.builders import Town, TurnedClock, town
from tests.insight.play import close, play
from tests.site import tick

URL = "http://127.0.0.1"
OCTOBER = Period(Kind.MONTHLY, date(2026, 10, 1))
MONDAY = datetime(2026, 10, 5, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 3, 6, 0, tzinfo=UTC)
"""Seven in the morning of the third day after October, in winter time."""


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made_town = town(database_url, TurnedClock(MONDAY))
    yield made_town
    made_town.database.close()


def table(said: Statement, code: str) -> dict[str, tuple[int | str, ...]]:
    return {row.code: row.cells for row in next(one for one in said.tables if one.code == code).rows}


def rows_of(here: Town) -> list[StatementVersion]:
    with here.database.reading() as tx:
        query = select(StatementVersion).order_by(StatementVersion.region_code, col(StatementVersion.version))
        return list(tx.session.exec(query))


def said_of(here: Town, region: str, version: int = 1, since: date = OCTOBER.since) -> Statement:
    wanted = (region, version, since)
    (row,) = [one for one in rows_of(here) if (one.region_code, one.version, one.since) == wanted]
    return from_body(row.body)


def told_to(here: Town) -> Counter[str]:
    with here.database.reading() as tx:
        rows = tx.session.exec(select(Message).where(col(Message.about).startswith("statement:")))
        return Counter(row.recipient for row in rows)


def asked_in_october(here: Town) -> None:
    """Rotterdam: ten placed after half an hour, ten that ended an hour on without a place. Amsterdam: three wait."""
    here.location(region="VR17", places=(10,))
    coordinator, provider = here.coordinator(), here.provider()
    stays = [here.request(coordinator) for _ in range(10)]
    here.match()
    here.clock.turn(minutes=30)
    for request_id in stays:
        here.accept(provider, here.offer(coordinator, request_id))
    gone = [here.request(coordinator) for _ in range(10)]
    here.match()
    service.keep(here.database)
    here.clock.turn(minutes=60)
    for request_id in gone:
        close(here, coordinator, request_id, Outcome.NO_PLACE)
    for _ in range(3):
        here.request(here.coordinator("VR13"), region="VR13")
    here.match()
    service.keep(here.database)
    here.organisation("gemeente-rotterdam", OrganisationKind.MUNICIPALITY, "VR17")
    here.organisation("gemeente-amsterdam", OrganisationKind.MUNICIPALITY, "VR13")
    here.organisation("vws", OrganisationKind.MINISTRY)


def keep(here: Town) -> None:
    """As two ticks do: the second reads what the first wrote down itself."""
    service.keep(here.database)
    service.keep(here.database)


def make(here: Town) -> int:
    keep(here)
    return stating.make_due(here.database, URL)


def test_a_small_world_by_hand(here: Town) -> None:
    asked_in_october(here)
    with here.database.transaction() as tx:
        policy.write(tx, policy.Capacity(places_min={"VR17": 12, "VR13": 4}), "norm")
    here.clock.at = DUE - timedelta(seconds=1)
    assert make(here) == 0, "what is entered late is waited for"
    here.clock.at = DUE
    assert make(here) == 25
    assert make(here) == 0
    said = said_of(here, "VR17")
    assert (said.since, said.until, said.as_of, said.recorded_from) == (
        *(OCTOBER.since, OCTOBER.until),
        DUE,
        MONDAY.date(),
    )
    assert table(said, "demand") == {ALL: (20,), "ended": (10,), "placed": (10,), REST: (IN_REST,)}
    assert table(said, "unmet") == {ALL: (SMALL, 10), "no_place": (SMALL, 10), REST: (SMALL, IN_REST)}
    assert table(said, "times")["accepted"] == (30, 30)
    assert table(said, "times")["arrival"] == (SMALL, SMALL)
    assert table(said, "norm") == {"within": (50,)}, "half of twenty within an hour"
    assert table(said, "capacity") == {"VR17": (FEW_HOUSES, 12, FEW_HOUSES)}
    assert table(said, "history") == {"2026-10-01": (20, 10)}
    few = said_of(here, "VR13")
    assert table(few, "demand") == {ALL: (SMALL,)}
    assert table(few, "unmet") == {ALL: (SMALL, SMALL)}
    assert table(few, "capacity") == {"VR13": (0, 4, -4)}
    assert told_to(here) == {
        "gemeente-rotterdam@example.org": 1,
        "gemeente-amsterdam@example.org": 1,
        "vws@example.org": 1,
    }
    # The quarter of the country: region by region. Amsterdam's three are anything from one to nine by subtracting.
    here.clock.at = datetime(2027, 1, 3, 6, 0, tzinfo=UTC)
    assert make(here) == 2 * 25 + 1, "the months that nobody was there to make, too"
    national = said_of(here, NATIONAL)
    assert table(national, "demand") == {ALL: (25,), "ended": (10,), "placed": (10,), REST: (IN_REST,)}
    assert table(national, "regions") == {ALL: (25,), "VR17": (20,), REST: (IN_REST,)}
    assert set(table(national, "capacity")) == {"VR13", "VR17"}, "where nothing is known and nothing agreed is left out"
    assert said_of(here, "VR17") == said


def test_what_is_entered_after_the_month_counts_only_up_to_its_moment_however_late_it_is_made(here: Town) -> None:
    """A worker that was away for a week makes the statement that it would have made on time."""
    coordinator = here.coordinator()
    requests = [here.request(coordinator) for _ in range(12)]
    here.clock.at = DUE - timedelta(hours=1)
    for request_id in requests[:10]:
        close(here, coordinator, request_id, Outcome.NO_PLACE)
    here.clock.at = DUE + timedelta(days=7)
    for request_id in requests[10:]:
        close(here, coordinator, request_id, Outcome.NO_PLACE)
    assert make(here) == 25
    assert table(said_of(here, "VR17"), "demand") == {ALL: (10,), "ended": (10,), REST: (IN_REST,)}
    with here.database.reading() as tx:
        assert said_of(here, "VR17").places_at == tx.now, "the places are of the day they were counted"


def test_not_before_the_journal_was_read_up_to_its_moment(here: Town) -> None:
    here.request(here.coordinator())
    here.clock.at = DUE
    assert stating.make_due(here.database, URL) == 0
    assert make(here) == 25


def test_two_workers_make_one(here: Town) -> None:
    here.request(here.coordinator())
    here.organisation("gemeente-rotterdam", OrganisationKind.MUNICIPALITY, "VR17")
    here.organisation("vws", OrganisationKind.MINISTRY)
    here.clock.at = DUE
    keep(here)
    together, done = threading.Barrier(2), []

    def work() -> None:
        together.wait()
        done.append(stating.make_due(here.database, URL))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(done) == 25
    assert Counter((row.region_code, row.version) for row in rows_of(here)).most_common(1)[0][1] == 1
    assert set(told_to(here).values()) == {1}


def test_killed_in_the_middle_it_is_made_by_whoever_comes_next(here: Town) -> None:
    """A worker is killed after it wrote the statement and its messages, before it committed."""
    here.request(here.coordinator())
    here.organisation("vws", OrganisationKind.MINISTRY)
    here.clock.at = DUE
    keep(here)
    killed = dedent(
        f"""
        import sys
        from datetime import datetime
        from nrm.db import Database
        from nrm.insight import stating
        class Stopped:
            def now(self): return datetime.fromisoformat({DUE.isoformat()!r})
        database = Database(sys.argv[1], Stopped())
        with database.reading() as tx:
            wanted = stating._wanted(tx)[0]
            draft = stating._drafts(tx, wanted.period, [wanted.region], tx.now, 1)[0]
        with database.transaction() as tx:
            assert stating._make("http://127.0.0.1", tx, draft)
            tx.session.flush()
            print("written", flush=True)
            sys.stdin.read()
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", killed, here.database.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert process.stdin is not None
    process.stdin.close()
    assert rows_of(here) == []
    here.clock.turn(seconds=1)
    tick(here)
    assert len(rows_of(here)) == 25
    assert told_to(here) == {"vws@example.org": 1}


def test_a_statement_does_not_change_and_a_correction_says_so(here: Town) -> None:
    asked_in_october(here)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    nac, municipality = here.actor(Role.NATIONAL_COORDINATOR), here.actor(Role.MUNICIPALITY)
    here.clock.at = DUE
    make(here)
    first = next(row for row in rows_of(here) if row.region_code == "VR17")
    for change in ("UPDATE statement SET body = '{}'", "DELETE FROM statement"):
        with pytest.raises(DBAPIError), here.database.transaction() as tx:
            tx.session.execute(text(change))
    with here.database.transaction(nac.account_id) as tx, pytest.raises(Conflict, match="statement_unchanged"):
        stating.correct(tx, nac, first.id, "entered_late", URL)
    # The ten that ended turn out to have been for nothing but a wrong region: planted in the projection.
    with here.database.transaction() as tx:
        tx.session.execute(text("UPDATE case_course SET region = 'VR13' WHERE outcome = 'no_place'"))
    with pytest.raises(Forbidden), here.database.transaction(municipality.account_id) as tx:
        stating.correct(tx, municipality, first.id, "entered_late", URL)
    with here.database.transaction(nac.account_id) as tx:
        second = stating.correct(tx, nac, first.id, "was_wrong", URL)
    assert (second.version, second.reason, second.made_by) == (2, "was_wrong", nac.account_id)
    assert table(said_of(here, "VR17", 1), "demand") == {ALL: (20,), "ended": (10,), "placed": (10,), REST: (IN_REST,)}
    assert table(said_of(here, "VR17", 2), "demand") == {ALL: (10,), "placed": (10,), REST: (IN_REST,)}
    with here.database.transaction(nac.account_id) as tx, pytest.raises(Conflict, match="statement_corrected_already"):
        stating.correct(tx, nac, first.id, "was_wrong", URL)
    with here.database.reading() as tx:
        entries = journal.of_subject(tx.session, f"statement:{second.id}")
        assert [(entry.kind, entry.actor) for entry in entries] == [("statement.made", nac.account_id)]
        assert [row.version for row in stating.versions(tx, municipality, first.id)] == [1, 2]
        assert [(one.version, one.region_code) for one in stating.statements(tx, municipality, 2026)] == [(2, "VR17")]
        bodies = [row.body for row in tx.session.exec(select(Message).where(Message.about == f"statement:{second.id}"))]
    assert bodies
    assert all("/landelijk/tekort/" in body and "20" not in body.split("\n")[0] for body in bodies)
    # The next month shows what is held to be true now.
    here.clock.at = datetime(2026, 12, 3, 6, 0, tzinfo=UTC)
    make(here)
    november = said_of(here, "VR17", since=date(2026, 11, 1))
    assert table(november, "history")["2026-10-01"] == (10, IN_REST)


def test_a_correction_that_would_tell_the_same_is_not_made(here: Town) -> None:
    """That there is one would say by itself that somebody is behind a number left out."""
    asked_in_october(here)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    nac = here.actor(Role.NATIONAL_COORDINATOR)
    here.clock.at = DUE
    make(here)
    first = next(row for row in rows_of(here) if row.region_code == "VR13")
    with here.database.transaction() as tx:
        moved = tx.session.exec(select(CaseCourse).where(CaseCourse.outcome == "no_place")).first()
        assert moved
        moved.region = "VR13"
        tx.session.add(moved)
    with here.database.reading() as tx:
        (again,) = stating._drafts(tx, Period(Kind.MONTHLY, first.since), ["VR13"], tx.now, 2)
    assert again.counted.plain() != first.counted
    with here.database.transaction(nac.account_id) as tx, pytest.raises(Conflict, match="statement_unchanged"):
        stating.correct(tx, nac, first.id, "was_wrong", URL)


def test_who_reads_and_hears_of_which(here: Town) -> None:
    here.request(here.coordinator())
    here.person(Role.MINISTRY, OrganisationKind.MINISTRY)
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR13")
    here.person(Role.RAPPORTEUR, OrganisationKind.RAPPORTEUR)
    regional, ministry = here.actor(Role.COORDINATOR_REGIONAL), here.actor(Role.MINISTRY)
    rapporteur = here.actor(Role.RAPPORTEUR)
    with here.database.transaction(regional.account_id) as tx:
        stating.subscribe(tx, regional, Kind.MONTHLY, "VR13")
        stating.subscribe(tx, regional, Kind.MONTHLY, "VR13")
        with pytest.raises(NotFound):
            stating.subscribe(tx, regional, Kind.MONTHLY, "VR17")
    with here.database.transaction(ministry.account_id) as tx:
        stating.subscribe(tx, ministry, Kind.MONTHLY, "VR17")
        stating.unsubscribe(tx, ministry, Kind.MONTHLY, "VR17")
        assert stating.subscriptions(tx, ministry) == set()
        assert stating.subscriptions(tx, regional) == {("monthly", "VR13")}
    here.clock.at = DUE
    make(here)
    assert told_to(here) == {f"body-{Role.COORDINATOR_REGIONAL}@example.org": 1, f"body-{Role.MINISTRY}@example.org": 1}
    rotterdam = next(row for row in rows_of(here) if row.region_code == "VR17")
    with here.database.reading() as tx:
        assert len(stating.statements(tx, ministry, 2026)) == 25
        assert stating.statements(tx, ministry, 2025) == []
        assert stating.years(tx, ministry) == [2026]
        assert {one.region_code for one in stating.statements(tx, regional, 2026)} == {"VR13"}
        with pytest.raises(NotFound):
            stating.statement(tx, regional, rotterdam.id)
        with pytest.raises(Forbidden):
            stating.statements(tx, rapporteur, 2026)


def test_periods_follow_the_calendar_on_the_wall() -> None:
    assert [period_of(kind, date(2026, 11, 29)).name for kind in Kind] == ["2026-11", "2026Q4"]
    assert catalogue.quarter_of("2026-12") == "2026Q4"
    assert catalogue.months_of("2026Q4") == catalogue.months_of("2026")[9:] == ["2026-10", "2026-11", "2026-12"]
    assert period_of(Kind.QUARTERLY, date(2026, 11, 29)) == Period(Kind.QUARTERLY, date(2026, 10, 1))
    assert (OCTOBER.starts_at, OCTOBER.ends_at) == (
        datetime(2026, 9, 30, 22, tzinfo=UTC),
        datetime(2026, 10, 31, 23, tzinfo=UTC),
    )
    assert OCTOBER.due_at(3, time(7)) == DUE
    assert Period(Kind.MONTHLY, date(2026, 1, 1)).before == Period(Kind.MONTHLY, date(2025, 12, 1))
    first = date(2026, 8, 31)
    found = due(Kind.MONTHLY, first, DUE, 3, time(7))
    assert [one.since for one in found] == [date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)]
    assert len(due(Kind.MONTHLY, date(2000, 1, 1), DUE, 3, time(7))) == 12


def test_nothing_small_can_be_told_from_what_is_told() -> None:
    """Every shown number stands for enough, and so does what is left when all of them are taken from the whole."""
    chance = Random(7)  # noqa: S311 - not for secrets
    for _ in range(2000):
        counts = {f"part-{n}": chance.choice((0, 1, 2, 4, 7, 9, 10, 11, 23)) for n in range(chance.randint(1, 7))}
        total, parts = told(counts, 10)
        assert leaks(counts, total, parts, 10) == [], counts


def test_of_equal_parts_the_same_goes_along_on_paper_and_on_the_pages() -> None:
    """Two rules would show one part here and the other there, and what both leave out could be had by subtracting."""
    counts = {"b": 10, "a": 10, "c": 3}
    assert told(counts, 5) == (25, {"a": 10, REST: 15})
    assert split(counts).shown == (("a", 10),)


def leaks(counts: dict[str, int], total: int | str, parts: dict[str, int], small: int) -> list[str]:
    """What an attacker learns of few: who knows every shown number exactly takes them from the exact total."""
    if total == SMALL:
        return [] if sum(counts.values()) < small and not parts else ["shown though small"]
    shown = [code for code in parts if code != REST]
    found = [code for code in shown if counts[code] < small]
    left = sum(counts.values()) - sum(counts[code] for code in shown)
    if 0 < left < small:
        found.append(REST)
    if bool(left) != (REST in parts):
        found.append("an absent part is known to be none")
    assert all(number % 5 == 0 for number in (total, *parts.values()))
    return found


def test_a_planted_leak_is_found() -> None:
    """Without putting the rest together with another, three of twenty can be had by subtracting."""
    counts = {"placed": 17, "ended": 3}
    assert leaks(counts, 20, {"placed": 15, REST: 5}, 10) == [REST]
    assert leaks(counts, *told(counts, 10), 10) == []


def test_times_are_nobodys_own() -> None:
    assert [coarse(minutes) for minutes in (0, 1, 33, 179, 200, 1500, 3000)] == [5, 5, 35, 180, 180, 1500, 2880]
    assert [rounded(count) for count in (5, 7, 8, 12, 13)] == [5, 5, 10, 10, 15]


def course(number: int, **said: object) -> Course:
    at = MONDAY + timedelta(minutes=number)
    known = {"region": "VR17", "urgency": "now", "persons": 1, "profile": "women", "office": True, **said}
    return Course(str(number), at, waits=((at, None),), **known)  # type: ignore[arg-type]


def test_a_column_never_says_which_causes_are_none_while_something_is_left_out() -> None:
    found = Found(
        [course(number) for number in range(40)],
        {Cause.NO_PLACE: 14, Cause.UNSAFE: 3, Cause.DECLINED: 12},
        {Cause.UNSAFE: 20},
        [RegionPlaces("VR17", 30, 4, 3, norm=None)],
        {"went_on": 12, "partly": 2},
        [],
    )
    of = counted(OCTOBER, "VR17", found, DUE, 1, ["VR17"])
    said = made(OCTOBER, found, of, alone(of), DUE, DUE, MONDAY.date())
    assert table(said, "unmet") == {
        ALL: (30, 20),
        "no_place": (15, IN_REST),
        "unsafe": (IN_REST, 20),
        "declined": (10, IN_REST),
        REST: (IN_REST, IN_REST),
    }
    assert table(said, "capacity") == {"VR17": (30, NO_NORM, NO_NORM)}
    assert table(said, "continuity") == {ALL: (15,), "went_on": (10,), REST: (IN_REST,)}
    assert table(said, "history") == {"2026-10-01": (40, IN_REST)}
    assert from_body(said.as_body()) == said
    assert told_in(said, of) == alone(of), "what was told is read back from what was kept"
    # Counted again it is not even told what is small.
    again = counted(OCTOBER, "VR17", replace(found, courses=[]), DUE, 2, ["VR17"])
    assert table(made(OCTOBER, found, again, alone(again), DUE, DUE, MONDAY.date()), "demand") == {ALL: (IN_REST,)}


def test_against_a_recount_of_the_tables_and_any_moment_can_be_stated_again(sqlite_url: str) -> None:
    """Anybody does anything: how it went against the tables, now and at each moment on the way."""
    here = town(sqlite_url, TurnedClock(MONDAY))
    seen: dict[datetime, Counter[str]] = {}
    for deed in play(here, seed=7, deeds=60):
        if deed == "work":
            service.keep(here.database)
            seen[here.clock.at] = recounted(here)
    service.keep(here.database)
    with here.database.reading() as tx:
        courses = queries.courses_since(tx, MONDAY, here.clock.at + timedelta(seconds=1))
    assert len(seen) > 4
    assert len(recounted(here)) == 3, "the town was lively enough"
    for moment, counts in {**seen, here.clock.at: recounted(here)}.items():
        then = [at(one, moment) for one in courses if one.submitted_at <= moment]
        assert Counter(how_it_went(one) for one in then) == counts, moment
    here.database.close()


def recounted(here: Town) -> Counter[str]:
    """How every request stands by the tables, read another way than the journal."""
    with here.database.reading() as tx:
        rows = tx.session.exec(select(PlacementRequest)).all()
    counts: Counter[str] = Counter()
    for row in rows:
        if row.status == "closed" and row.outcome == "youth_care":
            counts["youth_care"] += 1
        elif row.status == "closed" and row.outcome != "ended_stay":
            counts["ended"] += 1
        else:
            counts["waiting" if row.status in {"open", "offered"} else "placed"] += 1
    return counts


def test_as_far_as_it_had_come() -> None:
    done = course(0, accepted_at=MONDAY + timedelta(hours=1), closed_at=DUE, outcome=Outcome.ENDED_STAY, pool="COSM")
    before = at(done, MONDAY + timedelta(minutes=30))
    assert (before.accepted_at, before.closed_at, before.outcome, before.pool) == (None, None, None, None)
    assert at(done, DUE) == done


def test_what_rooms_are_good_at_is_by_whose_word(here: Town) -> None:
    for _ in range(3):
        here.location(region="VR17", places=(1,))
    provider = here.provider()
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    nac = here.actor(Role.NATIONAL_COORDINATOR)
    with here.database.transaction(provider.account_id) as tx:
        quality.say(tx, provider, "loc-1-u1", ["trauma"], "Norm 2", None)
        quality.say(tx, provider, "loc-2-u1", ["men"], "", None)
    with here.database.transaction(nac.account_id) as tx:
        quality.say(tx, nac, "loc-1-u1", ["trauma", "trafficking"], "Norm 2", MONDAY.date())
    with here.database.reading() as tx:
        assert quality.counts(tx) == {"VR17": (1, 1, 1)}
        found = quality.room(tx, provider, "loc-1-u1")
        assert found.declared is not None
        assert found.checked is not None
        assert (found.declared.expertise, found.checked.expertise) == (["trauma"], ["trafficking", "trauma"])
        with pytest.raises(NotFound):
            quality.room(tx, here.provider("ander"), "loc-1-u1")
    with here.database.transaction(provider.account_id) as tx, pytest.raises(Conflict):
        quality.say(tx, provider, "loc-1-u1", ["men"], "", None, known="")
    with here.database.transaction(provider.account_id) as tx:
        quality.say(tx, provider, "loc-1-u1", [], "", None, known=found.declared.id)
        assert quality.counts(tx) == {"VR17": (1, 1, 1)}, "what a check found stays"
