"""A sheet against the registry: what it would change, what is wrong with it, and that it is all of it or nothing."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlmodel import func, select

from nrm import journal
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.errors import Conflict, Forbidden
from nrm.exchange import loading
from nrm.exchange.plan import Plan
from nrm.exchange.rules import Lexicon, columns
from nrm.placing import staying
from nrm.registry import queries, service
from nrm.registry.models import AdmissionRule, Location, Place, Unit
from nrm.registry.queries import LocationView
from nrm.registry.rules import FreshnessBand, PlaceState, Stance
from tests.builders import KEY, Town
from web import sheet_words

CRITERIA = service.NATIONAL_CRITERIA
NEW = {
    "location": "N-1",
    "provider": "aanbieder",
    "region": "VR17",
    "pool": "COSM",
    "safety_class": "secret",
    "unit": "K1",
    "places": "2",
    "sexes": "vrouwen",
}

K1 = {"location": "L-001", "unit": "K1"}


def sheet(*rows: dict[str, str]) -> list[list[str]]:
    """A table with the columns that these rows name."""
    heads = [name for name in columns(CRITERIA) if any(name in row for row in rows)]
    return [heads, *([row.get(name, "") for name in heads] for row in rows)]


def words(here: Town) -> Lexicon:
    with here.database.reading() as tx:
        return sheet_words.lexicon(columns(queries.criteria(tx)), queries.regions(tx))


def look(here: Town, actor: Actor, *rows: dict[str, str]) -> Plan:
    with here.database.reading() as tx:
        return loading.preview(tx, actor, sheet(*rows), words(here))


def wrongs(plan: Plan) -> list[tuple[int, str, str]]:
    return [(wrong.row, wrong.column, wrong.code) for wrong in plan.wrongs]


def load(here: Town, actor: Actor, *rows: dict[str, str], seen: str = "") -> Plan:
    """Look and agree."""
    plan = look(here, actor, *rows)
    assert wrongs(plan) == []
    with here.database.transaction(actor.account_id) as tx:
        return loading.load(tx, actor, KEY, sheet(*rows), words(here), seen or plan.digest)


def view_of(here: Town, code: str) -> LocationView:
    with here.database.reading() as tx:
        return next(view for view in queries.locations(tx) if view.location.code == code)


def counts(here: Town) -> list[int]:
    """How much there is of everything a sheet can add to."""
    with here.database.reading() as tx:
        tables = (Location, Unit, Place, AdmissionRule, journal.JournalEntry)
        return [tx.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_the_desk_adds_houses_rooms_and_beds(here: Town) -> None:
    desk = here.national_desk()
    here.provider()
    rules = {f"rule:{criterion}": "welkom" for criterion in CRITERIA}
    rows = (
        {**NEW, **rules, "address": "Verzonnenlaan 8, CANARY-900", "hours_from": "22:00", "hours_until": "07.00"},
        {
            "location": "n-1",
            "unit": "K2",
            "places": "3",
            "sexes": "m, x",
            "private": "ja",
            "children": "yes",
            "closed": "1",
        }
        | {"closed_reason": "onderhoud of schade", "closed_until": "31-12-2026", "wheelchair": "ja", **rules},
    )
    plan = load(here, desk, *rows)
    assert (plan.places_added, len(plan.changes)) == (5, 3)
    view = view_of(here, "N-1")
    assert view.freshness.band is FreshnessBand.UNKNOWN, "nobody said yet that its figures are right"
    assert [(unit.unit.code, len(unit.places), unit.unit.sexes) for unit in view.units] == [
        ("K1", 2, ["f"]),
        ("K2", 3, ["m", "x"]),
    ]
    assert (view.units[1].unit.private, view.units[1].unit.offers) == (True, ["wheelchair"])
    assert [place.label for place in view.units[1].places if place.state is PlaceState.OUT_OF_SERVICE] == ["3"]
    assert all(unit.unconditional for unit in view.units)
    with here.database.reading() as tx:
        assert service.unseal_address(tx, KEY, view.location.id) == "Verzonnenlaan 8, CANARY-900"
        live = queries.live_rules(tx, view.location.id)
        assert {rule.unit_id for rule in live} == {None}, "what all rooms say alike, the house says"
    load(here, desk, {"location": "N-1", "unit": "K2", "places": "5"}, {**NEW, "unit": "K3", "places": "1"})
    assert [place.label for place in view_of(here, "N-1").units[1].places] == ["1", "2", "3", "4", "5"]


def test_a_provider_changes_state_and_rules_of_its_own(here: Town) -> None:
    provider = here.provider()
    house = here.location(places=(3, 1))
    with here.database.transaction() as tx:
        service.close_place(tx, provider, f"{house}-u1-p1", "safety", date(2026, 12, 1))
    row = K1
    plan = load(
        here,
        provider,
        {**row, "closed": "2", "closed_reason": "besmetting", "closed_until": "2026-12-24", "rule:trauma": "in overleg"}
        | {"rule_reason": "geen begeleiding", "intake": "geen begeleiding", "intake_until": "24-12-2026 18:00"},
        {"location": "L-001", "unit": "K2", "rule:trauma": "in overleg", "hours_from": "8:00", "hours_until": "22:00"},
    )
    assert [change.kind.value for change in plan.changes] == [
        *("paused", "places_closed", "closure_changed", "rule_set", "hours_set")
    ]
    view = view_of(here, "L-001")
    assert {(place.label, place.closure_reason) for place in view.units[0].places if place.closure_reason} == {
        ("1", "infection"),
        ("3", "infection"),
    }
    assert view.paused
    assert [unit.stances["trauma"] for unit in view.units] == [Stance.CONSULT, Stance.CONSULT]
    with here.database.reading() as tx:
        (rule,) = [rule for rule in queries.live_rules(tx, house) if rule.criterion == "trauma"]
        assert (rule.unit_id, rule.reason) == (None, "geen begeleiding"), "both rooms say it, so the house does"
    # Another word for one room only; beds back in service; the pause over.
    load(
        here,
        provider,
        {**row, "closed": "0", "intake": "open", "rule:trauma": "niet mogelijk", "rule_reason": "omdat"},
    )
    view = view_of(here, "L-001")
    assert [unit.stances["trauma"] for unit in view.units] == [Stance.EXCLUDES, Stance.CONSULT]
    assert (view.paused, view.count(PlaceState.OUT_OF_SERVICE)) == (False, 0)


def test_what_is_there_already_changes_nothing(here: Town) -> None:
    """The template as it was handed out, also of a house with everything odd about it."""
    provider = here.provider()
    house = here.location(places=(3, 1), sexes=("f",))
    with here.database.transaction() as tx:
        service.pause_intake(tx, provider, house, "infection", tx.now + timedelta(hours=7, seconds=33))
        service.close_place(tx, provider, f"{house}-u1-p1", "safety", date(2026, 12, 1))
        service.close_place(tx, provider, f"{house}-u1-p2", "other", None)
        service.close_place(tx, provider, f"{house}-u2-p1", "other", None)
    here.clock.turn(hours=1)
    with here.database.reading() as tx:
        filled = loading.template_rows(tx, provider)
        regions = {region.code: region.name for region in queries.regions(tx)}
    for language in ("nl", "en"):
        spoken = sheet_words.words(language)
        heads = [sheet_words.head(spoken, name) for name in columns(CRITERIA)]
        assert len({head.casefold() for head in heads}) == len(heads)
        table = [heads]
        for cells in filled:
            table.append([str(sheet_words.cell(spoken, name, cells.get(name), regions)) for name in columns(CRITERIA)])
        with here.database.reading() as tx:
            plan = loading.preview(tx, provider, table, words(here))
        assert (plan.changes, plan.wrongs, plan.rows) == ((), (), 2), language


DESK_CANNOT = [
    ({**NEW, "location": "L-001", "intake": "het huis is vol"}, (2, "intake", "only_provider")),
    ({**K1, "closed": "1", "closed_reason": "safety"}, (2, "closed", "only_provider")),
    (
        {**K1, "rule:trauma": "consult", "rule_reason": "x"},
        (2, "rule_reason", "only_provider"),
    ),
    ({**K1, "address": "Straat 1"}, (2, "address", "address_of_new_only")),
    ({**K1, "region": "VR01"}, (2, "region", "fixed")),
    ({**K1, "places": "1"}, (2, "places", "places_stay")),
    ({**NEW, "provider": "niemand"}, (2, "provider", "unknown_provider")),
    ({**NEW, "provider": "comensha"}, (2, "provider", "unknown_provider")),
    ({**NEW, "sexes": ""}, (2, "sexes", "required")),
    ({**NEW, "age_min": "60", "age_max": "20"}, (2, "age_max", "ages_reversed")),
    ({**NEW, "closed": "3", "closed_reason": "other"}, (2, "closed", "more_than_there_are")),
    ({**NEW, "closed": "1"}, (2, "closed_reason", "required")),
    ({**NEW, "rule:trauma": "niet mogelijk"}, (2, "rule_reason", "reason_needed")),
    ({**NEW, "intake": "veiligheid"}, (2, "intake", "only_provider")),
    ({**NEW, "pool": ""}, (2, "pool", "required")),
]


@pytest.mark.parametrize(
    ("row", "expected"), DESK_CANNOT, ids=lambda value: value[2] if isinstance(value, tuple) else ""
)
def test_what_the_desk_cannot(here: Town, row: dict[str, str], expected: tuple[int, str, str]) -> None:
    desk = here.national_desk()
    here.provider()
    here.location()
    assert expected in wrongs(look(here, desk, row))


PROVIDER_CANNOT = [
    (NEW, (2, "location", "not_yours")),
    ({"location": "L-002", "unit": "K1", "closed": "0"}, (2, "location", "not_yours")),
    ({"location": "L-001", "unit": "K9"}, (2, "unit", "only_desk_adds")),
    ({**K1, "places": "9"}, (2, "places", "only_desk_adds")),
    ({**K1, "sexes": "v"}, (2, "sexes", "fixed")),
    ({**K1, "address": "Straat 1"}, (2, "address", "address_of_new_only")),
    ({**K1, "closed": "2", "closed_reason": "other"}, (2, "closed", "in_use")),
    ({**K1, "closed": "1"}, (2, "closed_reason", "required")),
    ({**K1, "closed": "3"}, (2, "closed", "more_than_there_are")),
    ({**K1, "closed_until": "31-12-2026"}, (2, "closed", "required")),
    (
        {**K1, "closed": "1", "closed_reason": "other", "closed_until": "31-12-2020"},
        (2, "closed_until", "in_the_past"),
    ),
    ({**K1, "intake": "open", "intake_until": "31-12-2026 18:00"}, (2, "intake_until", "not_both")),
    ({**K1, "intake_until": "31-12-2026 18:00"}, (2, "intake", "required")),
    ({**K1, "intake": "other", "intake_until": "31-12-2020 18:00"}, (2, "intake_until", "not_in_range")),
    ({**K1, "hours_from": "22:00"}, (2, "hours_until", "required")),
    ({**K1, "hours_from": "22:00", "hours_until": "22:00"}, (2, "hours_until", "no_hours")),
    ({**K1, "hours_from": "dag en nacht", "hours_until": "22:00"}, (2, "hours_until", "not_both")),
    ({**K1, "rule:trauma": "in overleg"}, (2, "rule_reason", "reason_needed")),
]


@pytest.mark.parametrize(
    ("row", "expected"), PROVIDER_CANNOT, ids=lambda value: value[2] if isinstance(value, tuple) else ""
)
def test_what_a_provider_cannot(here: Town, row: dict[str, str], expected: tuple[int, str, str]) -> None:
    """One bed is in use; the other house is somebody else's, and looks like one that does not exist."""
    provider = here.provider()
    house = here.location(places=(2,))
    here.location("ander")
    with here.database.transaction() as tx:
        staying.occupy(tx, provider, f"{house}-u1-p1")
    assert expected in wrongs(look(here, provider, row))


