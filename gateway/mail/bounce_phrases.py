"""The words of bounces and delays, as mail systems write them. Data only.

Written as they stand in mails; compared without case and Latin marks (`folding.plain`).
Languages: vi zh ja ko en de fr es pt ru nl it pl sv tr and some more.
"""

from __future__ import annotations

from gateway.mail.folding import phrases

# a subject of a bounce begins with one of these, or is in a mailer's mail and holds one of them
FAILURE_SUBJECTS = phrases(
    """
    undeliverable | undelivered | undelivered mail returned to sender | mail delivery fail | mail delivery system |
    mail delivery problem | mail delivery error | mail delivery status | mail delivery notification |
    message delivery fail | message delivery error | email delivery fail | e-mail delivery fail |
    delivery status notification | delivery failure | delivery has failed | delivery failed | delivery notification |
    delivery report | delivery error | delivery problem | delivery unsuccessful | failed delivery |
    permanent delivery failure | failure delivery | failure notice | failed mail | failed to deliver |
    returned mail | returned email | returned message | mail returned | message returned | returned to sender |
    returning message to sender | mail failed, returning | mail system error | mail error | mail failure |
    mail not delivered | mail could not be delivered | message could not be delivered | could not be delivered |
    can not be delivered | cannot be delivered | message you sent | your message to | message not delivered |
    email not delivered | not delivered | nondeliverable | non-deliverable | non-delivery | nondelivery |
    undeliverable mail | undeliverable message | unable to deliver | user unknown | unknown user | rejected mail |
    message rejected | email rejected | mail rejected | message blocked | bounce: | bounced mail |
    bounce notification |
    notice: mail delivery status | processing error | automatically rejected mail | mail refused | recipient unknown |
    address not found | no such user | mailbox full | mailbox unavailable | delivery to recipient failed |
    không gửi được | không thể gửi | không thể phân phối | không phân phối được | không phát được | chưa gửi được |
    thư bị trả | thư trả lại | thư không gửi được | email bị trả | mail bị trả | gửi thất bại | gửi thư thất bại |
    gửi mail thất bại | gửi email thất bại | không chuyển được | không thể chuyển | lỗi gửi thư | lỗi gửi mail |
    lỗi gửi email | thư bị từ chối | thông báo lỗi gửi | thông báo gửi thư | báo lỗi gửi |
    退信 | 系统退信 | 退件 | 退回 | 无法投递 | 无法送达 | 未送达 | 未能送达 | 投递失败 | 发送失败 | 传输失败 |
    传递失败 |
    邮件被退回 | 邮件未送达 | 未传递 | 传送失败 | 发信失败 | 投遞失敗 | 無法傳遞 | 無法投遞 | 未傳遞 |
    傳遞失敗 | 無法送達 |
    未送達 | 郵件傳送失敗 | 傳送失敗 |
    配信不能 | 配信できま | 送信できま | 配達不能 | 配信エラー | 送信エラー | 未配信 | 配達できま | 配信失敗 |
    メールを送信できま | 送信失敗 |
    배달되지 않 | 배달할 수 없 | 반송 | 전송 실패 | 전달되지 | 발송 실패 | 배달 실패 | 전송되지 | 발송실패 |
    전송실패 |
    unzustellbar | nicht zugestellt | konnte nicht zugestellt | zustellung fehlgeschlagen | zustellfehler |
    nicht zustellbar | rückläufer | zustellungsfehler | fehler bei der zustellung | unzustellbare nachricht |
    zustellstatus | fehlgeschlagene zustellung |
    échec de la remise | échec de remise | non remis | non distribuable | non délivré | échec de distribution |
    échec d'envoi | échec de la distribution | courrier non délivré | message non distribué | non distribué |
    notification d'échec | avis de non-remise | retour à l'expéditeur |
    no se puede entregar | no se pudo entregar | no entregado | error de entrega | entrega fallida |
    correo devuelto | correo no entregado | fallo de entrega | fallo en la entrega | mensaje no entregado |
    no se ha podido entregar | no entregable | devuelto al remitente | notificación de estado de entrega |
    não entregue | não foi possível entregar | não é possível entregar | falha na entrega | falha de entrega |
    mensagem devolvida | e-mail devolvido | não pôde ser entregue | devolvido ao remetente |
    notificação de status de entrega | impossível entregar |
    недоставлен | не доставлен | не удалось доставить | не может быть доставлен | невозможно доставить |
    ошибка доставки | сообщение возвращено | почта возвращена | недоставленное | сбой доставки | не доставляется |
    onbestelbaar | niet afgeleverd | kan niet worden bezorgd | niet bezorgd | bezorging mislukt | aflevering mislukt |
    kon niet worden afgeleverd | niet bezorgbaar |
    impossibile recapitare | non recapitabile | mancato recapito | messaggio non recapitato | mancata consegna |
    consegna fallita | non consegnato | errore di consegna | notifica di mancata consegna |
    nie można dostarczyć | niedostarczon | nie dostarczon | zwrot wiadomości | zwrot poczty | niedoręczon |
    błąd dostarczania | nie udało się dostarczyć |
    kan inte leverera | olevererbart | kunde inte levereras | ej levererat | gick inte att leverera | oleverbart |
    inte levererat | olevererat |
    teslim edilemedi | teslim edilemeyen | iletilemedi | iletilemeyen | gönderilemedi | teslim hatası |
    teslim edilemiyor |
    kan ikke leveres | ikke leveret | ikke levert | toimittaminen epäonnistui | ei voitu toimittaa |
    nedoručiteln | kézbesíthetetlen | tidak terkirim | tidak dapat dikirim | ส่งไม่ถึง
    """
)

