"""The subjects of automatic answers: absence notes, acknowledgements, read receipts, as mail systems and people write.

Data only, compared without case and Latin marks (`folding.plain`). What their texts say stands in `auto_words`.
Languages: vi zh en ja ko de fr es pt ru nl it pl sv tr and a few more.
"""

from __future__ import annotations

from gateway.mail.folding import phrases

# a subject that begins "<phrase>:" is an automatic answer whoever sends it: only mail systems write these
PLAIN_PREFIXES = frozenset(
    phrases(
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
        balasan otomatis | ตอบกลับอัตโนมัติ | auto reply message | automatic response message | automatische reactie |
        automatisch bericht | svar automatiskt | automatyczne powiadomienie o nieobecności |
        réponse automatique absence |
        réponse auto | automatická odpoveď | automatikus válasz | răspuns automat | αυτόματη απάντηση |
        notification d'absence | message d'absence | mensaje de ausencia | mensagem de ausência |
        thông báo tự động | 自动回复邮件 | 邮件自动回复 | 自動回覆郵件 | 自動返信メール | 自動応答メッセージ |
        자동응답메일
        """
    )
)

# these need any sign of automatic mail, or a text that speaks of absence
LIKELY_PREFIXES = frozenset(
    phrases(
        """
        auto reply | auto-reply | autoreply | auto response | auto-response | autoresponse | vacation reply |
        autoresponder | auto answer |
        vacation response | vacation autoreply | absence du bureau | afwezigheidsbericht | 自动应答 | 不在通知 |
        abwesenheitsbenachrichtigung | abwesenheitsassistent | auto | automatic | automated
        """
    )
)

# read receipts that carry no report; both the subject and the text must say so
READ_PREFIXES = frozenset(
    phrases(
        """
        read | read receipt | return receipt | đã đọc | xác nhận đã đọc | 已读 | 已读回执 | 阅读回执 | 讀取 |
        開封済み | 읽음 | gelesen | lu | leído | lido | прочтено | gelezen | letto | przeczytano | läst |
        okundu | not read | 未读 | chưa đọc | read report | read notification | return receipt (displayed) |
        開封確認 | 開封通知 | 既読 | 열람 확인 | 수신확인 | 수신 확인 | lesebestätigung | empfangsbestätigung |
        ungelesen gelöscht |
        accusé de lecture | confirmation de lecture | confirmación de lectura | acuse de lectura |
        confirmação de leitura | lida | отчет о прочтении | уведомление о прочтении | leesbevestiging |
        conferma di lettura | potwierdzenie odczytu | potwierdzenie przeczytania | läskvitto | läsbekräftelse |
        okundu bilgisi | xác nhận đọc thư | thông báo đã đọc | đã đọc thư | 阅读确认 | 读取回执 | 已阅读 |
        讀取回條 | 已讀取
        """
    )
)
READ_WORDS = phrases(
    """
    was read on | was displayed on | was deleted without being read | this is a return receipt | đã được đọc |
    đã bị xóa mà không được đọc |
    的阅读时间 | 已被阅读 | 已于 | 已阅读您的邮件 |
    这是邮件收条 | 已讀取 | 開封され | wurde gelesen |
    a été lu | se leyó | foi lida | было прочитано | is gelezen | è stato letto | have read your |
    has been read | was read by | has been displayed | đã đọc thư | đã được mở | 已阅读 | 被阅读 | 已被打开 | 读取了 |
    開封しました | 読みました | 確認されました | 읽었습니다 | 읽으셨습니다 | 확인하였습니다 |
    ist gelesen worden | gelesen am |
    a été affiché | ha sido leído | fue leído | foi lido | прочитал | прочитано | werd gelezen | wurde angezeigt |
    ha letto | została przeczytana | zostało przeczytane | har lästs | lästes | okundu | tarafından okundu |
    notification that the message was | message has been opened
    """
)
