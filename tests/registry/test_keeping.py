"""Keeping the registry true: the official list, confirmations, closures, rules, through the services."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from nrm.errors import Conflict, Invalid
from nrm.registry import queries, service
from nrm.registry.models import AdmissionRule, Municipality
from nrm.registry.rules import Basis, Stance
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


LIST = service.DATA / "municipalities.csv"
NEXT_YEAR = date(2027, 1, 1)


def load(here: Town, path: Path, valid_from: date = NEXT_YEAR) -> int:
    with here.database.transaction() as tx:
        return service.load_municipalities(tx, path, valid_from)


def standing(here: Town) -> dict[str, str]:
    with here.database.reading() as tx:
        return {found.code: found.name for found in queries.municipalities(tx)}


def test_all_342_and_25_are_there(here: Town) -> None:
    with here.database.reading() as tx:
        assert len(queries.municipalities(tx)) == 342
        assert len(queries.regions(tx)) == 25
    assert load(here, LIST) == 0, "the same list changes nothing"


def test_a_new_list_keeps_the_old_one_as_history(here: Town, tmp_path: Path) -> None:
    rows = LIST.read_text(encoding="utf-8").splitlines()
    gone, renamed = rows[1].split(",")[0], rows[2].split(",")
    path = tmp_path / "list.csv"
    path.write_text("\n".join([rows[0], f"{renamed[0]},Anders,{renamed[2]}", *rows[3:]]), encoding="utf-8")
    before = standing(here)
    assert load(here, path) == 2
    assert standing(here) == before, "not in force yet"
    here.clock.turn(days=60)
    after = standing(here)
    assert gone not in after
    assert after[renamed[0]] == "Anders"
    with here.database.reading() as tx:
        history = tx.session.exec(select(Municipality).where(Municipality.code == renamed[0])).all()
        assert sorted((row.valid_from, row.valid_until) for row in history if row.valid_until) == [
            (date(2024, 1, 1), NEXT_YEAR)
        ]
        assert len(history) == 2


@pytest.mark.parametrize(
    ("row", "path", "code"),
    [
        ("GM9999,,VR17", (3,), "incomplete_row"),
        ("GM9999", (3,), "incomplete_row"),
        ("GM9999,Nergens,VR99", (3, "region"), "unknown_region"),
        ("GM0014,Groningen,VR01", (3, "code"), "doubled_code"),
        ("GM99999999,Nergens,VR17", (3, "code"), "too_long"),
        (f"GM9999,{'x' * 81},VR17", (3, "name"), "too_long"),
    ],
)
def test_a_bad_row_refuses_the_whole_list_and_is_named(
    here: Town, tmp_path: Path, row: str, path: tuple[str | int, ...], code: str
) -> None:
    before = standing(here)
    file = tmp_path / "list.csv"
    file.write_text(f"code,name,region\nGM0014,Groningen,VR01\n{row}\n", encoding="utf-8")
    with pytest.raises(Invalid, match="invalid_list") as refused:
        load(here, file)
    assert [(field.path, field.code) for field in refused.value.fields] == [(path, code)]
    here.clock.turn(days=60)
    assert standing(here) == before


def test_an_empty_or_older_list_is_refused(here: Town, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("code,name,region\n", encoding="utf-8")
    with pytest.raises(Invalid, match="invalid_list"):
        load(here, file)
    file.write_text("code,name,region\nGM0014,Anders,VR01\n", encoding="utf-8")
    for not_newer in (date(2024, 1, 1), date(2023, 1, 1)):
        with pytest.raises(Invalid, match="list_not_newer"):
            load(here, file, not_newer)


def test_freshness_is_derived_when_it_is_read(here: Town) -> None:
    provider = here.provider()
    location = here.location(confirmed_minutes_ago=0)

    def band() -> str:
        with here.database.reading() as tx:
            return queries.locations(tx, location_id=location)[0].freshness.band

    seen = []
    for _ in range(3):
        seen.append(band())
        here.clock.turn(hours=8)
    assert seen == ["fresh", "aging", "stale"]
    with here.database.reading() as tx:
        (row,) = queries.board(tx)
        assert (row.free, row.stale, row.locations_trusted) == (0, 2, 0)
    with here.database.transaction() as tx:
        service.confirm_unchanged(tx, provider, location)
    assert band() == "fresh"


def test_a_place_in_use_cannot_be_closed_nor_a_closed_one_again(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    location = here.location(places=(1, 1))
    here.placed(coordinator, provider)
    with here.database.reading() as tx:
        used, free = sorted(
            (place.state != "occupied", place.id)
            for unit in queries.locations(tx, location_id=location)[0].units
            for place in unit.places
        )
    with here.database.transaction() as tx, pytest.raises(Conflict, match="place_in_use"):
        service.close_place(tx, provider, used[1], "maintenance", None)
    with here.database.transaction() as tx:
        service.close_place(tx, provider, free[1], "maintenance", None)
    with here.database.transaction() as tx, pytest.raises(Conflict, match="already_closed"):
        service.close_place(tx, provider, free[1], "maintenance", None)


def test_a_replaced_rule_stays_as_history(here: Town) -> None:
    provider = here.provider()
    location = here.location()
    here.clock.turn(minutes=1)
    with here.database.transaction() as tx:
        service.set_rule(tx, provider, location, "addiction", Stance.EXCLUDES, Basis.STAFFING, "geen nachtdienst")
    with here.database.transaction() as tx, pytest.raises(Invalid):
        service.set_rule(tx, provider, location, "addiction", Stance.EXCLUDES, Basis.STAFFING, "  ")
    with here.database.reading() as tx:
        rows = tx.session.exec(select(AdmissionRule).where(AdmissionRule.criterion == "addiction")).all()
    assert sorted((row.stance, row.ended_at is None) for row in rows) == [("accepts", False), ("excludes", True)]
    assert {row.ended_at for row in rows} == {None, here.clock.at}
    assert here.clock.at - rows[0].valid_from >= timedelta(0)


def test_what_was_confirmed_while_the_clock_was_wrong_hides_nothing_said_after_it_was_put_right(here: Town) -> None:
    provider, house = here.provider(), here.location(confirmed_minutes_ago=None)

    def confirm() -> None:
        with here.database.transaction(provider.account_id) as tx:
            service.confirm_unchanged(tx, provider, house)

    def band() -> str:
        with here.database.reading() as tx:
            return queries.locations(tx)[0].freshness.band

    here.clock.turn(days=365)
    confirm()
    here.clock.turn(days=-365)
    assert band() == "unknown", "nobody said anything yet, by this clock"
    confirm()
    assert band() == "fresh"
    with here.database.reading() as tx:
        newest = queries.newest_confirmation(tx, house)
        assert newest is not None
        assert newest.confirmed_at == here.clock.now()
