"""Looking up accounts, sessions and shifts."""

from collections.abc import Collection

from sqlmodel import col, select

from nrm.access.models import Account, LoginSession, Organisation, ReadLog, Shift
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.db import Tx
from nrm.errors import NotFound


def account_by_login(tx: Tx, login: str) -> Account | None:
    return tx.session.exec(select(Account).where(Account.login == login)).first()


def had_token(tx: Tx, account_id: str, csrf: str) -> bool:
    """Whether this CSRF token is of a session of this account, over by time or not, from which nobody logged out."""
    row = select(LoginSession.id).where(
        LoginSession.account_id == account_id, LoginSession.csrf == csrf, col(LoginSession.ended_at).is_(None)
    )
    return tx.session.exec(row).first() is not None


def actor_of_session(tx: Tx, session_hash: str) -> tuple[Actor, str] | None:
    """The actor behind a live session and its CSRF token, or None."""
    row = tx.session.exec(
        select(LoginSession, Account, Organisation)
        .join(Account, col(Account.id) == LoginSession.account_id)
        .join(Organisation, col(Organisation.id) == Account.organisation_id)
        .where(
            LoginSession.id == session_hash,
            col(LoginSession.ended_at).is_(None),
            col(LoginSession.expires_at) > tx.now,
            col(Account.active),
        )
    ).first()
    if row is None:
        return None
    session, account, organisation = row
    actor = Actor(
        account_id=account.id,
        name=account.name,
        role=Role(account.role),
        organisation_id=organisation.id,
        organisation_name=organisation.name,
        organisation_kind=OrganisationKind(organisation.kind),
        region_code=organisation.region_code,
        on_shift=account.role == Role.DUTY_OFFICER and open_shift(tx, account.id) is not None,
        session_id=session.id,
        authenticated_at=session.authenticated_at,
    )
    return actor, session.csrf


def with_roles(tx: Tx, account_ids: Collection[str], roles: Collection[str]) -> set[str]:
    """Which of these active accounts have one of these roles."""
    query = select(Account.id).where(
        col(Account.id).in_(account_ids), col(Account.role).in_(roles), col(Account.active)
    )
    return set(tx.session.exec(query))


def actor_of_account(tx: Tx, account_id: str) -> Actor | None:
    """Somebody who answers from outside a session, by telephone: that they answer shows that they are there."""
    row = tx.session.exec(
        select(Account, Organisation)
        .join(Organisation, col(Organisation.id) == Account.organisation_id)
        .where(Account.id == account_id, col(Account.active))
    ).first()
    if row is None:
        return None
    account, organisation = row
    return Actor(
        account_id=account.id,
        name=account.name,
        role=Role(account.role),
        organisation_id=organisation.id,
        organisation_name=organisation.name,
        organisation_kind=OrganisationKind(organisation.kind),
        region_code=organisation.region_code,
        on_shift=account.role == Role.DUTY_OFFICER,
        session_id="",
        authenticated_at=tx.now,
    )


def open_shift(tx: Tx, account_id: str) -> Shift | None:
    return tx.session.exec(select(Shift).where(Shift.account_id == account_id, col(Shift.ended_at).is_(None))).first()


def on_duty(tx: Tx) -> list[tuple[str, str]]:
    """(name, organisation) of everyone on shift now."""
    rows = tx.session.exec(
        select(Account.name, Organisation.name)
        .join(Shift, col(Shift.account_id) == Account.id)
        .join(Organisation, col(Organisation.id) == Shift.organisation_id)
        .where(col(Shift.ended_at).is_(None))
        .order_by(Account.name)
    )
    return [(name, organisation) for name, organisation in rows]


def organisation(tx: Tx, organisation_id: str) -> Organisation:
    found = tx.session.get(Organisation, organisation_id)
    if found is None:
        raise NotFound("no_organisation")
    return found


def organisations_of_kind(tx: Tx, kind: OrganisationKind) -> list[Organisation]:
    return list(tx.session.exec(select(Organisation).where(Organisation.kind == kind).order_by(Organisation.id)).all())


def organisations(tx: Tx) -> list[Organisation]:
    """Every organisation, by kind and name."""
    return list(tx.session.exec(select(Organisation).order_by(Organisation.kind, Organisation.name)).all())


def accounts(tx: Tx) -> list[tuple[Account, Organisation]]:
    """Every account with its organisation, by login."""
    return list(
        tx.session.exec(
            select(Account, Organisation)
            .join(Organisation, col(Organisation.id) == Account.organisation_id)
            .order_by(Account.login)
        ).all()
    )


def reads_of(tx: Tx, subject: str) -> list[ReadLog]:
    """Who read this subject, oldest first."""
    return list(tx.session.exec(select(ReadLog).where(ReadLog.subject == subject).order_by(col(ReadLog.at))).all())
