"""What the search for places had before it while somebody had no place, kept as it was then.

Afterwards it cannot be put together again: facts of a request change, houses pause, figures grow old. So it is kept
while it happens, small: what seldom changes of all houses once for as long as it holds, and of each moment who
waited, who was where, and per room what was free.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from sqlmodel import col, select

import matching
from nrm.columns import canonical
from nrm.db import Database, Tx
from nrm.insight.models import Situation, SituationHouses
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.placing import problem as placing
from nrm.placing.models import Proposal, ProposalSet
from nrm.registry import queries as registry
from nrm.registry.rules import TRUSTED

AGAIN_AFTER = timedelta(hours=1)
"""Time alone changes what would help: intake hours begin and end, figures grow old."""

_OF_THE_MOMENT = ("places", "available_from", "freshness", "closed")
"""Of a room, what changes by the hour."""


def keep(database: Database) -> bool:
    """Keep the situation as it is, when somebody has no place who had one in the last, or that one is an hour old."""
    with database.reading() as tx:
        waiting = placing.waiting(tx)
        unplaced = _unplaced(tx, [found.id for found in waiting])
        if not unplaced or _known(tx, unplaced):
            return False
        houses, content = packed(problem(tx, waiting))
    with database.transaction() as tx:
        return write(tx, houses, content, unplaced)


def write(tx: Tx, houses: bytes, content: bytes, unplaced: set[str]) -> bool:
    """Keep a packed situation with who had no place in it, unless a young one has all of them."""
    if _known(tx, unplaced):
        return False
    digest = hashlib.sha256(houses).hexdigest()
    if tx.session.get(SituationHouses, digest) is None:
        tx.session.add(SituationHouses(digest=digest, content=houses))
        tx.session.flush()
    tx.session.add(Situation(id=tx.new_id(), at=tx.now, houses=digest, content=content, unplaced=sorted(unplaced)))
    return True


def problem(tx: Tx, waiting: Iterable[PlacementRequest]) -> matching.Problem:
    """Everybody who waits and every house, as things stand; with nobody where they were proposed before."""
    return placing.build(tx, intake.details(tx, waiting), registry.locations(tx), with_previous=False).problem


def _unplaced(tx: Tx, waiting: list[str]) -> set[str]:
    """Those who were sought a place for and have none that can be relied on."""
    sought = select(ProposalSet.id, ProposalSet.request_id).where(
        col(ProposalSet.request_id).in_(waiting), col(ProposalSet.replaced_at).is_(None)
    )
    found = dict(tx.session.exec(sought).all())
    proposed = select(Proposal.set_id, Proposal.fit).where(col(Proposal.set_id).in_(list(found)))
    sure = {set_id for set_id, fit in tx.session.exec(proposed) if fit["freshness"] in TRUSTED}
    return {request_id for set_id, request_id in found.items() if set_id not in sure}


def _known(tx: Tx, unplaced: set[str]) -> bool:
    """Whether the last situation is young enough and has all of them."""
    last = select(Situation.at, Situation.unplaced).order_by(col(Situation.at).desc()).limit(1)
    found = tx.session.exec(last).first()
    return found is not None and timedelta(0) <= tx.now - found[0] < AGAIN_AFTER and unplaced <= set(found[1])


def packed(found: matching.Problem) -> tuple[bytes, bytes]:
    """A problem in two parts: what seldom changes of the houses, and the moment."""
    whole = asdict(found)
    units: list[dict[str, Any]] = whole.pop("units")
    moment = {
        "units": [[unit.pop(name) for name in _OF_THE_MOMENT] for unit in units],
        **{name: whole.pop(name) for name in ("requests", "occupants")},
    }
    return _small({**whole, "units": units}), _small(moment)


def unpacked(houses: bytes, moment: bytes) -> matching.Problem:
    """The same problem again."""
    whole, now = _large(houses), _large(moment)
    for unit, values in zip(whole["units"], now.pop("units"), strict=True):
        unit.update(zip(_OF_THE_MOMENT, values, strict=True))
    return matching.problem_from_json({**whole, **now})


def loaded(tx: Tx, found: Situation) -> matching.Problem:
    """The problem of a situation that was kept."""
    houses = tx.session.get_one(SituationHouses, found.houses)
    return unpacked(houses.content, found.content)


def relied_on(found: matching.Problem) -> matching.Problem:
    """The same without the rooms of which nobody said lately whether they are free."""
    units = (
        unit if unit.closed or unit.freshness in TRUSTED else replace(unit, closed="no_authority")
        for unit in found.units
    )
    return replace(found, units=tuple(units))


def _small(value: Any) -> bytes:
    return zlib.compress(canonical(value).encode(), 9)


def _large(value: bytes) -> Any:
    return json.loads(zlib.decompress(value))
