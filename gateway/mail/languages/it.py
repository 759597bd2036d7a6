"""Italian."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="it",
    sender="da | mittente",
    date="inviato | data | inviato il | inviata | data invio | spedito",
    to="a | destinatario | per",
    cc="cc | ccn | copia | in copia | p.c.",
    subject="oggetto",
    other="priorità | allegati | allegato | importanza | rispondi a | risposta | organizzazione",
    wrote="ha scritto | scritto | scrisse | ha scritto quanto segue | scrive",
    wrote_then_name="ha scritto | ha scritto:",
    starts="il | il giorno | in data | alle | nel messaggio | il giorno mercoledì",
    no_author="come | quello che | che | quando | ieri",
    cites="citazione di | quoting | citando",
    original="""
        messaggio originale | messaggio originario | messaggio di origine | mail originale | messaggio iniziale |
        messaggio precedente
        """,
    forwarded="""
        messaggio inoltrato | inizio messaggio inoltrato | inizio del messaggio inoltrato | inoltrato messaggio |
        mail inoltrata
        """,
    forwarded_by="inoltrato da",
    reply_above="rispondi sopra questa riga | rispondere sopra questa linea",
    reply_prefix="r | re | rif | ris",
    forward_prefix="i | inol | fw | inoltro",
    sent_from="""
        inviato da | inviato dal | inviato con | inviato tramite | scarica outlook per | ottieni outlook per |
        inviato dall | inviata da | inviato via
        """,
    sign_off="""
        cordiali saluti | distinti saluti | saluti | un saluto | cordialmente | buona giornata |
        in attesa di riscontro | con i migliori saluti | un cordiale saluto | cordiali saluti. | migliori saluti |
        a presto | i migliori saluti | grazie e saluti | grazie e cordiali saluti
        """,
    thanks="grazie | grazie mille | ringrazio | ringraziando",
    contact="""
        telefono | tel | cell | cellulare | mobile | fax | e-mail | email | indirizzo | sito | p.iva | p. iva |
        pec | web | mob | via
        """,
    disclaimer="""
        !prima di stampare | riservate | riservato | confidenziale | destinatario | destinatari | per errore |
        cancellare | mittente | non autorizzata | vietata | regolamento ue | d.lgs | privacy | prima di stampare |
        privo di virus | allegati | distruggere
        """,
)
