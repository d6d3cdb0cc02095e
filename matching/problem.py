"""What is asked: requests, units and the numbers the caller chose. Frozen, and refused when it makes no sense.

Every refusal is a `MalformedProblem` naming the field and the object. The same rules hold for a `Problem` read from
JSON (`read_problem`) and for one built directly in Python: the JSON reader only checks that keys are known and not
doubled, everything else is checked by the classes themselves.

Units of measure: `waiting_hours` is hours, `days`, `from_day`, `latest_day`, `available_from` and `available_until`
are days counted from the moment of solving, `places` is beds, `age` and its limits are whole years.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final, NoReturn, TypeVar

INTEGER_MAX: Final = 2**31 - 1
ZONE_CLASS_MAX: Final = 9
ZONE_CLASS_ELSEWHERE: Final = 9

URGENCIES: Final = ("now", "today", "soon", "planned")
LEVELS: Final = (*URGENCIES, "waiting", "care", "change", "fit")
SEXES: Final = ("f", "m", "x")
FACTS: Final = ("yes", "no", "unknown")
STANCES: Final = ("accepts", "consult", "excludes")
FRESHNESSES: Final = ("fresh", "aging", "stale", "unknown")
CLOSURES: Final = ("intake_hours", "paused", "no_authority", "out_of_service")
BARS: Final = ("lending", "authority", "declined", "history", "safety")

_NAME_SHOWN_MAX = 60


class MalformedProblem(ValueError):
    """The input breaks a rule of the problem's form; the message is one line naming the field and the object."""


def quoted(name: object) -> str:
    """`name` as it may appear in a one-line message: escaped, and cut when somebody sends a novel."""
    text = json.dumps(name) if isinstance(name, str) else type(name).__name__
    return text if len(text) <= _NAME_SHOWN_MAX else text[:_NAME_SHOWN_MAX] + "…"


def _refuse(where: str, name: str, why: str) -> NoReturn:
    raise MalformedProblem(f"{where}: field {quoted(name)} {why}")


def _integer(where: str, name: str, value: object, most: int = INTEGER_MAX) -> int:
    if type(value) is not int:
        _refuse(where, name, "must be an integer")
    if not 0 <= value <= most:
        _refuse(where, name, f"must be between 0 and {most}")
    return value


def _text(where: str, name: str, value: object) -> str:
    if type(value) is not str:
        _refuse(where, name, "must be a string")
    if not value:
        _refuse(where, name, "must not be empty")
    return value


def _flag(where: str, name: str, value: object) -> bool:
    if type(value) is not bool:
        _refuse(where, name, "must be true or false")
    return value


def _choice(where: str, name: str, value: object, choices: tuple[str, ...]) -> str:
    if type(value) is not str or value not in choices:
        _refuse(where, name, f"must be one of {', '.join(choices)}")
    return value


def _sequence(where: str, name: str, value: object) -> tuple[Any, ...]:
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(value, key=repr))
    if not isinstance(value, (list, tuple)):
        _refuse(where, name, "must be a list")
    return tuple(value)


def _texts(where: str, name: str, value: object, choices: tuple[str, ...] | None = None) -> tuple[str, ...]:
    items = _sequence(where, name, value)
    for item in items:
        if choices is None:
            _text(where, name, item)
        else:
            _choice(where, name, item, choices)
    if len(set(items)) != len(items):
        _refuse(where, name, "holds a duplicate")
    return items


