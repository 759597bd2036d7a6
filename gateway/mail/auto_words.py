"""What automatic answers say, as expressions in folded form (`folding.plain`: lower case, no Latin marks). Data only.

A line that ends with a backslash goes on in the next. No letter but `b` may be escaped, since capitals fold as well.
They are tried on the first lines of a mail alone.
Languages: vi zh en ja ko de fr es pt ru nl it pl sv tr.
"""

from __future__ import annotations

import re

from gateway.mail.folding import plain


def _any(text: str) -> re.Pattern[str]:
    """One expression of those on the lines of `text`, folded."""
    lines = re.sub(r"\\\n {4}", "", text).split("\n")
    return re.compile("|".join(plain(line) for line in lines if line.strip()))


# whole subjects, or beginnings, of absence notes; people write about absence too, so they need a second sign
ABSENCE_SUBJECTS = _any(
    r"""
    (?:i am |i'm |currently |sorry, )?(?:out of (?:the )?office|out-of-office|ooo|away from (?:the |\
    my )?(?:office|mail|desk)|away)
    (?:i am |i'm )?on (?:vacation|(?:annual |maternity |paternity |parental |sick )?leave|holidays?)|vacation
    absence|holiday
    (?:thông báo )?(?:vắng mặt|đi vắng|nghỉ phép|nghỉ lễ|nghỉ tết|đi công tác|đang nghỉ phép|\
    không có mặt tại văn phòng)
    (?:我)?(?:不在办公室|不在辦公室|外出(?:通知|中)?|休假(?:通知|中)?|出差(?:中)?|假期|放假通知|年假)
    不在(?:の?お?知らせ|の?連絡|通知|です)?|(?:夏季|冬季|年末年始)?(?:休暇|休業)(?:中|の?お?知らせ|のご案内)?
    外出中
    부재 ?중? ?(?:안내|알림)?|휴가 ?(?:중|안내)?|출장 ?중
    abwesend(?:heit)?|abwesenheit|nicht im büro|außer haus|im urlaub|urlaub|nicht am platz
    absente?(?: du bureau)?|absence(?: du bureau)?|en congés?|en vacances|hors du bureau
    (?:estoy )?fuera de (?:la )?oficina|ausente|ausencia|de vacaciones
    (?:estou )?fora do escritório|ausência(?: do escritório)?|de férias|férias
    нет на месте|вне офиса|отсутствие на рабочем месте|(?:я )?в отпуске|отпуск|отсутствую
    afwezig(?:heid)?|niet op kantoor|(?:ik ben )?(?:op|met) vakantie|niet aanwezig
    fuori (?:sede|ufficio)|assente(?: dall'ufficio)?|assenza|in ferie
    nieobecność|nieobecn[ya](?: w biurze)?|poza biurem|(?:jestem )?na urlopie|urlop
    frånvaro|frånvarande|inte på (?:kontoret|plats)|på semester|semester|ledig
    ofis dışında(?:yım)?|ofis dışı|izinde(?:yim)?|yıllık izin
    fraværende|ikke på kontoret|poissa toimistosta|mimo kancelář
    """
)

# after such a beginning: how long
ABSENCE_UNTIL = _any(
    r"""
    [ ,(–—-]*(?:until|till|til|to|through|from|returning|back|bis|vom|ab|jusqu|du|de retour|hasta|desde|del|\
    até|de|до|с|tot|van|fino|dal)
    [ ,(–—-]*(?:do|od|till|t\.o\.m|från|đến|từ|tới|至|到|从|までの?|から|까지|부터|[0-9])
    """
)

