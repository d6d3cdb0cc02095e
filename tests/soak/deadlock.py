"""Row 2's other side: the locks that keep a placement safe never lock each other out.

The matcher writes proposals for several waiting requests while somebody sends an offer for one of them, to the same
house. Both are held up at the worst moment, so that one try shows what a busy night would.
"""

import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from sqlalchemy.exc import OperationalError
from sqlmodel import select

import matching
from nrm.db import Tx
from nrm.placing import matcher
from nrm.placing import service as placing
from nrm.registry import queries as registry
from nrm.registry.models import Location
from tests.soak.ground import Ground
from tests.soak.scene import propose, small_town

MEET_SECONDS_MAX = 120
"""Only for what never comes: sending starts when matching has arrived, so no part of this waits for a slow machine."""
MEET_SECONDS = 0.3


def deadlocks(here: Ground, whole_row: bool = False) -> Iterator[str]:
    """What broke when matching met sending. `whole_row` plants the lock that also locks the key."""
    matching.prepare()
    town = small_town(here.fresh())
    coordinator, _ = town.coordinator(), town.provider()
    unit_id = f"{town.location(places=(1, 1, 1))}-u1"
    first, second = sorted(town.request(coordinator) for _ in range(2))
    proposals = {asked: propose(town, asked, unit_id)[0] for asked in (first, second)}
    meet = threading.Barrier(2)
    broken: list[str] = []
    lock, write = registry.location, matcher.write
    written: list[str] = []

    def locked(tx: Tx, location_id: str, for_update: bool = False) -> Location:
        if for_update:
            meet.wait(MEET_SECONDS_MAX)  # the request is locked by now
            threading.Event().wait(MEET_SECONDS)
        if whole_row and for_update:
            return tx.session.exec(select(Location).where(Location.id == location_id).with_for_update()).one()
        return lock(tx, location_id, for_update)

    def slowly(tx: Tx, built: Any, detail: Any, *more: Any) -> bool:
        if len(written) == 1:  # one request's proposals are written by now
            sending.start()
            meet.wait(MEET_SECONDS_MAX)
        written.append(detail.request.id)
        return write(tx, built, detail, *more)

    def send() -> None:
        try:
            with town.database.transaction() as tx:
                placing.send_offer(tx, coordinator, second, proposals[second])
        except Exception as error:  # noqa: BLE001 - whatever it is, the trial must hear of it
            broken.append(f"sending an offer: {_said(error)}")
            meet.abort()

    sending = threading.Thread(target=send)
    with patch.object(registry, "location", locked), patch.object(matcher, "write", slowly):
        try:
            matcher.match(town.database)
        except (OperationalError, threading.BrokenBarrierError) as error:
            broken.append(f"matching: {_said(error)}")
        if sending.ident is None:
            broken.append("matching never wrote for a second request, and so nothing met")
        else:
            sending.join()
    town.database.close()
    yield from broken


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
