"""Dutch."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="nl",
    sender="van | afzender",
    date="verzonden | datum | verstuurd | verzonden op | verzenddatum",
    to="aan | naar | ontvanger",
    cc="cc | kopie | kopie aan | bcc",
    subject="onderwerp",
    other="belang | urgentie | bijlagen | bijlage | antwoord aan | beantwoorden - aan | organisatie | prioriteit",
    wrote="schreef | geschreven | het volgende geschreven | heeft geschreven | schreef het volgende",
    wrote_then_name="schreef",
    starts="op | in het bericht",
    no_author="zoals | wat | dat | toen | gisteren",
    cites="citeren | quoting | citeert",
    original="""
        oorspronkelijk bericht | origineel bericht | oorspronkelijke bericht | oorspronkelijke mail |
        oorspronkelijke e-mail | originele bericht
        """,
    forwarded="""
        doorgestuurd bericht | begin doorgestuurd bericht | doorgezonden bericht | doorgestuurde mail |
        begin van doorgestuurd bericht | doorgestuurde e-mail
        """,
    forwarded_by="doorgestuurd door",
    reply_above="antwoord boven deze lijn | reageer boven deze regel",
    reply_prefix="antw | re | betr",
    forward_prefix="doorst | fw | vs",
    sent_from="""
        verzonden vanaf | verstuurd vanaf | verzonden met | verstuurd met | verzonden via | download outlook voor |
        verzonden vanuit | verstuurd vanuit | verstuurd via | ontvang outlook voor | verstuurd van mijn |
        outlook voor…downloaden
        """,
    sign_off="""
        met vriendelijke groet | met vriendelijke groeten | vriendelijke groet | vriendelijke groeten | mvg |
        groet | groeten | hartelijke groet | hartelijke groeten | hoogachtend | mvrgr | m.vr.gr | met groet | gr |
        met hartelijke groet
        """,
    thanks="bedankt | alvast bedankt | dank u wel | dank je wel | alvast dank",
    contact="telefoon | tel | mobiel | fax | e-mail | adres | website | kvk | btw | m | t | gsm | web",
    disclaimer="""
        !voordat u deze e-mail print | !denk aan het milieu | vertrouwelijk | geadresseerde | ten onrechte |
        per abuis | verwijderen | afzender | ontvanger | niet toegestaan | bestemd voor | virusvrij |
        openbaarmaking | alvorens | bijlagen
        """,
)
