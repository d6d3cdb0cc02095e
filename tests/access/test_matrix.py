"""Who gets what from every route: the table below is written by hand from domain.md §2, not from the code's rules.

Whatever a line does not name is refused with 403. A case, house, offer or stay that is somebody else's is a 404 that
cannot be told from one that does not exist.
"""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import func
from sqlmodel import select

from nrm import journal
from nrm.access.api import Allowed
from nrm.access.models import ReadLog
from nrm.api import Parts
from nrm.app import create_app
from nrm.db import Database
from nrm.settings import Settings
from tests.access.cast import ACTORS, Cast
from tests.api.client import ROOT, Api, Caller, api, problem
from tests.builders import KEY, Town, TurnedClock
from tests.conftest import settle

EVERYONE = dict.fromkeys(ACTORS, 200)
# A case: its coordinator; the duty officer reads every case but decides on none that is not the desk's; other
# coordinators and the desk (not its owner) do not know of it.
CASE_READ = {"coordinator": 200, "duty": 200, "other_coordinator": 404, "desk": 404}
POLICE_CASE_READ = {"duty": 200, "desk": 200, "coordinator": 404, "other_coordinator": 404}


def decides(status: int) -> dict[str, int]:
    """Only the owner of the coordinator's case; whoever else may decide on cases does not find it."""
    return {"coordinator": status, "other_coordinator": 404, "duty": 404, "desk": 404}


def keeps(status: int) -> dict[str, int]:
    """Only the provider whose house it is."""
    return {"provider": status, "other_provider": 404}


DECIDERS = dict.fromkeys(
    ("provider", "other_provider", "desk", "duty", "police", "other_police", "inspectorate", "municipality"), 200
)


def answers(status: int) -> dict[str, int]:
    """Only the provider whose answer the offer needs; whoever else may answer offers does not find it."""
    return {**dict.fromkeys(DECIDERS, 404), "provider": status}


def knows(status: int) -> dict[str, int]:
    """The provider of the house and the owner of the case."""
    return {**decides(status), **keeps(status)}


def hours(status: int) -> dict[str, int]:
    """The provider whose office it is, and the administrator; others keep the hours of their own office only."""
    others = ("other_provider", "municipality", "desk", "regional", "other_regional")
    return {"provider": status, "admin": status, **dict.fromkeys(others, 404)}


ROSTER = dict.fromkeys(("duty", "duty_off", "desk", "regional", "other_regional", "admin"), 200)
STANDERS = ("duty", "duty_off", "regional", "other_regional")


def plans(status: int) -> dict[str, int]:
    """The national roster: the desk and the administrator."""
    return {"desk": status, "admin": status, "regional": 404, "other_regional": 404}


def plans_region(status: int) -> dict[str, int]:
    """The roster of one region: they, and its regional coordinator."""
    return {**plans(status), "regional": status}


def stands(**status: int) -> dict[str, int]:
    """On one slot: these, and for whoever else can stand on a roster it is not there."""
    return {**dict.fromkeys(STANDERS, 404), **status}


def reports(status: int) -> dict[str, int]:
    """The owner of the coordinator's case and the national desk; the police and others do not know of its report."""
    others = ("other_coordinator", "duty", "police", "other_police", "inspectorate")
    return {"coordinator": status, "desk": status, **dict.fromkeys(others, 404)}


NUMBERS = dict.fromkeys(
    (
        *("coordinator", "other_coordinator", "duty", "duty_off", "desk"),
        *("municipality", "regional", "other_regional", "national"),
    ),
    200,
)

CASES = ("open", "offered", "accepted", "placed", "closed")

