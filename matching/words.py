"""All levels of an instance as one number per arc, in as many 64-bit words as they need, most significant first.

Consecutive levels share a word as long as all they can add up to fits: each level is multiplied with a step larger than
anything the levels after it in that word can sum to, so comparing two sums word by word compares the levels in strict
order. A level too wide for a word by itself is spread over several, which then carry (`radix`). Nothing overflows and
no level leaks into another, at any size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import lcm, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matching.eligibility import IntArray
from matching.model import Instance, LevelAmounts
from matching.problem import LEVELS
from matching.scoring import DROP_LEVELS, Amounts

CHANGE: Final = LEVELS.index("change")
PAIR_NUMBERS: Final = range(len(DROP_LEVELS), len(LEVELS))

FINENESS: Final = 60
"""Every amount is multiplied with this, so that a price may be a half, a third, a quarter or a fifth of one."""

# A path visits every node at most once, so distances stay below nodes × the largest number in a word.
_WORD_MAX: Final = 2**61
_BEYOND: Final = 2.0**62
# Bits per word of a level that needs several.
_DIGIT_BITS: Final = 40

# Where only candidates are listed there is room for as much again to come.
_ROOM: Final = {True: 1, False: 2}

Value = tuple[int, ...]
"""One number, word by word; tuples compare like the levels they hold."""


@dataclass(frozen=True, slots=True)
class _Level:
    """One level per person: arc[A] when placed, out[R] when not (None where it counts nothing), and what was taken off.

    Every placement sums to a multiple of `scale`, and to less than `base`; where the level before it in its word sums
    to multiples, one of that level need be only `step` of this one, a fraction of `base`.
    """

    number: int
    arc: Amounts | None
    out: Amounts | None
    offset: int
    scale: int
    base: int
    step: int


@dataclass(frozen=True, slots=True)
class _Group:
    """Consecutive levels that share one word, or one level spread over `width` words."""

    levels: tuple[_Level, ...]
    width: int


@dataclass(frozen=True, slots=True)
class Words:
    """arc[A, W] and out[R, W] per person, for the arcs asked for · radix[W]: see `kernels`."""

    arc: IntArray
    out: IntArray
    radix: IntArray
    _groups: tuple[_Group, ...]
    _bases: tuple[int, ...]

    @property
    def count(self) -> int:
        """W."""
        return len(self.radix)

    def whole(self, value: Value) -> int:
        """A number as one, unbounded."""
        total = 0
        for base, word in zip(self._bases, value, strict=True):
            total = total * base + word
        return total

    def apart(self, total: int) -> Value:
        """A whole number in words again; that before a new group of levels is a multiple of FINENESS."""
        words: list[int] = []
        for base, radix in zip(reversed(self._bases[1:]), reversed(self.radix[1:].tolist()), strict=True):
            step = 1 if radix else FINENESS
            total, word = divmod(total, base * step)
            total *= step
            words.append(word)
        return (total, *reversed(words))

    def joined(self, numbers: IntArray, most: int) -> IntArray:
        """[N] of [N, W]: `whole` of every number, or ± most (below 2^62) of those beyond that."""
        total = numbers[:, 0].copy()
        beyond = np.zeros(len(total), np.int64)
        for base, word in zip(self._bases[1:], numbers.T[1:], strict=True):
            # What leaves 64 bits comes back wrapped, but then the float says so: words stay below 2^62.
            about = total.astype(float) * base + word
            beyond = np.where(beyond != 0, beyond, np.sign(about) * (np.abs(about) > _BEYOND)).astype(np.int64)
            total = total * base + word
        total = np.where(beyond != 0, beyond * most, total)
        joined: IntArray = np.clip(total, -most, most)
        return joined

    def kept(self, arcs: NDArray[np.intp]) -> "Words":
        """The same for some of the arcs."""
        return replace(self, arc=np.ascontiguousarray(self.arc[arcs]))

    def carried(self, numbers: IntArray) -> IntArray:
        """[N, W] sums of numbers as numbers again: what a word holds too much goes into the one before it."""
        for word in range(self.count - 1, 0, -1):
            if self.radix[word]:
                up = numbers[:, word] >> self.radix[word]
                numbers[:, word] -= up << self.radix[word]
                numbers[:, word - 1] += up
        return numbers

    @staticmethod
    def next_after(value: Value) -> Value:
        """The next larger value there can be: with it as cutoff, all that is as good as `value` is wanted too."""
        return (*value[:-1], value[-1] + FINENESS)

    def value(self, amounts: LevelAmounts) -> Value:
        """A placement's levels as one number."""
        words: list[int] = []
        for group in self._groups:
            total = 0
            for level in group.levels:
                total = total * level.step + amounts[level.number] * level.scale - level.offset
            words.extend(_digits(total * FINENESS, group.width))
        return tuple(words) or (0,)

    @property
    def bases(self) -> dict[int, int]:
        """More than a level can sum to, per number of a level that anything hangs on."""
        return {level.number: level.base // level.scale for group in self._groups for level in group.levels}

    def unit_of(self, number: int) -> tuple[int, int] | None:
        """The word a level counts in and what one of it, per person, is there; None if it is spread over several."""
        at = 0
        for group in self._groups:
            rest = prod(level.step for level in group.levels)
            for level in group.levels:
                rest //= level.step
                if level.number == number:
                    return None if group.width > 1 else (at, rest * level.scale * FINENESS)
            at += group.width
        return 0, 0  # nothing hangs on it

    def least_amounts(self, bound: Value, reached: LevelAmounts) -> LevelAmounts:
        """Lower bounds of the first levels from a bound on the whole, each given that those before it are met.

        Ends after the first level whose bound is not what was `reached`: further down nothing is known.
        """
        digits: dict[int, tuple[int, _Level]] = {}
        at = 0
        for group in self._groups:
            total = 0
            for word in bound[at : at + group.width]:
                total = (total << _DIGIT_BITS) + word
            at += group.width
            left = -(-total // FINENESS)
            rest = prod(level.step for level in group.levels)
            for level in group.levels:
                rest //= level.step
                digit, left = divmod(left, rest * level.scale)
                if left and level is group.levels[-1]:
                    digit += 1  # nothing comes after it that could make up for less
                digits[level.number] = digit * level.scale + level.offset, level
        least: list[int] = []
        for number, amount in enumerate(reached):
            if number not in digits:
                least.append(amount)
                continue
            digit, level = digits[number]
            least.append(min(max(0, -(-digit // level.scale)), amount))
            if digit != amount * level.scale:  # also where it says less than nothing, or is rounded up
                break
        return tuple(least)


def words_of(instance: Instance) -> Words:
    """The numbers of every pair and of every stay outside."""
    rows = instance.request_of
    levels = [*_drop_levels(instance), *(_pair_level(instance, number, rows) for number in PAIR_NUMBERS)]
    room = _WORD_MAX // (FINENESS * (2 * instance.requests + 2))
    shared: list[list[_Level]] = []
    for level in levels:
        if level.base == 1:
            continue
        if shared:
            beside = replace(level, step=-(-level.base // shared[-1][-1].scale))
            if prod(one.step for one in shared[-1]) * beside.step < room:
                shared[-1].append(beside)
                continue
        shared.append([level])
    groups: list[_Group] = []
    radix: list[int] = []
    arcs: list[IntArray] = []
    outs: list[IntArray] = []
    bases: list[int] = []
    for together in shared:
        width = 1 if together[0].base < room else -(-(together[0].base * FINENESS).bit_length() // _DIGIT_BITS)
        kind = np.dtype(np.object_ if width > 1 else np.int64)
        arc: NDArray[Any] = np.zeros(rows.size, kind)
        out: NDArray[Any] = np.zeros(instance.requests, kind)
        most = 1
        for level in reversed(together):
            if level.arc is not None:
                arc = arc + level.arc * (most * FINENESS)
            if level.out is not None:
                out = out + level.out * (most * FINENESS)
            most *= level.step
        groups.append(_Group(tuple(together), width))
        arcs.extend(_spread(arc, width))
        outs.extend(_spread(out, width))
        radix.extend([0] + [_DIGIT_BITS] * (width - 1))
        bases.extend([-(-most >> _DIGIT_BITS * (width - 1)) if width > 1 else most])
        bases.extend([1 << _DIGIT_BITS] * (width - 1))
    if not arcs:  # nothing to choose between, but there still must be a flow
        arcs, outs, radix = [np.zeros(rows.size, np.int64)], [np.zeros(instance.requests, np.int64)], [0]
        bases = [1]
    return Words(
        np.ascontiguousarray(np.stack(arcs, axis=1)),
        np.ascontiguousarray(np.stack(outs, axis=1)),
        np.array(radix, np.int64),
        tuple(groups),
        tuple(bases),
    )


def _digits(total: int, width: int) -> list[int]:
    """The words of a number, the first holding all that the others do not."""
    digits = []
    for _ in range(width - 1):
        digits.append(total & ((1 << _DIGIT_BITS) - 1))
        total >>= _DIGIT_BITS
    return [total, *reversed(digits)]


def _spread(numbers: Amounts, width: int) -> list[IntArray]:
    """`_digits` of every number."""
    if width == 1:
        return [numbers.astype(np.int64)]
    columns = [_digits(int(number), width) for number in numbers]
    return list(np.array(columns, np.int64).reshape(len(columns), width).T)


def _drop_levels(instance: Instance) -> Iterator[_Level]:
    """The levels that count who is left out: whoever has somewhere to go pays nothing there."""
    size = instance.size
    out_of = instance.dropped.T // size
    nowhere = np.diff(instance.row) == 0
    if instance.most is not None:
        nowhere[:] = False
    more = np.where(instance.optional & ~nowhere, out_of, 0)
    offsets, sums = (np.where(nowhere, out_of, 0) @ size).tolist(), (more @ size).tolist()
    for number, out in enumerate(more):
        base = 1 + _ROOM[instance.most is None] * sums[number]
        yield _Level(number, None, out, offsets[number], 1, base, base)


def _pair_level(instance: Instance, number: int, rows: IntArray) -> _Level:
    """One of the levels that count who is placed, per person, with each request's smallest amount taken off, because
    only differences decide.

    `change` counts 1 per party, so per person it is a fraction: it is multiplied by the least common multiple of the
    sizes of the parties it concerns. What comes after it in its word may sum to as much as all parts of one change.
    """
    size, scale = instance.size, 1
    amounts = instance.pair[number - len(DROP_LEVELS)]
    arc: Amounts = amounts if amounts.dtype == np.object_ else amounts.astype(np.int64)
    most = None if instance.most is None else instance.most[number - len(DROP_LEVELS)]
    if number == CHANGE:
        concerned = np.zeros(instance.requests, np.bool_) if most is None else np.array(most) > 0
        concerned[rows[arc.astype(np.bool_)]] = True
        scale = lcm(*size[concerned].tolist())
        arc = arc * np.where(concerned, scale // size, 0)[rows]
    else:
        arc = arc // size[rows]
    low = np.zeros(instance.requests, arc.dtype)
    high = low.copy()
    somewhere = np.flatnonzero(np.diff(instance.row))
    if most is not None:
        per_person = (scale // size).tolist() if number == CHANGE else [1] * instance.requests
        high = np.array([one * times for one, times in zip(most, per_person, strict=True)], np.object_)
    elif somewhere.size:
        high[somewhere] = np.maximum.reduceat(arc, instance.row[somewhere])
        if not instance.optional.all():
            least = np.minimum.reduceat(arc, instance.row[somewhere])
            low[somewhere] = np.where(instance.optional[somewhere], 0, least)
    most_in_all = _ROOM[most is None] * _dot(size, high - low)
    base = scale + most_in_all if most_in_all else 1
    return _Level(number, arc - low[rows] if low.any() else arc, None, _dot(size, low), scale, base, base)


def _dot(size: IntArray, amounts: Amounts) -> int:
    """What amounts per person (none negative) sum to over all persons, in unbounded integers."""
    if amounts.dtype != np.object_ and int(amounts.max(initial=0)) * int(size.sum()) < _BEYOND:
        return int(size @ amounts)
    return sum(a * b for a, b in zip(size.tolist(), amounts.tolist(), strict=True))