NAUGHTY = {
    "location": ["=1", "+1", "-1", "@x", "x" * 21, "é", "<b>", "a\x00b", "a\u202eb", ""],
    "unit": ["../..", "=cmd|x", "\ud800", "K 1" * 9],
    "places": ["-1", "1e9", "٣", "9" * 5000, "1.5", "0", "51", "NaN"],
    "closed_until": ["31-02-2026", "0000-00-00", "morgen", "=TODAY()", "2026-12-31 18:00"],
    "intake_until": ["31-12-2026", "nooit", "99-99-9999 99:99"],
    "hours_from": ["24:00", "8", "8:60", "-8:00"],
    "sexes": ["iedereen", ",", "vrouwen en katten"],
    "pool": ["COSM; DROP TABLE place", "cosm" * 200],
    "private": ["misschien"],
    "provider": ["x" * 300],
    "address": ["=HYPERLINK(1)", "x" * 201],
    "rule_reason": ["=1+1", " =1", "x" * 401, "a\u2066b"],
    "rule:trauma": ["sterk"],
}


def test_odd_cells_are_named_and_never_said_back(here: Town) -> None:
    desk = here.national_desk()
    here.provider()
    tried = 0
    for column, values in NAUGHTY.items():
        for value in values:
            plan = look(here, desk, {**NEW, column: value})
            assert any(wrong.column == column and wrong.row == 2 for wrong in plan.wrongs), (column, value[:30])
            assert not value or value[:200] not in [wrong.code for wrong in plan.wrongs]
            tried += 1
    assert tried > 40


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([], (0, "", "no_heads")),
        ([["", " "]], (0, "", "no_heads")),
        ([["Locatie", "Kamer"]], (0, "", "no_rows")),
        ([["Locatie", "Plaatsnaam", "Kamer"]], (1, "B", "unknown_column")),
        ([["Locatie", "Location", "Kamer"]], (1, "location", "doubled_column")),
        ([["Locatie"]], (1, "unit", "missing_column")),
        ([["Locatie", "Kamer", ""], ["L-1", "K1", "los"]], (2, "C", "cell_without_head")),
        ([["Locatie", "Kamer"], ["L-1", "K1"], ["", ""], ["l-1", "k1"]], (4, "unit", "doubled_row")),
        ([["Locatie", "Kamer", "Regio"], ["L-1", "K1", "VR01"], ["L-1", "K2", "VR02"]], (3, "region", "differs")),
    ],
)
def test_the_sheet_as_a_whole(here: Town, table: Sequence[Sequence[str]], expected: tuple[int, str, str]) -> None:
    desk = here.national_desk()
    with here.database.reading() as tx:
        assert expected in wrongs(loading.preview(tx, desk, table, words(here)))


