"""The report of an exercise on paper, and its lines in words. Also what `nrm exercise --play` writes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from nrm.clock import AMSTERDAM
from nrm.db import Database
from nrm.exercise.report import Report, Told, report
from nrm.registry import queries as registry
from web.labels import label
from web.pdf import Sheet, paper
from web.words import DEFAULT_LANGUAGE, N_, Words, words


def write(database: Database, path: Path) -> None:
    """Write the report of the exercise in this database to a file, in Dutch."""
    with database.reading() as tx:
        found = report(tx)
        regions = {region.code: region.name for region in registry.regions(tx)}
    path.write_bytes(on_paper(words(DEFAULT_LANGUAGE), DEFAULT_LANGUAGE, found, regions))


def told_as(spoken: Words, line: Told) -> str:
    """A line of the night in words: what happened, and what more is known of it."""
    said = spoken.gettext(label("exercise_event", line.kind))
    more = {
        "offer.declined": lambda: spoken.gettext(label("decline", line.data["code"])),
        "alarm.fired": lambda: (
            f"{spoken.gettext(label('trigger', line.data['trigger']))} "
            f"({spoken.gettext(label('role', line.data['role']))})"
        ),
        "exercise.step_played": lambda: (
            f"{spoken.gettext(label('exercise_step', line.data['step_kind']))} "
            f"({spoken.gettext(label('exercise_outcome', line.data['outcome']))})"
        ),
        "exercise.put_in": lambda: spoken.gettext(label("exercise_step", line.data["step_kind"])),
        "group.submitted": lambda: spoken.ngettext("%(num)s persoon", "%(num)s personen", int(line.data["persons"])),
    }.get(line.kind)
    return f"{said}: {more()}" if more else said


def on_paper(spoken: Words, language: str, found: Report, regions: Mapping[str, str]) -> bytes:
    """The whole report as an accessible PDF."""
    _ = spoken.gettext

    def clock(at: datetime | None) -> str:
        return f"{at.astimezone(AMSTERDAM):%H:%M}" if at else "–"

    def after(since: datetime, at: datetime | None) -> str:
        return spoken.duration(at - since) if at else "–"

    def long(length: timedelta | None) -> str:
        return spoken.duration(length) if length is not None else "–"

    def heads(*names: str) -> list[str]:
        return [_(name) for name in names]

    requests = Sheet(
        _("Aanvragen: wanneer kwam er een antwoord, wanneer een plek"),
        heads(
            *(N_("Code"), N_("Regio"), N_("Personen"), N_("Binnen om"), N_("Eerst gevraagd na")),
            *(N_("Eerste antwoord na"), N_("Plek na"), N_("Aangekomen na")),
        ),
        [
            [
                one.code,
                regions.get(one.region, one.region),
                str(one.persons),
                clock(one.asked_at),
                after(one.asked_at, one.first_asked_at),
                after(one.asked_at, one.first_answer_at),
                after(one.asked_at, one.placed_at),
                after(one.asked_at, one.arrived_at),
            ]
            for one in found.requests
        ],
        widths=(3, 4, 2, 2, 3, 3, 3, 3),
    )
    late = Sheet(
        _("Later dan de spelregels zeggen"),
        heads(N_("Wat"), N_("Code"), N_("Had moeten zijn om"), N_("Was om")),
        [
            [_(label("exercise_late", one.what)), one.code, clock(one.due_at), clock(one.happened_at)]
            for one in found.late
        ],
        "" if found.late else _("Niets was te laat."),
        (5, 2, 3, 2),
    )
    unseen = Sheet(
        _("Wat wachtte zonder dat iemand iets deed"),
        heads(N_("Code"), N_("Van"), N_("Tot"), N_("Duur")),
        [[one.code, clock(one.since), clock(one.until), long(one.until - one.since)] for one in found.unseen],
        "" if found.unseen else _("Niemand wachtte tien minuten zonder dat iemand iets deed."),
    )
    alarms = Sheet(
        _("Alarmen: wanneer gingen ze, en na hoe lang nam iemand ze"),
        heads(N_("Om"), N_("Code"), N_("Waarom"), N_("Aan wie"), N_("Genomen na"), N_("Door"), N_("Te laat")),
        [
            [
                clock(one.at),
                one.code or "–",
                _(label("trigger", one.trigger)),
                _(label("role", one.role)),
                long(one.waited) if one.waited is not None else (_("was al voorbij") if one.over_at else _("niemand")),
                one.answered_by or "–",
                long(one.late) if one.late else "–",
            ]
            for one in found.alarms
        ],
        "" if found.alarms else _("Er ging geen alarm."),
        (2, 2, 5, 3, 3, 3, 2),
    )
    houses = Sheet(
        _("Hoe de huizen antwoordden"),
        heads(N_("Opvang"), N_("Gevraagd"), N_("Ja"), N_("Nee"), N_("Geen antwoord"), N_("Meestal na")),
        [
            [
                one.name,
                *map(str, (one.asked, one.yes, one.no, one.silent)),
                long(timedelta(minutes=one.median_minutes) if one.median_minutes is not None else None),
            ]
            for one in found.houses
        ],
        widths=(5, 2, 1, 1, 2, 2),
    )
    outages = Sheet(
        _("Wat de storing kostte"),
        heads(
            N_("Van"),
            N_("Tot"),
            N_("Aanvragen intussen"),
            N_("Eerste voorstel na"),
            N_("Alarmen te laat"),
            N_("Hoe laat"),
        ),
        [
            [
                *(clock(one.since), clock(one.until), str(one.asked), long(one.first_proposals)),
                *(str(one.rang_late), long(one.latest) if one.latest else "–"),
            ]
            for one in found.outages
        ],
        "" if found.outages else _("Er was geen storing."),
    )
    kept = Sheet(
        _("Wat er gegaan zou zijn"),
        heads(N_("Hoe"), N_("Aantal")),
        [[_(label("channel", channel)), str(number)] for channel, number in found.kept.items()],
        _("Niets hiervan is verstuurd."),
    )
    told = Sheet(
        _("Het verloop"),
        heads(N_("Om"), N_("Code"), N_("Wat"), N_("Wie"), N_("Gespeeld door")),
        [
            [clock(line.at), line.code, told_as(spoken, line), line.who or _("de klok"), played_by(spoken, line)]
            for line in found.told
        ],
        widths=(2, 2, 8, 4, 3),
    )
    return paper(
        _("Verslag van de oefening"),
        summary(spoken, found),
        _("Oefening met verzonnen mensen en huizen."),
        language,
        [requests, late, unseen, alarms, houses, outages, kept, told],
        practice=_("Oefening – dit is niet echt."),
    )


def played_by(spoken: Words, line: Told) -> str:
    """Who was behind a line: somebody, the script, or nobody."""
    if line.who is None:
        return ""
    return spoken.gettext("het draaiboek") if line.by_script else spoken.gettext("een deelnemer")


def summary(spoken: Words, found: Report) -> str:
    """The night in two sentences."""
    if found.started_at is None:
        return spoken.gettext("De oefening is nog niet begonnen.")
    return spoken.gettext(
        "Van %(start)s tot %(end)s: %(persons)s personen zochten een plek, %(placed)s kregen er een. "
        "Er gingen %(alarms)s alarmen. Deelnemers deden %(people)s dingen, het draaiboek %(script)s.",
        start=spoken.clock(found.started_at),
        end=spoken.clock(found.until),
        persons=found.persons,
        placed=found.placed,
        alarms=len(found.alarms),
        people=found.by_people,
        script=found.by_script,
    )
