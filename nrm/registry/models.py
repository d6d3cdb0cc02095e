"""Regions, municipalities, locations, units, places, admission rules, confirmations, closures, claims."""

from datetime import date, datetime, time

from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class Region(SQLModel, table=True):
    """One of the 25 veiligheidsregio's, with a centroid rounded to 0.1 degree."""

    __tablename__ = "region"

    code: str = Field(primary_key=True, max_length=8)
    name: str = Field(max_length=60)
    provinces: str = Field(max_length=120)
    lat: float
    lon: float
    valid_from: date
    valid_until: date | None = None


class Municipality(SQLModel, table=True):
    """A municipality and its region, from a date on. Lists change each January; history stays."""

    __tablename__ = "municipality"

    code: str = Field(primary_key=True, max_length=8)
    valid_from: date = Field(primary_key=True)
    valid_until: date | None = None
    name: str = Field(max_length=80)
    region_code: str = Field(foreign_key="region.code", index=True)


class CentreMunicipality(SQLModel, table=True):
    """Which centre municipality buys shelter for a municipality, from a date on: as on a list that others publish."""

    __tablename__ = "centre_municipality"

    municipality_code: str = Field(primary_key=True, max_length=8)
    valid_from: date = Field(primary_key=True)
    valid_until: date | None = None
    centre_code: str = Field(max_length=8, index=True)
    source: str = Field(max_length=120)
    """Who published the list, in words: shown beside every figure that rests on it."""


class Criterion(SQLModel, table=True):
    """A contra-indication on the national list."""

    __tablename__ = "criterion"

    code: str = Field(primary_key=True, max_length=40)
    position: int
    active: bool = True


