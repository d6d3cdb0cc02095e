"""Whom a rung speaks to: by role, in the region of the escalation."""

from dataclasses import dataclass

from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import OrganisationKind
from nrm.db import Tx
from nrm.escalation.models import Escalation
from nrm.intake import queries as intake

_KIND_OF_ROLE = {
    "duty_officer": OrganisationKind.NATIONAL_DESK,
    "coordinator_regional": OrganisationKind.CHAIN_DIRECTION,
    "municipality": OrganisationKind.MUNICIPALITY,
    "national_desk": OrganisationKind.NATIONAL_DESK,
    "national_coordinator": OrganisationKind.NATIONAL_COORDINATION,
}

NUMBERS_ONLY = frozenset({"municipality", "national_coordinator"})
"""Roles that hear that somebody waits, and not who."""


@dataclass(frozen=True)
class Addressee:
    """An organisation a rung speaks to."""

    organisation: Organisation

    def recipient(self, channel: str) -> str | None:
        """Where this channel reaches them; None when it does not."""
        return self.organisation.email if channel == "email" else self.organisation.id


def addressees(tx: Tx, role: str, found: Escalation) -> list[Addressee]:
    """The organisations a rung speaks to: of the role's kind, in the escalation's region where they have one.

    There is no second duty officer until a roster names one, and the competent authority is told by nobody but the
    national coordinator.
    """
    if role == "owner":
        return _owner(tx, found)
    kind = _KIND_OF_ROLE.get(role)
    if kind is None:
        return []
    return [
        Addressee(organisation)
        for organisation in access.organisations_of_kind(tx, kind)
        if organisation.region_code in {None, found.region_code}
    ]


def _owner(tx: Tx, found: Escalation) -> list[Addressee]:
    if found.request_id is None:
        return []
    owner = access.organisation(tx, intake.request(tx, found.request_id).owner_organisation_id)
    told = [Addressee(owner)]
    if not owner.email:
        # Who has no mailbox may not look at its screen for weeks: then the desk hears it too.
        desks = access.organisations_of_kind(tx, OrganisationKind.NATIONAL_DESK)
        told += [Addressee(one) for one in desks if one.id != owner.id and one.region_code in {None, found.region_code}]
    return told
