"""Notices as they come in life, in three languages, for the golden mails and the pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.desk.alarm_mail import shown
from gateway.model import Ill, Moment, Telling, Trouble

CUT = {
    "vi": "=#=#= Viết câu trả lời phía trên dòng này =#=#=",
    "zh": "=#=#= 请在此行上方填写回复 =#=#=",
    "en": "=#=#= Write your answer above this line =#=#=",
}
DEPARTMENT = {"vi": "Phòng Kỹ thuật", "zh": "技术部", "en": "Technical Support"}
SUBJECT = {
    "vi": "Máy in không chạy sau khi thay mực",
    "zh": "更换墨盒后打印机无法工作",
    "en": "Printer dead after changing the ink",
}
PROMISE = {"vi": "4 giờ làm việc", "zh": "4 个工作小时", "en": "4 working hours"}
DUE = {
    "vi": "16:30, thứ Hai 23/11/2026",
    "zh": "2026年11月23日（星期一）16:30",
    "en": "Monday 23 November 2026, 16:30",
}
HOURS = {
    "vi": "thứ Hai đến thứ Sáu: 08:00–12:00 và 13:30–16:30; thứ Bảy: 08:00–12:00",
    "zh": "周一至周五 08:00–12:00、13:30–16:30；周六 08:00–12:00",
    "en": "Monday to Friday: 08:00–12:00 and 13:30–16:30; Saturday: 08:00–12:00",
}
BODY = {
    "vi": """\
Chào anh chị,

Tôi vừa thay mực thì máy báo lỗi E-05 <giấy kẹt?>, đã tắt bật lại 3 lần:
  - đèn đỏ vẫn nháy
  - không in được trang thử

Xin giúp gấp, chiều nay tôi phải nộp hồ sơ.
Hoa""",
    "zh": """\
你好：

刚换完墨盒，打印机就报错 E-05 <卡纸？>，重启了三次：
  - 红灯一直闪
  - 测试页也打不出来

今天下午要交材料，请尽快处理。
李华""",
    "en": """\
Hello,

I have just changed the ink and now it says E-05 <paper jam?>. Switched it off and on 3 times:
  - the red light keeps blinking
  - no test page either

Please hurry, I have to hand in papers this afternoon.
Helen""",
}
ANSWER = {
    "vi": """\
Lỗi E-05 thường do còn băng keo bảo vệ trên hộp mực. Xin quý khách:

1. Mở nắp, lấy hộp mực đen ra.
2. Bóc hết băng keo màu cam.
3. Lắp lại, giữ nút nguồn 5 giây.

Nếu đèn đỏ vẫn nháy, tôi sẽ đến tận nơi trong chiều nay.""",
    "zh": """\
E-05 通常是墨盒上的保护胶带没有撕净。请您：

1. 打开上盖，取出黑色墨盒；
2. 撕净橙色胶带；
3. 装回后长按电源键 5 秒。

如果红灯仍然闪烁，我今天下午上门处理。""",
    "en": """\
E-05 mostly means that some tape is left on the cartridge. Please:

1. Open the lid and take out the black cartridge.
2. Pull off all the orange tape.
3. Put it back and hold the power button for 5 seconds.

