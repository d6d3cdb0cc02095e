"""Which requests a number counts, by the same rows that the number is counted from. For who may read them only."""

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum

from nrm.db import Tx
from nrm.insight import queries, rules
from nrm.insight.rules import Cause
from nrm.intake import queries as intake


class Figure(StrEnum):
    """A number on the pages of the picture that counts requests, by the code of its definition."""

    WAITING = "unmet_waiting"
    OVERDUE = "overdue"
    ENDED = "unmet_ended"
    LATE = "within_norm"
    """Those that did not have a place within the norm."""


def counted(
    tx: Tx, figure: Figure, days: int, region_code: str | None = None, causes: Collection[Cause] = tuple(Cause)
) -> list[str]:
    """The requests behind a number: of these causes, where it tells causes apart."""
    since = tx.now - timedelta(days=days)
    if figure is Figure.LATE:
        found = queries.courses_since(tx, since, tx.now, region_code)
        return [one.request_id for one in rules.judged(found, tx.now) if not rules.in_time(one)]
    if figure is Figure.ENDED:
        return [one.request_id for one in queries.ended_cases(tx, since, region_code) if one.cause in causes]
    return [
        request.id
        for request, cause in queries.waiting_cases(tx, region_code)
        if (Cause(cause.cause) if cause else Cause.NOT_LOOKED) in causes
        and (figure is Figure.WAITING or intake.is_unmet(request, tx.now))
    ]
