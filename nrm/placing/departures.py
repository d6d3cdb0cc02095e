"""Who is about to leave: what tomorrow's supply rests on."""

from datetime import date

from nrm.access.rules import Actor, Verb
from nrm.access.service import log_read, require
from nrm.db import Tx
from nrm.placing import queries
from nrm.placing.rules import StayStatus
from nrm.placing.schemas import StayOut


def leaving(tx: Tx, actor: Actor, by: date) -> list[StayOut]:
    """Read who is expected to have left one's own houses by a day, longest overdue first; each is a logged read."""
    require(actor, Verb.PLACES_READ)
    found = [
        (stay.expected_departure, stay)
        for stay in queries.stays_at(tx, actor.organisation_id)
        if stay.status is StayStatus.ARRIVED and stay.expected_departure and stay.expected_departure <= by
    ]
    shown = [stay for _, stay in sorted(found, key=lambda pair: (pair[0], pair[1].location_code, pair[1].id))]
    for stay in shown:
        if stay.request_id is not None:
            log_read(tx, actor, f"stay:{stay.id}", "list")
    return shown
