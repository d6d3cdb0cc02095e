"""From a code that proves a number to an alarm taken by a key: contact points, receipts and answers over HTTP."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from nrm import journal
from nrm.notify import queries, service
from nrm.notify.channel import DeliveryFailed, NeverDeliverable
from nrm.notify.models import ContactPoint, Message
from nrm.notify.phones import twilio_signature
from nrm.notify.rules import CODE_TRIES_MAX, CODES_PER_DAY_MAX, POINTS_MAX, TESTS_PER_HOUR_MAX
from tests.api.client import Api, Caller, api, problem
from tests.builders import KEY, Town, town
from tests.notify.gateway import ACCOUNT, TOKEN

SECRET = "x" * 32
NUMBER = "+31612345678"


class Phones:
    """Takes every message and remembers it, or fails as told."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.fails: DeliveryFailed | None = None

    def deliver(self, message: Message) -> str:
        if self.fails:
            raise self.fails
        self.taken.append(message)
        return f"ref-{message.id}"

    def code(self) -> str:
        return self.taken[-1].subject.rpartition(": ")[2].replace(" ", "")


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    yield made
    made.database.close()


@pytest.fixture
def calls(here: Town, phones: Phones) -> Iterator[Api]:
    here.duty_officer()
    ways = dict.fromkeys(("sms", "voice", "email", "webhook", "web_push", "in_app", "log"), phones)
    with api(
        here, channels=ways, phone_provider="twilio", phone_account=ACCOUNT, phone_token=TOKEN, reached_at=None
    ) as made:
        yield made


