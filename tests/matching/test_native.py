"""Compiled kernels kept on disk: never those of other sources than there are now."""

import shutil
from pathlib import Path
from types import ModuleType

import pytest
from numba.core.dispatcher import Dispatcher

import matching
from matching import descent, kernels, leaves, native, packing

FOLDER = Path(matching.__file__).parent
MODULES = (kernels, descent, leaves, packing)


def _of(module: ModuleType) -> dict[str, Dispatcher]:
    return {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, Dispatcher) and one.py_func.__module__ == module.__name__
    }


@pytest.mark.parametrize("changed", native.SOURCES)
def test_a_change_in_any_source_is_a_change_of_all_kernels(changed: str, tmp_path: Path) -> None:
    for name in native.SOURCES:
        shutil.copy(FOLDER / f"{name}.py", tmp_path)
    assert native.source_stamp(tmp_path) == native.source_stamp()
    other = tmp_path / "other"
    shutil.copytree(tmp_path, other)
    with (other / f"{changed}.py").open("a") as source:
        source.write("\n# another\n")
    assert native.source_stamp(other) != native.source_stamp()


def test_what_is_kept_of_a_kernel_is_of_all_its_sources() -> None:
    """Numba itself would look at the one file only."""
    kept = [one for module in MODULES for one in _of(module).values() if hasattr(one._cache, "_cache_file")]
    assert len(kept) == 13
    assert {one._cache._cache_file._source_stamp for one in kept} == {native.source_stamp()}


def test_every_number_and_function_a_kernel_knows_is_from_a_named_source() -> None:
    named = {f"matching.{name}" for name in native.SOURCES}
    for module in MODULES:
        for function in _of(module).values():
            for name in function.py_func.__code__.co_names:
                one = vars(module).get(name)
                if isinstance(one, Dispatcher):
                    assert one.py_func.__module__ in named, name
                elif isinstance(one, int | float):
                    homes = [source for source in named if vars(__import__(source, fromlist=["x"])).get(name) is one]
                    assert homes, name


def test_no_kernel_is_compiled_twice() -> None:
    """Each further kind of arguments takes seconds on every new machine."""
    matching.prepare()
    compiled = {name: len(one.signatures) for module in MODULES for name, one in _of(module).items()}
    assert {name: count for name, count in compiled.items() if count > 1} == {}
