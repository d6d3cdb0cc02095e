"""What must stay out of whose sight, whatever route they try (domain.md §2, §3 and rules 6, 8 and 11)."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

import nrm.tables  # noqa: F401 - for the list of tables
from nrm.access.rules import OrganisationKind, Role
from nrm.escalation import service as escalation
from nrm.insight.models import CaseCourse
from nrm.intake.models import PlacementRequest
from nrm.placing import service as placing
from nrm.placing.queries import offers_to_answer
from tests.access.cast import ACTORS, Cast, cast, investigators
from tests.access.test_matrix import TABLE, call
from tests.api.client import Api
from tests.builders import Town

ELSEWHERE = "GM0556"
"""Maassluis, that nothing else here is about."""

INVESTIGATIVE = (OrganisationKind.POLICE, OrganisationKind.MILITARY_POLICE, OrganisationKind.LABOUR_INSPECTORATE)


def lists(calls: Api, login: str) -> Iterator[tuple[str, str]]:
    """What every route without an identifier answers somebody."""
    for method, path in TABLE:
        if method == "GET" and "{" not in path:
            yield path, calls.caller(login).call("GET", path).text


@pytest.mark.parametrize("kind", INVESTIGATIVE)
def test_who_refuses_the_police_is_out_of_their_sight(quick: Api, kind: OrganisationKind) -> None:
    """A refusing request: not listed, followed, offered, alarmed or opened, for whatever role in such a body."""
    calls, town = quick, quick.town
    coordinator, provider, desk = town.coordinator(), town.provider(), town.national_desk()
    inspectorate = town.police(OrganisationKind.LABOUR_INSPECTORATE)
    bodies = investigators(town, kind)
    house = town.location(pool="NLA", places=(1, 1))
    labour = {"exploitation": "labour", "residence": "none", "refuses_police": True}
    said = {"facts": dict.fromkeys(("addiction", "psychiatric", "multiple_problems", "intellectual_disability"), "no")}
    overdue = town.request(coordinator, **labour, **said)
    town.clock.turn(hours=2)
    escalation.run_due(town.database)
    asked_by_them = town.request(bodies[Role.FIRST_RESPONDER], **labour, **said)
    town.match()
    assert set(town.proposals(overdue)) == {house}
    offer_id = town.offer(coordinator, overdue)
    (offer,) = town.offers()

    with town.database.reading() as tx:
        assert [found.id for found in offers_to_answer(tx, desk)] == [offer_id], "authority falls to the desk"
        assert offers_to_answer(tx, inspectorate) == []
        found = {request.id: request.short_code for request in placing.intake.unplaced(tx)}
        alarms = [row[0] for row in tx.session.execute(text("SELECT id FROM alarm"))]
    assert alarms
    hidden = [*found, *found.values(), offer.id]
    for role in Role:
        login = f"{kind}-{role}"
        for path, answer in lists(calls, login):
            assert not [secret for secret in hidden if secret in answer], (role, path)
        for request_id in (overdue, asked_by_them):
            for part in ("", "/proposals", "/offers", "/stays", "/history"):
                assert calls.caller(login).call("GET", f"/requests/{request_id}{part}").status_code in {403, 404}
            assert calls.caller(login).call("GET", f"/followed-requests/{request_id}").status_code in {403, 404}
        for path, wanted in (
            (f"/offers/{offer_id}/acceptance", {}),
            (f"/offers/{offer_id}/declining", {"code": "no_staff"}),
            *((f"/alarms/{alarm_id}/claim", None) for alarm_id in alarms),
        ):
            assert calls.caller(login).call("POST", path, wanted).status_code in {403, 404}, (role, path)
    assert town.accept(provider, offer_id) is None
    assert town.accept(desk, offer_id) is not None


def test_refusing_the_police_afterwards_takes_it_out_of_their_sight(quick: Api) -> None:
    """Also when an offer already waits for the inspectorate's answer, and also for the officer who asked."""
    calls, town = quick, quick.town
    town.provider()
    duty, inspectorate = town.duty_officer(), town.police(OrganisationKind.LABOUR_INSPECTORATE)
    town.location(pool="NLA")
    request_id = town.request(inspectorate, exploitation="labour", residence="none")
    town.match()
    offer_id = town.offer(duty, request_id)
    caller = calls.caller(inspectorate.name)
    assert [offer["id"] for offer in caller.get("/offers-to-answer")] == [offer_id]
    assert [request["id"] for request in caller.get("/followed-requests")] == [request_id]
    amended = {"urgency": "now", "persons": [{"sex": "f", "age": 24}], "refusesPolice": True, "version": 2}
    calls.caller(duty.name).put(f"/requests/{request_id}", {**amended, "exploitation": "labour", "residence": "none"})
    assert caller.get("/offers-to-answer") == []
    assert caller.get("/followed-requests") == []
    assert caller.refused("GET", f"/followed-requests/{request_id}") == (404, "no_request")
    assert caller.refused("POST", f"/offers/{offer_id}/acceptance", {}) == (404, "no_offer")


