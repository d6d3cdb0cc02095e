"""The live line: hints for whoever is logged in, resumable, and nothing in them but that something changed."""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from nrm import journal
from nrm.live.follower import KEPT, Follower
from tests.api.client import Api, Caller, api
from tests.builders import Town, town

SECONDS_MAX = 20


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.coordinator()
    yield made
    made.database.close()


@pytest.fixture
def calls(here: Town) -> Iterator[Api]:
    with api(here, live=True, sockets_per_account_max=2) as on_it:
        yield on_it


@pytest.fixture
def caller(calls: Api) -> Caller:
    return calls.caller("coordinator-VR17")


def line(calls: Api, caller: Caller | None, query: str = "", **headers: str) -> WebSocketTestSession:
    cookie = {"Cookie": caller.cookie} if caller else {}
    address = f"ws://127.0.0.1/api/v1/live{query}"
    return calls.client.websocket_connect(address, headers={"Host": "127.0.0.1", **cookie, **headers})


def heard(session: WebSocketTestSession) -> dict[str, Any]:
    """The next message; fails rather than wait for ever."""

    async def soon() -> Any:
        with anyio.fail_after(SECONDS_MAX):
            return await session._send_rx.receive()

    message = session.portal.call(soon)
    session._raise_on_close(message)
    found: dict[str, Any] = json.loads(message["text"])
    return found


def change(here: Town, *topics: str) -> int:
    with here.database.transaction() as tx:
        tx.record("thing.done", "thing:geheim", *topics, secret="geheim")
    with here.database.reading() as tx:
        return journal.last_seq(tx.session)


def refused(session: WebSocketTestSession) -> int:
    with pytest.raises(WebSocketDisconnect) as closed, session:
        pass
    return closed.value.code


def test_nobody_listens_without_a_session(calls: Api, caller: Caller) -> None:
    assert refused(line(calls, None)) == 4401
    assert refused(line(calls, None, Cookie="nrm=verzonnen")) == 4401
    caller.delete("/session")
    assert refused(line(calls, caller)) == 4401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://["])
def test_another_site_s_page_does_not_listen(calls: Api, caller: Caller, origin: str) -> None:
    assert refused(line(calls, caller, Origin=origin)) == 4401


def test_a_change_is_a_hint_and_says_nothing_else(calls: Api, caller: Caller) -> None:
    # From a known entry on: hints merge, and without it the line could still have the login to tell of.
    before = change(calls.town, "accounts")
    with line(calls, caller, f"?after={before}", Origin="http://127.0.0.1") as session:
        seq = change(calls.town, "requests", "places")
        hint = heard(session)
        while hint["seq"] < seq:
            hint = heard(session)
        assert hint == {"type": "hint", "seq": seq, "topics": ["places", "requests"]}


def test_whoever_comes_back_gets_everything_since(calls: Api, caller: Caller) -> None:
    with line(calls, caller) as session:
        seen = change(calls.town, "places")
        while heard(session)["seq"] < seen:
            pass
    change(calls.town, "alarms")
    newest = change(calls.town, "offers")
    topics: set[str] = set()
    with line(calls, caller, f"?after={seen}") as session:
        seq = seen
        while seq < newest:
            hint = heard(session)
            assert hint["type"] == "hint"
            topics |= set(hint["topics"])
            seq = hint["seq"]
    assert topics == {"alarms", "offers"}


@pytest.mark.parametrize("after", ["999999", str(2**70)])
def test_a_number_from_the_future_means_fetch_everything(calls: Api, caller: Caller, after: str) -> None:
    with line(calls, caller, f"?after={after}") as session:
        first = heard(session)
    assert (first["type"], set(first["topics"])) == ("resync", set(journal.TOPICS))


@pytest.mark.parametrize("after", ["x", "1.5", "", "%00"])
def test_a_number_that_is_none_is_refused(calls: Api, caller: Caller, after: str) -> None:
    assert refused(line(calls, caller, f"?after={after}")) in {1008, 4400}


def test_an_account_has_so_many_lines(calls: Api, caller: Caller) -> None:
    with line(calls, caller), line(calls, caller):
        assert refused(line(calls, caller)) == 1013
    with line(calls, caller):
        pass


def test_who_talks_too_much_is_closed(calls: Api, caller: Caller) -> None:
    with line(calls, caller) as session:
        session.send_text("x" * 1001)
        with pytest.raises(WebSocketDisconnect) as closed:  # noqa: PT012 - hints may come first
            for _ in range(5):
                heard(session)
    assert closed.value.code == 1008


def test_logging_out_closes_the_line(calls: Api, caller: Caller) -> None:
    """At once, also on a busy day when there is always another hint to send first."""
    with line(calls, caller) as session:
        caller.delete("/session")
        with pytest.raises(WebSocketDisconnect) as closed:  # noqa: PT012 - hints may come first
            for _ in range(20):
                change(calls.town, "places")
                heard(session)
    assert closed.value.code == 4401


def filled(entries: list[tuple[int, str]]) -> Follower:
    follower = Follower.__new__(Follower)
    follower._entries = deque(entries, maxlen=KEPT)
    follower._seq = entries[-1][0] if entries else 0
    return follower


def test_what_is_too_long_ago_means_fetch_everything() -> None:
    follower = filled([(seq, "places") for seq in range(101, 111)])
    too_old, just = follower.since(99), follower.since(100)
    assert too_old is not None
    assert too_old.resync
    assert just is not None
    assert (just.resync, just.topics, just.seq) == (False, ("places",), 110)
    assert follower.since(110) is None