class Location(SQLModel, table=True):
    """A house of a provider. Its address is not here but sealed in a table of its own.

    `version` rises with every change that can bar a placement, and its row is the lock under which such a change
    and an acceptance exclude each other.
    """

    __tablename__ = "location"
    __table_args__ = (
        Index(
            "location_remind_due",
            "remind_due_at",
            **only_where("remind_due_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    organisation_id: str = Field(foreign_key="organisation.id", index=True)
    code: str = Field(max_length=20, unique=True)
    region_code: str = Field(foreign_key="region.code", index=True)
    pool: str = Field(max_length=12)
    safety_class: str = Field(max_length=10)
    intake_opens: time | None = None
    intake_closes: time | None = None
    pause_reason: str | None = Field(default=None, max_length=20)
    pause_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    handover_points: list[str] = Field(default_factory=list, sa_type=Json)
    version: int = 1
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its provider was last asked whether the figures hold: a reminder, or somebody who asked."""
    remind_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When to look whether a reminder is due; NULL when none follows before the next confirmation."""


class SealedAddress(SQLModel, table=True):
    """The encrypted address of a location: AES-256-GCM, bound to the location's id."""

    __tablename__ = "sealed_address"

    location_id: str = Field(primary_key=True, foreign_key="location.id")
    key_id: str = Field(max_length=16)
    nonce: bytes = Field(sa_type=LargeBinary)
    ciphertext: bytes = Field(sa_type=LargeBinary)


class Unit(SQLModel, table=True):
    """A room or apartment of a location, with who can stay there."""

    __tablename__ = "unit"

    id: str = Field(primary_key=True, max_length=40)
    location_id: str = Field(foreign_key="location.id", index=True)
    code: str = Field(max_length=20)
    private: bool = False
    sexes: list[str] = Field(default_factory=list, sa_type=Json)
    sons_until: int = 12
    age_min: int = 18
    age_max: int = 120
    children: bool = False
    offers: list[str] = Field(default_factory=list, sa_type=Json)
    use: str = Field(default="own", max_length=10)
    """What the room is for, as `rules.Use`."""
    doubted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it turned out that it was not free although it was listed so; a later confirmation settles it."""


class Place(SQLModel, table=True):
    """One bed. Its state is derived from closures and claims."""

    __tablename__ = "place"

    id: str = Field(primary_key=True, max_length=40)
    unit_id: str = Field(foreign_key="unit.id", index=True)
    label: str = Field(max_length=20)


class Designation(SQLModel, table=True):
    """A regular room in use as a crisis bed for a while. It ends by itself at `ends_at`: nothing has to run."""

    __tablename__ = "designation"
    __table_args__ = (Index("designation_open", "unit_id", unique=True, **only_where("ended_at IS NULL")),)

    id: str = Field(primary_key=True, max_length=40)
    unit_id: str = Field(foreign_key="unit.id")
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    displaces: str = Field(max_length=20)
    """For whom the room cannot be used meanwhile."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was stopped, or seen to be over by whoever began the next one."""


class Agreement(SQLModel, table=True):
    """What the municipalities that pay for a location agreed with its provider."""

    __tablename__ = "agreement"

    location_id: str = Field(primary_key=True, foreign_key="location.id")
    lend_after_hours: int | None = None
    """How long a request from elsewhere waits before it may use a place; 0 is at once, NULL is never."""
    first_days_max: int | None = None
    """How long a first period lasts at most."""
    ring_fenced: int = 0
    """Places that are kept for victims of human trafficking; the others may serve other groups too."""
    contract_ends_on: date | None = None
    funding_ends_on: date | None = None
    version: int = 1


class Share(SQLModel, table=True):
    """The part of one municipality in what a location costs: so many parts of the sum of all parts."""

    __tablename__ = "share"

    location_id: str = Field(primary_key=True, foreign_key="agreement.location_id")
    municipality_code: str = Field(primary_key=True, max_length=8)
    parts: int


class Closure(SQLModel, table=True):
    """A place out of service, with a reason and an expected end. At most one open closure per place."""

    __tablename__ = "closure"
    __table_args__ = (
        Index(
            "closure_open",
            "place_id",
            unique=True,
            **only_where("ended_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    place_id: str = Field(foreign_key="place.id")
    reason: str = Field(max_length=20)
    started_at: datetime = Field(sa_type=UtcDateTime)
    expected_end: date | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Claim(SQLModel, table=True):
    """A live or past claim on one place: a hold that lapses, or a stay.

    The unique index is what makes a double booking impossible, on both engines: a place has at most one claim that
    has not ended. A hold becomes a stay in the same row, so there is no moment in between.
    """

    __tablename__ = "claim"
    __table_args__ = (
        Index(
            "claim_live",
            "place_id",
            unique=True,
            **only_where("ended_at IS NULL"),
        ),
        CheckConstraint("kind IN ('hold', 'stay')", name="claim_kind"),
    )

    id: str = Field(primary_key=True, max_length=40)
    place_id: str = Field(foreign_key="place.id")
    kind: str = Field(max_length=4)
    holder: str = Field(max_length=40, index=True)
    """The id of the offer (a hold) or of the stay that claims the place."""
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AdmissionRule(SQLModel, table=True):
    """What a location, or one unit of it, says to a criterion. Replaced rules stay as history."""

    __tablename__ = "admission_rule"
    __table_args__ = (
        Index(
            "admission_rule_live_location",
            "location_id",
            "criterion",
            unique=True,
            **only_where("ended_at IS NULL AND unit_id IS NULL"),
        ),
        Index(
            "admission_rule_live_unit",
            "unit_id",
            "criterion",
            unique=True,
            **only_where("ended_at IS NULL AND unit_id IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    location_id: str = Field(foreign_key="location.id", index=True)
    unit_id: str | None = Field(default=None, foreign_key="unit.id")
    criterion: str = Field(foreign_key="criterion.code")
    stance: str = Field(max_length=10)
    basis: str = Field(max_length=10)
    reason: str = Field(default="", max_length=400)
    review_on: date | None = None
    valid_from: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Confirmation(SQLModel, table=True):
    """Who said when that the figures of a location are right."""

    __tablename__ = "confirmation"
    __table_args__ = (Index("confirmation_newest", "location_id", "confirmed_at"),)

    id: str = Field(primary_key=True, max_length=40)
    location_id: str = Field(foreign_key="location.id")
    confirmed_at: datetime = Field(sa_type=UtcDateTime)
    account_id: str = Field(max_length=40)
    """Who said so; `mailbox` when it came by a link in a message, and then its asking refers to this row; `system`
    when the provider's own system said how all of it stands (the journal has the account it used)."""


class Asking(SQLModel, table=True):
    """A message that asked whether the figures of one location still hold, and its link to say so without logging in.

    The link works once, until it expires. Only the hash of its token is kept.
    """

    __tablename__ = "asking"
    __table_args__ = (
        Index(
            "asking_reminder",
            "location_id",
            "about",
            "occasion",
            unique=True,
            **only_where("occasion <> 'asked'"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    location_id: str = Field(foreign_key="location.id", index=True)
    occasion: str = Field(max_length=10)
    """The band that is about to turn, which time again it is, or `asked` when a person asked."""
    about: str = Field(max_length=40)
    """The confirmation that grows old; empty when there never was one."""
    asked_at: datetime = Field(sa_type=UtcDateTime)
    asked_by: str = Field(max_length=40)
    token_hash: str = Field(max_length=64, unique=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmation_id: str | None = Field(default=None, foreign_key="confirmation.id")


class UnitQuality(SQLModel, table=True):
    """What a room is good at, by whose word: its provider's, or that of whoever checked it. Replaced ones stay."""

    __tablename__ = "unit_quality"
    __table_args__ = (Index("unit_quality_live", "unit_id", "basis", unique=True, **only_where("ended_at IS NULL")),)

    id: str = Field(primary_key=True, max_length=40)
    unit_id: str = Field(foreign_key="unit.id", index=True)
    basis: str = Field(max_length=10)
    expertise: list[str] = Field(default_factory=list, sa_type=Json)
    norm: str = Field(default="", max_length=60)
    """Which norm was looked at, with its version."""
    checked_on: date | None = None
    """When somebody looked; of a provider's own word the day it was given."""
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    recorded_by: str = Field(foreign_key="account.id", max_length=40)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
