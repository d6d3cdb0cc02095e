"""How long it takes: to an answer, a place, an arrival; for whom, where and at what hour. From the journal."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.db import Tx
from nrm.insight import queries as insight
from nrm.insight import rules
from nrm.insight.fairness import Compared, compared
from nrm.insight.rules import SMALL, Course, Length, Times
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.insight_words import HOURS, PROFILES
from web.labels import URGENCIES
from web.screens.causes import over_days
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]
Chosen = Annotated[str, Query(max_length=40)]

REST = "rest"


@dataclass(frozen=True)
class Row:
    """One line of the table, in words."""

    id: str
    name: str
    requests: int
    answer: str
    accepted: str
    arrival: str
    within: str


@dataclass(frozen=True)
class Behind:
    """One group against everybody else, in words."""

    id: str
    name: str
    share: str
    others: str
    points: int
    sure: bool


@dataclass(frozen=True)
class Section:
    """The same requests, told apart by one thing."""

    id: str
    title: str
    rows: list[Row]


@router.get("/landelijk/tijden")
def overview(visit: Reader, dagen: Chosen = "") -> Response:
    """The page."""
    return over_days(visit, "times.html", dagen, _times)


def _times(visit: Visit, tx: Tx, days: int) -> dict[str, Any]:
    own = board_region(visit.actor)
    names = {region.code: region.name for region in registry.regions(tx)}
    found = insight.courses_since(tx, tx.now - timedelta(days=days), tx.now, own)
    words, now = visit.words, tx.now

    # The most urgent first, whatever comes more often.
    order = {code: at for at, code in enumerate(URGENCIES)}

    def rows(prefix: str, of: Callable[[Course], str], named: Callable[[str], str], careful: bool = False) -> list[Row]:
        parts: dict[str, list[Course]] = {}
        for one in found:
            parts.setdefault(of(one), []).append(one)
        if careful:
            parts = _merged(parts)
        return [
            _row(words, f"{prefix}-{code}", named(code), rules.times(parts[code], now), careful)
            for code in sorted(parts, key=lambda code: (code == REST, order.get(code, 0), -len(parts[code]), code))
        ]

    sections = [
        Section("urgency", words.gettext("Naar spoed"), rows("spoed", _urgency, lambda c: words.gettext(URGENCIES[c]))),
        Section(
            "hours",
            words.gettext("Binnen en buiten kantooruren"),
            rows("uren", _hours, lambda c: words.gettext(HOURS[c])),
        ),
        Section(
            "profile",
            words.gettext("Naar wie het is"),
            rows("profiel", _profile, lambda c: words.gettext(PROFILES[c]), True),
        ),
    ]
    if own is None:
        # A page of lines that say nothing but "too few" is read by nobody.
        few = {code for code, count in Counter(one.region for one in found).items() if count < SMALL}
        few = few if len(few) > 1 else set()
        name = words.gettext("Regio’s met elk minder dan %(small)s", small=SMALL)
        by_region = rows(
            "regio", lambda one: REST if one.region in few else one.region, lambda code: names.get(code, name)
        )
        sections.append(Section("region", words.gettext("Naar regio"), by_region))
    # Set against the others as they are told apart below: else who is few could be had by subtraction.
    named = {code for code, _ in rules.split(Counter(map(_profile, found))).shown}
    by_profile = compared(found, lambda one: code if (code := _profile(one)) in named else REST, now)
    behind = _behind(words, "profiel", by_profile, lambda code: words.gettext(PROFILES[code]))
    if own is None:
        behind += _behind(words, "regio", compared(found, lambda one: one.region, now), names.__getitem__)
    every = _row(words, "alle", words.gettext("Alle aanvragen"), rules.times(found, now)) if found else None
    return {
        "own_region": names.get(own, "") if own is not None else "",
        "every": every,
        "late": sum(not rules.in_time(one) for one in rules.judged(found, now)),
        "behind": sorted(behind, key=lambda one: (not one.sure, -one.points, one.name)),
        "sections": sections if found else [],
    }


def _behind(words: Words, prefix: str, found: Sequence[Compared], named: Callable[[str], str]) -> list[Behind]:
    """Groups that are worse off than everybody else."""
    return [
        Behind(
            f"{prefix}-{one.group}",
            named(one.group),
            words.percent(one.share),
            words.percent(one.others),
            -one.points,
            one.sure,
        )
        for one in found
        if one.points < 0
    ]


def _urgency(one: Course) -> str:
    return one.urgency


def _hours(one: Course) -> str:
    if one.office is None:
        return "unknown"
    return "office" if one.office else "after_hours"


def _profile(one: Course) -> str:
    return "group" if one.in_group else one.profile or "unknown"


def _merged(parts: dict[str, list[Course]]) -> dict[str, list[Course]]:
    """Parts of at least so many; what is smaller goes together, and is left out when that is still small."""
    split = rules.split(Counter({code: len(found) for code, found in parts.items()}))
    shown = {code for code, _ in split.shown}
    rest = [one for code, found in parts.items() if code not in shown for one in found]
    return {code: parts[code] for code in shown} | ({REST: rest} if len(rest) >= SMALL else {})


def _row(words: Words, row_id: str, name: str, found: Times, careful: bool = False) -> Row:
    """A line in words; `careful` where it says something of persons: then no part of it is small either."""
    return Row(
        row_id,
        name,
        found.requests,
        _length(words, found.answer, careful),
        _length(words, found.accepted, careful),
        _length(words, found.arrival, careful),
        _share(words, found, careful),
    )


def _of(words: Words, part: int, whole: int) -> str:
    return words.gettext("%(part)s van %(whole)s", part=words.number(part), whole=words.number(whole))


def _length(words: Words, found: Length, careful: bool) -> str:
    if careful and not rules.told(found.happened, found.of):
        return words.gettext("te weinig om te zeggen")
    counted = _of(words, found.happened, found.of)
    if found.median is None or found.p90 is None:
        return counted if found.happened == 0 else f"{counted}, " + words.gettext("te weinig om te zeggen")
    return words.gettext(
        "%(counted)s: helft binnen %(half)s, negen op de tien binnen %(most)s",
        counted=counted,
        half=words.duration(found.median),
        most=words.duration(found.p90),
    )


def _share(words: Words, found: Times, careful: bool) -> str:
    if found.share is None or (careful and not rules.told(found.within, found.judged)):
        return words.gettext("te weinig om te zeggen")
    return f"{words.percent(found.share)} ({_of(words, found.within, found.judged)})"