def test_changed_meanwhile_is_a_conflict_and_changes_nothing(here: Town) -> None:
    provider = here.provider()
    house = here.location(places=(2,))
    row = {**K1, "closed": "1", "closed_reason": "other"}
    seen = look(here, provider, row).digest
    assert seen == look(here, provider, row).digest
    with here.database.transaction() as tx:
        service.set_intake_hours(tx, provider, house, None, None)
    before = counts(here)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        load(here, provider, row, seen=seen)
    assert counts(here) == before
    load(here, provider, row)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        load(here, provider, row, seen=seen)


def test_stopped_halfway_there_is_no_half_import(here: Town) -> None:
    """The process dies after everything was written and before it was committed; and when the last verb refuses."""
    desk = here.national_desk()
    here.provider()
    rows = tuple({**NEW, "location": f"N-{number}", "address": "Straat 1"} for number in range(1, 30))
    plan = look(here, desk, *rows)
    before = counts(here)

    class Killed(BaseException):
        """Not an error that anybody catches."""

    def killed() -> None:
        with here.database.transaction(desk.account_id) as tx:
            loading.load(tx, desk, KEY, sheet(*rows), words(here), plan.digest)
            raise Killed

    with pytest.raises(Killed):
        killed()
    assert counts(here) == before
    load(here, desk, *rows)
    assert counts(here)[0] == before[0] + 29


