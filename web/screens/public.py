"""The public page: what was published, for everybody, without logging in. Two addresses, one per language.

It is the same for everybody, so any cache in between may keep it for an hour; it sets and reads no cookie.
"""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from nrm.api import parts_of
from nrm.errors import NotFound
from nrm.insight import catalogue, releases
from nrm.insight.catalogue import Cell, cell
from nrm.insight.models import Release
from nrm.registry import queries as registry
from web import published
from web.pages import Frame, render
from web.published import CSV_TYPE
from web.words import words

router = APIRouter(include_in_schema=False)

KEPT = "public, max-age=3600"
ADDRESSES = {"nl": "/cijfers", "en": "/figures"}

Year = Annotated[str, Query(pattern=r"^(\d{4})?$")]


@router.get(ADDRESSES["nl"])
def dutch(request: Request, jaar: Year = "") -> Response:
    """The page in Dutch."""
    return _page(request, "nl", jaar)


@router.get(ADDRESSES["en"])
def english(request: Request, jaar: Year = "") -> Response:
    """The page in English."""
    return _page(request, "en", jaar)


@router.get("/cijfers.csv")
def spreadsheet(request: Request) -> Response:
    """Everything on the page, of all years, for a spreadsheet."""
    with parts_of(request).database.reading() as tx:
        body = published.lines_of(reversed(releases.releases(tx)), public=True)
    headers = {"Content-Disposition": 'attachment; filename="cijfers.csv"'}
    return _kept(request, Response(body, media_type=CSV_TYPE, headers=headers))


def _page(request: Request, language: str, year: str) -> Response:
    with parts_of(request).database.reading() as tx:
        frame = Frame(now=tx.now)
        regions = {region.code: region.name for region in registry.regions(tx)}
        years = releases.years(tx)
        if year and year not in years:
            raise NotFound("no_figures")
        usual = releases.newest_year(tx)
        shown = _shown(language, regions, releases.of_year(tx, year or usual)) if usual else {}
    answer = render(
        request,
        "public.html",
        frame=frame,
        language=language,
        years=years,
        year=year or usual or "",
        usual=usual,
        at=ADDRESSES[language],
        addresses=ADDRESSES,
        rules=catalogue,
        **({"whole": None, "months": None, "sheets": [], "became": [], "counts": {}} | shown),
    )
    return _kept(request, answer)


def _shown(language: str, regions: dict[str, str], rows: list[Release]) -> dict[str, Any]:
    spoken = words(language)
    whole = next((row for row in rows if not catalogue.is_month(row.period)), None)
    numbers: dict[Cell, int | None] = releases.numbers(whole) if whole else {}
    return {
        "whole": whole,
        "months": published.month_sheet(spoken, regions, rows),
        "sheets": published.sheets(spoken, regions, whole, public=True) if whole else [],
        "became": published.changes(spoken, whole) if whole else [],
        "counts": {
            code: numbers[cell(whole.period, [(catalogue.RESULT, code)])]
            for code in (catalogue.ALL, "placed", catalogue.NOT_PLACED, "waiting", "youth_care")
        }
        if whole
        else {},
    }


def _kept(request: Request, answer: Response) -> Response:
    """Let it be kept, and say nothing again to whoever has it."""
    etag = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": KEPT}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer
