"""What goes out of the hand-over: codes, moments and numbers, never who somebody is or what they need."""

from datetime import date, datetime

from nrm.shapes import Shape


class CallOut(Shape):
    """One call: who phoned whom, when, how it ended. `request_id` only for those who may open it."""

    id: str
    at: datetime
    by: str
    organisation: str
    location_code: str | None
    request_id: str | None
    short_code: str | None
    result: str


class CaseOut(Shape):
    """One request as it is handed over."""

    request_id: str
    short_code: str
    urgency: str
    status: str
    """As people see it; `closed` when it ended since."""
    deadline_at: datetime
    unmet: bool
    bridge: str | None
    """The kind of bridge in use, if any."""
    minor_alone: bool
    owner: str
    at_the_desk: bool
    """Whether the national desk owns it: whoever takes the hand-over takes it over."""

    @property
    def id(self) -> str:
        """Its row."""
        return self.request_id


class HandoverOut(Shape):
    """The open cases of a region on one morning. `cases` is empty for whom only the numbers are."""

    id: str
    region: str
    morning: date
    to: str | None
    phone: str | None
    made_at: datetime
    number: int
    """How many requests it listed."""
    rings: int
    again_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    over_at: datetime | None
    cases: list[CaseOut]


class NewsOut(Shape):
    """What happened to one request since somebody's last shift."""

    request_id: str
    short_code: str
    urgency: str
    region: str
    status: str
    events: list[tuple[datetime, str]]
    """When, and the journal's word for it; oldest first."""


class RoomOut(Shape):
    """One room on a night list."""

    code: str
    free: int
    sure: bool
    """Whether what is free may be counted as free; if not, one phones first."""
    places: int
    sexes: list[str]
    children: bool


class HouseOut(Shape):
    """One house on a night list: by its code, never where it stands."""

    code: str
    region: str
    pool: str
    provider: str
    phone: str | None
    band: str
    confirmed_at: datetime | None
    paused: bool
    rooms: list[RoomOut]


class PhoneOut(Shape):
    """A body that can be phoned at night."""

    name: str
    kind: str
    region: str | None
    phone: str


class NightListOut(Shape):
    """What a duty officer has on paper when there is no screen. No address, no fact, no need."""

    id: str
    made_at: datetime
    expires_at: datetime
    houses: list[HouseOut]
    cases: list[CaseOut]
    phones: list[PhoneOut]
