"""A database with work in it, as it stood several revisions ago, comes up to date: its rows are there and go on.

The rows are written as they were then, table by table, without any model of today.
"""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Boolean, Connection, Date, DateTime, Integer, MetaData, create_engine, text
from sqlalchemy import select as rows_of
from sqlmodel import col, select

import nrm
from nrm import journal
from nrm.app import prepare
from nrm.db import Database, migrate
from nrm.escalation import queries as alarms
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm, Escalation
from nrm.intake.models import PlacementRequest
from nrm.placing import staying
from nrm.roster import queries as roster
from nrm.roster import service as rosters
from nrm.roster.models import RosterSlot
from tests.builders import PASSWORD_HASH, SATURDAY_NIGHT, Town, TurnedClock

NOW = SATURDAY_NIGHT
MINUTE = timedelta(minutes=1)
OLD_LADDER = {
    "deadline_minutes": {"now": 60, "today": 240, "soon": 1440, "planned": 4320},
    "rungs": [
        {"after_minutes": 0, "role": "duty_officer", "channels": ["log", "email"]},
        {"after_minutes": 15, "role": "coordinator_regional", "channels": ["log", "email"]},
        {"after_minutes": 15, "role": "national_desk", "channels": ["log", "email"]},
        {"after_minutes": 30, "role": "national_coordinator", "channels": ["log", "email"]},
    ],
}
REQUESTS = ("waits", "offered", "expected", "child")


