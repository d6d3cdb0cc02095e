"""What every indicator means, in words: its name, how it is counted, and what it does not say."""

from dataclasses import dataclass

from nrm.insight.rules import INDICATORS, Basis, Coverage, Indicator, Unit
from web.words import N_

UNITS: dict[Unit, str] = {
    Unit.PLACES: N_("plekken"),
    Unit.REQUESTS: N_("aanvragen"),
    Unit.PERSONS: N_("personen"),
}

BASES: dict[Basis, str] = {
    Basis.REGISTRY: N_("De huizen, kamers en verblijven zoals ze nu staan."),
    Basis.REQUESTS: N_("De aanvragen zoals ze nu staan."),
    Basis.BOTH: N_("De plekken en de aanvragen zoals ze nu staan."),
}

COVERAGES: dict[Coverage, str] = {
    Coverage.HOUSES: N_("Huizen waarvan de stand kort geleden is gecontroleerd, van alle bekende huizen."),
    Coverage.ALL_REQUESTS: N_("Alle aanvragen die hier zijn gedaan. Wie nooit iets aanvroeg, zit er niet in."),
}


@dataclass(frozen=True)
class Said:
    """The words of one indicator. `denominator` is out of what it counts; empty when it is a plain number."""

    name: str
    formula: str
    denominator: str
    beware: str = ""


SAID: dict[str, Said] = {
    "free": Said(
        N_("Vrij"),
        N_(
            "Plekken waar nu niemand verblijft of verwacht wordt, in een huis dat mensen opneemt en onlangs is"
            " nagekeken."
        ),
        N_("Alle plekken van die huizen."),
        N_("Vrij is niet hetzelfde als passend. Een eigen kamer waar al iemand is, telt niet als vrij."),
    ),
    "stale": Said(
        N_("Misschien vrij, verouderd"),
        N_("Hetzelfde, maar van huizen waarvan de stand te lang geleden of nog nooit is nagekeken."),
        N_("Alle plekken."),
        N_("Telt nergens mee als vrij. Bel eerst."),
    ),
    "held": Said(
        N_("Vastgehouden"),
        N_("Plekken die wachten op antwoord van wie erover beslist."),
        N_("Alle plekken."),
        N_("Vraagt iemand het aan meer huizen tegelijk, dan telt elk van die plekken."),
    ),
    "occupied": Said(N_("Bezet"), N_("Plekken waar iemand verblijft of verwacht wordt."), N_("Alle plekken.")),
    "out_of_service": Said(
        N_("Buiten gebruik"),
        N_("Plekken die dicht zijn, in een huis dat nu niemand opneemt, of in een kamer die van iemand anders is."),
        N_("Alle plekken."),
    ),
    "unconditional": Said(
        N_("Vrij en onvoorwaardelijk"),
        N_("Vrije plekken waar elk onderwerp van de landelijke lijst uitdrukkelijk welkom is."),
        N_("Alle vrije plekken."),
        N_(
            "Een onderwerp waarover een huis niets zei, telt als ‘overleg eerst’. Dan is de plek niet onvoorwaardelijk."
        ),
    ),
    "waiting": Said(
        N_("Wachten op een plek"),
        N_("Aanvragen waarvoor nog niemand ja zei, ook als er net gevraagd is."),
        N_("Alle aanvragen die niet gesloten zijn."),
        N_("Een aanvraag kan over meer personen gaan."),
    ),
    "overdue": Said(
        N_("Te laat"),
        N_("Wachtende aanvragen waarvan de termijn voorbij is."),
        N_("Alle wachtende aanvragen."),
        N_("De termijn staat in de spelregels, per spoed. Die gold toen de aanvraag binnenkwam."),
    ),
    "seeking": Said(
        N_("Zoeken"),
        N_("Personen van wachtende aanvragen, die dan een plek nodig hebben en voor wie nu nergens gevraagd is."),
        N_("Alle personen van wachtende aanvragen."),
        N_(
            "Geteld waar iemand gevonden is, niet waar iemand heen kan. Een kind alleen zoekt hier geen plek"
            " en telt niet."
        ),
    ),
    "coming_free": Said(
        N_("Komt vrij"),
        N_("Plekken waarvan het vertrek voor die dag verwacht wordt, of die dan weer opengaan."),
        N_("Alle bezette en gesloten plekken."),
        N_(
            "Een vertrek waarvan de dag voorbij is of dat stokt, telt niet. Een eigen kamer komt pas vrij als"
            " iedereen weg is."
        ),
    ),
    "ending": Said(
        N_("Valt weg"),
        N_("Plekken waarvan het contract of het geld dan ophoudt, of die dan geen crisisbed meer zijn."),
        N_("Alle plekken die nu vrij, vastgehouden of bezet zijn."),
        N_("Wie er dan verblijft, heeft een andere plek nodig. Daarom tellen ook bezette plekken."),
    ),
    "inflow": Said(
        N_("Verwacht erbij"),
        N_(
            "Personen die tot dan naar verwachting om een plek vragen: het gemiddelde per dag van de laatste"
            " vier weken."
        ),
        N_("Alle personen van nieuwe aanvragen in die vier weken; een vervolgplek is geen nieuwe aanvraag."),
        N_("Zijn er nog geen twee weken bijgehouden, dan rekenen we landelijk met het gepubliceerde aantal van 2024."),
    ),
    "balance": Said(
        N_("Tekort of over"),
        N_("Vrij, plus wat vrijkomt, min wat wegvalt, min wie zoekt, min wie erbij komt (naar boven afgerond)."),
        N_("Geen: het is een verschil."),
        N_(
            "Dit telt alleen koppen en bedden. Of een plek past bij iemand, staat bij de oorzaken. Landelijk"
            " vult het over"
            " van de ene regio het tekort van de andere aan; tel de regio’s dus niet op."
        ),
    ),
}


def indicator(code: str) -> tuple[Indicator, Said]:
    """An indicator with its words."""
    return INDICATORS[code], SAID[code]
