"""Which centre municipality buys shelter for which municipality: a published list, loaded and never made up here.

There is one such list at a time. What it says holds from a date on and stays as history, so that what was asked for
last year is counted in the area it was in then.
"""

from collections.abc import Container, Mapping, Sequence
from datetime import date

from sqlalchemy import insert
from sqlmodel import select

from nrm.access import queries as access
from nrm.access.rules import OrganisationKind
from nrm.db import Tx
from nrm.errors import FieldError, Invalid
from nrm.registry import queries
from nrm.registry.models import CentreMunicipality

SOURCE_MAX = 120


class Centres:
    """The list with its history."""

    def __init__(self, rows: Sequence[CentreMunicipality]) -> None:
        self.rows = rows
        self._of: dict[str, list[CentreMunicipality]] = {}
        for row in rows:
            self._of.setdefault(row.municipality_code, []).append(row)

    def of(self, municipality: str, day: date) -> str | None:
        """The centre municipality of a municipality on a day; None when no list says so."""
        return next((row.centre_code for row in self._of.get(municipality, ()) if _holds(row, day, day)), None)

    def area(self, centre: str, since: date, until: date) -> set[str]:
        """The municipalities that were in its area on some day from one until and with another."""
        return {row.municipality_code for row in self.rows if row.centre_code == centre and _holds(row, since, until)}

    def sources(self, municipalities: Container[str], since: date, until: date) -> list[str]:
        """Who published what it says of these, in words."""
        found = (row for row in self.rows if row.municipality_code in municipalities)
        return sorted({row.source for row in found if _holds(row, since, until)})


def _holds(row: CentreMunicipality, since: date, until: date) -> bool:
    return row.valid_from <= until and (row.valid_until is None or since < row.valid_until)


def listed(tx: Tx) -> Centres:
    """The list, with all its history."""
    return Centres(tx.session.exec(select(CentreMunicipality)).all())


def load(tx: Tx, rows: Sequence[Mapping[str, str]], valid_from: date, source: str) -> int:
    """Load a published list (columns code, centre), in force from a date; it names every municipality exactly once.

    All or nothing: a row that is wrong refuses the whole list and names the row. Returns how many municipalities
    changed.
    """
    source = source.strip()
    if not source or len(source) > SOURCE_MAX:
        raise Invalid("invalid", (FieldError(("source",), "required" if not source else "too_long"),))
    _check(rows, {found.code for found in queries.municipalities(tx, valid_from)})
    standing = {row.municipality_code: row for row in listed(tx).rows if row.valid_until is None}
    new: list[dict[str, object]] = []
    for row in rows:
        old = standing.pop(row["code"], None)
        if old and (old.centre_code, old.source) == (row["centre"], source):
            continue
        if old and old.valid_from >= valid_from:
            raise Invalid("list_not_newer")
        if old:
            old.valid_until = valid_from
        said = {"municipality_code": row["code"], "centre_code": row["centre"]}
        new.append({**said, "valid_from": valid_from, "source": source})
    for gone in standing.values():
        gone.valid_until = valid_from
    tx.session.flush()
    if new:
        tx.session.execute(insert(CentreMunicipality), new)
    if changed := len(new) + len(standing):
        tx.record("centres.loaded", "municipalities:centres", "places", changed=changed, source=source)
    return changed


def _check(rows: Sequence[Mapping[str, str]], municipalities: set[str]) -> None:
    errors: list[FieldError] = []
    centre_of: dict[str, str] = {}
    for line, row in enumerate(rows, start=2):
        code, centre = row.get("code", ""), row.get("centre", "")
        if not code or not centre:
            errors.append(FieldError((line,), "incomplete_row"))
        elif code not in municipalities:
            errors.append(FieldError((line, "code"), "unknown_choice"))
        elif centre not in municipalities:
            errors.append(FieldError((line, "centre"), "unknown_choice"))
        elif code in centre_of:
            errors.append(FieldError((line, "code"), "doubled_code"))
        centre_of.setdefault(code, centre)
    errors += [
        FieldError((line, "centre"), "centre_elsewhere")
        for line, row in enumerate(rows, start=2)
        if (centre := row.get("centre", "")) in municipalities and centre_of.get(centre, centre) != centre
    ]
    errors += [FieldError((code,), "missing_row") for code in sorted(municipalities - centre_of.keys())]
    if errors:
        raise Invalid("invalid_list", tuple(errors[:50]))


def set_municipality(tx: Tx, organisation_id: str, code: str) -> None:
    """Note which municipality an organisation is: what it may see of its own area follows from that."""
    found = access.organisation(tx, organisation_id)
    known = next((one for one in queries.municipalities(tx) if one.code == code), None)
    if found.kind != OrganisationKind.MUNICIPALITY or known is None or known.region_code != found.region_code:
        raise Invalid("invalid", (FieldError(("municipality",), "unknown_choice"),))
    found.municipality_code = code
    tx.session.add(found)
    tx.session.flush()
    tx.record("organisation.municipality_set", f"organisation:{organisation_id}", "accounts", municipality=code)
