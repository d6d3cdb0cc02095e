"""HiGHS on an assignment model given on standard input; must not share a process with OR-Tools.

The time covers building the model and all levels, not starting Python.
"""

import json
import sys
import time
from itertools import pairwise

import highspy
import numpy as np


def main() -> None:
    sent = json.load(sys.stdin)
    start, used = time.perf_counter(), time.process_time()
    rows, columns = sent["rows"], sent["columns"]
    size, places, private, location = (sent[name] for name in ("size", "places", "private", "location"))
    pairs, requests = len(rows), len(size)
    count = pairs + requests
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", 0.0)
    solver.addVars(count, np.zeros(count), np.ones(count))
    solver.changeColsIntegrality(count, np.arange(count), np.array([highspy.HighsVarType.kInteger] * count))
    of_request: list[list[int]] = [[pairs + at] for at in range(requests)]
    of_unit: dict[int, list[int]] = {}
    here: dict[tuple[int, int], list[int]] = {}
    for at, (request, unit) in enumerate(zip(rows, columns, strict=True)):
        of_request[request].append(at)
        of_unit.setdefault(unit, []).append(at)
        here.setdefault((request, location[unit]), []).append(at)
    for members in of_request:
        solver.addRow(1, 1, len(members), np.array(members), np.ones(len(members)))
    for unit, members in of_unit.items():
        weights = np.ones(len(members)) if private[unit] else np.array([size[rows[at]] for at in members], float)
        solver.addRow(0, 1 if private[unit] else places[unit], len(members), np.array(members), weights)
    for a, b in sent["apart"]:
        for request, spot in list(here):
            if request == a and (b, spot) in here:
                both = here[a, spot] + here[b, spot]
                solver.addRow(0, 1, len(both), np.array(both), np.ones(len(both)))
    for group in sent["groups"]:
        for a, b in pairwise(group):
            for spot in sorted({spot for request, spot in here if request in (a, b)}):
                one, other = here.get((a, spot), []), here.get((b, spot), [])
                weights = np.array([1.0] * len(one) + [-1.0] * len(other))
                solver.addRow(0, 0, len(weights), np.array(one + other), weights)
    levels: list[int] = []
    proven = True
    for level in sent["levels"]:
        costs = np.array(level, float)
        solver.changeColsCost(count, np.arange(count), costs)
        solver.setOptionValue(
            "time_limit", solver.getRunTime() + max(0.0, sent["seconds"] - time.perf_counter() + start)
        )
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            proven = False
            break
        levels.append(round(solver.getInfo().objective_function_value))
        paid = np.flatnonzero(costs)
        solver.addRow(-highspy.kHighsInf, levels[-1] + 0.5, len(paid), paid, costs[paid])
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    print(json.dumps({"levels": levels, "proven": proven, "seconds": seconds, "processor": processor}))


if __name__ == "__main__":
    main()
