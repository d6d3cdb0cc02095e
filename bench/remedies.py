"""How long it takes to say what would help: tonight, and of a situation that is asked again at night.

    python -m bench.remedies [--waiting 15 40 100] [--rounds 5] [--budget 1800]

On the seeded world (about 300 places) with so many who wait and cannot all be placed, on SQLite. Prints milliseconds
at the median and the worst, with how many remedies were tried and whether all was proven within the budget (bar: 2 s).
Then the same situation asked again for everything that could have been different, without a budget, as at night: the
first time, and an hour later with everybody who would by then be in a place of it (bar: within `periods.BUDGET_MS`).
"""

import argparse
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from random import Random

from nrm.access import queries as access
from nrm.app import prepare
from nrm.db import Database, migrate
from nrm.insight import periods, remedies, replay, situations
from nrm.intake.schemas import RequestIn
from nrm.intake.service import submit
from nrm.placing import problem as placing
from nrm.seal import AddressKey
from nrm.world.seed import plant
from tests.builders import TurnedClock

PARTIES = ([1], [1], [1], [2], [3], [6])


def ask(database: Database, waiting: int, chance: Random) -> None:
    """So many requests that are hard to place, in the name of the demo's coordinator in Rotterdam."""
    with database.transaction() as tx:
        account = access.account_by_login(tx, "coordinator-rotterdam")
        assert account is not None
        actor = access.actor_of_account(tx, account.id)
        assert actor is not None
        for _ in range(waiting):
            persons = [{"sex": chance.choice("fm"), "age": 25} for _ in range(chance.choice(PARTIES)[0])]
            facts = {one: chance.choice(("yes", "yes", "no")) for one in ("addiction", "psychiatric", "trauma")}
            unsafe = (
                [{"region": f"VR{chance.randint(1, 25):02d}", "reason": "network"}] if chance.random() < 0.4 else []
            )
            said = {"region": "VR17", "urgency": "now", "persons": persons, "facts": facts, "unsafe": unsafe}
            said["residence"] = chance.choice(("dutch", "none", "b8"))
            submit(tx, actor, RequestIn.model_validate(said))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, nargs="+", default=[15, 40, 100])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=remedies.BUDGET_MS)
    wanted = parser.parse_args()
    for waiting in wanted.waiting:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
            migrate(url)
            database = Database(url, clock=TurnedClock())
            with database.transaction() as tx:
                prepare(tx)
            plant(database, AddressKey(bytes(range(32))))
            ask(database, waiting, Random(waiting))  # noqa: S311 - not for secrets
            remedies.remedies(database, houses=True)  # the first compiles
            took, worked = [], []
            for _ in range(wanted.rounds):
                begun, began = time.perf_counter(), time.process_time()
                found = remedies.remedies(database, True, wanted.budget)
                took.append(1000 * (time.perf_counter() - begun))
                worked.append(1000 * (time.process_time() - began))
            print(
                f"waiting={len(found.waiting)} unplaced={len(found.unplaced)} remedies={len(found.found)} "
                f"proven={found.proven} ms_median={statistics.median(took):.0f} ms_worst={max(took):.0f} "
                f"processor_ms_median={statistics.median(worked):.0f}"
            )
            again(database, wanted.rounds)
            database.close()


def again(database: Database, rounds: int) -> None:
    """The situation as it would be kept, asked again."""
    with database.reading() as tx:
        packed, at = situations.packed(situations.problem(tx, placing.waiting(tx))), tx.now
    worked: list[list[float]] = [[], []]
    for _ in range(rounds):
        problem = situations.unpacked(*packed)
        began = time.process_time()
        first = replay.asked_again(problem, at, {})
        then = time.process_time()
        second = replay.asked_again(problem, at + timedelta(hours=1), first.claims)
        worked[0].append(1000 * (then - began))
        worked[1].append(1000 * (time.process_time() - then))
    said = " and ".join(f"{statistics.median(one):.0f}" for one in worked)
    print(
        f"asked again at night: lines={len(first.gains)} whole={first.whole and second.whole} "
        f"processor_ms_median={said} (bar {periods.BUDGET_MS})"
    )


if __name__ == "__main__":
    main()
