"""The made-up country on the evening of an exercise: quiet, its figures true, and one of them about to grow old."""

import os
import random
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Final

from nrm.access.rules import Role
from nrm.clock import AMSTERDAM
from nrm.db import Database
from nrm.exercise.people import REGION
from nrm.exercise.rules import STALE_MINUTES
from nrm.exercise.service import begin
from nrm.policy import Freshness
from nrm.seal import AddressKey
from nrm.world.generator import Location, World, provider_id
from nrm.world.houses import DEMO_PROVIDERS, PROVIDERS
from nrm.world.seed import PEOPLE, DemoAccount, Occasion, Person, plant

_CHECKED: Final = timedelta(hours=2)
"""How long before the evening the houses said that their figures are right."""

LEADER: Final = Person("oefenleider", Role.EXERCISE_LEADER, "Oefenleider", "beheer")


def people() -> tuple[Person, ...]:
    """Everybody of the demo, somebody for every other provider, and whoever leads."""
    others = [slug for slug in PROVIDERS if slug not in DEMO_PROVIDERS]
    houses = tuple(
        Person(
            f"aanbieder-{number}", Role.PROVIDER, f"Plaatsing {PROVIDERS[slug][0].split(' ', 1)[1]}", provider_id(slug)
        )
        for number, slug in enumerate(others, start=len(DEMO_PROVIDERS) + 1)
    )
    return (LEADER, *PEOPLE, *houses)


def evening(planted: World, at: datetime) -> World:
    """Whose figures were fresh enough checked them two hours ago; one house checked so long ago that it turns stale."""
    bands = Freshness().bands
    stale = _stale_one(planted)

    def checked(found: Location) -> Location:
        band = bands[found.pool]
        if found is stale:
            turns = at + timedelta(minutes=STALE_MINUTES) - timedelta(minutes=band.aging_minutes)
            return replace(found, confirmed_at=turns)
        trusted = found.confirmed_at and at - found.confirmed_at < timedelta(minutes=band.aging_minutes)
        return replace(found, confirmed_at=at - _CHECKED) if trusted else found

    return replace(planted, locations=tuple(map(checked, planted.locations)))


def _stale_one(planted: World) -> Location:
    """A house of the municipal pool outside the region of the raid, open, with most places to give."""
    taken = {place for stay in planted.stays for place in stay.place_ids} | {one.place_id for one in planted.closures}

    def free(found: Location) -> int:
        return sum(place not in taken for unit in found.units for place in unit.places)

    fits = [
        found
        for found in planted.locations
        if found.pool == "MUNICIPAL" and found.region != REGION and found.pause is None and found.intake is None
    ]
    return max(fits, key=lambda found: (free(found), found.id))


def password(folder: Path) -> str:
    """The password of everybody in this exercise, made once and kept in its folder, so that a second start shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(folder / "password", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return (folder / "password").read_text()
    with os.fdopen(handle, "w") as file:
        made = secrets.token_hex(8)
        file.write(made)
    return made


def saturday(now: datetime) -> datetime:
    """Half past ten in the evening of this week's Saturday, on the wall in Amsterdam."""
    today = now.astimezone(AMSTERDAM).date()
    return datetime.combine(today + timedelta(days=(5 - today.weekday()) % 7), time(22, 30))


def prepare(database: Database, key: AddressKey, seed_number: int, cast: Occasion) -> list[DemoAccount]:
    """Make the database an exercise with this cast in it, unless it is one; returns whom one can be."""

    def planted(db: Database) -> None:
        plant(db, key, seed_number, cast)

    begin(database, seed_number, planted)
    return plant(database, key, seed_number, cast)


def drawn_ids(seed_number: int) -> Callable[[], str]:
    """Identifiers as the database makes them, but the same ones each time."""
    chance = random.Random(f"{seed_number}/ids")  # noqa: S311 - an exercise, not a secret
    return lambda: urlsafe_b64encode(chance.randbytes(16)).decode().rstrip("=")


def occasion(password: str) -> Occasion:
    """An exercise, with a password of its own: its accounts may be served to other machines."""
    return Occasion(people(), password, demo=False, in_full_swing=False, shape=evening, phones=True)