def upgrade_to(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(nrm.__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, revision)


class Old:
    """Writes rows into the tables as they are at that revision; what a row does not say is nothing, nought or now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tables = MetaData()
        self.tables.reflect(connection)
        self._sqlite = connection.dialect.name == "sqlite"

    def put(self, table: str, **said: Any) -> None:
        found = self.tables.tables[table]
        values = {
            column.name: self._usual(column.type)
            for column in found.columns
            if not column.nullable and column.server_default is None and column.name not in said
        }
        for name, value in said.items():
            if name in found.columns:
                values[name] = self._plain(value)
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(f":v{number}" for number in range(len(values)))
        given = {f"v{number}": value for number, value in enumerate(values.values())}
        self._connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({marks})'), given)  # noqa: S608

    def _usual(self, kind: Any) -> Any:
        if isinstance(kind, Boolean):
            return False
        if isinstance(kind, Integer):
            return 1
        if isinstance(kind, DateTime):
            return self._plain(NOW)
        return self._plain(NOW.date()) if isinstance(kind, Date) else "[]"

    def _plain(self, value: Any) -> Any:
        if isinstance(value, (dict, list)):
            return json.dumps(value)
        if self._sqlite and isinstance(value, datetime):
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return value.isoformat() if self._sqlite and isinstance(value, date) else value


def fill(old: Old) -> None:
    """A night: who waits climbs the ladder, one is asked for, one is expected somewhere, one is a child."""
    old.put("region", code="VR13", name="Amsterdam-Amstelland", provinces="NH", lat=52.3, lon=4.9)
    old.put("region", code="VR17", name="Rotterdam-Rijnmond", provinces="ZH", lat=51.9, lon=4.5)
    for name, kind, region in (
        ("desk", "national_desk", None),
        ("care", "care_coordination", "VR17"),
        ("chain", "chain_direction", "VR17"),
        ("house", "provider", None),
    ):
        old.put("organisation", id=f"org-{name}", kind=kind, name=name, region_code=region, email=f"{name}@example.org")
    for login, role, home in (
        ("loket", "national_desk", "desk"),
        ("coordinator", "coordinator", "care"),
        ("regio", "coordinator_regional", "chain"),
        ("aanbieder", "provider", "house"),
    ):
        person = {"id": f"acc-{login}", "login": login, "name": login, "role": role, "password_hash": PASSWORD_HASH}
        old.put("account", **person, organisation_id=f"org-{home}", active=True)
    old.put("policy", kind="ladder", version=1, body=OLD_LADDER, note="as it was")
    old.put("location", id="loc", organisation_id="org-house", code="L-1", region_code="VR13", pool="MUNICIPAL",
            safety_class="shielded", handover_points=["Politiebureau"])  # fmt: skip
    old.put("confirmation", id="conf", location_id="loc", confirmed_at=NOW - 5 * MINUTE, account_id="acc-aanbieder")
    old.put("unit", id="unit", location_id="loc", code="K1", private=True, sexes=["f", "m", "x"], children=True,
            wheelchair=False, age_min=0, age_max=120)  # fmt: skip
    for number in (1, 2):
        old.put("place", id=f"bed-{number}", unit_id="unit", label=str(number))
    for number, name in enumerate(REQUESTS):
        asked_at = NOW - (95 * MINUTE if name == "waits" else 10 * MINUTE)
        status = {"offered": "offered", "expected": "accepted"}.get(name, "open")
        climbs = {"rung_first": 0, "rung_next": 0, "rung_due_at": asked_at + 60 * MINUTE}
        if name == "waits":  # two rungs rang, the third is due in ten minutes
            climbs |= {"rung_next": 2, "rung_due_at": NOW - 5 * MINUTE}
        if status == "accepted":
            climbs["rung_due_at"] = None
        old.put("request", id=name, short_code=f"KR 000{number}", region_code="VR17", urgency="now",
                exploitation="unknown", residence="unknown", needed_from=asked_at, days=14, minor_alone=name == "child",
                needs=[], wishes=[], submitted_by="acc-coordinator", submitted_organisation_id="org-care",
                owner_organisation_id="org-care", owner_account_id="acc-coordinator", status=status,
                handover_needed=name == "waits", on_behalf_of="org-care" if name == "child" else None,
                created_at=asked_at, deadline_at=asked_at + 60 * MINUTE, ladder_version=1, **climbs)  # fmt: skip
        old.put("request_person", request_id=name, position=0, sex="f", age=16 if name == "child" else 24)
        if name in {"offered", "expected"}:
            bed = number
            old.put("proposal_set", id=f"set-{name}", request_id=name, shut_out={}, would_place=[], digest="")
            old.put("proposal", id=f"prop-{name}", set_id=f"set-{name}", request_id=name, rank=1, unit_id="unit",
                    location_id="loc", location_version=1, fit={})  # fmt: skip
            live = name == "offered"
            old.put("offer", id=f"offer-{name}", request_id=name, proposal_id=f"prop-{name}", unit_id="unit",
                    location_id="loc", status="live" if live else "accepted", sent_at=asked_at,
                    sent_by="acc-coordinator", hold_until=NOW + 10 * MINUTE, hold_version=1)  # fmt: skip
            old.put("offer_answer", offer_id=f"offer-{name}", organisation_id="org-house", by="provider",
                    answer=None if live else "accept")  # fmt: skip
            old.put("claim", id=f"claim-{name}", place_id=f"bed-{bed}", kind="hold" if live else "stay",
                    holder=f"offer-{name}" if live else "stay", started_at=asked_at)  # fmt: skip
    old.put("stay", id="stay", request_id="expected", offer_id="offer-expected", unit_id="unit", location_id="loc",
            status="planned", persons=1, expected_departure=NOW.date() + timedelta(days=14), version=1)  # fmt: skip
    if "feedback" in old.tables.tables:
        old.put("feedback", request_id="child", step="outcome", at=NOW, outcome="stopped")
    for rung, role in enumerate(("duty_officer", "coordinator_regional")):
        due_at = NOW - 35 * MINUTE + rung * 15 * MINUTE
        old.put("alarm", id=f"alarm-{rung}", request_id="waits", trigger="deadline", rung=rung, role=role,
                due_at=due_at, fired_at=due_at, reached=2)  # fmt: skip
    old.put("message", id="message", unique_key="key", about="request:waits", channel="email",
            recipient="desk@example.org", subject="Alarm", body="Log in.", tries=0, due_at=NOW)  # fmt: skip
    if "roster_line" in old.tables.tables:
        old.put("roster_line", id="line", role="coordinator_regional", region_code="VR17", ranks=1, cover="always",
                organisation_id="org-chain", check_due_at=NOW)  # fmt: skip
        old.put("roster_slot", id="slot", line_id="line", rank=1, account_id="acc-regio", starts_at=NOW - 60 * MINUTE,
                ends_at=NOW + 24 * 60 * MINUTE, source="planned")  # fmt: skip


def keys(url: str) -> dict[str, set[tuple[object, ...]]]:
    """Table → the keys of its rows."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    tables = MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        found = {
            name: {tuple(row) for row in connection.execute(rows_of(*table.primary_key.columns))}
            for name, table in tables.tables.items()
            if table.primary_key.columns
        }
    engine.dispose()
    return found


