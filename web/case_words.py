"""A case in words: who it is about, why a place fits it, why others do not. Codes go in, sentences come out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from nrm.intake.queries import RequestDetail
from nrm.intake.rules import ADULT_AGE, Fact
from nrm.placing.rules import SAFETY, SAID_NO
from nrm.registry.rules import KILOMETRES_PER_ZONE
from web.labels import LABELS
from web.words import N_, Words

ADULTS = {"f": N_("vrouw"), "m": N_("man"), "x": N_("persoon")}
MINORS = {"f": N_("meisje"), "m": N_("jongen"), "x": N_("kind")}
FARTHEST_ZONE = 9

SHUT_OUT = {
    "closed:intake_hours": N_("Neemt op dit uur niemand op"),
    "closed:paused": N_("Opname staat op pauze"),
    "closed:no_authority": N_("Niemand bereikbaar die mag beslissen"),
    "closed:out_of_service": N_("Buiten gebruik"),
    SAID_NO: N_("Zei net nee: vol, of geen begeleiding"),
    "pool": N_("Andere soort opvang, niet voor deze situatie"),
    "sex": N_("Alleen voor een ander geslacht"),
    "age": N_("Past niet bij de leeftijd"),
    "children": N_("Neemt geen kinderen op"),
    "minor_alone": N_("Minderjarig en alleen: naar de jeugdcrisisopvang"),
    "size": N_("Te klein voor deze personen samen"),
    SAFETY: N_("Niet veilig voor deze personen"),
    "barred:declined": N_("Zei al nee op deze aanvraag, of gaf geen antwoord"),
    "barred:lending": N_("Eerst voor de gemeenten die deze plek betalen"),
    "barred:authority": N_("Hierover mag nu niemand beslissen"),
    "only_location": N_("Een ander huis dan waar de groep heen gaat"),
    "dates": N_("Bezet of vastgehouden"),
    "capacity": N_("Iemand anders gaat voor"),
}
WEIGHED = {
    "acute": N_("Iemand met spoed gaat voor"),
    "more_urgent": N_("Iemand met meer haast gaat voor"),
    "more_persons": N_("Anders staan meer mensen met evenveel haast zonder plek"),
    "waits_longer": N_("Iemand met evenveel haast vroeg eerder"),
    "suits_others": N_("De plek past beter bij iemand anders"),
}
"""What was weighed where somebody else goes first."""

BEHIND = {
    "needed:now": N_("anders heeft iemand met spoed geen plek."),
    "needed:today": N_("anders heeft iemand die vandaag een plek nodig heeft er geen."),
    "needed:soon": N_("anders heeft iemand anders binnenkort geen plek."),
    "needed:planned": N_("anders heeft iemand met een geplande opname geen plek."),
    "needed:waiting": N_("anders moet iemand die al langer wacht nog langer wachten."),
    "suits_others": N_("past beter bij iemand anders die ook wacht."),
    "risk": N_("meer kans op een nee. Er is meer om te overleggen of te vragen, of de stand is ouder."),
    "scarcity": N_("deze soort plek is schaars, liever voor wie nergens anders terechtkan."),
    "kept": N_("bewaard voor wie vannacht of later nog komt en nergens anders terechtkan."),
    "change": N_("de bovenste stond er al, en is niet slechter."),
    "wishes": N_("minder gewenste talen."),
    "distance": N_("verder weg."),
    "later": N_("komt later vrij."),
    "equal": N_("ze passen even goed."),
}
"""Why a proposal is not the first."""

LIFTS = {
    "closed:intake_hours": N_("een opvang nu iemand opneemt, buiten de opnametijd"),
    "closed:paused": N_("een opvang de pauze opheft"),
    "closed:no_authority": N_("er iemand bereikbaar is die mag beslissen"),
    "closed:out_of_service": N_("een kamer weer in gebruik komt"),
    SAID_NO: N_("een opvang die net nee zei weer ruimte heeft"),
    "children": N_("een opvang kinderen toelaat"),
    "size": N_("een kamer groter was"),
    "dates": N_("een bezette kamer vrijkomt"),
    "barred:lending": N_("een plek nu al uitgeleend mag worden"),
    "barred:authority": N_("er nu over een plek beslist mag worden"),
}


class Somebody(Protocol):
    """A member of a party, as stored or as sent."""

    @property
    def sex(self) -> str: ...
    @property
    def age(self) -> int: ...
    @property
    def age_estimated(self) -> bool: ...
    @property
    def parent(self) -> bool: ...


class Row(Protocol):
    """One reason with how many units and places it kept out."""

    @property
    def code(self) -> str: ...
    @property
    def units(self) -> int: ...
    @property
    def places(self) -> int: ...
    @property
    def weighed(self) -> str | None: ...


@dataclass(frozen=True)
class Why:
    """Why a place fits, and what to mind first."""

    fits: list[str] = field(default_factory=list)
    mind: list[str] = field(default_factory=list)
    behind: str = ""
    """Why it is not the first; empty for the first."""


@dataclass(frozen=True)
class Kept:
    """A reason that kept places out, in words; the figure is empty where there is nothing to count."""

    id: str
    reason: str
    figure: str


def joined(words: Words, items: Iterable[str]) -> str:
    """a; a en b; a, b en c."""
    found = list(items)
    if len(found) < 2:
        return "".join(found)
    return words.gettext("%(first)s en %(last)s", first=", ".join(found[:-1]), last=found[-1])


def party(words: Words, persons: Sequence[Somebody]) -> str:
    """vrouw van 24 met kind van 3; jongen van ongeveer 16."""
    grown = [person for person in persons if person.age >= ADULT_AGE or person.parent]
    children = [person for person in persons if person not in grown]
    if not grown:
        return joined(words, (_one(words, person, MINORS) for person in persons))
    together = joined(words, (_one(words, person, ADULTS if person.age >= ADULT_AGE else MINORS) for person in grown))
    if not children:
        return together
    if len(children) == 1:
        # How old a child is matters here; whether it is a son or a daughter stands in the details.
        with_them = _one(words, children[0], dict.fromkeys(MINORS, MINORS["x"]))
    else:
        ages = joined(words, (words.number(child.age) for child in children))
        with_them = words.ngettext("%(num)s kind", "%(num)s kinderen", len(children)) + f" ({ages})"
    return words.gettext("%(adults)s met %(children)s", adults=together, children=with_them)


def to_say(words: Words, detail: RequestDetail, criteria: Iterable[str], now: datetime) -> str:
    """Everything a house needs to hear over the phone to say yes or no, to be read aloud as it stands.

    Never where it is unsafe, where the party was found, or of whom it is afraid.
    """
    asked, facts = detail.request, detail.facts
    known = list(criteria)
    yes, no, unknown = (
        [code for code in known if facts.get(code, Fact.UNKNOWN) is value]
        for value in (Fact.YES, Fact.NO, Fact.UNKNOWN)
    )
    languages = [wish for wish in asked.wishes if wish.startswith("lang:")]
    from_when = (
        words.gettext("vanaf nu")
        if asked.needed_from <= now
        else words.gettext("vanaf %(when)s", when=words.when(asked.needed_from, now))
    )
    how_long = words.ngettext("ongeveer %(num)s dag", "ongeveer %(num)s dagen", asked.days)
    parts = [
        words.gettext("Code %(code)s", code=asked.short_code),
        party(words, detail.persons),
        words.gettext("%(when)s, %(long)s", when=from_when, long=how_long),
    ]
    if yes:
        parts.append(words.gettext("speelt wel: %(what)s", what=_named(words, "criterion", yes)))
    if no:
        parts.append(words.gettext("speelt niet: %(what)s", what=_named(words, "criterion", no)))
    if unknown:
        parts.append(words.gettext("niet bekend: %(what)s", what=_named(words, "criterion", unknown)))
    needs = _named(words, "need", asked.needs)
    parts.append(
        words.gettext("nodig: %(what)s", what=needs) if needs else words.gettext("verder niets bijzonders nodig")
    )
    if languages:
        parts.append(words.gettext("liefst iemand die spreekt: %(what)s", what=_languages(words, languages)))
    if asked.handover_needed:
        parts.append(words.gettext("een hulpverlener brengt, naar een punt dat u kiest"))
    return "; ".join(parts) + "."


def why(words: Words, fit: Mapping[str, Any], regions: Mapping[str, str], found_in: str) -> Why:
    """Why the solver proposes this place, in the order in which a coordinator asks."""
    told = Why(behind=words.gettext(BEHIND[fit["behind"]]) if fit.get("behind") in BEHIND else "")
    told.fits.append(_where(words, fit, regions, found_in))
    if fit["accepts"]:
        told.fits.append(words.gettext("Welkom met: %(what)s.", what=_named(words, "criterion", fit["accepts"])))
    if fit["unconditional"]:
        told.fits.append(words.gettext("Onvoorwaardelijk: sluit niemand uit."))
    if fit["needs_met"]:
        told.fits.append(words.gettext("Heeft wat nodig is: %(what)s.", what=_named(words, "need", fit["needs_met"])))
    if fit["wishes_met"]:
        told.fits.append(words.gettext("Spreekt: %(what)s.", what=_languages(words, fit["wishes_met"])))
    told.fits.append(_kind_of_place(words, fit))
    if fit["consult"]:
        told.mind.append(words.gettext("In overleg: %(what)s.", what=_named(words, "criterion", fit["consult"])))
    if fit["ask_first"]:
        told.mind.append(
            words.gettext(
                "Eerst bellen: nog niet gevraagd, en hier niet mogelijk: %(what)s.",
                what=_named(words, "criterion", fit["ask_first"]),
            )
        )
    if fit["wishes_lacking"]:
        told.mind.append(words.gettext("Spreekt niet: %(what)s.", what=_languages(words, fit["wishes_lacking"])))
    return told


def kept_out(words: Words, rows: Iterable[Row]) -> list[Kept]:
    """Why other places are not proposed; every reason of safety is one line."""
    return [
        Kept(
            row.code.replace(":", "-"),
            words.gettext(WEIGHED[row.weighed]) if row.weighed in WEIGHED else reason(words, row.code),
            _figure(words, row),
        )
        for row in rows
    ]


def reason(words: Words, code: str) -> str:
    """One reason code in words; never a bare code."""
    kind, _, which = code.partition(":")
    if kind == "excludes":
        return words.gettext("Kan hier niet: %(what)s", what=_named(words, "criterion", [which]))
    if kind == "lacks":
        return words.gettext("Heeft niet: %(what)s", what=_named(words, "need", [which]))
    return words.gettext(SHUT_OUT.get(code, N_("Een andere regel")))


def would_place(words: Words, lifts: Iterable[Mapping[str, Any]]) -> list[str]:
    """What would place somebody who has no place now, one sentence per way."""
    return [
        words.gettext(
            "als %(what)s (%(rooms)s)",
            what=joined(words, (_lift(words, code) for code in lift["lift"])),
            rooms=words.ngettext("%(num)s kamer", "%(num)s kamers", int(lift["units"])),
        )
        for lift in lifts
    ]


def _one(words: Words, person: Somebody, nouns: Mapping[str, str]) -> str:
    who = words.gettext(nouns[person.sex])
    if person.age == 0:
        return words.gettext("baby")
    if person.age_estimated:
        return words.gettext("%(who)s van ongeveer %(age)s", who=who, age=person.age)
    return words.gettext("%(who)s van %(age)s", who=who, age=person.age)


def _where(words: Words, fit: Mapping[str, Any], regions: Mapping[str, str], found_in: str) -> str:
    if not fit["out_of_region"]:
        return words.gettext("In de eigen regio.")
    zone = int(fit["zone_class"])
    if zone >= FARTHEST_ZONE:
        far = words.gettext("meer dan %(km)s km", km=(FARTHEST_ZONE - 1) * KILOMETRES_PER_ZONE)
    elif zone <= 1:
        far = words.gettext("hoogstens %(km)s km", km=KILOMETRES_PER_ZONE)
    else:
        far = words.gettext(
            "%(low)s tot %(high)s km", low=(zone - 1) * KILOMETRES_PER_ZONE, high=zone * KILOMETRES_PER_ZONE
        )
    region = regions[found_in]
    if fit["own_region_unsafe"]:
        return words.gettext(
            "Buiten %(region)s, want daar is het niet veilig. De regio's liggen %(far)s uit elkaar.",
            region=region,
            far=far,
        )
    return words.gettext("Buiten %(region)s. De regio's liggen %(far)s uit elkaar.", region=region, far=far)


def _kind_of_place(words: Words, fit: Mapping[str, Any]) -> str:
    kind = words.gettext(LABELS["pool"][fit["pool"]])
    safety = words.gettext(LABELS["safety_class"][fit["safety_class"]])
    room = words.gettext("eigen kamer") if fit["private"] else words.gettext("gedeelde kamer")
    found = words.gettext("%(kind)s, %(safety)s, %(room)s.", kind=kind, safety=safety, room=room)
    return found[:1].upper() + found[1:]


def _lift(words: Words, code: str) -> str:
    kind, _, which = code.partition(":")
    if kind == "excludes":
        return words.gettext("een opvang toch ja zegt bij %(what)s", what=_named(words, "criterion", [which]))
    if kind == "lacks":
        return words.gettext("het zonder %(what)s kan", what=_named(words, "need", [which]))
    return words.gettext(LIFTS.get(code, N_("een regel anders was")))


def _figure(words: Words, row: Row) -> str:
    if not row.units:
        return ""
    rooms = words.ngettext("%(num)s kamer", "%(num)s kamers", row.units)
    places = words.ngettext("%(num)s plek", "%(num)s plekken", row.places)
    return f"{rooms}, {places}"


def _named(words: Words, kind: str, codes: Iterable[str]) -> str:
    return joined(words, (words.gettext(LABELS[kind].get(code, N_("iets anders"))) for code in codes))


def _languages(words: Words, wishes: Iterable[str]) -> str:
    return _named(words, "language", (wish.removeprefix("lang:") for wish in wishes))
