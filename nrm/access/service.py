"""Logging in and out, shifts, accounts, and the log of reads."""

import hashlib
import secrets
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm.access import queries
from nrm.access.models import Account, LoginAttempt, LoginSession, Organisation, ReadLog, Shift
from nrm.access.rules import Actor, Role, Verb, may
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Forbidden, Invalid, NotLoggedIn, TooMany

FAILURES_MAX = 5
FAILURES_WINDOW = timedelta(minutes=15)
PASSWORD_CHARACTERS_MIN = 12

_hasher = PasswordHasher()
# Verified when the login does not exist, so that the two cases take equally long.
_NO_ACCOUNT_HASH = _hasher.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def token_hash(token: str) -> str:
    """The form in which a session token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def credentials(tx: Tx, login: str, demo_allowed: bool) -> tuple[str | None, str]:
    """The account of a login (None if there is no such active account) and the password hash to verify.

    Demo accounts have a published password: they only exist where nobody else can reach us.

    Raises TooMany after too many recent failures. Apart from `log_in` so that the slow hash runs outside a
    transaction: argon2 takes tens of milliseconds and must not hold the write lock.
    """
    failures = tx.session.scalar(
        select(func.count())
        .select_from(LoginAttempt)
        .where(LoginAttempt.login_hash == token_hash(login), col(LoginAttempt.at) > tx.now - FAILURES_WINDOW)
    )
    if (failures or 0) >= FAILURES_MAX:
        raise TooMany("too_many_attempts")
    account = queries.account_by_login(tx, login)
    if account is None or not account.active or (account.demo and not demo_allowed):
        return None, _NO_ACCOUNT_HASH
    return account.id, account.password_hash


def password_fits(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash. Slow on purpose."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def note_failure(tx: Tx, login: str) -> None:
    """Remember a failed login, and forget those that no longer count."""
    tx.session.execute(delete(LoginAttempt).where(col(LoginAttempt.at) <= tx.now - FAILURES_WINDOW))
    tx.session.add(LoginAttempt(id=tx.new_id(), login_hash=token_hash(login), at=tx.now))


def log_in(tx: Tx, account_id: str, hours: int) -> str:
    """Open a session for an account whose password was verified. Returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    tx.session.add(
        LoginSession(
            id=token_hash(token),
            account_id=account_id,
            csrf=secrets.token_urlsafe(32),
            created_at=tx.now,
            authenticated_at=tx.now,
            expires_at=tx.now + timedelta(hours=hours),
        )
    )
    tx.record("session.opened", f"account:{account_id}", "accounts")
    return token


def log_out(tx: Tx, actor: Actor) -> None:
    """End this session."""
    tx.affected(
        update(LoginSession)
        .where(col(LoginSession.id) == actor.session_id, col(LoginSession.ended_at).is_(None))
        .values(ended_at=tx.now)
    )
    tx.record("session.ended", f"account:{actor.account_id}", "accounts", "sessions")


def step_up(tx: Tx, actor: Actor) -> None:
    """Note that the password of this session's account was just given again and fitted."""
    tx.guarded(
        update(LoginSession)
        .where(col(LoginSession.id) == actor.session_id, col(LoginSession.ended_at).is_(None))
        .values(authenticated_at=tx.now),
        NotLoggedIn("session_ended"),
    )


def recently_authenticated(actor: Actor, now: datetime, minutes: int) -> bool:
    """Whether the password was given less than `minutes` ago (and not in the future)."""
    return timedelta(0) <= now - actor.authenticated_at < timedelta(minutes=minutes)


def require(actor: Actor, verb: Verb) -> None:
    """Refuse what the role may not do."""
    if not may(actor, verb):
        off_shift = actor.role is Role.DUTY_OFFICER and not actor.on_shift
        raise Forbidden("not_on_shift" if off_shift else "role_may_not")


def start_shift(tx: Tx, actor: Actor) -> None:
    """Come on duty. Starting twice is one shift."""
    require(actor, Verb.SHIFT_KEEP)
    if queries.open_shift(tx, actor.account_id):
        return
    tx.session.add(
        Shift(
            id=tx.new_id(),
            account_id=actor.account_id,
            organisation_id=actor.organisation_id,
            started_at=tx.now,
        )
    )
    try:
        tx.session.flush()
    except IntegrityError as error:
        raise Conflict("shift_already_started") from error
    tx.record("shift.started", f"account:{actor.account_id}", "shifts", "requests")


def end_shift(tx: Tx, actor: Actor) -> None:
    """Go off duty."""
    require(actor, Verb.SHIFT_KEEP)
    tx.guarded(
        update(Shift)
        .where(col(Shift.account_id) == actor.account_id, col(Shift.ended_at).is_(None))
        .values(ended_at=tx.now),
        Conflict("not_on_shift"),
    )
    tx.record("shift.ended", f"account:{actor.account_id}", "shifts", "requests")


def log_read(tx: Tx, actor: Actor, subject: str, purpose: str) -> None:
    """Write who reads what. Called before the read in its transaction: no log, no data."""
    tx.session.add(
        ReadLog(
            id=tx.new_id(),
            at=tx.now,
            account_id=actor.account_id,
            role=actor.role,
            organisation_id=actor.organisation_id,
            subject=subject,
            purpose=purpose,
        )
    )
    tx.session.flush()


def add_organisation(tx: Tx, organisation: Organisation) -> None:
    """Register an organisation."""
    tx.session.add(organisation)
    tx.session.flush()
    tx.record("organisation.added", f"organisation:{organisation.id}", "places", kind=organisation.kind)


def add_account(
    tx: Tx, login: str, name: str, role: Role, organisation_id: str, password_hash: str, demo: bool = False
) -> str:
    """Register an account. Returns its id. Raises Invalid when the login is taken."""
    if queries.account_by_login(tx, login):
        raise Invalid("login_taken", (FieldError(("login",), "taken"),))
    queries.organisation(tx, organisation_id)
    account = Account(
        id=tx.new_id(),
        login=login,
        name=name,
        role=role,
        organisation_id=organisation_id,
        password_hash=password_hash,
        demo=demo,
    )
    tx.session.add(account)
    tx.session.flush()
    tx.record("account.added", f"account:{account.id}", "accounts", role=role)
    return account.id


def has_demo_accounts(tx: Tx) -> bool:
    """Whether accounts with published passwords exist: then only loopback may be served."""
    return tx.session.exec(select(Account.id).where(col(Account.demo)).limit(1)).first() is not None