def test_two_at_once(here: Town) -> None:
    """Two people of the desk load the same sheet: one is done, the other is told, and no house is there twice."""
    desk = here.national_desk()
    here.provider()
    for turn in range(4):
        rows = tuple({**NEW, "location": f"N-{turn}-{number}"} for number in range(5))
        plan, table, said = look(here, desk, *rows), sheet(*rows), words(here)
        before, together = counts(here), Barrier(2)

        def send(
            _: int,
            plan: Plan = plan,
            table: list[list[str]] = table,
            said: Lexicon = said,
            together: Barrier = together,
        ) -> str:
            together.wait()
            try:
                with here.database.transaction(desk.account_id) as tx:
                    loading.load(tx, desk, KEY, table, said, plan.digest)
            except Exception as refusal:  # noqa: BLE001 - named below
                return type(refusal).__name__
            return "done"

        with ThreadPoolExecutor(2) as pool:
            ended = sorted(pool.map(send, range(2)))
        assert ended in (["Conflict", "done"], ["IntegrityError", "done"])
        assert counts(here)[0] == before[0] + 5


@pytest.mark.parametrize(
    "role", [Role.MUNICIPALITY, Role.COORDINATOR_REGIONAL, Role.RAPPORTEUR, Role.NATIONAL_COORDINATOR]
)
def test_who_may_not_at_all(here: Town, role: Role) -> None:
    actor = here.person(role, OrganisationKind.OPERATIONS, "VR17")
    with pytest.raises(Forbidden, match="role_may_not"):
        look(here, actor, NEW)


def test_whoever_runs_the_system_adds_houses_too_and_gets_no_list_of_them(here: Town) -> None:
    admin = here.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    here.provider()
    here.location()
    load(here, admin, NEW)
    for actor in (admin, here.national_desk()):
        with here.database.reading() as tx:
            assert loading.template_rows(tx, actor) == []


def test_a_template_has_one_s_own_houses_and_no_address(here: Town) -> None:
    provider = here.provider()
    here.location()
    here.location("ander")
    with here.database.reading() as tx:
        filled: list[dict[str, Any]] = loading.template_rows(tx, provider)
    assert {row["location"] for row in filled} == {"L-001"}
    assert all("address" not in row for row in filled)
    assert "CANARY" not in str(filled)
