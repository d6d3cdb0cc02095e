"""The repository as a newcomer finds it: two commands that exist, nothing lying about, papers in order."""

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests import all as every_check
from tests.house.sources import ROOT

FILES = {
    *("pyproject.toml", "uv.lock", "Makefile", "README.md", "LICENSE", "SECURITY.md", "CONTRIBUTING.md"),
    *("publiccode.yml", "Dockerfile", "compose.yaml"),
}
FOLDERS = {"nrm", "matching", "web", "tests", "docs", "bench"}
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def make_targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def make_commands(markdown: str) -> set[str]:
    """The targets that a text tells its reader to make."""
    return set(re.findall(r"\bmake ([a-z][a-z-]*)", " ".join(CODE.findall(markdown))))


def loose(folder: Path) -> list[str]:
    """What lies at the top level and does not belong there. Dotfiles are tools' own."""
    return sorted(
        path.name
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and path.name not in (FOLDERS if path.is_dir() else FILES)
        and path.name != "__pycache__"
    )


def test_the_top_level_holds_nothing_loose() -> None:
    assert loose(ROOT) == []


def test_a_planted_loose_file_is_found(tmp_path: Path) -> None:
    for name in ("notes.txt", "README.md", ".gitignore", "docs"):
        (tmp_path / name).touch()
    (tmp_path / "scripts").mkdir()
    assert loose(tmp_path) == ["docs", "notes.txt", "scripts"]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_commands_a_page_names_exist(page: str) -> None:
    told = make_commands((ROOT / page).read_text(encoding="utf-8"))
    assert told >= {"test"}
    assert told <= make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))


def test_the_readme_names_both_commands() -> None:
    assert make_commands((ROOT / "README.md").read_text(encoding="utf-8")) >= {"demo", "test"}


def test_ci_runs_the_readme_s_test_command_and_nothing_more() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line and not line.lstrip().startswith("#")]
    assert commands[-1].endswith(" make test </dev/null")
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


def test_a_planted_command_is_found() -> None:
    makefile = "demo: x\n\t@true\ntest: y\n.PHONY: demo\n$(UV):\n"
    assert make_targets(makefile) == {"demo", "test"}
    assert make_commands("we make sure. `make demo`\n```sh\nmake tset\n```") == {"demo", "tset"}


def test_every_check_is_among_the_groups() -> None:
    assert [group.name for group in every_check.GROUPS] == [
        *("solver", "types", "lint", "format", "contracts", "tests", "soak", "browser")
    ]
    selections = [group.arguments[2] for group in every_check.GROUPS if group.program == "pytest"]
    assert selections == ["not browser", "browser"], "together they are all tests"


def publiccode_faults(text: str) -> list[str]:
    """What the standard (publiccode.yml 0.4) asks and the file does not give."""
    data = yaml.safe_load(text)
    faults = [
        f"{key} is missing"
        for key in (
            *("publiccodeYmlVersion", "name", "url", "releaseDate", "platforms", "categories", "developmentStatus"),
            *("softwareType", "description", "legal", "maintenance", "localisation"),
        )
        if not data.get(key)
    ]
    for language in ("nl", "en"):
        words = data.get("description", {}).get(language, {})
        if not 0 < len(words.get("shortDescription", "")) <= 150:
            faults.append(f"{language}: shortDescription is 1 to 150 characters")
        if not 150 <= len(words.get("longDescription", "")) <= 10_000:
            faults.append(f"{language}: longDescription is 150 to 10,000 characters")
        if not words.get("features"):
            faults.append(f"{language}: features are missing")
    if data.get("legal", {}).get("license") != "EUPL-1.2":
        faults.append("the licence is EUPL-1.2")
    if not isinstance(data.get("releaseDate"), date):
        faults.append("releaseDate is a date")
    if data.get("developmentStatus") not in {"concept", "development", "beta", "stable", "obsolete"}:
        faults.append("developmentStatus is not one of the standard's")
    return faults


def test_publiccode_follows_the_standard() -> None:
    assert publiccode_faults((ROOT / "publiccode.yml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("EUPL-1.2", "MIT", "the licence is EUPL-1.2"),
        ("developmentStatus: development", "developmentStatus: nearly", "developmentStatus is not one of"),
        ("platforms:", "plattforms:", "platforms is missing"),
        ("  nl:", "  de:", "nl: shortDescription"),
    ],
)
def test_a_planted_fault_in_publiccode_is_found(good: str, bad: str, fault: str) -> None:
    text = (ROOT / "publiccode.yml").read_text(encoding="utf-8")
    assert good in text
    assert any(found.startswith(fault) for found in publiccode_faults(text.replace(good, bad)))


def test_the_licence_is_the_whole_text() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n")
    assert len(text.split()) > 2000
    assert all(f"\n{number}." in text for number in range(1, 16))
    assert "‘Compatible Licences’ according to Article 5 EUPL are:" in text
