"""French."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="fr",
    sender="de | expéditeur | de la part de",
    date="envoyé | date | envoyé le | le | date d'envoi | envoyée | envoyé à",
    to="à | a | pour | destinataire | destinataires",
    cc="cc | cci | copie à | copie | copie cachée à | cc :",
    subject="objet | sujet",
    other="pièces jointes | pièce jointe | importance | répondre à | organisation | pj",
    wrote="a écrit | écrit | écrivait | a ecrit | nous a dit | a dit",
    wrote_then_name="a écrit",
    starts="le | en date du | en date de | dans le message",
    no_author="comme | ce que | que | quand | hier",
    cites="citation de | selon",
    original="""
        message d'origine | message d’origine | message initial | message original | message d'origine de |
        courriel original | e-mail d'origine | mail original | message précédent | message de départ
        """,
    forwarded="""
        message transféré | début du message transféré | début du message réexpédié | message transmis |
        courriel transféré | message réacheminé | message réexpédié | début du message transmis | mail transféré
        """,
    forwarded_by="transféré par | réacheminé par | transmis par | réexpédié par",
    reply_above="répondre au-dessus de cette ligne | veuillez répondre au-dessus de cette ligne",
    reply_prefix="ré | re | rép",
    forward_prefix="tr | fw | transf | trans",
    sent_from="""
        envoyé de mon | envoyé depuis | envoyé à partir de | envoyé avec | envoyé par mon |
        télécharger outlook pour | obtenir outlook pour | obtenez outlook pour | envoyé d'un |
        provenance : courrier pour windows | envoyé via | envoyé de l'application | envoyé à partir d'
        """,
    sign_off="""
        cordialement | bien cordialement | bien à vous | salutations | meilleures salutations |
        sincères salutations | amicalement | cdlt | bonne journée | bonne réception | respectueusement |
        très cordialement | cordialement vôtre | sincèrement | à bientôt | bonne soirée | bien sincèrement |
        salutations distinguées | cdt | meilleures salutations. | merci et bonne journée
        """,
    thanks="merci | merci d'avance | merci beaucoup",
    contact="""
        tél | tel | téléphone | mobile | portable | port | fax | courriel | mail | site | adresse | ligne directe |
        gsm | e-mail | télécopie
        """,
    disclaimer="""
        !avant d'imprimer | confidentiel | confidentielle | destinataire | par erreur | supprimer | détruire |
        l'expéditeur | non autorisée | strictement interdite | pièces jointes | avant d'imprimer | sans virus |
        usage exclusif | divulgation | n'imprimez
        """,
)
