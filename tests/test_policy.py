"""Policy is versioned data: a new version binds from now on, a case keeps the one it started under."""

import pytest
from pydantic import ValidationError

from nrm import journal, policy
from nrm.errors import NotFound
from tests.builders import town


def test_versions(database_url: str) -> None:
    made = town(database_url)
    with made.database.transaction() as tx:
        policy.ensure_first_versions(tx)
        assert policy.current(tx, policy.Hold) == (1, policy.Hold())
        assert policy.write(tx, policy.Hold(silent_minutes=5), "korter") == 2
    with made.database.reading() as tx:
        assert policy.current(tx, policy.Hold)[1].silent_minutes == 5
        assert policy.at_version(tx, policy.Hold, 1).silent_minutes == 60
        assert [entry.kind for entry in journal.of_subject(tx.session, "policy:hold")] == ["policy.written"] * 2
        with pytest.raises(NotFound):
            policy.at_version(tx, policy.Hold, 3)
    made.database.close()


def test_each_kind_has_a_name_of_its_own_and_defaults() -> None:
    assert len({kind.kind for kind in policy.KINDS}) == len(policy.KINDS)
    for kind in policy.KINDS:
        assert kind.model_validate(kind().model_dump(mode="json")) == kind()


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: policy.Band(fresh_minutes=60, aging_minutes=60),
        lambda: policy.Band(fresh_minutes=0, aging_minutes=60),
        lambda: policy.Hold(silent_minutes=0),
        lambda: policy.Rung(after_minutes=-1, role="duty_officer"),
        lambda: policy.Rung.model_validate({"after_minutes": 0, "role": "police"}),
        lambda: policy.Rung.model_validate({"after_minutes": 0, "role": "duty_officer", "channels": []}),
        lambda: policy.Matching.model_validate({"scarcity": 1, "wealth": 1}),
    ],
)
def test_nonsense_is_refused_when_it_is_written(nonsense: object) -> None:
    with pytest.raises(ValidationError):
        nonsense()  # type: ignore[operator]


def test_the_labour_inspectorate_decides_on_labour_places_and_the_desk_on_cosm() -> None:
    """domain.md §3, by hand."""
    deciders = {pool: [decider.by for decider in found] for pool, found in policy.Authority().deciders.items()}
    assert deciders == {
        "COSM": ["national_desk"],
        "OMM": ["national_desk", "provider"],
        "NLA": ["labour_inspectorate", "provider"],
        "MUNICIPAL": ["provider"],
    }
