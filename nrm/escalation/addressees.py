"""Whom a rung speaks to: by role and roster, in the region of the escalation."""

from collections.abc import Collection
from dataclasses import dataclass

from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import ROLES_OF, OrganisationKind, Verb
from nrm.db import Tx
from nrm.escalation.models import Escalation
from nrm.intake import queries as intake
from nrm.notify import queries as notify
from nrm.notify.models import ContactPoint
from nrm.notify.rules import OPERATOR_WAYS, ChannelName
from nrm.roster import queries as roster

NUMBERS_ONLY = frozenset({"municipality", "national_coordinator"})
"""Roles that hear that somebody waits, and not who."""

_RANKS = {"duty_officer": ("duty_officer", 1), "second_duty_officer": ("duty_officer", 2)}
"""Roles that are one role on the roster, as first and as second."""


@dataclass(frozen=True)
class Addressee:
    """An organisation a rung speaks to, and who of it is on call."""

    organisation: Organisation
    account_ids: tuple[str, ...] = ()

    def recipient(self, channel: str) -> str | None:
        """Where this channel reaches the organisation; None when it does not."""
        if channel == ChannelName.EMAIL:
            return self.organisation.email
        return self.organisation.id if channel in {ChannelName.LOG, *OPERATOR_WAYS} else None

    def ways(self, tx: Tx, channels: Collection[str]) -> list[ContactPoint]:
        """Where these channels reach the people who are on call, those of them who may take an alarm."""
        claimers = access.with_roles(tx, self.account_ids, ROLES_OF[Verb.ALARM_CLAIM])
        return [way for one in self.account_ids if one in claimers for way in notify.ways_of(tx, one, channels)]


def addressees(tx: Tx, role: str, found: Escalation) -> list[Addressee]:
    """Whom a rung speaks to: who is on call in the region, else the functional channels of the role's organisations.

    Nobody where the roster has a gap, and nobody as second duty officer unless a roster names one: then the next rung
    comes at once. The competent authority is told by nobody but the national coordinator, and that it is silent is told
    to nobody else.
    """
    if role == "owner":
        return _owner(tx, found)
    if role == "authority" or (found.subject.startswith("raised:") and role != "national_coordinator"):
        return []  # who asked the competent authority is who asks it again
    rostered, rank = _RANKS.get(role, (role, None))
    called = roster.on_call(tx, rostered, found.region_code, rank=rank)
    people: dict[str, list[str]] = {}
    homes: dict[str, Organisation] = {}
    for person in called.persons:
        homes[person.organisation.id] = person.organisation
        people.setdefault(person.organisation.id, []).append(person.account_id)
    if called.gap and not people:
        return []
    if people:
        return [Addressee(homes[one], tuple(accounts)) for one, accounts in people.items()]
    return [] if rank == 2 else [Addressee(organisation) for organisation in called.organisations]


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
