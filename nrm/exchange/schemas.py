"""What a provider's own system sends and gets back."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from nrm.registry.schemas import ClosureIn, PauseIn
from nrm.shapes import Code, Shape, Version


class OwnStayIn(Shape):
    """Somebody stays here by arrangement outside this system."""

    expected_departure: date | None = None


class PlaceStateIn(Shape):
    """One place as its own system knows it: out of service or not, and perhaps in use by its own arrangement.

    Held and occupied are never said: those follow from offers and stays.
    """

    id: Code
    closed: ClosureIn | None
    own_stay: OwnStayIn | None = None


class StayStateIn(Shape):
    """Until when somebody who is there is expected to stay; null when nobody knows."""

    id: Code
    expected_departure: date | None
    reason: Code | None = None


class StateIn(Shape):
    """The whole state of a location: every place of it, and whether it takes people in. Stays only as far as named."""

    version: Version
    pause: PauseIn | None
    places: Annotated[tuple[PlaceStateIn, ...], Field(max_length=500)]
    stays: Annotated[tuple[StayStateIn, ...], Field(max_length=500)] = ()


class StateOut(Shape):
    """How the location stands now: its version, how many things changed, and when its figure was confirmed."""

    version: int
    changed: int
    confirmed_at: datetime
