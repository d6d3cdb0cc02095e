"""Rows 13 and 15: no address leaves but by the one release, and no case is shown that was not logged as read.

Everybody there is (tests/access/cast.py) asks for every page and every API path there is, with the ids of real cases
and houses. The routes are taken from the application itself, so a new one is asked too.
"""

import io
import logging
import re
import zipfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pypdf import PdfReader
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select
from starlette.testclient import TestClient

import nrm.api
import nrm.intake.service
import nrm.placing.service
import nrm.placing.staying
import nrm.registry.api
import web.app
import web.screens.sheets
from nrm.access import service as access
from nrm.access.models import LoginSession, ReadLog
from nrm.access.rules import Actor
from nrm.api import Parts
from nrm.db import Tx
from nrm.errors import FieldError, Invalid
from nrm.registry import service as registry
from nrm.settings import Settings
from nrm.worker import Worker
from tests.access.cast import Cast, cast
from tests.builders import KEY
from tests.soak.ground import Ground
from tests.soak.harness import Outcome, Planted, Row
from tests.soak.scene import small_town

CANARY = "CANARY-"
HOST = "127.0.0.1"
WHO = (
    "coordinator",
    "provider",
    "other_coordinator",
    "duty",
    "police",
    "municipality",
    "regional",
    "desk",
    "national",
    "rapporteur",
    "admin",
)
THE_TWO = WHO[:2]
"""Whose case and whose house it is; planted bugs show to them already."""
POSTGRESQL_OF = 3
"""Of all that a person may ask for, PostgreSQL gets one in so many and SQLite the rest."""
CASES = ("offered", "accepted", "police_accepted")
CANDIDATES = {
    "request_id": CASES,
    "offer_id": ("offer",),
    "stay_id": ("stay",),
    "location_id": ("location", "other_location"),
    "place_id": ("place",),
    "alarm_id": ("alarm",),
    "handover_id": ("handover",),
}
"""Name in a path → the things of the cast to put there. Names that are not here get a word that exists nowhere."""


