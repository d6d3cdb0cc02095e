"""Odd input gets a 4xx with a code, whatever route it comes to; nothing of it is said back (trust row 18)."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from nrm.api import BODY_BYTES_MAX, Parts
from nrm.app import create_app
from nrm.settings import Settings
from tests.access.cast import ACTORS, Cast, cast
from tests.access.test_matrix import TABLE, body, shape
from tests.api.client import Api, Caller, api, problem
from tests.builders import KEY, town

MARK = "Z9ECHOZ9"
"""In every naughty text, to see whether it comes back."""

BAD_JSON = {
    "surrogate": '"\\ud800' + MARK + '"',
    "nul": '"' + MARK + '\\u0000"',
    "bidi": '"' + MARK + '\\u202e"',
    "long": '"' + MARK + "x" * 3000 + '"',
    "huge": str(2**63),
    "hugest": "9" * 5000,
    "minus": "-1",
    "infinite": "1e999",
    "nan": "NaN",
    "fraction": "1.5",
    "true": "true",
    "text": f'"{MARK}"',
    "list": f'["{MARK}"]',
    "object": f'{{"{"a"}": "{MARK}"}}',
    "deep": "[" * 500 + "]" * 500,
    "deepest": "[" * 20_000 + "]" * 20_000,
    "date": '"2026-13-41"',
    "early": '"0001-01-01T00:00:00+14:00"',
    "late": '"9999-12-31T23:59:59-14:00"',
    "no zone": '"2026-11-21T23:00:00"',
}


@pytest.fixture(scope="module")
def calls(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One town for all of these: what is refused changes nothing."""
    file = tmp_path_factory.mktemp("naughty") / "nrm.sqlite3"
    shutil.copyfile(sqlite_template, file)
    made = town(f"sqlite:///{file}")
    with api(made) as on_it:
        yield on_it
    made.database.close()


@pytest.fixture(scope="module")
def made(calls: Api) -> Cast:
    return cast(calls.town)


def clean(answer: Response, what: object) -> None:
    """Refused with a problem that repeats nothing, or done."""
    assert answer.status_code < 500, (what, answer.text)
    assert MARK not in answer.text, what
    if answer.status_code >= 400:
        assert len(problem(answer)["code"]) < 50, what


def refused(answer: Response, what: object) -> None:
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text)
    clean(answer, what)


def operations(made: Cast, calls: Api) -> Iterator[tuple[str, str, Caller, Any]]:
    """Every operation as somebody who may, with a body that would do."""
    for (method, template), expected in TABLE.items():
        actor = next((name for name, status in expected.items() if status < 400), None)
        if actor is None:
            continue
        known = f"{method} {template}" if (method, template) == ("PUT", "/requests/{open}") else template
        wanted = body(known, made) if method in {"POST", "PUT"} else None
        yield method, template, calls.caller(ACTORS[actor]), wanted


