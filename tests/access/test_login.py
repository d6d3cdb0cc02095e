"""Logging in: what a guesser learns (nothing), how sessions end, and what another site's page can do (nothing)."""

from collections.abc import Iterator

import pytest

from nrm import journal
from nrm.access import rules, service
from nrm.access.rules import OrganisationKind, Role, Verb
from tests.access.cast import people
from tests.api.client import Api, Caller, api, problem
from tests.builders import PASSWORD, PASSWORD_HASH, Town, town


@pytest.fixture
def calls(sqlite_url: str) -> Iterator[Api]:
    made = town(sqlite_url)
    made.coordinator()
    with api(made) as on_it:
        yield on_it
    made.database.close()


LOGIN = "coordinator-VR17"


def status(calls: Api, login: str, password: str) -> tuple[int, str]:
    answer = calls.log_in(login, password)
    return answer.status_code, "" if answer.is_success else problem(answer)["code"]


def test_a_login_says_who_one_is(calls: Api) -> None:
    caller = calls.caller(LOGIN)
    assert caller.me["role"] == "coordinator"
    assert caller.get("/session") == caller.me


def test_a_wrong_password_and_an_unknown_account_are_one_answer(calls: Api) -> None:
    known, unknown = calls.log_in(LOGIN, "verkeerd wachtwoord"), calls.log_in("niemand", "verkeerd wachtwoord")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert problem(known)["code"] == "wrong_login_or_password"
    assert "set-cookie" not in known.headers


def test_an_inactive_account_is_an_unknown_one(calls: Api) -> None:
    with calls.town.database.transaction() as tx:
        account = tx.session.get_one(service.Account, calls.town.accounts[LOGIN])
        account.active = False
    assert status(calls, LOGIN, PASSWORD) == (401, "wrong_login_or_password")


def test_an_account_made_inactive_loses_its_sessions(calls: Api) -> None:
    caller = calls.caller(LOGIN)
    with calls.town.database.transaction() as tx:
        tx.session.get_one(service.Account, calls.town.accounts[LOGIN]).active = False
    assert caller.refused("GET", "/session") == (401, "not_logged_in")


@pytest.mark.parametrize("login", [LOGIN, "niemand"])
def test_guessing_stops_after_five_failures_and_goes_on_after_a_quarter(calls: Api, login: str) -> None:
    for _ in range(5):
        assert status(calls, login, "fout")[0] == 401
    right = PASSWORD if login == LOGIN else "fout"
    assert status(calls, login, right) == (429, "too_many_attempts")
    assert status(calls, "een ander", "fout")[0] == 401
    calls.town.clock.turn(minutes=14, seconds=59)
    assert status(calls, login, right)[0] == 429
    calls.town.clock.turn(seconds=1)
    assert status(calls, login, right)[0] == (201 if login == LOGIN else 401)


def test_four_failures_lock_nobody_out(calls: Api) -> None:
    for _ in range(4):
        status(calls, LOGIN, "fout")
    assert status(calls, LOGIN, PASSWORD)[0] == 201


def test_a_failed_login_leaves_no_login_behind(calls: Api) -> None:
    """Somebody may type a password in the wrong field."""
    calls.log_in("mijn geheime wachtwoord", "x")
    with calls.town.database.reading() as tx:
        rows = tx.session.exec(service.select(service.LoginAttempt)).all()
        assert len(rows) == 1
        assert "geheim" not in str(rows[0].model_dump())


def test_a_session_ends_after_its_hours(calls: Api) -> None:
    caller = calls.caller(LOGIN)
    calls.town.clock.turn(hours=12, seconds=-1)
    assert caller.get("/session")
    calls.town.clock.turn(seconds=1)
    assert caller.refused("GET", "/session") == (401, "not_logged_in")


def test_logging_out_ends_the_session_not_only_the_cookie(calls: Api) -> None:
    caller, other = calls.caller(LOGIN), calls.caller(LOGIN, again=True)
    answer = caller.call("DELETE", "/session")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert caller.refused("GET", "/session") == (401, "not_logged_in")
    assert other.get("/session"), "another browser stays"


def test_the_token_is_nowhere_kept(calls: Api) -> None:
    token = calls.caller(LOGIN).cookie.partition("=")[2]
    with calls.town.database.reading() as tx:
        (session,) = [
            row for row in tx.session.exec(service.select(service.LoginSession)) if row.id == service.token_hash(token)
        ]
        assert token not in str(session.model_dump())
        assert token not in "".join(entry.data for entry in journal.after(tx.session, 0, 100))


def test_cookie_on_http(calls: Api) -> None:
    cookie = calls.log_in(LOGIN).headers["set-cookie"]
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith("nrm=")
    assert {"httponly", "samesite=lax", "path=/", f"max-age={12 * 3600}"} <= flags
    assert "secure" not in flags


