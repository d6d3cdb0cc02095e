"""What to tell a person after a change: the words for every code of success and refusal."""

from web.words import N_, Words

DONE: dict[str, str] = {
    "request_sent": N_("De aanvraag is binnen. Voorstellen verschijnen hieronder vanzelf."),
    "request_sent_minor": N_("De aanvraag is binnen. Bel nu: voor een minderjarige alleen zoeken we geen plek."),
    "request_sent_followed": N_("De aanvraag is binnen bij de piketdienst. Hier ziet u hoe het gaat."),
    "group_sent": N_("De aanvragen van de groep zijn binnen. Voorstellen verschijnen vanzelf."),
    "group_asked": N_("De plekken zijn vastgehouden en gevraagd. U ziet de antwoorden hier vanzelf."),
    "group_changed": N_("Opgeslagen. We zoeken opnieuw."),
    "marked": N_("Het kenmerk is gemaakt. Wat u typte, is niet bewaard."),
    "repeat_ended": N_("Vastgelegd."),
    "pre_alert_announced": N_("De piketdienst ziet deze controle nu staan."),
    "pre_alert_withdrawn": N_("De controle staat er niet meer."),
    "request_amended": N_("De aanvraag is bijgewerkt. We zoeken opnieuw."),
    "request_closed": N_("De aanvraag is afgesloten."),
    "offer_sent": N_("De plek is vastgehouden en gevraagd. U ziet het antwoord hier vanzelf."),
    "offers_sent": N_("De plekken zijn vastgehouden en gevraagd. Wie het eerst ja zegt, wordt het."),
    "offers_partly_sent": N_("Niet elke plek kon nog gevraagd worden. De andere zijn vastgehouden en gevraagd."),
    "offer_extended": N_("De plek wordt langer vastgehouden. De ander ziet dat ook."),
    "approved": N_("Uw oordeel is vastgelegd."),
    "consent_given": N_("Uw ja vooraf is vastgelegd. U kunt het altijd intrekken."),
    "consent_revoked": N_("Uw ja vooraf is ingetrokken. Vanaf nu wordt u elke keer gevraagd."),
    "decline_corrected": N_("De afwijzing is herzien. Wat er eerst stond, blijft bewaard."),
    "placed_in_crisis": N_("Geplaatst. Wie nog niet antwoordde, krijgt de vraag om achteraf te oordelen."),
    "offer_withdrawn": N_("De vraag is ingetrokken. De plek is weer vrij."),
    "offer_accepted": N_("U heeft ja gezegd. De aanvrager krijgt bericht."),
    "offer_declined": N_("U heeft nee gezegd. De plek is weer vrij en er wordt meteen verder gezocht."),
    "arrived": N_("De aankomst is vastgelegd."),
    "not_arrived": N_("Vastgelegd dat niemand kwam. De plek is vrij en de aanvraag staat weer open."),
    "departed": N_("Het vertrek is vastgelegd. De plek is weer vrij."),
    "confirmed": N_("Bedankt. Deze plekken staan als net gecontroleerd."),
    "place_closed": N_("De plek staat buiten gebruik."),
    "place_reopened": N_("De plek is weer in gebruik."),
    "place_occupied": N_("De plek staat als bezet."),
    "closure_moved": N_("De plek blijft buiten gebruik; de verwachte dag is bewaard."),
    "departure_expected": N_("Het verwachte vertrek is bewaard."),
    "intake_hours_set": N_("De opnametijd is bewaard."),
    "rule_kept": N_("De regel blijft zoals hij is."),
    "asked_all": N_("De vraag is verstuurd. Antwoorden komen hier vanzelf binnen."),
    "asked_some": N_("De vraag is verstuurd, behalve aan wie net al gevraagd is of geen postbus heeft."),
    "criterion_added": N_("Het onderwerp staat op de lijst. Elke opvang heeft het nog te beantwoorden."),
    "criterion_kept": N_("De lijst is bijgewerkt."),
    "paused": N_("De opname staat op pauze."),
    "resumed": N_("De opname is weer open."),
    "rule_set": N_("De toelatingsregel is opgeslagen."),
    "address_set": N_("Het adres is verzegeld opgeslagen."),
    "shift_started": N_("Uw dienst is begonnen."),
    "shift_ended": N_("Uw dienst is beëindigd."),
    "alarm_claimed": N_("U heeft dit alarm op u genomen."),
}

REFUSED: dict[str, str] = {
    "asked_nobody": N_("Er ging geen bericht uit: zij zijn net al gevraagd, of hebben geen postbus. Bel hen."),
    "criterion_exists": N_("Dit onderwerp staat al op de lijst, of stond er eerder op. Zet het terug."),
    "list_full": N_("De lijst is vol. Haal eerst een onderwerp weg dat niemand meer gebruikt."),
    "nobody_chosen": N_("U heeft niemand aangekruist."),
    "places_taken": N_("Iemand was u net voor: deze plek is zojuist bezet. Hieronder staat het volgende voorstel."),
    "no_longer_fits": N_("Deze plek past niet meer bij de aanvraag. Er wordt opnieuw gezocht."),
    "phone_first": N_("Het is te lang geleden dat deze plek is gecontroleerd. Bel eerst, en kies dan opnieuw."),
    "nothing_to_ask": N_("Er is nu voor niemand van de groep een plek om te vragen. We blijven zoeken."),
    "too_many_marks": N_("U maakte vandaag al veel kenmerken. Bel het landelijk loket als u er meer nodig heeft."),
    "asked_enough": N_("Zo veel plekken tegelijk vragen mag niet. Trek eerst een vraag in, of wacht op antwoord."),
    "already_asked": N_("Deze opvang is al gevraagd. Wacht op het antwoord."),
    "extended_enough": N_("Langer vasthouden kan niet meer. Bel de opvang, of kies een andere plek."),
    "no_crisis_path": N_("Plaatsen met goedkeuring achteraf mag hier niet, of nu nog niet."),
    "spoken_yes_first": N_("Zonder een ja van de opvang zelf gaat het niet. Bel, en vink dat aan."),
    "no_consent": N_("Er stond geen ja vooraf meer."),
    "choose_places": N_("Vink eerst de plekken aan die u wilt vragen."),
    "not_waiting": N_("Deze aanvraag wacht niet meer op een plek."),
    "request_moved_on": N_("De aanvraag is intussen veranderd. Bekijk de nieuwe stand."),
    "changed_meanwhile": N_("Iemand heeft dit intussen gewijzigd. Bekijk de nieuwe stand en probeer het opnieuw."),
    "offer_or_stay_in_the_way": N_("Er staat nog een vraag of een plaatsing open. Rond die eerst af."),
    "already_closed": N_("Dit was al afgesloten."),
    "not_closed": N_("Deze plek was niet buiten gebruik."),
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
