"""What goes in and out of office hours."""

from datetime import date, datetime, time
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nrm.policy import Holiday, Weekday
from nrm.shapes import Code, Shape

ClosureReason = Literal["collective_leave", "local_holiday", "training", "moving", "emergency", "other"]


class SpanIn(Shape):
    """From and until on one day, by the clock on the wall; until 00:00 is the end of the day."""

    opens: time
    closes: time

    @model_validator(mode="after")
    def _ordered(self) -> "SpanIn":
        if self.opens.tzinfo or self.closes.tzinfo or (self.closes != time() and self.opens >= self.closes):
            raise ValueError("opens must be before closes, both without a zone")
        return self


class HoursIn(Shape):
    """Office hours from one day up to and including another; a weekday that is not named is closed."""

    valid_from: date
    valid_until: date | None = None
    hours: dict[Weekday, SpanIn]

    @model_validator(mode="after")
    def _some_days(self) -> "HoursIn":
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("must hold for a day at least")
        return self


class HoursOut(HoursIn):
    id: str


class HolidaysIn(Shape):
    """On which public holidays it is closed; null is as policy says."""

    holidays: Annotated[tuple[Holiday, ...], Field(max_length=20)] | None


class ClosureIn(Shape):
    """From one instant until another nobody is there."""

    from_at: datetime
    until_at: datetime
    reason: ClosureReason


class ClosureOut(ClosureIn):
    id: str


class CalendarOut(Shape):
    """When an organisation is there, whether it is now, and when that changes."""

    organisation: Code
    hours: list[HoursOut]
    holidays: list[Holiday]
    own_holidays: bool
    closures: list[ClosureOut]
    open: bool
    changes_at: datetime | None
