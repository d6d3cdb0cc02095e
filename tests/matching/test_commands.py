"""The commands, through the command line: exact outputs, strict input, exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import matching
from matching.__main__ import main

PROBLEM: dict[str, Any] = {
    "version": 1,
    "criteria": ["addiction", "psychiatric"],
    "weights": {"risk": 1, "scarcity": 1},
    "occupants": {"L1": ["stay:91"]},
    "zones": {"VR17": {"VR13": 2, "VR17": 0}},
    "units": [
        {"id": "u1", "location": "L1", "region": "VR13", "pool": "COSM", "places": 2, "private": False,
         "sexes": ["f"], "sons_until": 12, "age_min": 18, "age_max": 120, "children": True,
         "stance": {"addiction": "excludes", "psychiatric": "consult"}, "offers": ["wheelchair", "lang:ro"],
         "available_from": 0, "available_until": None, "freshness": "fresh", "scarcity": 0, "closed": None},
        {"id": "u2", "location": "L2", "region": "VR13", "pool": "COSM", "places": 3, "sexes": ["f"],
         "children": True, "offers": ["wheelchair"]},
    ],
    "requests": [
        {"id": "r1", "region": "VR17", "urgency": "now", "waiting_hours": 5,
         "persons": [{"sex": "f", "age": 24}, {"sex": "m", "age": 3}],
         "facts": {"addiction": "no", "psychiatric": "unknown"}, "needs": ["wheelchair"], "wishes": ["lang:ro"],
         "pools": ["COSM", "MUNICIPAL"], "unsafe_regions": ["VR17"], "barred": {"L7": "lending"},
         "only_locations": None, "apart": ["r2", "stay:88"], "together": None, "from_day": 0, "latest_day": 3,
         "days": 14, "claim": 0, "previous": None},
        {"id": "r2", "region": "VR17", "urgency": "soon", "waiting_hours": 7, "persons": [{"sex": "f", "age": 30},
         {"sex": "f", "age": 31}, {"sex": "f", "age": 32}], "pools": ["COSM"], "facts": {"addiction": "yes"},
         "latest_day": 2, "days": 10},
        {"id": "r3", "region": "VR17", "urgency": "soon", "waiting_hours": 6, "persons": [{"sex": "f", "age": 30}],
         "pools": ["COSM"], "facts": {"addiction": "yes"}, "latest_day": 2, "days": 10},
    ],
}  # fmt: skip


def _file(folder: Path, content: object, name: str = "problem.json") -> str:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def _output(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_solve_writes_the_solution_in_the_fixed_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    solution = _output(capsys, "solve", _file(tmp_path, PROBLEM))
    levels = {"now": 0, "today": 0, "soon": 1, "planned": 0, "waiting": 6, "care": 23, "change": 0, "fit": 30}
    assert list(solution) == ["levels", "proven", "bound", "assignments", "alternatives", "unplaced", "stats"]
    assert solution["levels"] == levels
    assert solution["proven"] is True
    assert solution["bound"] == levels
    assert solution["assignments"] == [{"request": "r1", "unit": "u1"}, {"request": "r2", "unit": "u2"}]
    delta = {"soon": 2, "waiting": 15, "care": -6, "fit": 8}
    assert solution["alternatives"] == {"r1": [{"unit": "u2", "levels_delta": delta}], "r2": []}
    assert solution["unplaced"] == [
        {
            "request": "r3",
            "reasons": [{"code": "capacity", "by": ["r2"]}, {"code": "excludes:addiction", "units": 1, "places": 2}],
            "nearest": [{"unit": "u1", "blocked_by": ["excludes:addiction"]}, {"unit": "u2", "blocked_by": []}],
            "would_place": [],
        }
    ]
    assert solution["stats"]["components"] == 1


def test_check_accepts_what_solve_wrote_and_refuses_what_was_planted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = _file(tmp_path, PROBLEM)
    solution = _output(capsys, "solve", problem)
    assert _output(capsys, "check", problem, _file(tmp_path, solution, "s.json")) == {"violations": []}
    solution["assignments"][0]["unit"] = "u2"
    found = _output(capsys, "check", problem, _file(tmp_path, solution, "s.json"), code=1)["violations"]
    assert {one["rule"] for one in found} == {"capacity", "apart", "level"}


def test_explain_writes_place_runner_up_and_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = _file(tmp_path, PROBLEM)
    share = dict.fromkeys(("now", "today", "soon", "planned", "waiting", "care", "change", "fit"), 0)
    delta = {"soon": 2, "waiting": 15, "care": -6, "fit": 8}
    assert _output(capsys, "explain", problem, "r1") == {
        "request": "r1",
        "unit": "u1",
        "levels": {**share, "care": 2, "fit": 12},
        "runner_up": {"unit": "u2", "levels_delta": delta},
        "runner_up_levels": {**share, "care": 10, "fit": 32},
        "decided": {"level": "soon", "term": "others"},
        "others": [{"unit": "u2", "codes": []}],
        "reasons": [],
        "unplaced": None,
        "outbid": None,
        "proven": True,
    }
    third = _output(capsys, "explain", problem, "r3")
    assert (third["unit"], third["runner_up"]) == (None, None)
    assert third["levels"] == {**share, "soon": 1, "waiting": 6}
    assert third["others"] == [{"unit": "u1", "codes": ["excludes:addiction"]}, {"unit": "u2", "codes": []}]
    assert third["unplaced"]["reasons"][0] == {"code": "capacity", "by": ["r2"]}
    assert third["reasons"] == [{"code": "excludes:addiction", "units": 1, "places": 2}]
    assert third["outbid"]["by"] == ["r2"]
    assert third["outbid"]["levels_delta"]["soon"] == 2


def test_prices_writes_what_one_place_more_of_each_kind_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second, first = _output(capsys, "prices", _file(tmp_path, PROBLEM))
    assert (second["units"], second["places"], second["newly_placed"]) == (["u2"], 3, ["r3"])
    assert second["delta"]["soon"] == -1
    # Who has an addiction may not be there, but r1 is nearer to a fresh figure.
    assert (first["units"], first["newly_placed"], first["newly_unplaced"]) == (["u1"], [], [])


def test_value_writes_each_change_and_all_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = {"id": "u9", "location": "L9", "region": "VR17", "pool": "COSM", "places": 1, "sexes": ["f"]}
    changes = [
        {"name": "one more at u2", "unit": "u2", "set": {"places": 4}},
        {"name": "r2 gives up", "request": "r2", "set": {"pools": ["NLA"]}},
        {"name": "new", "add_unit": new},
    ]
    found = _output(capsys, "value", _file(tmp_path, PROBLEM), _file(tmp_path, changes, "c.json"))
    assert [one["name"] for one in found] == ["one more at u2", "r2 gives up", "new", "all"]
    assert [one["newly_placed"] for one in found] == [["r3"], ["r3"], ["r3"], ["r3"]]
    assert [one["newly_unplaced"] for one in found] == [[], ["r2"], [], ["r2"]]
    assert found[0]["delta"] == {"soon": -1, "waiting": -6, "care": 7, "fit": 6}
    assert found[1]["delta"]["soon"] == 2
    assert found[3]["levels"]["soon"] == 3
    assert set(found[0]) == {"name", "levels", "delta", "newly_placed", "newly_unplaced"}


def _with(where: tuple[str | int, ...], value: object) -> dict[str, Any]:
    problem = json.loads(json.dumps(PROBLEM))
    at = problem
    for key in where[:-1]:
        at = at[key]
    at[where[-1]] = value
    return problem


def _without(*where: str | int) -> dict[str, Any]:
    problem = json.loads(json.dumps(PROBLEM))
    at = problem
    for key in where[:-1]:
        at = at[key]
    del at[where[-1]]
    return problem


HUGE = 10**400
UNIT, REQUEST = ("units", 0), ("requests", 0)
MALFORMED: list[tuple[str, object]] = [
    ("empty file", ""),
    ("not JSON", "{"),
    ("not UTF-8", b'{"version": "\xff"}'),
    ("a list", []),
    ("a string", '"x"'),
    ("null", "null"),
    ("an empty object", {}),
    ("deep", "[" * 100_000),
    ("deep in a field", '{"version": 1, "units": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    ("trailing", json.dumps(PROBLEM) + "{}"),
    ("thousands of digits", '{"version": ' + "9" * 5000 + "}"),
    ("NaN", json.dumps(PROBLEM).replace('"waiting_hours": 5', '"waiting_hours": NaN')),
    ("Infinity", json.dumps(PROBLEM).replace('"waiting_hours": 5', '"waiting_hours": Infinity')),
    ("doubled key", json.dumps(PROBLEM).replace('"version": 1', '"version": 1, "version": 1')),
    ("doubled key in a map", json.dumps(PROBLEM).replace('"VR13": 2', '"VR13": 2, "VR13": 2')),
    *((f"without {name}", _without(name)) for name in ("version", "criteria", "units", "requests")),
    *((f"unit without {name}", _without(*UNIT, name)) for name in ("id", "location", "region", "pool", "places")),
    *(
        (f"request without {name}", _without(*REQUEST, name))
        for name in ("id", "region", "urgency", "waiting_hours", "persons", "pools", "latest_day", "days")
    ),
    ("person without sex", _without(*REQUEST, "persons", 0, "sex")),
    ("person without age", _without(*REQUEST, "persons", 0, "age")),
    *(
        (f"unknown key in {where}", _with((*where, "colour"), 1))
        for where in ((), UNIT, REQUEST, ("weights",), (*REQUEST, "persons", 0))
    ),
    *((f"version {value!r}", _with(("version",), value)) for value in (0, 2, True, "1", 1.0, None)),
    *(
        (f"{name} {value!r}"[:60], _with((*where, name), value))
        for where, name in (
            (UNIT, "places"),
            (UNIT, "sons_until"),
            (UNIT, "age_min"),
            (UNIT, "available_from"),
            (UNIT, "available_until"),
            (UNIT, "scarcity"),
            (REQUEST, "waiting_hours"),
            (REQUEST, "from_day"),
            (REQUEST, "latest_day"),
            (REQUEST, "days"),
            (REQUEST, "claim"),
            ((*REQUEST, "persons", 0), "age"),
            (("weights",), "risk"),
            (("weights",), "scarcity"),
            (("zones", "VR17"), "VR13"),
        )
        for value in (True, -1, 1.0, "1", [], {}, 2**31, HUGE)
    ),
    *(
        (f"{name} null", _with((*where, name), None))
        for where, name in ((UNIT, "places"), (UNIT, "available_from"), (REQUEST, "from_day"), (REQUEST, "apart"))
    ),
    *(
        (f"{name} {value!r}", _with((*where, name), value))
        for where, name in (
            (UNIT, "id"),
            (UNIT, "location"),
            (UNIT, "region"),
            (UNIT, "pool"),
            (REQUEST, "id"),
            (REQUEST, "region"),
            (REQUEST, "together"),
            (REQUEST, "previous"),
        )
        for value in ("", 1, True, [], {})
    ),
    *((f"{name} a number", _with((*UNIT, name), 1)) for name in ("private", "children", "sexes", "offers", "stance")),
    *(
        (f"{name} a text", _with((*REQUEST, name), "r2"))
        for name in (
            "persons",
            "pools",
            "needs",
            "wishes",
            "unsafe_regions",
            "barred",
            "apart",
            "only_locations",
            "facts",
        )
    ),
    ("zone class 10", _with(("zones", "VR17", "VR13"), 10)),
    ("unknown urgency", _with((*REQUEST, "urgency"), "later")),
    ("unknown sex", _with((*REQUEST, "persons", 0, "sex"), "F")),
    ("unknown sex of a unit", _with((*UNIT, "sexes"), ["f", "v"])),
    ("parent a number", _with((*REQUEST, "persons", 0, "parent"), 1)),
    ("unknown fact", _with((*REQUEST, "facts", "addiction"), "maybe")),
    ("fact of an unlisted criterion", _with((*REQUEST, "facts", "trauma"), "yes")),
    ("unknown stance", _with((*UNIT, "stance", "addiction"), "no")),
    ("stance on an unlisted criterion", _with((*UNIT, "stance", "trauma"), "accepts")),
    ("unknown closure", _with((*UNIT, "closed"), "holiday")),
    ("unknown freshness", _with((*UNIT, "freshness"), "new")),
    ("unknown bar", _with((*REQUEST, "barred", "L7"), "because")),
    ("nobody in the party", _with((*REQUEST, "persons"), [])),
    ("no pool", _with((*REQUEST, "pools"), [])),
    ("doubled pool", _with((*REQUEST, "pools"), ["COSM", "COSM"])),
    ("doubled criterion", _with(("criteria",), ["addiction", "psychiatric", "addiction"])),
    ("doubled occupant", _with(("occupants", "L1"), ["a", "a"])),
    ("doubled unit", _with(("units", 1, "id"), "u1")),
    ("doubled request", _with(("requests", 1, "id"), "r1")),
    ("latest before from", _with((*REQUEST, "from_day"), 4)),
    ("empty age range", _with((*UNIT, "age_min"), 121)),
    (
        "apart within a group",
        _with(("requests",), [{**PROBLEM["requests"][1], "id": one, "together": "g", "apart": ["a"]} for one in "ab"]),
    ),
    ("an id with a line break", _with((*REQUEST, "id"), "a\nb") | {"version": 3}),
    ("a very long id", _with((*REQUEST, "id"), "a" * 100_000) | {"requests": [{"id": "a" * 100_000}]}),
]


@pytest.mark.parametrize(("name", "content"), MALFORMED, ids=[name for name, _ in MALFORMED])
def test_malformed_problems_are_refused_in_one_line(
    name: str, content: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(content, dict) and any(
        HUGE in one.values() for one in (*content.get("units", []), *content.get("requests", []))
    ):
        assert len(str(HUGE)) > 300
    assert main(["solve", _file(tmp_path, content)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    assert 0 < len(captured.err) < 300


def test_a_refusal_names_the_field_and_the_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", _file(tmp_path, _with(("requests", 1, "days"), True))]) == 2
    assert capsys.readouterr().err == 'request "r2": field "days" must be an integer\n'
    assert main(["solve", _file(tmp_path, _with((*REQUEST, "persons", 1, "age"), -1))]) == 2
    assert capsys.readouterr().err == 'request "r1", person 2: field "age" must be between 0 and 2147483647\n'


@pytest.mark.parametrize(
    "changes",
    [
        {},
        [1],
        [{"name": "x"}],
        [{"name": "x", "unit": "nope", "set": {}}],
        [{"name": "x", "unit": "u1", "set": {"places": True}}],
        [{"name": "x", "unit": "u1", "set": {"colour": 1}}],
        [{"name": "x", "unit": "u1", "set": {"id": "u7"}}],
        [{"name": "x", "unit": "u1", "request": "r1", "set": {}}],
        [{"name": "x", "unit": "u1"}],
        [{"name": "x", "add_unit": {"id": "u1", "location": "L", "region": "R", "pool": "P", "places": 1}}],
        [{"name": "all", "unit": "u1", "set": {"places": 1}}],
        [{"name": "x", "request": "r1", "set": {"latest_day": 1, "from_day": 2}}],
    ],
)
def test_malformed_changes_are_refused(changes: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["value", _file(tmp_path, PROBLEM), _file(tmp_path, changes, "c.json")]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    "arguments",
    [[], ["solve"], ["fly", "x"], ["solve", "nowhere.json"], ["solve", "{problem}", "--budget-ms", "-1"],
     ["solve", "{problem}", "--seed", "x"], ["explain", "{problem}", "r9"], ["check", "{problem}", "{problem}"]],
)  # fmt: skip
def test_wrong_arguments_are_one_line_too(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = _file(tmp_path, PROBLEM)
    assert main([problem if one == "{problem}" else one for one in arguments]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_nothing_to_do_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = {"version": 1, "criteria": [], "units": [], "requests": []}
    solution = _output(capsys, "solve", _file(tmp_path, empty))
    assert solution["proven"] is True
    assert set(solution["levels"].values()) == {0}
    assert solution["assignments"] == solution["unplaced"] == []
    for name in ("units", "requests"):
        _output(capsys, "solve", _file(tmp_path, {**PROBLEM, name: []}))


def test_no_time_at_all_still_gives_a_checked_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = _file(tmp_path, PROBLEM)
    solution = _output(capsys, "solve", problem, "--budget-ms", "0")
    assert _output(capsys, "check", problem, _file(tmp_path, solution, "s.json")) == {"violations": []}
    assert all(solution["levels"][level] >= bound for level, bound in solution["bound"].items())


def test_the_same_bytes_in_another_process_and_order(tmp_path: Path) -> None:
    shuffled = {**PROBLEM, "units": PROBLEM["units"][::-1], "requests": PROBLEM["requests"][::-1]}
    runs = [
        subprocess.run(
            [sys.executable, "-m", "matching", "solve", _file(tmp_path, content)], capture_output=True, check=True
        ).stdout
        for content in (PROBLEM, shuffled)
    ]
    assert runs[0] == runs[1]


def test_what_solves_is_not_loaded_before_it_is_used() -> None:
    """Pages and alarms never solve: a worker that restarts in the night must not wait for a solver to load."""
    code = (
        "import sys, matching, nrm.worker, web.app; "
        "heavy = {'numba', 'ortools', 'pandas'}; assert not heavy & sys.modules.keys(), heavy & sys.modules.keys(); "
        "matching.solve; assert 'numba' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = matching.nothing
