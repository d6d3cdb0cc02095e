"""What others made stands in a list, complete and unchanged."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from tests.house.sources import ROOT

FOLDERS = ("web/static/vendor", "tests/vendor")
FIELDS = {"file", "name", "version", "licence", "sha256"}


def faults(folder: Path) -> list[str]:
    """What is wrong between a folder's ASSETS.toml and its files. Licence texts need no line of their own."""
    assets = tomllib.loads((folder / "ASSETS.toml").read_text(encoding="utf-8"))["asset"]
    found = [f"{asset.get('file')}: fields" for asset in assets if set(asset) != FIELDS or not all(asset.values())]
    listed = {str(asset.get("file")): asset.get("sha256") for asset in assets}
    if len(listed) != len(assets):
        found.append("a file is listed twice")
    present = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and path.name != "ASSETS.toml" and not path.name.startswith("LICENSE")
    }
    found += [f"{name}: not listed" for name in sorted(present.keys() - listed.keys())]
    found += [f"{name}: not there" for name in sorted(listed.keys() - present.keys())]
    found += [
        f"{name}: changed"
        for name in sorted(present.keys() & listed.keys())
        if hashlib.sha256(present[name].read_bytes()).hexdigest() != listed[name]
    ]
    return found


@pytest.mark.parametrize("folder", [name for name in FOLDERS if (ROOT / name).is_dir()])
def test_vendored_files_are_listed_and_unchanged(folder: str) -> None:
    assert faults(ROOT / folder) == []


def test_planted_faults_are_found(tmp_path: Path) -> None:
    (tmp_path / "good.js").write_text("1")
    (tmp_path / "changed.js").write_text("2")
    (tmp_path / "unlisted.js").write_text("3")
    (tmp_path / "LICENSE-MIT.txt").write_text("4")
    digest = hashlib.sha256(b"1").hexdigest()
    (tmp_path / "ASSETS.toml").write_text(
        "\n".join(
            f'[[asset]]\nfile = "{name}"\nname = "n"\nversion = "1"\nlicence = "{licence}"\nsha256 = "{digest}"'
            for name, licence in (("good.js", "MIT"), ("changed.js", ""), ("absent.js", "MIT"))
        )
    )
    assert faults(tmp_path) == [
        "changed.js: fields",
        "unlisted.js: not listed",
        "absent.js: not there",
        "changed.js: changed",
    ]
