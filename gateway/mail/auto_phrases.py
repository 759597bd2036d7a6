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
