"""Nothing that happens all the time reads what is over"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("request", sa.Column("notifier_waits_since", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE request SET notifier_waits_since = created_at"
        " WHERE (handover_needed OR on_behalf_of IS NOT NULL) AND NOT EXISTS"
        " (SELECT 1 FROM feedback WHERE feedback.request_id = request.id AND feedback.step = 'outcome')"
    )
    op.create_index(
        "request_notifier_waits",
        "request",
        ["notifier_waits_since"],
        sqlite_where=sa.text("notifier_waits_since IS NOT NULL"),
        postgresql_where=sa.text("notifier_waits_since IS NOT NULL"),
    )
    op.drop_index("unmet_cause_until", table_name="unmet_cause")
    op.create_index(
        "unmet_cause_until",
        "unmet_cause",
        ["until"],
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    )
    op.create_index("case_course_accepted", "case_course", ["accepted_at"])
    op.create_index("case_course_closed", "case_course", ["closed_at"])
