"""Norwegian."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="nb",
    sender="fra | avsender",
    date="sendt | dato",
    to="til | mottaker",
    cc="kopi | cc | blindkopi",
    subject="emne",
    other="vedlegg | prioritet | svar til",
    wrote="skrev | skrev følgende | skrev følgende den",
    wrote_then_name="skrev",
    starts="den | på | man | tir | ons | tor | tors | fre | lør | søn",
    original="opprinnelig melding | original melding | opprinnelig e-post",
    forwarded="""
        videresendt melding | videresendt e-post | start på videresendt melding | begynnelse på videresendt melding
        """,
    forwarded_by="videresendt av",
    reply_prefix="sv | re | svar",
    forward_prefix="vs | fw | videresend",
    sent_from="sendt fra | få outlook for | hent outlook for | sendt med",
    sign_off="med vennlig hilsen | vennlig hilsen | mvh | hilsen | beste hilsen | med hilsen",
    thanks="takk | takk på forhånd",
    contact="telefon | tlf | mobil | faks | e-post | adresse | org.nr",
    disclaimer="konfidensiell | mottaker | ved en feil | slett | avsenderen | uvedkommende",
)