@dataclass
class Street:
    """The application in this process, and everybody's way in."""

    made: Cast
    client: TestClient
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    def call(self, who: str, method: str, path: str, **more: Any) -> Any:
        token, csrf = self.tokens[who]
        headers = {"Cookie": f"nrm={token}", "X-CSRF-Token": csrf}
        return self.client.request(method, path, headers=headers, **more)

    def sheet(self, who: str, rows: bytes) -> Any:
        """Send a sheet to look at what it would change."""
        files = {"file": ("plekken.csv", rows, "text/csv")}
        return self.call(who, "POST", "/inlezen", data={"csrf_token": self.tokens[who][1]}, files=files)

    def agree(self, who: str, page: str) -> bool:
        """Press the button of what a sheet would change."""
        hidden = dict(re.findall(r'name="(upload|once)" value="([^"]+)"', page))
        data = {"csrf_token": self.tokens[who][1], **hidden}
        return bool(self.call(who, "POST", "/inlezen/toepassen", data=data).status_code == 303)

    def everywhere(self, people: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """These people, at every path that can be read; everybody there is, each at a path on one of the two engines.

        The pages are the same on both: each path is asked on either, by other people.
        """
        for number, who in enumerate(people):
            for at, path in enumerate(self.paths):
                on_postgresql = (at - number) % POSTGRESQL_OF == 0
                if people is not WHO or on_postgresql is self.made.town.database.postgresql:
                    yield who, path


@contextmanager
def street(here: Ground) -> Iterator[Street]:
    url, built = here.built(_cast)
    town = small_town(url, built.town.clock.at)
    made = replace(built, town=replace(built.town, database=town.database, clock=town.clock))
    app = web.app.create_app(Parts(town.database, Settings(host=HOST, worker=False, data=here.folder), KEY))
    found = Street(made, TestClient(app, base_url=f"http://{HOST}", follow_redirects=False))
    for who in WHO:
        with town.database.transaction() as tx:
            token = access.log_in(tx, made.actors[who].account_id, hours=12)
            tx.session.flush()
            csrf = tx.session.get_one(LoginSession, access.token_hash(token)).csrf
        found.tokens[who] = token, csrf
    found.paths = sorted(set(_paths(app, made)))
    with found.client:  # kept open: one that is not makes an event loop for each call
        yield found
    town.database.close()


def _cast(url: str) -> Cast:
    """Everybody and everything, in this database."""
    town = small_town(url)
    made = cast(town)
    town.database.close()
    return made


def _paths(app: FastAPI, made: Cast) -> Iterator[str]:
    for route in iter_route_contexts(app.routes):
        path = str(route.path)
        if "GET" not in (getattr(route, "methods", None) or ()) or path.startswith("/static/"):
            continue
        names = re.findall(r"{([a-z_]+)(?::path)?}", path)
        for case in range(len(CASES)):
            filled = path
            for name in names:
                ids = CANDIDATES.get(name, ())
                filled = filled.replace(f"{{{name}}}", made.ids[ids[case % len(ids)]] if ids else "nergens")
            yield filled


# --- row 13 -----------------------------------------------------------------------------------------------------------


class Ears(logging.Handler):
    """Everything that was said anywhere, searched for an address."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard = 0
        self.hits: list[str] = []
        self.lines: list[Any] = []
        """What structlog said and nobody searched yet."""

    def hear(self, where: str, said: object) -> None:
        self.heard += 1
        if CANARY in str(said):
            self.hits.append(where)

    def emit(self, record: logging.LogRecord) -> None:
        self.hear(f"the log of {record.name}", record.getMessage())

    def found(self) -> bool:
        """Whether an address was heard so far."""
        while self.lines:
            self.hear("the log", self.lines.pop())
        return bool(self.hits)


@contextmanager
def listening() -> Iterator[Ears]:
    """Ears on all logging, the most talkative kind, and on structlog, whatever was muted before in this process."""
    ears = Ears()
    root = logging.getLogger()
    level, usual = root.level, structlog.get_config()["wrapper_class"]
    root.addHandler(ears)
    root.setLevel(logging.DEBUG)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET))
    try:
        with structlog.testing.capture_logs() as ears.lines:
            yield ears
    finally:
        structlog.configure(wrapper_class=usual)
        root.removeHandler(ears)
        root.setLevel(level)


def leaks(here: Ground, faults: list[str], people: tuple[str, ...] = WHO) -> Iterator[Ears]:
    """Do everything there is to do with addresses about, and say where one was seen besides the one release.

    Step by step, so that whoever only wants to know whether there is a leak need not look on after the first.
    """
    with street(here) as world, listening() as ears:
        made = world.made
        for who, method, path, body in _mistakes(made):
            answer = world.call(who, method, path, json=body)
            ears.hear(f"{method} {path} as {who}: {answer.status_code}", f"{answer.headers} {answer.text}")
        for who in people:
            for number, rows in enumerate(_sheets()):
                answer = world.sheet(who, rows)
                ears.hear(f"sheet {number} as {who}: {answer.status_code}", f"{answer.headers} {answer.text}")
        yield ears
        overview = world.sheet("desk", next(_sheets())).text
        ears.hear("what a sheet of the desk would change", overview)
        if not world.agree("desk", overview):
            faults.append("the desk could not load a house with an address")
        released = 0
        for who in WHO:
            answer = world.call(
                who, "POST", f"/api/v1/stays/{made.ids['stay']}/address-release", json={"reason": "bring_there"}
            )
            if CANARY in answer.text:
                released += 1
                if who != "coordinator":
                    faults.append(f"the address went to {who}")
        if released != 1:
            faults.append(f"the address was released {released} times")
        ears.hear("released and replayed", world.call("coordinator", "GET", "/api/v1/session").text)
        _read_all_tables(made, ears)
        yield ears
        for who, path in world.everywhere(people):
            answer = world.call(who, "GET", path)
            ears.hear(f"GET {path} as {who}", f"{answer.headers} {_unpacked(answer)}")
            yield ears
        token, _ = world.tokens["coordinator"]
        headers = {"Cookie": f"nrm={token}"}
        with world.client.websocket_connect(f"ws://{HOST}/api/v1/live?after=0", headers=headers) as line:
            ears.hear("the live line", line.receive_text())
        made.town.clock.turn(minutes=90)
        Worker(made.town.database, Settings(host=HOST)).tick()
        _read_all_tables(made, ears)
        if not here.postgresql:
            for file in Path(made.town.database.url.removeprefix("sqlite:///")).parent.iterdir():
                ears.hear(f"the file {file.name}", file.read_bytes().decode("latin-1"))
        yield ears


def _sheets() -> Iterator[bytes]:
    """Sheets with an address in them: one that will do, and some that are wrong, also in the cell of the address."""
    heads = "Locatie;Aanbieder;Regio;Soort opvang;Veiligheid;Kamer;Aantal plekken;Voor wie;Adres"
    address = f"Verzonnenlaan 7, {CANARY}777"
    for row in (
        f"N-1;aanbieder;VR17;NLA;geheim;K1;1;v;{address}",
        f"N-1;aanbieder;VR17;NLA;geheim;K1;veel;v;{address}",
        f"L-001;;;;;K1;;;{address}",
        f"{address};{address};{address};{address};{address};{address};{address};{address};={address}",
        f"N-1;aanbieder;VR17;NLA;geheim;K1;1;v;{address * 30}",
    ):
        yield f"{heads}\r\n{row}\r\n".encode()
    yield f"{address};Kamer\r\nN-1;K1\r\n".encode()


def _unpacked(answer: Any) -> str:
    """What an answer says, also when it is a workbook or a PDF, whose text is packed."""
    if answer.content.startswith(b"%PDF"):
        return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    if not answer.content.startswith(b"PK"):
        return str(answer.text)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        return " ".join(packed.read(name).decode() for name in packed.namelist())


def _mistakes(made: Cast) -> Iterator[tuple[str, str, str, object]]:
    """Calls that are refused with an address in them: the refusal may not repeat it."""
    address = f"Verzonnenlaan 1, {CANARY}999"
    for who in ("provider", "other_coordinator", "coordinator"):
        for body in ({"address": address, "extra": address}, {"address": [address]}, [address], address):
            yield who, "PUT", f"/api/v1/locations/{made.ids['location']}/address", body
        yield who, "PUT", f"/api/v1/locations/{made.ids['other_location']}/address", {"address": address}
        yield who, "POST", f"/api/v1/stays/{made.ids['stay']}/address-release", {"reason": address}
        yield who, "POST", "/api/v1/requests", {"region": address, "urgency": address, "persons": address}


def _read_all_tables(made: Cast, ears: Ears) -> None:
    database = made.town.database
    query = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        if database.postgresql
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    with database.engine.connect() as connection:
        for table in connection.execute(text(query)).scalars().all():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608
                ears.hear(f"the table {table}", tuple(row))


def run_canary(here: Ground, _count: int, _seed: int) -> Outcome:
    faults: list[str] = []
    *_, ears = leaks(here, faults)
    ears.found()
    return Outcome(ears.heard, [*faults, *(f"an address in {where}" for where in sorted(set(ears.hits)))])


_unseal = registry.unseal_address
_location_out = nrm.registry.api.location_out
_from_validation = nrm.api.from_validation
_seal = registry.seal_address


def _logged(tx: Tx, key: Any, location_id: str) -> str:
    address = _unseal(tx, key, location_id)
    structlog.get_logger().info("address released", address=address)
    return address


def _in_the_journal(tx: Tx, key: Any, location_id: str, address: str) -> None:
    _seal(tx, key, location_id, address)
    tx.record("location.moved", f"location:{location_id}", "places", to=address)


def _shown_to_providers(tx: Tx, view: Any) -> Any:
    shown = _location_out(tx, view)
    return shown.model_copy(update={"handover_points": [_unseal(tx, KEY, view.location.id)]})


def _echoed(error: Any) -> Invalid:
    wrong = _from_validation(error)
    return Invalid(wrong.code, (*wrong.fields, FieldError((str(error.errors()[0]["input"]),), "wrong")))


def _in_the_page(_visit: Any, content: bytes, _plan: Any) -> str:
    return content.decode()


_LEAKS = {
    "an address in the page between look and load": (web.screens.sheets, "_sealed", _in_the_page),
    "an address in a log line": (registry, "unseal_address", _logged),
    "an address in the journal": (registry, "seal_address", _in_the_journal),
    "an address in a list of houses": (nrm.registry.api, "location_out", _shown_to_providers),
    "a refusal that repeats its input": (web.app, "from_validation", _echoed),
}


def _finds_leak(name: str, here: Ground, _seed: int) -> bool:
    place, attribute, wrong = _LEAKS[name]
    with patch.object(place, attribute, wrong):
        return any(ears.found() for ears in leaks(here, [], THE_TWO))


CANARIES = Row(
    13,
    "addresses searched in everything that leaves",
    1,
    run_canary,
    tuple(Planted(name, partial(_finds_leak, name)) for name in _LEAKS),
    count_max=1,
)


# --- row 15 -----------------------------------------------------------------------------------------------------------


@dataclass
class Saboteur:
    """Makes the database fail at one point, when told to."""

    point: str = ""

    def statement(self, _conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self.point == "insert" and statement.startswith("INSERT INTO read_log"):
            raise OperationalError(statement, None, Exception("planted: the read log is out of order"))

    def commit(self, _conn: Any) -> None:
        if self.point == "commit":
            raise OperationalError("COMMIT", None, Exception("planted: the commit fails"))


def unlogged(here: Ground, people: tuple[str, ...] = WHO) -> Iterator[str | None]:
    """Ask everything three times: undisturbed, with a read log that fails, and with a commit that fails.

    What went wrong in each of them, or nothing.
    """
    with street(here) as world, structlog.testing.capture_logs():
        made, saboteur = world.made, Saboteur()
        engine = made.town.database.engine
        event.listen(engine, "before_cursor_execute", saboteur.statement)
        event.listen(engine, "commit", saboteur.commit)
        # The overdue case rings, and an alarm is known to be shown without opening the case.
        codes = {code: name for name, code in made.short_codes.items() if name != "open"}
        known = _reads(made).keys()
        for who, path in world.everywhere(people):
            shown = _cases_in(codes, world.call(who, "GET", path))
            rows = _reads(made, known)
            known |= rows.keys()
            about = {row.subject for row in rows.values() if row.account_id == made.actors[who].account_id}
            for name in shown:
                logged = about & _subjects(made, name)
                yield None if logged else f"GET {path} showed {who} a case ({name}) and no read was logged"
            for point in ("insert", "commit") if shown else ():
                saboteur.point = point
                answer = world.call(who, "GET", path)
                saboteur.point = ""
                held = answer.status_code >= 400 and not _cases_in(codes, answer)
                yield None if held else f"GET {path} gave {who} {answer.status_code} though the {point} failed"
        saboteur.point = "insert"
        path = f"/api/v1/stays/{made.ids['stay']}/address-release"
        answer = world.call("coordinator", "POST", path, json={"reason": "bring_there"})
        saboteur.point = ""
        held = answer.status_code >= 400 and CANARY not in answer.text
        yield None if held else "the address was released though the read log failed"


def _cases_in(codes: dict[str, str], answer: Any) -> set[str]:
    return {name for code, name in codes.items() if code in answer.text}


def _subjects(made: Cast, name: str) -> set[str]:
    """What a logged read of this case may be called: the request, its report, its offer, its transfer or its stay."""
    stays = {"accepted": "stay", "placed": "placed_stay", "police_accepted": "police_stay"}
    about = {f"{kind}:{made.ids.get(name)}" for kind in ("request", "report")}
    if name == "offered":
        about |= {f"offer:{made.ids['offer']}", f"transfer:{made.ids['transfer']}"}
    if name in stays:
        about.add(f"stay:{made.ids[stays[name]]}")
    return about


def _reads(made: Cast, known: Set[str] = frozenset()) -> dict[str, ReadLog]:
    """The log, less what is known. By id: which are new never rests on where the database put a row."""
    with made.town.database.reading() as tx:
        new = set(tx.session.exec(select(ReadLog.id))) - known
        return {row.id: row for row in tx.session.exec(select(ReadLog).where(col(ReadLog.id).in_(new)))} if new else {}


def run_read_log(here: Ground, _count: int, _seed: int) -> Outcome:
    tried = list(unlogged(here))
    return Outcome(len(tried), [fault for fault in tried if fault])


def _elsewhere(tx: Tx, actor: Actor, subject: str, purpose: str) -> None:
    """Planted: the read is logged in a transaction of its own; when that fails, so be it."""
    try:
        with tx.session.begin_nested():
            _log_read(tx, actor, subject, purpose)
    except OperationalError:
        pass


def _not_at_all(_tx: Tx, _actor: Actor, _subject: str, _purpose: str) -> None:
    """Planted: nothing is logged."""


_log_read = access.log_read


def _finds_unlogged(wrong: Any, here: Ground, _seed: int) -> bool:
    with (
        patch.object(nrm.intake.service, "log_read", wrong),
        patch.object(nrm.placing.service, "log_read", wrong),
        patch.object(nrm.placing.staying, "log_read", wrong),
    ):
        return any(unlogged(here, THE_TWO))


READ_LOG = Row(
    15,
    "a case is shown only when its read is logged",
    1,
    run_read_log,
    (
        Planted("a read log that may fail", partial(_finds_unlogged, _elsewhere)),
        Planted("no read log", partial(_finds_unlogged, _not_at_all)),
    ),
    count_max=1,
)
