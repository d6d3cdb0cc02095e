"""Messages: rows that are delivered at least once, to a real mail server, and that give up where all can see it."""

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import Message as Mail
from typing import Any

import pytest
import structlog
from aiosmtpd.controller import Controller
from sqlmodel import select

from nrm import journal
from nrm.notify import service
from nrm.notify.channel import Channel, DeliveryFailed
from nrm.notify.channels import channels
from nrm.notify.mail import EmailChannel
from nrm.notify.models import Message
from nrm.notify.rules import TRIES_MAX, ChannelName, wait_after
from nrm.notify.within import LogChannel
from nrm.settings import Settings
from tests.builders import Town, town


class Recorded:
    """A channel that remembers, and fails while it is told to."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.delivered: list[str] = []

    def deliver(self, message: Message) -> None:
        if self.fails:
            self.fails -= 1
            raise DeliveryFailed("busy")
        self.delivered.append(message.id)


class Mailbox:
    """What a mail server of ours takes in, unless it is told to refuse."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refusal = ""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refusal:
            return self.refusal
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    yield made
    made.database.close()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def smtp(mailbox: Mailbox) -> Iterator[Settings]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield Settings(worker=False, smtp_host="127.0.0.1", smtp_port=port, mail_from="nrm@opvang.example.org")
    controller.stop()


def queue(
    here: Town,
    key: str = "k1",
    channel: str = "email",
    recipient: str = "loket@example.org",
    body: str = "Eén aanvraag wacht.\n",
) -> None:
    with here.database.transaction() as tx:
        service.queue(tx, key, "alarm:1", channel, recipient, "Alarm: opvangvraag KR 4820", body)


def rows(here: Town) -> list[Message]:
    with here.database.reading() as tx:
        found = list(tx.session.exec(select(Message).order_by(Message.unique_key)))
        tx.session.expunge_all()
        return found


def deliver(here: Town, channel: Channel) -> int:
    return service.deliver_due(here.database, {"email": channel, "log": channel})


def test_a_message_is_sent_once(here: Town) -> None:
    queue(here)
    channel = Recorded()
    assert deliver(here, channel) == 1
    assert deliver(here, channel) == 0
    (row,) = rows(here)
    assert channel.delivered == [row.id]
    assert (row.sent_at, row.due_at, row.tries) == (here.clock.at, None, 1)


def test_one_key_is_one_message(here: Town) -> None:
    queue(here)
    queue(here)
    assert len(rows(here)) == 1


def test_it_is_tried_again_later_and_later(here: Town) -> None:
    queue(here)
    channel = Recorded(fails=3)
    for wait in (15, 30, 60):
        assert deliver(here, channel) == 0
        assert rows(here)[0].due_at == here.clock.at + timedelta(seconds=wait)
        here.clock.turn(seconds=wait - 1)
        assert deliver(here, channel) == 0
        here.clock.turn(seconds=1)
    assert deliver(here, channel) == 1
    assert rows(here)[0].tries == 4


def test_giving_up_is_in_the_journal(here: Town) -> None:
    queue(here)
    channel = Recorded(fails=100)
    for _ in range(20):
        deliver(here, channel)
        here.clock.turn(minutes=15)
    (row,) = rows(here)
    assert (row.tries, row.due_at, row.last_error) == (TRIES_MAX, None, "busy")
    assert row.failed_at is not None
    with here.database.reading() as tx:
        (entry,) = journal.of_subject(tx.session, f"message:{row.id}")
    assert (entry.kind, entry.topics) == ("message.failed", "alarms")
    assert "loket" not in entry.data


def test_a_channel_this_deployment_lacks_is_a_failure_at_once(here: Town) -> None:
    queue(here)
    assert service.deliver_due(here.database, {}) == 0
    assert rows(here)[0].failed_at == here.clock.at


def test_what_is_cancelled_before_its_turn_is_not_sent(here: Town) -> None:
    """Also when it was already on the list of what is due: each is claimed again right before it is sent."""
    queue(here, "k1")
    queue(here, "k2")

    class Cancels(Recorded):
        def deliver(self, message: Message) -> None:
            super().deliver(message)
            with here.database.transaction() as tx:
                service.cancel(tx, "alarm:1")

    channel = Cancels()
    deliver(here, channel)
    assert len(channel.delivered) == 1
    assert all(row.due_at is None and row.cancelled_at == here.clock.at for row in rows(here))


