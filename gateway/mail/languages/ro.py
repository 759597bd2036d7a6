"""Romanian."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="ro",
    sender="de la | expeditor | expeditorul",
    date="trimis | data | dată | trimis la",
    to="către | la | destinatar | destinatarul",
    cc="cc | cci | copie",
    subject="subiect | subiectul",
    other="atașamente | importanță | răspuns către | fișiere atașate",
    wrote="a scris | scris",
    wrote_then_name="a scris",
    starts="pe | în | la | în data de | mar. | lun. | mie. | joi | vin. | sâm. | dum. | pe data de",
    original="mesaj original | mesajul original | mesaj inițial",
    forwarded="mesaj redirecționat | începe mesajul redirecționat | mesaj transmis mai departe | mesaj reexpediat",
    reply_prefix="re | răsp",
    forward_prefix="fw | redir",
    sent_from="trimis de pe | trimis din | obțineți outlook pentru | trimis cu",
    sign_off="cu stimă | cu respect | cele bune | toate cele bune | o zi bună | cu drag",
    thanks="mulțumesc | mulțumim | vă mulțumesc",
    contact="telefon | tel | mobil | fax | e-mail | adresă",
    disclaimer="confidențial | destinatar | din greșeală | ștergeți | expeditorul",
)
