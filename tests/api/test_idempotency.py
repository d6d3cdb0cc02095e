"""A retry with the same key is the same request, whatever got lost on the way (trust row 4)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func
from sqlmodel import select

from nrm.idempotency import IdempotencyKey
from nrm.intake.models import PlacementRequest
from tests.api.client import Api, Caller, problem
from tests.api.test_journeys import ONE_WOMAN, ask, send

KEY = "een-sleutel-1"


@pytest.fixture
def coordinator(calls: Api) -> Caller:
    return calls.caller(calls.town.coordinator().name)


def requests(calls: Api) -> int:
    with calls.town.database.reading() as tx:
        return tx.session.scalar(select(func.count()).select_from(PlacementRequest)) or 0


def test_the_same_key_gets_the_same_answer(calls: Api, coordinator: Caller) -> None:
    first = coordinator.call("POST", "/requests", ONE_WOMAN, KEY)
    again = coordinator.call("POST", "/requests", ONE_WOMAN, KEY)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert requests(calls) == 1
    calls.town.clock.turn(days=1)
    assert coordinator.call("POST", "/requests", ONE_WOMAN, "een-sleutel-2").json() != first.json()


def test_another_body_or_route_with_the_same_key_is_refused(calls: Api, coordinator: Caller) -> None:
    request_id = coordinator.post("/requests", ONE_WOMAN, KEY)["id"]
    other = coordinator.call("POST", "/requests", {**ONE_WOMAN, "urgency": "soon"}, KEY)
    assert (other.status_code, problem(other)["code"]) == (409, "idempotency_key_reused")
    closing = {"outcome": "withdrawn", "version": 1}
    other = coordinator.call("POST", f"/requests/{request_id}/closing", closing, KEY)
    assert (other.status_code, problem(other)["code"]) == (409, "idempotency_key_reused")
    assert requests(calls) == 1


def test_a_key_is_its_account_s_own(calls: Api, coordinator: Caller) -> None:
    other = calls.caller(calls.town.coordinator(login="collega").name)
    assert coordinator.post("/requests", ONE_WOMAN, KEY)["id"] != other.post("/requests", ONE_WOMAN, KEY)["id"]


def test_a_refusal_is_not_kept(calls: Api, coordinator: Caller) -> None:
    wrong = {**ONE_WOMAN, "region": "VR99"}
    assert coordinator.call("POST", "/requests", wrong, KEY).status_code == 400
    assert coordinator.call("POST", "/requests", ONE_WOMAN, KEY).status_code == 201


def test_concurrent_retries_make_one_request(calls: Api, coordinator: Caller) -> None:
    for number in range(6):
        key = f"tegelijk-{number}"
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda _, key=key: coordinator.call("POST", "/requests", ONE_WOMAN, key), range(5)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert requests(calls) == number + 1


def test_every_step_that_posts_can_be_retried(calls: Api, coordinator: Caller) -> None:
    """Each answer is dropped once; the retry finds it, and the journal says that each happened once."""
    town = calls.town
    provider = calls.caller(town.provider().name)
    town.location(places=(1,))
    request_id = ask(coordinator)
    calls.tick()
    (proposal, *_) = coordinator.get(f"/requests/{request_id}/proposals")["proposals"]
    offers = f"/requests/{request_id}/offers"
    dropped, offer = (coordinator.post(offers, {"proposalId": proposal["id"]}, KEY) for _ in range(2))
    assert dropped == offer
    for _ in range(2):
        provider.post(f"/offers/{offer['id']}/acceptance", {}, "aanvaard-1")
    (stay,) = coordinator.get(f"/requests/{request_id}/stays")
    for step, body in (("arrival", {"version": 1}), ("departure", {"version": 2, "destination": "family"})):
        for _ in range(2):
            provider.post(f"/stays/{stay['id']}/{step}", body, f"stap-{step}")
    kinds = [entry["kind"] for entry in coordinator.get(f"/requests/{request_id}/history")]
    assert kinds == [
        *("request.submitted", "report.opened"),
        *("offer.sent", "offer.answered", "offer.accepted", "stay.arrived", "stay.departed"),
    ]


def test_a_released_address_is_never_kept_with_a_key(calls: Api, coordinator: Caller) -> None:
    provider = calls.caller(calls.town.provider().name)
    calls.town.location(places=(1,))
    request_id = ask(coordinator)
    calls.tick()
    provider.post(f"/offers/{send(coordinator, request_id)}/acceptance", {})
    (stay,) = coordinator.get(f"/requests/{request_id}/stays")
    path = f"/stays/{stay['id']}/address-release"
    assert "CANARY" in coordinator.post(path, {"reason": "bring_there"}, KEY)["address"]
    with calls.town.database.reading() as tx:
        kept = tx.session.exec(select(IdempotencyKey)).all()
    assert not [row for row in kept if row.key == KEY or "CANARY" in row.answer]
