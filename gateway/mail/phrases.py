"""The words mail clients put around what people write: attributions, header blocks, separators, mobile signatures.

Data only. Everything is lower case and NFC. Header labels are written without blanks, because clients pad them
("主　题", "Đã gửi :").
"""

from __future__ import annotations

CUT_MARK = "=#=#="
"""Begins the line above which an answer is written, in notifications of our own."""


def _each(text: str) -> tuple[str, ...]:
    """Phrases between bars; "_" stands for a blank that counts."""
    return tuple(phrase.strip().replace("_", " ") for phrase in text.split("|"))


# verbs of attribution lines: "On … wrote:", "Vào … đã viết:", "… 写道：", "Am … schrieb …:"
ATTRIBUTION_VERBS = _each(
    """
    wrote | writes | đã viết | viết | 写道 | 寫道 | 编写 | 來信 | a écrit | écrit | schrieb | geschrieben |
    escribió | ha escrito | va escriure | escreveu | ha scritto | scritto | schreef | geschreven | napisał |
    napisała | napisał(a) | pisze | написал | написала | написал(а) | пишет | skrev | kirjoitti | yazdı | napsal |
    napsal(a) | napsala | のメール | のメッセージ | 書きました | 작성 | menulis | เขียน | έγραψε
    """
)

# first words of attribution lines; dates in figures are recognised as well
ATTRIBUTION_STARTS = _each(
    """
    on_ | vào_ | ngày_ | lúc_ | 在_ | 在2 | 于_ | le_ | am_ | el_ | em_ | il_ | op_ | w dniu_ | dnia_ | den_ |
    på_ | at_ | pada_ | tarihinde_ | в_ | dne_ | ----_ | a message dated | in a message dated
    """
)

_LABELS_BY_KIND = {
    "from": """
        from | từ | ngườigửi | von | de | da | van | od | от | från | fra | kimden | gönderen | 发件人 | 发信人 |
        寄件者 | 寄件人 | 發件人 | 差出人 | 送信者 | 보낸사람 | 보낸이 | expéditeur | remitente | mittente |
        dari | nadawca | lähettäjä | afzender
        """,
    "date": """
        sent | date | đãgửi | gửi | gửilúc | ngày | ngàygửi | thờigiangửi | thờigian | gesendet | datum | envoyé |
        enviado | enviadoel | enviadaem | enviadoem | fecha | data | inviato | verzonden | wysłano | отправлено |
        дата | skickat | sendt | tarih | gönderilmetarihi | gönderildi | 发送时间 | 发件时间 | 日期 | 发送日期 |
        寄件日期 | 傳送時間 | 时间 | 送信日時 | 日時 | 日付 | 보낸날짜 | 날짜 | 보낸시간 | sentat | senton |
        senttime | sendtime | datesent | tanggal | lähetetty | dikirim
        """,
    "to": """
        to | đến | tới | ngườinhận | gửitới | gửiđến | an | à | para | a | aan | naar | do | кому | till | til |
        kime | alıcı | 收件人 | 收信人 | 收件者 | 宛先 | 받는사람 | 받는이 | destinataire | destinatario |
        kepada | vastaanottaja
        """,
    "cc": """
        cc | bcc | 抄送 | 副本 | 密送 | kopie | копия | kopia | dw | bilgi | 참조 | đồnggửi | đồngkínhgửi |
        copieà | copia
        """,
    "subject": """
        subject | chủđề | tiêuđề | vềviệc | betreff | objet | asunto | assunto | oggetto | onderwerp | temat |
        тема | ämne | emne | konu | 主题 | 主旨 | 主題 | 标题 | 件名 | 제목 | perihal | aihe
        """,
    "other": """
        reply-to | replyto | importance | priority | attachments | attachment | tệpđínhkèm | đínhkèm |
        mứcđộquantrọng | trảlờitới | 附件 | 重要性 | 回复至 | 答复 | wichtigkeit | anlagen
        """,
}
LABELS = {label: kind for kind, labels in _LABELS_BY_KIND.items() for label in _each(labels)}