def test_cookie_on_https(here: Town) -> None:
    here.coordinator()
    at = "https://opvang.example.org"
    with api(here, reached_at=at) as calls:
        cookie = calls.log_in(LOGIN).headers["set-cookie"]
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert cookie.startswith("__Host-nrm=")
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags
        assert not [flag for flag in flags if flag.startswith("domain")], "__Host- forbids one"
        assert calls.caller(LOGIN).get("/session")


def test_a_change_needs_the_session_s_own_csrf_token(calls: Api) -> None:
    calls.town.coordinator("VR15")
    caller, other = calls.caller(LOGIN), calls.caller("coordinator-VR15")
    for token in (None, "", "x", other.csrf, caller.csrf[:-1], "é" * 10):
        headers = {"Cookie": caller.cookie, **({} if token is None else {"X-CSRF-Token": token.encode()})}
        for method, path in (("POST", "/requests"), ("DELETE", "/session"), ("POST", "/shift")):
            answer = calls.client.request(method, f"/api/v1{path}", headers=headers)
            assert (answer.status_code, problem(answer)["code"]) == (403, "csrf_token_missing"), (token, path)
    assert caller.get("/session")


ORIGINS = (
    "https://evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1:8001",
    "null",
    "",
    "127.0.0.1",
    "http://evil@127.0.0.1",
    "http://[",
    "http://[::1",
    "file://",
)


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_site_s_page_changes_nothing(calls: Api, origin: str) -> None:
    caller = calls.caller(LOGIN)
    answer = caller.call("DELETE", "/session", headers={"Origin": origin})
    assert (answer.status_code, problem(answer)["code"]) == (403, "wrong_origin")
    answer = calls.log_in(LOGIN, Origin=origin)
    assert (answer.status_code, problem(answer)["code"]) == (403, "wrong_origin")


def test_our_own_page_changes_things(calls: Api) -> None:
    answer = calls.caller(LOGIN).call("DELETE", "/session", headers={"Origin": "http://127.0.0.1"})
    assert answer.status_code == 204


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::", "evil.example:80"])
def test_a_name_that_is_not_ours_is_refused(calls: Api, host: str) -> None:
    """A page whose name was pointed at us (DNS rebinding) does not reach us."""
    answer = calls.client.get("/livez", headers={"Host": host})
    assert answer.status_code == 400


def test_demo_accounts_only_exist_on_this_machine(here: Town) -> None:
    organisation = here.organisation("demo", OrganisationKind.CARE_COORDINATION, "VR17")
    with here.database.transaction() as tx:
        service.add_account(tx, "demo", "Demo", Role.COORDINATOR, organisation, PASSWORD_HASH, demo=True)
    with api(here) as calls:
        assert status(calls, "demo", PASSWORD)[0] == 201
    for reachable in ({"host": "0.0.0.0"}, {"host": "192.0.2.7"}):  # noqa: S104 - that it is refused is the point
        with api(here, **reachable) as calls:
            assert status(calls, "demo", PASSWORD) == (401, "wrong_login_or_password")
    with api(here, reached_at="https://opvang.example.org") as calls:
        assert status(calls, "demo", PASSWORD) == (401, "wrong_login_or_password")


def test_two_shifts_of_one_person_are_one(calls: Api) -> None:
    calls.town.duty_officer(on_shift=False)
    caller = calls.caller("piket")
    caller.post("/shift")
    caller.post("/shift")
    assert caller.get("/session")["onShift"] is True
    caller.delete("/shift")
    assert caller.refused("DELETE", "/shift") == (409, "not_on_shift")


def test_the_rules_deny_by_default() -> None:
    """A verb that nobody wrote down is nobody's, and each role of the domain has at most what its row says."""
    assert set(rules.ROLES_OF) == set(Verb)
    of_rapporteur = {verb for verb, roles in rules.ROLES_OF.items() if Role.RAPPORTEUR in roles}
    assert of_rapporteur == {*ANYBODY, Verb.DATASET_READ}
    assert rules.ROLES_OF[Verb.DATASET_READ] == {Role.RAPPORTEUR}, "not the national coordinator's"
    of_admin = {
        *(Verb.ACCOUNTS_READ, Verb.HOUSES_ADD, Verb.SHEET_LOAD, Verb.CALENDAR_KEEP, Verb.ROSTER_READ, Verb.ROSTER_KEEP),
        *(Verb.UNDELIVERED_READ, Verb.POLICY_PROPOSE, Verb.POLICY_DECIDE),
    }
    assert {verb for verb, roles in rules.ROLES_OF.items() if Role.ADMIN in roles} == {*ANYBODY, *of_admin}
    assert rules.ROLES_OF[Verb.STAY_DEPART] == {Role.PROVIDER}


ANYBODY = {Verb.SELF, Verb.EXERCISE_READ, Verb.REACH_KEEP, Verb.REGIONS_READ, Verb.POLICY_READ}


def test_everybody_of_the_cast_can_log_in(calls: Api) -> None:
    for actor in people(calls.town).values():
        assert isinstance(calls.caller(actor.name), Caller)
