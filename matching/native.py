"""How the inner loops are compiled: by Numba when they are first called, and kept on disk for the next process.

What is kept counts only while all their sources are the same. Numba by itself looks at the file of a function alone, so
after a change in one file a kernel of another would still do what it did before.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.extending import register_jitable

P = ParamSpec("P")
T = TypeVar("T")

SOURCES: Final = ("native", "kernels", "descent", "leaves", "packing", "words")
"""Modules with kernels, and those a kernel has numbers from."""


@cache
def source_stamp(folder: Path = Path(__file__).parent) -> str:
    """Another one when any of the sources is another."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(hashlib.sha256((folder / f"{name}.py").read_bytes()).digest())
    return digest.hexdigest()


class _Kept(CompileResultCacheImpl):
    """Where a compiled kernel is kept, and as of which sources."""

    @property
    def locator(self) -> Any:
        located = super().locator
        located.get_source_stamp = source_stamp
        return located


class _KernelCache(FunctionCache):
    _impl_class = _Kept


def kernel(function: Callable[P, T]) -> Callable[P, T]:
    """Called from Python. It does not hold the interpreter's lock."""
    compiled: Any = numba.njit(nogil=True)(function)
    with suppress(RuntimeError):  # nowhere to keep it: compiled again by every process
        compiled._cache = _KernelCache(function)  # type: ignore[no-untyped-call]
    return cast(Callable[P, T], compiled)


def inner(function: Callable[P, T]) -> Callable[P, T]:
    """Called by kernels only, and part of what is kept of them. Compiled once, whatever constants it is called with."""
    part: Callable[P, T] = register_jitable(function)
    return part
