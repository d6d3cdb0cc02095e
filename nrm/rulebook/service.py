"""Policy by four eyes: one person proposes a version, another puts it in force or declines it."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from nrm import policy
from nrm.access.rules import Actor, Verb
from nrm.access.service import require
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from nrm.policy import Policy
from nrm.rulebook import queries, rules
from nrm.rulebook.models import PolicyDraft
from nrm.rulebook.schemas import DraftIn

TOPIC = "policies"


def propose(tx: Tx, actor: Actor, name: str, shape: DraftIn) -> PolicyDraft:
    """Write a draft, or one's own anew. Refused on another version than the one in force, and when nothing changes."""
    require(actor, Verb.POLICY_PROPOSE)
    kind = queries.kind_named(name)
    now = queries.in_force(tx, kind)
    if shape.base_version != now.version:
        raise Conflict("rules_changed_meanwhile")
    body = validated(kind, shape.body).model_dump(mode="json")
    changed = rules.differences(now.body, body)
    if not changed:
        raise Invalid("nothing_changes")
    if beyond := rules.out_of_reach(kind, changed):
        raise Invalid("not_changed_here", tuple(FieldError(("body", *one.path), "not_changed_here") for one in beyond))
    draft = queries.waiting(tx, name)
    if draft is None:
        if shape.version:
            raise Conflict("changed_meanwhile")
        draft = PolicyDraft(
            id=tx.new_id(),
            kind=name,
            base_version=now.version,
            body=body,
            note=shape.note,
            author_id=actor.account_id,
            state="waiting",
            opened_at=tx.now,
            changed_at=tx.now,
        )
        tx.session.add(draft)
        try:
            tx.session.flush()
        except IntegrityError as error:
            raise Conflict("draft_waits") from error
    else:
        if draft.author_id != actor.account_id:
            raise Conflict("draft_waits")
        _move(
            tx,
            draft,
            shape.version,
            body=body,
            note=shape.note,
            base_version=now.version,
            changed_at=tx.now,
            version=draft.version + 1,
        )
    tx.record("policy.proposed", f"policy:{name}", TOPIC, draft=draft.id, base=now.version)
    return draft


def withdraw(tx: Tx, actor: Actor, name: str) -> None:
    """Take one's own draft back."""
    require(actor, Verb.POLICY_PROPOSE)
    draft = _waiting(tx, name)
    if draft.author_id != actor.account_id:
        raise Forbidden("not_your_draft")
    _end(tx, actor, draft, draft.version, "withdrawn")


def activate(tx: Tx, actor: Actor, name: str, version: int) -> int:
    """Put a draft in force from now on: never one's own, never on another version than it was made from.

    A case keeps the version it started under. Returns the number of the new version.
    """
    kind, draft = _to_decide(tx, actor, name)
    try:
        body = validated(kind, draft.body)
    except Invalid as error:  # what a policy may say was narrowed since
        raise Conflict("rules_changed_meanwhile") from error
    draft_id, author_id, note, base = draft.id, draft.author_id, draft.note, draft.base_version
    _end(tx, actor, draft, version, "activated", became=base + 1)
    made = policy.write(tx, body, note, after=base)
    tx.record("policy.activated", f"policy:{name}", TOPIC, draft=draft_id, version=made, author=author_id)
    return made


def decline(tx: Tx, actor: Actor, name: str, version: int, reason: str) -> None:
    """Say why a draft should not come in force. Who wrote it withdraws it instead."""
    _, draft = _to_decide(tx, actor, name)
    _end(tx, actor, draft, version, "declined", reason=reason)


def validated(kind: type[Policy], body: Mapping[str, Any]) -> Policy:
    """The body as this kind of policy, strictly: no text for a number, nothing unknown, nothing left out.

    Raises Invalid, with what is wrong where.
    """
    if (text := rules.as_json(body)) is None:
        raise Invalid("invalid")
    try:
        made = kind.model_validate_json(text)
    except ValidationError as error:
        fields = tuple(FieldError(("body", *found["loc"]), found["type"]) for found in error.errors()[:50])
        raise Invalid("invalid", fields) from error
    said = made.model_dump(mode="json")
    # What it says must be what was said, to the letter: a model takes "5" for 5, and fills in what it knows.
    if rules.as_json(said) != text:
        fields = tuple(FieldError(("body", *one.path), "not_as_written") for one in rules.differences(body, said)[:50])
        raise Invalid("invalid", fields)
    wrong = {"missing": rules.unsaid(kind, said), "said_twice": rules.said_twice(kind, said)}
    if fields := tuple(FieldError(("body", *path), code) for code, paths in wrong.items() for path in paths):
        raise Invalid("invalid", fields)
    return made


def _waiting(tx: Tx, name: str) -> PolicyDraft:
    draft = queries.waiting(tx, queries.kind_named(name).kind)
    if draft is None:
        raise NotFound("no_draft")
    return draft


def _to_decide(tx: Tx, actor: Actor, name: str) -> tuple[type[Policy], PolicyDraft]:
    require(actor, Verb.POLICY_DECIDE)
    kind = queries.kind_named(name)
    draft = _waiting(tx, name)
    if draft.author_id == actor.account_id:
        raise Forbidden("own_draft")
    return kind, draft


def _end(tx: Tx, actor: Actor, draft: PolicyDraft, version: int, state: str, **more: object) -> None:
    draft_id, name = draft.id, draft.kind
    _move(tx, draft, version, state=state, decided_at=tx.now, decided_by=actor.account_id, **more)
    if state != "activated":
        tx.record(f"policy.{state}", f"policy:{name}", TOPIC, draft=draft_id)


def _move(tx: Tx, draft: PolicyDraft, seen: int, /, **values: object) -> None:
    """Change a draft that still waits and still reads as it was looked at."""
    tx.guarded(
        update(PolicyDraft)
        .where(col(PolicyDraft.id) == draft.id, col(PolicyDraft.state) == "waiting", col(PolicyDraft.version) == seen)
        .values(**values),
        Conflict("changed_meanwhile"),
    )