def fields(wanted: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    yield from wanted
    yield from (name for name in schema.get("properties", {}) if name not in wanted)


def _body_of(operation: dict[str, Any]) -> str:
    """The name of the shape that a call takes; empty when it takes none of its own."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    named = [content, *content.get("anyOf", [])]
    return next((one["$ref"] for one in named if "$ref" in one), "")


def test_every_field_of_every_body(made: Cast, calls: Api) -> None:
    said = calls.client.get("/api/v1/openapi.json").json()
    document = said["components"]["schemas"]
    needed = {
        (method.upper(), shape(path.removeprefix("/api/v1"))): document[reference.rpartition("/")[2]].get(
            "required", ()
        )
        for path, operations_of in said["paths"].items()
        for method, operation in operations_of.items()
        if (reference := _body_of(operation))
    }
    assert sum(map(len, needed.values())) > 100
    schemas = {
        "/requests": "RequestIn",
        "/requests/{open}": "AmendIn",
        "/requests/{open}/closing": "CloseIn",
        "/requests/{open}/offers": "OfferIn",
        "/locations/{location}/pause": "PauseIn",
        "/locations/{location}/rules/addiction": "RuleIn",
        "/places/{place}/closure": "ClosureIn",
        "/places/{place}/occupation": "OccupyIn",
        "/stays/{stay}/address-release": "ReleaseIn",
    }
    tried = 0
    for method, template, caller, wanted in operations(made, calls):
        if wanted is None:
            continue
        path = template.format_map(made.ids)
        headers = {"Content-Type": "application/json"}
        for name in fields(wanted, document.get(schemas.get(template, ""), {})):
            for kind, text in BAD_JSON.items():
                rest = json.dumps({key: value for key, value in wanted.items() if key != name})[1:-1]
                content = f'{{"{name}": {text}{", " + rest if rest else ""}}}'
                answer = caller.call(method, path, headers=headers, content=content.encode())
                clean(answer, (method, template, name, kind))
                tried += 1
                if kind in {"hugest", "infinite", "nan", "deep", "deepest", "object"} and name != "facts":
                    refused(answer, (method, template, name, kind))
            if name in wanted and name in needed.get((method, shape(template)), ()) and name != "password":
                short = {key: value for key, value in wanted.items() if key != name}
                refused(caller.call(method, path, short), (method, template, f"without {name}"))
        refused(caller.call(method, path, {**wanted, MARK.lower(): 1, "x" * 300: 1}), (method, template, "unknown"))
    assert tried > 700


WHOLE = {
    "nothing": b"",
    "no json": b"\xff\xfe" + MARK.encode(),
    "bad utf-8": b'{"region": "\xff\xff"}',
    "utf-16": '{"region": "VR17"}'.encode("utf-16"),
    "a list": f'["{MARK}"]'.encode(),
    "a text": f'"{MARK}"'.encode(),
    "a number": b"1",
    "null": b"null",
    "cut off": b'{"region": "VR17", "urgency": ',
    "deep": b'{"a":' * 10_000,
    "just too large": b'{"region": "' + b"x" * BODY_BYTES_MAX + b'"}',
    "a megabyte": b"x" * 2**20,
}


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_bodies(made: Cast, calls: Api, kind: str) -> None:
    for method, template, caller, wanted in operations(made, calls):
        if not wanted:
            continue
        path = template.format_map(made.ids)
        answer = caller.call(method, path, content=WHOLE[kind], headers={"Content-Type": "application/json"})
        refused(answer, (method, template))
        if len(WHOLE[kind]) > BODY_BYTES_MAX:
            assert answer.status_code == 413


def test_a_chunked_body_over_the_limit(made: Cast, calls: Api) -> None:
    """It says no length at all, so it is counted while it comes in."""
    for method, template, caller, wanted in operations(made, calls):
        if not wanted:
            continue
        chunks = (b" " * 8192 for _ in range(9))
        answer = caller.call(
            method, template.format_map(made.ids), content=chunks, headers={"Content-Type": "application/json"}
        )
        refused(answer, (method, template))
        assert answer.status_code == 413, template


@pytest.mark.parametrize("length", ["-1", "a", "1e3", "9" * 30, "9" * 5000, "", "+5", "0x10"])
def test_a_content_length_that_is_none(calls: Api, length: str) -> None:
    answer = calls.client.post("/api/v1/session", content=b"{}", headers={"Content-Length": length})
    refused(answer, length)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "x" * 500])
def test_another_content_type(made: Cast, calls: Api, kind: str) -> None:
    caller = calls.caller(ACTORS["coordinator"])
    content = json.dumps(body("/requests", made)).encode()
    refused(caller.call("POST", "/requests", content=content, headers={"Content-Type": kind}), kind)


def test_a_key_that_is_there_twice(made: Cast, calls: Api) -> None:
    """Two readers of one text could each see another value: whether the police may know, for example."""
    caller = calls.caller(ACTORS["coordinator"])
    twice = (
        b'{"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24}], %s}',
        b'"refusesPolice": true, "refusesPolice": false',
    )
    once = twice[0].replace(b"%s", b'"refusesPolice": true')
    json_headers = {"Content-Type": "application/json"}
    answer = caller.call("POST", "/requests", content=twice[0].replace(b"%s", twice[1]), headers=json_headers)
    refused(answer, "twice")
    assert problem(answer)["code"] == "doubled_key"
    inside = b'{"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24, "age": 12}]}'
    refused(caller.call("POST", "/requests", content=inside, headers=json_headers), "twice inside")
    assert caller.call("POST", "/requests", content=once, headers=json_headers).status_code == 201


PATHS = (
    "%00",
    "a%00b",
    "x" * 41,
    "x" * 10_000,
    "%ff%fe",
    "%ED%A0%80",
    "%E2%80%AE",
    "..%2f..%2fetc",
    "a%2fb",
    "%20",
    "'%20OR%201=1",
    "%F0%9F%98%80",
    MARK + "%0a",
)


def test_identifiers_in_paths(made: Cast, calls: Api) -> None:
    for method, template, caller, wanted in operations(made, calls):
        if "{" not in template:
            continue
        before, _, after = template.partition("{")
        for naughty in PATHS:
            path = before + naughty + after.partition("}")[2]
            refused(caller.call(method, path, wanted), (method, template, naughty[:20]))


@pytest.mark.parametrize(
    "query",
    [
        "closed=maybe",
        "closed=",
        "closed=%00",
        f"closed={MARK}",
        "closed=" + "9" * 5000,
        "closed=1&closed=" + MARK,
        "limit=-1&closed=x",
        "after=%ff&closed=[]",
    ],
)
def test_queries(made: Cast, calls: Api, query: str) -> None:
    assert made.ids
    clean(calls.caller(ACTORS["coordinator"]).call("GET", f"/requests?{query}"), query)


HEADERS = (
    {"Cookie": "nrm=" + "x" * 5000},
    {"Cookie": "nrm=\xff\xfe".encode("latin-1")},
    {"Cookie": "nrm"},
    {"Cookie": ";;;=;=="},
    {"Cookie": 'nrm="\\377\\"'},
    {"Cookie": "nrm=a; nrm=b"},
    {"X-CSRF-Token": "x" * 5000},
    {"X-CSRF-Token": b"\xff\x80"},
    {"Idempotency-Key": "x"},
    {"Idempotency-Key": "x" * 101},
    {"Idempotency-Key": b"\xff" * 20},
    {"Idempotency-Key": "with a space"},
    {"Origin": b"\xff\xfe"},
    {"Origin": "http://[" + MARK},
)


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: str(headers)[:30])
def test_headers(made: Cast, calls: Api, headers: dict[str, Any]) -> None:
    for method, template, caller, wanted in operations(made, calls):
        if method == "GET":
            continue
        refused(caller.call(method, template.format_map(made.ids), wanted, headers=headers), (method, template))


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/", "/api/v1/requests/", "/api/v2/requests", "//"])
def test_paths_that_are_none(calls: Api, path: str) -> None:
    answer = calls.client.get(path)
    refused(answer, path)
    assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")


def test_methods_that_are_none(calls: Api) -> None:
    for method in ("PATCH", "PUT", "TRACE", "OPTIONS", "BREW"):
        answer = calls.client.request(method, "/api/v1/requests")
        assert (answer.status_code, problem(answer)["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("text", [f'"{MARK}\\ud800"', f'"{MARK}\\u0000"', "1", "[]", "{}", f'"{MARK * 500}"', "NaN"])
@pytest.mark.parametrize("name", ["login", "password"])
def test_naughty_logins(calls: Api, name: str, text: str) -> None:
    other = "password" if name == "login" else "login"
    content = f'{{"{name}": {text}, "{other}": "x"}}'.encode()
    answer = calls.client.post("/api/v1/session", content=content, headers={"Content-Type": "application/json"})
    refused(answer, (name, text[:20]))


def test_the_unforeseen_is_a_problem_too(tmp_path: Path, sqlite_url: str) -> None:
    """A defect of ours: a 500 that says that, and nothing of what happened."""
    made = town(sqlite_url)
    app = create_app(Parts(made.database, Settings(worker=False, data=tmp_path), KEY))

    @app.get("/planted")
    def planted() -> None:
        raise LookupError(MARK)

    answer = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False).get("/planted")
    assert (answer.status_code, problem(answer)["code"]) == (500, "failed")
    assert MARK not in answer.text
    made.database.close()
