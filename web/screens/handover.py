"""The morning and the change of shift: what the night gives back, what changed since a shift, a list on paper."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Role, Verb
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Invalid, NotFound
from nrm.handover import service
from nrm.handover.rules import ListReason
from nrm.handover.schemas import CaseOut, HandoverOut, HouseOut, NightListOut
from nrm.registry import queries as registry
from web.labels import label
from web.pdf import Sheet, locked, paper
from web.visit import Act, Screen, Visit
from web.words import N_, Words, language_of

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.HANDOVER_READ))]
Taker = Annotated[Visit, Depends(Act(Verb.HANDOVER_TAKE))]
Officer = Annotated[Visit, Depends(Screen(Verb.SHIFT_KEEP))]
Maker = Annotated[Visit, Depends(Screen(Verb.NIGHT_LIST_MAKE))]
MakerActs = Annotated[Visit, Depends(Act(Verb.NIGHT_LIST_MAKE))]

LIST = "/piket/noodlijst"


@router.get("/ochtend")
def morning(visit: Reader) -> Response:
    """What the night handed over."""
    return _morning(visit, "morning.html")


@router.get("/ochtend/deel")
def morning_part(visit: Reader) -> Response:
    """What of it is live."""
    return _morning(visit, "morning_part.html")


@router.post("/ochtend/{handover_id}/bevestig")
def take(handover_id: Id, visit: Taker) -> Response:
    """We have them."""
    return visit.act(lambda tx: service.acknowledge(tx, visit.actor, handover_id), "/ochtend", "handover_taken_over")


@router.get("/ochtend/{handover_id}/lijst.pdf")
def morning_list(handover_id: Id, visit: Reader) -> Response:
    """The same on paper."""
    with visit.writing() as tx:
        frame = visit.frame(tx)
        listed = service.open_handovers(tx, visit.actor)
        found = next((one for one in listed if one.id == handover_id and one.cases), None)
        if found is None:
            raise NotFound("no_handover")
        regions = _regions(tx)
    words = visit.words
    day = f"{found.morning:%d-%m-%Y}"
    made = words.gettext("gemaakt %(when)s door %(name)s", when=_stamp(frame.now), name=visit.actor.name)
    return _pdf(
        paper(
            words.gettext("Overdracht van de nacht, %(region)s, %(day)s", region=regions[found.region], day=day),
            _state(words, found),
            words.gettext("Vertrouwelijk: alleen codes. %(made)s", made=made),
            language_of(visit.request),
            [_cases(words, found.cases)],
            practice=visit.practice,
        ),
        f"overdracht-{found.morning:%Y-%m-%d}.pdf",
    )


@router.get("/piket/sinds")
def news(visit: Annotated[Visit, Depends(Screen(Verb.REQUEST_READ))]) -> Response:
    """What changed since one's last shift, and what one was handed."""
    with visit.writing() as tx:
        frame = visit.frame(tx)
        since, told = service.news(tx, visit.actor)
        kept = [one for one in service.open_handovers(tx, visit.actor) if one.acknowledged_at is None]
        regions = _regions(tx)
    runs = {one.request_id: _runs(one.events) for one in told}
    return visit.page("shift_news.html", frame, since=since, news=told, runs=runs, handovers=kept, regions=regions)


def _runs(events: Iterable[tuple[datetime, str]]) -> list[tuple[datetime, str, int]]:
    """The same thing several times in a row as one line: when last, what, how often."""
    together = [list(run) for _, run in groupby(events, key=lambda event: event[1])]
    return [(*run[-1], len(run)) for run in together]


