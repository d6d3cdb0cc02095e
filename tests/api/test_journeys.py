"""The five journeys of a night, through HTTP only: what one person does, the others see."""

from datetime import timedelta
from typing import Any

import pytest

from tests.api.client import Api, Caller, problem

ONE_WOMAN = {"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24}]}


@pytest.fixture
def coordinator(calls: Api) -> Caller:
    return calls.caller(_login(calls.town.coordinator()))


@pytest.fixture
def provider(calls: Api) -> Caller:
    return calls.caller(_login(calls.town.provider()))


def _login(actor: Any) -> str:
    return str(actor.name)


def ask(caller: Caller, **fields: object) -> str:
    answer = caller.post("/requests", {**ONE_WOMAN, **fields})
    return str(answer["id"])


def send(caller: Caller, request_id: str, rank: int = 1) -> str:
    proposals = caller.get(f"/requests/{request_id}/proposals")["proposals"]
    offer = caller.post(f"/requests/{request_id}/offers", {"proposalId": proposals[rank - 1]["id"]})
    return str(offer["id"])


def proposed(caller: Caller, request_id: str) -> list[str]:
    found = caller.get(f"/requests/{request_id}/proposals")
    return [proposal["locationCode"] for proposal in found["proposals"]] if found else []


def test_placed(calls: Api, coordinator: Caller, provider: Caller) -> None:
    town = calls.town
    town.location(region="VR17", places=(1,))
    town.location(region="VR13", places=(1,))
    request_id = ask(coordinator, unsafe=[{"region": "VR17"}])
    assert coordinator.get(f"/requests/{request_id}/proposals") is None
    calls.tick()
    found = coordinator.get(f"/requests/{request_id}/proposals")
    assert [proposal["locationCode"] for proposal in found["proposals"]] == ["L-002"]
    assert {"code": "safety", "units": 1, "places": 1, "weighed": None} in found["shutOut"]

    offer_id = send(coordinator, request_id)
    (waiting,) = provider.get("/offers-to-answer")
    assert waiting["id"] == offer_id
    assert waiting["secondsLeft"] == 20 * 60
    row = next(row for row in coordinator.get("/board") if row["regionCode"] == "VR13")
    assert (row["held"], row["free"]) == (1, 0)

    provider.post(f"/offers/{offer_id}/acceptance", {})
    assert provider.get("/offers-to-answer") == []
    (stay,) = coordinator.get(f"/requests/{request_id}/stays")
    assert stay["status"] == "planned"
    released = coordinator.post(f"/stays/{stay['id']}/address-release", {"reason": "bring_there"})
    assert released["address"] == "Verzonnenlaan 2, CANARY-002"

    provider.post(f"/stays/{stay['id']}/arrival", {"version": stay["version"]})
    assert coordinator.get(f"/requests/{request_id}")["status"] == "placed"
    row = next(row for row in coordinator.get("/board") if row["regionCode"] == "VR13")
    assert (row["occupied"], row["free"]) == (1, 0)

    provider.post(f"/stays/{stay['id']}/departure", {"destination": "own_home", "version": 2})
    closed = coordinator.get("/requests", closed=True)
    assert [(request["id"], request["outcome"]) for request in closed] == [(request_id, "ended_stay")]
    row = next(row for row in coordinator.get("/board") if row["regionCode"] == "VR13")
    assert (row["occupied"], row["free"]) == (0, 1)
    kinds = [entry["kind"] for entry in coordinator.get(f"/requests/{request_id}/history")]
    assert kinds == [
        "request.submitted",
        "report.opened",
        "offer.sent",
        "offer.answered",
        "offer.accepted",
        "address.released",
        "stay.arrived",
        "stay.departed",
    ]


def test_declined_then_placed_elsewhere(calls: Api, coordinator: Caller, provider: Caller) -> None:
    calls.town.location(region="VR17")
    calls.town.location(region="VR13")
    request_id = ask(coordinator)
    calls.tick()
    offer_id = send(coordinator, request_id)
    provider.post(f"/offers/{offer_id}/declining", {"code": "no_staff"})
    calls.tick()
    (offer,) = coordinator.get(f"/requests/{request_id}/offers")
    assert (offer["status"], offer["declineCode"]) == ("declined", "no_staff")
    assert proposed(coordinator, request_id) == ["L-002"]
    provider.post(f"/offers/{send(coordinator, request_id)}/acceptance", {})
    assert coordinator.get(f"/requests/{request_id}")["status"] == "accepted"


def test_a_placement_that_did_not_arrive_waits_again(calls: Api, coordinator: Caller, provider: Caller) -> None:
    calls.town.location(places=(1,))
    request_id = ask(coordinator)
    calls.tick()
    provider.post(f"/offers/{send(coordinator, request_id)}/acceptance", {})
    (stay,) = coordinator.get(f"/requests/{request_id}/stays")
    coordinator.post(f"/stays/{stay['id']}/no-show", {"version": stay["version"]})
    request = coordinator.get(f"/requests/{request_id}")
    assert request["status"] == "open"
    calls.town.clock.turn(hours=2)
    calls.tick()
    assert calls.caller(_login(calls.town.duty_officer())).get("/alarms"), "its clock runs again"


def test_silence_until_the_alarm(calls: Api, coordinator: Caller, provider: Caller) -> None:
    officer = calls.caller(_login(calls.town.duty_officer()))
    calls.town.location(region="VR13")
    request_id = ask(coordinator)
    calls.tick()
    offer_id = send(coordinator, request_id)
    calls.town.clock.turn(minutes=20)
    assert provider.refused("POST", f"/offers/{offer_id}/acceptance", {}) == (409, "offer_over")
    calls.tick()
    (offer,) = coordinator.get(f"/requests/{request_id}/offers")
    assert offer["status"] == "lapsed"
    assert proposed(coordinator, request_id) == [], "the silent house sits out a while"
    assert officer.get("/alarms") == []
    calls.town.clock.turn(minutes=40)
    assert coordinator.get(f"/requests/{request_id}")["unmet"] is True
    calls.tick()
    (alarm,) = officer.get("/alarms")
    assert (alarm["requestId"], alarm["rung"], alarm["role"], alarm["claimed"]) == (
        request_id,
        0,
        "duty_officer",
        False,
    )
    officer.post(f"/alarms/{alarm['id']}/claim")
    (alarm,) = officer.get("/alarms")
    assert (alarm["claimed"], alarm["claimedBy"]) == (True, "piket")
    officer.post(f"/alarms/{alarm['id']}/claim")  # whoever has it may take it again, for longer
    (count,) = officer.get("/open-counts")
    assert (count["waiting"], count["overdue"]) == (1, 1)


def test_two_coordinators_want_the_last_place(calls: Api, provider: Caller) -> None:
    one = calls.caller(_login(calls.town.coordinator("VR17")))
    two = calls.caller(_login(calls.town.coordinator("VR15")))
    calls.town.location(region="VR16", places=(1,))
    calls.town.location(region="VR01", places=(1,))
    first, second = ask(one), ask(two, region="VR15")
    calls.tick()
    send(one, first, proposed(one, first).index("L-001") + 1)
    found = two.get(f"/requests/{second}/proposals")["proposals"]
    last = next(proposal for proposal in found if proposal["locationCode"] == "L-001")
    answer = two.call("POST", f"/requests/{second}/offers", {"proposalId": last["id"]})
    assert answer.status_code == 409
    assert problem(answer)["code"] == "places_taken"
    calls.tick()
    assert proposed(two, second) == ["L-002"]
    provider.post(f"/offers/{send(two, second)}/acceptance", {})
    assert two.get(f"/requests/{second}")["status"] == "accepted"


def test_what_a_first_responder_asks(calls: Api, provider: Caller) -> None:
    police = calls.caller(_login(calls.town.police()))
    officer = calls.caller(_login(calls.town.duty_officer()))
    calls.town.location(places=(1,), handover_points=("Ingang politiebureau",))
    request_id = ask(police)
    calls.tick()
    (followed,) = police.get("/followed-requests")
    assert (followed["id"], followed["status"], followed["handoverPoint"]) == (request_id, "proposed", None)
    offer_id = send(officer, request_id)
    refused = provider.call("POST", f"/offers/{offer_id}/acceptance", {})
    assert refused.status_code == 400
    assert problem(refused)["errors"] == [{"path": ["handoverPoint"], "code": "required"}]
    provider.post(f"/offers/{offer_id}/acceptance", {"handoverPoint": "Ingang politiebureau"})
    assert police.get(f"/followed-requests/{request_id}")["handoverPoint"] == "Ingang politiebureau"
    (stay,) = officer.get(f"/requests/{request_id}/stays")
    release = f"/stays/{stay['id']}/address-release"
    assert police.refused("POST", release, {"reason": "bring_there"}) == (403, "role_may_not")
    assert provider.refused("POST", release, {"reason": "bring_there"}) == (403, "role_may_not")
    assert "CANARY-001" in officer.post(release, {"reason": "travel_arranged"})["address"]


def test_an_address_asks_for_a_recent_password_and_is_released_to_one_person(calls: Api, provider: Caller) -> None:
    town = calls.town
    coordinator = calls.caller(_login(town.coordinator()))
    colleague = calls.caller(_login(town.coordinator(login="collega")))
    town.location(places=(1,))
    request_id = ask(coordinator)
    calls.tick()
    provider.post(f"/offers/{send(coordinator, request_id)}/acceptance", {})
    (stay,) = coordinator.get(f"/requests/{request_id}/stays")
    release = f"/stays/{stay['id']}/address-release"
    assert coordinator.refused("POST", release, {"reason": "nosy"}) == (400, "invalid")
    town.clock.turn(minutes=10)
    assert coordinator.refused("POST", release, {"reason": "bring_there"}) == (403, "password_needed")
    wrong = {"reason": "bring_there", "password": "verkeerd"}
    assert coordinator.refused("POST", release, wrong) == (401, "wrong_login_or_password")
    right = {"reason": "bring_there", "password": "een lang wachtwoord"}
    answer = coordinator.call("POST", release, right)
    assert answer.headers["cache-control"] == "no-store"
    assert "CANARY-001" in answer.json()["address"]
    assert colleague.refused("POST", release, right) == (409, "already_released")
    assert "CANARY-001" in coordinator.post(release, {"reason": "bring_there"})["address"]
    provider.post(f"/stays/{stay['id']}/arrival", {"version": 1})
    assert coordinator.refused("POST", release, right) == (409, "not_expected_any_more")


def test_a_version_that_moved_on_is_a_conflict(calls: Api, coordinator: Caller, provider: Caller) -> None:
    request_id = ask(coordinator)
    change = {"urgency": "today", "persons": ONE_WOMAN["persons"], "version": 1}
    assert coordinator.put(f"/requests/{request_id}", change)["version"] == 2
    assert coordinator.refused("PUT", f"/requests/{request_id}", change) == (409, "changed_meanwhile")
    assert coordinator.refused("POST", f"/requests/{request_id}/closing", {"outcome": "withdrawn", "version": 1}) == (
        409,
        "changed_meanwhile",
    )
    location = calls.town.location()
    rule = {"stance": "excludes", "basis": "staffing", "reason": "geen nachtdienst", "version": 1}
    provider.put(f"/locations/{location}/rules/addiction", rule)
    assert provider.refused("PUT", f"/locations/{location}/rules/addiction", rule) == (409, "changed_meanwhile")


def test_the_deadline_counts_from_when_the_request_came_in(calls: Api, coordinator: Caller) -> None:
    asked_at = calls.town.clock.at
    request_id = ask(coordinator, urgency="planned")
    calls.town.clock.turn(hours=3)
    change = {"urgency": "now", "persons": ONE_WOMAN["persons"], "version": 1}
    answer = coordinator.put(f"/requests/{request_id}", change)
    assert answer["deadlineAt"].startswith((asked_at + timedelta(hours=1)).isoformat()[:19])
    assert coordinator.get(f"/requests/{request_id}")["unmet"] is True


def test_a_group_is_asked_once_and_answered_once(coordinator: Caller, provider: Caller, calls: Api) -> None:
    here = calls.town
    house = here.location(places=(3,))
    parties = [{"persons": [{"sex": "f", "age": 24}]} for _ in range(3)]
    group = coordinator.post("/groups", {"region": "VR17", "urgency": "now", "parties": parties})["id"]
    here.match()
    first, second = (coordinator.post(f"/groups/{group}/offers", {}, key="vraag-eens") for _ in range(2))
    assert first == second
    assert (len(first["offers"]), first["refused"]) == (3, [])
    assert len(here.offers()) == 3
    said = {"location": house}
    provider.call("POST", f"/groups/{group}/acceptance", {"location": "elders"})
    assert {offer.status for offer in here.offers()} == {"live"}
    for _ in range(2):
        answer = provider.call("POST", f"/groups/{group}/acceptance", said, key="ja-allen")
        assert answer.status_code == 204
    assert {offer.status for offer in here.offers()} == {"accepted"}