def test_providers_learn_who_needs_a_place_and_nothing_around_it(quick: Api) -> None:
    """No region of the requester, no unsafe places, no other provider's refusal, no reason of another house."""
    calls, town = quick, quick.town
    coordinator, first, second = town.coordinator("VR03"), town.provider(), town.provider("ander")
    town.location(region="VR01")
    town.location("ander", region="VR05")
    request_id = town.request(coordinator, region="VR03", unsafe=[{"region": "VR09", "reason": "family"}])
    town.match()
    refused = town.offer(coordinator, request_id)
    answerer = {"L-001": first, "L-002": second}
    with town.database.reading() as tx:
        code = placing.queries.offers(tx, request_id)[0].location_code
    with town.database.transaction() as tx:
        placing.decline(tx, answerer[code], refused, "group_balance")
    town.match()
    town.offer(coordinator, request_id)
    other = next(actor for name, actor in answerer.items() if name != code)
    (waiting,) = calls.caller(other.name).get("/offers-to-answer")
    assert "region" not in json.dumps(waiting).lower()
    seen = " ".join(answer for path, answer in lists(calls, other.name) if path not in {"/regions", "/municipalities"})
    for secret in ("VR03", "VR09", "family", "group_balance", refused, request_id, coordinator.organisation_id):
        assert secret not in seen.replace('"regionCode":"VR03"', ""), secret


def test_where_somebody_was_found_is_for_whoever_may_open_the_case(quick_calls: Api, sqlite_made: Cast) -> None:
    """A municipality says more of a person than a region: no list, offer, stay, message or figure has it."""
    calls, made, town = quick_calls, sqlite_made, sqlite_made.town
    with town.database.transaction() as tx:
        tx.session.execute(update(PlacementRequest).values(municipality_code=ELSEWHERE))
        tx.session.execute(update(CaseCourse).values(municipality=ELSEWHERE))
    opened = set()
    for (method, template), expected in TABLE.items():
        if method != "GET" or template == "/municipalities":
            continue
        for name, status in expected.items():
            if status == 200 and ELSEWHERE in call(calls.caller(ACTORS[name]), method, template, made, made.ids).text:
                opened.add((name, template.partition("{")[0]))
    assert {name for name, _ in opened} <= {"coordinator", "other_coordinator", "duty", "desk"}
    assert {path for _, path in opened} == {"/requests", "/requests/", "/groups/"}
    assert ("coordinator", "/requests/") in opened
    town.clock.turn(hours=3)
    calls.tick()
    with town.database.reading() as tx:
        messages = list(tx.session.execute(text("SELECT subject, body FROM message")))
    assert messages
    assert not [row for row in messages if ELSEWHERE in str(row) or "Maassluis" in str(row)]


def test_a_duty_officer_off_shift_sees_no_case(quick_calls: Api, sqlite_made: Cast) -> None:
    calls, made = quick_calls, sqlite_made
    caller = calls.caller(ACTORS["duty_off"])
    assert caller.refused("GET", "/requests") == (403, "not_on_shift")
    assert caller.refused("GET", f"/requests/{made.ids['open']}") == (403, "not_on_shift")
    codes = [*made.short_codes.values(), *(made.ids[name] for name in made.short_codes)]
    for path, answer in lists(calls, ACTORS["duty_off"]):
        assert not [secret for secret in codes if secret in answer], path
    caller.post("/shift")
    assert caller.get(f"/requests/{made.ids['open']}")["id"] == made.ids["open"]
    caller.delete("/shift")
    assert caller.refused("GET", f"/requests/{made.ids['open']}") == (403, "not_on_shift")


def test_the_national_coordinator_gets_numbers(quick_calls: Api, sqlite_made: Cast) -> None:
    calls, made = quick_calls, sqlite_made
    caller = calls.caller(ACTORS["national"])
    for path, answer in lists(calls, ACTORS["national"]):
        assert not [secret for secret in made.secrets() if secret in answer], path
        assert "aanbieder" not in answer, path
    assert sum(row["places"] for row in caller.get("/board")) == 21
    (alarm,) = caller.get("/alarms")
    assert (alarm["requestId"], alarm["shortCode"], alarm["claimedBy"]) == (None, None, None)
    assert alarm["region"] == "VR17"


