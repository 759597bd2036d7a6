"""Portuguese, of Brazil and Portugal."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="pt",
    sender="de | remetente",
    date="enviado | enviada | enviado em | enviada em | data | enviadas | data de envio | enviado a",
    to="para | destinatário | destinatários | a",
    cc="cc | cco | com cópia | cópia | bcc",
    subject="assunto",
    other="importância | anexos | anexo | responder a | responder para | prioridade | organização",
    wrote="escreveu | escreveu o seguinte | escreve | disse",
    wrote_then_name="escreveu",
    starts="em | no dia | a | às | no | na | at",
    no_author="como | o que | que | quando | ontem",
    cites="citando | quoting",
    original="""
        mensagem original | mensagem de origem | e-mail original | mensagem anterior | email original |
        mensagem inicial
        """,
    forwarded="""
        mensagem encaminhada | mensagem reencaminhada | início da mensagem encaminhada |
        início da mensagem reencaminhada | e-mail encaminhado | email encaminhado |
        início da mensagem redirecionada | mensagem encaminhada de
        """,
    forwarded_by="encaminhado por | reencaminhado por",
    reply_above="responda acima desta linha | por favor, responda acima desta linha",
    reply_prefix="re | res | resp",
    forward_prefix="enc | encam | fw | reenc",
    sent_from="""
        enviado do meu | enviado de meu | enviado a partir | enviado pelo | enviado por meu | enviado do |
        enviado via | obter o outlook para | obtenha o outlook para | baixar o outlook para | enviada do meu |
        enviado com | enviado da minha | obter outlook para | enviado do correio para windows | enviado do outlook
        """,
    sign_off="""
        atenciosamente | cumprimentos | com os melhores cumprimentos | melhores cumprimentos | att | abraços |
        abraço | cordialmente | saudações | atentamente | com os melhores cumprimentos, | att. | respeitosamente |
        um abraço | abs | obrigado e cumprimentos
        """,
    thanks="""
        obrigado | obrigada | grato | grata | muito obrigado | muito obrigada | desde já agradeço |
        obrigado desde já | agradeço desde já
        """,
    contact="""
        telefone | tel | telemóvel | celular | cel | fax | e-mail | email | endereço | morada | site | fone |
        ramal | whatsapp | tlm | web
        """,
    disclaimer="""
        !antes de imprimir | confidencial | confidenciais | destinatário | por engano | por erro | elimine |
        apague | notifique | remetente | não autorizada | proibida | antes de imprimir | anexos | divulgação |
        sem vírus
        """,
)
