"""The OpenAPI document against the application: generated calls, as each role, never fail on our side."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from tests.access.cast import ACTORS, cast
from tests.api.client import BASE_URL, Api, api, problem
from tests.builders import Town, town


def try_everything(here: Town, logins: list[str], examples: int) -> int:
    """Generated calls to every operation as these people. Returns how many were made."""
    made = cast(here)
    ids = list(made.ids.values())
    count = 0
    with api(here) as calls:
        app: Any = calls.client.app
        assert isinstance(app, FastAPI)
        schema = schemathesis.openapi.from_dict(app.openapi(), config=SchemathesisConfig())
        callers = [calls.caller(login) for login in logins]
        for result in schema.get_all_operations():
            operation = result.ok()
            if (operation.method.upper(), operation.path) == ("DELETE", "/api/v1/session"):
                continue  # logs the callers out, one by one

            @settings(
                max_examples=examples * len(callers),
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def run(case: Case) -> None:
                nonlocal count
                caller = callers[count % len(callers)]
                count += 1
                path_parameters = dict(case.path_parameters or {})
                for name in path_parameters:
                    if count % 2 and name.endswith("_id"):
                        path_parameters[name] = ids[count % len(ids)]
                case.path_parameters = path_parameters
                sent = case.as_transport_kwargs(base_url=BASE_URL)
                sent["headers"] = {**sent["headers"], **caller.headers}
                sent.pop("cookies", None)
                if isinstance(sent.get("data"), bytes | str):
                    sent["content"] = sent.pop("data")
                answer = calls.client.request(**sent)
                calls.client.cookies.clear()
                what = (case.method, case.path, answer.text[:200])
                assert answer.status_code < 500, what
                if answer.status_code >= 400:
                    assert problem(answer)["code"], what
                elif answer.status_code != 204:
                    assert answer.headers["content-type"] == "application/json", what

            run()
    return count


def test_as_each_role(sqlite_url: str) -> None:
    here = town(sqlite_url)
    assert try_everything(here, list(ACTORS.values()), 1) > 500
    here.database.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_on_the_other_engine(here: Town) -> None:
    """Fewer people: whoever may call what is the same there, only the statements are others."""
    assert try_everything(here, [ACTORS[name] for name in ("coordinator", "provider", "duty")], 1) > 90


def test_an_example_that_is_refused_is_a_problem(calls: Api) -> None:
    assert problem(calls.client.get("/api/v1/requests"))["code"] == "not_logged_in"


@pytest.mark.parametrize("path", ["/api/v1/requests", "/api/v1/board"])
def test_the_document_names_the_routes(calls: Api, path: str) -> None:
    assert path in calls.client.get("/api/v1/openapi.json").json()["paths"]
