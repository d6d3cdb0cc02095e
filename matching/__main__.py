"""The commands: solve, check, explain, value, prices.

Malformed input: exit 2, one line on standard error, nothing else.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from matching.check import violations
from matching.explanation import changes_from_json, explain, value
from matching.pricing import prices
from matching.problem import MalformedProblem, Problem, parse_json, problem_from_json
from matching.solution import Budget, solution_from_json
from matching.solver import solve

MALFORMED = 2
VIOLATED = 1


class _OneLineParser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, like every other complaint of this command."""

    def error(self, message: str) -> NoReturn:
        raise MalformedProblem(f"arguments: {message}")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _OneLineParser(prog="python -m matching", description="Match requests for a shelter bed to units.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("solve", help="the best placement, with reasons")
    command.add_argument("problem", type=Path)
    command.add_argument("--budget-ms", type=_natural, default=2000, help="time to search, in milliseconds")
    command.add_argument("--seed", type=_natural, default=0)
    command.add_argument("--alternatives", type=_natural, default=3, help="other units listed per placed request")
    command = commands.add_parser("check", help="judge a solution; exit 1 if a rule is broken")
    command.add_argument("problem", type=Path)
    command.add_argument("solution", type=Path)
    command = commands.add_parser("explain", help="why here, why not there, what would change it")
    command.add_argument("problem", type=Path)
    command.add_argument("request")
    command = commands.add_parser("value", help="what each change would be worth")
    command.add_argument("problem", type=Path)
    command.add_argument("changes", type=Path)
    command = commands.add_parser("prices", help="what one place more of each kind would be worth")
    command.add_argument("problem", type=Path)
    return parser.parse_args(argv)


def _natural(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**31:
        raise ValueError(text)
    return value


def _json(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise MalformedProblem(f"cannot read the file: {type(error).__name__}") from None
    return parse_json(content)


def _problem(path: Path) -> Problem:
    return problem_from_json(_json(path))


def _run(arguments: argparse.Namespace) -> tuple[Any, int]:
    problem = _problem(arguments.problem)
    if arguments.command == "solve":
        budget = Budget(milliseconds=arguments.budget_ms)
        return solve(problem, budget, arguments.seed, arguments.alternatives).to_json(), 0
    if arguments.command == "check":
        found = violations(problem, solution_from_json(_json(arguments.solution)))
        listed = [{"rule": one.rule, "request": one.request, "unit": one.unit, "text": one.text} for one in found]
        return {"violations": listed}, VIOLATED if found else 0
    if arguments.command == "explain":
        return explain(problem, arguments.request).to_json(), 0
    if arguments.command == "prices":
        return [price.to_json() for price in prices(problem)], 0
    changes = changes_from_json(_json(arguments.changes))
    return [outcome.to_json() for outcome in value(problem, changes)], 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        answer, code = _run(_arguments(argv))
    except MalformedProblem as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return MALFORMED
    sys.stdout.write(json.dumps(answer) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
