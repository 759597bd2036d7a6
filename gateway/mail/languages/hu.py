"""Hungarian."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="hu",
    sender="feladó",
    date="elküldve | dátum | küldve",
    to="címzett",
    cc="másolat | másolatot kap | cc | titkos másolat",
    subject="tárgy",
    other="mellékletek | fontosság | válaszcím",
    wrote="ezt írta | írta | következőt írta | a következőt írta | ezt írta (időpont | ezt írta:",
    wrote_then_name="ezt írta | írta",
    starts="on",
    original="eredeti üzenet | eredeti levél",
    forwarded="továbbított üzenet | továbbított levél | továbbított levél kezdete | továbbított üzenet kezdete",
    reply_prefix="vá | re | válasz",
    forward_prefix="továbbítás | tov | fw",
    sent_from="elküldve az | küldve a | iphone-ról küldve | ipad-ről küldve",
    sign_off="üdvözlettel | tisztelettel | üdv | szép napot",
    thanks="köszönettel | köszönöm",
    contact="telefon | tel | mobil | fax | e-mail | cím",
    disclaimer="bizalmas | címzett | tévedésből | törölje | feladót",
)
