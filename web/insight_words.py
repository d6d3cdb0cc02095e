"""What every indicator means, in words: its name, how it is counted, and what it does not say."""

from dataclasses import dataclass

from nrm.insight.rules import INDICATORS, Basis, Coverage, Indicator, Unit
from nrm.placing.rules import Indication
from web.case_words import reason
from web.labels import label
from web.words import N_, Words

UNITS: dict[Unit, str] = {
    Unit.PLACES: N_("plekken"),
    Unit.REQUESTS: N_("aanvragen"),
    Unit.PERSONS: N_("personen"),
    Unit.TIME: N_("tijd"),
    Unit.NIGHTS: N_("nachten van plekken"),
    Unit.RULES: N_("regels van huizen"),
    Unit.SHARE: N_("een deel"),
    Unit.ROOMS: N_("kamers"),
    Unit.ANSWERS: N_("antwoorden"),
}

BASES: dict[Basis, str] = {
    Basis.REGISTRY: N_("De huizen, kamers en verblijven zoals ze nu staan."),
    Basis.REQUESTS: N_("De aanvragen zoals ze nu staan."),
    Basis.JOURNAL: N_("Het logboek: wat er gebeurde, zoals het toen is opgeschreven."),
    Basis.DEPARTURES: N_("Wat er bij een vertrek gezegd is, meteen geteld en van niemand bewaard."),
    Basis.NIGHT: N_("Eén blik per nacht, om vier uur, met dezelfde regels als de zoeker. Toen opgeschreven."),
    Basis.KEPT: N_("Wat de zoeker toen zei, zoals het bij de aanvraag is bewaard."),
    Basis.SOLVER: N_("Wat de zoeker zegt als één ding anders is; elk apart uitgerekend."),
    Basis.BOTH: N_("De plekken en de aanvragen zoals ze nu staan."),
}

