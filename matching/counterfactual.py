"""What if: the questions that are answered by solving again with one thing different, exactly.

Each question touches only the parts of the instance it can reach, so only those are solved again. Nothing here guesses:
a shortcut is taken only where a bound shows that solving again would say the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matching.asked import Asked
from matching.columns import Columns
from matching.engine import COLUMNS_FROM, COLUMNS_MAX, Memory, Part, optimum
from matching.model import UNPLACED, Compiled, Instance, LevelAmounts, Placement, pruned
from matching.network import UnprovenFlow
from matching.problem import LEVELS
from matching.search import Found, Limit, TooHard
from matching.solution import Alternative, Lift, Nearest, Outbid, Reason, Unplaced
from matching.wide import Wide
from matching.words import Value, Words

Told = TypeVar("Told")

_FAR = 2**62

NEAREST_MAX = 3
LIFTABLE = ("children", "size", "dates", "barred:lending", "barred:authority")
LIFTABLE_KINDS = ("excludes:", "lacks:", "closed:")


def may_be_lifted(code: str) -> bool:
    """Whether a rule may be lifted at all: never a safety rule, sex, age or pool."""
    return code in LIFTABLE or code.startswith(LIFTABLE_KINDS)


def levels_delta(after: LevelAmounts, before: LevelAmounts) -> dict[str, int]:
    """What changed per level, zero entries left out."""
    return {level: new - old for level, new, old in zip(LEVELS, after, before, strict=True) if new != old}


@dataclass(frozen=True, slots=True)
class _Region:
    """Some parts of the instance together: what a question is asked about. Numbers are those of the whole."""

    requests: NDArray[np.intp]
    units: NDArray[np.intp]
    instance: Instance
    placement: Placement

    def request(self, number: int) -> int:
        return int(np.searchsorted(self.requests, number))

    def unit(self, number: int) -> int:
        return int(np.searchsorted(self.units, number))


class Answer:
    """A placement found for a compiled problem, ready to be questioned."""

    def __init__(
        self,
        source: Compiled,
        found: Found,
        limit: Limit,
        seed: int,
        wide: Wide | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.source = source
        self.wide = wide
        self.found = found
        self.limit = limit
        self.seed = seed
        self.memory = memory
        self.placement: Placement = found.placement or (UNPLACED,) * source.instance.requests
        self.cut_short: set[int] = set()
        self._taken = np.zeros(source.instance.units, np.int64)
        for request, unit in enumerate(self.placement):
            if unit != UNPLACED:
                self._taken[unit] += source.instance.size[request]
        self._parts = source.parts
        self.parts = len(self._parts)
        self._part_of_request = {int(request): at for at, part in enumerate(self._parts) for request in part[0]}
        self._part_of_unit = {int(unit): at for at, part in enumerate(self._parts) for unit in part[1]}
        self._parts_asked: dict[int, tuple[_Region, Part] | None] = {}
        self._asked: dict[int, Asked | None] = {}
        self._columns: dict[int, Columns | None] = {}
        self._rests: dict[int, Found] = {}
        self._lets_in: dict[int, _LetsIn] = {}
        self._removals_asked: dict[int, tuple[_Region, Asked] | None] = {}
        self._rooms: dict[int, _Rooms | None] = {}
        self.lifts: dict[tuple[str, ...], dict[int, Lift]] = {}
        self._reaches: dict[int, tuple[_Region, bytes]] = {}
        self._removals: dict[int, tuple[_Region, Instance, Found]] = {}

    @cached_property
    def amounts(self) -> LevelAmounts:
        """Its levels."""
        return self.source.instance.amounts(self.placement)

    def region(self, requests: Iterable[int], units: Iterable[int] = ()) -> _Region:
        """The parts around some requests and units, with everything the pair rules allow there.

        Members of a group may reach further once one of them is changed, and then meet whom they could not meet before:
        all their units and everyone they must be apart from are looked at.
        """
        asked = set(requests)
        mates = sorted({mate for group in self.source.instance.groups if asked & set(group) for mate in group})
        extra = sorted({*units, *(unit for mate in mates for unit in self.source.instance.allowed(mate).tolist())})
        asked.update(mates)
        asked |= {other for pair in self.source.instance.apart if asked & set(pair) for other in pair}
        parts = {self._part_of_request[request] for request in asked}
        parts |= {self._part_of_unit[unit] for unit in extra if unit in self._part_of_unit}
        return self._region_of(parts, extra)

    def _region_of(self, parts: Iterable[int], extra: list[int]) -> _Region:
        """Some parts, and units that belong to none."""
        parts = list(parts)
        rows = np.unique(np.concatenate([self._parts[part][0] for part in parts])).astype(np.intp)
        columns = np.unique(np.concatenate([*(self._parts[part][1] for part in parts), extra])).astype(np.intp)
        instance = self.source.instance.part(rows, columns)
        number = {int(unit): at for at, unit in enumerate(columns)}
        here = tuple(number.get(self.placement[request], UNPLACED) for request in rows.tolist())
        return _Region(rows, columns, instance, here)

    def mates(self, request: int) -> set[int]:
        """Whom a request must be together with."""
        return {mate for group in self.source.instance.groups if request in group for mate in group} - {request}

    def grouped(self, request: int) -> bool:
        """Whether a request has somebody it must be together with."""
        return bool(self.mates(request))

    def _avoided(self, requests: set[int]) -> list[int]:
        """The locations where somebody is whom one of these must be apart from, in order."""
        instance = self.source.instance
        others = {pair[1 - at] for pair in instance.apart for at in (0, 1) if pair[at] in requests}
        return sorted({int(instance.location[self.placement[o]]) for o in others if self.placement[o] != UNPLACED})

    def part_region(self, request: int) -> _Region:
        """The part of a request, with everything the pair rules allow there."""
        return self._region_of([self._part_of_request[request]], [])

    def part_units(self, request: int) -> NDArray[np.intp]:
        """The units of the part of a request, in numbers of the whole."""
        return self._parts[self._part_of_request[request]][1]

    def in_part(self, request: int) -> int:
        """The number of a request in its part."""
        return int(np.searchsorted(self._parts[self._part_of_request[request]][0], request))

    def same_part(self, request: int) -> list[int]:
        """All requests of the part this one is in."""
        return [int(other) for other in self._parts[self._part_of_request[request]][0]]

    def room_for(self, request: int, units: NDArray[np.intp], places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which units, had they so many places, have room for one party more as things are, links not asked."""
        instance = self.source.instance
        room: NDArray[np.bool_] = self._taken[units] + instance.size[request] <= places
        return room & ~(instance.private[units] & (self._taken[units] > 0))

    def links_allow(self, request: int, units: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which units an unplaced request could join as things are, room not asked; a group never comes alone."""
        instance = self.source.instance
        if self.grouped(request):
            return np.zeros(len(units), np.bool_)
        return ~np.isin(instance.location[units], self._avoided({request}))

    def all_come(self, request: int, unit: int, places: int) -> bool:
        """Whether there is room as things are for a left out request at a unit, had it so many places, and for whoever
        must be with it. They are put in one after the other, the largest first, so a no proves nothing.
        """
        instance = self.source.instance
        there = instance.location[unit]
        mates = self.mates(request)
        if there in self._avoided(mates | {request}):
            return False
        taken = self._taken.copy()
        for one in [request, *sorted(mates, key=lambda mate: -int(instance.size[mate]))]:
            open_to = [unit] if one == request else instance.allowed(one).tolist()
            for home in open_to:
                room = places if home == unit else int(instance.places[home])
                free = not instance.private[home] or taken[home] == 0
                if instance.location[home] == there and free and taken[home] + instance.size[one] <= room:
                    taken[home] += instance.size[one]
                    break
            else:
                return False
        return True

    def part(self, request: int) -> tuple[_Region, Part] | None:
        """The part of a request, ready for questions that open nothing; None where that fails or takes too long."""
        number = self._part_of_request[request]
        if number not in self._parts_asked:
            region = self._region_of([number], [])
            try:
                part = Part(pruned(region.instance), region.placement, self.limit, self.seed)
                self._parts_asked[number] = region, part
            except (TooHard, UnprovenFlow):
                self._parts_asked[number] = None
        return self._parts_asked[number]

    def columns(self, request: int) -> Columns | None:
        """The part of a request with its columns, if it is large; None where that takes too long.

        Numbers as in `part`.
        """
        number = self._part_of_request[request]
        if number not in self._columns:
            self._columns[number] = None
            if COLUMNS_FROM <= len(self._parts[number][0]) <= COLUMNS_MAX and self.found.proven:
                region = self._region_of([number], [])
                with suppress(TooHard, UnprovenFlow):
                    columns = Columns(pruned(region.instance), region.placement, self.limit)
                    if columns.placement == region.placement:
                        self._columns[number] = columns
        return self._columns[number]

    def best(
        self,
        request: int,
        *,
        require: int | None = None,
        without: int | None = None,
        within: Sequence[int] | None = None,
        worth_less_than: Value | None = None,
    ) -> Found | None:
        """What `Part.best` finds in the part of a request; None where there is none to ask."""
        if (columns := self.columns(request)) is not None:
            with suppress(TooHard):
                found = columns.best(require=require, without=without, within=within, worth_less_than=worth_less_than)
                return Found(found, True)
        part = self.part(request)
        if part is None:
            return None
        return part[1].best(require=require, without=without, within=within, worth_less_than=worth_less_than)

    def asked(self, request: int) -> Asked | None:
        """The part of a request with the proof of its optimum; None where that takes too long. Numbers as in `part`."""
        number = self._part_of_request[request]
        if number not in self._asked and self.columns(request) is not None:
            self._asked[number] = None
        if number not in self._asked:
            region = self._region_of([number], [])
            try:
                self._asked[number] = Asked(pruned(region.instance), region.placement, self.limit).prove()
            except (TooHard, UnprovenFlow):
                self._asked[number] = None
        return self._asked[number]

    def give_up(self, request: int) -> None:
        """Ask the proof of a part no more: its flow cannot be believed."""
        self._asked[self._part_of_request[request]] = None

    def lets_in(self, asked: Asked, request: int, other: int) -> bool:
        """Whether, had `other` (of no group) never asked, some optimum would place `request`. Raises TooHard."""
        number = self._part_of_request[request]
        if number not in self._lets_in:
            self._lets_in[number] = _LetsIn(asked)
        return self._lets_in[number].is_so(self.in_part(request), self.in_part(other))

    def reach(self, request: int) -> tuple[_Region, bytes]:
        """All that a question about anybody of a part can come upon, and a digest of it: equal ones, equal answers."""
        number = self._part_of_request[request]
        if number not in self._reaches:
            inside = self.same_part(request)
            units = [unit for one in inside for unit in self.source.instance.allowed(one).tolist()]
            region = self.region(inside, units)
            digest = region.instance.fingerprint() + repr(region.placement).encode()
            self._reaches[number] = region, digest
        return self._reaches[number]

    def remembered(self, kind: str, request: int, found: Callable[[], Told]) -> Told:
        """What is found out about a request, or was when all that it can come upon was the same.

        In numbers of the `reach`: requests have others in the next answer.
        """
        if self.memory is None:
            return found()
        region, digest = self.reach(request)
        key = kind, region.request(request), digest
        known: Told | None = self.memory.recall(key)
        if known is None:
            short = len(self.cut_short)
            known = found()
            if len(self.cut_short) == short and request not in self.cut_short:
                self.memory.keep(key, known)
        return known

    def rooms(self, part: int) -> "_Rooms | None":
        """Where those placed in a part could be instead, prices not asked; None where that cannot be believed."""
        if part not in self._rooms:
            try:
                self._rooms[part] = self._known_rooms(self._region_of([part], []))
            except UnprovenFlow:
                self._rooms[part] = None
        return self._rooms[part]

    def _known_rooms(self, region: _Region) -> "_Rooms":
        if self.memory is None:
            return _Rooms(region, self.limit)
        key = "rooms", region.instance.fingerprint(), region.placement
        known: _Rooms | None = self.memory.recall(key)
        if known is None:
            known = _Rooms(region, self.limit)
            self.memory.keep(key, known)
        known.go_on(region, self.limit)
        return known

    def makes_room(self, request: int, unit: int, places: int, *, linked: bool = True) -> bool | None:
        """Whether a request (of no group) could be in a unit, had it so many places, with everyone placed now placed.

        `linked`: apart from whom it must be apart from. None if that takes too long to find out this way.
        """
        instance = self.source.instance
        size = int(instance.size[request])
        location = int(instance.location[unit])
        avoiding = [sum(pair) - request for pair in instance.apart if linked and request in pair]
        avoiding = [other for other in avoiding if self.placement[other] != UNPLACED]
        # Parts in which nobody has to make way stay as they are.
        concerned = {
            self._part_of_request[other] for other in avoiding if instance.location[self.placement[other]] == location
        }
        concerned |= {self._part_of_unit[unit]} if unit in self._part_of_unit else set()
        left = 0 if instance.private[unit] else max(places, size) - size
        for part in sorted(concerned):
            others = [other for other in avoiding if self._part_of_request[other] == part]
            rooms = self.rooms(part)
            possible = None if rooms is None else rooms.possible(unit, left, others, location)
            if not possible:
                return possible
        return True

    def rest(self, request: int, other: int) -> Found:
        """The optimum, in numbers of the part, of the part of both without the other; solved once."""
        asked = self.part(request)
        assert asked is not None
        region, part = asked
        if other not in self._rests:
            gone = region.request(other)
            staying = tuple(UNPLACED if at == gone else unit for at, unit in enumerate(part.placement))
            found = self.best(request, without=gone, worth_less_than=part.value(staying))
            assert found is not None
            if found.proven and found.placement is None:
                found = Found(staying, True)
            self._rests[other] = found
        return self._rests[other]

    def removal(self, request: int) -> tuple[_Region, Instance, Found]:
        """The optimum of its part had this request never been made; solved once."""
        if request not in self._removals:
            region = self.region([request])
            rest = region.instance.without(region.request(request))
            self._removals[request] = region, rest, self.solve(rest)
        return self._removals[request]

    def asked_removal(self, request: int) -> tuple[_Region, Asked] | None:
        """The same with its proof; None where that takes too long."""
        if request not in self._removals_asked:
            region = self.region([request])
            gone = region.request(request)
            staying = tuple(UNPLACED if at == gone else unit for at, unit in enumerate(region.placement))
            try:
                asked = Asked(pruned(region.instance.without(gone)), staying, self.limit).prove()
                self._removals_asked[request] = region, asked
            except (TooHard, UnprovenFlow):
                self._removals_asked[request] = None
        return self._removals_asked[request]

    @property
    def silent(self) -> bool:
        """Whether nothing more can be solved: the effort is spent, or too many pairs are not listed."""
        return self.limit.spent or self.source.instance.most is not None

    def solve(self, instance: Instance) -> Found:
        """Solve a changed instance within what is left of the effort."""
        if self.limit.spent:
            return Found(None, False)
        return optimum(instance, self.limit, self.seed)


class _LetsIn:
    """One part, to be asked who would be let in had somebody placed in it (of no group) never asked.

    Whoever is gone still counts as left out in the levels: that is the same for all answers. Nobody is let in who,
    placed, costs more than some answer without the one who is gone, for a start the one there is, with whoever is worth
    most put in the room that comes free; and what somebody placed costs at least, the prices of the leaves say for all
    pairs at once. Where that leaves several in question the best without the one who is gone is found, whose own leaves
    then say it closer. Where it leaves one, the best with that one placed comes first, and only if it is as good as all
    that is known, whether anything without it is better.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._best: dict[int, Placement] = {}
        self._worse: dict[int, int] = {}
        self._proven: set[int] = set()
        self._hard: set[int] = set()
        self._out = {at: n for n, at in enumerate(at for at, u in enumerate(asked.placement) if u == UNPLACED)}
        self._in = {at: n for n, at in enumerate(at for at, u in enumerate(asked.placement) if u != UNPLACED)}
        self._gone = asked.gaps(list(self._in), placed=False) + asked.above()[:, None]
        # [out, in] the least any leaf leaves.
        gaps = asked.gaps(list(self._out), placed=True)
        self._least = np.array([(self._gone + gap[:, None]).min(axis=0, initial=_FAR) for gap in gaps.T])
        self._least = self._least.reshape(len(self._out), len(self._in))
        self._linked = {one for link in (*asked.instance.apart, *asked.instance.groups) for one in link}

    def is_so(self, own: int, gone: int) -> bool:
        """Whether some optimum without `gone` places `own`. Raises TooHard and UnprovenFlow."""
        if gone not in self._best:
            self._known(gone, self._filled(gone))
            if (self._least[:, self._in[gone]] <= self._worse[gone]).sum() > 1:
                self._solve(gone)
        if self._least[self._out[own], self._in[gone]] > self._worse[gone]:
            return False
        if gone in self._proven and self._best[gone][own] != UNPLACED:
            return True
        if gone in self._hard:
            raise TooHard
        self._hard.add(gone)
        as_good = self._as_good(own, gone)
        self._hard.discard(gone)
        return as_good

    def _as_good(self, own: int, gone: int) -> bool:
        asked = self._asked
        number = asked.number(self._best[gone])
        shut, both = asked.leaving_out(gone), np.array([gone, own])
        try:
            found = asked.below(
                number + 1, shut=shut | asked.placing(own), requests=both, once=gone in self._proven
            ).placement
            if found is None or gone in self._proven:
                return found is not None
            asked.forget()
            self._known(gone, found)
            better = asked.below(
                asked.number(found), shut=shut | asked.leaving_out(own), requests=both, once=True
            ).placement
        finally:
            asked.forget()
        if better is None:
            self._proven.add(gone)
            return True
        self._known(gone, better)
        return False

    def _known(self, gone: int, placement: Placement) -> None:
        self._best[gone] = placement
        self._worse[gone] = self._asked.worse(self._asked.number(placement))

    def _solve(self, gone: int) -> None:
        """The best there is without somebody, and what anybody placed then costs at least."""
        asked = self._asked
        try:
            found = asked.below(asked.number(self._best[gone]), shut=asked.leaving_out(gone), requests=np.array([gone]))
            kept = np.isin(found.leaves, asked.leaves)
            least = asked.above(found.leaves)
            # A leaf of the optimum bounds what is left without somebody by its prices, one of the question by itself.
            row = {int(leaf): at for at, leaf in enumerate(asked.leaves)}
            least[kept] = [self._gone[row[int(leaf)], self._in[gone]] for leaf in found.leaves[kept]]
            gaps = asked.gaps(list(self._out), placed=True, of=found.leaves)
        except TooHard:
            return
        finally:
            asked.forget()
        self._proven.add(gone)
        if found.placement is not None:
            self._known(gone, found.placement)
        column = self._least[:, self._in[gone]]
        np.maximum(column, (least[:, None] + gaps).min(axis=0, initial=_FAR), out=column)

    def _filled(self, gone: int) -> Placement:
        """The placement without somebody, those worth most put in the room that comes free."""
        asked, instance = self._asked, self._asked.instance
        home = asked.placement[gone]
        placement = [UNPLACED if at == gone else unit for at, unit in enumerate(asked.placement)]
        inside = [at for at, unit in enumerate(placement) if unit == home]
        room = int(instance.places[home]) - int(instance.size[inside].sum())
        if not (instance.private[home] and inside):
            joining = [at for at in self._out if at not in self._linked and instance.arc(at, home) >= 0]
            stay = {at: (*instance.drop[at], 0, 0, 0) for at in joining}
            worth = {at: [a - b for a, b in zip(instance.share(at, home), stay[at], strict=True)] for at in joining}
            for at in sorted(joining, key=lambda at: worth[at]):
                if instance.size[at] <= room and worth[at] < [0]:
                    placement[at] = home
                    room = 0 if instance.private[home] else room - int(instance.size[at])
        return tuple(placement)


class _Rooms:
    """The requests placed in one part, to be moved about: who can be where, whatever it costs."""

    def __init__(self, region: _Region, limit: Limit) -> None:
        self._region = region
        self._known: dict[tuple[int, int, tuple[int, ...]], bool | None] = {}
        placed = [at for at, unit in enumerate(region.placement) if unit != UNPLACED]
        instance = pruned(region.instance)
        kept = np.isin(instance.request_of, placed)
        instance = instance.kept(np.flatnonzero(kept)).requiring(placed).unpriced()
        self._location = instance.location
        self._asked = Asked(instance, region.placement, limit)

    def go_on(self, region: _Region, limit: Limit) -> None:
        """Serve another answer, in which the part is the same but for its numbers in the whole."""
        self._region = region
        self._asked.limit = limit

    def possible(self, unit: int, left: int, others: Sequence[int], location: int) -> bool | None:
        """Whether all can be somewhere if a unit has only so many places left and some others avoid a location."""
        region, asked = self._region, self._asked
        within = np.searchsorted(region.units, unit)
        here = int(within) if within < region.units.size and region.units[within] == unit else UNPLACED
        avoiding = [region.request(other) for other in others]
        there = np.flatnonzero(region.instance.location == location)
        key = here, left, (int(there[0]), *avoiding) if avoiding else ()
        if key not in self._known:
            shut = asked.avoiding(avoiding, int(self._location[there[0]]) if avoiding else 0)
            try:
                self._known[key] = asked.below(None, shut=shut, unit=here, places=left, once=True).placement is not None
            except (TooHard, UnprovenFlow):
                self._known[key] = None
            asked.forget()
        return self._known[key]


def alternatives_of(answer: Answer, request: int, count: int) -> tuple[Alternative, ...]:
    """The best `count` other units for a placed request, by id, each with the exact change of all levels.

    Found one by one: the units known so far are closed to the request and the rest is solved again with the request to
    be placed, so the optimum is the next best unit. Where everybody in the part already has their own best unit, what a
    unit costs this request alone is a bound on what it costs all, and a plain move that meets it needs no solving.
    """
    if not answer.found.proven or count <= 0:
        return ()
    if answer.silent:  # getting ready to ask takes longer than many an answer
        answer.cut_short.add(request)
        return ()
    if (columns := answer.columns(request)) is not None:
        with suppress(TooHard):
            return _alternatives_priced(answer, columns, request, count)
    if (asked := answer.asked(request)) is not None:
        try:
            return _alternatives_asked(answer, asked, request, count)
        except TooHard:
            pass  # this question is; others may still be asked so
        except UnprovenFlow:
            answer.give_up(request)
    return _alternatives_searched(answer, request, count)


def _alternatives_priced(answer: Answer, columns: Columns, request: int, count: int) -> tuple[Alternative, ...]:
    """By branch and price."""
    units, instance, own = answer.part_units(request), columns.instance, answer.in_part(request)
    before = instance.amounts(columns.placement)
    found = columns.elsewhere(own, count)
    listed = sorted((placement[own], instance.amounts(placement)) for placement in found)
    return tuple(
        Alternative(answer.source.units[units[unit]].id, levels_delta(after, before)) for unit, after in listed
    )


def _alternatives_asked(answer: Answer, asked: Asked, request: int, count: int) -> tuple[Alternative, ...]:
    """By going on from the leaves of the optimum.

    What it costs all if the request just moves to where there is room is known beforehand; only less is searched for.
    """
    units = answer.part_units(request)
    instance, own = asked.instance, answer.in_part(request)
    home = asked.placement[own]
    before = instance.amounts(asked.placement)
    open_units = [unit for unit in instance.allowed(own).tolist() if unit != home]
    room = answer.room_for(request, units[open_units], instance.places[open_units]).tolist()
    moves: list[tuple[LevelAmounts, int]] = []
    for unit in (unit for unit, fits in zip(open_units, room, strict=True) if fits):
        moves.append((tuple(map(sum, zip(before, instance.share(own, unit), strict=True))), unit))
    moves.sort()
    gone = instance.share(own, home)
    listed: list[tuple[LevelAmounts, int]] = []
    leaves = asked.leaves
    try:
        while open_units and len(listed) < count:
            best: tuple[LevelAmounts, int] | None = None
            for amounts, unit in moves:
                moved = (*asked.placement[:own], unit, *asked.placement[own + 1 :])
                if unit in open_units and instance.keeps_links(moved):
                    best = tuple(a - b for a, b in zip(amounts, gone, strict=True)), unit
                    break
            better = asked.below(
                None if best is None else asked.number_of(best[0]),
                shut=asked.placing(own, open_units),
                requests=np.array([own]),
                of=leaves,
            )
            leaves = better.leaves
            if better.placement is not None:
                best = instance.amounts(better.placement), better.placement[own]
            if best is None:
                break
            listed.append(best)
            open_units.remove(best[1])
    finally:
        asked.forget()
    return tuple(
        Alternative(answer.source.units[units[unit]].id, levels_delta(after, before))
        for after, unit in sorted(listed, key=lambda one: one[1])
    )


def _alternatives_searched(answer: Answer, request: int, count: int) -> tuple[Alternative, ...]:
    """By a search for each of them."""
    asked = answer.part(request)
    region = answer.region([request]) if asked is None else asked[0]
    instance, own = pruned(region.instance), region.request(request)
    before = instance.amounts(region.placement)
    everyone_at_best = before == _own_best(instance)
    instance = instance.requiring([own])
    open_units = [unit for unit in instance.allowed(own).tolist() if unit != region.placement[own]]
    share = {unit: instance.share(own, unit) for unit in open_units}
    listed: list[tuple[LevelAmounts, int]] = []
    while open_units and len(listed) < count:
        if everyone_at_best:
            cheapest = min(open_units, key=lambda unit: (share[unit], unit))
            moved = list(region.placement)
            moved[own] = cheapest
            if instance.allows(moved):
                listed.append((instance.amounts(moved), cheapest))
                open_units.remove(cheapest)
                continue
        found = None if asked is None else asked[1].best(require=own, within=open_units)
        if found is None:
            found = answer.solve(instance.confined(own, open_units))
        if not found.proven:
            answer.cut_short.add(request)
            break
        if found.placement is None:
            break
        listed.append((instance.amounts(found.placement), found.placement[own]))
        open_units.remove(found.placement[own])
    return tuple(
        Alternative(answer.source.units[region.units[unit]].id, levels_delta(after, before))
        for after, unit in sorted(listed, key=lambda one: one[1])
    )


def _own_best(instance: Instance) -> LevelAmounts | None:
    """The amounts if every request had its own best unit to itself; None if some request has nowhere to go."""
    if not np.diff(instance.row).all():
        return None
    best = [
        min(instance.share(request, unit) for unit in instance.allowed(request).tolist())
        for request in range(instance.requests)
    ]
    return tuple(sum(column) for column in zip(*best, strict=True))


def unplaced_report(answer: Answer, request: int) -> Unplaced:
    """Why a request has no unit, which units came nearest, and the smallest changes that would place it."""
    source = answer.source
    barring = source.rules.barring_units(request)
    reasons = barred_by(answer, barring)
    count = np.zeros(len(source.units), np.int32)
    fixed = np.zeros(len(source.units), np.bool_)
    for code, units in barring.items():
        count += units
        fixed |= units & (not may_be_lifted(code))
    open_units = np.flatnonzero(count == 0)
    outbid = None
    if open_units.size:
        reasons.append(_reason_with_others(answer, request, open_units))
        outbid = outbid_of(answer, request)
    near = (
        Nearest(source.units[unit].id, tuple(code for code, marks in barring.items() if marks[unit]))
        for unit in _least(count, NEAREST_MAX)
    )
    return Unplaced(
        request=source.requests[request].id,
        reasons=tuple(sorted(reasons, key=lambda reason: reason.code)),
        nearest=tuple(near),
        would_place=_smallest_lifts(answer, request, np.where(fixed, 0, count), barring),
        outbid=outbid,
    )


def _least(numbers: NDArray[np.int32], most: int) -> list[int]:
    """Where the least numbers are, at most so many places, the first ones among equals; ascending."""
    found: list[int] = []
    for number in np.unique(numbers).tolist():
        found += np.flatnonzero(numbers == number)[: most - len(found)].tolist()
        if len(found) == most:
            break
    return sorted(found)


def barred_by(answer: Answer, barring: Mapping[str, NDArray[np.bool_]]) -> list[Reason]:
    """Per code, the units it bars and their places; a unit may count under several."""
    places = answer.source.instance.places
    return [Reason(code, int(np.count_nonzero(units)), int(places @ units)) for code, units in barring.items()]


def outbid_of(answer: Answer, request: int) -> Outbid | None:
    """What placing a left out request all the same would cost, and whom; None where it cannot be, or not in time."""
    if not answer.found.proven or answer.silent:
        return None
    region = answer.part_region(request)
    cost = answer.remembered("outbid", request, lambda: _cost(answer, request, region))
    if not cost:
        return None
    [(delta, out)] = cost
    return Outbid(delta, tuple(answer.source.requests[int(region.requests[at])].id for at in out))


def _cost(answer: Answer, request: int, region: _Region) -> tuple[tuple[dict[str, int], tuple[int, ...]], ...]:
    """What placing a request all the same changes, and who is out then (numbers of the part); empty if it cannot be."""
    after = _forced(answer, request, region)
    if after is None:
        return ()
    out = tuple(at for at, unit in enumerate(after) if unit == UNPLACED and region.placement[at] != UNPLACED)
    return ((levels_delta(region.instance.amounts(after), region.instance.amounts(region.placement)), out),)


def _forced(answer: Answer, request: int, region: _Region) -> Placement | None:
    """The part of a left out request as it were best with the request placed; None if it cannot be, or not in time."""
    own = region.request(request)
    if (asked := answer.asked(request)) is not None:
        try:
            return asked.below(None, shut=asked.placing(own), requests=np.array([own])).placement
        except TooHard:
            pass
        except UnprovenFlow:
            answer.give_up(request)
        finally:
            asked.forget()
    forced = answer.best(request, require=own)
    if forced is None:
        forced = answer.solve(region.instance.requiring([own]))
    if not forced.proven:
        answer.cut_short.add(request)
        return None
    return forced.placement


def _reason_with_others(answer: Answer, request: int, open_units: NDArray[np.intp]) -> Reason:
    """Some unit passes all pair rules and still the request is out: because of its links, or for want of room.

    It is the links if, rid of them, it could be placed with everyone placed now staying placed.
    """
    instance = answer.source.instance
    links = (*instance.apart, *(group for group in instance.groups if len(group) > 1))
    if any(request in link for link in links) and _fits_unlinked(answer, request, open_units):
        return Reason("with_others", int(open_units.size), int(instance.places[open_units].sum()))
    if answer.silent:
        answer.cut_short.add(request)
        return Reason("capacity", by=())
    by = answer.remembered("by", request, lambda: _by(answer, request))
    region = answer.part_region(request)
    return Reason("capacity", by=tuple(answer.source.requests[int(region.requests[at])].id for at in by))


def _by(answer: Answer, request: int) -> tuple[int, ...]:
    """Who of its part keeps a request out alone, in numbers of the part."""
    inside = enumerate(answer.same_part(request))
    return tuple(at for at, other in inside if _let_in_by_removing(answer, request, other))


def _fits_unlinked(answer: Answer, request: int, open_units: NDArray[np.intp]) -> bool:
    """Whether the request, rid of its links, could be placed with everyone placed now staying placed."""
    if answer.room_for(request, open_units, answer.source.instance.places[open_units]).any():
        return True
    if answer.silent:
        return False
    places = answer.source.instance.places
    for unit in open_units.tolist():
        possible = answer.makes_room(request, unit, int(places[unit]), linked=False)
        if possible is None:
            break
        if possible:
            return True
    else:
        return False
    region = answer.region([request], open_units.tolist())
    own = region.request(request)
    staying = [at for at, unit in enumerate(region.placement) if unit != UNPLACED]
    found = answer.solve(region.instance.unlinked(own).requiring([*staying, own]).unpriced())
    if found.placement is None and not found.proven:
        answer.cut_short.add(request)
    return found.placement is not None


def _let_in_by_removing(answer: Answer, request: int, other: int) -> bool:
    """Whether, had `other` never asked, some optimum would place `request`."""
    if other == request or answer.placement[other] == UNPLACED:
        return False
    if answer.silent:
        answer.cut_short.add(request)
        return False
    quick = _quickly_let_in(answer, request, other)
    if quick is None:
        quick = _let_in_by_parting(answer, request, other)
    return _let_in_by_solving(answer, request, other) if quick is None else quick


def _let_in_by_solving(answer: Answer, request: int, other: int) -> bool:
    """The same, whatever it takes."""
    region, rest, found = answer.removal(other)
    if found.placement is None or not found.proven:
        answer.cut_short.add(request)
        return False
    own = region.request(request)
    if found.placement[own] != UNPLACED:
        return True
    forced = answer.solve(rest.requiring([own]))
    if not forced.proven:
        answer.cut_short.add(request)
        return False
    return forced.placement is not None and rest.amounts(forced.placement) == rest.amounts(found.placement)


def _quickly_let_in(answer: Answer, request: int, other: int) -> bool | None:
    """The same unless `other` is of a group: is an answer with the request as good as any? None if unknown."""
    if any(other in group for group in answer.source.instance.groups):
        return None
    if (proof := answer.asked(request)) is not None:
        try:
            return answer.lets_in(proof, request, other)
        except TooHard:
            pass
        except UnprovenFlow:
            answer.give_up(request)
    asked = answer.part(request)
    if asked is None:
        return None
    region, part = asked
    own, gone = region.request(request), region.request(other)
    rest = answer.rest(request, other)
    if not rest.proven or rest.placement is None:
        answer.cut_short.add(request)
        return False
    if rest.placement[own] != UNPLACED:
        return True
    as_good = answer.best(
        request, require=own, without=gone, worth_less_than=Words.next_after(part.value(rest.placement))
    )
    assert as_good is not None
    if not as_good.proven:
        answer.cut_short.add(request)
    return as_good.proven and as_good.placement is not None


def _let_in_by_parting(answer: Answer, request: int, other: int) -> bool | None:
    """The same where `other` is of a group, which without it may go elsewhere. None if that takes too long."""
    removed = answer.asked_removal(other)
    if removed is None:
        return None
    region, asked = removed
    own = region.request(request)
    if asked.placement[own] != UNPLACED:
        return True
    beyond = asked.number(asked.placement) + 1
    try:
        better = asked.below(beyond, shut=asked.placing(own), requests=np.array([own]), once=True)
    except (TooHard, UnprovenFlow):
        return None
    finally:
        asked.forget()
    return better.placement is not None


def _smallest_lifts(
    answer: Answer,
    request: int,
    liftable: NDArray[np.int32],
    barring: Mapping[str, NDArray[np.bool_]],
) -> tuple[Lift, ...]:
    """Every unit at which lifting the fewest codes places the request with everyone placed now staying placed.

    liftable[U]: how many codes bar it, 0 where none do or one may not be lifted. At one unit only one set is worth
    lifting: all the codes that bar the request there.
    """
    instance = answer.source.instance
    for count in np.unique(liftable[liftable > 0]).tolist():
        units = np.flatnonzero(liftable == count)
        # A unit too small is made as large as the party.
        places = np.maximum(instance.places[units], instance.size[request])
        easy = answer.room_for(request, units, places) & answer.links_allow(request, units)
        if answer.silent:
            if not easy.all():
                answer.cut_short.add(request)
            lifts = units[easy].tolist()
        else:
            lifts = [
                unit
                for unit, at_once, room in zip(units.tolist(), easy.tolist(), places.tolist(), strict=True)
                if at_once or _places_when_lifted(answer, request, unit, room)
            ]
        if lifts:
            return _lifts(answer, lifts, barring)
    return ()


def _lifts(answer: Answer, units: list[int], barring: Mapping[str, NDArray[np.bool_]]) -> tuple[Lift, ...]:
    """What has to be lifted at some units (ascending): of a continent that is thousands, but few kinds of them."""
    barred = np.array([marks[units] for marks in barring.values()])
    # Codes that bar the same units of these as others do make no kind of their own.
    kind = np.zeros(len(units), np.int64)
    for marks in barred:
        kind = np.unique(2 * kind + marks, return_inverse=True)[1]
    found = np.empty(len(units), np.object_)
    number = np.array(units)
    for one in range(int(kind.max()) + 1):
        at = np.flatnonzero(kind == one)
        codes = tuple(compress(barring, barred[:, at[0]].tolist()))
        known = answer.lifts.setdefault(codes, {})
        here = number[at].tolist()
        known.update((unit, Lift(answer.source.units[unit].id, codes)) for unit in here if unit not in known)
        found[at] = [known[unit] for unit in here]
    return tuple(found.tolist())


def _mates_may_come(answer: Answer, request: int, unit: int) -> bool:
    """Whether everybody a request must be together with has a unit at that location, whoever is in it."""
    instance = answer.source.instance
    there = instance.location[unit]
    return all((instance.location[instance.allowed(mate)] == there).any() for mate in answer.mates(request))


def _places_when_lifted(answer: Answer, request: int, unit: int, places: int) -> bool:
    """Whether the request can be at this unit, had it so many places, with all who are placed now placed somewhere."""
    if answer.grouped(request) and answer.all_come(request, unit, places):
        return True
    if answer.silent:
        answer.cut_short.add(request)
        return False
    if not _mates_may_come(answer, request, unit):
        return False
    if not answer.grouped(request) and (possible := answer.makes_room(request, unit, places)) is not None:
        return possible
    region = answer.region([request], [unit])
    own, there = region.request(request), region.unit(unit)
    staying = [at for at, home in enumerate(region.placement) if home != UNPLACED]
    instance = region.instance.confined(own, [there]).requiring([*staying, own])
    enlarged = instance.places.copy()
    enlarged[there] = places
    instance = replace(instance, places=enlarged)
    found = answer.solve(instance.unpriced())
    if found.placement is None and not found.proven:
        answer.cut_short.add(request)
    return found.placement is not None
