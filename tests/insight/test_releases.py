"""What is published: counted from the journal, once, by the clock; and what is out stays as it was."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from nrm import journal
from nrm.columns import canonical
from nrm.insight import catalogue, counting, releases, service
from nrm.insight.catalogue import Cell
from nrm.insight.models import Release, UnmetCause
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest, RequestPerson
from nrm.intake.rules import CITIZENSHIP, Outcome, Residence
from nrm.journal import JournalEntry
from nrm.placing.models import Stay
from nrm.registry import service as registry
from nrm.registry.rules import Basis, Stance
from tests.builders import Town, town
from tests.insight.play import close, play

COUNTED = datetime(2026, 12, 28, 23, 0, tzinfo=UTC)
"""November 2026 is counted as 29 December begins in Amsterdam."""


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def published(here: Town) -> list[str]:
    """Everything that is due now, in the order in which it comes out."""
    service.keep(here.database)
    found = []
    while period := releases.release_due(here.database):
        found.append(period)
        service.keep(here.database)
    return found


def shown(here: Town, period: str, **of: str) -> int | None:
    with here.database.reading() as tx:
        return releases.numbers(tx.session.get_one(Release, period))[catalogue.cell(period, of.items())]


def autumn(here: Town) -> list[str]:
    """Eleven people in November: seven women and a family of two through the nights, two men."""
    coordinator = here.coordinator()
    here.clock.turn(minutes=1)
    women = [here.request(coordinator, exploitation="sexual", residence="eu") for _ in range(7)]
    men = [
        here.request(coordinator, persons=[{"sex": "m", "age": 33}], exploitation="labour", residence="dutch")
        for _ in range(2)
    ]
    family = here.request(coordinator)
    said = {"urgency": "now", "persons": [{"sex": "f", "age": 30, "parent": True}, {"sex": "f", "age": 3}]}
    with here.database.transaction(coordinator.account_id) as tx:
        intake.amend(tx, coordinator, family, intake.AmendIn.model_validate({**said, "version": 1}))
    close(here, coordinator, men[0], Outcome.NO_PLACE)
    return [*women, *men, family]


def test_a_hand_counted_november_comes_out_when_it_is_counted_and_stays(here: Town) -> None:
    requests = autumn(here)
    here.clock.at = COUNTED - timedelta(microseconds=1)
    assert published(here) == []
    here.clock.at = COUNTED
    assert published(here) == ["2026-11"]
    assert shown(here, "2026-11") == 10  # 11 people
    assert shown(here, "2026-11", result="waiting") == 10  # 10: everybody but one
    assert shown(here, "2026-11", result="not_placed") is None  # 1
    with here.database.reading() as tx:
        row = tx.session.get_one(Release, "2026-11")
        assert (row.as_of, row.definition_version, row.withheld) == (COUNTED, 1, False)
        assert releases.unchanged(tx, row)
        told = Counter(tuple(sorted(codes.items())) for _, codes in counting.persons(tx, "2026-11"))
    wife = {"exploitation": "unknown", "citizenship": "unknown", "region": "VR17", "result": "waiting"}
    assert told[tuple(sorted({**wife, "sex": "f", "age": "25_up"}.items()))] == 1
    assert told[tuple(sorted({**wife, "sex": "f", "age": "0_11"}.items()))] == 1
    woman = {**wife, "exploitation": "sexual", "citizenship": "eu", "sex": "f", "age": "18_24"}
    assert told[tuple(sorted(woman.items()))] == 7

    # What is learned later changes nothing that is out, and nothing of how it is counted again.
    for request_id in requests[:5]:
        close(here, here.coordinator(), request_id, Outcome.WITHDRAWN)
    assert published(here) == []
    assert shown(here, "2026-11", result="waiting") == 10
    with here.database.reading() as tx:
        assert Counter(tuple(sorted(codes.items())) for _, codes in counting.persons(tx, "2026-11")) == told


def test_a_year_comes_out_after_its_months_and_counts_what_they_counted(here: Town) -> None:
    autumn(here)
    provider, house = here.provider(), here.location(stances={"addiction": Stance.EXCLUDES})
    for number, criterion in enumerate(("addiction", *registry.NATIONAL_CRITERIA[1:5])):
        with here.database.transaction(provider.account_id) as tx:
            if number:
                registry.set_rule(tx, provider, house, criterion, Stance.EXCLUDES, Basis.CHOICE, "omdat")
            registry.set_rule(tx, provider, house, criterion, Stance.CONSULT, Basis.CHOICE, "")
    here.clock.at = datetime(2027, 1, 28, 22, 59, tzinfo=UTC)
    assert published(here) == ["2026-11"]
    here.clock.turn(minutes=1)
    assert published(here) == ["2026-12", "2026"]
    assert (shown(here, "2026-12"), shown(here, "2026")) == (None, 10)
    assert shown(here, "2026", sex="f", age="adult") == 10  # 7 + 1, and the parts of what is rounded need not add up
    assert shown(here, "2026", exploitation="sexual", citizenship="eu") == 5
    assert shown(here, "2026", region="VR17") == 10
    assert shown(here, "2026", change="rule_eased") == 5
    assert shown(here, "2026", change="authority_asked") is None
    with here.database.reading() as tx:
        assert releases.years(tx) == ["2026"]
        assert [row.period for row in releases.of_year(tx, "2026")] == ["2026", "2026-11", "2026-12"]
        assert [row.period for row in releases.releases(tx)] == ["2026", "2026-12", "2026-11"]


def test_whatever_happens_the_journal_counts_what_the_tables_count(sqlite_url: str) -> None:
    """A random town, recounted from the tables of that moment."""
    here = town(sqlite_url)
    for _ in play(here, seed=23, deeds=50):
        pass
    service.keep(here.database)
    with here.database.reading() as tx:
        found = Counter(
            (codes["sex"], codes["age"], codes["citizenship"], codes["exploitation"], codes["region"], codes["result"])
            for _, codes in counting.persons(tx, "2026-11")
        )
        again: Counter[tuple[str, ...]] = Counter()
        for row in tx.session.exec(select(PlacementRequest).where(col(PlacementRequest.continues_id).is_(None))):
            stays = tx.session.exec(select(Stay).where(Stay.request_id == row.id)).all()
            cause = tx.session.exec(
                select(UnmetCause.cause).where(UnmetCause.request_id == row.id, col(UnmetCause.outcome).is_not(None))
            ).first()
            result = "placed" if stays else "waiting" if row.closed_at is None else cause
            # For a minor alone no place is sought here, so who ended before anybody took over has no cause of ours.
            result = "not_known" if result in {"not_looked", "youth_care"} else result
            result = "youth_care" if row.outcome == Outcome.YOUTH_CARE else result
            for one in tx.session.exec(select(RequestPerson).where(RequestPerson.request_id == row.id)):
                group = "0_11" if one.age < 12 else "12_17" if one.age < 18 else "18_24" if one.age < 25 else "25_up"
                of = CITIZENSHIP[Residence(row.residence)], row.exploitation, row.region_code
                again[one.sex, group, *of, str(result)] += 1
    assert found == again
    assert len({key[-1] for key in found}) >= 3, "the town was lively enough"
    here.database.close()


@pytest.mark.parametrize("act", ["UPDATE release SET numbers = '[]'", "DELETE FROM release"])
def test_nobody_changes_what_is_out_and_whoever_can_is_noticed(here: Town, act: str) -> None:
    autumn(here)
    here.clock.at = COUNTED
    published(here)
    with pytest.raises(Exception, match="append-only"), here.database.transaction() as tx:
        tx.session.execute(text(act))
    with here.database.transaction() as tx:  # planted: somebody who may change the database itself
        sqlite = tx.session.get_bind().dialect.name == "sqlite"
        tx.session.execute(
            text("DROP TRIGGER release_no_update" if sqlite else "ALTER TABLE release DISABLE TRIGGER ALL")
        )
        tx.session.get_one(Release, "2026-11").withheld = True
    with here.database.reading() as tx:
        assert not releases.unchanged(tx, tx.session.get_one(Release, "2026-11"))


def test_of_two_workers_one_publishes_and_neither_fails(here: Town) -> None:
    autumn(here)
    here.clock.at = COUNTED
    service.keep(here.database)
    with here.database.reading() as tx:
        prepared = releases._due(tx)
    assert prepared is not None
    assert releases.release_due(here.database) == "2026-11"
    assert not releases.write(here.database, prepared)
    with here.database.reading() as tx:
        entries = journal.of_subject(tx.session, "release:2026-11")
    assert [entry.kind for entry in entries] == [releases.RELEASED]


def test_what_came_in_before_the_journal_said_more_counts_as_not_known(sqlite_url: str) -> None:
    here = town(sqlite_url)
    with here.database.transaction() as tx:
        tx.record("request.submitted", "request:old", "requests", region="VR17", urgency="now", persons=2)
    with here.database.reading() as tx:
        assert [codes for _, codes in counting.persons(tx, "2026-11")] == 2 * [
            {
                "sex": "x",
                "age": "unknown",
                "citizenship": "unknown",
                "exploitation": "unknown",
                "region": "VR17",
                "result": "waiting",
            }
        ]
    here.database.close()


def test_a_month_is_read_by_its_own_entries(sqlite_url: str) -> None:
    """By halving: the place of every moment among entries of every minute, and of none."""
    here = town(sqlite_url)
    with here.database.reading() as tx:
        assert counting.seq_at(tx, here.clock.at) == 0
    before = here.clock.at
    for _ in range(9):
        here.clock.turn(minutes=1)
        with here.database.transaction() as tx:
            tx.record("nothing.happened", "nothing:1", "picture")
    with here.database.reading() as tx:
        at = {entry.seq: entry.at for entry in tx.session.exec(select(JournalEntry))}
        for minutes in range(-2, 12):
            moment = before + timedelta(minutes=minutes)
            assert counting.seq_at(tx, moment) == max((seq for seq, one in at.items() if one < moment), default=0)
    here.database.close()


PINNED = {1: "35b72eef50696a3a"}
"""Of each version: what it said. Another meaning is another version, from a new year on."""


def test_another_definition_is_another_version() -> None:
    for version, since in catalogue.DEFINED_FROM:
        found = catalogue.in_force(max(since, 2026), ("VR01", "VR02"))
        assert found.version == version
        assert hashlib.sha256(canonical(releases.definition(found)).encode()).hexdigest()[:16] == PINNED[version]
        assert Cell("2026", ()) in found.count([], ["2026"])
