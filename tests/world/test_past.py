"""The past of the demo: it follows from its own journal, and it leaves the present as it was planned."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from nrm import journal
from nrm.clock import AMSTERDAM
from nrm.db import Database
from nrm.insight import queries, service
from nrm.insight.models import CaseCourse, NightLook, Release, Situation, StatementVersion, UnmetCause
from nrm.insight.rules import FAILED_OUTCOMES
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.journal import JournalEntry
from nrm.notify.models import Message
from nrm.placing import matcher
from nrm.placing.models import Offer, Stay
from nrm.placing.rules import OfferStatus, StayStatus
from nrm.registry.models import Claim
from nrm.reporting.models import Report
from nrm.reporting.rules import ReportState
from nrm.seal import AddressKey
from nrm.world import generator
from nrm.world.past import Turned
from nrm.world.seed import DEMO, SEED, plant

NOW = datetime(2026, 11, 3, 22, 40, tzinfo=UTC)
"""Early in a month, when the statement of the last is there: the past is a month and three days."""
MONTHS_BEGIN = datetime(2026, 10, 1, tzinfo=AMSTERDAM)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, Turned(NOW))
    yield database
    database.close()


def picture(database: Database) -> tuple[object, ...]:
    """What was read from the journal."""
    with database.reading() as tx:
        courses = queries.courses(tx, tx.session.exec(select(CaseCourse.request_id)).all())
        looks = [
            (row.night, row.at, row.seen) for row in tx.session.exec(select(NightLook).order_by(col(NightLook.night)))
        ]
        causes = sorted((row.request_id, row.since, row.cause) for row in tx.session.exec(select(UnmetCause)))
        return courses, looks, causes


def test_a_past_follows_from_its_journal_and_leaves_the_present_as_it_was_planned(database: Database) -> None:
    plant(database, AddressKey(bytes(range(32))), occasion=replace(DEMO, months=1, public_url="http://127.0.0.1:8000"))
    planned = generator.world(SEED, NOW)

    with database.reading() as tx:
        entries = tx.session.exec(select(JournalEntry.at).order_by(col(JournalEntry.seq))).all()
        assert list(journal.faults(tx.session)) == []
        assert entries == sorted(entries)
        assert entries[0] == MONTHS_BEGIN + timedelta(minutes=30)

        # Whoever waits waits in the demo; everybody else of the past has a place, left it, or went elsewhere.
        assert all(NOW - one.created_at < timedelta(hours=21) for one in intake.unplaced(tx))
        requests = tx.session.exec(select(PlacementRequest)).all()
        assert len(requests) > 25
        assert {one.outcome for one in requests} & FAILED_OUTCOMES
        assert not tx.session.exec(select(Offer.id).where(Offer.status == OfferStatus.LIVE)).first()

        # Each live claim is of somebody who is there; and nobody is where the demo has a place to give.
        stays = {one.id: one for one in tx.session.exec(select(Stay))}
        live = tx.session.exec(select(Claim).where(col(Claim.ended_at).is_(None))).all()
        assert all(stays[one.holder].status in {StayStatus.ARRIVED, StayStatus.PLANNED} for one in live)
        taken = {one.place_id for one in live}
        assert taken == {place for stay in planned.stays for place in stay.place_ids}
        assert any(stays[one.holder].request_id for one in live)

        # What the worker makes of a period is there: each night, the month, why people waited, what would have helped.
        nights = (NOW.date() - MONTHS_BEGIN.date()).days
        assert len(tx.session.exec(select(NightLook.night)).all()) == nights
        made = {(str(row.since), row.kind) for row in tx.session.exec(select(StatementVersion))}
        assert made == {("2026-10-01", "monthly")}
        assert not tx.session.exec(select(Release.period)).all()
        assert {row.cause for row in tx.session.exec(select(UnmetCause))} >= {"no_suitable_place"}
        assert tx.session.exec(select(Situation.id)).first()
        late = select(Message.id).where(col(Message.due_at) < NOW - timedelta(days=2))
        assert tx.session.exec(late).first() is None

        # Most of them were reported to CoMensha, and not all: what is late can be looked at.
        reports = Counter(row.state for row in tx.session.exec(select(Report).where(Report.due_at < NOW)))
        assert 0 < reports[ReportState.TO_DO] < reports[ReportState.CONFIRMED]

    before = picture(database)
    service.rebuild(database)
    assert picture(database) == before
    assert matcher.match(database) == 6
    service.keep(database)
    with database.reading() as tx:
        now = {row.request_id for row in tx.session.exec(select(UnmetCause).where(col(UnmetCause.until).is_(None)))}
        failed = {one.id for one in requests if one.outcome in FAILED_OUTCOMES}
        assert now == failed | {one.id for one in intake.unplaced(tx)}
