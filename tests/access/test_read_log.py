"""Every read of a case is logged in the transaction of the read: no log, no data (trust row 15)."""

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from nrm.access.models import ReadLog
from nrm.intake import queries as intake
from tests.access.cast import ACTORS, Cast
from tests.api.client import Api, api
from tests.builders import Town

Row = tuple[str, str, str]


@pytest.fixture
def here(made: Cast) -> Town:
    return made.town


def reads(here: Town, since: int = 0) -> list[Row]:
    """(role, subject, purpose) of every logged read, in the order they came in."""
    with here.database.reading() as tx:
        rows = tx.session.exec(select(ReadLog).order_by(col(ReadLog.at)))
        return sorted((row.role, row.subject, row.purpose) for row in rows)[since:]


def group_of(here: Town, group_id: str) -> list[str]:
    with here.database.reading() as tx:
        return [found.id for found in intake.group(tx, group_id)]


def added(calls: Api, actor: str, method: str, path: str, body: object = None) -> list[Row]:
    """The reads that one successful call adds."""
    before = reads(calls.town)
    caller = calls.caller(ACTORS[actor])
    answer = caller.call(method, path, body)
    assert answer.is_success, answer.text
    after = reads(calls.town)
    for row in before:
        after.remove(row)
    return after


def test_each_read_of_a_case_leaves_exactly_its_rows(here: Town, made: Cast) -> None:
    ids = made.ids
    with api(here) as calls:
        one = ids["accepted"]
        assert added(calls, "coordinator", "GET", f"/requests/{one}") == [("coordinator", f"request:{one}", "open")]
        for part in ("proposals", "offers", "stays", "history"):
            assert added(calls, "duty", "GET", f"/requests/{one}/{part}") == [("duty_officer", f"request:{one}", part)]
        own = ("open", "offered", "accepted", "placed", "crisis")
        assert added(calls, "coordinator", "GET", "/requests") == sorted(
            ("coordinator", f"request:{request_id}", "list")
            for request_id in [*(ids[name] for name in own), *group_of(here, ids["group"])]
        )
        assert added(calls, "coordinator", "GET", f"/groups/{ids['group']}") == sorted(
            ("coordinator", f"request:{request_id}", "group") for request_id in group_of(here, ids["group"])
        )
        assert added(calls, "coordinator", "GET", "/requests?closed=true") == sorted(
            ("coordinator", f"request:{ids[name]}", "list") for name in ("closed", "declined_case", "lost")
        )
        assert added(calls, "desk", "GET", "/approvals") == [
            ("national_desk", f"offer:{ids['crisis_offer']}", "approval")
        ]
        assert added(calls, "duty", "GET", f"/requests/{one}/course") == [("duty_officer", f"request:{one}", "course")]
        assert added(calls, "provider", "GET", f"/stays/{ids['stay']}/course") == [
            ("provider", f"stay:{ids['stay']}", "course")
        ]
        assert added(calls, "provider", "GET", f"/stays/{ids['stay']}/handover-summary") == [
            ("provider", f"summary:{ids['stay']}", "before")
        ]
        assert added(calls, "other_coordinator", "GET", "/transfers") == [
            ("coordinator", f"transfer:{ids['transfer']}", "list")
        ]
        assert added(calls, "provider", "GET", "/offers-to-answer") == [("provider", f"offer:{ids['offer']}", "answer")]
        followed = ids["police_open"]
        assert added(calls, "police", "GET", f"/followed-requests/{followed}") == [
            ("first_responder", f"request:{followed}", "follow")
        ]
        assert added(calls, "police", "GET", "/followed-requests") == sorted(
            ("first_responder", f"request:{ids[name]}", "follow") for name in ("police_open", "police_accepted")
        )
        stay = ids["stay"]
        assert added(calls, "coordinator", "POST", f"/stays/{stay}/address-release", {"reason": "bring_there"}) == [
            ("coordinator", f"address:{stay}", "bring_there")
        ]
        assert added(calls, "desk", "GET", f"/requests/{one}/report") == [("national_desk", f"report:{one}", "open")]
        assert added(calls, "police", "GET", "/reports") == sorted(
            ("first_responder", f"report:{ids[name]}", "list") for name in ("police_open", "police_accepted")
        )
        assert added(calls, "desk", "GET", "/reports-overdue") == []
        assert added(calls, "youth", "GET", "/youth-asks") == [("youth_care", f"youth_ask:{ids['youth_ask']}", "list")]
        for numbers in ("/board", "/open-counts", "/regions", "/session", "/policies"):
            assert added(calls, "duty", "GET", numbers) == []


