"""What the fork server imports last: a night lived through once, so that no child compiles its statements anew.

A worker that is killed after a second would otherwise spend half of it on that.
"""

from typing import Any

from nrm.placing import service as placing
from nrm.settings import Settings
from tests import environment, statements
from tests.soak.alarms import AlarmWorker
from tests.soak.ground import WARM
from tests.soak.scene import propose_in, small_town, somebody_on_every_rung


class _Nowhere:
    def deliver(self, _message: Any) -> None:
        pass


def _live_through(url: str) -> None:
    statements.share()
    town = small_town(url)
    somebody_on_every_rung(town)
    coordinator = town.coordinator()
    town.request(coordinator, urgency="now", unsafe=[{"region": "VR13"}])
    request_id = town.request(coordinator, urgency="now")
    house = town.location(places=(1,))
    with town.database.transaction() as tx:
        [proposal] = propose_in(tx, request_id, f"{house}-u1")
        placing.send_offer(tx, coordinator, request_id, proposal)
    worker = AlarmWorker(town.database, Settings(), {"log": _Nowhere(), "email": _Nowhere()})
    for _ in range(6):
        worker.tick()
        town.clock.turn(minutes=20)
    town.database.close()


for url in (environment.told(WARM) or "").split():
    _live_through(url)