def _mapping(where: str, name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(where, name, "must be an object")
    for key in value:
        _text(where, name, key)
    return dict(value)


def _choices_by_key(where: str, name: str, value: object, choices: tuple[str, ...]) -> Mapping[str, str]:
    return {key: _choice(where, name, item, choices) for key, item in _mapping(where, name, value).items()}


@dataclass(frozen=True, slots=True)
class Person:
    """One member of a party. `sex` is f, m or x (other or unknown); `parent` marks a parent of any age."""

    sex: str
    age: int
    parent: bool = False

    def __post_init__(self) -> None:
        _choice("person", "sex", self.sex, SEXES)
        _integer("person", "age", self.age)
        _flag("person", "parent", self.parent)


@dataclass(frozen=True, slots=True)
class Weights:
    """What `care` counts: `risk` of a refusal at the door, `scarcity` of the place used. Both 0 … 2^31 − 1."""

    risk: int = 1
    scarcity: int = 1

    def __post_init__(self) -> None:
        _integer("weights", "risk", self.risk)
        _integer("weights", "scarcity", self.scarcity)


@dataclass(frozen=True, slots=True)
class Unit:
    """One room or apartment, with the `places` that are free from `available_from` on. Full and closed ones too."""

    id: str
    location: str
    region: str
    pool: str
    places: int
    private: bool = False
    sexes: tuple[str, ...] = ()
    sons_until: int = 12
    age_min: int = 18
    age_max: int = 120
    children: bool = False
    stance: Mapping[str, str] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    available_from: int = 0
    available_until: int | None = None
    freshness: str = "unknown"
    scarcity: int = 0
    closed: str | None = None

    def __post_init__(self) -> None:
        _text("unit", "id", self.id)
        where = f"unit {quoted(self.id)}"
        for name in ("location", "region", "pool"):
            _text(where, name, getattr(self, name))
        for name in ("places", "sons_until", "age_min", "age_max", "available_from", "scarcity"):
            _integer(where, name, getattr(self, name))
        for name in ("private", "children"):
            _flag(where, name, getattr(self, name))
        _set(self, "sexes", _texts(where, "sexes", self.sexes, SEXES))
        _set(self, "offers", _texts(where, "offers", self.offers))
        _set(self, "stance", _choices_by_key(where, "stance", self.stance, STANCES))
        _choice(where, "freshness", self.freshness, FRESHNESSES)
        if self.available_until is not None:
            _integer(where, "available_until", self.available_until)
        if self.closed is not None:
            _choice(where, "closed", self.closed, CLOSURES)
        if self.age_min > self.age_max:
            _refuse(where, "age_max", "is below age_min")

    def sized(self, places: int) -> "Unit":
        """The same with so many places. Raises `MalformedProblem`."""
        resized = _copied(self)
        _set(resized, "places", _integer(f"unit {quoted(self.id)}", "places", places))
        return resized


@dataclass(frozen=True, slots=True)
class Request:
    """One party that needs a place, never split. `apart` names requests and stays it must not share a location with."""

    id: str
    region: str
    urgency: str
    waiting_hours: int
    persons: tuple[Person, ...]
    pools: tuple[str, ...]
    latest_day: int
    days: int
    facts: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    wishes: tuple[str, ...] = ()
    unsafe_regions: tuple[str, ...] = ()
    barred: Mapping[str, str] = field(default_factory=dict)
    only_locations: tuple[str, ...] | None = None
    apart: tuple[str, ...] = ()
    together: str | None = None
    from_day: int = 0
    claim: int = 0
    previous: str | None = None

    def __post_init__(self) -> None:
        _text("request", "id", self.id)
        where = f"request {quoted(self.id)}"
        _text(where, "region", self.region)
        _choice(where, "urgency", self.urgency, URGENCIES)
        for name in ("waiting_hours", "from_day", "latest_day", "days", "claim"):
            _integer(where, name, getattr(self, name))
        _set(self, "persons", _sequence(where, "persons", self.persons))
        if not all(isinstance(person, Person) for person in self.persons):
            _refuse(where, "persons", "must hold persons")
        for name in ("pools", "needs", "wishes", "unsafe_regions", "apart"):
            _set(self, name, _texts(where, name, getattr(self, name)))
        for name in ("persons", "pools"):
            if not getattr(self, name):
                _refuse(where, name, "must not be empty")
        _set(self, "facts", _choices_by_key(where, "facts", self.facts, FACTS))
        _set(self, "barred", _choices_by_key(where, "barred", self.barred, BARS))
        if self.only_locations is not None:
            _set(self, "only_locations", _texts(where, "only_locations", self.only_locations))
        for name in ("together", "previous"):
            if getattr(self, name) is not None:
                _text(where, name, getattr(self, name))
        if self.latest_day < self.from_day:
            _refuse(where, "latest_day", "is before from_day")

    @property
    def size(self) -> int:
        """Persons in the party."""
        return len(self.persons)

    def standing_in(self, unit_id: str) -> "Request":
        """The same with this unit as `previous`."""
        moved = _copied(self)
        _set(moved, "previous", unit_id)
        return moved


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything one solve looks at.

    `occupants`: location → ids of who is there. `zones`: request region → unit region → class 0…9.
    """

    criteria: tuple[str, ...]
    units: tuple[Unit, ...]
    requests: tuple[Request, ...]
    weights: Weights = field(default_factory=Weights)
    occupants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    zones: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    version: int = 1

    def __post_init__(self) -> None:
        if _integer("problem", "version", self.version) != 1:
            _refuse("problem", "version", "must be 1")
        _set(self, "criteria", _texts("problem", "criteria", self.criteria))
        if not isinstance(self.weights, Weights):
            _refuse("problem", "weights", "must be weights")
        _set(self, "units", _with_unique_ids("units", self.units, Unit))
        _set(self, "requests", _with_unique_ids("requests", self.requests, Request))
        occupants = _mapping("problem", "occupants", self.occupants)
        _set(self, "occupants", {at: _texts(f"occupants of {quoted(at)}", at, who) for at, who in occupants.items()})
        zones = _mapping("problem", "zones", self.zones)
        _set(self, "zones", {start: _zone_row(start, row) for start, row in zones.items()})
        listed = set(self.criteria)
        for unit in self.units:
            _only_listed(f"unit {quoted(unit.id)}", "stance", unit.stance, listed)
        for request in self.requests:
            _only_listed(f"request {quoted(request.id)}", "facts", request.facts, listed)
        _refuse_apart_within_groups(self.requests)

    def request(self, request_id: str) -> Request:
        """The request with that id; `MalformedProblem` if there is none."""
        for request in self.requests:
            if request.id == request_id:
                return request
        raise MalformedProblem(f"problem: no request {quoted(request_id)}")

    def unit(self, unit_id: str) -> Unit:
        """The unit with that id; `MalformedProblem` if there is none."""
        for unit in self.units:
            if unit.id == unit_id:
                return unit
        raise MalformedProblem(f"problem: no unit {quoted(unit_id)}")

    def amended(self, requests: Iterable[Request], units: Iterable[Unit], fresh: Iterable[Request | Unit]) -> "Problem":
        """The same with other lists (ids unique), of which only the `fresh` ones are not in this problem already.

        Raises `MalformedProblem` as making the problem anew would, in a fraction of the time.
        """
        amended = _copied(self)
        _set(amended, "requests", tuple(requests))
        _set(amended, "units", tuple(units))
        listed, linked = set(self.criteria), False
        for one in fresh:
            if isinstance(one, Unit):
                _only_listed(f"unit {quoted(one.id)}", "stance", one.stance, listed)
            else:
                _only_listed(f"request {quoted(one.id)}", "facts", one.facts, listed)
                linked = linked or one.together is not None
        if linked:
            _refuse_apart_within_groups(amended.requests)
        return amended

    def zone_class(self, request_region: str, unit_region: str) -> int:
        """Travel class 0–9 from where the request is to where the unit is; unnamed pairs are 0 at home, else 9."""
        unnamed = 0 if request_region == unit_region else ZONE_CLASS_ELSEWHERE
        return self.zones.get(request_region, {}).get(unit_region, unnamed)


def _set(frozen: object, name: str, value: object) -> None:
    """Store the normalised value of a frozen object's field while it is being made."""
    object.__setattr__(frozen, name, value)


_Frozen = TypeVar("_Frozen", Unit, Request, Problem)


def _copied(frozen: _Frozen) -> _Frozen:
    """Another one with the same content, to be set otherwise; `copy.copy` takes three times as long."""
    kind = type(frozen)
    twin = kind.__new__(kind)
    for name in _FIELDS[kind]:
        _set(twin, name, getattr(frozen, name))
    return twin


_FIELDS: Final = {kind: tuple(one.name for one in fields(kind)) for kind in (Unit, Request, Problem)}

_Identified = TypeVar("_Identified", Unit, Request)


def _with_unique_ids(name: str, value: object, kind: type[_Identified]) -> tuple[_Identified, ...]:
    items = _sequence("problem", name, value)
    seen: set[str] = set()
    for item in items:
        if not isinstance(item, kind):
            _refuse("problem", name, f"must hold {name}")
        if item.id in seen:
            _refuse("problem", name, f"holds id {quoted(item.id)} twice")
        seen.add(item.id)
    return items


def _zone_row(start: str, row: object) -> Mapping[str, int]:
    where = f"zones from {quoted(start)}"
    return {end: _integer(where, end, value, ZONE_CLASS_MAX) for end, value in _mapping("zones", start, row).items()}


def _only_listed(where: str, name: str, named: Iterable[str], listed: set[str]) -> None:
    for criterion in named:
        if criterion not in listed:
            _refuse(where, name, f"names {quoted(criterion)}, which is not in criteria")


def _refuse_apart_within_groups(requests: Iterable[Request]) -> None:
    group_of = {request.id: request.together for request in requests if request.together is not None}
    if not group_of:
        return
    for request in requests:
        for other in request.apart:
            if other != request.id and request.together is not None and group_of.get(other) == request.together:
                _refuse(f"request {quoted(request.id)}", "apart", f"names {quoted(other)} of its own together group")


# --- reading JSON ----------------------------------------------------------------------------------------------------


class _DoubledKey(ValueError):
    pass


def parse_json(text: str | bytes) -> Any:
    """Strictly parsed JSON: UTF-8, no doubled keys, no NaN or Infinity. Raises `MalformedProblem` with one line."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        return json.loads(text, object_pairs_hook=_object_without_doubles, parse_constant=_no_constant)
    except _DoubledKey as error:
        raise MalformedProblem(f"JSON: key {error} appears twice in one object") from None
    except RecursionError:
        raise MalformedProblem("JSON: nested too deeply") from None
    except UnicodeDecodeError:
        raise MalformedProblem("JSON: not UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedProblem(f"JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:  # an integer with thousands of digits, or NaN
        raise MalformedProblem("JSON: a number that is not one (NaN, Infinity, or far too many digits)") from None


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DoubledKey(quoted(key))
            seen.add(key)
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def checked_keys(where: str, value: object, required: Iterable[str], allowed: Iterable[str]) -> dict[str, Any]:
    """`value` if it is an object with all `required` and only `allowed` keys; else `MalformedProblem`."""
    if not isinstance(value, dict):
        raise MalformedProblem(f"{where}: must be an object")
    permitted = set(allowed)
    for key in value:
        if key not in permitted:
            raise MalformedProblem(f"{where}: unknown field {quoted(key)}")
    for key in required:
        if key not in value:
            raise MalformedProblem(f"{where}: field {quoted(key)} is missing")
    return value


_Shape = TypeVar("_Shape", Person, Weights, Unit, Request, Problem)


def _keys(shape: type[_Shape]) -> tuple[list[str], list[str]]:
    """Required and allowed JSON keys of a class: its fields, required when they have no default."""
    allowed = [one.name for one in fields(shape)]
    required = [one.name for one in fields(shape) if one.default is MISSING and one.default_factory is MISSING]
    return required, allowed


_PERSON_KEYS = _keys(Person)
_WEIGHTS_KEYS = _keys(Weights)
_UNIT_KEYS = _keys(Unit)
_REQUEST_KEYS = _keys(Request)
_PROBLEM_KEYS = _keys(Problem)


def _name_of(kind: str, position: int, value: object) -> str:
    identity = value.get("id") if isinstance(value, dict) else None
    return f"{kind} {quoted(identity)}" if type(identity) is str else f"{kind} number {position + 1}"


def unit_from_json(value: object, position: int = 0) -> Unit:
    """A unit from its JSON object; `position` only names it in a refusal when it has no id."""
    where = _name_of("unit", position, value)
    return Unit(**checked_keys(where, value, *_UNIT_KEYS))


def request_from_json(value: object, position: int = 0) -> Request:
    """A request from its JSON object; `position` only names it in a refusal when it has no id."""
    where = _name_of("request", position, value)
    content = dict(checked_keys(where, value, *_REQUEST_KEYS))
    persons = content["persons"]
    if not isinstance(persons, list):
        _refuse(where, "persons", "must be a list")
    content["persons"] = [_person_from_json(where, number, person) for number, person in enumerate(persons, 1)]
    return Request(**content)


def _person_from_json(where: str, number: int, value: object) -> Person:
    content = checked_keys(f"{where}, person {number}", value, *_PERSON_KEYS)
    try:
        return Person(**content)
    except MalformedProblem as error:
        raise MalformedProblem(f"{where}, {str(error).replace('person', f'person {number}', 1)}") from None


def problem_from_json(value: object) -> Problem:
    """A problem from parsed JSON (see `parse_json`). Raises `MalformedProblem`."""
    content = dict(checked_keys("problem", value, [*_PROBLEM_KEYS[0], "version"], _PROBLEM_KEYS[1]))
    for name in ("units", "requests"):
        if not isinstance(content[name], list):
            _refuse("problem", name, "must be a list")
    content["units"] = [unit_from_json(unit, at) for at, unit in enumerate(content["units"])]
    content["requests"] = [request_from_json(request, at) for at, request in enumerate(content["requests"])]
    if "weights" in content:
        content["weights"] = Weights(**checked_keys("weights", content["weights"], *_WEIGHTS_KEYS))
    return Problem(**content)


def read_problem(text: str | bytes) -> Problem:
    """A problem from JSON text, read strictly. Raises `MalformedProblem` with one line."""
    return problem_from_json(parse_json(text))
