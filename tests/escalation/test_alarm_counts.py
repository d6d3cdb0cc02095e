"""Numbers of alarms, for whoever may see numbers and no cases."""

from nrm.escalation import queries, service
from nrm.escalation.queries import AlarmCount
from tests.builders import Town, town


def ring(here: Town) -> list[str]:
    """Two overdue requests in one region and one in another; one alarm claimed by the duty officer."""
    officer = here.duty_officer()
    for region in ("VR17", "VR17", "VR15"):
        here.request(here.coordinator(region), region=region)
    here.clock.turn(minutes=60)
    assert service.run_due(here.database) == 3
    with here.database.transaction(officer.account_id) as tx:
        alarms = queries.live_alarms(tx, officer)
        service.claim_alarm(tx, officer, next(alarm.id for alarm in alarms if alarm.region == "VR17"))
    return [alarm.id for alarm in alarms]


def test_alarms_are_counted_per_region_and_rung(database_url: str) -> None:
    here = town(database_url)
    ring(here)
    with here.database.reading() as tx:
        assert queries.alarm_counts(tx) == [
            AlarmCount("VR15", "duty_officer", ringing=1, claimed=0, unreached=0),
            AlarmCount("VR17", "duty_officer", ringing=2, claimed=1, unreached=0),
        ]
        assert queries.alarm_counts(tx, "VR15") == [AlarmCount("VR15", "duty_officer", 1, 0, 0)]
    here.clock.turn(minutes=15)
    service.run_due(here.database)
    with here.database.reading() as tx:
        assert queries.alarm_counts(tx) == [
            AlarmCount("VR15", "national_desk", 1, 0, 1),
            AlarmCount("VR17", "duty_officer", 1, 1, 0),
            AlarmCount("VR17", "national_desk", 1, 0, 1),
        ], "no regional coordinator exists here: the desk was called at once; what is taken rests"
    here.database.close()


def test_one_tap_takes_every_rung_that_rings_for_the_same_request(database_url: str) -> None:
    here = town(database_url)
    officer, coordinator = here.duty_officer(), here.coordinator()
    here.request(coordinator)
    here.request(coordinator)
    here.clock.turn(minutes=75)
    assert service.run_due(here.database) == 6, "the duty officer, nobody in the region, so the desk at once"
    with here.database.transaction(officer.account_id) as tx:
        first = queries.live_alarms(tx, officer)[0]
        service.claim_alarm(tx, officer, first.id)
        taken = {alarm.short_code: alarm.claimed for alarm in queries.live_alarms(tx, officer)}
        assert queries.alarm_counts(tx) == [AlarmCount("VR17", "national_desk", 2, 1, 2)], "three rungs, one request"
    assert taken[first.short_code] is True
    assert sorted(taken.values()) == [False, True]
    here.database.close()
