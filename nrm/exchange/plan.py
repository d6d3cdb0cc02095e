"""What a sheet would change, worked out against the registry as it stands, and everything that is wrong with it.

Nothing is written here. The same sheet on the same registry gives the same plan with the same digest, so that what a
person saw can be told from what would happen now.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from nrm.clock import AMSTERDAM
from nrm.exchange.rules import ALWAYS, OPEN, RULE, Row, Wrong, by_location, folded, merged
from nrm.registry import rules as registry
from nrm.registry.queries import LocationView, PlaceView, UnitView
from nrm.registry.rules import PlaceState, Stance

PAUSE_MAX = timedelta(days=366)


class ChangeKind(StrEnum):
    """What one line of a plan does."""

    LOCATION_ADDED = "location_added"
    UNIT_ADDED = "unit_added"
    PLACES_ADDED = "places_added"
    HOURS_SET = "hours_set"
    PAUSED = "paused"
    RESUMED = "resumed"
    PLACES_CLOSED = "places_closed"
    PLACES_REOPENED = "places_reopened"
    CLOSURE_CHANGED = "closure_changed"
    RULE_SET = "rule_set"


@dataclass(frozen=True)
class Change:
    """One thing that will be done: where it is said, about what, and with which values; never an address.

    `location_id`, `unit_id` and `place_ids` are empty for what does not exist yet.
    """

    row: int
    kind: ChangeKind
    location: str
    unit: str = ""
    location_id: str = ""
    unit_id: str = ""
    place_ids: tuple[str, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Every change in the order of the sheet, what is wrong, and the versions of the locations it is about."""

    rows: int
    changes: tuple[Change, ...]
    wrongs: tuple[Wrong, ...]
    versions: Mapping[str, int]

    @property
    def digest(self) -> str:
        """What tells this plan from another: all that will be done, and on which versions."""
        whole = [[vars(change) for change in self.changes], [vars(wrong) for wrong in self.wrongs], dict(self.versions)]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def places_added(self) -> int:
        """How many beds it adds."""
        return sum(
            change.said["places"]
            for change in self.changes
            if change.kind in {ChangeKind.UNIT_ADDED, ChangeKind.PLACES_ADDED}
        )


@dataclass(frozen=True)
class Standing:
    """What a plan is made against. `adds` and `keeps` say what the person may do: add houses, or keep their own.

    `own_rules` are the rules of units themselves; `providers` the organisations a house can be of, by folded name.
    """

    now: datetime
    adds: bool
    keeps: bool
    views: Sequence[LocationView]
    own_rules: Mapping[tuple[str, str], Stance]
    providers: Mapping[str, str]
    criteria: Sequence[str]


def make_plan(standing: Standing, rows: Sequence[Row], wrongs: Sequence[Wrong]) -> Plan:
    """What these rows would change. `wrongs` is what was found while reading them."""
    known = {folded(view.location.code): view for view in standing.views}
    changes: list[Change] = []
    found = list(wrongs)
    touched: dict[str, int] = {}
    for of_one in by_location(rows):
        view = known.get(folded(of_one[0].location))
        said, contradictions = merged(of_one)
        found += contradictions
        planner = _Planner(standing, said, of_one, changes, found)
        if view is not None:
            touched[view.location.id] = view.location.version
            planner.existing(view)
        elif standing.adds:
            planner.new()
        else:
            # Somebody else's house and one that does not exist are the same to them.
            found += [Wrong(row.number, "location", "not_yours") for row in of_one]
    order = sorted(range(len(changes)), key=lambda place: (changes[place].row, place))
    ordered = tuple(changes[place] for place in order)
    return Plan(len(rows), ordered, tuple(sorted(set(found), key=lambda wrong: (wrong.row, wrong.column))), touched)