TABLE: dict[tuple[str, str], dict[str, int]] = {
    ("GET", "/session"): EVERYONE,
    ("DELETE", "/session"): dict.fromkeys(ACTORS, 204),
    ("POST", "/shift"): {"duty": 204, "duty_off": 204},
    ("DELETE", "/shift"): {"duty": 204, "duty_off": 409},
    # Everybody for themselves: this one is the duty officer's.
    ("GET", "/contact-points"): EVERYONE,
    ("POST", "/contact-points"): dict.fromkeys(ACTORS, 201),
    ("POST", "/contact-points/tests"): dict.fromkeys(ACTORS, 204),
    **{
        (method, f"/contact-points/{{contact_point}}{part}"): {**dict.fromkeys(ACTORS, 404), "duty": 204}
        for method, part in (("POST", "/code"), ("POST", "/verification"), ("PUT", "/place"), ("DELETE", ""))
    },
    ("GET", "/contact-points/{hook}/hook-secret"): {**dict.fromkeys(ACTORS, 404), "duty": 200},
    ("GET", "/undelivered"): {"duty": 200, "duty_off": 200, "desk": 200, "admin": 200},
    ("GET", "/accounts"): {"admin": 200},
    ("GET", "/policies"): EVERYONE,
    ("GET", "/policies/trust/versions"): EVERYONE,
    # Drafted by the administrator, so another one or the desk decides.
    ("GET", "/policies/trust/draft"): {"admin": 200, "desk": 200},
    ("PUT", "/policies/trust/draft"): {"admin": 204},
    ("DELETE", "/policies/trust/draft"): {"admin": 204},
    ("POST", "/policies/trust/draft/activation"): {"desk": 204},
    ("POST", "/policies/trust/draft/declining"): {"desk": 204},
    ("GET", "/regions"): EVERYONE,
    ("GET", "/municipalities"): EVERYONE,
    # Numbers of places: whoever seeks, offers, buys or oversees them. Not who only asks, or counts afterwards.
    ("GET", "/board"): {
        name: 200
        for name in ACTORS
        if name not in {"police", "other_police", "inspectorate", "rapporteur", "admin", "youth", "nidos", "ministry"}
    },
    ("GET", "/open-counts"): NUMBERS,
    ("GET", "/locations"): {"provider": 200, "other_provider": 200},
    ("POST", "/locations/{location}/confirmations"): keeps(204),
    ("PUT", "/locations/{location}/pause"): keeps(204),
    ("DELETE", "/locations/{location}/pause"): keeps(204),
    ("PUT", "/locations/{location}/rules/addiction"): keeps(204),
    ("PUT", "/locations/{location}/address"): keeps(204),
    ("PUT", "/places/{place}/closure"): keeps(204),
    ("DELETE", "/places/{closed_place}/closure"): keeps(204),
    ("POST", "/places/{place}/occupation"): keeps(204),
    ("PUT", "/locations/{location}/intake-hours"): keeps(204),
    ("PUT", "/locations/{location}/state"): keeps(200),
    ("PUT", "/places/{closed_place}/closure/expected-end"): keeps(204),
    ("GET", "/locations/{location}/agreement"): keeps(200),
    ("PUT", "/locations/{location}/agreement"): keeps(204),
    ("PUT", "/units/{regular_unit}/use"): keeps(204),
    ("PUT", "/units/{regular_unit}/designation"): keeps(204),
    ("DELETE", "/units/{lent_unit}/designation"): keeps(204),
    ("GET", "/jointly-paid-locations"): {"municipality": 200},
    ("GET", "/criteria"): EVERYONE,
    ("POST", "/criteria"): {"desk": 201},
    ("PUT", "/criteria/trauma"): {"desk": 204},
    ("GET", "/locations-to-check"): {"duty": 200, "desk": 200},
    ("POST", "/askings"): {"duty": 200, "desk": 200},
    ("GET", "/trust-scores"): {"provider": 200, "other_provider": 200, "desk": 200},
    ("POST", "/rules/{rule}/review"): keeps(204),
    ("GET", "/stays"): {"provider": 200, "other_provider": 200},
    ("POST", "/requests"): {
        "coordinator": 201,
        "other_coordinator": 201,
        "duty": 201,
        "desk": 201,
        "police": 201,
        "other_police": 201,
        "inspectorate": 201,
    },
    ("GET", "/requests"): {"coordinator": 200, "other_coordinator": 200, "duty": 200, "desk": 200},
    **{
        ("GET", f"/requests/{{{case}}}{part}"): CASE_READ
        for case in CASES
        for part in ("", "/proposals", "/offers", "/stays", "/history")
    },
    ("GET", "/requests/{police_open}"): POLICE_CASE_READ,
    ("GET", "/requests/{police_accepted}/stays"): POLICE_CASE_READ,
    ("PUT", "/requests/{open}"): decides(200),
    ("PUT", "/requests/{open}/municipality"): decides(204),
    ("POST", "/requests/{open}/closing"): decides(204),
    ("POST", "/requests/{open}/offers"): decides(201),
    ("POST", "/groups"): {
        "coordinator": 201,
        "other_coordinator": 201,
        "duty": 201,
        "desk": 201,
        "police": 201,
        "other_police": 201,
        "inspectorate": 201,
    },
    ("GET", "/groups/{group}"): CASE_READ,
    ("PUT", "/groups/{group}/together"): decides(204),
    ("POST", "/groups/{group}/offers"): decides(201),
    # Nobody of this group was asked for at a house yet.
    ("POST", "/groups/{group}/acceptance"): dict.fromkeys(DECIDERS, 404),
    ("POST", "/requests/{open}/marks"): decides(204),
    ("GET", "/repeats"): {"desk": 200},
    ("POST", "/repeats/{repeat}/ending"): {"desk": 204},
    ("GET", "/pre-alerts"): dict.fromkeys(
        ("coordinator", "other_coordinator", "duty", "desk", "police", "other_police", "inspectorate"), 200
    ),
    ("POST", "/pre-alerts"): dict.fromkeys(
        ("coordinator", "other_coordinator", "police", "other_police", "inspectorate"), 201
    ),
    ("DELETE", "/pre-alerts/{pre_alert}"): {
        **dict.fromkeys(("police", "other_police"), 204),
        **dict.fromkeys(("coordinator", "other_coordinator", "inspectorate"), 404),
    },
    ("DELETE", "/offers/{offer}"): decides(204),
    ("POST", "/requests/{open}/offer-rounds"): decides(201),
    # Whom policy may name as a decider reads what waits for their own organisation, and answers nobody else's.
    ("GET", "/offers-to-answer"): DECIDERS,
    ("GET", "/approvals"): DECIDERS,
    ("POST", "/offers/{offer}/acceptance"): answers(204),
    ("POST", "/offers/{offer}/declining"): answers(204),
    ("POST", "/offers/{offer}/extension"): {**answers(204), **decides(204)},
    ("POST", "/offers/{crisis_offer}/approval"): {**dict.fromkeys(DECIDERS, 404), "desk": 204},
    # Policy opens no such path in this town; a duty officer alone may even ask.
    ("POST", "/offers/{offer}/crisis-placement"): {"duty": 409},
    ("GET", "/declines"): {"desk": 200},
    ("POST", "/declines/{declined}/correction"): {"desk": 204},
    ("GET", "/not-now"): {"provider": 200, "other_provider": 200},
    ("GET", "/consents"): {"provider": 200, "other_provider": 200, "municipality": 200},
    # A municipality may say yes for municipal places in its own region; this house stands in another.
    ("PUT", "/locations/{location}/consent"): {**keeps(204), "municipality": 404},
    ("DELETE", "/locations/{unused_location}/consent"): {**keeps(204), "municipality": 404},
    ("POST", "/stays/{stay}/arrival"): {**decides(204), **keeps(204)},
    ("POST", "/stays/{stay}/no-show"): {**decides(204), **keeps(204)},
    ("POST", "/stays/{placed_stay}/departure"): keeps(204),
    ("POST", "/stays/{stay}/address-release"): decides(200),
    # What a first responder asked is owned by the desk, and its address goes to the duty officer on shift only.
    ("POST", "/stays/{police_stay}/address-release"): {
        "duty": 200,
        "desk": 404,
        "coordinator": 404,
        "other_coordinator": 404,
    },
    **{("GET", f"/requests/{{{case}}}/course"): CASE_READ for case in CASES},
    # A bridge: also the duty officer who arranged it, whosever case it is.
    ("POST", "/requests/{open}/bridges"): {**decides(201), "duty": 201},
    ("POST", "/bridges/{bridge}/ending"): {**decides(204), "duty": 204},
    ("PUT", "/bridges/{bridge}/payer"): {**decides(204), "duty": 204},
    ("GET", "/bridge-nights"): NUMBERS,
    ("GET", "/reciprocity"): NUMBERS,
    ("GET", "/stays/{placed_stay}/course"): knows(200),
    ("PUT", "/stays/{placed_stay}/aftercare/health"): knows(204),
    ("PUT", "/stays/{placed_stay}/expected-departure"): knows(204),
    ("PUT", "/stays/{placed_stay}/blockage"): knows(204),
    ("DELETE", "/stays/{blocked_stay}/blockage"): knows(204),
    ("PUT", "/stays/{lost_stay}/destination"): knows(204),
    ("PUT", "/stays/{stay}/getting-there"): knows(204),
    # From provider to provider: not even the owner of the case in between.
    ("PUT", "/stays/{placed_stay}/handover-summary"): keeps(204),
    ("GET", "/stays/{stay}/handover-summary"): keeps(200),
    ("POST", "/requests/{placed}/follow-on"): decides(201),
    ("PUT", "/requests/{placed}/settlement"): decides(200),
    ("GET", "/settlements"): {"municipality": 200},
    ("PUT", "/settlements/{settlement}/tariff"): {"municipality": 204},
    ("POST", "/requests/{open}/transfers"): decides(201),
    ("GET", "/transfers"): dict.fromkeys(("coordinator", "other_coordinator", "duty", "desk"), 200),
    ("POST", "/transfers/{transfer}/taking"): {"other_coordinator": 204, "coordinator": 404, "duty": 404, "desk": 404},
    ("POST", "/transfers/{transfer}/refusal"): {"other_coordinator": 204, "coordinator": 404, "duty": 404, "desk": 404},
    ("DELETE", "/transfers/{transfer}"): decides(204),
    ("GET", "/youth-asks"): {"youth": 200, "nidos": 200},
    ("POST", "/youth-asks/{youth_ask}/taking"): {"youth": 204, "nidos": 404},
    ("POST", "/youth-asks/{youth_ask}/refusal"): {"youth": 204, "nidos": 404},
    ("POST", "/requests/{minor}/youth-takeover"): {
        "other_coordinator": 204,
        **dict.fromkeys(("coordinator", "duty", "desk"), 404),
    },
    ("GET", "/requests/{open}/report"): reports(200),
    # What the police asked, the police must report: any of them, the owner, which is the desk, and nobody else.
    ("GET", "/requests/{police_open}/report"): {
        **dict.fromkeys(("police", "other_police", "duty", "desk"), 200),
        **dict.fromkeys(("coordinator", "other_coordinator", "inspectorate"), 404),
    },
    ("PUT", "/requests/{open}/report"): reports(204),
    ("POST", "/requests/{open}/report/sending"): reports(204),
    ("POST", "/requests/{open}/report/dropping"): reports(204),
    ("POST", "/requests/{closed}/report/reopening"): reports(204),
    ("POST", "/requests/{placed}/report/confirmation"): {"desk": 204},
    ("GET", "/reports"): dict.fromkeys(
        ("coordinator", "other_coordinator", "duty", "desk", "police", "other_police", "inspectorate"), 200
    ),
    ("GET", "/reports-overdue"): {"desk": 200, "national": 200},
    ("GET", "/police-criteria"): {"desk": 200},
    ("PUT", "/police-criteria"): {"desk": 204},
    ("GET", "/followed-requests"): {"police": 200, "other_police": 200, "inspectorate": 200},
    ("GET", "/followed-requests/{police_open}"): {"police": 200, "other_police": 404, "inspectorate": 404},
    ("GET", "/followed-requests/{police_open}/course"): {"police": 200, "other_police": 404, "inspectorate": 404},
    ("GET", "/followed-requests/{open}"): {"police": 404, "other_police": 404, "inspectorate": 404},
    ("GET", "/organisations/{provider_organisation}/calendar"): hours(200),
    ("POST", "/organisations/{provider_organisation}/office-hours"): hours(204),
    ("DELETE", "/organisations/{provider_organisation}/office-hours/{office_period}"): hours(204),
    ("PUT", "/organisations/{provider_organisation}/holidays"): hours(204),
    ("POST", "/organisations/{provider_organisation}/closures"): hours(204),
    ("DELETE", "/organisations/{provider_organisation}/closures/{office_closure}"): hours(204),
    ("GET", "/on-call"): ROSTER,
    ("GET", "/roster-lines"): ROSTER,
    ("GET", "/roster-gaps"): ROSTER,
    ("GET", "/roster-lines/{line}/slots"): ROSTER,
    ("GET", "/roster-lines/{line}/recurring-shifts"): ROSTER,
    ("GET", "/roster-lines/{line}/deputies"): ROSTER,
    ("GET", "/roster-lines/{regional_line}/slots"): {**ROSTER, "other_regional": 404},
    ("GET", "/regions/{region}/arrangements"): {**ROSTER, "other_regional": 404},
    ("POST", "/roster-lines"): {"desk": 204, "admin": 204, "regional": 204, "other_regional": 404},
    ("PUT", "/roster-lines/{line}"): plans(204),
    ("DELETE", "/roster-lines/{line}"): plans(204),
    ("DELETE", "/roster-lines/{regional_line}"): plans_region(204),
    ("POST", "/roster-lines/{line}/slots"): plans(204),
    ("POST", "/roster-lines/{line}/recurring-shifts"): plans(204),
    ("POST", "/roster-lines/{line}/deputies"): plans(204),
    ("POST", "/roster-lines/{line}/agenda"): plans(200),
    ("DELETE", "/roster-slots/{slot}"): plans(204),
    ("DELETE", "/roster-slots/{regional_slot}"): plans_region(204),
    ("DELETE", "/recurring-shifts/{pattern}"): plans(204),
    ("DELETE", "/roster-deputies/{deputy}"): plans(204),
    ("POST", "/arrangements"): plans_region(204),
    ("DELETE", "/arrangements/{arrangement}"): plans_region(204),
    ("GET", "/my-slots"): dict.fromkeys(STANDERS, 200),
    ("POST", "/roster-slots/{slot}/swap"): stands(duty=204),
    ("DELETE", "/roster-slots/{swap_slot}/swap"): stands(duty_off=204),
    # Nobody takes over from themselves.
    ("POST", "/roster-slots/{swap_slot}/swap/taking"): stands(duty=204, duty_off=409),
    ("POST", "/roster-slots/{slot}/takeover"): stands(duty=409, duty_off=204),
    ("POST", "/roster-gaps/{gap}/filling"): stands(duty=204, duty_off=204),
    ("POST", "/roster-feed"): dict.fromkeys(STANDERS, 201),
    ("DELETE", "/roster-feed"): {**dict.fromkeys(STANDERS, 409), "duty": 204},
    ("GET", "/alarms"): dict.fromkeys(("duty", "duty_off", "regional", "other_regional", "desk", "national"), 200),
    ("POST", "/alarms/{alarm}/claim"): {"duty": 204, "desk": 204, "regional": 204, "other_regional": 404},
    ("GET", "/escalations"): dict.fromkeys(("duty", "duty_off", "regional", "other_regional", "desk", "national"), 200),
    ("POST", "/escalations/{escalation}/claim"): {"duty": 204, "desk": 204, "regional": 204, "other_regional": 404},
    # Nobody has it: for whoever could have taken it there is nothing to give back.
    ("POST", "/escalations/{escalation}/release"): {"duty": 409, "desk": 409, "regional": 409, "other_regional": 404},
    ("POST", "/escalations/{escalation}/responsible"): {
        "duty": 204,
        "desk": 204,
        "regional": 204,
        "other_regional": 404,
    },
    ("POST", "/escalations/{escalation}/raising"): {"duty": 201, "desk": 201, "regional": 201, "other_regional": 404},
    # What lies with the competent authority: numbers and codes. The national coordinator alone puts anything there.
    ("GET", "/authorities"): {"national": 200},
    ("POST", "/authorities"): {"national": 201},
    ("PUT", "/authorities/{authority}"): {"national": 204},
    ("DELETE", "/authorities/{authority}"): {"national": 204},
    ("GET", "/raised-escalations"): dict.fromkeys(("national", "desk", "regional", "other_regional"), 200),
    ("GET", "/raised-escalations/{raised}"): {"national": 200, "desk": 200, "regional": 200, "other_regional": 404},
    ("POST", "/raised-escalations"): {"national": 201},
    ("POST", "/raised-escalations/{raised}/asking"): {"national": 204},
    ("POST", "/raised-escalations/{raised}/reminder"): {"national": 204},
    ("POST", "/raised-escalations/{raised}/answer"): {"national": 204},
    ("POST", "/raised-escalations/{raised}/closing"): {"national": 204},
}

