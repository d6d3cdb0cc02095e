"""What goes in and out of access."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from nrm.access.rules import Role
from nrm.shapes import Line, Shape


class LoginIn(Shape):
    login: Annotated[Line, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class ActorOut(Shape):
    """Who is logged in. `csrf` goes back in the header `X-CSRF-Token` of every change."""

    account_id: str
    name: str
    role: Role
    organisation_id: str
    organisation_name: str
    region_code: str | None
    on_shift: bool
    csrf: str


class AccountOut(Shape):
    """An account as an administrator sees it."""

    id: str
    login: str
    name: str
    role: Role
    organisation: str
    active: bool


class PolicyOut(Shape):
    """The version of a kind of policy that is in force."""

    kind: str
    version: int
    body: dict[str, object]
    valid_from: datetime
    note: str
