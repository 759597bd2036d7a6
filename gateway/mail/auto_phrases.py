"""The words of automatic mail: subjects of absence notes, bounces and delays, as mail systems write them.

Data only; lower case, NFC. Languages: vi zh en ja ko de fr es pt ru nl it pl sv tr and a few more.
"""

from __future__ import annotations


def _each(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split("|"))


# a subject that begins "<phrase>:" is an automatic answer whoever sends it: only mail systems write these
PLAIN_PREFIXES = frozenset(
    _each(
        """
        automatic reply | auto: automatic reply | automated reply | automated response | automatic response |
        out of office autoreply | out of office auto-reply | out of office reply | out-of-office reply |
        out of office automatic reply | out-of-office autoreply | out of office response | trả lời tự động |
        thư trả lời tự động | tự động trả lời | phản hồi tự động | hồi đáp tự động | tự động phản hồi |
        thư tự động trả lời | thư phản hồi tự động | tra loi tu dong | tu dong tra loi | phan hoi tu dong |
        自动答复 | 自动回复 | 自動回覆 | 自動答覆 | 系统自动回复 | 自動回信 | 外出自动回复 | 休假自动回复 |
        自動応答 | 自動返信 | 자동 회신 | 자동 응답 | 자동회신 | 자동응답 | 부재중 자동 회신 | 부재 중 자동 회신 |
        automatische antwort | automatische abwesenheitsnotiz | abwesenheitsnotiz |
        automatische antwort (abwesenheit) | autom. antwort | réponse automatique | reponse automatique |
        réponse automatique d'absence | réponse d'absence du bureau | respuesta automática | respuesta automatica |
        respuesta de fuera de la oficina | resposta automática | resposta automatica |
        respuesta automática de ausencia | автоответ | автоматический ответ | автоматичний відповідь |
        автоматична відповідь | automatisch antwoord | automatisch antwoord bij afwezigheid | risposta automatica |
        risposta fuori sede | odpowiedź automatyczna | automatyczna odpowiedź | autosvar | automatiskt svar |
        automatisk svar | automaattinen vastaus | automatická odpověď | otomatik yanıt | otomatik cevap |
        balasan otomatis | ตอบกลับอัตโนมัติ
        """
    )
)

# these need any sign of automatic mail, or a text that speaks of absence
LIKELY_PREFIXES = frozenset(
    _each(
        """
        auto reply | auto-reply | autoreply | auto response | auto-response | autoresponse | vacation reply |
        vacation response | vacation autoreply | absence du bureau | afwezigheidsbericht | 自动应答 | 不在通知 |
        abwesenheitsbenachrichtigung
        """
    )
)

# these need a sign of an automatic answer, or a text that speaks of absence: people write about absence too
WEAK_PREFIXES = _each(
    """
    out of office | out of the office | out-of-office | ooo | away from office | away from the office |
    away from my mail | on vacation | on annual leave | on leave | vacation | i am away | i'm away | away |
    absence | holiday | vắng mặt | không có mặt tại văn phòng | đi vắng | nghỉ phép | thông báo vắng mặt |
    thông báo nghỉ phép | đang nghỉ phép | nghỉ lễ | vang mat | nghi phep | 不在办公室 | 外出 | 外出通知 | 休假 |
    休假通知 | 休假中 | 出差 | 假期 | 放假通知 | 不在辦公室 | 外出中 | 不在 | 不在のお知らせ | 休暇 | 休暇中 |
    不在連絡 | 부재중 | 부재 중 | 휴가 | 휴가 중 | abwesend | abwesenheit | nicht im büro | im urlaub | urlaub |
    absent | absent du bureau | absence | en congé | en congés | en vacances | fuera de la oficina |
    fuera de oficina | ausente | de vacaciones | fora do escritório | ausência | ausência do escritório |
    de férias | férias | нет на месте | вне офиса | отсутствие на рабочем месте | в отпуске | afwezig |
    afwezigheid | niet op kantoor | op vakantie | fuori sede | fuori ufficio | assente | in ferie | assenza |
    nieobecność | nieobecny w biurze | poza biurem | na urlopie | urlop | frånvaro | frånvarande |
    inte på kontoret | på semester | semester | ofis dışında | ofis dışı | izindeyim | fraværende |
    poissa toimistosta
    """
)

# first words of absence notes; the second sign where no header gives one
ABSENCE_WORDS = _each(
    """
    i am out of the office | i'm out of the office | i am currently out of | i'm currently out of |
    i will be out of | i am out of office | i'm out of office | i am away | i'm away | i am currently away |
    i am on vacation | i am on leave | i am on annual leave | i'm on annual leave | i am on holiday |
    i will be away | limited access to e | no access to e | will be back on | i will return on | i will be back |
    returning on | on parental leave | on maternity leave | tôi đang đi vắng | tôi hiện đang đi vắng |
    tôi đang nghỉ phép | tôi đi vắng | tôi hiện đang nghỉ | tôi hiện không có mặt | tôi không có mặt tại văn phòng |
    tôi sẽ vắng mặt | tôi vắng mặt | tôi đang nghỉ | tôi đang đi công tác | tôi sẽ trả lời khi |
    tôi sẽ phản hồi ngay khi | 我正在休假 | 我目前不在 | 我现在不在 | 我不在办公室 | 我正在外出 | 我正在出差 |
    我在休假 | 休假期间 | 无法及时回复 | 不能及时回复 | 无法立即回复 | 您好，我已收到您的邮件 | 我目前正在休假 |
    目前休假 | 我現在不在 | 休暇をいただ | 不在にして | 外出しており | 休みをいただ | 부재중입니다 | 휴가 중입니다 |
    자리를 비 | ich bin derzeit nicht | ich bin im urlaub | ich bin nicht im büro | ich bin bis | bin ich nicht im |
    nicht erreichbar | je suis absent | je suis actuellement absent | je suis en congé | je serai absent |
    je serai de retour | actuellement absent | estoy fuera de la oficina | estaré fuera | me encuentro fuera |
    estoy de vacaciones | estaré ausente | estou fora do escritório | estou ausente | estou de férias |
    estarei ausente | я в отпуске | нахожусь в отпуске | меня нет в офисе | я отсутствую | буду отсутствовать |
    ik ben afwezig | ik ben op vakantie | ik ben niet aanwezig | sono fuori sede | sono fuori ufficio |
    sono assente | sono in ferie | sarò assente | jestem nieobecn | przebywam na urlopie | jestem na urlopie |
    będę nieobecn | jag är inte på kontoret | jag är på semester | jag är bortrest | jag har semester |
    ofis dışındayım | izindeyim | yıllık izin | şu anda ofis | i am currently on leave | i'm currently on leave |
    i am currently on vacation | i am currently traveling | i am currently travelling
    """
)

