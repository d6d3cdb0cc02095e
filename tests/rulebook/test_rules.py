"""What of a policy can be changed, and what differs: without a database, for every kind there is."""

import pytest
from pydantic import ValidationError

from nrm import policy
from nrm.errors import Invalid
from nrm.rulebook.rules import Difference, Sort, differences, leaves, out_of_reach, unsaid, value_at, with_values
from nrm.rulebook.service import validated
from web.rule_words import KIND_NAMES, changes, name_of
from web.words import words


@pytest.mark.parametrize("kind", policy.KINDS, ids=lambda kind: kind.kind)
def test_every_value_of_version_1_is_somewhere_and_has_words(kind: type[policy.Policy]) -> None:
    body = kind().model_dump(mode="json")
    found = leaves(kind)
    covered = {leaf.path for leaf in found}
    assert {one.path for one in differences({}, body)} <= covered
    assert unsaid(kind, body) == []
    assert KIND_NAMES[kind.kind]
    for leaf in found:
        assert name_of(words("nl"), kind, leaf)
    said = changes(words("en"), kind, differences({}, {name: body[name] for name in body if name != "lines"}))
    assert all(line.after for line in said)


def test_bounds_come_from_the_policy_itself() -> None:
    of = {".".join(leaf.path): leaf for leaf in leaves(policy.Hold)}
    assert (of["extensions_max"].low, of["extensions_max"].high) == (0, 10)
    assert (of["hold_minutes.now"].low, of["hold_minutes.now"].optional) == (1, False)
    assert of["hold_minutes_of_pool.COSM.now"].optional
    of = {".".join(leaf.path): leaf for leaf in leaves(policy.Authority)}
    assert (of["office_hours.opens"].sort, of["deciders.OMM"].each) == (Sort.TIME, "by")


def test_values_go_in_and_out() -> None:
    body = policy.Hold().model_dump(mode="json")
    path = ("hold_minutes_of_pool", "COSM", "now")
    longer = with_values(body, {path: 25, ("silent_minutes",): 5})
    assert differences(body, longer) == [Difference(("silent_minutes",), 60, 5), Difference(path, None, 25)]
    assert with_values(longer, {("silent_minutes",): 60}, [path]) == body
    assert value_at(body, path) is None


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        (policy.Hold, ("silent_minutes",), "5"),
        (policy.Hold, ("silent_minutes",), 5.0),
        (policy.Hold, ("silent_minutes",), True),
        (policy.Hold, ("silent_minutes",), float("nan")),
        (policy.Hold, ("silent_minutes",), 2**70),
        (policy.Hold, ("hold_minutes", "now"), None),
        (policy.Hold, ("wealth",), 1),
        (policy.Freshness, ("bands", "COSM", "fresh_minutes"), 99_999),
        (policy.Authority, ("deciders", "COSM"), []),
        (policy.Authority, ("deciders", "COSM"), [{"by": "police"}, {"by": "police"}]),
        (policy.Authority, ("office_hours", "opens"), "9 uur"),
        (policy.Authority, ("office_hours", "holidays"), ["kings_day", "\ud800"]),
        (policy.Pools, ("rules", "COSM", "residences"), ["rich"]),
    ],
)
def test_a_body_is_read_strictly(kind: type[policy.Policy], path: tuple[str, ...], value: object) -> None:
    body = with_values(kind().model_dump(mode="json"), {path: value})
    with pytest.raises(Invalid):
        validated(kind, body)


def test_what_others_rely_on_may_not_be_left_out() -> None:
    """Pydantic would let a pool without bands through, and the worker would fall over it at the next tick."""
    body = policy.Freshness().model_dump(mode="json")
    del body["bands"]["OMM"]
    assert policy.Freshness.model_validate(body)
    with pytest.raises(Invalid) as refusal:
        validated(policy.Freshness, body)
    assert {field.path for field in refusal.value.fields} == {
        ("body", "bands", "OMM", "fresh_minutes"),
        ("body", "bands", "OMM", "aging_minutes"),
    }


def test_an_alarm_that_never_rings_is_said_and_not_left_out() -> None:
    of = {".".join(leaf.path): leaf for leaf in leaves(policy.Ladder)}
    assert (of["stale_minutes"].nullable, of["near_minutes.now"].optional) == (True, True)
    never = with_values(policy.Ladder().model_dump(mode="json"), {("stale_minutes",): None}, [("near_minutes", "now")])
    made = validated(policy.Ladder, never)
    assert isinstance(made, policy.Ladder)
    assert made.stale_minutes is None
    assert "now" not in made.near_minutes


def test_lists_kept_elsewhere_are_out_of_reach() -> None:
    body = policy.Pools().model_dump(mode="json")
    changed = differences(body, with_values(body, {("rules", "OMM", "any_criterion"): ["addiction"]}))
    assert [one.path for one in out_of_reach(policy.Pools, changed)] == [("rules", "OMM", "any_criterion")]
    assert out_of_reach(policy.Pools, differences(body, with_values(body, {("rules", "OMM", "residences"): []}))) == []


def test_nobody_decides_is_no_policy() -> None:
    with pytest.raises(ValidationError):
        policy.Authority(deciders={**policy.Authority().deciders, "MUNICIPAL": ()})
