"""What each alarm says in each language: what has happened, what it means for mail, what to do, where to look.

`{about}` is a mailbox or a part, `{for}` a time in words, `{count}` a number. The person who reads it runs the machine;
they may know nothing of this program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.model import Ill, Moment


@dataclass(frozen=True, slots=True)
class Words:
    """One alarm in one language."""

    title: str
    means: str
    do: str


STATUS, LOG = "gateway status", "journalctl -u gateway -p warning --since -1h"
LOOK: Mapping[Ill, str] = {
    Ill.DISK: "df -h /var/lib/gateway",
    Ill.STORE: LOG,
    Ill.DESK_STALLED: LOG,
    Ill.LARGE_STALLED: LOG,
    Ill.LOOP_FAILING: LOG,
    Ill.RULES_REFUSED: "gateway check",
    Ill.CLOCK: "timedatectl",
    Ill.CERTIFICATE: "openssl x509 -noout -subject -enddate -in FILE",
    Ill.QUARANTINE: "gateway quarantine",
    Ill.ON_HOLD: "gateway outbox",
    Ill.COMMAND_FAILED: "gateway alarms --test",
}

EN: Mapping[Ill, Words] = {
    Ill.MAILBOX_SILENT: Words(
        "Mailbox {about} has not been polled for {for}",
        "New mail in it is not fetched. It stays on the mail server and is not lost, but nobody sees it.",
        "Check that the mail server is up and that its certificate is valid. Polling begins again by itself.",
    ),
    Ill.LOGIN_REFUSED: Words(
        "The mail server refuses the login of mailbox {about}",
        "New mail in it is not fetched. It stays on the mail server and is not lost, but nobody sees it.",
        "Has the password been changed or the account been locked? Correct the password and restart the gateway. "
        "Until then it tries every 15 minutes, so as not to lock the account.",
    ),
    Ill.MAIL_MISSED: Words(
        "Mail in mailbox {about} had been missed: {count}",
        "A comparison with the mail server found mail that had not been fetched, or that has changed. It has now been "
        "fetched and is handled like all other mail; it is late.",
        "The mail server gives out messages out of order, or was restored from a backup. Tell those who run it.",
    ),
    Ill.MAILBOX_UNPROVEN: Words(
        "Mailbox {about} has not been checked for {for}",
        "New mail is fetched, but it cannot be proven that none was missed.",
        "See what the status says of this mailbox: a folder may be missing, or the mail server stops in the middle.",
    ),
    Ill.DISK: Words(
        "The disk is nearly full",
        "No mail is taken: other servers keep theirs and try again, mailboxes are not polled. Nothing is lost yet; "
        "after some days other servers send mail back.",
        "Make room on the disk of the state folder. The gateway goes on by itself.",
    ),
    Ill.STORE: Words(
        "The database cannot be used",
        "No mail is taken or handled. What was taken before is on disk.",
        "Look at the log. If the database is damaged, the gateway ends with status 3 and a backup must be restored.",
    ),
    Ill.DESK_STALLED: Words(
        "The desk stands still",
        "Mail is taken and kept, but not handled: no tickets, no acknowledgements.",
        "Under systemd it is started again by itself. If it happens again, look at the log for what it was reading.",
    ),
    Ill.LARGE_STALLED: Words(
        "Large mail stands still",
        "Large or unusual mail is kept, but not handled. All other mail goes on.",
        "Restart the gateway. If it happens again, look at the log for what it was reading.",
    ),
    Ill.MAIL_WAITING: Words(
        "Mail has been waiting for {for} to be handled: {count}",
        "Customers wait for tickets and acknowledgements. Nothing is lost.",
        "Is the machine overloaded, or does a flood of mail come in? Look at the status and at the load.",
    ),
    Ill.LOOP_FAILING: Words(
        "A part of the gateway keeps failing: {about}",
        "What this part does is not done: mail may not be handled or not be sent. What was taken is on disk.",
        "Look at the log. It is tried again every second.",
    ),
    Ill.RELAY_DOWN: Words(
        "The relay has taken no mail for {for}; waiting to be sent: {count}",
        "Answers and acknowledgements do not go out. They are kept and sent as soon as the relay takes them; after "
        "five days they are reported as undeliverable.",
        "Check that the relay is up, and its name, port, certificate and password.",
    ),
    Ill.OUTBOX_OLD: Words(
        "Mail has been waiting for {for} to be sent: {count}",
        "Some receivers have not got their mail yet. It is tried again until it is delivered or refused.",
        "See in the log what the relay says to these mails.",
    ),
    Ill.RULES_REFUSED: Words(
        "The rules on disk are refused",
        "The last good rules stay in force; what was changed has no effect.",
        "Correct the files that are named, then run: gateway reload",
    ),
    Ill.QUARANTINE: Words(
        "Mail is in quarantine: {count}",
        "These mails are kept whole, but nobody has been told of what is in them and no ticket was opened.",
        "Look at them, and let out what is good with: gateway quarantine --release ID",
    ),
    Ill.ON_HOLD: Words(
        "The desk is on hold: no mail goes out",
        "Customers and agents get nothing: no answers, no acknowledgements, no escalations. Mail in is taken and "
        "handled; what it leads to is kept.",
        "Look at what is held, drop what must not go out, then let the rest go: gateway outbox release --all",
    ),
    Ill.BREAKER_OPEN: Words(
        "Automatic mail is stopped: {count} in an hour",
        "Customers get no acknowledgements and surveys for a while. Their mail is ticketed and agents see it.",
        "Is there a mail loop or a flood? If this is a busy day, raise caps.breaker_hour.",
    ),
    Ill.CERTIFICATE: Words(
        "A certificate cannot be used",
        "The last good one stays in use until the gateway is restarted; when it has expired, other servers may "
        "refuse to hand over mail by TLS.",
        "Put a good certificate in place together with its key; it is read again by itself.",
    ),
    Ill.LOG_LOST: Words(
        "Lines of the log are lost",
        "Mail goes on. But when something goes wrong, the log will not tell what it was.",
        "Is the disk of the log full, or does the log's reader stand still? See: systemctl status systemd-journald",
    ),
    Ill.CLOCK: Words(
        "The clock of the machine has jumped",
        "Mail goes on. The desk keeps its own time for the moment, so that nothing comes due too early or too late.",
        "Set the clock (is time synchronisation on?). If it is right, run: gateway clock --accept",
    ),
    Ill.COMMAND_FAILED: Words(
        "The command for alarms has failed",
        "Mail goes on. But when the relay is down, alarms that go by mail alone reach nobody.",
        "Correct the command under alarms.command and try it.",
    ),
}

VI: Mapping[Ill, Words] = {
    Ill.MAILBOX_SILENT: Words(
        "Hộp thư {about} đã {for} chưa được lấy thư",
        "Thư mới trong hộp này chưa được lấy về. Thư vẫn nằm trên máy chủ thư, không bị mất, nhưng chưa ai nhìn thấy.",
        "Xin kiểm tra máy chủ thư có hoạt động và chứng thư số còn hiệu lực không. Việc lấy thư sẽ tự tiếp tục.",
    ),
    Ill.LOGIN_REFUSED: Words(
        "Máy chủ thư từ chối đăng nhập của hộp thư {about}",
        "Thư mới trong hộp này chưa được lấy về. Thư vẫn nằm trên máy chủ thư, không bị mất, nhưng chưa ai nhìn thấy.",
        "Mật khẩu đã đổi hay tài khoản bị khóa? Xin sửa lại mật khẩu rồi khởi động lại gateway. Trong lúc chờ, gateway "
        "chỉ thử lại mỗi 15 phút để tài khoản không bị khóa.",
    ),
    Ill.MAIL_MISSED: Words(
        "Hộp thư {about} có thư bị bỏ sót: {count}",
        "Khi đối chiếu với máy chủ thư đã phát hiện thư chưa được lấy về hoặc đã thay đổi. Nay thư đã được lấy về và "
        "xử lý như mọi thư khác, tuy có muộn.",
        "Máy chủ thư đánh số thư không theo thứ tự, hoặc vừa được khôi phục từ bản sao lưu. Xin báo cho người quản trị "
        "máy chủ đó.",
    ),
    Ill.MAILBOX_UNPROVEN: Words(
        "Hộp thư {about} đã {for} chưa được đối chiếu",
        "Thư mới vẫn được lấy về, nhưng chưa chứng minh được là không sót thư nào.",
        "Xin xem trạng thái của hộp thư này: có thể thiếu một thư mục, hoặc máy chủ thư ngắt giữa chừng.",
    ),
    Ill.DISK: Words(
        "Ổ đĩa sắp đầy",
        "Gateway không nhận thư nữa: các máy chủ khác giữ thư lại và gửi lại sau, hộp thư không được lấy. Chưa mất gì; "
        "nhưng sau vài ngày các máy chủ khác sẽ trả thư lại cho người gửi.",
        "Xin giải phóng chỗ trên ổ đĩa chứa thư mục trạng thái. Gateway sẽ tự chạy tiếp.",
    ),
    Ill.STORE: Words(
        "Không dùng được cơ sở dữ liệu",
        "Thư không được nhận và không được xử lý. Những thư đã nhận trước đó vẫn còn trên đĩa.",
        "Xin xem nhật ký. Nếu cơ sở dữ liệu bị hỏng, gateway sẽ dừng với mã 3 và phải khôi phục từ bản sao lưu.",
    ),
    Ill.DESK_STALLED: Words(
        "Bộ phận xử lý thư đứng yên",
        "Thư vẫn được nhận và lưu lại nhưng chưa được xử lý: chưa có mã yêu cầu, chưa có thư xác nhận.",
        "Dưới systemd, chương trình sẽ tự khởi động lại. Nếu còn lặp lại, xin xem trong nhật ký nó đang đọc thư nào.",
    ),
    Ill.LARGE_STALLED: Words(
        "Thư lớn không được xử lý",
        "Thư lớn hoặc bất thường được lưu lại nhưng chưa được xử lý. Các thư khác vẫn bình thường.",
        "Xin khởi động lại gateway. Nếu còn lặp lại, xin xem trong nhật ký nó đang đọc thư nào.",
    ),
    Ill.MAIL_WAITING: Words(
        "Có thư chờ xử lý đã {for}: {count}",
        "Khách hàng phải chờ mã yêu cầu và thư xác nhận. Không có thư nào bị mất.",
        "Máy có quá tải, hay thư đang đến ồ ạt? Xin xem trạng thái và tải của máy.",
    ),
    Ill.LOOP_FAILING: Words(
        "Một bộ phận của gateway liên tục gặp lỗi: {about}",
        "Phần việc này không được thực hiện: thư có thể không được xử lý hoặc không được gửi đi. Thư đã nhận vẫn còn "
        "trên đĩa.",
        "Xin xem nhật ký. Gateway thử lại mỗi giây.",
    ),
    Ill.RELAY_DOWN: Words(
        "Máy chủ gửi thư đã {for} không nhận thư; đang chờ gửi: {count}",
        "Thư trả lời và thư xác nhận chưa gửi đi được. Thư được giữ lại và sẽ gửi ngay khi máy chủ nhận lại; sau năm "
        "ngày sẽ bị báo là không gửi được.",
        "Xin kiểm tra máy chủ gửi thư (relay) có hoạt động không, cùng tên, cổng, chứng thư số và mật khẩu.",
    ),
    Ill.OUTBOX_OLD: Words(
        "Có thư chờ gửi đã {for}: {count}",
        "Một số người nhận chưa nhận được thư. Thư được gửi lại cho đến khi tới nơi hoặc bị từ chối.",
        "Xin xem trong nhật ký máy chủ gửi thư trả lời gì về những thư này.",
    ),
    Ill.RULES_REFUSED: Words(
        "Bộ quy tắc trên đĩa bị từ chối",
        "Bộ quy tắc tốt gần nhất vẫn có hiệu lực; những thay đổi mới chưa được áp dụng.",
        "Xin sửa các tệp được nêu rồi chạy: gateway reload",
    ),
    Ill.QUARANTINE: Words(
        "Có thư bị cách ly: {count}",
        "Những thư này được giữ nguyên vẹn, nhưng chưa ai biết nội dung và chưa có yêu cầu nào được mở.",
        "Xin xem từng thư, thư nào tốt thì cho ra bằng lệnh: gateway quarantine --release ID",
    ),
    Ill.ON_HOLD: Words(
        "Việc gửi thư đang tạm giữ: không thư nào được gửi đi",
        "Khách hàng và nhân viên không nhận được gì: không thư trả lời, không thư xác nhận, không thư báo trễ hạn. Thư "
        "đến vẫn được nhận và xử lý; thư phát sinh được giữ lại.",
        "Xin xem những thư đang giữ, bỏ những thư không nên gửi, rồi cho gửi phần còn lại: "
        "gateway outbox release --all",
    ),
    Ill.BREAKER_OPEN: Words(
        "Thư tự động đã tạm ngừng: {count} thư trong một giờ",
        "Khách hàng tạm thời không nhận được thư xác nhận và khảo sát. Thư của họ vẫn được ghi nhận và nhân viên vẫn "
        "thấy.",
        "Có thư chạy vòng hay thư đến ồ ạt không? Nếu chỉ là một ngày bận rộn, xin tăng caps.breaker_hour.",
    ),
    Ill.CERTIFICATE: Words(
        "Không dùng được chứng thư số",
        "Chứng thư tốt gần nhất vẫn được dùng cho đến khi gateway khởi động lại; khi nó hết hạn, máy chủ khác có thể "
        "không gửi thư qua TLS được.",
        "Xin đặt lại chứng thư đúng cùng với khóa của nó; gateway sẽ tự đọc lại.",
    ),
    Ill.LOG_LOST: Words(
        "Nhật ký bị mất dòng",
        "Thư vẫn bình thường. Nhưng khi có sự cố, nhật ký sẽ không cho biết nguyên nhân.",
        "Ổ đĩa chứa nhật ký bị đầy, hay chương trình đọc nhật ký đứng yên? Xem: systemctl status systemd-journald",
    ),
    Ill.CLOCK: Words(
        "Đồng hồ của máy bị nhảy",
        "Thư vẫn bình thường. Gateway tạm dùng giờ riêng để không có thời hạn nào đến quá sớm hay quá muộn.",
        "Xin chỉnh lại đồng hồ (đồng bộ thời gian có đang bật không?). Nếu giờ của máy là đúng, chạy: "
        "gateway clock --accept",
    ),
    Ill.COMMAND_FAILED: Words(
        "Lệnh báo động bị lỗi",
        "Thư vẫn bình thường. Nhưng khi máy chủ gửi thư bị hỏng, cảnh báo chỉ đi bằng email sẽ không đến được ai.",
        "Xin sửa lệnh ở alarms.command rồi chạy thử.",
    ),
}

ZH: Mapping[Ill, Words] = {
    Ill.MAILBOX_SILENT: Words(
        "邮箱 {about} 已有 {for}未能收取",
        "该邮箱中的新邮件没有被取回。邮件仍在邮件服务器上，不会丢失，但没有人看到。",
        "请检查邮件服务器是否正常、证书是否有效。收取会自动恢复。",
    ),
    Ill.LOGIN_REFUSED: Words(
        "邮件服务器拒绝邮箱 {about} 登录",
        "该邮箱中的新邮件没有被取回。邮件仍在邮件服务器上，不会丢失，但没有人看到。",
        "是否改过密码，或账号被锁定？请更正密码并重启 gateway。在此之前每 15 分钟只尝试一次，以免账号被锁。",
    ),
    Ill.MAIL_MISSED: Words(
        "邮箱 {about} 有遗漏的邮件：{count} 封",
        "与邮件服务器核对时，发现有邮件未曾取回或内容已变。现已取回，并与其他邮件一样处理，只是晚了一些。",
        "邮件服务器没有按顺序编号，或刚从备份恢复。请通知该服务器的管理员。",
    ),
    Ill.MAILBOX_UNPROVEN: Words(
        "邮箱 {about} 已有 {for}未能核对",
        "新邮件仍在收取，但无法证明没有遗漏。",
        "请查看该邮箱的状态：可能缺少某个文件夹，或邮件服务器中途断开。",
    ),
    Ill.DISK: Words(
        "磁盘即将写满",
        "不再接收邮件：其他服务器会保留邮件并重试，邮箱停止收取。目前没有丢失；但数日之后，其他服务器会把邮件退回发件人。",
        "请在状态目录所在的磁盘上腾出空间。gateway 会自动继续。",
    ),
    Ill.STORE: Words(
        "数据库无法使用",
        "邮件无法接收，也无法处理。此前已接收的邮件仍在磁盘上。",
        "请查看日志。如果数据库已损坏，gateway 会以状态码 3 退出，须用备份恢复。",
    ),
    Ill.DESK_STALLED: Words(
        "邮件处理停滞",
        "邮件照常接收并保存，但没有处理：不生成工单，也不发确认邮件。",
        "在 systemd 下会自动重启。若再次发生，请在日志中查看当时正在读取哪封邮件。",
    ),
    Ill.LARGE_STALLED: Words(
        "大邮件处理停滞",
        "较大或异常的邮件已保存，但没有处理。其他邮件不受影响。",
        "请重启 gateway。若再次发生，请在日志中查看当时正在读取哪封邮件。",
    ),
    Ill.MAIL_WAITING: Words(
        "有邮件已等待处理 {for}：{count} 封",
        "客户在等待工单和确认邮件。没有邮件丢失。",
        "机器是否过载，或是否有大量邮件涌入？请查看状态和负载。",
    ),
    Ill.LOOP_FAILING: Words(
        "gateway 的一个部件持续出错：{about}",
        "该部件的工作没有完成：邮件可能未处理或未发出。已接收的邮件仍在磁盘上。",
        "请查看日志。系统每秒重试一次。",
    ),
    Ill.RELAY_DOWN: Words(
        "发信服务器已有 {for}不接收邮件；待发：{count} 封",
        "答复和确认邮件发不出去。邮件已保存，发信服务器恢复后立即发出；五天后仍未发出的会报告为无法送达。",
        "请检查发信服务器（relay）是否正常，以及其名称、端口、证书和密码。",
    ),
    Ill.OUTBOX_OLD: Words(
        "有邮件已等待发送 {for}：{count} 封",
        "部分收件人尚未收到邮件。系统会一直重试，直到送达或被拒收。",
        "请在日志中查看发信服务器对这些邮件的回复。",
    ),
    Ill.RULES_REFUSED: Words(
        "磁盘上的规则未通过检查",
        "仍使用上一次正确的规则；所做的修改没有生效。",
        "请更正所列的文件，然后运行：gateway reload",
    ),
    Ill.QUARANTINE: Words(
        "有邮件被隔离：{count} 封",
        "这些邮件已完整保存，但没有人知道其内容，也没有建立工单。",
        "请逐一查看，没有问题的用以下命令放行：gateway quarantine --release ID",
    ),
    Ill.ON_HOLD: Words(
        "外发已暂停：没有任何邮件发出",
        "客户和客服收不到任何邮件：没有回复、没有确认邮件、没有升级通知。来信照常接收和处理，由此产生的邮件暂存待发。",
        "请查看暂存的邮件，舍弃不应发出的，然后放行其余邮件：gateway outbox release --all",
    ),
    Ill.BREAKER_OPEN: Words(
        "自动邮件已暂停：一小时内 {count} 封",
        "客户暂时收不到确认邮件和回访。他们的来信照常建立工单，客服也能看到。",
        "是否有邮件循环或大量邮件涌入？如果只是业务繁忙，请调高 caps.breaker_hour。",
    ),
    Ill.CERTIFICATE: Words(
        "证书无法使用",
        "在 gateway 重启之前仍使用上一份正确的证书；该证书过期后，其他服务器可能拒绝通过 TLS 投递邮件。",
        "请放入正确的证书及其私钥；系统会自动重新读取。",
    ),
    Ill.LOG_LOST: Words(
        "日志有丢失",
        "邮件不受影响。但一旦出现问题，日志将无法说明原因。",
        "日志所在磁盘是否已满，或读取日志的程序是否停滞？请查看：systemctl status systemd-journald",
    ),
    Ill.CLOCK: Words(
        "机器的时钟发生跳变",
        "邮件不受影响。系统暂时使用自己的时间，以免各项时限过早或过晚到期。",
        "请校正时钟（时间同步是否已开启？）。如果时钟是正确的，请运行：gateway clock --accept",
    ),
    Ill.COMMAND_FAILED: Words(
        "告警命令执行失败",
        "邮件不受影响。但当发信服务器故障时，只靠邮件发出的告警将无人收到。",
        "请更正 alarms.command 中的命令，然后测试。",
    ),
}

WORDS: Mapping[str, Mapping[Ill, Words]] = {"en": EN, "vi": VI, "zh": ZH}
MARK: Mapping[str, Mapping[Moment, str]] = {
    "en": {Moment.BEGIN: "Alarm", Moment.REMINDER: "Still", Moment.END: "Over", Moment.TEST: "Test"},
    "vi": {Moment.BEGIN: "Cảnh báo", Moment.REMINDER: "Vẫn còn", Moment.END: "Đã hết", Moment.TEST: "Thử"},
    "zh": {Moment.BEGIN: "告警", Moment.REMINDER: "仍未恢复", Moment.END: "已恢复", Moment.TEST: "测试"},
}
TEST: Mapping[str, Words] = {
    "en": Words("This is a test alarm", "Nothing is wrong.", "Nothing: alarms reach you this way."),
    "vi": Words("Đây là cảnh báo thử", "Không có gì hỏng.", "Không cần làm gì: cảnh báo đến được bạn bằng đường này."),
    "zh": Words("这是一次告警测试", "一切正常。", "无需处理：告警可以通过此途径送达。"),
}
SEVERAL = {"en": "{count} messages", "vi": "{count} thông báo", "zh": "{count} 条通知"}
OVER = {
    "en": "This is over; nothing needs to be done.",
    "vi": "Sự cố đã hết, không cần làm gì thêm.",
    "zh": "现已恢复，无需处理。",
}
