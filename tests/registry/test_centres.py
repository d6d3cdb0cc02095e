"""The list of centre municipalities: all of it or nothing, every municipality once, and history that stays."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nrm import cli
from nrm.access import queries as access
from nrm.access.rules import OrganisationKind
from nrm.errors import Invalid
from nrm.exchange.sheets import write_csv, write_xlsx
from nrm.registry import centres, queries
from nrm.world.generator import made_up_centres
from tests.builders import Town, town

FIRST, NEXT = date(2025, 1, 1), date(2026, 1, 1)
ROTTERDAM, BARENDRECHT, THE_HAGUE = "GM0599", "GM0489", "GM0518"

Rows = list[dict[str, str]]


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def load(here: Town, rows: Rows, since: date = FIRST, source: str = "een lijst") -> int:
    with here.database.transaction() as tx:
        return centres.load(tx, rows, since, source)


def changed(rows: Rows, code: str, centre: str) -> Rows:
    return [{**row, "centre": centre} if row["code"] == code else row for row in rows]


def refused(here: Town, rows: Rows, since: date = FIRST, source: str = "een lijst") -> set[tuple[object, str]]:
    with pytest.raises(Invalid) as refusal:
        load(here, rows, since, source)
    with here.database.reading() as tx:
        assert not [row for row in centres.listed(tx).rows if row.source == source], "all or nothing"
    return {(found.path[-1] if found.path else "", found.code) for found in refusal.value.fields}


def test_a_list_holds_from_its_day_and_what_was_before_stays(here: Town) -> None:
    rows = made_up_centres()
    assert load(here, rows) == len(rows)
    assert load(here, rows) == 0, "the same list again changes nothing"
    later = changed(rows, BARENDRECHT, THE_HAGUE)
    assert load(here, later, NEXT) == 1
    with here.database.reading() as tx:
        found = centres.listed(tx)
        assert {found.of(one.code, NEXT) for one in queries.municipalities(tx)} == {row["centre"] for row in later}
    assert found.of(BARENDRECHT, FIRST) == ROTTERDAM
    assert found.of(BARENDRECHT, date(2025, 12, 31)) == ROTTERDAM
    assert found.of(BARENDRECHT, NEXT) == THE_HAGUE
    assert found.of(BARENDRECHT, date(2024, 12, 31)) is None, "no list said anything then"
    assert BARENDRECHT in found.area(ROTTERDAM, FIRST, date(2025, 12, 31))
    assert BARENDRECHT in found.area(ROTTERDAM, FIRST, NEXT), "for a part of that time"
    assert BARENDRECHT not in found.area(ROTTERDAM, NEXT, NEXT)
    assert found.sources({BARENDRECHT}, NEXT, NEXT) == ["een lijst"]


def test_a_list_that_is_wrong_anywhere_is_refused_by_row(here: Town) -> None:
    rows = made_up_centres()
    assert refused(here, rows[:-1]) == {(rows[-1]["code"], "missing_row")}
    assert refused(here, [*rows, rows[5]]) == {("code", "doubled_code")}
    assert refused(here, [*rows, {"code": "GM9999", "centre": ROTTERDAM}]) == {("code", "unknown_choice")}
    assert refused(here, changed(rows, BARENDRECHT, "GM9999")) == {("centre", "unknown_choice")}
    assert refused(here, changed(rows, rows[-1]["code"], "")) == {(len(rows) + 1, "incomplete_row")}
    assert ("centre", "centre_elsewhere") in refused(here, changed(rows, ROTTERDAM, THE_HAGUE)), "a centre is its own"
    assert refused(here, rows, source=" ") == {("source", "required")}
    load(here, rows, NEXT)
    with pytest.raises(Invalid, match="list_not_newer"):
        load(here, changed(rows, BARENDRECHT, THE_HAGUE), FIRST)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_it_is_loaded_from_a_sheet(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    town(sqlite_url).database.close()
    monkeypatch.setenv("NRM_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("NRM_ADDRESS_KEY", b64encode(bytes(range(32))).decode())
    table = [["Code", "Naam", "Centre"], *([row["code"], "x", row["centre"]] for row in made_up_centres())]
    path = tmp_path / f"lijst.{kind}"
    path.write_bytes(write_csv(table) if kind == "csv" else write_xlsx("Lijst", table, "Uitleg", [["x"]], {}))
    said = ["load-centres", str(path), "--valid-from", "2026-01-01", "--source", "VNG, 2026"]
    done = CliRunner().invoke(cli.main, said)
    assert done.exception is None, done.exception
    assert (done.exit_code, done.output) == (0, f"{len(table) - 1} municipalities changed\n")
    path.write_bytes(write_csv(table[:-1]))
    again = CliRunner().invoke(cli.main, [*said[:3], "2027-01-01", *said[4:]])
    assert again.exit_code == 2
    assert "missing_row" in again.output


def test_which_municipality_an_organisation_is(here: Town) -> None:
    own = here.organisation("gemeente", OrganisationKind.MUNICIPALITY, "VR17")
    house = here.organisation("huis", OrganisationKind.PROVIDER, "VR17")
    for organisation, code in ((house, ROTTERDAM), (own, THE_HAGUE), (own, "GM9999")):
        with pytest.raises(Invalid), here.database.transaction() as tx:
            centres.set_municipality(tx, organisation, code)
    with here.database.transaction() as tx:
        centres.set_municipality(tx, own, ROTTERDAM)
    with here.database.reading() as tx:
        assert access.organisation(tx, own).municipality_code == ROTTERDAM
