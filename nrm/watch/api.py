"""Figures for a monitoring system: ages and counts, no case. Only on this machine, or with the token."""

import hmac
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from nrm import journal
from nrm.api import parts_of
from nrm.errors import NotFound
from nrm.settings import Settings
from nrm.watch import queries
from nrm.watch.rules import Figures

router = APIRouter()

LOOPBACK = frozenset({"127.0.0.1", "::1"})
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""What a proxy on this machine adds: whoever it speaks for is not on this machine."""


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Heartbeats, and how late the oldest rung, message and request are. Hidden from everybody else."""
    parts = parts_of(request)
    if not _allowed(request, parts.settings):
        raise NotFound("not_found")
    with parts.database.reading() as tx:
        shown = _Shown(queries.figures(tx), tx.now.timestamp(), journal.last_seq(tx.session))
    registry = CollectorRegistry()
    registry.register(shown)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Shown:
    """What is shown, once."""

    def __init__(self, figures: Figures, now: float, seq: int) -> None:
        self._figures = figures
        self._now = now
        self._seq = seq

    def collect(self) -> Iterator[GaugeMetricFamily]:
        beats = GaugeMetricFamily("nrm_heartbeat_age_seconds", "How long ago a part last beat.", labels=["part"])
        for part, at in sorted(self._figures.beats.items()):
            beats.add_metric([part], self._now - at.timestamp())
        yield beats
        oldest = GaugeMetricFamily(
            "nrm_oldest_overdue_seconds", "How long the oldest that is due waits; 0 when nothing does.", labels=["what"]
        )
        for what in ("rung", "message", "request"):
            since = getattr(self._figures, what)
            oldest.add_metric([what], max(0.0, self._now - since.timestamp()) if since else 0.0)
        yield oldest
        yield GaugeMetricFamily("nrm_journal_seq", "The number of the newest change.", value=self._seq)


def _allowed(request: Request, settings: Settings) -> bool:
    if settings.metrics_token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.metrics_token.get_secret_value().encode())
    host = request.client.host if request.client else ""
    return host in LOOPBACK and not any(name in request.headers for name in FORWARDED)
