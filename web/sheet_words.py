"""The words of a sheet of places: what its columns and cells are called, and in which words its plan is told."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any

from nrm.clock import AMSTERDAM
from nrm.exchange.plan import Change, ChangeKind
from nrm.exchange.rules import ALWAYS, OPEN, RULE, UNKNOWN, Lexicon, Wrong, folded
from nrm.registry.models import Region
from web.labels import CLOSURES, INTAKE_HOURS, PAUSES, POOLS, SAFETY_CLASSES, SEXES, STANCES, label
from web.words import LANGUAGES, N_, Words, words

HEADS: dict[str, str] = {
    "location": N_("Locatie"),
    "provider": N_("Aanbieder"),
    "region": N_("Regio"),
    "pool": N_("Soort opvang"),
    "safety_class": N_("Veiligheid"),
    "intake": N_("Opname"),
    "intake_until": N_("Opnamestop tot"),
    "hours_from": N_("Opnametijd van"),
    "hours_until": N_("Opnametijd tot"),
    "unit": N_("Kamer"),
    "places": N_("Aantal plekken"),
    "private": N_("Voor één gezelschap"),
    "sexes": N_("Voor wie"),
    "sons_until": N_("Zonen jonger dan"),
    "age_min": N_("Leeftijd vanaf"),
    "age_max": N_("Leeftijd tot en met"),
    "children": N_("Kinderen"),
    "wheelchair": N_("Rolstoel"),
    "closed": N_("Plekken buiten gebruik"),
    "closed_reason": N_("Reden buiten gebruik"),
    "closed_until": N_("Buiten gebruik tot en met"),
    "rule_reason": N_("Reden van de regels"),
    "address": N_("Adres"),
}
RULE_HEAD = N_("Regel: %(criterion)s")

HINTS: dict[str, str] = {
    "location": N_("De code van het huis, zoals L-017. Nooit een naam of adres."),
    "provider": N_("De naam van de aanbieder zoals die hier bekend is. Alleen nodig bij een nieuwe locatie."),
    "region": N_("De veiligheidsregio, zoals Utrecht of VR09. Alleen nodig bij een nieuwe locatie."),
    "pool": N_("Kies uit de lijst. Alleen nodig bij een nieuwe locatie."),
    "safety_class": N_("Kies uit de lijst. Alleen nodig bij een nieuwe locatie."),
    "intake": N_("‘open’, of de reden waarom de locatie nu niemand opneemt."),
    "intake_until": N_("Dag en tijd, zoals 31-12-2026 18:00. Leeg: tot u de opname hervat."),
    "hours_from": N_("Vanaf hoe laat er opgenomen wordt, zoals 22:00, of ‘dag en nacht’."),
    "hours_until": N_("Tot hoe laat er opgenomen wordt, zoals 07:00."),
    "unit": N_("De code van de kamer of het appartement, zoals K1. Elke kamer is een rij."),
    "places": N_("Hoeveel bedden de kamer heeft. Het kunnen er meer worden, niet minder: zet een bed buiten gebruik."),
    "private": N_("‘ja’ als de kamer alleen in zijn geheel aan één gezelschap gaat."),
    "sexes": N_("Vrouwen, mannen, anders of onbekend; meer met een komma ertussen."),
    "sons_until": N_("Tot welke leeftijd een zoon mee mag in een kamer voor vrouwen."),
    "age_min": N_("Een getal. Leeg: 18."),
    "age_max": N_("Een getal. Leeg: geen grens."),
    "children": N_("‘ja’ als er kinderen met een ouder terechtkunnen."),
    "wheelchair": N_("‘ja’ als de kamer geschikt is voor een rolstoel."),
    "closed": N_("Hoeveel bedden van de kamer nu niet te gebruiken zijn. 0: allemaal in gebruik."),
    "closed_reason": N_("Kies uit de lijst."),
    "closed_until": N_("Een dag, zoals 31-12-2026, of ‘onbekend’."),
    "rule": N_("Wat deze kamer met dit onderwerp doet: welkom, in overleg of niet mogelijk."),
    "rule_reason": N_("Waarom, als u strenger wordt of iets niet mogelijk is. Geen gegevens van personen."),
    "address": N_("Alleen bij een nieuwe locatie. Het wordt verzegeld en is daarna niet meer te lezen."),
}

OPEN_WORD = N_("open")
UNKNOWN_WORD = N_("onbekend")
YES_NO = {"yes": N_("ja"), "no": N_("nee")}

WRONGS: dict[str, str] = {
    "required": N_("Vul dit in."),
    "unknown_choice": N_("Dit woord kennen we hier niet. In het sjabloon voor Excel kunt u kiezen uit een lijst."),
    "not_a_number": N_("Schrijf een heel getal, zoals 4."),
    "not_in_range": N_("Dit ligt buiten wat mogelijk is."),
    "unreadable_date": N_("Schrijf een datum als 31-12-2026."),
    "unreadable_moment": N_("Schrijf dag en tijd, zoals 31-12-2026 18:00."),
    "time_parsing": N_("Schrijf een tijd als 22:00."),
    "formula": N_("Hier staat een formule. Plak de uitkomst als waarde."),
    "too_long": N_("Dit is te lang."),
    "forbidden_character": N_("Hierin staat een teken dat niet kan. Typ het opnieuw."),
    "not_a_code": N_("Een code bestaat uit letters, cijfers, spaties en - . / _, en heeft er hoogstens 20."),
    "doubled_row": N_("Deze kamer staat ook al op rij %(also)s."),
    "differs": N_("Op rij %(also)s staat voor dezelfde locatie iets anders."),
    "unknown_column": N_("Deze kolom kennen we niet. Haal hem weg, of gebruik de naam uit het sjabloon."),
    "doubled_column": N_("Deze kolom staat er twee keer."),
    "missing_column": N_("Deze kolom ontbreekt. Gebruik het sjabloon."),
    "cell_without_head": N_("Boven deze kolom staat geen naam."),
    "no_heads": N_("Op de eerste rij staan geen kolomnamen. Gebruik het sjabloon."),
    "no_rows": N_("Er staan geen kamers in dit bestand."),
    "not_yours": N_("Deze locatie is niet van u, of bestaat niet. Een nieuwe locatie voegt het landelijk loket toe."),
    "only_desk_adds": N_("Kamers en plekken erbij voegt het landelijk loket toe."),
    "only_provider": N_("Dit zegt alleen de aanbieder zelf. Laat het leeg."),
    "fixed": N_("Dit staat anders in het register en kan hier niet gewijzigd worden. Laat het leeg."),
    "places_stay": N_("Plekken gaan er niet af. Zet ze buiten gebruik."),
    "more_than_there_are": N_("Zoveel plekken heeft deze kamer niet."),
    "in_use": N_("Zoveel vrije plekken zijn er niet: er verblijft iemand, of er is een vraag."),
    "in_the_past": N_("Deze dag is al voorbij."),
    "not_both": N_("Dit kan niet samen. Laat een van beide leeg."),
    "no_hours": N_("Van en tot kunnen niet gelijk zijn. Schrijf anders: dag en nacht."),
    "ages_reversed": N_("Dit is lager dan de leeftijd vanaf."),
    "reason_needed": N_("Schrijf hier waarom: een regel wordt strenger, of iets is niet mogelijk."),
    "unknown_provider": N_("Deze aanbieder kennen we niet. Schrijf de naam zoals bij Accounts en organisaties."),
    "address_of_new_only": N_("Een adres kan hier alleen bij een nieuwe locatie. De aanbieder kan het zelf wijzigen."),
}

_KINDS: dict[str, Mapping[str, str]] = {
    "pool": POOLS,
    "safety_class": SAFETY_CLASSES,
    "intake": {OPEN: OPEN_WORD, **PAUSES},
    "closure": CLOSURES,
    "stance": STANCES,
    "sex": SEXES,
    "yes_no": YES_NO,
    "day": {UNKNOWN: UNKNOWN_WORD},
    "hours": {ALWAYS: INTAKE_HOURS[ALWAYS]},
}
_KIND_OF = {
    "pool": "pool",
    "safety_class": "safety_class",
    "intake": "intake",
    "private": "yes_no",
    "children": "yes_no",
    "wheelchair": "yes_no",
    "closed_reason": "closure",
}
_SHORT_SEXES = {"v": "f", "m": "m", "x": "x"}


def head(spoken: Words, column: str) -> str:
    """What a column is called; a letter that names one we do not know stays as it is."""
    if column.startswith(RULE):
        criterion = spoken.gettext(label("criterion", column.removeprefix(RULE)))
        return spoken.gettext(RULE_HEAD, criterion=criterion)
    return spoken.gettext(HEADS[column]) if column in HEADS else column


def lexicon(columns: Sequence[str], regions: Sequence[Region]) -> Lexicon:
    """Every word that may stand in a sheet, in each language, and every code."""
    heads = {folded(column): column for column in columns}
    choices = {kind: dict(_words_of(kind)) for kind in _KINDS}
    choices["sex"] |= _SHORT_SEXES
    choices["region"] = {folded(said): region.code for region in regions for said in (region.code, region.name)}
    for language in LANGUAGES:
        heads |= {folded(head(words(language), column)): column for column in columns}
    return Lexicon(heads, choices)


@cache
def _words_of(kind: str) -> tuple[tuple[str, str], ...]:
    spoken = [words(language) for language in LANGUAGES]
    return tuple(
        (folded(said), code)
        for code, dutch in _KINDS[kind].items()
        for said in (code, *(one.gettext(dutch) for one in spoken))
    )


def hint(spoken: Words, column: str) -> str:
    """What to write in a column."""
    return spoken.gettext(HINTS["rule" if column.startswith(RULE) else column])


def to_choose(spoken: Words, column: str, regions: Sequence[Region]) -> list[str]:
    """The words one can choose from in a column; none where one writes freely."""
    if column == "region":
        return [region.name for region in regions]
    kind = "stance" if column.startswith(RULE) else _KIND_OF.get(column)
    return [spoken.gettext(dutch) for dutch in _KINDS[kind].values()] if kind else []


def cell(spoken: Words, column: str, value: Any, regions: Mapping[str, str]) -> str | int:  # noqa: PLR0911
    """A value as it stands in a cell."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return spoken.gettext(YES_NO["yes" if value else "no"])
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(AMSTERDAM).strftime("%d-%m-%Y %H:%M")
    if isinstance(value, date):
        return value.strftime("%d-%m-%Y")
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if column == "region":
        return regions[value]
    if column == "sexes":
        return ", ".join(spoken.gettext(SEXES[sex]) for sex in value)
    kind = {"hours_from": "hours", "closed_until": "day"}.get(column) or _KIND_OF.get(column)
    kind = "stance" if column.startswith(RULE) else kind
    return spoken.gettext(_KINDS[kind][value]) if kind else str(value)