ORIGINAL = frozenset(
    _each(
        """
        alkuperäinen viesti | bản gốc | email gốc | mensagem original | mensaje original | message d'origine |
        message d’origine | message initial | message original | messaggio originale | oorspronkelijk bericht |
        opprinnelig melding | oprindelig meddelelse | original appointment | original email | original | original mail |
        original message | original message follows | originalmeddelande | originalnachricht | orijinal mesaj |
        oryginalna wiadomość | pesan asli | replied message | reply message | thông điệp gốc | thư ban đầu |
        thư gốc | thư trả lời gốc | tin nhắn gốc | ursprungligt meddelande | ursprüngliche nachricht |
        wiadomość oryginalna | özgün ileti | исходное сообщение | оригинальное сообщение | 元のメッセージ |
        原始信件 | 原始訊息 | 原始邮件 | 原始郵件 | 原文 | 原邮件 | 回复的原邮件 | 回复的邮件 | 回复邮件 |
        回覆的原郵件 | 答复邮件 | 邮件原件 | 원본 메시지 | 원본 메일 | 원본메일
        """
    )
)

FORWARDED = frozenset(
    _each(
        """
        anfang der weitergeleiteten nachricht | begin forwarded message | bắt đầu thư chuyển tiếp |
        bắt đầu thư được chuyển tiếp | chuyển tiếp thư | doorgestuurd bericht | début du message transféré |
        forwarded by | forwarded email | forwarded mail | forwarded message | iletilen mesaj |
        mensagem encaminhada | mensaje reenviado | message transféré | messaggio inoltrato | pesan terusan |
        przekazana wiadomość | thông điệp chuyển tiếp | thư chuyển tiếp | thư đã chuyển tiếp |
        thư được chuyển tiếp | tin nhắn chuyển tiếp | tin nhắn đã chuyển tiếp | vidarebefordrat meddelande |
        weitergeleitete nachricht | yönlendirilen mesaj | пересылаемое сообщение | 下面是被转发的邮件 |
        已转发的邮件 | 开始转发的邮件 | 転送されたメッセージ | 転送メッセージ | 轉寄的郵件 | 轉寄郵件 |
        转发的消息 | 转发的邮件 | 转发邮件 | 转发邮件信息 | 전달된 메시지
        """
    )
)

# first prefix of a forward's subject, before ":" or "："
FORWARD_PREFIXES = frozenset(
    _each(
        """
        chuyển tiếp | ct | doorst | enc | fw | fwd | i | ilt | pd | rv | tr | vb | vl | wg | пересл |
        転送 | 轉寄 | 转 | 转发 | 전달
        """
    )
)

# subject prefixes of answers
REPLY_PREFIXES = frozenset(
    _each(
        """
        re | r | aw | sv | antw | ref | rép | rif | odp | ynt | vs | 回复 | 答复 | 回覆 | 回信 | 返信 | 답장 | trả lời |
        tl | res | ha
        """
    )
)

# whole last lines that a phone or an app adds
MOBILE_SIGNATURES = (
    r"sent from (?:my |yahoo |outlook|mail for |proton|gmail|the all new|samsung)",
    r"sent (?:with|via|using) (?:proton|airmail|spark|outlook|superhuman|boxer|k-9|bluemail|mailspring)",
    r"get outlook for",
    r"(?:đã )?(?:được )?gửi từ (?:iphone|ipad|điện thoại|thiết bị|gmail|outlook|yahoo|samsung|android|mail|máy)",
    r"(?:tải|nhận|lấy) outlook cho",
    r"(?:发自|發自|来自|從|从)\s?(?:我的|iphone|ipad|华为|小米|网易|qq邮箱|foxmail|outlook)",
    r"从我的.{1,20}发送",
    r"(?:获取|下载|取得) ?outlook",
    r"von meinem .{1,30} gesendet",
    r"envoyé de(?:puis)? mon",
    r"enviado (?:desde mi|do meu|de meu|de mi)",
    r"inviato da(?:l mio)? ",
    r"verzonden vanaf mijn",
    r"wysłane z ",
    r"отправлено (?:с|из) ",
    r"skickat från min",
    r"iphoneから送信",
    r"(?:내|나의) .{1,20}에서 보냄",
)