@router.get(LIST)
def night_list(visit: Maker) -> Response:
    """Say why a list is made."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
    return visit.page("night_list.html", frame, reasons=[reason.value for reason in ListReason])


@router.post(LIST)
def make_night_list(visit: MakerActs) -> Response:
    """Make it. Its passphrase is on this page and nowhere else."""
    reason = visit.field("reason")
    try:
        with visit.writing() as tx:
            frame = visit.frame(tx)
            made = service.make_list(tx, visit.actor, reason)
            regions = _regions(tx)
    except Invalid as refusal:
        return visit.go(LIST, refusal.code)
    passphrase = service.new_passphrase()
    # Outside the transaction: setting type and locking it takes a while, and everybody else waits for the write lock.
    file = locked(_night_pdf(visit, made, regions), passphrase)
    with visit.writing() as tx:
        service.keep_list(tx, visit.actor, made.id, file)
    return visit.page("night_list_made.html", frame, made=made, passphrase=passphrase)


@router.get(LIST + "/{list_id}/lijst.pdf")
def night_list_file(list_id: Id, visit: Maker) -> Response:
    """The locked file, for whoever made it; each time is logged."""
    with visit.writing() as tx:
        file = service.open_list(tx, visit.actor, list_id)
    return _pdf(file, "noodlijst.pdf")


def _morning(visit: Visit, template: str) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        shown: dict[str, Any] = {
            "handovers": service.open_handovers(tx, visit.actor),
            "regions": _regions(tx),
            "may_take": visit.actor.role in {Role.COORDINATOR, Role.COORDINATOR_REGIONAL},
        }
    return visit.page(template, frame, **shown)


def _regions(tx: Tx) -> dict[str, str]:
    return {region.code: region.name for region in registry.regions(tx)}


def _pdf(content: bytes, name: str) -> Response:
    return Response(
        content,
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _stamp(instant: datetime) -> str:
    """A moment on paper: written out, because paper does not grow older with its reader."""
    return f"{instant.astimezone(AMSTERDAM):%d-%m-%Y %H:%M}"


def _state(words: Words, found: HandoverOut) -> str:
    if found.acknowledged_at and found.acknowledged_by:
        return words.gettext(
            "Bevestigd %(when)s door %(name)s.", when=_stamp(found.acknowledged_at), name=found.acknowledged_by
        )
    return words.gettext("Nog niet bevestigd. Tot dan blijven deze aanvragen bij de piketdienst.")


def _cases(words: Words, cases: list[CaseOut]) -> Sheet:
    """Requests as codes."""

    def notes(case: CaseOut) -> str:
        said = []
        if case.minor_alone:
            said.append(words.gettext("minderjarige alleen: jeugdcrisisopvang"))
        if case.bridge:
            said.append(f"{words.gettext('overbrugd:')} {words.gettext(label('bridge', case.bridge))}")
        return ", ".join(said)

    return Sheet(
        words.gettext("Open aanvragen"),
        [
            words.gettext(head)
            for head in (N_("Code"), N_("Hoe snel"), N_("Termijn"), N_("Stand"), N_("Van wie"), N_("Let op"))
        ],
        [
            [
                case.short_code,
                words.gettext(label("urgency", case.urgency)),
                _stamp(case.deadline_at) + (f" ({words.gettext('te laat')})" if case.unmet else ""),
                words.gettext(label("request_state", case.status)),
                case.owner,
                notes(case),
            ]
            for case in cases
        ],
        "" if cases else words.gettext("Niemand wacht op een plek."),
        (2, 2, 3, 3, 4, 4),
    )


def _night_pdf(visit: Visit, made: NightListOut, regions: dict[str, str]) -> bytes:
    words = visit.words
    until = _stamp(made.expires_at)

    def rooms(house: HouseOut) -> str:
        if house.paused:
            return words.gettext("opname op pauze")
        listed = []
        for room in house.rooms:
            who = "/".join(words.gettext(label("sex", sex)) for sex in room.sexes)
            said = (
                N_("%(free)s van %(places)s vrij")
                if room.sure
                else N_("misschien %(free)s van %(places)s vrij, bel eerst")
            )
            free = words.gettext(said, free=room.free, places=room.places)
            listed.append(f"{room.code}: {free} ({who})")
        return "; ".join(listed)

    def age(house: HouseOut) -> str:
        band = words.gettext(label("band", house.band))
        return f"{band}, {_stamp(house.confirmed_at)}" if house.confirmed_at else band

    houses = Sheet(
        words.gettext("Huizen en telefoonnummers"),
        [
            words.gettext(head)
            for head in (
                N_("Locatie"),
                N_("Regio en soort"),
                N_("Opvang en telefoon"),
                N_("Kamers"),
                N_("Stand van"),
                N_("Gebeld, antwoord"),
            )
        ],
        [
            [
                house.code,
                f"{regions.get(house.region, house.region)}, {words.gettext(label('pool', house.pool))}",
                f"{house.provider} {house.phone or words.gettext('geen telefoonnummer bekend')}",
                rooms(house),
                age(house),
                "",
            ]
            for house in made.houses
        ],
        widths=(2, 3, 4, 4, 3, 3),
    )
    phones = Sheet(
        words.gettext("Wie u verder kunt bellen"),
        [words.gettext(head) for head in (N_("Wie"), N_("Soort"), N_("Regio"), N_("Telefoon"))],
        [
            [
                phone.name,
                words.gettext(label("organisation_kind", phone.kind)),
                regions.get(phone.region, phone.region) if phone.region else words.gettext("heel Nederland"),
                phone.phone,
            ]
            for phone in made.phones
        ],
    )
    return paper(
        words.gettext("Noodlijst voor de piketdienst"),
        words.gettext(
            "Stand van %(when)s, gemaakt door %(name)s. Bel altijd eerst: dit papier weet niet wat er daarna gebeurde. "
            "Schrijf op wat u doet en voer het in zodra de schermen er weer zijn.",
            when=_stamp(made.made_at),
            name=visit.actor.name,
        ),
        words.gettext("Geldig tot %(until)s. Vernietig dit daarna. Geen adressen, niets over personen.", until=until),
        language_of(visit.request),
        [_cases(words, made.cases), houses, phones],
        practice=visit.practice,
    )