def test_each_look_at_an_address_is_logged(here: Town, made: Cast) -> None:
    with api(here) as calls:
        for _ in range(3):
            assert (
                len(
                    added(
                        calls,
                        "coordinator",
                        "POST",
                        f"/stays/{made.ids['stay']}/address-release",
                        {"reason": "travel_arranged"},
                    )
                )
                == 1
            )


def test_a_refused_read_is_no_read(here: Town, made: Cast) -> None:
    with api(here) as calls:
        before = reads(here)
        calls.caller(ACTORS["other_coordinator"]).call("GET", f"/requests/{made.ids['open']}")
        calls.caller(ACTORS["other_police"]).call("GET", f"/followed-requests/{made.ids['police_open']}")
        assert reads(here) == before


def break_read_log(here: Town) -> None:
    """Let every row for the read log be refused by the database itself."""
    with here.database.transaction() as tx:
        if here.database.postgresql:
            tx.session.execute(text("ALTER TABLE read_log ADD CONSTRAINT broken CHECK (false) NOT VALID"))
        else:
            tx.session.execute(
                text("CREATE TRIGGER broken BEFORE INSERT ON read_log BEGIN SELECT RAISE(ABORT, 'broken'); END")
            )


def test_no_log_no_data(here: Town, made: Cast) -> None:
    ids = made.ids
    with api(here, raise_server_exceptions=False) as calls:
        callers = {name: calls.caller(login) for name, login in ACTORS.items()}
        break_read_log(here)
        for name, path in (
            ("coordinator", "/requests"),
            ("coordinator", "/requests?closed=true"),
            *(("coordinator", f"/requests/{ids['accepted']}{part}") for part in ("", "/proposals", "/offers")),
            *(("duty", f"/requests/{ids['accepted']}{part}") for part in ("/stays", "/history", "/course")),
            *(("provider", f"/stays/{ids['stay']}{part}") for part in ("/course", "/handover-summary")),
            ("provider", "/offers-to-answer"),
            ("police", "/followed-requests"),
            ("police", f"/followed-requests/{ids['police_open']}"),
            ("police", "/reports"),
            ("youth", "/youth-asks"),
            ("desk", f"/requests/{ids['accepted']}/report"),
        ):
            answer = callers[name].call("GET", path)
            assert answer.status_code >= 400, path
            assert not [secret for secret in made.secrets() if secret in answer.text], path
        release = callers["coordinator"].call(
            "POST", f"/stays/{ids['stay']}/address-release", {"reason": "bring_there"}
        )
        assert release.status_code >= 400
        assert "CANARY" not in release.text
        with here.database.reading() as tx:
            assert tx.session.execute(text("SELECT count(*) FROM address_release")).scalar_one() == 0


@pytest.mark.parametrize("act", ["UPDATE read_log SET role = 'x'", "DELETE FROM read_log"])
def test_the_read_log_cannot_be_rewritten(here: Town, made: Cast, act: str) -> None:
    with api(here) as calls:
        calls.caller(ACTORS["duty"]).get(f"/requests/{made.ids['open']}")
    with pytest.raises(Exception, match="append-only"), here.database.transaction() as tx:
        tx.session.execute(text(act))
