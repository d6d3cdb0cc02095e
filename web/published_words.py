"""What is published, in words: every table, what it is told apart by, and what a version of the definitions changed."""

from nrm.insight.catalogue import ALL
from web.words import N_

TABLES: dict[str, tuple[str, str]] = {
    "result": (
        N_("Wat er van de vraag kwam"),
        N_("Iedereen voor wie een plek werd gevraagd, en hoe het 28 dagen na die maand stond."),
    ),
    "cause": (
        N_("Wat er van de vraag kwam, en waarom er geen plek was"),
        N_("Van wie geen plek kreeg: de ene hoofdoorzaak, zoals die toen is opgeschreven."),
    ),
    "sex_age": (N_("Naar leeftijd en geslacht"), N_("Leeftijd in jaren bij de aanvraag; die kan geschat zijn.")),
    "sex_age_exploitation": (
        N_("Naar uitbuiting, leeftijd en geslacht"),
        N_("De vorm van uitbuiting die bij de aanvraag is genoemd."),
    ),
    "exploitation_citizenship": (
        N_("Naar uitbuiting en burgerschap"),
        N_("Burgerschap volgt uit wat van het verblijfsrecht bekend is. Het land zelf wordt niet vastgelegd."),
    ),
    "exploitation_result": (
        N_("Naar uitbuiting en wat er van de vraag kwam"),
        N_("Eén vorm van uitbuiting per aanvraag."),
    ),
    "region_result": (
        N_("Naar regio en wat er van de vraag kwam"),
        N_("De regio waar iemand is aangetroffen, niet waar de opvang is. Onder 10 wordt hier niets getoond."),
    ),
}
"""Title and what it counts."""

DIMENSIONS: dict[str, str] = {
    "sex": N_("Geslacht"),
    "age": N_("Leeftijd"),
    "citizenship": N_("Burgerschap"),
    "exploitation": N_("Vorm van uitbuiting"),
    "result": N_("Wat ervan kwam"),
    "region": N_("Regio"),
}

CODES: dict[str, dict[str, str]] = {
    "sex": {ALL: N_("Allen"), "f": N_("Vrouwen"), "m": N_("Mannen"), "x": N_("Anders of niet bekend")},
    "age": {
        ALL: N_("Alle leeftijden"),
        "child": N_("Kinderen"),
        "0_11": N_("0 tot en met 11"),
        "12_17": N_("12 tot en met 17"),
        "adult": N_("Volwassenen"),
        "18_24": N_("18 tot en met 24"),
        "25_up": N_("25 en ouder"),
        "unknown": N_("Niet vastgelegd"),
    },
    "citizenship": {
        ALL: N_("Allen"),
        "dutch": N_("Nederland"),
        "eu": N_("Ander EU-land"),
        "non_eu": N_("Buiten de EU"),
        "unknown": N_("Niet bekend"),
    },
    "exploitation": {
        ALL: N_("Alle vormen"),
        "sexual": N_("Seksuele uitbuiting"),
        "labour": N_("Arbeidsuitbuiting"),
        "criminal": N_("Criminele uitbuiting"),
        "organ_removal": N_("Orgaanverwijdering"),
        "unknown": N_("Nog niet bekend"),
    },
    "result": {
        ALL: N_("Allen"),
        "placed": N_("Kreeg een plek"),
        "youth_care": N_("Naar jeugdzorg of Nidos"),
        "not_placed": N_("Kreeg geen plek"),
        "waiting": N_("Wacht nog"),
        "no_place": N_("Geen plek vrij"),
        "no_suitable_place": N_("Geen passende plek"),
        "unsafe": N_("Nergens veilig"),
        "no_answer": N_("Niemand antwoordde"),
        "declined": N_("Afgewezen"),
        "no_authority": N_("Niemand bereikbaar die beslist"),
        "stale_figures": N_("Verouderde cijfers"),
        "not_asked": N_("Er is niet om een plek gevraagd"),
        "withdrawn": N_("Ingetrokken of uit beeld"),
        "not_known": N_("Niet vastgelegd"),
    },
    "region": {ALL: N_("Heel Nederland")},
}

CHANGES: dict[str, tuple[str, str]] = {
    "rule_eased": (
        N_("Regels losgelaten"),
        N_("zo vaak liet een huis een regel los die mensen buitensloot"),
    ),
    "places_added": (
        N_("Plekken erbij aangemeld"),
        N_("ook plekken die er al waren en nu voor het eerst in het systeem staan"),
    ),
    "authority_asked": (
        N_("Voorgelegd aan het bevoegd gezag"),
        N_("zo vaak vroeg de landelijk coördinator een bestuurder om iets te doen"),
    ),
}

VERSIONS: dict[int, str] = {1: N_("De eerste definities.")}
"""What a version changed and why. Each begins with a year, and earlier figures stay as they were."""

RECORDED: tuple[tuple[str, str, bool], ...] = (
    (N_("Geslacht"), N_("van ieder voor wie een plek wordt gevraagd: vrouw, man, of anders en onbekend samen"), True),
    (N_("Leeftijdsgroep"), N_("uit de leeftijd in jaren, die geschat kan zijn"), True),
    (
        N_("Burgerschap, als groep"),
        N_("uit wat van het verblijfsrecht bekend is: Nederland, ander EU-land, daarbuiten"),
        True,
    ),
    (N_("Vorm van uitbuiting"), N_("één per aanvraag; een tweede vorm wordt niet vastgelegd"), True),
    (N_("Periode"), N_("de maand waarin de aanvraag binnenkwam, op de Nederlandse klok"), True),
    (N_("Land van burgerschap of geboorte"), N_("niet nodig om een plek te vinden"), False),
    (N_("Vermoedelijk of vastgesteld slachtoffer"), N_("dat stelt dit systeem niet vast"), False),
    (N_("Wie het slachtoffer registreerde"), N_("wie vraagt, is niet wie registreert"), False),
    (N_("Andere hulp dan opvang"), N_("die loopt buiten dit systeem"), False),
    (N_("Verdachten, vervolging en vonnissen"), N_("strafzaken horen hier niet"), False),
)
"""What the statistics of the European Union ask: whether it is recorded here, and how or why not."""
