"""German."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="de",
    sender="von | absender",
    date="gesendet | datum | gesendet am | gesendet um | versendet | verschickt | zeit",
    to="an | empfänger",
    cc="kopie | kopie (cc) | blindkopie | cc | bcc | kopie an",
    subject="betreff",
    other="""
        wichtigkeit | anlagen | anlage | anhang | anhänge | antwort an | organisation | priorität | vertraulichkeit
        """,
    wrote="""
        geschrieben | schrieb | schrieb folgendes | hat geschrieben | schrieben sie | meinte |
        hat folgendes geschrieben
        """,
    wrote_then_name="schrieb | schrieben",
    starts="am | um | in der nachricht",
    no_author="wie | was | dass | als | weil | heute | gestern",
    cites="zitat von | zitat | zitiere",
    original="""
        ursprüngliche nachricht | originalnachricht | original-nachricht | ursprüngliche mail | original nachricht |
        ursprünglicher termin | originalmail | ursprüngliche e-mail | urspr. nachricht | originale nachricht |
        original-mail | ursprungsnachricht | ursprüngliche nachricht von
        """,
    forwarded="""
        weitergeleitete nachricht | anfang der weitergeleiteten nachricht | anfang der weitergeleiteten e-mail |
        weitergeleitete e-mail | weitergeleitete mail | beginn der weitergeleiteten nachricht |
        weitergeleitete originalnachricht
        """,
    forwarded_by="weitergeleitet von",
    reply_above="""
        bitte oberhalb dieser linie antworten | antworten sie oberhalb dieser zeile | über dieser linie antworten
        """,
    reply_prefix="aw | antw | antwort",
    forward_prefix="wg | wtr | weitergeleitet | wl",
    sent_from="""
        von meinem…gesendet | gesendet von | gesendet mit der | gesendet mit | gesendet über |
        diese nachricht wurde von meinem | holen sie sich outlook für | von unterwegs gesendet |
        vom iphone gesendet | von iphone gesendet | gesendet aus der | diese nachricht wurde mit | gesendet vom |
        von outlook für | mobil gesendet | outlook für…beziehen | outlook für…herunterladen | von…gesendet
        """,
    sign_off="""
        mit freundlichen grüßen | mit freundlichem gruß | mfg | viele grüße | beste grüße | freundliche grüße |
        liebe grüße | mit besten grüßen | herzliche grüße | schöne grüße | gruß | grüße | freundlicher gruß | lg |
        vg | mit freundlichen gruessen | hochachtungsvoll | bg | mit freundlichen grüssen | freundliche grüsse |
        beste grüsse | viele liebe grüße | i.a. | i. a. | danke und gruß | vielen dank und freundliche grüße
        """,
    thanks="vielen dank | besten dank | danke | herzlichen dank | vielen dank im voraus",
    contact="""
        telefon | tel | mobil | handy | fax | telefax | e-mail | durchwahl | internet | web | büro | adresse |
        mobilnr | fon
        """,
    disclaimer="""
        !bevor sie diese e-mail ausdrucken | !bevor sie diese mail drucken | !frei von viren | vertraulich |
        vertrauliche | rechtlich geschützt | irrtümlich | informieren sie | vernichten sie | absender | unbefugt |
        nicht der richtige adressat | geschäftsführer | handelsregister | amtsgericht | ust-idnr | ust-id | hrb |
        löschen sie | unerlaubte | empfänger | sitz der gesellschaft | registergericht | datenschutz | steuernummer
        """,
)
