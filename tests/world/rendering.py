"""The rows that docs/assumptions.md must show, made from the code they describe."""

from collections.abc import Iterator
from types import ModuleType

from nrm import policy
from nrm.insight import buying, catalogue, comparing, disclosure, fairness, nights, periods, remedies, rules, statement
from nrm.intake.rules import LANGUAGES, NEEDS
from nrm.registry.service import NATIONAL_CRITERIA
from nrm.world.assumptions import MIXES, NUMBERS, STANCES


def numbers() -> Iterator[str]:
    for name, found in NUMBERS.items():
        yield f"| `{name}` | {found.value:g} | {found.low:g} – {found.high:g} | {found.why} |"


def mixes() -> Iterator[str]:
    for name, found in MIXES.items():
        shares = ", ".join(f"{key or 'none'} {share:g}" for key, share in found.shares.items())
        yield f"| `{name}` | {shares} | ± {found.spread:g} | {found.why} |"


def stances() -> Iterator[str]:
    for kind, criteria in STANCES.items():
        for criterion, (accepts, consult, excludes) in criteria.items():
            yield f"| {kind} | {criterion} | {accepts:g} | {consult:g} | {excludes:g} |"


def lists() -> Iterator[str]:
    for name, codes in (("criteria", NATIONAL_CRITERIA), ("needs", NEEDS), ("languages", LANGUAGES)):
        yield f"| {name} | {', '.join(codes)} |"


def thresholds() -> Iterator[str]:
    """The start of each row: where in `nrm/insight`, and its value."""
    for module, names in _THRESHOLDS.items():
        for name in names:
            value = getattr(module, name)
            said = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            yield f"| `{module.__name__.rpartition('.')[2]}.{name}` | {said} |"


_THRESHOLDS: dict[ModuleType, tuple[str, ...]] = {
    rules: ("SMALL", "INFLOW_DAYS", "INFLOW_DAYS_MIN"),
    catalogue: ("NATIONAL_MIN", "REGIONAL_MIN", "BASE", "CLOSES_AFTER_DAYS"),
    disclosure: ("SPREAD",),
    statement: ("HOUSES_MIN",),
    buying: ("TENTHS_MIN",),
    periods: ("PERIODS", "ASKED_PER_DAY", "KEPT_DAYS"),
    fairness: ("SURE",),
    comparing: ("FOLLOWED_DAYS",),
    nights: ("NIGHT_HOUR",),
    remedies: ("BUDGET_MS",),
}


def policies() -> Iterator[str]:
    """The start of each row: kind, what, value. Range and reason follow it in the document."""
    for kind in policy.KINDS:
        for path, value in _leaves(kind().model_dump(mode="json")):
            yield f"| {kind.kind} | {path} | {value} |"


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value of a policy with its path; a list of plain values is one value, what is not said is left out."""
    if isinstance(value, dict) and "rungs" in value:
        said = [
            f"{name} {', '.join(found) if isinstance(found, list) else found}"
            for name, found in value.items()
            if found and name != "rungs"
        ]
        climb = [
            f"+{rung['after_minutes']} {rung['role']} ({', '.join(rung['channels'])}; {rung['answer_minutes']})"
            for rung in value["rungs"]
        ]
        yield path, f"{'; '.join(said) or 'all'}: {', '.join(climb)}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value, start=1):
            yield from _leaves(inner, f"{path}.{number}")
    elif isinstance(value, list):
        yield path, ", ".join(value)
    elif value is not None:
        yield path, value