# in the subject of a bounce; counts only from a null sender, a mailer, or at a bounce address
FAILURE_SUBJECTS = _each(
    """
    undeliverable | undelivered | undelivered mail returned to sender | mail delivery fail | mail delivery system |
    delivery status notification (failure) | delivery failure | delivery has failed | delivery notification |
    returned mail | returned to sender | failure notice | mail system error | mail could not be delivered |
    message you sent | could not be delivered | delivery fail | not delivered | nondeliverable | không gửi được |
    không thể gửi | không thể phân phối | không phát được | thư bị trả | thư trả lại | gửi thất bại |
    gửi thư thất bại | không chuyển được | lỗi gửi thư | thư bị từ chối | 退信 | 系统退信 | 退件 | 无法投递 |
    无法送达 | 未送达 | 未能送达 | 投递失败 | 发送失败 | 邮件被退回 | 無法傳遞 | 無法投遞 | 未傳遞 | 傳遞失敗 |
    配信不能 | 配信できま | 送信できま | 配達不能 | 配信エラー | 送信エラー | 未配信 | 배달되지 않음 |
    배달할 수 없 | 반송 | 전송 실패 | 전달되지 | unzustellbar | nicht zugestellt | konnte nicht zugestellt |
    zustellung fehlgeschlagen | échec de la remise | échec de remise | non remis | non distribuable | non délivré |
    échec de distribution | no se puede entregar | no se pudo entregar | no entregado | error de entrega |
    não entregue | não foi possível entregar | não é possível | falha na entrega | недоставлен | не доставлен |
    не удалось доставить | не может быть доставлен | onbestelbaar | niet afgeleverd | kan niet worden bezorgd |
    impossibile recapitare | non recapitabile | mancato recapito | nie można dostarczyć | niedostarczon |
    nie dostarczon | kan inte leverera | olevererbart | kunde inte levereras | teslim edilemedi |
    teslim edilemeyen | iletilemedi
    """
)

# in the first lines of a bounce that has no telling subject; counts only from a mailer or at a bounce address
FAILURE_WORDS = _each(
    """
    could not be delivered | couldn't be delivered | was not delivered | wasn't delivered | delivery failed |
    delivery to the following recipient | unable to deliver | address not found | user unknown | no such user |
    mailbox full | mailbox is full | mailbox unavailable | quota exceeded | over quota | permanent error |
    permanent failure | this is the qmail-send program | has been rejected | recipient address rejected |
    không thể gửi | không gửi được | không tồn tại | hộp thư đầy | hộp thư đã đầy | bị trả lại | bị từ chối |
    被退回 | 无法送达 | 无法投递 | 投递失败 | 不存在 | 邮箱已满 | 拒收 | 无法发送 | 無法傳遞 |
    配信できませんでした | 送信できませんでした | 配信されませんでした | 전송되지 | 배달되지 | nicht zugestellt |
    konnte nicht | n'a pas pu | no se pudo entregar | não pôde ser | не удалось доставить | non è stato possibile |
    nie można | kunde inte | kon niet worden | teslim edilemedi
    """
)

# in the subject of a notice that delivery goes on
DELAY_SUBJECTS = _each(
    """
    delivery status notification (delay) | delayed mail (still being retried) | warning: could not send message |
    delivery delayed | delivery is delayed | delayed: | message delayed | warning: message | mail delayed |
    not yet been delivered | still being retried | bị trì hoãn | gửi chậm | chưa gửi được | trì hoãn gửi | 延迟 |
    延遲 | 投递延迟 | 尚未送达 | 遅延 | 지연 | verzögert | retardé | retrasad | atrasad | задерж | vertraagd |
    in ritardo | opóźnion | försenad | gecikti
    """
)

# read receipts that carry no report; both the subject and the text must say so
READ_PREFIXES = frozenset(
    _each(
        """
        read | read receipt | return receipt | đã đọc | xác nhận đã đọc | 已读 | 已读回执 | 阅读回执 | 讀取 |
        開封済み | 읽음 | gelesen | lu | leído | lido | прочтено | gelezen | letto | przeczytano | läst |
        okundu | not read | 未读 | chưa đọc
        """
    )
)
READ_WORDS = _each(
    """
    was read on | was displayed on | was deleted without being read | this is a return receipt | đã được đọc |
    đã bị xóa mà không được đọc |
    的阅读时间 | 已被阅读 | 已于 | 已阅读您的邮件 |
    这是邮件收条 | 已讀取 | 開封され | wurde gelesen |
    a été lu | se leyó | foi lida | было прочитано | is gelezen | è stato letto
    """
)
