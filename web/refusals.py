"""What to tell a person after a change: the words for every code of success and refusal."""

from web.words import N_, Words

DONE: dict[str, str] = {
    "request_sent": N_("De aanvraag is binnen. Voorstellen verschijnen hieronder vanzelf."),
    "request_sent_minor": N_("De aanvraag is binnen. Bel nu: voor een minderjarige alleen zoeken we geen plek."),
    "request_sent_followed": N_("De aanvraag is binnen bij de piketdienst. Hier ziet u hoe het gaat."),
    "request_amended": N_("De aanvraag is bijgewerkt. We zoeken opnieuw."),
    "request_closed": N_("De aanvraag is afgesloten."),
    "offer_sent": N_("De plek is vastgehouden en gevraagd. U ziet het antwoord hier vanzelf."),
    "offer_withdrawn": N_("De vraag is ingetrokken. De plek is weer vrij."),
    "offer_accepted": N_("U heeft ja gezegd. De aanvrager krijgt bericht."),
    "offer_declined": N_("U heeft nee gezegd. De plek is weer vrij en er wordt meteen verder gezocht."),
    "arrived": N_("De aankomst is vastgelegd."),
    "not_arrived": N_("Vastgelegd dat niemand kwam. De plek is vrij en de aanvraag staat weer open."),
    "bridge_recorded": N_("De overbrugging is vastgelegd. De aanvraag blijft open en de klok loopt sneller."),
    "bridge_ended": N_("De overbrugging is voorbij."),
    "trip_agreed": N_("Vastgelegd. De andere kant ziet het meteen."),
    "aftercare_kept": N_("De nazorg is bijgewerkt."),
    "departure_expected": N_("Het verwachte vertrek is bijgewerkt."),
    "blocked": N_("Vastgelegd waarom het vertrek stokt."),
    "unblocked": N_("Het vertrek stokt niet meer."),
    "destination_learned": N_("De bestemming is vastgelegd. Het alarm gaat uit."),
    "follow_on_opened": N_("De vervolgplek is gevraagd. Alles wat we wisten, gaat mee."),
    "summary_written": N_("Het overdrachtsbericht is opgeslagen. Alleen de volgende opvang leest het."),
    "settled": N_("De verrekening is bijgewerkt."),
    "transfer_offered": N_("De overdracht is gevraagd. Tot iemand overneemt, blijft de aanvraag van u."),
    "transfer_dropped": N_("De overdracht gaat niet door."),
    "taken_over": N_("De aanvraag is nu van u."),
    "departed": N_("Het vertrek is vastgelegd. De plek is weer vrij."),
    "confirmed": N_("Bedankt. Deze plekken staan als net gecontroleerd."),
    "place_closed": N_("De plek staat buiten gebruik."),
    "place_reopened": N_("De plek is weer in gebruik."),
    "place_occupied": N_("De plek staat als bezet."),
    "paused": N_("De opname staat op pauze."),
    "resumed": N_("De opname is weer open."),
    "rule_set": N_("De toelatingsregel is opgeslagen."),
    "address_set": N_("Het adres is verzegeld opgeslagen."),
    "shift_started": N_("Uw dienst is begonnen."),
    "shift_ended": N_("Uw dienst is beëindigd."),
    "alarm_claimed": N_("U heeft dit alarm op u genomen."),
}

REFUSED: dict[str, str] = {
    "places_taken": N_("Iemand was u net voor: deze plek is zojuist bezet. Hieronder staat het volgende voorstel."),
    "no_longer_fits": N_("Deze plek past niet meer bij de aanvraag. Er wordt opnieuw gezocht."),
    "phone_first": N_("Het is te lang geleden dat deze plek is gecontroleerd. Bel eerst, en kies dan opnieuw."),
    "not_waiting": N_("Deze aanvraag wacht niet meer op een plek."),
    "request_moved_on": N_("De aanvraag is intussen veranderd. Bekijk de nieuwe stand."),
    "changed_meanwhile": N_("Iemand heeft dit intussen gewijzigd. Bekijk de nieuwe stand en probeer het opnieuw."),
    "offer_or_stay_in_the_way": N_("Er staat nog een vraag of een plaatsing open. Rond die eerst af."),
    "already_closed": N_("Dit was al afgesloten."),
    "not_closed": N_("Deze plek was niet buiten gebruik."),
    "bridge_over": N_("Deze overbrugging was al voorbij."),
    "follow_on_exists": N_("Er is al een vervolgplek gevraagd."),
    "not_staying": N_("Er verblijft hier nu niemand van deze aanvraag."),
    "not_blocked": N_("Het vertrek stokte al niet meer."),
    "not_placed_yet": N_("Er is nog geen plek. Verrekenen kan daarna."),
    "transfer_waits": N_("Er is al gevraagd of iemand dit overneemt."),
    "transfer_over": N_("Deze overdracht is al beantwoord of ingetrokken."),
    "offer_over": N_("Deze vraag is al afgelopen of beantwoord."),
    "already_answered": N_("Uw organisatie heeft al geantwoord."),
    "hold_gone": N_("De plek was niet meer vastgehouden."),
    "place_in_use": N_("Deze plek is in gebruik of vastgehouden."),
    "minor_alone": N_("Een minderjarige alleen komt nooit op een plek voor volwassenen. Bel de jeugdcrisisopvang."),
    "no_authority_reachable": N_("Er is nu niemand bereikbaar die hierover mag beslissen."),
    "no_duty_desk": N_("Er is geen piketdienst ingericht. Bel het landelijke loket."),
    "already_released": N_("Het adres is al aan een collega vrijgegeven."),
    "not_expected_any_more": N_("Het adres is na aankomst weer verzegeld."),
    "password_needed": N_("Geef voor het adres eerst uw wachtwoord opnieuw."),
    "already_claimed": N_("Een collega heeft dit alarm al op zich genomen."),
    "not_on_shift": N_("U bent niet in dienst. Begin eerst uw dienst."),
    "somebody_was_first": N_("Iemand was u net voor. Bekijk de nieuwe stand."),
    "idempotency_key_reused": N_("Dit formulier was al verstuurd. Open het opnieuw."),
    "invalid": N_("Er klopt iets niet in wat u invulde. Er is niets gewijzigd."),
    "role_may_not": N_("Uw rol mag dit niet."),
    "shift_already_started": N_("Uw dienst was al begonnen."),
}


def flash_kind(code: str) -> str:
    """ok for what was done, warning for what was refused."""
    return "ok" if code in DONE else "warning"


def flash_text(words: Words, code: str) -> str:
    """The words of a code, or nothing for a code we do not know: it comes out of a cookie."""
    if code.startswith("reason."):
        code = "no_longer_fits"
    found = DONE.get(code) or REFUSED.get(code)
    return words.gettext(found) if found else ""
