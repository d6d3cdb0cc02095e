"""How Alembic reaches the database: one transaction for everything, one migrating process at a time."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import text

from nrm.columns import Json, UtcDateTime
from nrm.db import Database
from nrm.tables import metadata

_ADVISORY_LOCK = 0x6E726D02


def plain(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write our column types into a migration as the plain types they rest on: a migration must not change later."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return "sa.Text()" if kind == "type" and isinstance(item, Json) else False


database = Database(context.config.attributes["url"], pool_size=1)
with database.engine.connect().execution_options(nrm_write=True) as connection:
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True, render_item=plain)
    with connection.begin():
        if database.postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        with context.begin_transaction():
            context.run_migrations()
database.close()
