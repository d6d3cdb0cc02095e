"""A policy changes by two people: who wrote it never puts it in force, and nothing is put in force unseen."""

from collections.abc import Iterator
from typing import Any

import pytest

from nrm import journal, policy
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.errors import Conflict, Forbidden, Invalid, NotFound, NrmError
from nrm.rulebook import queries, service
from nrm.rulebook.rules import with_values
from nrm.rulebook.schemas import DraftIn
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.national_desk()
    made.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    made.account("collega", Role.ADMIN, "org-body-admin")
    yield made
    made.database.close()


def draft(here: Town, who: Actor, minutes: int = 5, version: int = 0, base: int = 1, **values: Any) -> None:
    with here.database.transaction(who.account_id) as tx:
        body = with_values(queries.in_force(tx, policy.Hold).body, {("silent_minutes",): minutes, **values})
        shape = DraftIn(body=body, note="korter is beter", base_version=base, version=version)
        service.propose(tx, who, "hold", shape)


def activate(here: Town, who: Actor, version: int = 1) -> int:
    with here.database.transaction(who.account_id) as tx:
        return service.activate(tx, who, "hold", version)


def refused(kind: type[NrmError], code: str, work: Any, *arguments: Any, **named: Any) -> None:
    with pytest.raises(kind) as refusal:
        work(*arguments, **named)
    assert refusal.value.code == code


def test_drafted_by_one_and_put_in_force_by_another(here: Town) -> None:
    admin, colleague = here.actor("admin"), here.actor("collega")
    draft(here, admin)
    with here.database.reading() as tx:
        assert policy.current(tx, policy.Hold)[0] == 1
    refused(Forbidden, "own_draft", activate, here, admin)
    assert activate(here, colleague) == 2
    with here.database.reading() as tx:
        assert policy.current(tx, policy.Hold)[1].silent_minutes == 5
        assert policy.at_version(tx, policy.Hold, 1).silent_minutes == 60, "a case keeps the version it started under"
        [ended] = queries.decided(tx, "hold")
        kinds = [(entry.kind, entry.actor) for entry in journal.of_subject(tx.session, "policy:hold")]
    assert (ended.state, ended.author, ended.decided_by, ended.became) == ("activated", "admin", "collega", 2)
    assert kinds[1:] == [
        ("policy.proposed", admin.account_id),
        ("policy.written", colleague.account_id),
        ("policy.activated", colleague.account_id),
    ]
    refused(NotFound, "no_draft", activate, here, colleague)


def test_one_draft_per_kind_and_only_its_author_changes_it(here: Town) -> None:
    admin, colleague, desk = here.actor("admin"), here.actor("collega"), here.actor("loket")
    draft(here, admin)
    refused(Conflict, "draft_waits", draft, here, colleague)
    refused(Conflict, "changed_meanwhile", draft, here, admin, 7)
    draft(here, admin, 7, version=1)
    refused(Conflict, "changed_meanwhile", activate, here, desk, version=1)
    with pytest.raises(Forbidden), here.database.transaction(colleague.account_id) as tx:
        service.withdraw(tx, colleague, "hold")
    with here.database.transaction(desk.account_id) as tx:
        service.decline(tx, desk, "hold", 2, "te kort")
    draft(here, colleague)
    with here.database.transaction(colleague.account_id) as tx:
        service.withdraw(tx, colleague, "hold")
    with here.database.reading() as tx:
        assert {(one.state, one.reason) for one in queries.decided(tx, "hold")} == {
            ("declined", "te kort"),
            ("withdrawn", None),
        }
        assert policy.current(tx, policy.Hold)[0] == 1


def test_never_on_another_version_than_it_was_made_from(here: Town) -> None:
    admin, desk = here.actor("admin"), here.actor("loket")
    draft(here, admin)
    with here.database.transaction() as tx:
        policy.write(tx, policy.Hold(silent_minutes=30), "intussen")
        [waits] = queries.all_waiting(tx, desk)
        assert waits.outdated
    refused(Conflict, "rules_changed_meanwhile", activate, here, desk)
    refused(Conflict, "rules_changed_meanwhile", draft, here, admin, 5, 1)
    draft(here, admin, 5, version=1, base=2)
    assert activate(here, desk, version=2) == 3


def test_what_changes_nothing_or_what_is_kept_elsewhere_is_no_draft(here: Town) -> None:
    admin = here.actor("admin")
    refused(Invalid, "nothing_changes", draft, here, admin, 60)
    refused(Invalid, "invalid", draft, here, admin, 0)
    with here.database.transaction(admin.account_id) as tx:
        body = with_values(queries.in_force(tx, policy.Pools).body, {("rules", "OMM", "any_criterion"): ["trauma"]})
        shape = DraftIn(body=body, note="anders", base_version=1)
        refused(Invalid, "not_changed_here", service.propose, tx, admin, "pools", shape)
        refused(NotFound, "no_policy", service.propose, tx, admin, "police_criteria", shape)


@pytest.mark.parametrize("who", ["loket", "provider"])
def test_who_may_not_propose(here: Town, who: str) -> None:
    here.provider("provider")
    refused(Forbidden, "role_may_not", draft, here, here.actor(who))


def test_two_at_once_one_version(here: Town) -> None:
    """Both looked at the same draft; the second finds it decided, and nothing is written twice."""
    draft(here, here.actor("admin"))
    desk, colleague = here.actor("loket"), here.actor("collega")
    assert activate(here, desk) == 2
    refused(NotFound, "no_draft", activate, here, colleague)
    with here.database.transaction() as tx:
        refused(Conflict, "rules_changed_meanwhile", policy.write, tx, policy.Hold(), "te laat", after=1)
