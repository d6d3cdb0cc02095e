"""Who takes over a minor alone. Pure: no session, no clock."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from nrm.access.rules import OrganisationKind


class YouthAnswer(StrEnum):
    TAKEN = "taken"
    NOT_OURS = "not_ours"


class NotOurs(StrEnum):
    """Why somebody does not take a minor over."""

    FOR_NIDOS = "for_nidos"
    FOR_YOUTH_CARE = "for_youth_care"
    OTHER_REGION = "other_region"
    ADULT = "adult"
    FULL = "full"
    OTHER = "other"


YOUTH_KINDS = (OrganisationKind.YOUTH_CARE, OrganisationKind.GUARDIANSHIP)
"""Youth crisis care of a region, and Nidos for the whole country."""


def kinds_in_order(residence: str, foreign_residences: Sequence[str]) -> tuple[OrganisationKind, OrganisationKind]:
    """Which of the two applies, then the other: Nidos when it is known that the minor is foreign, else youth care."""
    youth_care, guardianship = YOUTH_KINDS
    return (guardianship, youth_care) if residence in foreign_residences else (youth_care, guardianship)


def next_to_ask(order: Sequence[str], answers: Mapping[str, YouthAnswer | None]) -> str | None:
    """Whom to ask now, of the organisations that could take over, the one that applies first.

    Always the one that applies; the other once everybody who was asked said that it is not for them. Nobody is asked
    twice: when nobody is left the alarm goes on ringing for people.
    """
    left = [one for one in order if one not in answers]
    if not left:
        return None
    everybody_refused = all(answer is YouthAnswer.NOT_OURS for answer in answers.values())
    return left[0] if left[0] == order[0] or everybody_refused else None
