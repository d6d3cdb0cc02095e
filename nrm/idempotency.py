"""A retry with the same key gets the first answer again, and its effect happens once.

The key is reserved first and the answer stored in the transaction of the effect, so that a concurrent retry waits
for the first and a crash leaves neither.
"""

import hashlib
from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from nrm.columns import UtcDateTime
from nrm.db import Tx
from nrm.errors import Conflict


class IdempotencyKey(SQLModel, table=True):
    """A key used by an account, what was asked with it (as a hash) and what was answered."""

    __tablename__ = "idempotency_key"

    account_id: str = Field(primary_key=True, max_length=40)
    key: str = Field(primary_key=True, max_length=100)
    request_hash: str = Field(max_length=64)
    status: int
    answer: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)


def earlier_answer(tx: Tx, account_id: str, key: str, route: str, body: bytes) -> tuple[int, str] | None:
    """The stored (status, answer) of this key, or None after reserving it.

    Raises Conflict when the key was used for something else. A concurrent first use makes the reserving insert
    fail with IntegrityError; the caller retries in a new transaction and then finds the answer.
    """
    request_hash = hashlib.sha256(route.encode() + b"\0" + body).hexdigest()
    row = tx.session.get(IdempotencyKey, (account_id, key))
    if row is not None:
        if row.request_hash != request_hash:
            raise Conflict("idempotency_key_reused")
        return row.status, row.answer
    tx.session.add(
        IdempotencyKey(account_id=account_id, key=key, request_hash=request_hash, status=0, answer="", at=tx.now)
    )
    tx.session.flush()
    return None


def store_answer(tx: Tx, account_id: str, key: str, status: int, answer: str) -> None:
    """Keep the answer that belongs to a key reserved in this transaction."""
    row = tx.session.get_one(IdempotencyKey, (account_id, key))
    row.status, row.answer = status, answer