COVERAGES: dict[Coverage, str] = {
    Coverage.HOUSES: N_("Huizen waarvan de stand kort geleden is gecontroleerd, van alle bekende huizen."),
    Coverage.RECORDED: N_("Aanvragen die hier in de periode binnenkwamen. Wie nooit iets aanvroeg, zit er niet in."),
    Coverage.ANSWERED: N_("Wie vertrok en antwoord wilde geven."),
    Coverage.NIGHTS: N_(
        "De nachten waarin gekeken is, en daarin de huizen waarvan de stand kort ervoor was gecontroleerd."
    ),
    Coverage.ALL_HOUSES: N_("Alle bekende huizen, hoe oud hun stand ook is."),
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
        N_("Personen die zoeken"),
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
    "unmet_waiting": Said(
        N_("Oorzaken van wie wacht"),
        N_(
            "Elke wachtende aanvraag telt één keer, bij wat er nu het eerst voor nodig is. Samen zijn het alle"
            " wachtenden."
        ),
        N_("Alle wachtende aanvragen."),
        N_(
            "De oorzaak is zoals de zoeker en wie gevraagd werd het toen zeiden. Ze staat bij de aanvraag en"
            " blijft bewaard."
        ),
    ),
    "unmet_ended": Said(
        N_("Oorzaken van wie geen plek kreeg"),
        N_("Aanvragen die in die periode zonder plek van hier eindigden, elk bij de oorzaak die er toen was."),
        N_("Alle aanvragen die in die periode zonder plek van hier eindigden."),
        N_(
            "Vond iemand zelf iets of ging iemand ergens anders heen, dan telt dat hier ook: van hier kwam er"
            " geen plek."
        ),
    ),
    "blockers": Said(
        N_("Alles wat in de weg staat"),
        N_(
            "Bij hoeveel wachtende aanvragen iets ten minste één plek tegenhoudt. Een aanvraag telt bij alles"
            " wat er speelt."
        ),
        N_("Alle wachtende aanvragen."),
        N_(
            "Tel dit dus niet op. Wat bij minder dan vijf aanvragen speelt, staat er niet bij: dat kan naar"
            " één persoon wijzen."
        ),
    ),
    "time_to_answer": Said(
        N_("Tijd tot een eerste antwoord"),
        N_("Van het moment dat de aanvraag binnenkwam tot iemand voor het eerst ja of nee zei."),
        N_("Alle aanvragen die in de periode binnenkwamen; ernaast staat van hoeveel het gebeurde."),
        N_("Helft binnen: zo lang wachtte de middelste. Zwijgen is geen antwoord. Een vervolgplek telt niet mee."),
    ),
    "time_to_place": Said(
        N_("Tijd tot een plek"),
        N_("Van het moment dat de aanvraag binnenkwam tot de laatste die moest, ja zei."),
        N_("Alle aanvragen die in de periode binnenkwamen; ernaast staat van hoeveel het gebeurde."),
        N_(
            "Wie nog geen plek heeft, zit niet in de tijd en wel in ‘van hoeveel’. Kwam iemand niet, dan telt"
            " de eerste keer."
        ),
    ),
    "time_to_arrival": Said(
        N_("Tijd tot aankomst"),
        N_("Van het moment dat de aanvraag binnenkwam tot iemand in de opvang aankwam."),
        N_("Alle aanvragen die in de periode binnenkwamen; ernaast staat van hoeveel het gebeurde."),
    ),
    "within_norm": Said(
        N_("Plek binnen de termijn"),
        N_("Aanvragen met een plek voordat de termijn van hun spoed om was."),
        N_("Aanvragen met een plek, en aanvragen waarvan de termijn om is of die eerder sloten."),
        N_("Wie het nog kan halen, telt nog niet mee. De termijn is die van de spelregels van toen."),
    ),
    "fairness": Said(
        N_("Wie langer wacht dan de anderen"),
        N_("Welk deel een plek kreeg binnen de termijn, naast het deel van alle anderen samen."),
        N_("Aanvragen met een plek, en aanvragen waarvan de termijn om is of die eerder sloten."),
        N_(
            "Meer dan toeval: zo’n verschil komt bij gelijke kansen hoogstens één op de honderd keer voor. Het zegt"
            " niet waarom. De spoed is niet overal gelijk."
        ),
    ),
    "waiting_then": Said(
        N_("Wachtten toen"),
        N_("Aanvragen die op dat moment wachtten, met de oorzaak die toen was opgeschreven."),
        N_("Alle aanvragen van toen."),
        N_("Te laat telt hier naar de termijn van de spelregels; een overbrugging die haast maakte, telt niet mee."),
    ),
    "remedies": Said(
        N_("Wat zou helpen"),
        N_("Hoeveel aanvragen meer een plek zouden hebben als precies één ding anders was, volgens dezelfde zoeker."),
        N_("Alle aanvragen die nu wachten en voor wie nu nergens gevraagd is."),
        N_("Een plek hebben is hier: er is er een te vragen. Of het huis ja zegt, weten we niet."),
    ),
    "worth": Said(
        N_("Wat één plek erbij waard is"),
        N_(
            "Wat er in de beste verdeling van nu verandert als er van een soort plek één meer is: hoeveel aanvragen"
            " meer een plek hebben, en anders wat er beter wordt."
        ),
        N_("Alle aanvragen die nu wachten en voor wie nu nergens gevraagd is."),
        N_("Een plek hebben is hier: er is er een te vragen. Of het huis ja zegt, weten we niet."),
    ),
    "remedies_past": Said(
        N_("Wat had geholpen"),
        N_(
            "Hoeveel aanvragen meer een plek hadden gehad als al die tijd precies één ding anders was geweest."
            " ’s Nachts wordt elk vastgelegd moment opnieuw uitgerekend. Wie zo een plek kreeg, houdt die zo lang als"
            " gevraagd was."
        ),
        N_("Alle aanvragen waarvoor op een vastgelegd moment in de periode geen plek was waar je op kon bouwen."),
        N_(
            "Wat echt gebeurde, blijft staan: wie er echt kwam, wordt niet verdrongen. De plek die iemand later toch"
            " kreeg en dan niet meer nodig had, gaat niet naar een ander. Het kan dus meer zijn."
        ),
    ),
    "shut_out": Said(
        N_("Buitengehouden door een regel"),
        N_(
            "Aanvragen waarvoor een tijd lang niets gevonden werd, en die deze regel van een vrije plek weghield."
            " Alleen: van minstens één vrije plek hield niets anders hen weg. Samen: overal speelde er nog iets."
        ),
        N_("Alle aanvragen waarvoor in de periode een tijd lang niets gevonden werd."),
        N_(
            "Een aanvraag telt bij elke regel die haar buitenhield; tel dit dus niet op. Wie nooit vroeg omdat de"
            " regel bekend was, zit er niet in."
        ),
    ),
    "review_past": Said(
        N_("Regels die bekeken hadden moeten zijn"),
        N_(
            "Regels die nu gelden en iemand uitsluiten of eerst overleg vragen, en waarvan de dag van herbekijken"
            " om is."
        ),
        N_("Alle regels die nu gelden en niet gewoon ‘welkom’ zeggen."),
        N_("Een regel zonder dag van herbekijken staat apart: die loopt nooit af."),
    ),
    "unanswered": Said(
        N_("Onvoorwaardelijk gebruikt zonder antwoord"),
        N_(
            "Onvoorwaardelijke plekken die naar iemand gingen van wie geen contra-indicatie bekend was, terwijl over"
            " minstens één onderwerp niets was gezegd."
        ),
        N_(
            "Alle onvoorwaardelijke plekken die naar aanvragen van de periode gingen; van elke aanvraag de eerste plek."
        ),
        N_(
            "Misschien was die plek nodig: dat weten we niet, want niemand gaf antwoord. Na een antwoord had ook een"
            " andere plek gekund, als het ‘nee’ was."
        ),
    ),
    "unused": Said(
        N_("Vrij en niet gebruikt"),
        N_(
            "Plekken die om vier uur ’s nachts vrij waren, terwijl iemand wachtte die er zo had gekund. Elke plek telt"
            " elke nacht één keer."
        ),
        N_("Alle plekken die die nachten vrij waren, in huizen met een verse stand die mensen opnemen."),
        N_(
            "Eén aanvraag kan naast meer vrije plekken staan; daarom staat er ook bij hoeveel aanvragen het waren."
            " De oorzaak is die van wie het vaakst paste."
        ),
    ),
    "unused_nearly": Said(
        N_("Vrij, op één regel na passend"),
        N_("Hetzelfde, maar precies één regel hield iedereen weg die er anders had gekund."),
        N_("Alle plekken die die nachten vrij waren, in huizen met een verse stand die mensen opnemen."),
        N_(
            "Dat iemand er niet veilig is of dat het te klein is, telt hier niet: dat is geen regel die iemand kan"
            " missen."
        ),
    ),
    "flows": Said(
        N_("Van regio naar regio"),
        N_("Aanvragen die in de periode een plek kregen, naar de regio waar iemand gevonden is en die van de plek."),
        N_("Alle aanvragen die in de periode een eerste plek kregen; een vervolgplek telt mee als eigen aanvraag."),
        N_(
            "Tussen twee regio’s staat alleen wat niet naar iemand wijst; de rest staat samen. Verder weg kan ook juist"
            " veiliger zijn."
        ),
    ),
    "through": Said(
        N_("Een plek in en weer uit"),
        N_("Aanvragen waarvan iemand in de periode aankwam, vertrok, of er aan het eind nog was."),
        N_("Alle aanvragen met een plek van hier; wat buiten dit systeem om geregeld is, zit er niet in."),
        N_("Vertrekken zegt niet dat het goed ging: kijk ook waarheen."),
    ),
    "stay_length": Said(
        N_("Hoe lang iemand bleef"),
        N_("Van aankomst tot vertrek, van wie in de periode vertrok."),
        N_("Alle aanvragen waarvan iemand in de periode vertrok."),
        N_("Wie er nog is, telt niet mee. Bij een nieuwe soort opvang zijn dat juist wie lang blijven."),
    ),
    "blocked": Said(
        N_("Uitstroom die stokt"),
        N_("Nachten in de periode waarin iemand weg kon en niet weg kwam, naar wat het tegenhield."),
        N_("Alle verblijven waarvan het huis of de zorgcoördinator heeft gezegd dat het stokt."),
        N_("Wisselt de oorzaak, dan telt een verblijf bij elke oorzaak; de nachten tellen één keer."),
    ),
    "repeats": Said(
        N_("Opnieuw gevraagd"),
        N_("Aanvragen die in de periode op een eerdere leken, en wat het landelijk loket erover zei."),
        N_("Alle aanvragen waarbij iemand een kenmerk meegaf."),
        N_("Zonder kenmerk valt een herhaling niet op. Er zijn er dus minstens zoveel."),
    ),
    "bridge_nights": Said(
        N_("Nachten op een overbrugging"),
        N_("Nachten van de periode in een hotel, politiecel of ander tijdelijk bed, en wat die de gemeente kostten."),
        N_("Alle overbruggingen die hier zijn vastgelegd."),
        N_("Een nacht zonder prijs telt als nacht en kost hier niets."),
    ),
    "disputes": Said(
        N_("Verrekeningen waar men het niet over eens is"),
        N_("Plaatsingen waarvan een gemeente zei dat zij het met de rekening niet eens is, en hoe lang al."),
        N_("Alle plaatsingen waarvoor een verrekening is geopend."),
        N_("Niemand wacht daarop voor een bed: verrekenen komt na de plaatsing."),
    ),
    "demand": Said(
        N_("Wat er gevraagd is"),
        N_(
            "Nieuwe aanvragen van het jaar voor wie in de regio, of in een gemeente van het gebied, gevonden is of om"
            " hulp vroeg: ook wie geen plek kreeg, wie niet meer wachtte en wie elders een plek kreeg. De delen zijn"
            " samen precies het geheel."
        ),
        N_(
            "Alle nieuwe aanvragen uit de regio, of die met een gemeente van het gebied; een vervolgplek is geen"
            " nieuwe, een kind alleen vraagt hier geen plek."
        ),
        N_("Wie niet vroeg omdat er toch nooit plek is, zit er niet in. Dit is dus het minste dat er gevraagd is."),
    ),
    "area_known": Said(
        N_("Gemeente bekend"),
        N_(
            "Van hoeveel van de nieuwe aanvragen bekend is in welke gemeente iemand gevonden is of om hulp vroeg. Welke"
            " centrumgemeente daarbij hoort, zegt de lijst die op de dag van de aanvraag gold."
        ),
        N_("Alle nieuwe aanvragen uit de regio’s waarin het gebied ligt."),
        N_(
            "Grof gezegd, in tienden of in helften: zo is niet uit te rekenen hoeveel er uit een klein gebied kwamen."
            " Wat niet bekend is, is niet over de gebieden verdeeld."
        ),
    ),
    "enough": Said(
        N_("Genoeg plekken"),
        N_(
            "Het kleinste aantal plekken waarmee op zoveel van de 100 nachten iedereen van hier er een had. Per"
            " nacht, om vier uur: personen die wachtten of een plek hadden, waar ook."
        ),
        N_("De nachten van het jaar die voorbij zijn."),
        N_(
            "Alsof elke plek voor iedereen past. Wie opgaf, telt vanaf dan niet meer; langer wachten en langer blijven"
            " tellen wel mee."
        ),
    ),
    "bought": Said(
        N_("Gekocht"),
        N_("De plekken van huizen waaraan de gemeente meebetaalt, naar haar deel, maal de nachten die voorbij zijn."),
        N_("Alle huizen waarvan is vastgelegd wie ze betaalt, zoals dat nu is afgesproken."),
        N_("Wat eerder in het jaar anders was afgesproken, telt hier als nu. Kamers voor andere groepen tellen niet."),
    ),
    "used": Said(
        N_("Gebruikt"),
        N_("Nachten van personen in die huizen, naar het deel van de gemeente: wie er om vier uur was."),
        N_("De gekochte nachten."),
        N_(
            "Een eigen kamer is vol met één persoon. Minder dan alles gebruikt is dus niet hetzelfde als plek over, en"
            " vol zegt niet dat niemand wachtte."
        ),
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
    "asked": Said(
        N_("Gevraagd in een periode"),
        N_("Aanvragen die in de periode binnenkwamen, naar de regio van de aanvraag."),
        N_("Alle aanvragen die in de periode binnenkwamen."),
        N_("In een overzicht dat we versturen is het afgerond, en onder een ondergrens staat het er niet."),
    ),
    "placed_of_asked": Said(
        N_("Hoe het ging"),
        N_("Van elke aanvraag uit de periode: een plek gekregen, zonder plek geëindigd, overgenomen, of nog wachtend."),
        N_("Alle aanvragen die in de periode binnenkwamen."),
        N_("Zoals het stond op het moment dat het overzicht noemt. Wie een plek kreeg en niet kwam, wacht weer."),
    ),
    "capacity_norm": Said(
        N_("Plekken en minimum"),
        N_("Plekken in gebruik in de regio, min het aantal dat er volgens de spelregels ten minste moet zijn."),
        N_("Geen: het is een verschil."),
        N_("In gebruik is: niet gesloten, en het huis neemt mensen op. Bezet telt mee."),
    ),
    "quality_checked": Said(
        N_("Nagekeken kamers"),
        N_("Kamers waarvan iemand van buiten keek waar ze goed in zijn, of waarvan alleen de opvang het zegt."),
        N_("Alle kamers die hier bekend zijn."),
        N_("Wat een opvang van zichzelf zegt, heeft niemand nagekeken."),
    ),
    "continuity": Said(
        N_("De hulp loopt door"),
        N_("Wat mensen bij hun vertrek zeiden: de hulp loopt door, voor een deel, of stopt hier."),
        N_("Wie antwoord wilde geven. Wie dat niet wilde, telt niet mee."),
        N_("De opvang vulde het in waar iemand bij was. Lees het als een signaal, niet als een rapportcijfer."),
    ),
}


HOURS: dict[str, str] = {
    "office": N_("binnen kantooruren"),
    "after_hours": N_("buiten kantooruren"),
    "unknown": N_("niet vastgelegd"),
}

PROFILES: dict[str, str] = {
    "minor_alone": N_("kinderen alleen"),
    "family": N_("met kinderen"),
    "women": N_("vrouwen"),
    "men": N_("mannen"),
    "mixed": N_("vrouwen en mannen samen, of anders"),
    "group": N_("uit een groep"),
    "unknown": N_("niet vastgelegd"),
    "rest": N_("wie te weinig zijn om apart te noemen"),
}

CAUSES: dict[str, tuple[str, str]] = {
    "no_place": (N_("Geen plek"), N_("alles wat zou passen is bezet, dicht, of voor wie meer haast heeft")),
    "no_suitable_place": (N_("Geen passende plek"), N_("er is plek vrij, maar een regel houdt iemand tegen")),
    "unsafe": (N_("Niet veilig"), N_("er is plek vrij, maar daar is het voor deze mensen niet veilig")),
    "no_answer": (N_("Nog geen antwoord"), N_("er is gevraagd, en niemand zei nog ja of nee")),
    "declined": (N_("Afgewezen"), N_("wat zou passen, zei nee")),
    "no_authority": (N_("Niemand bereikbaar die beslist"), N_("er is een antwoord nodig van iemand die er nu niet is")),
    "stale_figures": (N_("Verouderde cijfers"), N_("er is misschien plek, maar dat huis gaf te lang geen stand door")),
    "not_asked": (N_("Nog niet gevraagd"), N_("er is een plek gevonden, en niemand vroeg er nog om")),
    "withdrawn": (N_("Wacht niet meer"), N_("ingetrokken, uit beeld geraakt of zelf van afgezien")),
    "other": (N_("Nog niet bekeken, of elders"), N_("net binnen, of jeugdzorg of Nidos is gevraagd")),
}
"""Main causes: a name and what it says. What is of too few or of minors alone is one line with what is new."""

INDICATIONS: dict[Indication, str] = {
    Indication.YES: N_("naar iemand met een bekende contra-indicatie"),
    Indication.UNKNOWN: N_("naar iemand zonder bekende contra-indicatie, met een vraag zonder antwoord"),
    Indication.NO: N_("naar iemand van wie op alles ‘nee’ is geantwoord"),
}
"""To whom an unconditional place went."""

DEMANDED: dict[str, str] = {
    "own": N_("kregen een plek in de eigen regio"),
    "elsewhere": N_("kregen een plek in een andere regio"),
    "waiting": N_("wachten nog"),
    "without": N_("eindigden zonder plek van hier"),
    "withdrawn": N_("wachtten niet meer: ingetrokken, uit beeld of ervan afgezien"),
}
"""What became of the requests of an area."""

USED: dict[str, str] = {
    "own": N_("nachten van wie hier gevonden is"),
    "elsewhere": N_("nachten van wie ergens anders gevonden is"),
    "unknown": N_("nachten van wie in de regio gevonden is, zonder dat we weten in welke gemeente"),
    "outside": N_("nachten buiten dit systeem om geregeld"),
}
"""Whose nights they were in what was bought."""

UNUSED: dict[str, str] = {
    "no_answer": N_("Er werd op een ander huis gewacht, dat nog niet antwoordde"),
    "no_authority": N_("Er werd op een ander huis gewacht, en niemand die beslist was bereikbaar"),
    "not_asked": N_("Niemand vroeg er om een plek"),
    "not_looked": N_("Net binnen: er was nog niet gezocht"),
    "no_place": N_("Bewaard voor iemand met meer haast"),
}
"""Why a place stayed free that would have done; what is not here is called as its cause."""

BLOCKERS: dict[str, str] = {
    "no_answer": N_("Liet een vraag onbeantwoord"),
    "no_authority": N_("Niemand bereikbaar die mag beslissen"),
    "stale": N_("Gaf te lang geen stand door"),
}


def blocker(words: Words, code: str) -> str:
    """What stands in the way, in words."""
    if code in BLOCKERS:
        return words.gettext(BLOCKERS[code])
    kind, _, which = code.partition(":")
    if kind == "declined":
        return words.gettext("Zei nee: %(why)s", why=words.gettext(label("decline", which)))
    return reason(words, code)


def indicator(code: str) -> tuple[Indicator, Said]:
    """An indicator with its words."""
    return INDICATORS[code], SAID[code]