def wrong(spoken: Words, found: Wrong) -> str:
    """What is wrong with a cell, and what to do."""
    text = spoken.gettext(WRONGS[found.code])
    return text % {"also": found.also} if found.also else text


def told(spoken: Words, change: Change, regions: Mapping[str, str]) -> str:
    """One thing that will be done, in words."""
    return _TOLD[change.kind](spoken, change.said, regions)


def _location(spoken: Words, said: Mapping[str, Any], regions: Mapping[str, str]) -> str:
    values = {
        "provider": said["provider"] or "?",
        "region": regions.get(said["region"] or "", "?"),
        "pool": spoken.gettext(POOLS[said["pool"]]) if said["pool"] else "?",
    }
    text = spoken.gettext("Nieuwe locatie van %(provider)s in %(region)s: %(pool)s.", **values)
    return f"{text} {spoken.gettext('Het adres wordt verzegeld.')}" if said["address"] else text


def _unit(spoken: Words, said: Mapping[str, Any], _regions: Mapping[str, str]) -> str:
    who = ", ".join(spoken.gettext(SEXES[sex]) for sex in said["sexes"]) or "?"
    text = spoken.ngettext(
        "Nieuwe kamer met 1 plek voor: %(who)s.",
        "Nieuwe kamer met %(num)s plekken voor: %(who)s.",
        said["places"],
        who=who,
    )
    if said["closed"]:
        text += " " + spoken.gettext("Daarvan buiten gebruik: %(count)s.", count=said["closed"])
    return text


