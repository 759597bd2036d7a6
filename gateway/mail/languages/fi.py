"""Finnish."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="fi",
    sender="lähettäjä",
    date="lähetetty | päivämäärä | päiväys",
    to="vastaanottaja | kenelle",
    cc="kopio | cc | piilokopio",
    subject="aihe",
    other="liitteet | tärkeys | vastaus | vastausosoite",
    wrote="kirjoitti | kirjoitti seuraavaa | kirjoitti näin",
    wrote_then_name="kirjoitti",
    starts="ma | ti | ke | to | pe | la | su | on",
    original="alkuperäinen viesti | alkuperäinen sähköposti",
    forwarded="välitetty viesti | edelleenlähetetty viesti | välitetty viesti alkaa | välitetty viesti / fwd.msg",
    reply_prefix="vs | re | vast",
    forward_prefix="vl | fw",
    sent_from="""
        lähetetty…-laitteesta | lähetetty iphonesta | lähetetty ipadista | hanki outlook for | lähetetty outlook
        """,
    sign_off="ystävällisin terveisin | terveisin | yt | t | parhain terveisin | terv",
    thanks="kiitos | kiittäen",
    contact="puh | puhelin | gsm | faksi | sähköposti | osoite | matkapuhelin",
    disclaimer="luottamuksellinen | vastaanottaja | erehdyksessä | poista | lähettäjälle",
)