# what the opening of an absence note says
ABSENCE_WORDS = _any(
    r"""
    \b(?:i am|i'm|i will be|i'll be|i shall be|i have been|we are|am|will be)\
    (?: currently| presently| now| temporarily| going to be)*(?: out of (?:the )?office| out of town| away\b\
    | on (?:annual |sick |parental |maternity |paternity |medical |study |family |summer |my |a )*\
    (?:leave|vacation|holidays?|business trip|pto)| travell?ing| on the road| unavailable\
    | not (?:in|at) (?:the|my) office| absent| out (?:on|until|from|for|through|this|next|of)\b\
    | off (?:work|until|from|for)\b)
    \b(?:currently|presently|is) out of (?:the )?office
    out of the office (?:until|till|from|on|this|next|and|with|for)
    \b(?:limited|no|little|intermittent|without|restricted|infrequent|sporadic) access to (?:my |\
    the )?(?:e-?mails?|mail|internet)
    \b(?:will be back|will return|returning|back) (?:in the office|to the office|on (?:mon|tue|wed|thu|fri|\
    sat|sun|[0-9]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))
    \b(?:upon|on|after|until) my return|in my absence|during my absence|when i (?:return|get back|am back)
    after i return
    \b(?:parental|maternity|paternity) leave|our offices? (?:is|are|will be) closed
    (?:tôi|em|mình|anh|chị|chúng tôi|hiện|hiện tại|hiện nay|đang|\
    sẽ)(?: hiện| hiện tại| hiện nay| đang| sẽ)* (?:đi vắng|vắng mặt|nghỉ phép|nghỉ lễ|nghỉ tết|nghỉ thai sản|\
    nghỉ ốm|nghỉ mát|đi công tác|đi du lịch|không có mặt|không ở văn phòng|nghỉ (?:từ|đến|hết))
    (?:khi|sau khi|ngay khi|lúc) (?:tôi |em |mình )?(?:quay lại|trở lại|về lại|đi làm lại|trở về|quay trở lại)
    không có mặt tại văn phòng
    không thể (?:trả lời|kiểm tra) (?:email|mail|thư) (?:ngay|thường xuyên|trong thời gian)
    我(?:们)?(?:目前|现在|現在|正|正在|将|將|因|已|于.{1,24}?|在)*(?:休假|休年假|休产假|放假|外出|出差|度假|\
    请假|離開|不在)|(?:休假|出差|外出|放假|假期|請假|请假)(?:期间|期間|中|至|到)|不在(?:办公室|辦公室|公司)
    (?:无法|不能|無法)(?:及时|立即|即时|马上|及時)(?:查看|回复|处理|回覆|查收)
    (?:返回|回到|回)(?:办公室|公司|辦公室)后?|年假|产假
    (?:休暇|休み|お休み|夏休み|有給)を?(?:いただい|頂い|頂戴し|取得)
    不在(?:に(?:して|し)|と(?:なり|なっ)|です|のため|にしており|いたします|となります)
    (?:外出|出張)(?:中|し(?:て|ており)|のため)|休業(?:と|中|させ|いたし)|戻り次第|帰社後|出社後
    (?:휴가|부재|출장|외근|휴직) ?(?:중|으로|로|기간|입니다)|자리를 비|복귀 ?(?:후|하는)|사무실에 없
    (?:ich bin|bin ich|ich werde)(?: (?:derzeit|zur zeit|zurzeit|momentan|aktuell|leider|vom|ab|noch|wieder|\
    vor?aussichtlich))*[^.!?]{0,40}?(?:nicht im (?:büro|hause|haus)|im urlaub|außer haus|abwesend|\
    nicht (?:erreichbar|verfügbar|anwesend|am platz)|im mutterschutz|in elternzeit|auf (?:dienst|\
    geschäfts)reise|wieder (?:im büro|erreichbar|da))|nicht im büro|in meiner abwesenheit
    während meiner abwesenheit|ihre (?:e-?mail|nachricht) wird nicht (?:weitergeleitet|gelesen|bearbeitet)
    bis .{1,30} im urlaub
    je (?:suis|\
    serai)(?: actuellement| absolument)*(?: absente?| en congés?| en vacances| en déplacement| hors du burea\
    u| indisponible| de retour)|actuellement absente?|absente? du bureau|durant mon absence|pendant mon absence
    en mon absence|à mon retour|dès mon retour
    (?:estoy|estaré|me encuentro|me encontraré|estare)(?: actualmente)? (?:fuera|ausente|de vacaciones|\
    de viaje|de baja|de permiso|disfrutando)|en mi ausencia|durante mi ausencia|a mi (?:vuelta|regreso)
    sin acceso a(?:l| mi) correo
    (?:estou|estarei|encontro-me|me encontro|estava)(?: atualmente| atualmente)? (?:fora|ausente|de férias|\
    em férias|em viagem|de licença|em licença|sem acesso)|na minha ausência|durante a minha ausência
    no meu (?:retorno|regresso)|retorno (?:dia|em|no dia)
    (?:я|нахожусь|буду|буду находиться|\
    сейчас)(?: сейчас| нахожусь| буду| временно| буду находиться)* (?:в отпуске|в командировке|отсутств|\
    вне офиса|не в офисе|на больничном|в декрет)|меня (?:не будет|нет) (?:в офисе|на месте|на рабочем)
    после (?:моего )?возвращения|в мое отсутствие|во время моего отсутствия|по возвращении
    (?:ik ben|ben ik|momenteel|wegens)[^.!?]{0,40}?(?:afwezig|op vakantie|met vakantie|niet aanwezig|\
    niet op kantoor|niet bereikbaar|met verlof|weer bereikbaar|vakantie|buiten kantoor)
    tijdens mijn (?:afwezigheid|vakantie)|bij terugkomst|na mijn (?:vakantie|terugkeer)
    (?:sono|sarò|mi trovo)(?: attualmente| momentaneamente)? (?:fuori (?:sede|ufficio)|assente|in ferie|\
    in vacanza|fuori|in trasferta|in maternità)|in mia assenza|durante la mia assenza|al mio (?:rientro|ritorno)
    senza accesso alla
    (?:jestem|przebywam|będę|obecnie)(?: obecnie| aktualnie)? (?:na urlopie|nieobecn|poza biurem|\
    na zwolnieniu|w delegacji|przebywam na urlopie|poza firmą)|podczas mojej nieobecności
    w czasie mojej nieobecności|po (?:moim )?powrocie|w pilnych sprawach
    jag (?:är|har|kommer att vara|befinner mig)(?: för närvarande| just nu)? (?:inte på (?:kontoret|plats)|\
    på semester|bortrest|semester|frånvarande|tjänstledig|föräldraledig|ledig|på tjänsteresa|borta|åter|\
    tillbaka)|under min (?:frånvaro|semester)|är (?:åter|tillbaka) (?:på kontoret|den)
    (?:yıllık |doğum |hastalık )?(?:izindeyim|izinde olacağım|izinliyim|iznindeyim)|ofis dışında(?:yım)?
    seyahatte(?:yim)?|ofiste (?:değilim|olmayacağım|bulunmayacağım)|döndüğümde|yıllık izin|dönüşümde
    jeg er (?:på ferie|ikke på kontoret|fraværende)|olen (?:lomalla|poissa)
    """
)

