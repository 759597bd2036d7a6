"""Swedish."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="sv",
    sender="från | avsändare",
    date="skickat | datum | skickad | skickades | sänt",
    to="till | mottagare",
    cc="kopia | cc | hemlig kopia | kopia till",
    subject="ämne | rubrik",
    other="prioritet | bifogade filer | bilagor | bilaga | svara till | svar till | angelägenhetsgrad",
    wrote="skrev | skrev följande | har skrivit",
    wrote_then_name="skrev",
    starts="den | på | kl | mån | tis | ons | tors | fre | lör | sön",
    no_author="som | vad | att | när | igår",
    cites="citerar | quoting",
    original="""
        ursprungligt meddelande | originalmeddelande | ursprungligt brev | ursprungligt mail | ursprungligt mejl |
        originalmeddelande från
        """,
    forwarded="""
        vidarebefordrat meddelande | vidarebefordrat mejl | vidarebefordrat brev | vidarebefordrat mail |
        vidaresänt meddelande | börja vidarebefordrat meddelande | början på vidarebefordrat meddelande
        """,
    forwarded_by="vidarebefordrat av",
    reply_above="svara ovanför denna rad | skriv ditt svar ovanför den här raden",
    reply_prefix="sv | re",
    forward_prefix="vb | vs | fw",
    sent_from="""
        skickat från | skickades från | hämta outlook för | skickat med | sänt från | skickat via | skickades med |
        ladda ned outlook för
        """,
    sign_off="""
        med vänliga hälsningar | vänliga hälsningar | mvh | hälsningar | med vänlig hälsning | bästa hälsningar |
        hälsning | vänlig hälsning | vänligen | /mvh | med hälsningar | tack och hälsningar
        """,
    thanks="tack | tack på förhand | tack så mycket",
    contact="telefon | tel | mobil | fax | e-post | adress | webb | växel | direkt | org.nr | hemsida | besöksadress",
    disclaimer="""
        !innan du skriver ut | konfidentiell | konfidentiellt | avsedd för | avsett för | mottagare | av misstag |
        radera | avsändaren | obehörig | bilagor | virusfri
        """,
)
