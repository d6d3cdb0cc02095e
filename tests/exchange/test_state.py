"""A provider's own system says how a house stands: all of it or nothing, once or twice, never over a newer version."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlmodel import select

from nrm import journal
from nrm.errors import Conflict, Invalid, NotFound, NrmError
from nrm.exchange.schemas import StateIn
from nrm.exchange.state import push_state
from nrm.placing import staying
from nrm.placing.models import Stay
from nrm.registry import queries, service
from nrm.registry.rules import FreshnessBand, PlaceState
from tests.api.client import Api, problem
from tests.builders import Town

CLOSED = {"reason": "maintenance", "expectedEnd": "2026-12-24"}


def as_it_stands(here: Town, house: str) -> dict[str, Any]:
    """What a system would send that agrees with everything, from what the API tells its provider."""
    with here.database.reading() as tx:
        (view,) = queries.locations(tx, location_id=house)
    places = [place for unit in view.units for place in unit.places]
    return {
        "version": view.location.version,
        "pause": {"reason": view.location.pause_reason, "until": view.location.pause_until} if view.paused else None,
        "places": [
            {
                "id": place.id,
                "closed": {"reason": place.closure_reason, "expectedEnd": place.closure_expected_end}
                if place.closure_reason
                else None,
            }
            for place in places
        ],
    }


def push(here: Town, house: str, said: dict[str, Any], login: str = "aanbieder") -> int:
    """Send it. Returns how much changed."""
    actor = here.actor(login)
    with here.database.transaction(actor.account_id) as tx:
        return push_state(tx, actor, house, StateIn.model_validate(said)).changed


def states(here: Town, house: str) -> list[str]:
    with here.database.reading() as tx:
        (view,) = queries.locations(tx, location_id=house)
        return [place.state.value for unit in view.units for place in unit.places]


def kinds(here: Town, after: int = 0) -> list[str]:
    """What was journalled beside logging in, from the given number on."""
    with here.database.reading() as tx:
        entries = journal.after(tx.session, 0, 1000)
    return [entry.kind for entry in entries if entry.kind != "session.opened"][after:]


def head(here: Town) -> int:
    return len(kinds(here))


def test_over_http_with_the_version_of_the_list(calls: Api) -> None:
    """The worked example of docs/api.md: log in, list, say how it stands."""
    here = calls.town
    here.provider()
    house = here.location(places=(2,), confirmed_minutes_ago=None)
    system = calls.caller("aanbieder")
    (listed,) = system.get("/locations")
    said = {
        "version": listed["version"],
        "pause": {"reason": "staffing"},
        "places": [
            {"id": f"{house}-u1-p1", "closed": CLOSED},
            {"id": f"{house}-u1-p2", "closed": None, "ownStay": {"expectedDeparture": "2026-12-01"}},
        ],
    }
    answer = system.put(f"/locations/{house}/state", said)
    assert answer["changed"] == 3
    (now,) = system.get("/locations")
    assert (now["version"], now["paused"], now["freshness"]) == (answer["version"], True, "fresh")
    assert [place["state"] for place in now["units"][0]["places"]] == ["out_of_service", "occupied"]
    with here.database.reading() as tx:
        confirmation = queries.newest_confirmation(tx, house)
        assert confirmation is not None
        assert confirmation.account_id == "system"
        entries = journal.after(tx.session, 0, 1000)
        assert entries[-1].kind == "location.confirmed"
        assert {entry.actor for entry in entries[-4:]} == {here.accounts["aanbieder"]}, "the journal knows the account"


def test_the_same_body_twice_changes_only_the_moment(here: Town) -> None:
    here.provider()
    house = here.location(places=(2, 1), private=True)
    said = as_it_stands(here, house)
    said["pause"] = {"reason": "staffing", "until": (here.clock.at + timedelta(hours=1)).isoformat()}
    said["places"][0]["ownStay"] = {}
    said["places"][2]["closed"] = CLOSED
    assert push(here, house, said) == 3
    assert states(here, house) == ["occupied", "occupied", "out_of_service"], "a private room is taken whole"
    with here.database.reading() as tx:
        version = queries.location(tx, house).version
    # Also much later, when the pause is over by itself.
    for minutes in (1, 2, 600):
        here.clock.turn(minutes=minutes)
        before = head(here)
        assert push(here, house, said) == 0
        assert kinds(here, before) == ["location.confirmed"]
    with here.database.reading() as tx:
        (view,) = queries.locations(tx, location_id=house)
        assert view.location.version == version
        assert view.confirmed_at == here.clock.at
        assert len(tx.session.exec(select(Stay)).all()) == 1


def test_both_places_of_a_private_room_said_in_use_are_one_stay(here: Town) -> None:
    here.provider()
    house = here.location(places=(2,), private=True)
    said = as_it_stands(here, house)
    for place in said["places"]:
        place["ownStay"] = {}
    push(here, house, said)
    with here.database.reading() as tx:
        assert len(tx.session.exec(select(Stay)).all()) == 1


def test_back_and_forth(here: Town) -> None:
    """What was closed for one reason is closed for another, for longer, and opens again; the pause too."""
    provider = here.provider()
    house = here.location(places=(1,))
    bed = f"{house}-u1-p1"
    with here.database.transaction() as tx:
        service.pause_intake(tx, provider, house, "infection", None)
    seen = []
    for closed in (CLOSED, {**CLOSED, "expectedEnd": None}, {"reason": "safety", "expectedEnd": None}, None):
        said = {**as_it_stands(here, house), "places": [{"id": bed, "closed": closed}], "pause": None}
        before = head(here)
        push(here, house, said)
        seen.append([kind for kind in kinds(here, before) if kind != "location.confirmed"])
    assert seen == [
        ["location.resumed", "place.closed"],
        ["place.closure_moved"],
        ["place.reopened", "place.closed"],
        ["place.reopened"],
    ]


def test_a_stale_version_changes_nothing(here: Town) -> None:
    provider = here.provider()
    house = here.location(places=(2,), confirmed_minutes_ago=600)
    said = as_it_stands(here, house)
    said["places"][0]["closed"] = CLOSED
    with here.database.transaction() as tx:
        service.close_place(tx, provider, f"{house}-u1-p2", "safety", None)
    before = head(here)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        push(here, house, said)
    assert states(here, house) == ["free", "out_of_service"]
    assert head(here) == before
    with here.database.reading() as tx:
        (view,) = queries.locations(tx, location_id=house)
        assert view.freshness.band is not FreshnessBand.FRESH, "it was not confirmed either"


def test_a_refusal_halfway_undoes_the_rest(calls: Api) -> None:
    """The second place is held: nothing of the first stays, and the answer says which place it was."""
    here = calls.town
    here.provider()
    house = here.location(places=(1, 1))
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    here.match()
    here.offer(coordinator, request_id)
    taken = states(here, house).index("held")
    said = as_it_stands(here, house)
    for place in said["places"]:
        place["closed"] = CLOSED
    before = head(here)
    answer = calls.caller("aanbieder").call("PUT", f"/locations/{house}/state", said)
    assert problem(answer)["code"] == "place_in_use"
    assert problem(answer)["errors"] == [{"path": ["places", taken], "code": "place_in_use"}]
    assert sorted(states(here, house)) == ["free", "held"]
    assert head(here) == before
    said["places"][taken]["closed"] = None
    said["places"][taken]["ownStay"] = {}
    with pytest.raises(Conflict, match="place_in_use"):
        push(here, house, said)
    assert sorted(states(here, house)) == ["free", "held"], "somebody else's hold is never overwritten"


def test_expected_departures_of_stays_it_names(here: Town) -> None:
    """Of its own arrangements and of a request's, through the same rules as on the screen."""
    provider, coordinator = here.provider(), here.coordinator()
    house = here.location(places=(1, 1))
    _, stay_id = here.placed(coordinator, provider)
    with here.database.transaction() as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    free = states(here, house).index("free") + 1
    with here.database.transaction() as tx:
        own = staying.occupy(tx, provider, f"{house}-u{free}-p1").id
    said = as_it_stands(here, house)
    said["stays"] = [{"id": own, "expectedDeparture": "2026-12-01"}, {"id": stay_id, "expectedDeparture": "2026-12-02"}]
    assert push(here, house, said) == 2
    assert push(here, house, said) == 0
    with here.database.reading() as tx:
        found = {stay.id: stay.expected_departure for stay in tx.session.exec(select(Stay))}
        assert found == {own: date(2026, 12, 1), stay_id: date(2026, 12, 2)}
    said["stays"][1]["expectedDeparture"] = "2028-01-01"
    with pytest.raises(Invalid) as refused:
        push(here, house, {**said, "version": as_it_stands(here, house)["version"]})
    assert [(wrong.path, wrong.code) for wrong in refused.value.fields] == [(("stays", 1, "on"), "not_in_range")]


