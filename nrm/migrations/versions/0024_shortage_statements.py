"""Shortage statements, what rooms are good at, what people said when they left, before and after a policy"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "statement",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("region_code", sa.String(8), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("made_by", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(20), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.UniqueConstraint("kind", "region_code", "since", "version"),
    )
    op.create_index("ix_statement_made_at", "statement", ["made_at"])
    _append_only("statement")
    op.create_table(
        "statement_subscription",
        sa.Column("account_id", sa.String(40), sa.ForeignKey("account.id"), primary_key=True),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("region_code", sa.String(8), primary_key=True),
        sa.Column("since", instant, nullable=False),
    )
    op.create_table(
        "comparison",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("region_code", sa.String(8), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.String(40), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("removed_at", instant, nullable=True),
    )
    op.create_table(
        "unit_quality",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("unit_id", sa.String(), sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("basis", sa.String(10), nullable=False),
        sa.Column("expertise", sa.Text(), nullable=False),
        sa.Column("norm", sa.String(60), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=True),
        sa.Column("recorded_at", instant, nullable=False),
        sa.Column("recorded_by", sa.String(40), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("ended_at", instant, nullable=True),
    )
    op.create_index("ix_unit_quality_unit_id", "unit_quality", ["unit_id"])
    live = sa.text("ended_at IS NULL")
    op.create_index(
        "unit_quality_live",
        "unit_quality",
        ["unit_id", "basis"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_table(
        "continuity_count",
        sa.Column("region_code", sa.String(8), sa.ForeignKey("region.code"), primary_key=True),
        sa.Column("month", sa.Date(), primary_key=True),
        sa.Column("answer", sa.String(10), primary_key=True),
        sa.Column("answers", sa.Integer(), nullable=False),
    )


def _append_only(table: str) -> None:
    """A statement that was sent stays as it was, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    else:
        op.execute(
            f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
        )