def _places(spoken: Words, said: Mapping[str, Any], _regions: Mapping[str, str]) -> str:
    return spoken.ngettext("1 plek erbij.", "%(num)s plekken erbij.", said["places"])


def _hours(spoken: Words, said: Mapping[str, Any], _regions: Mapping[str, str]) -> str:
    if said["opens"] is None:
        return spoken.gettext("Opname dag en nacht.")
    values = {name: said[name].strftime("%H:%M") for name in ("opens", "closes")}
    return spoken.gettext("Opname van %(opens)s tot %(closes)s.", **values)


def _paused(spoken: Words, said: Mapping[str, Any], _regions: Mapping[str, str]) -> str:
    reason = spoken.gettext(PAUSES[said["reason"]])
    if said["until"] is None:
        return spoken.gettext("Opname op pauze tot u haar hervat: %(reason)s.", reason=reason)
    until = said["until"].astimezone(AMSTERDAM).strftime("%d-%m-%Y %H:%M")
    return spoken.gettext("Opname op pauze tot %(until)s: %(reason)s.", until=until, reason=reason)


def _resumed(spoken: Words, _said: Mapping[str, Any], _regions: Mapping[str, str]) -> str:
    return spoken.gettext("De opname gaat weer open.")


def _closed(spoken: Words, said: Mapping[str, Any], _regions: Mapping[str, str]) -> str:
    values = {"places": ", ".join(said["labels"]), "reason": spoken.gettext(CLOSURES[said["reason"]])}
    if said["until"] is None:
        return spoken.gettext("Plek %(places)s buiten gebruik: %(reason)s.", **values)
    until = said["until"].strftime("%d-%m-%Y")
    return spoken.gettext("Plek %(places)s buiten gebruik tot en met %(until)s: %(reason)s.", until=until, **values)


