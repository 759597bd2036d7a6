"""Czech."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="cs",
    sender="od | odesílatel",
    date="odesláno | datum | odeslané",
    to="komu | příjemce",
    cc="kopie | cc | skrytá kopie",
    subject="předmět",
    other="přílohy | důležitost | odpověď na | odpovědět",
    wrote="napsal | napsala | napsal(a) | napsal/a | píše",
    wrote_then_name="napsal | napsala",
    starts="dne | v | po | út | st | čt | pá | so | ne",
    original="původní zpráva | původní e-mail | original message | původní email",
    forwarded="přeposlaná zpráva | předaná zpráva | začátek přeposílané zprávy | přeposlaný e-mail",
    forwarded_by="přeposlal",
    reply_prefix="re | odp | odpověď",
    forward_prefix="fw | přep",
    sent_from="odesláno z | odesláno ze | získat outlook pro | získejte outlook pro | posláno z",
    sign_off="""
        s pozdravem | s úctou | s přáním hezkého dne | zdravím | hezký den | pozdravem | děkuji a přeji hezký den
        """,
    thanks="děkuji | děkujeme",
    contact="tel | telefon | mobil | fax | e-mail | adresa | ičo | dič | web",
    disclaimer="důvěrné | důvěrný | adresát | omylem | smažte | odesílatele | neoprávněné",
)