@pytest.mark.parametrize("revision", ["0001", "0013"])
def test_a_database_with_work_in_it_comes_up_to_date_and_goes_on(empty_database_url: str, revision: str) -> None:
    upgrade_to(empty_database_url, revision)
    engine = create_engine(empty_database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        fill(Old(connection))
    engine.dispose()
    before = keys(empty_database_url)
    migrate(empty_database_url)
    after = keys(empty_database_url)
    for table, were in before.items():
        if table != "alembic_version":
            assert were <= after[table], table
    assert sum(map(len, before.values())) > 30

    clock = TurnedClock(NOW)
    here = Town(Database(empty_database_url, clock=clock), clock)
    with here.database.transaction() as tx:
        prepare(tx)
    here.accounts = {login: f"acc-{login}" for login in ("loket", "coordinator", "regio", "aanbieder")}
    provider = here.actor("aanbieder")

    # Whoever notified and has not heard how it ended still will.
    with here.database.reading() as tx:
        waiting = select(PlacementRequest.id).where(col(PlacementRequest.notifier_waits_since).is_not(None))
        assert set(tx.session.exec(waiting)) == ({"waits"} if revision == "0013" else {"waits", "child"})

    # Who climbed goes on with the rung that is due, on the ladder of then; the child rings, as it should have.
    assert rungs(here, "waits") == [(0, "duty_officer"), (1, "coordinator_regional")]
    escalation.run_due(here.database)
    assert rungs(here, "waits") == [(0, "duty_officer"), (1, "coordinator_regional"), (2, "national_desk")]
    assert rungs(here, "child")[0] == (0, "duty_officer")
    with here.database.reading() as tx:
        assert {one.request_id for one in alarms.live_escalations(tx, here.actor("regio"))} == {None}, "numbers for it"
    desk = here.actor("loket")
    with here.database.transaction(desk.account_id) as tx:
        found = tx.session.exec(select(Escalation.id).where(Escalation.request_id == "waits")).one()
        escalation.claim(tx, desk, found)

    # Whoever was asked says yes, whoever is expected arrives, and somebody new can ask.
    assert here.accept(provider, "offer-offered") is not None
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, "stay", 1)
    with here.database.reading() as tx:
        states = dict(tx.session.exec(select(PlacementRequest.id, PlacementRequest.status)).all())
    assert states == {"waits": "open", "offered": "accepted", "expected": "placed", "child": "open"}
    assert here.request(here.actor("coordinator"))

    if revision == "0013":
        rosters.keep_due(here.database)
        with here.database.reading() as tx:
            called = roster.on_call(tx, "coordinator_regional", "VR17")
            assert [one.account_id for one in called.persons] == ["acc-regio"]
            assert tx.session.exec(select(RosterSlot.id)).all() == ["slot"]
    with here.database.reading() as tx:
        assert list(journal.faults(tx.session)) == []
    here.database.close()


def rungs(here: Town, request_id: str) -> list[tuple[int, str]]:
    with here.database.reading() as tx:
        query = (
            select(Alarm.rung, Alarm.role)
            .join(Escalation, col(Escalation.id) == Alarm.escalation_id)
            .where(Escalation.request_id == request_id, col(Escalation.ended_at).is_(None))
        )
        return sorted((rung, role) for rung, role in tx.session.exec(query.order_by(col(Alarm.rung))))