# what the opening of an automatic acknowledgement says
RECEIVED_WORDS = _any(
    r"""
    \b(?:we|i)(?: have|'ve)?(?: successfully)? received your (?:request|message|e-?mail|mail|enquiry|inquiry|\
    query|ticket|case|submission|support)
    \byour (?:request|message|e-?mail|mail|enquiry|inquiry|query|ticket|case|\
    support request)[^.!?]{0,80}?(?:has been|was|is|have been) (?:now )?(?:received|registered|logged|created|\
    opened|assigned|submitted|queued|forwarded to)
    \bthank you for (?:contacting|writing to|reaching out|getting in touch|your (?:e-?mail|message|enquiry|\
    inquiry|request|mail))|thanks for (?:contacting|reaching out|getting in touch|your (?:e-?mail|message|mail))
    \b(?:will|shall) (?:get back to you|be in touch|respond to (?:you|your)|reply to (?:you|your)|\
    endeavou?r to|contact you)
    \ba (?:new )?(?:support )?(?:ticket|case|request) has been (?:created|opened|logged|registered)
    (?:đã|vừa) (?:nhận được|tiếp nhận)[^.!?]{0,30}?(?:email|mail|thư|yêu cầu|phản hồi|ý kiến|liên hệ|tin nhắn)
    yêu cầu[^.!?]{0,40}đã được (?:tiếp nhận|ghi nhận|tạo)
    sẽ (?:phản hồi|trả lời|liên hệ|hồi âm|liên lạc)[^.!?]{0,30}(?:sớm|nhanh|trong vòng|trong thời gian)
    cảm ơn (?:bạn|quý khách|anh|chị|anh chị|quý vị|anh/chị)[^.!?]{0,20}đã (?:liên hệ|gửi|quan tâm)
    (?:来信|邮件|郵件|来函|问题|咨询|請求|请求|工单|反馈)[^。！？]{0,16}(?:已经?|均已)?(?:收到|收悉|受理|提交|\
    創建|创建)|(?:已经?|我已|我们已|均已)(?:经|經)?(?:收到|收悉|受理)
    (?:会|将|將|會)(?:尽快|盡快|及时|在.{1,20}内|第一时间)[^。！？]{0,12}(?:回复|答复|联系|处理|回覆|與您聯|\
    与您联)|感谢您的(?:来信|邮件|咨询|联系|反馈)|感謝您的(?:來信|郵件)
    (?:お問い?合わ?せ|ご連絡|ご注文|メール)[^。！？]{0,16}(?:ありがとうござい|受け付け|受付|承り|受信|拝受)
    受け付けました|受付(?:いた|しま|完了)|担当者?より(?:改めて)?[^。]{0,12}(?:ご連絡|返信|回答)
    (?:문의|메일|요청|접수)[^.!?]{0,16}(?:접수되|접수하|접수 완료|감사|받았)
    확인 ?후[^.!?]{0,16}(?:답변|회신|연락)|빠른 시일|최대한 빨리
    haben wir (?:ihre|deine)[^.!?]{0,40}?erhalten
    (?:wir haben|haben) (?:ihre|deine) (?:e-?mail|anfrage|nachricht|mitteilung)[^.!?]{0,30}erhalten
    (?:ihre|deine) (?:e-?mail|anfrage|nachricht)[^.!?]{0,40}(?:eingegangen|erhalten|registriert|erfasst)
    vielen dank für (?:ihre|deine) (?:e-?mail|anfrage|nachricht|mail|kontaktaufnahme)|schnellstmöglich
    so schnell wie möglich|umgehend (?:bearbeit|bei ihnen|beantwort)
    (?:avons|ai) bien reçu votre
    votre (?:message|demande|e-?mail|courriel|mail)[^.!?]{0,30}(?:bien été|a été) (?:reçue?|enregistrée?|\
    prise? en compte)|merci (?:pour|de) (?:votre|nous avoir)|dans les (?:plus brefs|meilleurs) délais
    hemos recibido (?:su|tu|correctamente)
    su (?:mensaje|solicitud|consulta|correo)[^.!?]{0,30}(?:ha sido|fue) (?:recibid|registrad)
    gracias por (?:su|tu|contactar|escribir|comunicarse|ponerse)|a la (?:mayor )?brevedad|lo antes posible
    recebemos (?:o |a )?(?:seu|sua|tua|teu)
    (?:sua|seu) (?:mensagem|solicitação|e-?mail|pedido|chamado)[^.!?]{0,30}foi (?:recebid|registrad)
    obrigad[oa] (?:por|pelo|pela)|(?:o mais (?:breve|rápido)|assim que) possível
    ваш[еа]? (?:письмо|обращение|сообщение|запрос|заявка)[^.!?]{0,60}(?:получен|принят|зарегистрирован)
    мы получили ваш|спасибо за (?:ваше |обращение|письмо)
    (?:свяжемся|ответим)[^.!?]{0,30}(?:ближайшее|скоро|течение)|в ближайшее время
    (?:wij|we) hebben uw[^.!?]{0,40}ontvangen
    uw (?:e-?mail|bericht|aanvraag|verzoek|vraag)[^.!?]{0,40}(?:ontvangen|geregistreerd)|bedankt voor uw
    dank voor uw|zo (?:snel|spoedig) mogelijk
    abbiamo ricevuto (?:la|il|correttamente)
    (?:la sua|la tua|il suo|la vostra) (?:richiesta|e-?mail|messaggio)[^.!?]{0,30}(?:è stat|ricevut)
    grazie per (?:averci|la sua|il suo|aver|la tua)|il prima possibile|quanto prima|al più presto
    otrzymaliśmy (?:twoj|państwa|pana|pani)
    (?:twoja|państwa|pana|pani) (?:wiadomość|zgłoszenie|prośba)[^.!?]{0,30}(?:został|otrzyma|zarejestr)
    dziękujemy za (?:kontakt|wiadomość|przesłanie|zgłoszenie)|jak najszybciej|najszybciej jak
    vi har (?:nu )?(?:mottagit|tagit emot|fått) (?:ditt|er|din)
    (?:ditt|din|ert|er) (?:mail|meddelande|ärende|förfrågan|e-post)[^.!?]{0,30}(?:mottag|registrer|tagit)
    tack för (?:ditt|din|ert|att du)|så snart (?:vi|som möjligt)
    (?:mesajınız|talebiniz|e-?postanız|başvurunuz)[^.!?]{0,30}(?:alınmıştır|ulaşmıştır|bize ulaştı|kaydedil|\
    oluşturul|alındı)|en kısa (?:sürede|zamanda)|bizimle iletişime geçtiğiniz için
    """
)

