"""Practice and reality never meet: not in a database, not in a message, not in a page that looks real."""

import base64
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import update
from sqlmodel import select

from nrm.api import Parts
from nrm.app import create_app, make_parts
from nrm.clock import PacedClock
from nrm.db import Database, migrate
from nrm.errors import Conflict
from nrm.exercise import service
from nrm.exercise.models import Exercise
from nrm.notify import service as notify
from nrm.notify.channels import channels
from nrm.notify.models import ContactPoint, Message
from nrm.notify.rules import OPERATOR_WAYS, OWN_WAYS, ChannelName
from nrm.settings import Settings
from nrm.worker import Worker
from tests.builders import KEY, SATURDAY_NIGHT, Town, TurnedClock, town
from tests.notify.gateway import ACCOUNT, TOKEN, Gateway, gateway

PRACTISING = Settings(exercise=True)
EARNEST = Settings()


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def nothing(_database: Database) -> None:
    """Plants nothing."""


def test_an_exercise_never_begins_in_a_database_that_was_used(here: Town) -> None:
    with pytest.raises(Conflict, match="database_in_use"):
        service.begin(here.database, 1, nothing)
    service.refuse_mix(here.database, practising=False)


def test_each_refuses_the_database_of_the_other(here: Town, tmp_path: Path) -> None:
    def starts(database: Database) -> list[Any]:
        clock = PacedClock(SATURDAY_NIGHT)
        return [
            lambda settings: create_app(Parts(database, settings, KEY)),
            lambda settings: Worker(database, settings, clock=clock),
        ]

    for start in starts(here.database):
        start(EARNEST)
        with pytest.raises(Conflict, match="database_is_no_exercise"):
            start(PRACTISING)
    practise(here)
    for start in starts(here.database):
        start(PRACTISING)
        with pytest.raises(Conflict, match="database_is_an_exercise"):
            start(EARNEST)


def practise(here: Town) -> None:
    """Make this town an exercise, as it stands: only a test may do that to a database in use."""
    with here.database.transaction() as tx:
        tx.session.add(Exercise(seed=1, clock_at=tx.now, starts_at=tx.now))


def test_an_exercise_begins_once_and_goes_on_where_it_stood(empty_database_url: str, tmp_path: Path) -> None:
    migrate(empty_database_url)
    clock = TurnedClock()
    database = Database(empty_database_url, clock)
    assert service.begin(database, 1, nothing)
    assert not service.begin(database, 1, nothing)
    clock.turn(minutes=42)
    with database.transaction() as tx:
        tx.record("exercise.noted", service.ABOUT)
    database.close()
    later = make_parts(Settings(exercise=True, database_url=empty_database_url, data=tmp_path))
    assert later.clock is not None
    assert later.database.now() == clock.at, "no time passed while it was off"
    later.clock.turn(clock.at - timedelta(hours=1))
    assert later.database.now() == clock.at, "and it never goes back"
    later.database.close()


class Post:
    """A mail server of ours."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def outside() -> Iterator[Gateway]:
    with gateway() as made:
        yield made


def tempted(outside: Gateway, smtp_port: int, folder: Path, **more: Any) -> Settings:
    """Everything a deployment can have configured, all of it real and listening."""
    return Settings(
        data=folder,
        smtp_host="127.0.0.1",
        smtp_port=smtp_port,
        phone_provider="twilio",
        phone_token=TOKEN,
        phone_account=ACCOUNT,
        phone_from="+3197000000000",
        phone_caller="+31880000000",
        sms_url=f"{outside.url}/twilio",
        voice_url=f"{outside.url}/twilio",
        push_contact="beheer@example.org",
        notify_urls=f"json://{outside.url.removeprefix('http://')}/other",
        deadman_url=f"{outside.url}/deadman",
        **more,
    )


def subscription(endpoint: str) -> str:
    """What a browser gives so that one can push to it."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    public = point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    keys = {name: base64.urlsafe_b64encode(key).decode() for name, key in (("p256dh", public), ("auth", bytes(16)))}
    return json.dumps({"endpoint": endpoint, "keys": keys})


def queue_one_of_each(here: Town, outside: Gateway) -> int:
    """A message over every channel there is, to addresses that would be reached."""
    officer = here.duty_officer()
    addresses = {
        ChannelName.EMAIL: "piket@example.org",
        ChannelName.WEB_PUSH: subscription(f"{outside.url}/push"),
        ChannelName.WEBHOOK: f"{outside.url}/hook",
    }
    ways = (*OWN_WAYS, *OPERATOR_WAYS)
    with here.database.transaction() as tx:
        for position, way in enumerate(ways, start=1):
            address = addresses.get(way, "+31612345678")
            point = None
            if way in OWN_WAYS:
                point = tx.new_id()
                tx.session.add(
                    ContactPoint(
                        id=point,
                        account_id=officer.account_id,
                        kind=way,
                        address=address,
                        position=position,
                        added_at=tx.now,
                        verified_at=tx.now,
                    )
                )
                tx.session.flush()
            notify.queue(tx, way, "test:1", way, address, "Alarm", "Log in.", officer.account_id, point)
    return len(ways)


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # of Apprise, when it is imported
@pytest.mark.parametrize("exercise", [True, False])
def test_no_exercise_ever_rings_a_real_phone(sqlite_url: str, outside: Gateway, tmp_path: Path, exercise: bool) -> None:
    """Everything is configured and listens. In earnest it all arrives, so the trap works; in an exercise nothing."""
    here = town(sqlite_url)
    post = Post()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        smtp_port = probe.getsockname()[1]
    server = Controller(post, hostname="127.0.0.1", port=smtp_port)
    server.start()
    try:
        if exercise:
            practise(here)
        sent = queue_one_of_each(here, outside)
        settings = tempted(outside, smtp_port, tmp_path, exercise=exercise)
        # In an exercise not even when somebody hands the worker real channels.
        handed = [None, channels(tempted(outside, smtp_port, tmp_path))] if exercise else [None]
        for ways in handed:
            worker = Worker(here.database, settings, ways)
            with here.database.transaction() as tx:
                tx.session.execute(update(Message).values(due_at=tx.now, sent_at=None))
            for _ in range(2):
                worker.tick()
                here.clock.turn(seconds=70)
    finally:
        server.stop()
    with here.database.reading() as tx:
        messages = tx.session.exec(select(Message).where(Message.about == "test:1")).all()
    assert len(messages) == sent
    if exercise:
        assert (outside.taken, post.mails) == ([], [])
        assert all(message.sent_at for message in messages), "kept as they would have gone out"
    else:
        paths = {taken.path.split("/")[1] for taken in outside.taken}
        assert paths >= {"twilio", "push", "hook", "other", "deadman"}
        assert len(post.mails) == 1
    here.database.close()
