"""Danish."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="da",
    sender="fra | afsender",
    date="sendt | dato | sendt den",
    to="til | modtager",
    cc="cc | kopi | bcc",
    subject="emne",
    other="vedhæftede filer | prioritet | svar til | vedhæftet",
    wrote="skrev | skrev følgende | har skrevet",
    wrote_then_name="skrev",
    starts="den | d. | man | tir | ons | tor | fre | lør | søn | på",
    original="oprindelig meddelelse | oprindelig besked | original meddelelse | oprindelig mail",
    forwarded="videresendt meddelelse | videresendt besked | start på videresendt besked | begynd videresendt besked",
    forwarded_by="videresendt af",
    reply_prefix="sv | re | svar",
    forward_prefix="vs | fw | videresend",
    sent_from="sendt fra | hent outlook til | få outlook til | sendt med | sendt via",
    sign_off="""
        med venlig hilsen | venlig hilsen | mvh | hilsen | bedste hilsner | de bedste hilsner | mange hilsner | vh |
        dbh
        """,
    thanks="tak | på forhånd tak",
    contact="telefon | tlf | mobil | fax | e-mail | adresse | cvr | direkte",
    disclaimer="fortrolig | fortrolige | modtager | ved en fejl | slette | slet | afsenderen | uvedkommende",
)