@dataclass(frozen=True)
class Me:
    """Somebody logged in, whose answers are looked at bare."""

    caller: Caller

    def get(self, path: str) -> Any:
        return self.caller.call("GET", path, None)

    def post(self, path: str, body: object = None) -> Any:
        return self.caller.call("POST", path, body)

    def put(self, path: str, body: object) -> Any:
        return self.caller.call("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self.caller.call("DELETE", path, None)


def me(calls: Api, login: str = "piket") -> Me:
    return Me(calls.caller(login))


def noted(calls: Api, kind: str = "sms", address: str = "06 12345678") -> str:
    answer = me(calls).post("/contact-points", {"kind": kind, "address": address})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def deliver(calls: Api, phones: Phones) -> int:
    ways = dict.fromkeys(("sms", "voice", "email", "webhook", "web_push", "in_app", "log"), phones)
    return service.deliver_due(calls.town.database, ways)


def proved(calls: Api, phones: Phones, kind: str = "sms") -> str:
    point = noted(calls, kind)
    deliver(calls, phones)
    assert me(calls).post(f"/contact-points/{point}/verification", {"code": phones.code()}).status_code == 204
    return point


def account_of(calls: Api) -> str:
    return calls.town.accounts["piket"]


def alarm(calls: Api, point: str, phones: Phones, channel: str = "sms", about: str = "card:1") -> str:
    """An alarm that went out to this point. Returns the message."""
    with calls.town.database.transaction() as tx:
        key = tx.new_id()
        service.queue(
            tx, key, about, channel, NUMBER, "Alarm: opvangvraag KR 4820 wacht te lang", "x", account_of(calls), point
        )
    deliver(calls, phones)
    return row(calls, key).id


def row(calls: Api, key: str) -> Message:
    with calls.town.database.reading() as tx:
        return tx.session.exec(select(Message).where((Message.unique_key == key) | (Message.id == key))).one()


def said(calls: Api, path: str, signed: bool = True, **fields: str) -> Any:
    """A callback of Twilio."""
    path = f"/api/v1/message-callbacks/{path}"
    url = calls.settings.public_url + path
    headers = {"X-Twilio-Signature": twilio_signature(TOKEN, url, fields) if signed else "bm90IHNpZ25lZA=="}
    return calls.client.post(path, data=fields, headers=headers)


def callback(what: str, message_id: str) -> str:
    return f"twilio/{what}/{message_id}/{KEY.callback_token(message_id)}"


def test_a_number_counts_once_its_code_came_back(calls: Api, phones: Phones) -> None:
    point = noted(calls)
    with calls.town.database.reading() as tx:
        assert queries.ways_of(tx, account_of(calls)) == []
    deliver(calls, phones)
    (sent,) = phones.taken
    assert (sent.recipient, sent.channel) == (NUMBER, "sms")
    wrong = "000000" if phones.code() != "000000" else "000001"
    assert me(calls).post(f"/contact-points/{point}/verification", {"code": wrong}).status_code == 400
    assert me(calls).post(f"/contact-points/{point}/verification", {"code": phones.code()}).status_code == 204
    with calls.town.database.reading() as tx:
        assert [way.id for way in queries.ways_of(tx, account_of(calls))] == [point]
        assert queries.reachable(tx, [account_of(calls)]) == {account_of(calls)}
    (shown,) = me(calls).get("/contact-points").json()
    assert (shown["address"], shown["verified"]) == ("+31 … 678", True)


def test_a_code_is_guessed_a_few_times_and_works_for_a_quarter(calls: Api, phones: Phones) -> None:
    point = noted(calls)
    deliver(calls, phones)
    right = phones.code()
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(CODE_TRIES_MAX):
        assert me(calls).post(f"/contact-points/{point}/verification", {"code": wrong}).status_code == 400
    assert me(calls).post(f"/contact-points/{point}/verification", {"code": right}).status_code == 400
    assert me(calls).post(f"/contact-points/{point}/code").status_code == 204
    deliver(calls, phones)
    calls.town.clock.turn(minutes=15)
    assert me(calls).post(f"/contact-points/{point}/verification", {"code": phones.code()}).status_code == 400


def test_a_stranger_is_not_woken_by_codes(calls: Api) -> None:
    point = noted(calls)
    for _ in range(CODES_PER_DAY_MAX - 1):
        assert me(calls).post(f"/contact-points/{point}/code").status_code == 204
    assert me(calls).post(f"/contact-points/{point}/code").status_code == 429


def test_what_is_no_address_is_refused_and_none_is_there_twice(calls: Api) -> None:
    for kind, address in (("sms", "112"), ("email", "x"), ("webhook", "http://10.0.0.1"), ("web_push", "{}")):
        answer = me(calls).post("/contact-points", {"kind": kind, "address": address})
        assert (answer.status_code, problem(answer)["errors"][0]["path"]) == (400, ["address"])
    noted(calls)
    again = me(calls).post("/contact-points", {"kind": "sms", "address": "+31 6 1234 5678"})
    assert (again.status_code, problem(again)["code"]) == (409, "contact_point_known")
    for number in range(POINTS_MAX - 1):
        noted(calls, "email", f"a{number}@example.org")
    full = me(calls).post("/contact-points", {"kind": "email", "address": "b@example.org"})
    assert problem(full)["code"] == "contact_points_full"


def test_the_order_is_ones_own_and_what_fails_comes_last(calls: Api, phones: Phones) -> None:
    first, second = proved(calls, phones), proved(calls, phones, "voice")
    assert me(calls).put(f"/contact-points/{second}/place", {"place": 1}).status_code == 204
    with calls.town.database.reading() as tx:
        assert [way.id for way in queries.ways_of(tx, account_of(calls))] == [second, first]
    phones.fails = NeverDeliverable("twilio 21211")
    alarm(calls, second, phones, "voice")
    with calls.town.database.reading() as tx:
        assert [way.id for way in queries.ways_of(tx, account_of(calls))] == [first, second]
    (told,) = me(calls).get("/undelivered").json()
    assert (told["channel"], told["error"]) == ("voice", "twilio 21211")
    assert NUMBER not in str(told)


def test_what_was_taken_away_gets_nothing_more(calls: Api, phones: Phones) -> None:
    point = proved(calls, phones)
    with calls.town.database.transaction() as tx:
        service.queue(tx, "k", "card:1", "sms", NUMBER, "Alarm", "x", account_of(calls), point)
    assert me(calls).delete(f"/contact-points/{point}").status_code == 204
    before = len(phones.taken)
    assert deliver(calls, phones) == 0
    assert len(phones.taken) == before
    assert row(calls, "k").failed_at is not None


def test_nobody_touches_somebody_elses_ways(calls: Api, phones: Phones) -> None:
    point = proved(calls, phones)
    calls.town.coordinator()
    other = me(calls, "coordinator-VR17")
    assert other.get("/contact-points").json() == []
    for answer in (
        other.delete(f"/contact-points/{point}"),
        other.put(f"/contact-points/{point}/place", {"place": 1}),
        other.post(f"/contact-points/{point}/verification", {"code": "1"}),
        other.post(f"/contact-points/{point}/code"),
        other.get(f"/contact-points/{point}/hook-secret"),
    ):
        assert (answer.status_code, problem(answer)["code"]) == (404, "no_contact_point")


def test_a_key_pressed_takes_the_alarm_once_and_nobody_is_rung_again(calls: Api, phones: Phones) -> None:
    point = proved(calls, phones, "voice")
    message = alarm(calls, point, phones, "voice")
    with calls.town.database.transaction() as tx:  # to somebody else, not sent yet
        service.queue(tx, "later", "card:1", "email", "b@example.org", "Alarm: opvangvraag KR 4820", "x")
    assert "niet genomen" in said(calls, callback("key", message), Digits="2").text
    assert row(calls, message).acknowledged_at is None
    assert "op uw naam" in said(calls, callback("key", message), Digits="1").text
    at = row(calls, message).acknowledged_at
    calls.town.clock.turn(minutes=1)
    assert "op uw naam" in said(calls, callback("key", message), Digits="1").text
    assert row(calls, message).acknowledged_at == at
    before = len(phones.taken)
    deliver(calls, phones)
    assert len(phones.taken) == before, "nobody is told after somebody took it"
    with calls.town.database.reading() as tx:
        (answered,) = queries.fresh_answers(tx)
    assert (answered.about, answered.account_id, answered.over) == ("card:1", account_of(calls), "voice")
    with calls.town.database.transaction() as tx:
        assert service.note_answer(tx, answered.id)
        assert not service.note_answer(tx, answered.id)
        assert queries.fresh_answers(tx) == []


@pytest.mark.parametrize(("text", "taken"), [("Ja", True), ("kr4820", True), ("nee", False), ("", False)])
def test_a_reply_takes_the_newest_alarm_that_went_there(calls: Api, phones: Phones, text: str, taken: bool) -> None:
    point = proved(calls, phones)
    earlier = alarm(calls, point, phones, about="card:0")
    calls.town.clock.turn(minutes=1)
    message = alarm(calls, point, phones)
    assert said(calls, "twilio-replies", From=NUMBER, Body=text).text == "<Response/>"
    assert (row(calls, message).acknowledged_at is not None) == taken
    assert row(calls, earlier).acknowledged_at is None


def test_a_reply_of_the_next_day_or_of_a_stranger_takes_nothing(calls: Api, phones: Phones) -> None:
    message = alarm(calls, proved(calls, phones), phones)
    said(calls, "twilio-replies", From="+31699999999", Body="ja")
    calls.town.clock.turn(hours=12, seconds=1)
    said(calls, "twilio-replies", From=NUMBER, Body="ja")
    assert row(calls, message).acknowledged_at is None


def test_a_receipt_says_that_it_arrived_and_twice_is_once(calls: Api, phones: Phones) -> None:
    point = proved(calls, phones)
    message = alarm(calls, point, phones)
    assert said(calls, callback("sms", message), MessageStatus="sent").status_code == 204
    assert row(calls, message).delivered_at is None
    assert said(calls, callback("sms", message), MessageStatus="delivered").status_code == 204
    at = row(calls, message).delivered_at
    calls.town.clock.turn(minutes=1)
    said(calls, callback("sms", message), MessageStatus="undelivered")
    assert (row(calls, message).delivered_at, row(calls, message).failed_at) == (at, None)


def test_a_call_nobody_answered_shows_the_way_as_failing_until_it_works(calls: Api, phones: Phones) -> None:
    point = proved(calls, phones, "voice")
    message = alarm(calls, point, phones, "voice")
    said(calls, callback("voice", message), CallStatus="no-answer")
    assert row(calls, message).failed_at is not None
    (shown,) = me(calls).get("/contact-points").json()
    assert shown["failingSince"] is not None
    again = alarm(calls, point, phones, "voice", "card:2")
    said(calls, callback("voice", again), CallStatus="completed")
    (shown,) = me(calls).get("/contact-points").json()
    assert shown["failingSince"] is None


def test_what_is_not_signed_is_not_heard(calls: Api, phones: Phones) -> None:
    message = alarm(calls, proved(calls, phones), phones)
    refused = [
        said(calls, callback("key", message), signed=False, Digits="1"),
        said(calls, f"twilio/key/{message}/{KEY.callback_token('other')}", Digits="1"),
        said(calls, "twilio-replies", signed=False, From=NUMBER, Body="ja"),
        said(calls, f"twilio/nonsense/{message}/{KEY.callback_token(message)}"),
        calls.client.post(f"/api/v1/message-callbacks/cm/{SECRET}", json={}),
    ]
    assert {(answer.status_code, problem(answer)["code"]) for answer in refused} == {(404, "no_callback")}
    assert row(calls, message).acknowledged_at is None


def test_a_message_we_do_not_have_is_answered_like_one_we_do(calls: Api, phones: Phones) -> None:
    message = alarm(calls, proved(calls, phones), phones)
    known = said(calls, callback("sms", message), MessageStatus="delivered")
    unknown = said(calls, callback("sms", "no-such-message"), MessageStatus="delivered")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


def test_what_cm_tells(here: Town, phones: Phones) -> None:
    here.duty_officer()
    with api(
        here,
        channels={"sms": phones, "voice": phones},
        phone_provider="cm",
        phone_token=TOKEN,
        phone_callback_secret=SECRET,
    ) as calls:
        point = proved(calls, phones)
        arrived, failed = alarm(calls, point, phones), alarm(calls, point, phones, about="card:2")
        where = f"/api/v1/message-callbacks/cm/{SECRET}"
        for message, code in ((arrived, "0"), (arrived, "2"), (failed, "3"), ("unknown", "2")):
            told = {"messages": {"msg": {"reference": message, "status": {"code": code}}}}
            assert calls.client.post(where, json=told).status_code == 204
        assert row(calls, arrived).delivered_at is not None
        assert row(calls, failed).failed_at is not None
        answered = {"messages": {"msg": [{"from": {"number": "0031612345678"}, "message": {"text": "ja"}}]}}
        calls.client.post(where, json=answered)
        assert sum(row(calls, one).acknowledged_at is not None for one in (arrived, failed)) == 1
        call = alarm(calls, point, phones, "voice", "card:3")
        path = f"/api/v1/message-callbacks/cm/voice/{call}/{KEY.callback_token(call)}"
        assert calls.client.post(path, json={"digits": "1", "result": {"code": 10}}).status_code == 204
        assert row(calls, call).acknowledged_over == "voice"
        for odd in ("[]", "null", '{"messages":{"msg":[1,null,{"status":1}]}}', "{", '{"messages":[]}'):
            answer = calls.client.post(where, content=odd, headers={"Content-Type": "application/json"})
            assert answer.status_code in {204, 400}


def test_a_test_goes_over_every_way_and_to_ones_own_screen(calls: Api, phones: Phones) -> None:
    proved(calls, phones)
    proved(calls, phones, "voice")
    before = len(phones.taken)
    assert me(calls).post("/contact-points/tests").status_code == 204
    assert deliver(calls, phones) == 3
    assert {message.channel for message in phones.taken[before:]} == {"sms", "voice", "in_app"}
    with calls.town.database.reading() as tx:
        assert len(queries.in_app(tx, account_of(calls))) == 1
    for _ in range(TESTS_PER_HOUR_MAX - 1):
        me(calls).post("/contact-points/tests")
    assert me(calls).post("/contact-points/tests").status_code == 429
    calls.town.clock.turn(hours=1)
    assert me(calls).post("/contact-points/tests").status_code == 204


def test_numbers_and_codes_stay_out_of_the_journal(calls: Api, phones: Phones) -> None:
    point = proved(calls, phones)
    alarm(calls, point, phones)
    with calls.town.database.reading() as tx:
        said_there = " ".join(entry.data + entry.subject for entry in journal.after(tx.session, 0, 1000))
        kept = tx.session.exec(select(ContactPoint)).one()
    assert "612345678" not in said_there
    assert phones.taken[0].subject[-6:] not in said_there
    assert kept.code_hash is None


def test_a_slow_server_holds_up_no_other_channel(calls: Api, here: Town) -> None:
    """The mail server hangs until the telephone has rung: one after the other they would never end."""
    import threading  # noqa: PLC0415

    rang = threading.Event()

    class Hangs:
        def deliver(self, _message: Message) -> None:
            assert rang.wait(20), "the telephone waited for the mail"

    class Rings:
        def deliver(self, _message: Message) -> None:
            rang.set()

    with here.database.transaction() as tx:
        service.queue(tx, "a", "card:1", "email", "a@example.org", "Alarm", "x")
        service.queue(tx, "b", "card:1", "voice", NUMBER, "Alarm", "x")
    assert service.deliver_due(here.database, {"email": Hangs(), "voice": Rings()}) == 2


def test_who_answered_before_we_noted_that_we_sent_counts(calls: Api, phones: Phones) -> None:
    """A provider can be quicker than our own note, and we can be killed in between."""
    point = proved(calls, phones)

    class Quick(Phones):
        def deliver(self, message: Message) -> str:
            with calls.town.database.transaction() as tx:
                assert service.answered(tx, message.id, "voice")
            return "ref"

    with calls.town.database.transaction() as tx:
        service.queue(tx, "q", "card:9", "voice", NUMBER, "Alarm", "x", account_of(calls), point)
    service.deliver_due(calls.town.database, {"voice": Quick()})
    found = row(calls, "q")
    assert found.acknowledged_at == calls.town.clock.at
    calls.town.clock.turn(minutes=10)
    assert service.deliver_due(calls.town.database, {"voice": phones}) == 0


def test_what_a_browser_gave_is_longer_than_any_address_and_is_queued_whole(database_url: str) -> None:
    """PostgreSQL keeps to the length of a column: a test alarm, or a rung, must not break on it."""
    made = town(database_url)
    endpoint = "https://push.example.org/send/" + "x" * 400
    keys = {"p256dh": "B" * 87, "auth": "A" * 22}
    address = json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})
    with made.database.transaction() as tx:
        assert service.queue(tx, "test/1", "test:1", "web_push", address, "Proefalarm", "Dit is een test.\n")
    with made.database.reading() as tx:
        assert tx.session.exec(select(Message.recipient)).one() == address
    made.database.close()


def test_two_callbacks_at_once_say_it_once(database_url: str) -> None:
    made = town(database_url)
    with made.database.transaction() as tx:
        service.queue(tx, "k", "card:request:1", "sms", NUMBER, "Alarm", "Log in.")
        tx.session.execute(update(Message).values(tries=1, sent_at=tx.now, due_at=None))
        (message_id,) = tx.session.exec(select(Message.id))
    together = Barrier(4)

    def call_back(_number: int) -> bool:
        with made.database.transaction() as tx:
            if tx.session.get_bind().dialect.name == "postgresql":  # SQLite lets one in at a time
                tx.session.get(Message, message_id)
                together.wait(10)
            return service.receipt(tx, message_id, arrived=False, error="twilio busy")

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(call_back, range(4))) == 1
    with made.database.reading() as tx:
        kinds = [entry.kind for entry in journal.of_subject(tx.session, f"message:{message_id}")]
    assert kinds == ["message.failed"]
    made.database.close()
