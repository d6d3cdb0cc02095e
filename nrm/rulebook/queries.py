"""Reading drafts and the versions that were in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from nrm.access.models import Account
from nrm.access.rules import Actor
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.policy import KINDS, Policy, PolicyVersion
from nrm.rulebook.models import PolicyDraft
from nrm.rulebook.schemas import DraftOut

VERSIONS_MAX = 100


def kind_named(name: str) -> type[Policy]:
    """The kind of policy with this code. Raises NotFound; what is withheld from most is not in this book."""
    for kind in KINDS:
        if kind.kind == name:
            return kind
    raise NotFound("no_policy")


def in_force(tx: Tx, kind: type[Policy]) -> PolicyVersion:
    """The version in force. What it was stored without is filled in as it is read."""
    return versions(tx, kind, 1)[0]


def versions(tx: Tx, kind: type[Policy], limit: int = VERSIONS_MAX) -> list[PolicyVersion]:
    """The versions of a kind, newest first, each as it is understood today."""
    rows = tx.session.exec(
        select(PolicyVersion)
        .where(PolicyVersion.kind == kind.kind)
        .order_by(col(PolicyVersion.version).desc())
        .limit(limit)
    ).all()
    if not rows:
        raise NotFound("no_policy")
    return [
        PolicyVersion(
            kind=row.kind,
            version=row.version,
            body=whole(kind, row.body),
            valid_from=row.valid_from,
            note=row.note,
        )
        for row in rows
    ]


def whole(kind: type[Policy], body: Mapping[str, Any]) -> dict[str, Any]:
    """A stored body with what was not there yet when it was written."""
    return kind.model_validate({**kind.before, **body}).model_dump(mode="json")


def waiting(tx: Tx, kind: str) -> PolicyDraft | None:
    """The draft of this kind that waits, if there is one."""
    return tx.session.exec(select(PolicyDraft).where(PolicyDraft.kind == kind, PolicyDraft.state == "waiting")).first()


def all_waiting(tx: Tx, actor: Actor) -> list[DraftOut]:
    """Every draft that waits, oldest first."""
    rows = tx.session.exec(
        select(PolicyDraft).where(PolicyDraft.state == "waiting").order_by(col(PolicyDraft.opened_at))
    ).all()
    return [draft_out(tx, actor, row) for row in rows]


def draft_out(tx: Tx, actor: Actor, draft: PolicyDraft) -> DraftOut:
    """A draft as somebody sees who may decide on it or wrote it."""
    kind = kind_named(draft.kind)
    author = tx.session.get_one(Account, draft.author_id)
    return DraftOut(
        kind=draft.kind,
        base_version=draft.base_version,
        body=draft.body,
        note=draft.note,
        author=author.name,
        own=draft.author_id == actor.account_id,
        changed_at=draft.changed_at,
        outdated=in_force(tx, kind).version != draft.base_version,
        version=draft.version,
    )


@dataclass(frozen=True)
class Decided:
    """How a draft ended."""

    id: str
    state: str
    note: str
    author: str
    decided_by: str
    decided_at: datetime
    reason: str | None
    became: int | None


def decided(tx: Tx, kind: str, limit: int = VERSIONS_MAX) -> list[Decided]:
    """The drafts of a kind that no longer wait, newest first."""
    names = {account.id: account.name for account in tx.session.exec(select(Account))}
    rows = tx.session.exec(
        select(PolicyDraft)
        .where(PolicyDraft.kind == kind, PolicyDraft.state != "waiting")
        .order_by(col(PolicyDraft.decided_at).desc(), PolicyDraft.id)
        .limit(limit)
    )
    return [
        Decided(
            row.id,
            row.state,
            row.note,
            names[row.author_id],
            names[row.decided_by or row.author_id],
            row.decided_at or row.changed_at,
            row.reason,
            row.became,
        )
        for row in rows
    ]