def test_a_region_sees_its_own_numbers(quick_calls: Api, sqlite_made: Cast) -> None:
    calls, made = quick_calls, sqlite_made
    for name, own in (("regional", "VR17"), ("other_regional", "VR15"), ("municipality", "VR17")):
        caller = calls.caller(ACTORS[name])
        for path in ("/board", "/open-counts"):
            assert {row["regionCode"] for row in caller.get(path)} <= {own}, (name, path)
    assert calls.caller(ACTORS["regional"]).get("/open-counts")
    assert len(calls.caller(ACTORS["regional"]).get("/alarms")) == 1
    assert calls.caller(ACTORS["other_regional"]).get("/alarms") == []
    assert made.ids["alarm"]


def test_an_organisation_that_forgot_its_region_sees_no_region(quick_calls: Api) -> None:
    """Deny by default: a regional role without a region is not a national one."""
    calls, town = quick_calls, quick_calls.town
    for role, kind in (
        (Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY),
        (Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION),
    ):
        town.account(f"zonder-{role}", role, town.organisation(f"zonder-{role}", kind))
        caller = calls.caller(f"zonder-{role}")
        assert caller.get("/board") == []
        assert caller.get("/open-counts") == []
    assert calls.caller("zonder-coordinator_regional").get("/alarms") == []


class Kept(logging.Handler):
    """Every record of the standard logging, formatted with its traceback."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(logging.Formatter().format(record))


@pytest.fixture
def standard_log() -> Iterator[Kept]:
    kept, root = Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(0)
    yield kept
    root.removeHandler(kept)
    root.setLevel(level)


def everything_stored(here: Town) -> str:
    """Every value of every table, the sealed ones as bytes."""
    with here.database.reading() as tx:
        return "\n".join(
            str(tuple(row))
            for name in SQLModel.metadata.tables
            for row in tx.session.execute(text(f"SELECT * FROM {name}"))  # noqa: S608
        )


def test_an_address_leaves_by_its_release_only(here: Town, standard_log: Kept) -> None:
    """Not in an answer, a refusal, a log, a message, the journal or any column; and once where it belongs."""
    from tests.api.client import api  # noqa: PLC0415 - apart, because the logs are caught around the application

    with structlog.testing.capture_logs() as structured, api(here, raise_server_exceptions=False) as calls:
        made: Cast = cast(here)
        for login in ACTORS.values():
            for path, answer in lists(calls, login):
                assert "CANARY" not in answer, path
        provider = calls.caller(ACTORS["provider"])
        house = f"/locations/{made.ids['location']}"
        provider.put(f"{house}/address", {"address": "Geheimstraat 1 CANARY-NEW"})
        for naughty in (
            {"address": "CANARY-BAD\u202e"},
            {"address": "CANARY-BAD", "extra": 1},
            {"address": "CANARY" * 99},
        ):
            refused = provider.call("PUT", f"{house}/address", naughty)
            assert refused.status_code == 400
            assert "CANARY" not in refused.text
        elsewhere = provider.call("PUT", f"/locations/{made.ids['other_location']}/address", {"address": "CANARY-MINE"})
        assert "CANARY" not in elsewhere.text
        for (method, template), expected in TABLE.items():
            if "address" not in template and method == "GET":
                for name, status in expected.items():
                    if status == 200:
                        assert "CANARY" not in call(calls.caller(ACTORS[name]), method, template, made, made.ids).text
        coordinator = calls.caller(ACTORS["coordinator"])
        release = f"/stays/{made.ids['stay']}/address-release"
        assert "CANARY" in coordinator.post(release, {"reason": "bring_there"}, key="released-once")["address"]
        here.clock.turn(days=1)
        calls.tick()
    assert "CANARY" not in everything_stored(here)
    assert "CANARY" not in json.dumps(structured, default=str)
    assert standard_log.text, "the log was listened to"
    assert "CANARY" not in "\n".join(standard_log.text)


def test_a_planted_address_in_a_log_is_found(standard_log: Kept) -> None:
    logging.getLogger("planted").info("bring her to %s", "Verzonnenlaan 1, CANARY-001")
    assert "CANARY" in "\n".join(standard_log.text)


def test_a_failing_statement_does_not_log_what_was_in_it(here: Town) -> None:
    """Errors of the database reach logs with their text, so they must not repeat the values."""
    twice = text(
        "INSERT INTO region (code, name, provinces, lat, lon, valid_from)"
        " SELECT code, :canary, provinces, lat, lon, valid_from FROM region"
    )
    with here.database.transaction() as tx, pytest.raises(IntegrityError) as failed:
        tx.session.execute(twice, {"canary": "CANARY-REGION"})
    assert "CANARY" not in str(failed.value)
