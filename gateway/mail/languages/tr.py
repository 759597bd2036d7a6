"""Turkish."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="tr",
    sender="kimden | gönderen | kimden (from)",
    date="gönderildi | tarih | gönderilme tarihi | gönderilen | gönderme tarihi | gönderim tarihi",
    to="kime | alıcı | alıcılar",
    cc="bilgi | cc | bcc | gizli | kopya",
    subject="konu | başlık",
    other="önem | ekler | ek | yanıt adresi | yanıtla | öncelik",
    wrote="yazdı | şunu yazdı | şunları yazdı | yazmış | yazdi | tarihinde yazdı",
    starts="tarihinde | saat",
    no_author="dün | bugün",
    original="""
        özgün ileti | orijinal mesaj | orijinal ileti | asıl ileti | özgün mesaj | orjinal mesaj | asıl mesaj |
        orijinal e-posta | alıntı
        """,
    forwarded="""
        iletilen mesaj | iletilmiş mesaj | yönlendirilen mesaj | iletilen ileti | iletilmiş ileti |
        ileti başlangıcı | yönlendirilen ileti | yönlendirilmiş ileti | yönlendirilmiş mesaj | iletilen e-posta |
        iletinin başlangıcı
        """,
    forwarded_by="ileten",
    reply_above="lütfen bu satırın üstüne yanıt verin | bu satırın üzerine yanıt verin",
    reply_prefix="ynt | yan | cvp | re",
    forward_prefix="ilt | i̇lt | fw",
    sent_from="""
        iphone'umdan gönderildi | ipad'imden gönderildi | …'umdan gönderildi | …'imden gönderildi |
        …cihazımdan gönderildi | …telefonumdan gönderildi | …'den gönderildi | …'dan gönderildi |
        …mail'den gönderildi | ios için outlook…edinin | android için outlook…edinin | outlook…edinin |
        …posta ile gönderildi
        """,
    sign_off="""
        saygılarımla | iyi çalışmalar | saygılar | iyi günler | selamlar | sevgiler | kolay gelsin |
        saygılarımızla | bilgilerinize | iyi çalışmalar dilerim | iyi günler dilerim | teşekkür ve saygılarımla
        """,
    thanks="teşekkürler | teşekkür ederim | şimdiden teşekkürler",
    contact="telefon | tel | cep | gsm | faks | e-posta | adres | web | mobil | vergi no | fax",
    disclaimer="""
        gizli | gizlidir | alıcı | yanlışlıkla | siliniz | gönderen | yetkisiz | yasaktır | sorumluluk reddi |
        ekleri | virüs
        """,
)