# what the opening of a bounce says; alone it is no proof
FAILURE_WORDS = phrases(
    """
    could not be delivered | couldn't be delivered | was not delivered | wasn't delivered | not been delivered |
    were not delivered | cannot be delivered | can not be delivered | can't be delivered | not be delivered |
    could not deliver | couldn't deliver | unable to deliver | wasn't able to deliver | failed to deliver |
    not able to deliver | undeliverable | undelivered | delivery failed | delivery has failed | delivery failure |
    delivery error | delivery to the following | delivery of this message | delivery to these recipients |
    did not reach | following recipient | following address | failed recipient | failed address | failing address |
    returned to sender | being returned | is returned to you | address not found | recipient not found |
    user unknown | unknown user | user not found | unknown recipient | no such user | no such recipient |
    no such mailbox | no mailbox here | does not exist | doesn't exist | doesn't have a | does not have a |
    not listed in | not available on this system | no longer available | no longer valid | no longer active |
    account is disabled | account has been disabled | mailbox disabled | mailbox full | mailbox is full |
    mailbox unavailable | quota exceeded | over quota | exceeded quota | exceeded the quota |
    exceeds the quota | mailbox exceeds |
    storage allocation | permanent error | permanent failure | permanent fatal error | fatal error |
    this is the qmail-send program | has been rejected | was rejected | message rejected |
    recipient address rejected |
    relay access denied | relaying denied | transcript of session | invalid recipient | invalid address |
    bad address | host unknown | host not found | unrouteable | unroutable | too many hops | message too large |
    message blocked | was blocked | error from remote | smtp error | the error that the other server returned |
    không thể gửi | không gửi được | chưa gửi được | không thể chuyển | không thể phân phối | không chuyển được |
    không tồn tại | không tìm thấy | hộp thư đầy | hộp thư đã đầy | hộp thư của người nhận | bị trả lại | bị từ chối |
    gửi thất bại | vượt quá dung lượng |
    被退回 | 退回 | 退信原因 | 退信 | 无法送达 | 无法投递 | 无法发送 | 投递失败 | 发送失败 | 未能送达 | 未送达 |
    未能将 |
    不存在 | 找不到 | 邮箱已满 | 空间不足 | 容量已满 | 拒收 | 被拒绝 | 传输失败 | 投遞失敗 | 無法傳遞 |
    無法投遞 | 無法送達 | 未傳遞 |
    信箱已滿 | 拒絕 |
    配信できません | 送信できません | 配信されません | 届けられません | お届けできません | 配達できません |
    見つかりません |
    存在しません | 配信に失敗 | 送信に失敗 | 宛先不明 | 容量を超え |
    전송되지 | 배달되지 | 배달하지 못 | 전달되지 | 반송되었 | 보내지 못 | 존재하지 않 | 찾을 수 없 |
    용량이 초과 | 용량 초과 |
    발송되지 | 실패하였 | 실패했 |
    nicht zugestellt | nicht zustellbar | unzustellbar | nicht ausgeliefert | fehler bei der nachrichtenzustellung |
    zustellung an folgende | fehlgeschlagen | empfänger unbekannt | nicht gefunden | existiert nicht |
    postfach voll | postfach ist voll | unbekannter empfänger |
    n'a pas pu être | n'a pas été remis | échec de la remise | non remis | impossible de remettre | est introuvable |
    n'existe pas | boîte aux lettres pleine | boîte aux lettres du destinataire est pleine | destinataire inconnu |
    n'ont pas pu | adresse introuvable | n'est pas distribuable |
    no se pudo entregar | no pudo ser entregado | no se puede entregar | no se ha podido entregar | error de entrega |
    no ha podido ser entregado | no existe | no se encontró | buzón lleno | buzón está lleno | no se entregó |
    ha sido rechazado | destinatario desconocido |
    não pôde ser entregue | não foi possível entregar | falha na entrega | não foi entregue | não existe |
    não foi encontrado | não encontrado | caixa de correio cheia | caixa postal cheia | foi rejeitad |
    не удалось доставить | не доставлено | не было доставлено | не может быть доставлено | не найден |
    не существует | ящик переполнен | переполнен | отклонено | невозможно доставить | не может быть принято |
    non è stato possibile | impossibile recapitare | non è stato recapitato | non recapitato |
    non è stato consegnato |
    non esiste | non trovato | casella piena | non può essere recapitato | destinatario sconosciuto |
    nie można dostarczyć | nie została dostarczona | nie mogła zostać | nie istnieje | nie znaleziono |
    skrzynka jest pełna | nie udało się dostarczyć | nieznany odbiorca |
    kunde inte levereras | kan inte leverera | gick inte att leverera | finns inte | hittades inte |
    brevlådan är full |
    kon niet worden | kan niet worden | niet afgeleverd | niet bezorgd | bestaat niet | niet gevonden |
    postvak is vol | postvak vol |
    teslim edilemedi | iletilemedi | bulunamadı | mevcut değil | posta kutusu dolu | gönderilemedi | teslim edilemiyor
    """
)

