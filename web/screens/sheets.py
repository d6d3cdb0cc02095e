"""Reading a sheet of places in: a template to fill in, then what it would change, then all of it or nothing.

Between the two steps the file is nowhere but in the page of whoever sent it, sealed (docs/decisions/0014).
"""

import hashlib
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from nrm.access.rules import Verb, may
from nrm.db import Tx
from nrm.errors import Conflict, Invalid
from nrm.exchange import loading, sheets
from nrm.exchange.plan import ChangeKind, Plan
from nrm.exchange.rules import ROWS_MAX, Lexicon, columns
from nrm.registry import queries
from nrm.registry.models import Region
from web import sheet_words
from web.refusals import flash_text
from web.visit import Screen, Sent, Upload, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

SHOWN_MAX = 200
"""Lines of a plan or of what is wrong that one page shows; the rest is counted."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORM_BYTES_MAX = sheets.FILE_BYTES_MAX + 16 * 1024
"""A file of the largest size, and what a form puts around it."""
AGREED_BYTES_MAX = 2 * sheets.FILE_BYTES_MAX
"""The same file sealed and written in letters."""
BODY_BYTES_MAX = dict.fromkeys(("/inlezen", "/inlezen/toepassen"), 8 * 2**20)
"""More than is taken: what is a little too large gets a page that says so."""

Reader = Annotated[Visit, Depends(Screen(Verb.SHEET_LOAD))]
Sender = Annotated[Sent, Depends(Upload(Verb.SHEET_LOAD, FORM_BYTES_MAX))]
Agreer = Annotated[Sent, Depends(Upload(Verb.SHEET_LOAD, AGREED_BYTES_MAX))]

NOT_CHOSEN = N_("Kies eerst een bestand.")
MOVED_ON = N_("Er is intussen iets veranderd. Er is nog niets ingelezen. Dit is het nieuwe overzicht.")


class _Agreed(BaseModel):
    """What a person agreed to, as the idempotency key knows it."""

    upload: str


class _Loaded(BaseModel):
    """How much was done."""

    changes: int


@router.get("/inlezen")
def start(visit: Reader) -> Response:
    """The page: a template, and where to send it."""
    return _start(visit)


@router.get("/inlezen/sjabloon.xlsx")
def template_xlsx(visit: Reader) -> Response:
    """The template for a spreadsheet program, with what is there already, and an explanation."""
    names, regions, rows = _template(visit)
    explained = [(visit.words.gettext("Kolom"), visit.words.gettext("Wat u hier schrijft"))]
    choices = {name: sheet_words.to_choose(visit.words, name, regions) for name in names}
    explained += [(sheet_words.head(visit.words, name), _explained(visit, name, choices[name])) for name in names]
    explained.append((visit.words.gettext("Overal"), visit.words.gettext("Een leeg vak verandert niets.")))
    content = sheets.write_xlsx(
        visit.words.gettext("Plekken"),
        rows,
        visit.words.gettext("Uitleg"),
        explained,
        {place: choices[name] for place, name in enumerate(names, start=1) if choices[name]},
    )
    return _download(content, XLSX, "plekken.xlsx")


def _explained(visit: Visit, name: str, choices: Sequence[str]) -> str:
    """What to write in a column, with the words to choose from when they are few."""
    hint = sheet_words.hint(visit.words, name)
    return f"{hint} ({', '.join(choices)})" if 2 < len(choices) < 10 else hint


@router.get("/inlezen/sjabloon.csv")
def template_csv(visit: Reader) -> Response:
    """The same as text, for whatever else."""
    return _download(sheets.write_csv(_template(visit)[2]), "text/csv; charset=utf-8", "plekken.csv")


@router.post("/inlezen")
def look(sent: Sender) -> Response:
    """What a file would change. Nothing is stored."""
    visit, content = sent.visit, sent.content
    if content is None:
        return _start(visit, flash_text(visit.words, "sheet_too_large"), 413)
    if not content:
        return _start(visit, visit.words.gettext(NOT_CHOSEN), 400)
    try:
        return _preview(visit, content)
    except Invalid as refusal:
        return _start(visit, flash_text(visit.words, refusal.code), 400)


@router.post("/inlezen/toepassen")
def load(sent: Agreer) -> Response:
    """All of it at once, if it is still what was seen; else what it would be now."""
    visit, sealed = sent.visit, sent.visit.field("upload")
    if sent.content is None:
        return _start(visit, flash_text(visit.words, "sheet_too_large"), 413)
    try:
        seen, content = _opened(visit, sealed)
    except Invalid as refusal:
        return _start(visit, flash_text(visit.words, refusal.code), 400)

    table = sheets.read(content)

    def work(tx: Tx) -> _Loaded:
        done = loading.load(tx, visit.actor, visit.parts.key, table, _lexicon(tx), seen)
        return _Loaded(changes=len(done.changes))

    try:
        visit.once(_Agreed(upload=hashlib.sha256(sealed.encode()).hexdigest()), work)
    except (Conflict, IntegrityError):  # somebody else was first, or just now changed what this is about
        return _preview(visit, content, visit.words.gettext(MOVED_ON), 409)
    home = "/opvang" if may(visit.actor, Verb.PLACES_KEEP) else "/inlezen"
    return visit.go(home, "sheet_loaded")


def _lexicon(tx: Tx) -> Lexicon:
    return sheet_words.lexicon(columns(queries.criteria(tx)), queries.regions(tx))


def _sealed(visit: Visit, content: bytes, plan: Plan) -> str:
    return visit.parts.key.seal_upload(visit.actor.account_id, bytes.fromhex(plan.digest) + zlib.compress(content))


def _opened(visit: Visit, sealed: str) -> tuple[str, bytes]:
    """The digest of the plan that was seen, and the file. Raises Invalid on anything we did not seal for them."""
    raw = visit.parts.key.unseal_upload(visit.actor.account_id, sealed)
    return raw[:32].hex(), zlib.decompress(raw[32:])


def _template(visit: Visit) -> tuple[list[str], list[Region], list[list[str | int]]]:
    """The columns for this person, the regions, and the rows with their heads."""
    with visit.reading() as tx:
        filled = loading.template_rows(tx, visit.actor)
        regions = queries.regions(tx)
        names = list(columns(queries.criteria(tx)))
    if not may(visit.actor, Verb.HOUSES_ADD):
        names = [name for name in names if name not in {"provider", "address"}]
    of_region = {region.code: region.name for region in regions}
    rows: list[list[str | int]] = [[sheet_words.head(visit.words, name) for name in names]]
    for cells in filled:
        rows.append([sheet_words.cell(visit.words, name, cells.get(name), of_region) for name in names])
    return names, regions, rows


def _download(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _start(visit: Visit, failure: str = "", status: int = 200) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
    return visit.page(
        "sheet.html",
        frame,
        status=status,
        failure=failure,
        adds=may(visit.actor, Verb.HOUSES_ADD),
        rows_max=ROWS_MAX,
    )


def _preview(visit: Visit, content: bytes, failure: str = "", status: int = 200) -> Response:
    """What a file would change, line by line, or what is wrong with it. Raises Invalid when it is no sheet."""
    table = sheets.read(content)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        plan = loading.preview(tx, visit.actor, table, _lexicon(tx))
        regions = {region.code: region.name for region in queries.regions(tx)}
    ready = bool(plan.changes) and not plan.wrongs
    return visit.page(
        "sheet_preview.html",
        frame,
        status=400 if plan.wrongs and status == 200 else status,
        plan=plan,
        failure=failure,
        counted=_counted(plan),
        changes=[
            {
                "id": number,
                "row": change.row,
                "location": change.location,
                "unit": change.unit,
                "text": sheet_words.told(visit.words, change, regions),
            }
            for number, change in enumerate(plan.changes[:SHOWN_MAX], start=1)
        ],
        wrongs=[
            {
                "id": number,
                "row": found.row,
                "column": sheet_words.head(visit.words, found.column),
                "text": sheet_words.wrong(visit.words, found),
            }
            for number, found in enumerate(plan.wrongs[:SHOWN_MAX], start=1)
        ],
        sealed=_sealed(visit, content, plan) if ready else "",
        once=plan.digest[:40],
        adds=may(visit.actor, Verb.HOUSES_ADD),
    )


def _counted(plan: Plan) -> Sequence[tuple[str, int]]:
    """How much there is of each kind, what is new first."""
    kinds = Counter(change.kind for change in plan.changes)
    new = (ChangeKind.LOCATION_ADDED, ChangeKind.UNIT_ADDED)
    rest = sum(number for kind, number in kinds.items() if kind not in {*new, ChangeKind.PLACES_ADDED})
    counted = [("locations", kinds[new[0]]), ("units", kinds[new[1]]), ("places", plan.places_added), ("other", rest)]
    return [(kind, number) for kind, number in counted if number]
