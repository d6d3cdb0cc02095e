"""A yes in advance, for one's own places and for as long as it lasts."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta

from sqlalchemy import update
from sqlmodel import col

from nrm import policy
from nrm.access.rules import Actor, Verb
from nrm.access.service import require
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake.rules import Urgency
from nrm.placing import rules
from nrm.placing.models import (
    StandingConsent,
)
from nrm.registry import queries as registry
from nrm.registry.models import Location


def give_consent(
    tx: Tx, actor: Actor, location_id: str, urgencies: Collection[str], until: date, handover_point: str | None = None
) -> StandingConsent:
    """Say yes in advance for the places of a location, through a day; it replaces what was said before.

    It stands for one's own answer only, and only where a decider is asked in that capacity.
    """
    location = _own_for_consent(tx, actor, location_id)
    _, authority = policy.current(tx, policy.Authority)
    today = tx.now.astimezone(AMSTERDAM).date()
    if not today <= until <= today + timedelta(days=authority.consent_days_max):
        raise Invalid("invalid", (FieldError(("until",), "not_in_range"),))
    if not urgencies or set(urgencies) - set(Urgency):
        raise Invalid("invalid", (FieldError(("urgencies",), "unknown_choice"),))
    if handover_point is not None and handover_point not in location.handover_points:
        raise Invalid("invalid", (FieldError(("handoverPoint",), "unknown_choice"),))
    _end_consent(tx, actor, location_id)
    consent = StandingConsent(
        id=tx.new_id(),
        location_id=location_id,
        organisation_id=actor.organisation_id,
        urgencies=[urgency.value for urgency in Urgency if urgency in urgencies],
        handover_point=handover_point,
        given_at=tx.now,
        given_by=actor.account_id,
        valid_until=datetime.combine(until + timedelta(days=1), time(), AMSTERDAM),
    )
    tx.session.add(consent)
    tx.session.flush()
    tx.record(
        "consent.given",
        f"location:{location_id}",
        "offers",
        consent=consent.id,
        urgencies=consent.urgencies,
        until=until.isoformat(),
    )
    return consent


def revoke_consent(tx: Tx, actor: Actor, location_id: str) -> None:
    """Take back what one said in advance: from now on every offer is asked. What was given already stays given."""
    _own_for_consent(tx, actor, location_id)
    if not _end_consent(tx, actor, location_id):
        raise Conflict("no_consent")
    tx.record("consent.revoked", f"location:{location_id}", "offers")


def _end_consent(tx: Tx, actor: Actor, location_id: str) -> int:
    return tx.affected(
        update(StandingConsent)
        .where(
            col(StandingConsent.location_id) == location_id,
            col(StandingConsent.organisation_id) == actor.organisation_id,
            col(StandingConsent.ended_at).is_(None),
        )
        .values(ended_at=tx.now, ended_by=actor.account_id)
    )


def _own_for_consent(tx: Tx, actor: Actor, location_id: str) -> Location:
    """A location one may say yes for in advance, locked: one's own, or a municipal one in one's own region."""
    require(actor, Verb.CONSENT_KEEP)
    location = registry.location(tx, location_id, for_update=True)
    if not rules.may_consent(actor, location):
        raise NotFound("no_location")
    return location