# the mail says itself that no person wrote it
SELF_DECLARED = _any(
    r"""
    \b(?:this|the following) (?:is|was) an? (?:auto(?:matic|mated|-|matically generated)?[ -]?(?:reply|\
    response|answer|message|e-?mail|acknowledge?ment|notification|generated))
    auto-?generated (?:reply|response|message|e-?mail)
    this (?:e-?mail|message|reply|response) (?:is|was|has been) (?:sent |generated |\
    created )?automatic(?:ally)?(?: generated| sent| created)?|automated (?:response|reply) to your
    (?:đây là|thư này là|email này là|thư này được|email này được)[^.!?]{0,40}tự động
    (?:thư|email|mail|tin nhắn) (?:trả lời |phản hồi )?tự động
    (?:此|本|这|該|该)(?:邮件|郵件|信|是|为|是一封)?[^。！？]{0,12}(?:自动回复|自動回覆|自动发送|自動發送|\
    系统自动|系統自動|自动答复)|系统自动(?:回复|发送|发出)|(?:自动|自動)(?:回复|回覆|答复)邮件
    自動(?:返信|応答|送信|配信)(?:メール|です|に(?:て|より)|されて|して|いたし|メッセージ)
    (?:このメール|本メール)[^。]{0,16}自動
    자동 ?(?:회신|응답|발송|답장)(?:메일|된|입니다|되는| 메일| 메시지)|자동으로 (?:발송|회신|생성)
    automatisch (?:generierte|erstellte|erzeugte|versandte|verschickte)?[^.!?]{0,12}(?:antwort|nachricht|\
    e-?mail|mitteilung)|automatische (?:antwort|e-?mail|nachricht|empfangsbestätigung)
    (?:automatisch|maschinell) (?:generiert|erstellt|erzeugt|versendet)
    (?:réponse|message|e-?mail|courriel|accusé de réception) (?:est )?(?:généré |envoyé )?automatique(?:ment)?
    (?:respuesta|mensaje|correo) (?:es )?(?:generad[oa] |enviad[oa] )?automátic[oa](?:mente)?
    (?:resposta|mensagem|e-?mail) (?:é )?(?:gerad[oa] |enviad[oa] )?automátic[oa](?:mente)?
    автоматическ(?:ий ответ|ое (?:сообщение|письмо|уведомление))
    (?:создано|отправлено|сформировано|сгенерировано) автоматически
    (?:geautomatiseerd|automatisch)[^.!?]{0,24}(?:antwoord|bericht|e-?mail|gegenereerd|verzonden)
    (?:risposta|messaggio|e-?mail)[^.!?]{0,16}automatic[oa](?:mente)?
    (?:automatyczn[aey]|wygenerowan[aey] automatycznie)[^.!?]{0,16}(?:odpowiedź|wiadomość|mail|potwierdzenie)
    (?:odpowiedź|wiadomość)[^.!?]{0,24}automatyczn
    (?:automatiskt|autogenererat)[^.!?]{0,24}(?:svar|meddelande|mail|genererat|skickat)
    otomatik (?:olarak |bir )?(?:yanıt|cevap|mesaj|e-?posta|gönder|oluştur|ileti)
    """
)

# no text without one of these declares itself, so the search can be spared
SELF_HINTS = ("auto", "tự động", "tu dong", "自动", "自動", "자동", "автомат", "otomatik", "maschinell")
