"""Spanish."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="es",
    sender="de | remitente",
    date="enviado | enviado el | fecha | enviados | enviada | enviado a las | fecha de envío",
    to="para | a | destinatario | destinatarios",
    cc="cc | cco | con copia | copia",
    subject="asunto",
    other="importancia | datos adjuntos | adjuntos | archivos adjuntos | responder a | prioridad | organización",
    wrote="escribió | ha escrito | escribio | escribía | va escriure | dijo",
    wrote_then_name="escribió",
    starts="el | en | a las | con fecha | el día",
    no_author="como | lo que | que | cuando | ayer",
    cites="citando a | mensaje citado por | quoting",
    original="""
        mensaje original | correo original | mensaje original de | mensaje inicial | cita original |
        mensaje anterior
        """,
    forwarded="""
        mensaje reenviado | inicio del mensaje reenviado | correo reenviado | comienzo del mensaje reenviado |
        mensaje reenviado por | forwarded message
        """,
    forwarded_by="reenviado por",
    reply_above="""
        responda por encima de esta línea | responder encima de esta línea |
        por favor, responda por encima de esta línea
        """,
    reply_prefix="re | resp | rta",
    forward_prefix="rv | reenv | rf | fw",
    sent_from="""
        enviado desde | enviado con | obtener outlook para | obtenga outlook para | descargar outlook para |
        enviado por | mandado desde mi | enviado a través de
        """,
    sign_off="""
        saludos | un saludo | saludos cordiales | atentamente | cordialmente | un cordial saludo | atte |
        un abrazo | le saluda atentamente | reciba un cordial saludo | quedo atento | quedo a la espera |
        cordial saludo | atte. | gracias y saludos | muchas gracias y saludos
        """,
    thanks="muchas gracias | gracias | saludos y gracias | gracias de antemano | de antemano gracias",
    contact="""
        teléfono | tel | tfno | tlf | móvil | movil | celular | cel | fax | correo | dirección | web | e-mail |
        email | tf
        """,
    disclaimer="""
        !antes de imprimir | confidencial | destinatario | por error | elimine | elimínelo | notifique | remitente |
        no autorizada | prohibida | protección de datos | antes de imprimir | adjuntos | sin virus | divulgación |
        privilegiada
        """,
)