If the red light goes on blinking I will come by this afternoon.""",
}
EVIDENCE = {
    "vi": "đã xác thực tên miền người gửi",
    "zh": "发件域已验证",
    "en": "the sender's domain is authenticated",
}
LATE = {"vi": "quá hạn 2 giờ 15 phút", "zh": "已逾期 2 小时 15 分钟", "en": "2 hours 15 minutes overdue"}
HINT = {
    "vi": "Có thể thuộc về yêu cầu [KD-9], nhưng người gửi không có trong yêu cầu đó.",
    "zh": "可能属于工单 [KD-9]，但发件人不在该工单中。",
    "en": "May belong to [KD-9], but the sender is not part of that ticket.",
}
NOTE = {
    "vi": "Khách này dùng mực không chính hãng, nhớ hỏi trước khi hứa bảo hành.",
    "zh": "该客户用的不是原装墨盒，承诺保修前请先确认。",
    "en": "They use third-party ink: ask before promising warranty.",
}
COMMANDS = {
    "vi": [{"name": "#note", "help": "ghi chú nội bộ"}, {"name": "#close", "help": "đóng yêu cầu"}],
    "zh": [{"name": "#note", "help": "内部备注"}, {"name": "#close", "help": "关闭工单"}],
    "en": [{"name": "#note", "help": "internal note"}, {"name": "#close", "help": "close the ticket"}],
}
CUSTOMER = {"vi": "Nguyễn Thị Hoa", "zh": "李华", "en": "Helen Miller"}
AGENT = {"vi": "Trần Văn Nam", "zh": "王伟", "en": "Nathan Reed"}
WHY = {
    "vi": "thư không qua được kiểm tra DKIM và không đến qua cổng gửi có mật khẩu",
    "zh": "邮件未通过 DKIM 验证，也不是通过需要密码的端口提交的",
    "en": "no valid DKIM signature, and not submitted with a password",
}


def sample_values(language: str) -> dict[str, dict[str, object]]:
    """kind → values."""
    history = [
        {"who": CUSTOMER[language], "when": "2026-11-23 02:30 UTC", "text": BODY[language]},
        {"who": AGENT[language], "when": "2026-11-23 04:05 UTC", "text": ANSWER[language]},
    ]
    always = {"tag": "[KD-12]", "department": DEPARTMENT[language], "desk": "Công ty Mẫu"}
    staff = {"cut": CUT[language], "subject": SUBJECT[language]}
    customer = {"customer_name": CUSTOMER[language], "customer_address": "hoa@khach.example"}
    values: dict[str, dict[str, object]] = {
        "acknowledgement": {
            "subject": SUBJECT[language],
            "promise": PROMISE[language],
            "due": DUE[language],
            "hours": HOURS[language],
            "urgent": True,
        },
        "answer": {"text": ANSWER[language], "agent_name": AGENT[language], "closing": True, "greet": True},
        "survey": {"subject": SUBJECT[language], "cut": CUT[language]},
        "survey-thanks": {"worked": False, "reopened": True},
        "agent-notice": {
            **staff,
            **customer,
            "what": "reply",
            "evidence": EVIDENCE[language],
            "body": BODY[language],
            "due": DUE[language],
            "assignee": "nam@congty.example",
            "also_to": ["ketoan@khach.example"],
            "not_included": ["la@noikhac.example"],
            "hints": [HINT[language]],
            "history": history[1:],
            "commands_help": True,
        },
        "returned": {
            **staff,
            "reason": "unknown-command",
            "detail": "1: #clsoe",
            "suggestion": "#close",
            "text": ANSWER[language],
            "commands": COMMANDS[language],
        },
        "confirm": {**staff, "text": ANSWER[language], "why": WHY[language]},
        "escalation": {
            **staff,
            **customer,
            "due": DUE[language],
            "late_by": LATE[language],
            "assignee": "",
            "agents": ["nam@congty.example", "lan@congty.example"],
            "history": history[:1],
        },
        "undelivered": {
            **staff,
            "recipient": "hoa@khach.example",
            "reply": "550 5.1.1 <hoa@khach.example>: Recipient address rejected: User unknown",
            "text": ANSWER[language],
            "because": "refused",
        },
        "note-copy": {**staff, "author": AGENT[language], "text": NOTE[language]},
        "assigned": {**staff, "by": AGENT[language], "body": BODY[language]},
        "alarm": {"alarms": alarms(language), "text": "\n".join(one["title"] for one in alarms(language))},
    }
    return {kind: {**always, **one} for kind, one in values.items()}


def alarms(language: str) -> list[dict[str, str]]:
    """A relay that is down, and a mailbox that is polled again."""
    at = datetime(2026, 11, 23, 2, 31, tzinfo=UTC)
    reply = "ConnectionRefusedError: [Errno 111] Connection refused"
    down = Trouble(Ill.RELAY_DOWN, "", reply, True, at - timedelta(minutes=20), reply, 1250)
    silent = Trouble(Ill.MAILBOX_SILENT, "support", "", True, at - timedelta(hours=3), "TimeoutError: timed out")
    told = (
        Telling(Moment.BEGIN, at, down),
        Telling(Moment.END, at, silent, at - timedelta(minutes=6)),
    )
    return [shown(one, language, "Asia/Ho_Chi_Minh") for one in told]
