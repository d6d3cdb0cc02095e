"""Which line of the ladder holds, and what would ring when. No database."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nrm import policy
from nrm.escalation import rules
from nrm.policy import Ladder, LadderLine, OfficeHours, Rung

HOURS = OfficeHours()
MONDAY_NOON = datetime(2026, 11, 30, 11, tzinfo=UTC)
SATURDAY_2340 = datetime(2026, 11, 28, 22, 40, tzinfo=UTC)


def rung(role: str, after: int = 0, **more: object) -> Rung:
    return Rung.model_validate({"after_minutes": after, "role": role, **more})


def line(role: str, **named: object) -> LadderLine:
    return LadderLine.model_validate({"rungs": [{"after_minutes": 0, "role": role}], **named})


def test_the_triggers_of_the_policy_are_those_of_the_engine() -> None:
    assert set(get_args(policy.Trigger)) == {trigger.value for trigger in rules.Trigger}


def test_the_first_line_that_fits_holds() -> None:
    ladder = Ladder(
        lines=(
            line("national_desk", triggers=["bridge"], urgencies=["now"], hours="after_hours", regions=["VR17"]),
            line("coordinator_regional", triggers=["bridge"]),
            line("municipality", hours="office"),
            line("duty_officer"),
        )
    )
    asked = [
        ("bridge", "now", "VR17", "after_hours"),
        ("bridge", "today", "VR17", "after_hours"),
        ("bridge", "now", "VR15", "after_hours"),
        ("bridge", "now", "VR17", "office"),
        ("deadline", "now", "VR17", "office"),
        ("deadline", "now", "VR17", "after_hours"),
        ("roster_gap", None, None, "after_hours"),
    ]
    assert [rules.line_of(ladder, *found) for found in asked] == [0, 1, 1, 1, 2, 3, 3]  # type: ignore[arg-type]


@settings(deadline=None)  # the first look at a year builds its holidays
@given(
    st.sampled_from(list(rules.Trigger)),
    st.sampled_from([None, "now", "today", "soon", "planned"]),
    st.sampled_from([None, "VR01", "VR17"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2040, 12, 31)),  # noqa: DTZ001 - the zone follows
)
def test_every_cause_rings_somebody_and_peers_before_authority(
    trigger: str, urgency: str | None, region: str | None, at: datetime
) -> None:
    found = rules.preview(Ladder(), trigger, urgency, region, at.replace(tzinfo=UTC), HOURS)
    assert found.rings
    assert found.rings[0].at == at.replace(tzinfo=UTC), "the first rung of version 1 never waits"
    assert all(one.at <= other.at for one, other in pairwise(found.rings))
    order = get_args(policy.RungRole)
    places = [order.index(ring.role) for ring in found.rings]
    assert places == sorted(places)


def test_the_preview_of_a_saturday_night_says_who_rings_when() -> None:
    night = LadderLine(
        hours="after_hours", rungs=(rung("duty_officer", 2, answer_minutes=5), rung("national_desk", 10))
    )
    ladder = Ladder(lines=(night, line("municipality")))
    found = rules.preview(ladder, "deadline", "now", "VR17", SATURDAY_2340, HOURS)
    assert (found.line, found.hours) == (0, "after_hours")
    assert [(ring.at - SATURDAY_2340, ring.role) for ring in found.rings] == [
        (timedelta(minutes=2), "duty_officer"),
        (timedelta(minutes=12), "national_desk"),
    ]
    assert found.rings[0].answer_by == SATURDAY_2340 + timedelta(minutes=7)
    by_day = rules.preview(ladder, "deadline", "now", "VR17", MONDAY_NOON, HOURS)
    assert (by_day.line, by_day.hours, by_day.rings[0].role) == (1, "office", "municipality")


@pytest.mark.parametrize("changes", [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)])
def test_an_hour_of_a_preview_is_an_hour_on_the_nights_the_clock_changes(changes: datetime) -> None:
    ladder = Ladder(lines=(LadderLine(rungs=tuple(rung("national_desk", 60) for _ in range(6))),))
    found = rules.preview(ladder, "deadline", "now", None, changes, HOURS)
    assert [ring.at - changes for ring in found.rings] == [timedelta(hours=hour) for hour in range(1, 7)]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (line("duty_officer", hours="office"),),
        (line("duty_officer", triggers=["bridge"]),),
        (line("duty_officer"), line("national_desk", hours="office"), line("national_desk")),
    ],
)
def test_a_ladder_without_a_last_line_for_everything_is_refused(lines: tuple[LadderLine, ...]) -> None:
    with pytest.raises(ValidationError):
        Ladder(lines=lines)


def test_a_ladder_that_was_stored_as_one_for_everything_still_means_that() -> None:
    stored = {
        "deadline_minutes": {"now": 60, "today": 240, "soon": 1440, "planned": 4320},
        "rungs": [
            {"after_minutes": 5, "role": "duty_officer", "channels": ["log"]},
            {"after_minutes": 15, "role": "national_desk", "channels": ["log", "email"]},
        ],
    }
    read = Ladder.model_validate({**Ladder.before, **stored})
    assert [(one.after_minutes, one.role) for one in read.lines[-1].rungs] == [
        (0, "duty_officer"),
        (15, "national_desk"),
    ]
    assert len(read.lines) == 1
    assert (read.near_minutes, read.capacity_floor) == ({}, None), "what did not exist then never rings"


def test_a_bridge_in_use_shortens_the_wait_and_the_ladder_ends() -> None:
    ladder = LadderLine(rungs=(rung("duty_officer"), rung("national_desk", 30)))
    at = MONDAY_NOON
    assert rules.step(ladder, 0, at) == rules.Step(ladder.rungs[0], at + timedelta(minutes=30))
    assert rules.step(ladder, 0, at, 50) == rules.Step(ladder.rungs[0], at + timedelta(minutes=15))
    assert rules.step(ladder, 1, at) == rules.Step(ladder.rungs[1], None)
    assert rules.step(ladder, 2, at) is None
