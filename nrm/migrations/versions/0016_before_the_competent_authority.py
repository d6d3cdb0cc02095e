"""Before the competent authority: who they are, what is asked of them, and what came of it"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NATIONAL = (
    ("ministry", "Ministerie van Volksgezondheid, Welzijn en Sport"),
    ("ministry", "Ministerie van Justitie en Veiligheid"),
    ("ministry", "Ministerie van Sociale Zaken en Werkgelegenheid"),
    ("police", "Nationale Politie"),
    ("military_police", "Koninklijke Marechaussee"),
    ("labour_inspectorate", "Nederlandse Arbeidsinspectie"),
    ("prosecution", "Openbaar Ministerie"),
)
"""Those there is one of. Municipalities and regions come from the official list, when they are first asked."""


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    authority = op.create_table(
        "competent_authority",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("region_code", sa.String(), nullable=True),
        sa.Column("code", sa.String(length=8), nullable=True),
        sa.Column("email", sa.String(length=200), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("ended_at", instant, nullable=True),
        sa.ForeignKeyConstraint(["region_code"], ["region.code"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for name, columns, where in (
        ("competent_authority_name", ["name"], "ended_at IS NULL"),
        ("competent_authority_code", ["code"], "ended_at IS NULL AND code IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(
            name,
            "competent_authority",
            columns,
            unique=True,
            sqlite_where=condition,
            postgresql_where=condition,
        )
    op.bulk_insert(
        authority,
        [{"id": f"authority-{number}", "kind": kind, "name": name} for number, (kind, name) in enumerate(NATIONAL, 1)],
    )
    op.create_table(
        "raised_escalation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("card", sa.String(length=80), nullable=False),
        sa.Column("trigger", sa.String(length=20), nullable=False),
        sa.Column("region_code", sa.String(length=8), nullable=True),
        sa.Column("escalation_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("authority_id", sa.String(length=40), nullable=True),
        sa.Column("question", sa.String(length=20), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("opened_at", instant, nullable=False),
        sa.Column("asked_at", instant, nullable=True),
        sa.Column("answer_due_at", instant, nullable=True),
        sa.Column("mails", sa.Boolean(), nullable=False),
        sa.Column("remind_due_at", instant, nullable=True),
        sa.Column("closed_at", instant, nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["escalation_id"], ["escalation.id"]),
        sa.ForeignKeyConstraint(["authority_id"], ["competent_authority.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_raised_escalation_card", "raised_escalation", ["card"])
    op.create_index("ix_raised_escalation_escalation_id", "raised_escalation", ["escalation_id"])
    for name, columns, unique, where in (
        ("raised_proposed", ["card"], True, "state = 'proposed'"),
        ("raised_live", ["card", "authority_id"], True, "closed_at IS NULL"),
        ("raised_remind_due", ["remind_due_at"], False, "remind_due_at IS NOT NULL"),
        ("raised_answer_due", ["answer_due_at"], False, "state = 'asked'"),
    ):
        condition = sa.text(where)
        op.create_index(
            name,
            "raised_escalation",
            columns,
            unique=unique,
            sqlite_where=condition,
            postgresql_where=condition,
        )
    op.create_table(
        "raised_step",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("raised_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=True),
        sa.Column("authority_id", sa.String(length=40), nullable=True),
        sa.Column("question", sa.String(length=20), nullable=True),
        sa.Column("answer_due_at", instant, nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.String(length=120), nullable=True),
        sa.Column("answered_at", instant, nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["raised_id"], ["raised_escalation.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["authority_id"], ["competent_authority.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_raised_step_raised_id", "raised_step", ["raised_id"])