# in the subject of a notice that delivery goes on
DELAY_SUBJECTS = phrases(
    """
    delivery status notification (delay) | delayed mail (still being retried) | warning: could not send message |
    delivery delayed | delivery is delayed | delayed: | message delayed | message delivery delayed | mail delayed |
    warning: message | mail delivery warning | mail delivery delay | delivery delay | not yet been delivered |
    not yet delivered | still being retried | delivery incomplete | mail queued | delayed message | delayed delivery |
    bị trì hoãn | gửi chậm | trì hoãn gửi | trì hoãn | chậm trễ |
    延迟 | 延遲 | 投递延迟 | 尚未送达 | 暂未送达 | 遅延 | 지연 | verzögert | verzögerte zustellung |
    zustellung verzögert |
    verzögerung | retardé | remise différée | retard de remise | distribution retardée | retrasad | retraso |
    atrasad | atraso na entrega | задерж | vertraagd | vertraging | in ritardo | ritardo | ritardato | opóźnion |
    opóźnienie | försenad | fördröjd | fördröjning | gecikti | gecikme | forsinket | viivästy
    """
)

# what the opening of such a notice says
DELAY_WORDS = phrases(
    """
    has not yet been delivered | not yet been delivered | still being retried | will be retried |
    will continue to try |
    will keep trying | will retry | delivery attempts will continue | delivery will continue to be attempted |
    you do not need to resend | this is a warning only | warning message only | no action is required on your part |
    has been delayed | delivery delayed | is delayed | was delayed | delivery is delayed |
    temporary problem delivering |
    trying to deliver | sẽ tiếp tục gửi | sẽ thử gửi lại | sẽ được gửi lại | bị trì hoãn | tạm thời chưa gửi được |
    将继续尝试 | 会继续尝试 | 继续投递 | 继续重试 | 尚未送达 | 将会重试 | 將繼續嘗試 | 延迟投递 | 再送を試み |
    再試行 | 遅延して |
    다시 시도 | 재시도 | wird weiterhin versucht | erneut versucht | verzögert | nouvelle tentative | sera retenté |
    se seguirá intentando | se volverá a intentar | continuará tentando | novas tentativas | nova tentativa |
    попытки доставки продолжатся | попытки будут продолжены | opnieuw geprobeerd | blijven proberen |
    nuovi tentativi | verrà ritentat | kolejne próby | ponowne próby | fortsätta försöka | försök kommer att |
    tekrar denenecek | yeniden denenecek
    """
)

