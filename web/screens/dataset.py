"""The rapporteur's data set: everything that is out, how it is defined, and whether it is still what it was."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, Response

from nrm.access.rules import Verb
from nrm.errors import NotFound
from nrm.insight import catalogue, releases
from nrm.insight.catalogue import is_month
from nrm.insight.models import Release
from nrm.registry import queries as registry
from web import published
from web.published import CSV_TYPE
from web.published_words import RECORDED, VERSIONS
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.DATASET_READ))]
Year = Annotated[str, Query(pattern=r"^(\d{4})?$")]


@dataclass(frozen=True)
class Out:
    """One release in a line: what it is of, and whether it is what it was when it came out."""

    id: str
    period: str
    row: Release
    shown: int
    left_out: int
    unchanged: bool


@router.get("/rapporteur")
def overview(visit: Reader, jaar: Year = "") -> Response:
    """The page."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        regions = {region.code: region.name for region in registry.regions(tx)}
        years = releases.years(tx)
        if jaar and jaar not in years:
            raise NotFound("no_figures")
        year = jaar or releases.newest_year(tx) or ""
        rows = releases.of_year(tx, year) if year else []
        out = [_out(visit.words, row, releases.unchanged(tx, row)) for row in rows]
    whole = next((row for row in rows if not is_month(row.period)), None)
    return visit.page(
        "dataset.html",
        frame,
        years=years,
        year=year,
        out=out,
        whole=whole,
        months=published.month_sheet(visit.words, regions, rows),
        sheets=published.sheets(visit.words, regions, whole, public=False) if whole else [],
        became=published.changes(visit.words, whole) if whole else [],
        recorded=RECORDED,
        versions=[(version, since, VERSIONS[version]) for version, since in reversed(catalogue.DEFINED_FROM)],
        rules=catalogue,
    )


@router.get("/rapporteur/cijfers.csv")
def spreadsheet(visit: Reader) -> Response:
    """All tables of all months and years."""
    with visit.reading() as tx:
        body = published.lines_of(reversed(releases.releases(tx)), public=False)
    return Response(body, media_type=CSV_TYPE, headers={"Content-Disposition": 'attachment; filename="dataset.csv"'})


@router.get("/rapporteur/definities.json")
def definitions(visit: Reader) -> Response:
    """Every version in full, as kept with what came out by it, and the fingerprint of each release."""
    with visit.reading() as tx:
        rows = releases.releases(tx)
        out = [
            {
                "period": row.period,
                "released_at": row.released_at.isoformat(),
                "as_of": row.as_of.isoformat(),
                "definition": row.definition_version,
                "digest": row.digest,
                "unchanged": releases.unchanged(tx, row),
            }
            for row in rows
        ]
    kept: dict[int, dict[str, Any]] = {row.definition_version: row.definition for row in rows}
    changed = {str(version): visit.words.gettext(VERSIONS[version]) for version in sorted(kept)}
    return JSONResponse(
        {"definitions": [kept[version] for version in sorted(kept)], "changed": changed, "releases": out},
        headers={"Content-Disposition": 'attachment; filename="definities.json"'},
    )


def _out(words: Words, row: Release, unchanged: bool) -> Out:
    left_out = sum(value is None for _, value in row.numbers)
    period = words.month(date.fromisoformat(f"{row.period}-01")) if is_month(row.period) else row.period
    return Out(row.period, period, row, len(row.numbers) - left_out, left_out, unchanged)