def test_the_whole_state_and_nothing_else(here: Town) -> None:
    """A place left out, twice there, of another house; a stay of another house: refused, and where."""
    provider = here.provider()
    house, other = here.location(places=(2,)), here.location(places=(1,))
    with here.database.transaction() as tx:
        elsewhere = staying.occupy(tx, provider, f"{other}-u1-p1").id
    good = as_it_stands(here, house)
    first, second = good["places"]
    bad: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
        ({"places": [first]}, ("places",), "incomplete_list"),
        ({"places": []}, ("places",), "incomplete_list"),
        ({"places": [first, first]}, ("places", 1, "id"), "doubled_code"),
        ({"places": [first, {**second, "id": f"{other}-u1-p1"}]}, ("places", 1, "id"), "unknown_choice"),
        (
            {"places": [first, {**second, "closed": CLOSED, "ownStay": {}}]},
            ("places", 1, "ownStay"),
            "closed_and_in_use",
        ),
        ({"places": [first, {**second, "closed": {"reason": "tired"}}]}, ("places", 1, "reason"), "unknown_choice"),
        (
            {"places": [first, {**second, "closed": {**CLOSED, "expectedEnd": "2020-01-01"}}]},
            ("places", 1, "expectedEnd"),
            "in_the_past",
        ),
        ({"stays": [{"id": elsewhere, "expectedDeparture": None}]}, ("stays", 0, "id"), "unknown_choice"),
        ({"pause": {"reason": "tired"}}, ("pause", "reason"), "unknown_choice"),
        ({"pause": {"reason": "staffing", "until": "2020-01-01T00:00:00Z"}}, ("pause", "until"), "not_in_range"),
    ]
    before = head(here)
    for wrong, path, code in bad:
        with pytest.raises(Invalid) as refused:
            push(here, house, {**good, **wrong})
        assert [(field.path, field.code) for field in refused.value.fields] == [(path, code)]
    assert head(here) == before