def test_a_crash_between_sending_and_noting_sends_again_with_the_same_id(here: Town) -> None:
    queue(here)

    class Crashes(Recorded):
        def deliver(self, message: Message) -> None:
            super().deliver(message)
            if len(self.delivered) == 1:
                raise KeyboardInterrupt

    channel = Crashes()
    with pytest.raises(KeyboardInterrupt):
        deliver(here, channel)
    assert deliver(here, channel) == 0, "somebody may still be at it"
    here.clock.turn(minutes=2)
    assert deliver(here, channel) == 1
    assert len(set(channel.delivered)) == 1


def test_waiting_grows_to_a_quarter() -> None:
    waits = [wait_after(tries).total_seconds() for tries in range(1, 12)]
    assert waits[:4] == [15, 30, 60, 120]
    assert waits == sorted(waits)
    assert max(waits) == 900


def test_a_real_mail_server_gets_it(quick: Town, smtp: Settings, mailbox: Mailbox) -> None:
    queue(quick)
    assert service.deliver_due(quick.database, channels(smtp)) == 1
    (mail,) = mailbox.mails
    (row,) = rows(quick)
    assert mail["To"] == "loket@example.org"
    assert mail["From"] == "nrm@opvang.example.org"
    assert mail["Message-ID"] == f"<{row.id}@opvang.example.org>"
    assert mail["Subject"] == "Alarm: opvangvraag KR 4820"
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode() == f"Eén aanvraag wacht.\r\n\r\n{smtp.public_url}\r\n"


def test_a_mail_that_holds_a_link_of_its_own_gets_no_other(quick: Town, smtp: Settings, mailbox: Mailbox) -> None:
    queue(quick, body=f"Klopt de stand nog?\n{smtp.public_url}/controle/abc")
    assert service.deliver_due(quick.database, channels(smtp)) == 1
    payload = mailbox.mails[0].get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().count(smtp.public_url) == 1


@pytest.mark.parametrize("refusal", ["451 later", "550 never"])
def test_a_mail_server_that_refuses_is_tried_again(quick: Town, smtp: Settings, mailbox: Mailbox, refusal: str) -> None:
    mailbox.refusal = refusal
    queue(quick)
    assert service.deliver_due(quick.database, channels(smtp)) == 0
    assert rows(quick)[0].last_error == "SMTPDataError"
    mailbox.refusal = ""
    quick.clock.turn(seconds=15)
    assert service.deliver_due(quick.database, channels(smtp)) == 1
    assert len(mailbox.mails) == 1


def test_a_mail_server_that_is_not_there_is_tried_again(quick: Town) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = Settings(worker=False, smtp_host="127.0.0.1", smtp_port=probe.getsockname()[1])
        queue(quick)
        assert service.deliver_due(quick.database, channels(nobody)) == 0
    assert rows(quick)[0].last_error == "ConnectionRefusedError"


def test_an_address_that_is_none_does_not_hold_up_the_others(quick: Town, smtp: Settings, mailbox: Mailbox) -> None:
    """It fails like any other try, and ends in the journal instead of coming back for ever."""
    queue(quick, "a", recipient="no\r\nBcc: everybody@example.org")
    queue(quick, "b")
    assert service.deliver_due(quick.database, channels(smtp)) == 1
    assert [mail["To"] for mail in mailbox.mails] == ["loket@example.org"]
    assert rows(quick)[0].last_error == "ValueError"


def test_without_a_mail_server_what_is_meant_for_it_is_logged(quick: Town) -> None:
    ways = channels(Settings(worker=False))
    assert isinstance(ways[ChannelName.EMAIL], LogChannel)
    assert isinstance(channels(Settings(smtp_host="x"))[ChannelName.EMAIL], EmailChannel)
    queue(quick)
    with structlog.testing.capture_logs() as logged:
        service.deliver_due(quick.database, ways)
    assert [(entry["event"], entry["about"]) for entry in logged] == [("message", "alarm:1")]
    assert "body" not in logged[0]


def test_messages_hold_a_code_and_nothing_of_the_case(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.duty_officer()
    here.location()
    request_id = here.request(
        coordinator, persons=[{"sex": "x", "age": 97}], facts={"addiction": "yes"}, unsafe=[{"region": "VR09"}]
    )
    here.match()
    assert here.accept(provider, here.offer(coordinator, request_id))
    here.request(coordinator, persons=[{"sex": "x", "age": 11}])
    from nrm.escalation import service as escalation  # noqa: PLC0415

    escalation.run_due(here.database)
    sent = rows(here)
    assert len(sent) >= 4
    for row in sent:
        # The spoken code holds digits of its own, and may happen to hold these.
        said = re.sub(r"\b[A-Z]{2} \d{4}\b", "", f"{row.subject} {row.body}")
        for secret in ("97", "11 ", "addiction", "VR09", "VR17", "CANARY", "L-001", request_id, "vrouw", "man "):
            assert secret not in said, (secret, said)
