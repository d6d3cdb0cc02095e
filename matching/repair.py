"""One event after another on a problem too large to solve each time: only what an event touches is placed again.

Whoever an event leaves without a place, or brings, gets the best unit with room; if there is none, that of somebody who
has room elsewhere, or of the least urgent who has a place there. What comes free goes to the most urgent left out who
may have it. Everybody else stays. Every answer is checked where anything moved.

The bound follows by weak duality, as in `wide`: at the prices kept from the last solve a request that comes adds its
best offer of all units, one that goes takes its own with it, and a unit that changed costs what the best of all
requests would gain there. No event makes it less true, only less tight.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter, itemgetter

import numpy as np

from matching.check import placement_violations
from matching.eligibility import Demand, IntArray, Sides, Supply, eligibility, traits_between
from matching.kept import judged_alike, same_rules
from matching.model import UNPLACED, LevelAmounts, Placement
from matching.problem import LEVELS, Problem, Request, Unit
from matching.scoring import DROP_LEVELS, UnitColumns, placed_amounts, scores, unplaced_amounts
from matching.solution import Assignment, Solution, Unplaced
from matching.wide import Prices, Wide
from matching.words import CHANGE, Value

# Units that can still come before everything is solved again.
SPARE_UNITS = 256
# Who is asked to make room for somebody, the least urgent first.
ASKED_TO_MOVE = 12

# Of so many offers at once is looked up what they cost.
_TOGETHER = 128

_NOTHING: LevelAmounts = (0,) * len(LEVELS)
_Amounts = Callable[[Request, IntArray], tuple[IntArray, ...]]
_AmountsOfAll = Callable[[Sequence[Request], Unit], tuple[IntArray, ...]]


@dataclass(slots=True)
class Since:
    """What changed since the last answer, by id, None for what is gone; `anything`: perhaps more than that."""

    requests: dict[str, Request | None] = field(default_factory=dict)
    units: dict[str, Unit | None] = field(default_factory=dict)
    anything: bool = False


class Standing:
    """An answer, and what is needed to keep it right. `follow` changes both; a False means: solve again."""

    def __init__(self, wide: Wide, placement: Placement) -> None:
        source = wide.source
        self.fresh = True
        """Nothing followed yet."""
        self._problem = source.problem
        self._requests = {one.id: one for one in source.requests}
        self._units = {one.id: one for one in source.units}
        shut = replace(source.units[0], closed="out_of_service", places=0)
        spare = [replace(shut, id=f"spare {at}", location=f"spare {at}") for at in range(SPARE_UNITS)]
        self._supply = Supply([*source.units, *spare])
        self._supply.by("location")
        self._columns = UnitColumns(source.problem, source.requests, self._supply.units)
        self._slot = dict(source.unit_number)
        self._free_slots = list(range(len(source.units), len(source.units) + SPARE_UNITS))
        self._left = np.concatenate([source.instance.places, np.zeros(SPARE_UNITS, np.int64)])
        self._number = dict(source.request_number)
        self._numbered: list[Request | None] = list(source.requests)
        self._demand = Demand.of(source.requests)
        self._home: dict[str, str] = {}
        self._inside: dict[str, list[str]] = {}
        self._share = {
            one.id: (*drop, 0, 0, 0) for one, drop in zip(source.requests, source.instance.drop, strict=True)
        }
        self._total = [sum(column) for column in zip(*self._share.values(), strict=True)] or list(_NOTHING)
        self._assigned: list[Assignment] = []
        self._touched: set[str] = set()
        self._out = sorted(self._requests)
        self._mates: dict[str, set[str]] = {}
        self._apart: dict[str, set[str]] = {}
        for one in source.requests:
            self._link(one)
        self._prices = None if wide.prices is None else _Prices(wide, wide.prices, len(self._supply.units))
        for request, (at, unit) in zip(source.requests, enumerate(placement), strict=True):
            if unit != UNPLACED:
                self._enter(request, source.units[unit], source.instance.share(at, unit))

    # --- events -----------------------------------------------------------------------------------------------------

    def follow(self, problem: Problem, since: Since) -> bool:
        """Make the answer one for this problem; False if too much changed, after which this one is of no more use."""
        before, self._problem, self._touched = self._problem, problem, set()
        if not same_rules(problem, before) or problem.occupants != before.occupants:
            return False
        if since.anything:
            since = self._all_since(problem)
        self.fresh = False
        freed: set[str] = set()
        waiting = [*self._follow_requests(since.requests, freed)]
        for one in self._follow_units(since.units, freed):
            if one is None:
                return False
            waiting.append(one)
        for one in sorted(waiting, key=_urgency):
            if one.id not in self._home:
                freed |= self._place(one)
        for name in sorted(freed):
            self._fill(name)
        return self._right()

    @property
    def moved(self) -> dict[str, str]:
        """Unit id per request id of whoever was placed by the last event, and still is."""
        return {name: self._home[name] for name in self._touched if name in self._home}

    def _all_since(self, problem: Problem) -> Since:
        """Whatever is not as it was."""
        requests: dict[str, Request | None] = {one.id: one for one in problem.requests}
        units: dict[str, Unit | None] = {one.id: one for one in problem.units}
        return Since(
            requests | {name: None for name in self._requests if name not in requests},
            units | {name: None for name in self._units if name not in units},
        )

    def _follow_requests(self, requests: Mapping[str, Request | None], freed: set[str]) -> Iterator[Request]:
        """Whoever came or changed and is not where it was; units that came free."""
        for name in [name for name, one in requests.items() if one is None and name in self._requests]:
            freed |= self._forget(self._requests[name])
        for one in requests.values():
            if one is None:
                continue
            if self._requests.get(one.id) is one:
                continue
            old = self._requests.get(one.id)
            if old is not None and judged_alike(old, one):
                self._stands_in(one)
                continue
            home = self._home.get(one.id)
            mates = [] if old is None else [mate for mate in self._mates_of(old) if mate.id != one.id]
            if old is not None:
                freed |= self._forget(old)
            self._learn(one)
            mates += [mate for mate in self._mates_of(one) if mate.id != one.id]
            if mates or home is None or not self._back(one, home):
                yield one
                # Whoever it was with, or is to be with now, may have to go elsewhere.
                yield from mates

    def _follow_units(self, units: Mapping[str, Unit | None], freed: set[str]) -> Iterator[Request | None]:
        """Whoever cannot stay where they were; None if no more units can come."""
        for name in [name for name, unit in units.items() if unit is None and name in self._units]:
            yield from self._evict(name)
            self._resupply(name, None)
        for unit in units.values():
            if unit is None:
                continue
            if self._units.get(unit.id) is unit:
                continue
            outside = self._evict(unit.id)
            if not self._resupply(unit.id, unit):
                yield None
            yield from (one for one in sorted(outside, key=_urgency) if not self._back(one, unit.id))
            freed.add(unit.id)

    def solution(self) -> Solution:
        """The answer as it stands, without reasons."""
        reached = tuple(self._total)
        bound: tuple[int, ...] = () if self._prices is None else self._prices.least(reached)
        return Solution(
            levels=dict(zip(LEVELS, reached, strict=True)),
            proven=bound == reached,
            bound=dict(zip(LEVELS, bound, strict=False)),
            assignments=tuple(self._assigned),
            unplaced=tuple(map(Unplaced, self._out)),
            stats={"components": 1, "nodes": 0, "cut_short": 0},
        )

    # --- who is known -----------------------------------------------------------------------------------------------

    def _link(self, one: Request) -> None:
        if one.together is not None:
            self._mates.setdefault(one.together, set()).add(one.id)
        for other in one.apart:
            if other != one.id:
                self._apart.setdefault(one.id, set()).add(other)
                self._apart.setdefault(other, set()).add(one.id)

    def _learn(self, one: Request) -> None:
        """Somebody new, without a place so far."""
        self._requests[one.id] = one
        at = self._number[one.id] = len(self._numbered)
        self._numbered.append(one)
        self._demand.add(at, one)
        self._link(one)
        self._set_share(one.id, (*unplaced_amounts(one), 0, 0, 0))
        insort(self._out, one.id)
        if self._prices is not None:
            self._prices.come(at, one, self._allowed(one), self._amounts)

    def _forget(self, one: Request) -> set[str]:
        """Somebody who is no longer there; the unit that comes free."""
        freed = {self._home[one.id]} if one.id in self._home else set()
        self._leave(one)
        del self._out[bisect_left(self._out, one.id)]
        at = self._number.pop(one.id)
        self._numbered[at] = None
        self._demand.remove(at, one)
        del self._requests[one.id]
        if one.together is not None:
            self._mates[one.together].discard(one.id)
            for mate in map(self._requests.__getitem__, sorted(self._mates[one.together])):
                self._lower(mate, self._allowed(mate))  # it may be where this one could not
        for other in self._apart.pop(one.id, set()):
            named = self._requests.get(other)
            if named is None or one.id not in named.apart:
                self._apart.get(other, set()).discard(one.id)
            else:
                self._apart.setdefault(one.id, set()).add(other)
        self._set_share(one.id, None)
        if self._prices is not None:
            self._prices.go(at, one)
        return freed

    def _stands_in(self, one: Request) -> None:
        """The same request with another `previous`."""
        self._requests[one.id] = self._numbered[self._number[one.id]] = one
        home = self._home.get(one.id)
        if home is not None:
            self._set_share(one.id, (*self._share[one.id][:6], _changed(one, home), self._share[one.id][7]))
        if self._prices is not None:
            # Its previous unit costs less than it did, or if there is none any more all others do.
            at_home = [slot for slot in (self._slot.get(one.previous or ""),) if slot is not None]
            self._lower(one, self._allowed(one) if one.previous is None else np.array(at_home, np.int64))

    def _resupply(self, name: str, unit: Unit | None) -> bool:
        """Another unit under this id, or none; nobody is in it. False if there is no room for one more."""
        slot = self._slot.get(name)
        if unit is None:
            assert slot is not None
            self._supply.put(slot, replace(self._supply.units[slot], closed="out_of_service"))
            self._left[slot] = 0
            del self._slot[name], self._units[name]
            self._free_slots.append(slot)
            if self._prices is not None:
                self._prices.shut(slot)
            return True
        if slot is None:
            if not self._free_slots:
                return False
            slot = self._slot[name] = self._free_slots.pop()
        only_less = name in self._units and _only_less(self._units[name], unit)
        self._supply.put(slot, unit)
        self._columns.put(self._problem, slot, unit)
        self._units[name] = unit
        self._left[slot] = unit.places
        if self._prices is not None:
            if unit.closed is not None:
                self._prices.shut(slot)
            elif only_less:
                self._prices.fewer(slot, unit.places)
            else:
                self._prices.reprice(slot, unit, self._offered(unit), self._amounts_of_all)
                self._open_up(unit.location)
        return True

    def _open_up(self, location: str) -> None:
        """A location may have become one for a whole group: its members are worth no more than it asks of them."""
        grouped = [self._requests[name] for mates in self._mates.values() if len(mates) > 1 for name in sorted(mates)]
        slots = np.array(self._supply.by("location")[location], np.int64)
        rules = eligibility(self._problem, grouped, [self._supply.units[slot] for slot in slots.tolist()])
        for one, barred in zip(grouped, rules.barred(0, len(grouped)), strict=True):
            if not barred.all():
                self._lower(one, slots[~barred])

    def _lower(self, one: Request, slots: IntArray) -> None:
        """Worth no more than what these units ask."""
        if self._prices is not None:
            self._prices.lower(self._number[one.id], one, slots, self._amounts)

    # --- pairs ------------------------------------------------------------------------------------------------------

    def _allowed(self, one: Request) -> IntArray:
        """The slots of the units that pass every pair rule."""
        return eligibility(self._problem, [one], self._supply.units, self._supply).allowed(0)

    def _there(self, one: Request, location: str) -> IntArray:
        """The same at one location."""
        slots = np.array(self._supply.by("location").get(location, ()), np.int64)
        rules = eligibility(self._problem, [one], [self._supply.units[slot] for slot in slots.tolist()])
        return slots[rules.allowed(0)]

    def _amounts(self, one: Request, slots: IntArray) -> tuple[IntArray, ...]:
        """`care`, `change` and `fit` there."""
        care, change, fit = (amounts.astype(np.int64) for amounts in self._columns.amounts(self._problem, one, slots))
        if one.previous is not None:
            change = (slots != self._slot.get(one.previous, -1)).astype(np.int64)
        return care, change, fit

    def _amounts_of_all(self, some: Sequence[Request], unit: Unit) -> tuple[IntArray, ...]:
        """The same of many in one unit."""
        pair = placed_amounts(scores(self._problem, some, [unit]), np.arange(len(some)), np.zeros(len(some), np.int64))
        return tuple(amounts.astype(np.int64) for amounts in pair)

    def _offered(self, unit: Unit) -> Iterator[tuple[int, Request]]:
        """All whom a unit may take, with their numbers."""
        sides = Sides(self._problem.criteria, self._problem.occupants, self._demand, Supply([unit]))
        barred = np.zeros(len(self._numbered), np.bool_)
        for trait in traits_between(sides):
            barred[trait.requests] = True  # with one unit there is, a trait that bars any bars this
        for at in np.flatnonzero(~barred).tolist():
            if (one := self._numbered[at]) is not None:
                yield at, one

    def _fits(self, one: Request, unit: Unit) -> bool:
        """Whether there is room, and nobody there it must be apart from."""
        if self._left[self._slot[unit.id]] < one.size:
            return False
        homes = (self._home.get(other) for other in self._apart.get(one.id, ()))
        return all(home is None or self._units[home].location != unit.location for home in homes)

    def _best(self, one: Request, slots: IntArray) -> Iterator[tuple[Unit, LevelAmounts]]:
        """Of these units, with room, the best first."""
        slots = slots[self._left[slots] >= one.size]
        care, change, fit = self._amounts(one, slots)
        for at in np.lexsort((slots, fit, change, care)).tolist():
            unit = self._supply.units[slots[at]]
            if self._fits(one, unit):
                yield unit, (*_NOTHING[:5], int(care[at]), int(change[at]), int(fit[at]))

    def _mates_of(self, one: Request) -> list[Request]:
        """Who must be where this one is, itself included."""
        names = self._mates.get(one.together, {one.id}) if one.together is not None else {one.id}
        return [self._requests[name] for name in sorted(names)]

    # --- moves ------------------------------------------------------------------------------------------------------

    def _enter(self, one: Request, unit: Unit, share: LevelAmounts) -> None:
        slot = self._slot[unit.id]
        self._home[one.id] = unit.id
        self._inside.setdefault(unit.id, []).append(one.id)
        self._left[slot] = 0 if unit.private else self._left[slot] - one.size
        self._set_share(one.id, share)
        del self._out[bisect_left(self._out, one.id)]
        insort(self._assigned, Assignment(one.id, unit.id), key=attrgetter("request"))
        self._touched.add(one.id)

    def _leave(self, one: Request) -> None:
        unit = self._units.get(self._home.pop(one.id, ""))
        if unit is None:
            return
        self._inside[unit.id].remove(one.id)
        self._left[self._slot[unit.id]] = unit.places if unit.private else self._left[self._slot[unit.id]] + one.size
        self._set_share(one.id, (*unplaced_amounts(one), 0, 0, 0))
        insort(self._out, one.id)
        del self._assigned[bisect_left(self._assigned, one.id, key=attrgetter("request"))]

    def _set_share(self, name: str, share: LevelAmounts | None) -> None:
        old = self._share.pop(name, _NOTHING)
        if share is not None:
            self._share[name] = share
        self._total = [total - was + now for total, was, now in zip(self._total, old, share or _NOTHING, strict=True)]

    def _evict(self, name: str) -> list[Request]:
        """Everybody in a unit, and who must be with them, out."""
        outside = [mate for one in self._inside.get(name, ()) for mate in self._mates_of(self._requests[one])]
        for one in outside:
            self._leave(one)
        return list({one.id: one for one in outside}.values())

    def _back(self, one: Request, name: str) -> bool:
        """Where it was, if it still may be there: by itself only."""
        if len(self._mates_of(one)) > 1 or name not in self._slot:
            return False
        slots = np.array([self._slot[name]])
        found = next(self._best(one, slots[np.isin(slots, self._allowed(one))]), None)
        if found is not None:
            self._enter(one, *found)
        return found is not None

    def _place(self, one: Request) -> set[str]:
        """The best place there is for somebody without one; units that came free on the way."""
        mates = self._mates_of(one)
        if len(mates) > 1:
            freed = {self._home[mate.id] for mate in mates if mate.id in self._home}
            for mate in mates:
                self._leave(mate)
            self._place_together(mates)
            return freed
        allowed = self._allowed(one)
        found = next(self._best(one, allowed), None)
        if found is None:
            return self._in_place_of(one, allowed)
        self._enter(one, *found)
        return set()

    def _in_place_of(self, one: Request, allowed: IntArray) -> set[str]:
        """Where somebody can go elsewhere instead, or else where the least urgent is, if that one can wait longer."""
        seats = []
        for slot in allowed.tolist():
            unit = self._supply.units[slot]
            for name in self._inside.get(unit.id, ()):
                other = self._requests[name]
                left = unit.places if unit.private else self._left[slot] + other.size
                if left >= one.size and len(self._mates_of(other)) == 1:
                    seats.append((unplaced_amounts(other), name, slot))
        seats.sort(key=itemgetter(0, 1))
        own = unplaced_amounts(one)
        for cost, name, slot in seats[:ASKED_TO_MOVE]:
            other, unit, share = self._requests[name], self._supply.units[slot], self._share[name]
            self._leave(other)
            here = next(self._best(one, np.array([slot])), None)
            if here is not None:
                self._enter(one, *here)
                elsewhere = next(self._best(other, self._allowed(other)), None)
                if elsewhere is not None:
                    self._enter(other, *elsewhere)
                    return {unit.id}
                if cost < own:
                    return {unit.id}
                self._leave(one)
            self._enter(other, unit, share)
        return set()

    def _place_together(self, mates: Sequence[Request], only: str | None = None) -> None:
        """All at one location, the best for the first of them first, `only`: there; or nobody."""
        mates = sorted(mates, key=lambda one: (-one.size, one.id))
        options: list[dict[str, list[tuple[Unit, LevelAmounts]]]] = []
        for one in mates:
            options.append({})
            for unit, share in self._best(one, self._allowed(one) if only is None else self._there(one, only)):
                options[-1].setdefault(unit.location, []).append((unit, share))
        for location in options[0]:
            inside = []
            for one, listed in zip(mates, options, strict=True):
                here = next((found for found in listed.get(location, ()) if self._fits(one, found[0])), None)
                if here is None:
                    break
                self._enter(one, *here)
                inside.append(one)
            if len(inside) == len(mates):
                return
            for one in inside:
                self._leave(one)

    def _fill(self, name: str) -> None:
        """What is free in a unit, for the most urgent left out who may have it."""
        slot = self._slot.get(name)
        if slot is None or self._left[slot] == 0 or self._units[name].closed is not None:
            return
        unit = self._units[name]
        there = self._supply.by("location").get(unit.location, ())
        free = int(self._left[np.array(there, np.int64)].sum())
        out = [one for at in self._out if (one := self._requests[at]).size <= self._left[slot]]
        rules = eligibility(self._problem, out, [unit])
        for one in sorted(
            (one for one, shut in zip(out, rules.barred(0, len(out))[:, 0], strict=True) if not shut), key=_urgency
        ):
            mates = self._mates_of(one)
            if len(mates) > 1:
                # Its companions are out too, and may come along if all find room at this location.
                if one.id not in self._home and sum(mate.size for mate in mates) <= free:
                    self._place_together(mates, unit.location)
            elif (found := next(self._best(one, np.array([slot])), None)) is not None:
                self._enter(one, *found)

    def _right(self) -> bool:
        """Whether the independent checker finds nothing wrong where anything moved."""
        names = {name for one in self._touched if one in self._requests for name in self._around(one)}
        requests = [self._requests[name] for name in sorted(names)]
        homes = {name: self._home[name] for name in names if name in self._home}
        units = {self._units[home].id: self._units[home] for home in homes.values()}
        return not placement_violations(self._problem.amended(requests, units.values(), ()), homes)

    def _around(self, name: str) -> Iterable[str]:
        """Somebody, everybody in the same unit, and who is linked with them."""
        yield name
        yield from self._inside.get(self._home.get(name, ""), ())
        yield from (other for other in self._apart.get(name, ()) if other in self._requests)
        yield from (mate.id for mate in self._mates_of(self._requests[name]))


def _urgency(one: Request) -> tuple[tuple[int, ...], str]:
    """Whom it matters most to place first."""
    return tuple(-amount for amount in unplaced_amounts(one)), one.id


def _worth_first(ranked: tuple[Value, int, Request]) -> tuple[Value, int]:
    worth, at, _ = ranked
    return tuple(-word for word in worth), at


def _changed(one: Request, home: str) -> int:
    return int(one.previous is not None and one.previous != home)


def _only_less(old: Unit, new: Unit) -> bool:
    """Whether a unit merely takes fewer than before, or nobody."""
    fewer = new.places <= old.places and (new.closed is not None or old.closed is None)
    return fewer and replace(new, places=old.places, closed=old.closed) == old


class _Prices:
    """The prices of the last solve, kept right: see `wide.Prices`.

    Numbers hold amounts no larger, of requests no more than twice what there was at the solve; beyond that no bound is
    known any more.
    """

    def __init__(self, wide: Wide, prices: Prices, slots: int) -> None:
        most = wide.source.instance.most
        assert most is not None
        self._words, self._kinds = prices.words, np.unique(wide.source.instance.size)
        worth = wide.source.instance.size @ prices.own + prices.gained.sum(axis=0)
        self._bound: list[int] = worth.tolist()
        self._own: list[Value] = list(map(tuple, prices.own.tolist()))
        self._gate = np.zeros((slots, len(self._kinds), self._words.count), np.int64)
        self._gate[prices.gates] = prices.gate
        self._gained: list[Value] = list(map(tuple, prices.gained.tolist()))
        self._gained += [self._nothing] * (slots - len(self._gained))
        self._most = dict(enumerate((max(amounts, default=0) for amounts in most), len(DROP_LEVELS)))
        self._room = {number: base // 2 for number, base in self._words.bases.items()}
        self._known = True

    @property
    def _nothing(self) -> Value:
        return (0,) * self._words.count

    def least(self, reached: LevelAmounts) -> tuple[int, ...]:
        """Bounds of the first levels, as in `Found.bound`."""
        if not self._known:
            return ()
        least = self._words.least_amounts(tuple(self._bound), reached)
        silent = (at for at, amount in enumerate(reached) if amount and at not in self._room)
        return least[: next(silent, len(reached))]

    def come(self, at: int, one: Request, slots: IntArray, amounts: _Amounts) -> None:
        """Somebody new, who may be in these units."""
        self._own += [self._nothing] * (at + 1 - len(self._own))
        out = list(self._nothing)
        for level, amount in enumerate(unplaced_amounts(one)):
            word, unit = self._words.unit_of(level) or (0, 0)
            out[word] += amount // one.size * unit
            self._take_room(level, amount)
        for level, most in self._most.items():
            self._take_room(level, one.size * most)
        self._own[at] = self._best_offer(one, slots, amounts, tuple(out))
        self._add(one.size, self._own[at])

    def go(self, at: int, one: Request) -> None:
        """Somebody who is no longer there."""
        self._add(-one.size, self._own[at])

    def lower(self, at: int, one: Request, slots: IntArray, amounts: _Amounts) -> None:
        """Worth no more than what these units cost and ask now."""
        self._add(-one.size, self._own[at])
        self._own[at] = self._best_offer(one, slots, amounts, self._own[at])
        self._add(one.size, self._own[at])

    def shut(self, slot: int) -> None:
        """A unit that takes nobody gains nothing."""
        self._gain(slot, self._nothing)

    def fewer(self, slot: int, places: int) -> None:
        """Fewer places at the same prices."""
        gates = map(tuple, self._gate[slot].tolist())
        dearest = max(self._nothing, *gates)
        self._gain(slot, max(self._gained[slot], tuple(-places * word for word in dearest)))

    def reprice(self, slot: int, unit: Unit, those: Iterable[tuple[int, Request]], amounts: _AmountsOfAll) -> None:
        """Another unit: it asks what the best of those it may take would pay, so nobody is worth less."""
        dearest = self._nothing
        ranked = sorted(((self._own[at], at, one) for at, one in those if one.size <= unit.places), key=_worth_first)
        for first in range(0, len(ranked), _TOGETHER):
            some = ranked[first : first + _TOGETHER]
            if some[0][0] <= dearest:
                break
            costs = self._costs([one for _, _, one in some], amounts([one for _, _, one in some], unit))
            for (worth, _, _), cost in zip(some, costs.tolist(), strict=True):
                dearest = max(dearest, tuple(one - other for one, other in zip(worth, cost, strict=True)))
        self._gate[slot] = dearest
        self._gain(slot, tuple(-unit.places * word for word in dearest))

    def _gain(self, slot: int, gained: Value) -> None:
        self._add(-1, self._gained[slot])
        self._add(1, gained)
        self._gained[slot] = gained

    def _add(self, times: int, number: Value) -> None:
        self._bound = [word + times * more for word, more in zip(self._bound, number, strict=True)]

    def _costs(self, known: Sequence[Request], pair: tuple[IntArray, ...]) -> IntArray:
        """Of pairs, per person."""
        size = np.array([one.size for one in known], np.int64)
        numbers = np.zeros((len(size), self._words.count), np.int64)
        for level, amounts in enumerate(pair, len(DROP_LEVELS)):
            word, unit = self._words.unit_of(level) or (0, 0)
            per_party = level == CHANGE
            numbers[:, word] += amounts * (unit // size) if per_party else amounts // size * unit
            over = amounts // (1 if per_party else size) > self._most[level]
            self._known &= not (over.any() or (per_party and (unit % size).any()))
        return numbers

    def _best_offer(self, one: Request, slots: IntArray, amounts: _Amounts, known: Value) -> Value:
        """The least of what is known and what each of these units costs and asks.

        No cost is below zero: of units that ask as much as the best so far nothing more need be known.
        """
        kind = int(np.searchsorted(self._kinds, one.size))
        if kind == len(self._kinds) or self._kinds[kind] != one.size:
            self._known = False
            return known
        asked = self._gate[slots, kind]
        order = np.lexsort(asked.T[::-1])
        for first in range(0, len(order), _TOGETHER):
            some = order[first : first + _TOGETHER]
            if tuple(asked[some[0]].tolist()) >= known:
                break
            offers = self._costs([one] * len(some), amounts(one, slots[some])) + asked[some]
            known = min(known, tuple(offers[np.lexsort(offers.T[::-1])[0]].tolist()))
        return known

    def _take_room(self, level: int, amount: int) -> None:
        """So much more a level can sum to."""
        left = self._room.get(level, 0) - amount
        if level in self._room:
            self._room[level] = left
        self._known &= left >= 0