def test_only_its_own_provider(here: Town) -> None:
    here.provider()
    here.provider("ander")
    house = here.location()
    said = as_it_stands(here, house)
    with pytest.raises(NotFound, match="no_location"):
        push(here, house, said, "ander")
    with pytest.raises(NotFound, match="no_location"):
        push(here, "nergens", said, "ander")
    here.coordinator()
    with pytest.raises(NrmError, match="role_may_not"):
        push(here, house, said, "coordinator-VR17")


def test_two_at_once(here: Town) -> None:
    """Two systems say different things from the same version: one is done whole, the other is told."""
    here.provider()
    house = here.location(places=(1,) * 4)
    actor = here.actor("aanbieder")
    for _ in range(5):
        said = as_it_stands(here, house)
        for place in said["places"]:
            place["closed"] = None
        assert push(here, house, said) in range(5)
        said = as_it_stands(here, house)
        together = Barrier(2)

        def send(half: int, said: dict[str, Any] = said, together: Barrier = together) -> str:
            places = [
                {"id": place["id"], "closed": CLOSED if number // 2 == half else None}
                for number, place in enumerate(said["places"])
            ]
            together.wait()
            try:
                with here.database.transaction(actor.account_id) as tx:
                    push_state(tx, actor, house, StateIn.model_validate({**said, "places": places}))
            except Conflict as refusal:
                return refusal.code
            return "done"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(send, range(2))) == ["changed_meanwhile", "done"]
        closed = [state == PlaceState.OUT_OF_SERVICE for state in states(here, house)]
        assert closed in ([True, True, False, False], [False, False, True, True]), "never half of each"
