"""One escalation for every cause, and alarms as its rungs"""

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_UNPLACED = ("open", "offered")
_ON_LADDER = ("deadline", "minor_alone")


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "escalation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("trigger", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("region_code", sa.String(length=8), nullable=True),
        sa.Column("urgency", sa.String(length=10), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("cause_at", instant, nullable=False),
        sa.Column("ladder_version", sa.Integer(), nullable=False),
        sa.Column("ladder_line", sa.Integer(), nullable=False),
        sa.Column("hours", sa.String(length=12), nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("opened_at", instant, nullable=False),
        sa.Column("pace_percent", sa.Integer(), nullable=False),
        sa.Column("rung_first", sa.Integer(), nullable=False),
        sa.Column("rung_next", sa.Integer(), nullable=False),
        sa.Column("rung_due_at", instant, nullable=True),
        sa.Column("claimed_by", sa.String(length=40), nullable=True),
        sa.Column("claimed_at", instant, nullable=True),
        sa.Column("claim_until", instant, nullable=True),
        sa.Column("responsible_id", sa.String(length=40), nullable=True),
        sa.Column("responsible_by", sa.String(length=40), nullable=True),
        sa.Column("responsible_at", instant, nullable=True),
        sa.Column("responsible_until", instant, nullable=True),
        sa.Column("ended_at", instant, nullable=True),
        sa.Column("end", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"]),
        sa.ForeignKeyConstraint(["claimed_by"], ["account.id"]),
        sa.ForeignKeyConstraint(["responsible_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["responsible_by"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("trigger", "subject", "number"),
    )
    op.create_index("ix_escalation_request_id", "escalation", ["request_id"])
    for name, columns, where in (
        ("escalation_live", ["trigger", "subject"], "ended_at IS NULL"),
        ("escalation_due", ["rung_due_at"], "rung_due_at IS NOT NULL"),
        ("escalation_claim_due", ["claim_until"], "claim_until IS NOT NULL"),
        ("escalation_responsible_due", ["responsible_until"], "responsible_until IS NOT NULL"),
    ):
        op.create_index(name, "escalation", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))

    connection = op.get_bind()
    alarms = sa.table("alarm", *(sa.column(name) for name in ("id", "request_id", "trigger", "rung", "role")))
    for name in ("due_at", "fired_at", "claimed_at", "ended_at"):
        alarms.append_column(sa.column(name, instant))
    for name in ("reached", "claimed_by"):
        alarms.append_column(sa.column(name))
    old = connection.execute(sa.select(alarms).order_by(alarms.c.request_id, alarms.c.trigger, alarms.c.rung)).all()
    requests = sa.table("request", *(sa.column(name) for name in ("id", "region_code", "urgency", "status")))
    for name in ("ladder_version", "rung_first", "rung_next", "minor_alone"):
        requests.append_column(sa.column(name))
    for name in ("rung_due_at", "deadline_at", "created_at"):
        requests.append_column(sa.column(name, instant))
    of_request = {row.id: row for row in connection.execute(sa.select(requests)).all()}

    op.drop_table("alarm")
    op.create_table(
        "alarm",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("escalation_id", sa.String(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("fired_at", instant, nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("answer_due_at", instant, nullable=True),
        sa.Column("result", sa.String(length=12), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=40), nullable=True),
        sa.Column("acknowledged_at", instant, nullable=True),
        sa.Column("acknowledged_over", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(["escalation_id"], ["escalation.id"]),
        sa.ForeignKeyConstraint(["acknowledged_by"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("escalation_id", "rung"),
    )
    waited = sa.text("answer_due_at IS NOT NULL")
    op.create_index("alarm_answer_due", "alarm", ["answer_due_at"], sqlite_where=waited, postgresql_where=waited)
    _move(connection, old, of_request)

    op.add_column("request", sa.Column("alone_since", instant, nullable=True))
    op.add_column("request", sa.Column("waits_anew_since", instant, nullable=True))
    op.execute(sa.text("UPDATE request SET alone_since = created_at WHERE minor_alone"))
    op.drop_index("request_rung_due", "request")
    for name in ("rung_first", "rung_next", "rung_due_at"):
        op.drop_column("request", name)
    waits = sa.text("status IN ('open', 'offered')")
    op.create_index("request_deadline_due", "request", ["deadline_at"], sqlite_where=waits, postgresql_where=waits)


def _move(connection: sa.Connection, old: Sequence[sa.Row[Any]], of_request: dict[str, sa.Row[Any]]) -> None:
    """Give every alarm its escalation. What climbed goes on with the rung that is due; a signal has rung and is done.

    Each old ladder was one for everything: line 0. Whoever took an alarm stands in it; that never stopped a ladder then.
    """
    escalation = sa.table("escalation", *(sa.column(name) for name in ("id", "trigger", "subject", "number")))
    for name in ("region_code", "urgency", "request_id", "ladder_version", "ladder_line", "hours", "pace_percent"):
        escalation.append_column(sa.column(name))
    for name in ("rung_first", "rung_next", "claimed_by", "end"):
        escalation.append_column(sa.column(name))
    instants = ("cause_at", "due_at", "opened_at", "rung_due_at", "claimed_at", "ended_at")
    for name in instants:
        escalation.append_column(sa.column(name, sa.DateTime(timezone=True)))
    alarm = sa.table(
        "alarm", *(sa.column(name) for name in ("id", "escalation_id", "rung", "role", "channels", "told"))
    )
    for name in ("reached", "result", "acknowledged_by", "acknowledged_over"):
        alarm.append_column(sa.column(name))
    for name in ("due_at", "fired_at", "acknowledged_at"):
        alarm.append_column(sa.column(name, sa.DateTime(timezone=True)))
    made: dict[tuple[str, str, int], str] = {}
    for row in old:
        climbs = row.trigger in _ON_LADDER
        key = (row.request_id, row.trigger, 0 if climbs else row.rung)
        request = of_request[row.request_id]
        if key not in made:
            of_it = [one for one in old if (one.request_id, one.trigger) == key[:2] and (climbs or one.rung == key[2])]
            newest = of_it[-1]
            live = newest.ended_at is None
            taken = next((one for one in reversed(of_it) if one.claimed_by), None)
            waits = live and climbs and request.status in _UNPLACED
            made[key] = secrets.token_urlsafe(16)
            connection.execute(
                escalation.insert().values(
                    id=made[key],
                    trigger=row.trigger,
                    subject=f"request:{row.request_id}",
                    number=key[2],
                    region_code=request.region_code,
                    urgency=request.urgency,
                    request_id=row.request_id,
                    cause_at=max(row.due_at, request.deadline_at) if row.trigger == "deadline" else row.due_at,
                    ladder_version=request.ladder_version,
                    ladder_line=0,
                    hours="office",
                    pace_percent=100,
                    rung_first=request.rung_first if climbs else 0,
                    rung_next=request.rung_next if climbs else 1,
                    rung_due_at=request.rung_due_at if waits else None,
                    claimed_by=taken.claimed_by if taken else None,
                    claimed_at=taken.claimed_at if taken else None,
                    due_at=row.due_at,
                    opened_at=row.fired_at,
                    ended_at=newest.ended_at,
                    end=None if live else "over",
                )
            )
        connection.execute(
            alarm.insert().values(
                id=row.id,
                escalation_id=made[key],
                rung=row.rung if climbs else 0,
                role=row.role,
                channels='["log","email"]',
                told="[]",
                due_at=row.due_at,
                fired_at=row.fired_at,
                reached=row.reached,
                result="acknowledged" if row.claimed_by else None,
                acknowledged_by=row.claimed_by,
                acknowledged_at=row.claimed_at,
                acknowledged_over="screen" if row.claimed_by else None,
            )
        )
