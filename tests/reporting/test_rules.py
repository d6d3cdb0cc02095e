"""Who reports, by name or not, and when it is late: written by hand from the words."""

from datetime import UTC, datetime, timedelta

import pytest

from nrm.access.rules import OrganisationKind
from nrm.reporting.rules import (
    Reporter,
    ReportState,
    age_group,
    must_be_pseudonymous,
    overdue,
    reporter_of,
    reporters,
)

CARE = Reporter("zc", "Zorgcoördinatie", OrganisationKind.CARE_COORDINATION)
DESK = Reporter("desk", "Loket", OrganisationKind.NATIONAL_DESK)
FAIRWORK = Reporter("fw", "FairWork", OrganisationKind.SUPPORT)
POLICE, KMAR, INSPECTORATE = (
    Reporter(kind, kind, kind)
    for kind in (
        OrganisationKind.POLICE,
        OrganisationKind.MILITARY_POLICE,
        OrganisationKind.LABOUR_INSPECTORATE,
    )
)


@pytest.mark.parametrize(
    ("owner", "asker", "refuses", "expected"),
    [
        (CARE, CARE, False, CARE),
        (DESK, FAIRWORK, False, DESK),
        (DESK, POLICE, False, POLICE),
        (DESK, KMAR, False, KMAR),
        (DESK, INSPECTORATE, False, INSPECTORATE),
        (CARE, POLICE, False, POLICE),
        (DESK, POLICE, True, DESK),
        (CARE, INSPECTORATE, True, CARE),
        (CARE, CARE, True, CARE),
        (POLICE, POLICE, True, DESK),
    ],
)
def test_who_reports_unless_somebody_chooses(
    owner: Reporter, asker: Reporter, refuses: bool, expected: Reporter
) -> None:
    possible = reporters(owner, asker, [DESK], refuses)
    assert reporter_of(possible, None) == expected
    assert DESK in possible
    assert len(set(possible)) == len(possible)


@pytest.mark.parametrize("body", [POLICE, KMAR, INSPECTORATE])
def test_an_investigative_body_never_reports_who_refuses_the_police(body: Reporter) -> None:
    possible = reporters(DESK, body, [DESK], refuses_police=True)
    assert reporter_of(possible, body.id) == DESK, "also not when it was chosen before"
    assert reporters(body, body, [], refuses_police=True) == ()
    assert reporter_of((), body.id) is None


def test_without_consent_there_is_no_name_but_where_reporting_is_a_duty() -> None:
    for one in (CARE, DESK, FAIRWORK, None):
        assert must_be_pseudonymous(ReportState.TO_DO, one)
        assert not must_be_pseudonymous(ReportState.AGREED, one)
    for one in (POLICE, KMAR, INSPECTORATE):
        assert not must_be_pseudonymous(ReportState.TO_DO, one)


def test_late_is_from_the_due_moment_on_and_only_while_it_waits() -> None:
    due = datetime(2026, 11, 28, tzinfo=UTC)
    for state in ReportState:
        waits = state in {ReportState.TO_DO, ReportState.AGREED}
        assert overdue(state, due, due) == waits
        assert not overdue(state, due, due - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("age", "group"),
    [
        (0, "under_12"),
        (11, "under_12"),
        (12, "12_15"),
        (15, "12_15"),
        (16, "16_17"),
        (17, "16_17"),
        (18, "18_23"),
        (23, "18_23"),
        (24, "24_29"),
        (29, "24_29"),
        (30, "30_39"),
        (40, "40_up"),
        (120, "40_up"),
    ],
)
def test_ages_are_groups(age: int, group: str) -> None:
    assert age_group(age) == group
