"""The living pattern page: every part in every state. Only for demo and development; all data on it is made up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.labels import REQUEST_STATES
from web.pages import Flash, Form, Frame, NavItem, Person, RegionCell, render, render_error
from web.words import N_, words_for

NAV = (
    NavItem(N_("Begin"), "/"),
    NavItem(N_("Aanvragen"), "/aanvragen", 3),
    NavItem(N_("Plekken"), "/plekken"),
    NavItem("Patronen", "/patronen"),
)
PERSON = Person("Noor de Vries", "duty_officer", "Landelijke piketdienst")
REGION_NAMES = (
    "Groningen",
    "Fryslân",
    "Drenthe",
    "IJsselland",
    "Twente",
    "Noord- en Oost-Gelderland",
    "Gelderland-Midden",
    "Gelderland-Zuid",
    "Utrecht",
    "Noord-Holland-Noord",
    "Zaanstreek-Waterland",
    "Kennemerland",
    "Amsterdam-Amstelland",
    "Gooi en Vechtstreek",
    "Haaglanden",
    "Hollands Midden",
    "Rotterdam-Rijnmond",
    "Zuid-Holland-Zuid",
    "Zeeland",
    "Midden- en West-Brabant",
    "Brabant-Noord",
    "Brabant-Zuidoost",
    "Limburg-Noord",
    "Zuid-Limburg",
    "Flevoland",
)


FORMS = {
    "leeg": Form(),
    "ingevuld": Form(
        {
            "region": "VR13",
            "age": "24",
            "urgency": "now",
            "needs": ["wheelchair", "interpreter"],
            "addiction": "yes",
            "note": "Rolstoel, en een baby van vier maanden.",
            "reason": "staff",
        },
    ),
    "fout": Form(
        {"age": "tweehonderd", "region": "", "note": "Rolstoel."},
        {
            "age": "Vul een leeftijd in cijfers in, bijvoorbeeld 24.",
            "region": "Kies de regio waar de persoon nu is.",
            "urgency": "Kies hoe snel de plek nodig is.",
            "needs": "Kies er ten minste één.",
            "addiction": "Kies ja, nee of weet niet.",
            "note": "Dit is te lang. Gebruik hoogstens 2.000 tekens.",
            "reason": "Kies een reden.",
        },
    ),
}


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    name: str
    pool: str
    free: int
    band: str
    confirmed_at: datetime | None


def routes(now: Callable[[], datetime]) -> tuple[Route, ...]:
    """`/patronen` and, below it, forms, the login page and the error pages as a person sees them."""

    async def patterns(request: Request) -> Response:
        moment = now()
        frame = _frame(
            moment,
            Flash("ok", "Het aanbod is verstuurd naar de opvang."),
            Flash("info", "U neemt de dienst over om 08:00."),
            Flash("warning", "Er staat nog één alarm open."),
            Flash("error", "De plek is net door iemand anders gekozen."),
        )
        return render(request, "patterns.html", frame=frame, **_content(moment))

    async def form(request: Request) -> Response:
        shown = FORMS.get(request.path_params["state"])
        if shown is None:
            return render_error(request, 404, frame=_frame(now()))
        regions = [(f"VR{number:02d}", name) for number, name in enumerate(REGION_NAMES, start=1)]
        return render(request, "patterns_form.html", frame=_frame(now()), form=shown, regions=regions)

    async def login(request: Request) -> Response:
        failure = words_for(request).gettext("De gebruikersnaam of het wachtwoord klopt niet.")
        accounts = ({"username": "piket", "role": "duty_officer", "organisation": "Landelijke piketdienst"},)
        return render(
            request,
            "login.html",
            frame=Frame(now()),
            form=Form({"username": "piket"}),
            next="/",
            failure=failure,
            kept="",
            demo_accounts=accounts,
        )

    async def error(request: Request) -> Response:
        return render_error(request, request.path_params["status"], frame=_frame(now()), reference="7F3A-21")

    return (
        Route("/patronen", patterns),
        Route("/patronen/inloggen", login),
        Route("/patronen/formulier/{state}", form),
        Route("/patronen/fout/{status:int}", error),
    )


def _frame(moment: datetime, *flashes: Flash) -> Frame:
    return Frame(moment, PERSON, live_seq=0, nav=NAV, flashes=flashes)


def _content(moment: datetime) -> dict[str, Any]:
    def before(**age: int) -> datetime:
        return moment - timedelta(**age)

    cells = tuple(
        RegionCell(
            code=f"VR{number:02d}",
            name=name,
            value=None if number in {3, 19, 24} else number * 7 % 13,
            level=min(4, (number * 7 % 13 + 2) // 3),
            coverage="" if number in {3, 19, 24} else f"{number % 4 + 1} van {number % 4 + 2} locaties",
            href=f"/patronen#VR{number:02d}" if number % 2 else "",
        )
        for number, name in enumerate(REGION_NAMES, start=1)
    )
    return {
        "rows": (
            _Row("a", "De Haven", "COSM", 3, "fresh", before(minutes=12)),
            _Row("b", "Huis aan de Singel", "MUNICIPAL", 1, "aging", before(hours=14)),
            _Row("c", "Opvang Oost, met een lange naam die over meer regels loopt", "OMM", 2, "stale", before(days=3)),
            _Row("d", "Noodbedden regio Twente", "NLA", 0, "unknown", None),
        ),
        "bands": (
            ("fresh", before(seconds=20)),
            ("fresh", before(hours=2, minutes=5)),
            ("aging", before(hours=14)),
            ("stale", before(days=3)),
            ("unknown", None),
            ("fresh", None),
        ),
        "states": tuple(REQUEST_STATES),
        "ends": (
            moment + timedelta(hours=2, minutes=5),
            moment + timedelta(minutes=14, seconds=30),
            moment + timedelta(minutes=4),
            moment + timedelta(seconds=50),
            before(minutes=1),
        ),
        "moments": (
            before(seconds=5),
            before(minutes=1),
            before(hours=1, minutes=20),
            before(days=1),
            before(days=40),
            moment + timedelta(minutes=30),
        ),
        "cells": cells,
    }
