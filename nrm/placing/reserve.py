"""The reserve: a place that many of those who may still come depend on is dearer for everybody else.

Policy switches it on (`matching.reserve_points`). Nothing is held back by it and nobody waits longer because of it: it
only decides which of several fitting places somebody gets (`matching.reserve`).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import col, select

import matching
from nrm import policy
from nrm.db import Tx
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.placing import problem
from nrm.placing.problem import Built

DAYS_MIN = 28
"""A system younger than this does not know yet who comes: what it saw is spread over so many days at least."""


class Expected:
    """Who may still come, looked up once a day: whoever asked before today, as often as they did."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] | None = None
        self._profiles: list[matching.Profile] = []

    def priced(self, tx: Tx, built: Built) -> Built:
        """The problem with the reserve's prices on its units; as it was where policy switches the reserve off."""
        settings = built.settings
        if settings.reserve_points == 0:
            return built
        today = tx.now.replace(hour=0, minute=0, second=0, microsecond=0)
        known = today, built.versions, built.problem.criteria
        if self._of != known:
            self._profiles = _profiles(tx, built, today)
            self._of = known
        places = {unit_id: len(unit.places) for unit_id, (_, unit) in built.units.items()}
        priced = matching.reserved(built.problem, self._profiles, places=places, points=settings.reserve_points)
        before = {unit.id: unit.scarcity for unit in built.problem.units}
        kept = {unit.id: unit.scarcity - before[unit.id] for unit in priced.units}
        return replace(built, problem=priced, kept=kept)


def _profiles(tx: Tx, built: Built, today: datetime) -> list[matching.Profile]:
    """Every request of the last days as a kind of request that comes once in so many days."""
    settings = built.settings
    since = today - timedelta(days=settings.reserve_days)
    rows = tx.session.exec(
        select(PlacementRequest)
        .where(
            col(PlacementRequest.created_at) >= since,
            col(PlacementRequest.created_at) < today,
            col(PlacementRequest.minor_alone).is_(False),
        )
        .order_by(PlacementRequest.id)
    ).all()
    if not rows:
        return []
    days = max(DAYS_MIN, (today - min(row.created_at for row in rows)) / timedelta(days=1))
    _, pools = policy.current(tx, policy.Pools)
    templates = (problem.template(tx, found, pools, built) for found in intake.details(tx, rows) if found.persons)
    return [matching.Profile(request, 1 / days) for request in templates]