# without any code these are failures that pass
SOFT_WORDS = phrases(
    """
    mailbox full | mailbox is full | mail box full | full mailbox | over quota | quota exceeded | exceeded quota |
    exceeded the quota | exceeds quota | mailbox exceeds | quota limit | storage allocation |
    insufficient storage | disk quota |
    exceeded storage | mailbox size limit | try again later | temporarily | greylist |
    connection timed out | deferred: |
    hộp thư đầy | hộp thư đã đầy | hộp thư của người nhận đã đầy | đầy dung lượng | vượt quá dung lượng | tạm thời |
    邮箱已满 | 空间不足 | 容量已满 | 邮箱空间已满 | 信箱已滿 | 容量を超え | メールボックスが一杯 | 용량 초과 |
    용량이 초과 |
    postfach voll | postfach ist voll | boîte aux lettres pleine | boîte aux lettres du destinataire est pleine |
    buzón lleno | buzón está lleno | caixa de correio cheia | caixa postal cheia | переполнен | casella piena |
    skrzynka jest pełna | brevlådan är full | postvak is vol | postvak vol | posta kutusu dolu
    """
)

# lines after which the mail that came back is copied
COPY_MARKS = phrases(
    """
    below this line is a copy | this is a copy of the message | copy of your message | original message follows |
    original message headers | unsent message below | returned message follows | message header follows |
    message headers follow | the text of the message | undelivered message follows | original message header |
    your original message | text of your message | returned mail follows | here is your returned mail |
    the following data may contain | start of returned message | begin returned message | original message ---- |
    original message: | unsent message follows | message text follows | headers follow | header follows |
    原邮件内容 | 原始邮件 | 原邮件如下 | nội dung thư gốc | thư gốc | ursprüngliche nachricht | message d'origine |
    mensaje original | mensagem original | исходное сообщение | oorspronkelijk bericht | messaggio originale |
    oryginalna wiadomość | originalmeddelande | özgün ileti | 元のメッセージ | 원본 메시지
    """
)

# the first words of reports that only mail systems begin so
OPENINGS = phrases(
    """
    this message was created automatically by mail delivery software | this is the mail system at host |
    hi. this is the | this is the qmail-send program | this is the postfix program | this is the sympatico mail |
    this is an automatically generated delivery status notification | this report relates to a message you sent |
    i'm sorry to have to inform you that | i'm afraid i wasn't able to deliver |
    the original message was received at |
    delivery has failed to these recipients | delivery to the following recipient |
    your message did not reach some or all of the intended recipients |
    sorry, we were unable to deliver your message |
    message from yahoo | unable to deliver message to the following address | this is a delivery status notification |
    a message that you sent could not be delivered | failed to deliver to | could not deliver message to |
    your message could not be delivered | your message wasn't delivered to | your message was not delivered |
    the following message could not be delivered | ** address not found ** | ** message not delivered ** |
    ** message blocked ** | ** mailbox full ** | ** delivery incomplete ** | this is a mime-encapsulated message |
    failed recipient | ------ failed recipients | --- non-delivery report | the following recipient |
    your mail to the following recipients could not be delivered | an error occurred while sending mail |
    không thể gửi thư của bạn | thư của bạn không thể gửi | thư của bạn không gửi được | hệ thống thư điện tử |
    抱歉，您的邮件被退回 | 很抱歉，您发送的邮件 | 很抱歉您发送的邮件 | 您的邮件被退回 | 未能将你的邮件 |
    无法将您的邮件 | 無法將您的郵件 |
    您的邮件无法 | 对不起，您的邮件 | 您发送的邮件未能 | 这是一封退信 |
    fehler bei der nachrichtenzustellung | ihre nachricht konnte nicht | ihre nachricht wurde nicht zugestellt |
    échec de la remise | votre message n'a pas pu | impossible de remettre votre message |
    error de entrega | no se pudo entregar el mensaje | su mensaje no pudo ser entregado |
    su mensaje no se ha podido |
    falha na entrega | não foi possível entregar a sua mensagem | não foi possível entregar sua mensagem |
    a sua mensagem não | не удалось доставить | ваше сообщение не | ваше сообщение не доставлено | ваше письмо не |
    impossibile recapitare | il messaggio non è stato | het bezorgen is mislukt | uw bericht kon niet |
    uw bericht is niet | nie można dostarczyć | twoja wiadomość nie | det gick inte att leverera |
    ditt meddelande kunde inte | iletiniz | 次の受信者または | 以下の受信者 | 次の宛先 | 메일이 전송되지 |
    다음 받는 사람 |
    次の宛先に送信できません | 配信できませんでした
    """
)
