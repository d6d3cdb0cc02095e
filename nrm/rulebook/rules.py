"""What of a policy can be changed in the product, and where two bodies differ. Pure: no session, no clock."""

import json
import types
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import time
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from nrm.policy import Policy


class Sort(StrEnum):
    """How one value of a policy is written down."""

    NUMBER = "number"
    TIME = "time"
    CHOICES = "choices"
    LINES = "lines"
    """Several lines of several values each, which need a form of their own."""
    FIXED = "fixed"
    """Codes of a list that is kept elsewhere: not changed here."""


@dataclass(frozen=True)
class Leaf:
    """One value of a policy: where it stands, and what may stand there."""

    path: tuple[str, ...]
    sort: Sort
    names: tuple[str, ...]
    """The fields on the way to it."""
    keys: tuple[str, ...]
    """What it is for, of the maps on the way: pools, urgencies."""
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    optional: bool = False
    """May be left unsaid."""
    each: str | None = None
    """Of choices: the one field of the thing each of them is."""
    nullable: bool = False
    """Left empty it is "no such condition" or "never", which is something else than an empty list."""


@dataclass(frozen=True)
class Difference:
    """A value that is not the same in two bodies. A list is one value; None is not said."""

    path: tuple[str, ...]
    before: Any
    after: Any


@cache
def leaves(kind: type[Policy]) -> tuple[Leaf, ...]:
    """Every value of a kind of policy, in the order of its fields."""
    return tuple(_of_model(kind, kind().model_dump(mode="json"), _Place()))


def value_at(body: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path of a body; None when it is not said."""
    found: Any = body
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def with_values(
    body: Mapping[str, Any], values: Mapping[tuple[str, ...], Any], without: Iterable[tuple[str, ...]] = ()
) -> dict[str, Any]:
    """The body with these values in it, and without those of a map that are unsaid, or the map they leave empty."""
    made = deepcopy(dict(body))
    for path, value in values.items():
        inner = made
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    for path in without:
        _take_out(made, path)
    return made


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Where two bodies differ, in the order of the first and then what only the second says."""
    old, new = dict(_flat(before, ())), dict(_flat(after, ()))
    return [Difference(path, old.get(path), new.get(path)) for path in {**old, **new} if old.get(path) != new.get(path)]


def out_of_reach(kind: type[Policy], changed: list[Difference]) -> list[Difference]:
    """Those differences that nobody makes here."""
    fixed = [leaf.path for leaf in leaves(kind) if leaf.sort is Sort.FIXED]
    return [one for one in changed if any(one.path[: len(path)] == path for path in fixed)]


def unsaid(kind: type[Policy], body: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What a body leaves out although somebody relies on it: a deadline of one urgency, the deciders of one pool."""
    return [
        leaf.path
        for leaf in leaves(kind)
        if not leaf.optional and not leaf.nullable and leaf.sort is not Sort.FIXED and value_at(body, leaf.path) is None
    ]


def said_twice(kind: type[Policy], body: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The lists of choices in which one stands twice."""
    found = ((leaf.path, value_at(body, leaf.path) or ()) for leaf in leaves(kind) if leaf.sort is Sort.CHOICES)
    return [path for path, said in found if len({json.dumps(one) for one in said}) < len(said)]


def as_json(body: Mapping[str, Any]) -> str | None:
    """The body as the one JSON text of it; None when it can be none (a number without end)."""
    try:
        return json.dumps(body, sort_keys=True, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return None


@dataclass(frozen=True)
class _Place:
    """How far the walk through a policy is."""

    path: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    optional: bool = False

    def leaf(self, sort: Sort, **more: Any) -> Leaf:
        return Leaf(self.path, sort, self.names, self.keys, optional=self.optional, **more)


def _of_model(model: type[Policy], default: Any, place: _Place) -> Iterator[Leaf]:
    for name, found in model.model_fields.items():
        inner = default.get(name) if isinstance(default, Mapping) else None
        # What a body may have been stored without, it may still leave unsaid.
        optional = place.optional or model.before.get(name) == {}
        there = replace(place, path=(*place.path, name), names=(*place.names, name), optional=optional)
        yield from _walk(found.annotation, tuple(found.metadata), inner, there)


def _walk(annotation: Any, metadata: tuple[Any, ...], default: Any, place: _Place) -> Iterator[Leaf]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _walk(arguments[0], (*metadata, *arguments[1:]), default, place)
    elif origin is dict:
        said = default if isinstance(default, Mapping) else {}
        every = get_args(arguments[0])
        partial = set(said) != set(every)
        for key in every:
            there = replace(place, path=(*place.path, key), keys=(*place.keys, key), optional=place.optional or partial)
            yield from _walk(arguments[1], (), said.get(key), there)
    elif isinstance(annotation, type) and issubclass(annotation, Policy):
        yield from _of_model(annotation, default, place)
    elif annotation is int:
        low, high = _bounds(metadata)
        yield place.leaf(Sort.NUMBER, low=low, high=high)
    elif annotation is time:
        yield place.leaf(Sort.TIME)
    elif origin is tuple:
        yield _of_list(arguments[0], place)
    elif origin in {Union, types.UnionType} and type(None) in arguments:
        [said] = [one for one in arguments if one is not type(None)]
        for leaf in _walk(said, metadata, default, place):
            yield replace(leaf, nullable=True)
    else:
        yield place.leaf(Sort.FIXED)


def _of_list(item: Any, place: _Place) -> Leaf:
    if get_origin(item) is Literal:
        return place.leaf(Sort.CHOICES, choices=get_args(item))
    if isinstance(item, type) and issubclass(item, Policy):
        fields = item.model_fields
        only = next(iter(fields.values())).annotation if len(fields) == 1 else None
        if get_origin(only) is Literal:
            return place.leaf(Sort.CHOICES, choices=get_args(only), each=next(iter(fields)))
        return place.leaf(Sort.LINES)
    return place.leaf(Sort.FIXED)


def _bounds(metadata: tuple[Any, ...]) -> tuple[int, int]:
    flat = [one for found in metadata for one in (found.metadata if isinstance(found, FieldInfo) else [found])]
    low = next((int(str(one.ge)) for one in flat if isinstance(one, Ge)), 0)
    high = next((int(str(one.le)) for one in flat if isinstance(one, Le)), 10**6)
    return low, high


def _flat(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, (*path, name))
    elif value is not None:
        yield path, value


def _take_out(body: dict[str, Any], path: tuple[str, ...], top: bool = True) -> None:
    """Drop the value at a path, and a map inside a map that it leaves empty."""
    name, *rest = path
    if not rest:
        body.pop(name, None)
    elif isinstance(body.get(name), dict):
        _take_out(body[name], tuple(rest), top=False)
        if not body[name] and not top:
            body.pop(name)