PUBLIC = {
    ("POST", "/api/v1/session"): "logs in; throttled, checks Origin",
    ("POST", "/api/v1/message-callbacks/twilio/{what}/{message_id}/{token}"): "signed by the provider; a token of ours",
    ("POST", "/api/v1/message-callbacks/twilio-replies"): "signed by the provider",
    ("POST", "/api/v1/message-callbacks/cm/voice/{message_id}/{token}"): "a token of ours",
    ("POST", "/api/v1/message-callbacks/cm/{secret}"): "a secret of ours",
    ("GET", "/livez"): "the process lives",
    ("GET", "/readyz"): "database and worker live",
    ("GET", "/metrics"): "from this machine, or with the token (tests/watch)",
    ("GET", "/api/v1/openapi.json"): "the description of the API",
    ("WEBSOCKET", "/api/v1/live"): "checks Origin and session itself (tests/live)",
}


_DRAFT = {"note": "korter", "baseVersion": 1}


def _asking(made: Cast) -> dict[str, str]:
    due_at = made.town.clock.at + timedelta(hours=8)
    return {"authority": made.ids["authority"], "question": "make_places", "answerDueAt": due_at.isoformat()}


def body(path: str, made: Cast) -> Any:
    """What a call needs to succeed when it may."""
    persons = [{"sex": "f", "age": 24}]
    known: dict[str, Any] = {
        "/requests": {"region": "VR17", "urgency": "now", "persons": persons},
        "/requests/{open}/marks": {"initials": "AB", "born": "1999-12-31"},
        "/repeats/{repeat}/ending": {"outcome": "other_person"},
        "/contact-points": {"kind": "email", "address": "somebody@example.org"},
        "/contact-points/{contact_point}/verification": {"code": "123456"},
        "/contact-points/{contact_point}/place": {"place": 1},
        "/pre-alerts": {
            "region": "VR17",
            "fromAt": (made.town.clock.at + timedelta(days=2)).isoformat(),
            "untilAt": (made.town.clock.at + timedelta(days=2, hours=4)).isoformat(),
            "persons": 12,
        },
        "/groups": {"region": "VR17", "urgency": "now", "parties": [{"persons": persons}, {"persons": persons}]},
        "/groups/{group}/together": {"together": False},
        "/groups/{group}/offers": {},
        "/groups/{group}/acceptance": {"location": made.ids["location"]},
        "PUT /requests/{open}": {"urgency": "today", "persons": persons, "version": made.versions["open"]},
        "/requests/{open}/closing": {"outcome": "own_solution", "version": made.versions["open"]},
        "/requests/{open}/offers": {"proposalId": made.proposals["open"]},
        "/offers/{offer}/acceptance": {},
        "/escalations/{escalation}/responsible": {"accountId": made.actors["desk"].account_id},
        "/authorities": {"kind": "municipality", "name": "Gemeente Ergens", "region": "VR17"},
        "/authorities/{authority}": {"kind": "ministry", "name": "Ministerie"},
        "/raised-escalations": {"region": "VR15", **_asking(made)},
        "/raised-escalations/{raised}/asking": {**_asking(made), "version": 2},
        "/raised-escalations/{raised}/reminder": {"version": 2},
        "/raised-escalations/{raised}/answer": {"words": "Ja.", "answeredBy": "directeur", "version": 2},
        "/raised-escalations/{raised}/closing": {"outcome": "withdrawn", "version": 2},
        "/offers/{offer}/declining": {"code": "no_staff"},
        "/requests/{open}/offer-rounds": {"proposalIds": [made.proposals["open"]]},
        "/offers/{offer}/extension": {"extensions": 0},
        "/offers/{crisis_offer}/approval": {"approved": True},
        "/offers/{offer}/crisis-placement": {},
        "/declines/{declined}/correction": {"seen": "neutral", "tag": "client", "reason": "wrong_code"},
        "/locations/{location}/consent": {"urgencies": ["now"], "until": "2026-11-30"},
        "/stays/{stay}/arrival": {"version": 1},
        "/stays/{stay}/no-show": {"version": 1, "reason": "no_transport"},
        "/requests/{open}/bridges": {"kind": "hotel", "municipality": "GM0599"},
        "/bridges/{bridge}/payer": {"municipality": "GM0599"},
        "/stays/{placed_stay}/aftercare/health": {"state": "done", "owner": "provider", "version": 1},
        "/stays/{placed_stay}/expected-departure": {"on": "2026-12-24", "version": 2},
        "/stays/{placed_stay}/blockage": {"cause": "no_income"},
        "/stays/{lost_stay}/destination": {"destination": "family", "version": 3},
        "/stays/{stay}/getting-there": {"driver": "taxi"},
        "/stays/{placed_stay}/handover-summary": {},
        "/requests/{placed}/settlement": {"legal": "GM0599", "paying": "GM0599", "version": 1},
        "/settlements/{settlement}/tariff": {"tariff": "disputed", "version": 1},
        "/requests/{open}/transfers": {"to": made.actors["desk"].organisation_id},
        "/youth-asks/{youth_ask}/refusal": {"reason": "full"},
        "/requests/{minor}/youth-takeover": {"organisation": "org-nidos"},
        "/requests/{open}/municipality": {"municipality": "GM0599"},
        "/requests/{open}/report": {"version": 1},
        "/requests/{open}/report/sending": {"version": 1},
        "/requests/{open}/report/dropping": {"reason": "other_matter", "version": 1},
        "/requests/{closed}/report/reopening": {"version": 2},
        "/requests/{placed}/report/confirmation": {"reference": "2026-0412", "version": 2},
        "/police-criteria": {
            "criteria": [{"code": f"police_{n}", "nl": "Vraag", "en": "Question"} for n in range(1, 6)],
            "version": 1,
        },
        "/stays/{placed_stay}/departure": {"destination": "own_home", "version": 2},
        "/stays/{stay}/address-release": {"reason": "bring_there", "password": "een lang wachtwoord"},
        "/stays/{police_stay}/address-release": {"reason": "bring_there", "password": "een lang wachtwoord"},
        "/locations/{location}/pause": {"reason": "staffing"},
        "/locations/{location}/rules/addiction": {
            "stance": "accepts",
            "basis": "choice",
            "version": made.versions["location"],
        },
        "/locations/{location}/address": {"address": "Verzonnenlaan 99"},
        "/locations/{location}/state": {
            "version": made.versions["location"],
            "pause": None,
            "places": [{"id": f"{made.ids['location']}-u{number}-p1", "closed": None} for number in range(1, 17)],
        },
        "/locations/{location}/intake-hours": {"opens": "22:00", "closes": "07:00"},
        "/places/{closed_place}/closure/expected-end": {"expectedEnd": "2026-12-24"},
        "/askings": {},
        "/organisations/{provider_organisation}/office-hours": {
            "validFrom": "2026-06-01",
            "hours": {"mon": {"opens": "09:00", "closes": "00:00"}},
        },
        "/organisations/{provider_organisation}/holidays": {"holidays": ["good_friday"]},
        "/organisations/{provider_organisation}/closures": {
            "fromAt": made.town.clock.at.isoformat(),
            "untilAt": (made.town.clock.at + timedelta(days=2)).isoformat(),
            "reason": "moving",
        },
        "/roster-lines": {"role": "duty_officer", "region": "VR17", "cover": "after_hours"},
        "/roster-lines/{line}": {"role": "duty_officer", "ranks": 2},
        "/roster-lines/{line}/slots": {
            "account": made.actors["duty"].account_id,
            "startsAt": (made.town.clock.at + timedelta(days=2)).isoformat(),
            "endsAt": (made.town.clock.at + timedelta(days=2, hours=8)).isoformat(),
        },
        "/roster-lines/{line}/recurring-shifts": {
            "weekdays": ["sat"],
            "starts": "22:00",
            "ends": "07:00",
            "validFrom": "2026-11-21",
            "people": [made.actors["duty"].account_id],
        },
        "/roster-lines/{line}/deputies": {"account": made.actors["duty"].account_id, "validFrom": "2026-11-21"},
        "/roster-lines/{line}/agenda": {"text": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"},
        "/arrangements": {
            "region": "VR17",
            "task": "mandate",
            "organisation": "org-comensha",
            "note": "mag een crisisbed aanwijzen",
            "validFrom": "2026-11-21",
        },
        "/criteria": {"name": "Slaapstoornis"},
        "/policies/trust/draft": {"body": {"days": 31, "prior_refused": 1, "prior_kept": 9}, **_DRAFT, "version": 1},
        "/policies/trust/draft/activation": {"version": 1},
        "/policies/trust/draft/declining": {"version": 1, "reason": "te kort"},
        "/criteria/trauma": {"active": False, "place": 1},
        "/places/{place}/closure": {"reason": "maintenance"},
        "/places/{place}/occupation": {},
        "/locations/{location}/agreement": {"version": 0, "shares": [{"municipality": "GM0599", "parts": 1}]},
        "/units/{regular_unit}/use": {"use": "own"},
        "/units/{regular_unit}/designation": {
            "until": (made.town.clock.at + timedelta(days=2)).isoformat(),
            "displaces": "nobody",
        },
    }
    return known.get(path)


def call(caller: Caller, method: str, template: str, made: Cast, ids: dict[str, str]) -> Any:
    name = f"{method} {template}" if method == "PUT" and template == "/requests/{open}" else template
    wanted = body(name, made) if method in {"POST", "PUT"} else None
    return caller.call(method, template.format_map(ids), wanted)


def declared(app: FastAPI) -> dict[tuple[str, str], bool]:
    """Every route, and whether it declares what it needs leave for."""
    found: dict[tuple[str, str], bool] = {}
    for route in iter_route_contexts(app.routes):
        allowed = isinstance(route.original_route, APIRoute) and any(
            isinstance(dependency.call, Allowed) for dependency in route.original_route.dependant.dependencies
        )
        for method in getattr(route, "methods", None) or {"WEBSOCKET"}:
            found[(method, str(route.path))] = allowed
    found.pop(("HEAD", "/api/v1/openapi.json"), None)
    return found


def undeclared(app: FastAPI) -> set[tuple[str, str]]:
    return {route for route, allowed in declared(app).items() if not allowed} - set(PUBLIC)


def shape(path: str) -> str:
    """A path without the names in it, so that the table and the routes can be laid side by side."""
    return re.sub(
        r"\{[^}]*\}",
        "{}",
        path.replace("/rules/addiction", "/rules/{}")
        .replace("/criteria/trauma", "/criteria/{}")
        .replace("/policies/trust", "/policies/{}")
        .replace("/aftercare/health", "/aftercare/{}"),
    )


def test_every_route_declares_what_it_needs_leave_for(here: Town) -> None:
    app = create_app(Parts(here.database, Settings(), KEY))  # of its own: it gets a route that no other may have
    assert undeclared(app) == set()

    @app.get("/api/v1/open-door")
    def open_door() -> None:
        """Planted: forgets to ask."""

    assert undeclared(app) == {("GET", "/api/v1/open-door")}


def test_the_table_names_every_route(calls: Api) -> None:
    app = calls.client.app
    assert isinstance(app, FastAPI)
    routes = {(method, shape(path.removeprefix(ROOT))) for (method, path), allowed in declared(app).items() if allowed}
    assert {(method, shape(path)) for method, path in TABLE} == routes


def test_who_is_refused_what(made: Cast) -> None:
    """All refusals in one go: none of them changes or logs anything, or says more than its code.

    Whom a route refuses is decided above the database, so on PostgreSQL each route is asked once for each refusal it
    knows, which is every statement that this reaches; everybody is on SQLite.
    """
    tried: set[tuple[str, str, int]] = set()
    compared: set[tuple[str, str, bytes]] = set()
    with api(made.town) as calls:
        callers = {name: calls.caller(login) for name, login in ACTORS.items()}
        before = marks(made.town)
        wrong: list[str] = []
        for (method, template), expected in TABLE.items():
            absent = dict.fromkeys(made.ids, "no-such-thing")
            for name, caller in callers.items():
                status = expected.get(name, 403)
                if status < 400 or status == 409:
                    continue
                if made.town.database.postgresql and (method, template, status) in tried:
                    continue
                tried.add((method, template, status))
                answer = call(caller, method, template, made, made.ids)
                cell = f"{name} {method} {template}: {answer.status_code}, not {status}"
                if answer.status_code != status:
                    wrong.append(cell)
                    continue
                assert set(problem(answer)) == {"type", "title", "status", "code"}, cell
                # Who may not use the verb is refused before anything is looked for, with a word that says which refusal
                # it is: once for each such word. Who does not find it is told the same as of nothing, each of them.
                refusal = (method, template, answer.content)
                if template.count("{") and not (status == 403 and refusal in compared):
                    compared.add(refusal)
                    nothing = call(caller, method, template, made, absent)
                    assert (nothing.status_code, nothing.content) == (answer.status_code, answer.content), cell
                    assert dict(nothing.headers) == dict(answer.headers), cell
            bare = calls.client.request(method, ROOT + template.format_map(made.ids), json={})
            assert (bare.status_code, problem(bare)["code"]) == (401, "not_logged_in"), template
        assert wrong == []
        assert marks(made.town) == before, "a refusal changed or logged something"


def marks(here: Town) -> tuple[int, int]:
    """How far the journal and the read log are."""
    with here.database.reading() as tx:
        return journal.last_seq(tx.session), tx.session.scalar(select(func.count()).select_from(ReadLog)) or 0


def copies(made: Cast) -> Iterator[Api]:
    """The same town again and again, as it was at the start."""
    made.town.database.close()
    file = Path(made.town.database.url.removeprefix("sqlite:///"))
    settle(file)
    number = 0
    while True:
        number += 1
        copy = file.with_name(f"copy-{number}.sqlite3")
        shutil.copyfile(file, copy)
        database = Database(f"sqlite:///{copy}", clock=TurnedClock(made.town.clock.at))
        with api(Town(database, made.town.clock)) as calls:
            yield calls
        database.close()


def test_who_is_allowed_what(sqlite_made: Cast) -> None:
    """Every cell that must succeed does, and no answer but a release holds an address, or a case for the NAC."""
    made = sqlite_made
    with api(made.town) as first:
        callers = {name: first.caller(login) for name, login in ACTORS.items()}
    fresh = copies(made)
    calls = next(fresh)
    wrong: list[str] = []
    for (method, template), expected in TABLE.items():
        for name, status in expected.items():
            if status >= 400 and status != 409:
                continue
            caller = Caller(calls, callers[name].cookie, callers[name].csrf, {})
            answer = call(caller, method, template, made, made.ids)
            if answer.status_code != status:
                wrong.append(f"{name} {method} {template}: {answer.status_code}, not {status}: {answer.text}")
            if not template.endswith("/address-release"):
                assert "CANARY" not in answer.text, template
            if name == "national":
                assert not [secret for secret in made.secrets() if secret in answer.text], template
            if method != "GET":
                calls = next(fresh)
    fresh.close()
    assert wrong == []


def test_openapi_and_health_say_nothing_of_cases(calls: Api) -> None:
    document = json.dumps(calls.client.get("/api/v1/openapi.json").json())
    assert "CANARY" not in document
    assert calls.client.get("/livez").text == "ok"
    ready = calls.client.get("/readyz")
    assert (ready.status_code, problem(ready)["code"]) == (503, "worker_silent")
    calls.tick()
    assert calls.client.get("/readyz").text == "ok"
    calls.town.clock.turn(seconds=61)
    assert calls.client.get("/readyz").status_code == 503
