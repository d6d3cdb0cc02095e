"""What goes in and out of taking minors over."""

from datetime import datetime

from nrm.access.rules import OrganisationKind
from nrm.intake.rules import Exploitation
from nrm.intake.schemas import PersonOut
from nrm.shapes import Code, Shape
from nrm.youth.rules import NotOurs, YouthAnswer


class YouthAskOut(Shape):
    """A minor alone, for whoever is asked to take over: enough to say yes or no, and whom to phone."""

    id: str
    short_code: str
    region: str
    persons: list[PersonOut]
    exploitation: Exploitation
    needs: list[str]
    wishes: list[str]
    asked_at: datetime
    waiting_since: datetime
    owner: str
    owner_phone: str | None
    taken_at: datetime | None


class RefusalIn(Shape):
    """Why it is not for them."""

    reason: NotOurs


class TakeoverIn(Shape):
    """Who took over on the phone, and when; null is now."""

    organisation: Code
    at: datetime | None = None


class YouthStandOut(Shape):
    """How far one organisation is with a minor alone, for the owner of the request."""

    organisation_id: str
    organisation: str
    kind: OrganisationKind
    phone: str | None
    asked_at: datetime
    answer: YouthAnswer | None
    reason: NotOurs | None
    answered_at: datetime | None
    spoken: bool
