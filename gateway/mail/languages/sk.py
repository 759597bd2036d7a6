"""Slovak."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="sk",
    sender="od | odosielateľ",
    date="odoslané | dátum",
    to="komu | pre | príjemca",
    cc="kópia | cc | skrytá kópia",
    subject="predmet",
    other="prílohy | dôležitosť | odpovedať | odpoveď pre",
    wrote="napísal | napísala | napísal(a) | napísal/a",
    wrote_then_name="napísal",
    starts="dňa | používateľ | po | ut | st | št | pi | so | ne",
    original="pôvodná správa | pôvodný e-mail",
    forwarded="preposlaná správa | začiatok preposlanej správy | preposlaná správa --- forwarded message",
    reply_prefix="re | odp",
    forward_prefix="fw",
    sent_from="odoslané z | odoslané zo | získať outlook pre | získajte outlook pre",
    sign_off="s pozdravom | s úctou | prajem pekný deň",
    thanks="ďakujem | ďakujeme",
    contact="tel | telefón | mobil | fax | e-mail | adresa",
    disclaimer="dôverné | adresát | omylom | vymažte | odosielateľa",
)
