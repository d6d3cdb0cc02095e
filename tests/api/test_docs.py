"""docs/api.md names every code of a refusal that the code knows, and no other."""

import ast
import re
from pathlib import Path

from nrm import errors

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api.md"
BY_FRAMEWORK = {
    404: {"not_found"},
    405: {"method_not_allowed"},
    413: {"too_large"},
    415: {"unsupported_media_type"},
    400: {"bad_request"},
    500: {"failed"},
}
KINDS = {
    name: kind.status
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.NrmError)
}
# Written through a variable or a conditional, which the walk below cannot follow.
INDIRECT = {409: {"offer_or_stay_in_the_way", "already_closed"}, 403: {"not_on_shift", "role_may_not"}}


def raised() -> tuple[dict[int, set[str]], set[str]]:
    """Status → codes, and field codes, as the source raises them."""
    codes: dict[int, set[str]] = {}
    fields: set[str] = set()
    for source in (BY_FRAMEWORK, INDIRECT):
        for status, names in source.items():
            codes.setdefault(status, set()).update(names)
    for path in (ROOT / "nrm").rglob("*.py"):
        if "world" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            texts = [found.value for found in node.args if isinstance(found, ast.Constant)]
            if node.func.id in KINDS and texts:
                codes.setdefault(KINDS[node.func.id], set()).add(str(texts[0]))
            if node.func.id == "FieldError" and texts:
                fields.add(str(texts[-1]))
    return codes, fields


def written() -> tuple[dict[int, set[str]], set[str]]:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}) \| (.*) \|$", text, re.MULTILINE)
    (fields,) = re.findall(r"Field codes beside those of the schema: (.*?)\.\n", text, re.DOTALL)
    return (
        {int(status): set(re.findall(r"`(\w+)`", names)) for status, names in rows},
        set(re.findall(r"`(\w+)`", fields)),
    )


def test_every_code_is_written_down() -> None:
    assert written() == raised()