@dataclass
class _Planner:
    """Plans the rows of one location."""

    standing: Standing
    said: Mapping[str, Any]
    rows: Sequence[Row]
    changes: list[Change]
    wrongs: list[Wrong]

    def wrong(self, row: Row, column: str, code: str) -> None:
        self.wrongs.append(Wrong(row.number, column, code))

    def sayer(self, column: str) -> Row:
        """The first row that says something in this column, else the first."""
        return next((row for row in self.rows if column in row.cells), self.rows[0])

    # A house that is not there yet

    def new(self) -> None:
        """A new house with its rooms."""
        first, said = self.rows[0], self.said
        missing = [name for name in ("provider", "region", "pool", "safety_class") if name not in said]
        for name in missing:
            self.wrong(first, name, "required")
        organisation = self.standing.providers.get(folded(said["provider"])) if "provider" in said else None
        if "provider" in said and organisation is None:
            self.wrong(self.sayer("provider"), "provider", "unknown_provider")
        for name in ("intake", "intake_until"):
            if said.get(name, OPEN) != OPEN:
                self.wrong(self.sayer(name), name, "only_provider")
        hours = self._hours() or (None, None)
        code = first.location
        self.changes.append(
            Change(
                first.number,
                ChangeKind.LOCATION_ADDED,
                code,
                said={
                    "organisation_id": organisation,
                    **{name: said.get(name) for name in ("provider", "region", "pool", "safety_class")},
                    "opens": hours[0],
                    "closes": hours[1],
                    "address": "address" in said,
                    "address_row": self.sayer("address").number if "address" in said else 0,
                },
            )
        )
        for row in self.rows:
            self._new_unit(row, code, "")

    def _new_unit(self, row: Row, code: str, location_id: str) -> None:
        cells = row.cells
        for name in ("places", "sexes"):
            if name not in cells:
                self.wrong(row, name, "required")
        if cells.get("age_min", 18) > cells.get("age_max", 120):
            self.wrong(row, "age_max", "ages_reversed")
        closed = cells.get("closed", 0)
        if closed > cells.get("places", closed):
            self.wrong(row, "closed", "more_than_there_are")
        if closed and "closed_reason" not in cells:
            self.wrong(row, "closed_reason", "required")
        if not closed and ("closed_reason" in cells or "closed_until" in cells):
            self.wrong(row, "closed", "required")
        self._not_past(row)
        stances = {criterion: Stance(cells[RULE + criterion]) for criterion in self._asked(row)}
        if Stance.EXCLUDES in stances.values() and not cells.get("rule_reason"):
            self.wrong(row, "rule_reason", "reason_needed")
        said = {
            "places": cells.get("places", 0),
            "sexes": cells.get("sexes", ()),
            "private": cells.get("private", False),
            "sons_until": cells.get("sons_until", 12),
            "age_min": cells.get("age_min", 18),
            "age_max": cells.get("age_max", 120),
            "children": cells.get("children", False),
            "wheelchair": cells.get("wheelchair", False),
            "closed": closed,
            "closed_reason": cells.get("closed_reason", ""),
            "closed_until": cells.get("closed_until"),
            "stances": stances,
            "reason": cells.get("rule_reason", ""),
        }
        self.changes.append(
            Change(row.number, ChangeKind.UNIT_ADDED, code, row.unit, location_id=location_id, said=said)
        )

    # A house that is there

    def existing(self, view: LocationView) -> None:
        """What changes in a house that exists, and the rooms and beds it gets."""
        before = len(self.changes)
        self._same_location(view)
        if "address" in self.said:
            self.wrong(self.sayer("address"), "address", "address_of_new_only")
        units = {folded(unit.unit.code): unit for unit in view.units}
        listed = [(row, units[folded(row.unit)]) for row in self.rows if folded(row.unit) in units]
        self._hours_of(view)
        self._intake_of(view)
        for row, unit in listed:
            self._unit(row, view, unit)
        self._rules_of(view, listed)
        if not self.standing.keeps:
            self._only_additions(before)
        for row in self.rows:
            if folded(row.unit) not in units:
                if self.standing.adds:
                    self._new_unit(row, view.location.code, view.location.id)
                else:
                    self.wrong(row, "unit", "only_desk_adds")

    def _only_additions(self, before: int) -> None:
        """What goes on in a house is its provider's to say: take what was planned for that out, and say so."""
        kept = []
        for change in self.changes[before:]:
            if change.kind is ChangeKind.PLACES_ADDED:
                kept.append(change)
            else:
                self.wrongs.append(Wrong(change.row, _COLUMN_OF[change.kind], "only_provider"))
        self.changes[before:] = kept

    def _same_location(self, view: LocationView) -> None:
        found = view.location
        stands = {
            "provider": folded(view.organisation.name),
            "region": found.region_code,
            "pool": found.pool,
            "safety_class": found.safety_class,
        }
        for name, value in stands.items():
            said = self.said.get(name, value)
            if (folded(said) if name == "provider" else said) != value:
                self.wrong(self.sayer(name), name, "fixed")

    def _change(
        self, row: Row, kind: ChangeKind, view: LocationView, unit: UnitView | None = None, **more: Any
    ) -> None:
        self.changes.append(
            Change(
                row.number,
                kind,
                view.location.code,
                unit.unit.code if unit else "",
                location_id=view.location.id,
                unit_id=unit.unit.id if unit else "",
                **more,
            )
        )

    def _hours(self) -> tuple[Any, Any] | None:
        """From when to when people are taken in, when that is said; (None, None) is day and night."""
        opens, closes = self.said.get("hours_from"), self.said.get("hours_until")
        if opens is None and closes is None:
            return None
        if ALWAYS in (opens, closes):
            if opens not in (None, ALWAYS) or closes not in (None, ALWAYS):
                self.wrong(self.sayer("hours_until"), "hours_until", "not_both")
            return None, None
        if opens is None or closes is None:
            name = "hours_from" if opens is None else "hours_until"
            self.wrong(self.rows[0], name, "required")
            return None
        if opens == closes:
            self.wrong(self.sayer("hours_until"), "hours_until", "no_hours")
            return None
        return opens, closes

    def _hours_of(self, view: LocationView) -> None:
        hours = self._hours()
        if hours is not None and hours != (view.location.intake_opens, view.location.intake_closes):
            said = {"opens": hours[0], "closes": hours[1]}
            self._change(self.sayer("hours_from"), ChangeKind.HOURS_SET, view, said=said)

    def _intake_of(self, view: LocationView) -> None:
        found, said = view.location, self.said.get("intake")
        until: datetime | None = self.said.get("intake_until")
        row = self.sayer("intake_until" if until else "intake")
        if said == OPEN:
            if until is not None:
                self.wrong(row, "intake_until", "not_both")
            elif view.paused:
                self._change(row, ChangeKind.RESUMED, view)
            return
        if said is None and until is None:
            return
        if said is None and not view.paused:
            self.wrong(row, "intake", "required")
            return
        stands_until = found.pause_until.replace(second=0, microsecond=0) if found.pause_until else None
        same_reason = view.paused and said in (None, found.pause_reason)
        if same_reason and until in (None, stands_until):
            return
        if until is not None and not self.standing.now < until <= self.standing.now + PAUSE_MAX:
            self.wrong(row, "intake_until", "not_in_range")
            return
        if until is None and view.paused:
            until = found.pause_until  # an empty cell changes nothing
        self._change(row, ChangeKind.PAUSED, view, said={"reason": said or found.pause_reason, "until": until})

    def _unit(self, row: Row, view: LocationView, unit: UnitView) -> None:
        found = unit.unit
        stands = {
            "private": found.private,
            "sexes": tuple(sex for sex in ("f", "m", "x") if sex in found.sexes),
            "sons_until": found.sons_until,
            "age_min": found.age_min,
            "age_max": found.age_max,
            "children": found.children,
            "wheelchair": "wheelchair" in found.offers,
        }
        for name, value in stands.items():
            if row.cells.get(name, value) != value:
                self.wrong(row, name, "fixed")
        number, there = row.cells.get("places", len(unit.places)), len(unit.places)
        if number < there:
            self.wrong(row, "places", "places_stay")
        elif number > there and not self.standing.adds:
            self.wrong(row, "places", "only_desk_adds")
        elif number > there:
            self._change(row, ChangeKind.PLACES_ADDED, view, unit, said={"places": number - there, "there": there})
        self._closures_of(row, view, unit)

    def _closures_of(self, row: Row, view: LocationView, unit: UnitView) -> None:
        """How many beds are out of service, why, and until when. Free beds with the highest numbers close first."""
        cells = row.cells
        closed = [place for place in unit.places if place.closed]
        wanted = cells.get("closed", len(closed))
        reason = cells.get("closed_reason")
        if wanted > len(unit.places):
            self.wrong(row, "closed", "more_than_there_are")
            return
        if not wanted and not closed and (reason or "closed_until" in cells):
            self.wrong(row, "closed", "required")
            return
        if wanted < len(closed):
            # The ones that would be back first.
            ends = sorted(closed, key=lambda place: (place.closure_expected_end is None, place.closure_expected_end))
            back = ends[: len(closed) - wanted]
            closed = [place for place in closed if place not in back]
            self._places(row, ChangeKind.PLACES_REOPENED, view, unit, back, {})
        if wanted > len(closed):
            free = [place for place in unit.places if place.state is PlaceState.FREE]
            chosen = sorted(free, key=_by_number)[len(free) - (wanted - len(closed)) :]
            if len(free) < wanted - len(closed):
                self.wrong(row, "closed", "in_use")
                return
            if reason is None:
                self.wrong(row, "closed_reason", "required")
                return
            said = {"reason": reason, "until": cells.get("closed_until")}
            if self._not_past(row):
                self._places(row, ChangeKind.PLACES_CLOSED, view, unit, chosen, said)
        self._closures_changed(row, view, unit, closed)

    def _closures_changed(self, row: Row, view: LocationView, unit: UnitView, closed: Sequence[PlaceView]) -> None:
        """Another reason or end for beds that are out of service and stay so."""
        cells = row.cells
        for place in closed:
            reason = cells.get("closed_reason", place.closure_reason)
            until = cells.get("closed_until", place.closure_expected_end)
            if (reason, until) == (place.closure_reason, place.closure_expected_end):
                continue
            if until == place.closure_expected_end or self._not_past(row):
                said = {"reason": reason, "until": until, "again": reason != place.closure_reason}
                self._places(row, ChangeKind.CLOSURE_CHANGED, view, unit, [place], said)

    def _places(
        self,
        row: Row,
        kind: ChangeKind,
        view: LocationView,
        unit: UnitView,
        places: Sequence[PlaceView],
        said: Mapping[str, Any],
    ) -> None:
        ordered = sorted(places, key=_by_number)
        labels = tuple(place.label for place in ordered)
        ids = tuple(place.id for place in ordered)
        self._change(row, kind, view, unit, place_ids=ids, said={**said, "labels": labels})

    def _not_past(self, row: Row) -> bool:
        until = row.cells.get("closed_until")
        if until is None or until >= self.standing.now.astimezone(AMSTERDAM).date():
            return True
        self.wrong(row, "closed_until", "in_the_past")
        return False

    def _asked(self, row: Row) -> Iterator[str]:
        return (criterion for criterion in self.standing.criteria if RULE + criterion in row.cells)

    def _rules_of(self, view: LocationView, listed: Sequence[tuple[Row, UnitView]]) -> None:
        """What changes in whom the house takes. What all its rooms say alike becomes the word of the house."""
        for criterion in self.standing.criteria:
            said = [
                (row, unit, Stance(row.cells[RULE + criterion]))
                for row, unit in listed
                if RULE + criterion in row.cells
            ]
            differ = [(row, unit, stance) for row, unit, stance in said if unit.stances[criterion] is not stance]
            if not differ:
                continue
            by_house = [one for one in differ if (one[1].unit.id, criterion) not in self.standing.own_rules]
            alike = len(said) == len(view.units) and len({stance for _, _, stance in said}) == 1
            if alike and by_house:
                self._rule(by_house[0][0], view, None, criterion, by_house)
                differ = [one for one in differ if one not in by_house]
            for one in differ:
                self._rule(one[0], view, one[1], criterion, [one])

    def _rule(
        self,
        row: Row,
        view: LocationView,
        unit: UnitView | None,
        criterion: str,
        about: Sequence[tuple[Row, UnitView, Stance]],
    ) -> None:
        stance = about[0][2]
        reason = next((one.cells["rule_reason"] for one, _, _ in about if "rule_reason" in one.cells), "")
        before = about[0][1].stances[criterion]
        if not reason and (
            stance is Stance.EXCLUDES or any(_tighter(found, criterion, stance) for _, found, _ in about)
        ):
            self.wrong(row, "rule_reason", "reason_needed")
            return
        said = {"criterion": criterion, "stance": stance, "before": before, "reason": reason}
        self._change(row, ChangeKind.RULE_SET, view, unit, said=said)


def _tighter(unit: UnitView, criterion: str, stance: Stance) -> bool:
    return registry.tightens(unit.stances[criterion], stance)


def _by_number(place: PlaceView) -> tuple[int, str]:
    return len(place.label), place.label


_COLUMN_OF: Mapping[ChangeKind, str] = {
    ChangeKind.HOURS_SET: "hours_from",
    ChangeKind.PAUSED: "intake",
    ChangeKind.RESUMED: "intake",
    ChangeKind.PLACES_CLOSED: "closed",
    ChangeKind.PLACES_REOPENED: "closed",
    ChangeKind.CLOSURE_CHANGED: "closed_reason",
    ChangeKind.RULE_SET: "rule_reason",
}
"""Where to point for what only a provider may say."""