def _reopened(spoken: Words, said: Mapping[str, Any], _regions: Mapping[str, str]) -> str:
    return spoken.gettext("Plek %(places)s weer in gebruik.", places=", ".join(said["labels"]))


def _rule(spoken: Words, said: Mapping[str, Any], _regions: Mapping[str, str]) -> str:
    return spoken.gettext(
        "%(criterion)s: van ‘%(before)s’ naar ‘%(after)s’.",
        criterion=spoken.gettext(label("criterion", said["criterion"])),
        before=spoken.gettext(STANCES[said["before"]]),
        after=spoken.gettext(STANCES[said["stance"]]),
    )


_TOLD: dict[ChangeKind, Callable[[Words, Mapping[str, Any], Mapping[str, str]], str]] = {
    ChangeKind.LOCATION_ADDED: _location,
    ChangeKind.UNIT_ADDED: _unit,
    ChangeKind.PLACES_ADDED: _places,
    ChangeKind.HOURS_SET: _hours,
    ChangeKind.PAUSED: _paused,
    ChangeKind.RESUMED: _resumed,
    ChangeKind.PLACES_CLOSED: _closed,
    ChangeKind.PLACES_REOPENED: _reopened,
    ChangeKind.CLOSURE_CHANGED: _closed,
    ChangeKind.RULE_SET: _rule,
}
