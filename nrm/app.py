"""The composition root of the API: routers, limits, errors, the journal's follower and, if wanted, the worker."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware.trustedhost import TrustedHostMiddleware

import nrm.access.api
import nrm.calendar.api
import nrm.course.api
import nrm.escalation.api
import nrm.exchange.api
import nrm.intake.api
import nrm.live.api
import nrm.notify.api
import nrm.placing.api
import nrm.registry.api
import nrm.reporting.api
import nrm.roster.api
import nrm.rulebook.api
import nrm.watch.api
import nrm.youth.api
from nrm.api import API_VERSION, ROOT, BodyLimit, OneMeaning, Parts, install_problems, parts_of
from nrm.clock import PacedClock
from nrm.db import Database, Tx
from nrm.errors import Unavailable
from nrm.escalation import queries as escalation
from nrm.exercise.service import go_on, refuse_mix
from nrm.live.follower import Follower
from nrm.policy import ensure_first_versions
from nrm.registry.service import load_reference_data
from nrm.seal import load_key
from nrm.settings import Settings
from nrm.watch import service as watch
from nrm.watch.rules import LINE
from nrm.worker import PART, Worker

LINE_BEAT_SECONDS = 10
HEARTBEAT_AGE_MAX = timedelta(seconds=60)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

health = APIRouter()
log = structlog.get_logger()


def prepare(tx: Tx) -> None:
    """What every deployment needs in its database: regions, municipalities, criteria, first policies."""
    load_reference_data(tx)
    ensure_first_versions(tx)


def make_parts(settings: Settings, database: Database | None = None) -> Parts:
    """The parts of an application with these settings; `database` replaces the one they name.

    An exercise has a clock of its own. It goes on where it stood.
    """
    if database is not None or not settings.exercise:
        return Parts(database or Database(settings.url), settings, load_key(settings))
    clock = PacedClock(LONG_AGO)
    found = Database(settings.url, clock)
    go_on(found, clock)
    return Parts(found, settings, load_key(settings), clock)


def create_app(parts: Parts, larger_bodies: Mapping[str, int] | None = None) -> FastAPI:
    """The API, without pages. `larger_bodies` are paths that take more than others do, with their limit in bytes.

    Raises Conflict when practice and reality mix.
    """
    refuse_mix(parts.database, parts.settings.exercise)
    app = FastAPI(
        title="NRM",
        version=API_VERSION,
        description="National referral mechanism: shelter places, requests, proposals, offers, stays, alarms.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{ROOT}/openapi.json",
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.practising = parts.settings.exercise
    app.state.follower = Follower(parts.database)
    app.state.sockets = Counter()
    # Laid down as they are, not included: in a router inside a router finding a route cost more than answering.
    app.router.routes.extend(health.routes)
    for part in (
        *(nrm.access, nrm.notify, nrm.calendar, nrm.roster, nrm.registry, nrm.intake, nrm.placing, nrm.youth),
        *(nrm.course, nrm.reporting, nrm.escalation, nrm.exchange, nrm.rulebook, nrm.live, nrm.watch),
    ):
        app.router.routes.extend(part.api.router.routes)
    install_problems(app)
    app.add_middleware(OneMeaning)
    app.add_middleware(BodyLimit, larger=larger_bodies)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_hosts(parts.settings))
    return app


@health.get("/livez", include_in_schema=False)
def livez() -> Response:
    """The process answers."""
    return Response("ok", media_type="text/plain")


@health.get("/readyz", include_in_schema=False)
def readyz(request: Request) -> Response:
    """The database answers and the worker lives. Raises Unavailable otherwise."""
    with parts_of(request).database.reading() as tx:
        at = escalation.heartbeat(tx, PART)
        if at is None or tx.now - at > HEARTBEAT_AGE_MAX:
            raise Unavailable("worker_silent")
    return Response("ok", media_type="text/plain")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    following = asyncio.create_task(app.state.follower.run())
    beating = asyncio.create_task(_beat_line(app))
    worker = Worker(parts.database, parts.settings, clock=parts.clock) if parts.settings.worker else None
    thread = threading.Thread(target=worker.run, name="worker") if worker else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        beating.cancel()
        app.state.follower.stop()
        await following
        await asyncio.gather(beating, return_exceptions=True)
        if worker and thread:
            worker.stop()
            await asyncio.to_thread(thread.join)
        parts.database.close()


async def _beat_line(app: FastAPI) -> None:
    """Say in the database that this server follows the journal, so that others notice when it no longer does."""
    parts: Parts = app.state.parts
    part = f"{LINE}{socket.gethostname()[:25]}:{parts.settings.port}"
    while True:
        await asyncio.sleep(LINE_BEAT_SECONDS)
        if app.state.follower.behind_seconds < LINE_BEAT_SECONDS:
            try:
                await asyncio.to_thread(watch.beat, parts.database, [part])
            except SQLAlchemyError as error:
                log.warning("line cannot beat", error=type(error).__name__)


def _hosts(settings: Settings) -> list[str]:
    """The names by which we may be addressed: a page of another name that points here is not us."""
    return sorted({urlsplit(settings.public_url).hostname or "", settings.host, "127.0.0.1", "localhost"} - {""})
