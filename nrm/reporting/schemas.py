"""What goes in and out of reports."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from nrm.access.rules import OrganisationKind
from nrm.intake.rules import Exploitation, Fact, Sex
from nrm.reporting.rules import NotReason, ReportState
from nrm.shapes import Code, Line, Shape, Version

Reference = Annotated[str, Field(min_length=2, max_length=20, pattern=r"^[A-Za-z]{0,4}[0-9][0-9./-]*$")]
"""A number, with at most a few letters before it: no room for a name."""


class ReportIn(Shape):
    """How a report that was not sent yet should read. `reporter` null: whoever follows from the request."""

    reporter: Code | None = None
    agreed: bool = False
    pseudonymous: bool = False
    found_on: date | None = None
    criteria: Annotated[dict[Code, Fact], Field(max_length=5, default_factory=dict)]
    version: Version


class SendIn(Shape):
    """It went out, as it read at this version; or it is to do after all."""

    version: Version


class DropIn(Shape):
    """Why it is not sent."""

    reason: NotReason
    version: Version


class ConfirmIn(Shape):
    """CoMensha has it, under this number."""

    reference: Reference
    version: Version


class ReporterOut(Shape):
    """An organisation that could report, and whether it must."""

    id: str
    name: str
    kind: OrganisationKind
    has_duty: bool


class ReportedPersonOut(Shape):
    """One member of the party, as coarse as a report needs it."""

    sex: Sex
    age_group: str


class SaidOut(Shape):
    """What a report takes from the request."""

    region: str
    exploitation: Exploitation
    persons: list[ReportedPersonOut]
    found_on: date


class CriterionOut(Shape):
    """One police criterion in the words of the national desk, with its answer."""

    code: str
    nl: str
    en: str
    answer: Fact


class ReportOut(Shape):
    """A report, for whoever may keep it."""

    request_id: str
    short_code: str
    state: ReportState
    reason: NotReason | None
    reporter: ReporterOut | None
    reporters: list[ReporterOut]
    chosen: str | None
    pseudonymous: bool
    must_be_pseudonymous: bool
    said: SaidOut
    criteria: list[CriterionOut]
    opened_at: datetime
    due_at: datetime
    overdue: bool
    sent_at: datetime | None
    confirmed_at: datetime | None
    reference: str | None
    version: int


class ReportLineOut(Shape):
    """A report in a list: that it is there and how far, nothing of the person."""

    request_id: str
    short_code: str
    region: str
    state: ReportState
    reporter: str
    due_at: datetime
    overdue: bool
    sent_at: datetime | None


class OverdueOut(Shape):
    """Overdue reports of one region and kind of organisation.

    `reports` and `oldest_days` are null where so few would point at one case, for who sees numbers only.
    """

    region: str
    kind: OrganisationKind
    reports: int | None
    oldest_days: int | None


class PoliceCriterionIn(Shape):
    """The words of one criterion; both empty while nobody knows them."""

    code: Code
    nl: Line = ""
    en: Line = ""


class PoliceCriteriaIn(Shape):
    """The words of all five, as they should read from now on."""

    criteria: Annotated[tuple[PoliceCriterionIn, ...], Field(min_length=5, max_length=5)]
    version: Version


class PoliceCriteriaOut(Shape):
    """The words in force."""

    criteria: list[PoliceCriterionIn]
    version: int
