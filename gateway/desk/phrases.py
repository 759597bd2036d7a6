"""Short words that the desk puts into staff notices, in the staff's language."""

from __future__ import annotations

_HINTS: dict[str, dict[str, str]] = {
    "evidence-0": {
        "vi": "chưa xác thực: chỉ dựa vào dòng From",
        "zh": "未验证：仅凭发件人一栏",
        "en": "not verified: a From line alone",
    },
    "evidence-1": {
        "vi": "đã xác thực tên miền người gửi",
        "zh": "发件域已验证",
        "en": "the sender's domain is authenticated",
    },
    "evidence-2": {
        "vi": "trả lời đúng địa chỉ có chữ ký",
        "zh": "回复了已签名的地址",
        "en": "answered a signed address of ours",
    },
    "evidence-3": {"vi": "đã xác thực đầy đủ", "zh": "已完全验证", "en": "fully authenticated"},
    "confirm-0": {
        "vi": "chỉ có dòng From nói rằng thư này do bạn viết, mà dòng From thì ai cũng ghi được.",
        "zh": "只有发件人一栏表明是您所写，而这一栏任何人都可以填写。",
        "en": "only the From line says that you wrote it, and anybody can write a From line.",
    },
    "confirm-1": {
        "vi": "thư đến từ tên miền của bạn, nhưng không trả lời vào địa chỉ riêng dành cho bạn.",
        "zh": "邮件来自您的域名，但没有回复到专门发给您的地址。",
        "en": "it comes from your domain, but does not answer the address made for you.",
    },
    "confirm-2": {
        "vi": "thư trả lời đúng địa chỉ dành cho bạn, nhưng không có gì chứng minh được gửi từ hộp thư của bạn.",
        "zh": "邮件回复到了专门发给您的地址，但无法证明是从您的邮箱发出的。",
        "en": "it answers the address made for you, but nothing proves that it was sent from your mailbox.",
    },
    "entry-note": {"vi": "ghi chú nội bộ", "zh": "内部备注", "en": "internal note"},
    "entry-answer": {"vi": "đã gửi cho khách", "zh": "已发给客户", "en": "sent to the customer"},
    "entry-staged": {"vi": "đang giữ lại, chưa gửi", "zh": "暂扣，未发送", "en": "kept back, not sent"},
    "entry-survey": {"vi": "trả lời khảo sát", "zh": "回访答复", "en": "answer to the survey"},
    "entry-held": {"vi": "chỉ nhân viên nhìn thấy", "zh": "仅客服可见", "en": "seen by staff only"},
    "overdue": {"vi": "QUÁ HẠN: ", "zh": "【逾期】", "en": "OVERDUE: "},
    "related": {
        "vi": "Có thể thuộc về yêu cầu [{tag}], nhưng người gửi không có trong yêu cầu đó.",
        "zh": "可能属于工单 [{tag}]，但发件人不在该工单中。",
        "en": "May belong to [{tag}], but the sender is not part of that ticket.",
    },
    "unverified": {
        "vi": "Người gửi chưa được xác thực; câu trả lời chỉ gửi đến các địa chỉ đã có trong yêu cầu.",
        "zh": "发件人未经验证；回复只会发送到工单已登记的地址。",
        "en": "The sender is not verified; your answer goes to the addresses on record only.",
    },
    "held": {
        "vi": "Thư tự động gửi đến địa chỉ riêng của yêu cầu: chỉ nhân viên nhìn thấy.",
        "zh": "自动邮件发到了工单的专用地址：仅客服可见。",
        "en": "Automatic mail to the ticket's own address: seen by staff only.",
    },
    "stranger": {
        "vi": "Người viết không phải là người tham gia yêu cầu; họ có địa chỉ trả lời của yêu cầu.",
        "zh": "写信人不是工单参与者，但持有该工单的回复地址。",
        "en": "The writer is not a participant; they hold the ticket's reply address.",
    },
    "old": {
        "vi": "Tiếp nối yêu cầu đã đóng [{tag}].",
        "zh": "延续已关闭的工单 [{tag}]。",
        "en": "Continues the closed ticket [{tag}].",
    },
    "anew": {
        "vi": "Khách trả lời thư của yêu cầu [{tag}] nhưng tiêu đề và nội dung là việc khác, nên đã mở yêu cầu mới.",
        "zh": "客户回复的是工单 [{tag}] 的邮件，但主题和内容是另一件事，因此新开了工单。",
        "en": "The customer answered a mail of [{tag}], but subject and text are another matter: a new ticket.",
    },
    "subject": {
        "vi": "Tiêu đề của thư này: {subject}",
        "zh": "本邮件的主题：{subject}",
        "en": "Subject of this mail: {subject}",
    },
    "unreadable": {
        "vi": "Không đọc được toàn bộ thư; thư gốc được đính kèm.",
        "zh": "邮件无法完整读取；原始邮件见附件。",
        "en": "The mail could not be read whole; the original is attached.",
    },
    "too-large": {
        "vi": "Thư này quá lớn ({size}) nên không được tải về, ở đây chỉ có phần đầu; thư gốc nằm trong hộp thư "
        "“{mailbox}”.",
        "zh": "此邮件过大（{size}），没有下载，这里只有开头部分；原件在邮箱“{mailbox}”中。",
        "en": "This mail is too large ({size}) and was not fetched, only its beginning is here; the original is in the "
        "mailbox “{mailbox}”.",
    },
    "no-body": {
        "vi": "Máy chủ thư không giao nội dung của thư này, ở đây chỉ có phần đầu thư; thư gốc nằm trong hộp thư "
        "“{mailbox}”.",
        "zh": "邮件服务器没有给出此邮件的内容，这里只有邮件头；原件在邮箱“{mailbox}”中。",
        "en": "The mail server did not give the text of this mail, only its header is here; the original is in the "
        "mailbox “{mailbox}”.",
    },
    "not-given": {
        "vi": "Máy chủ thư không giao được thư này; thư gốc vẫn nằm trong hộp thư “{mailbox}”.",
        "zh": "邮件服务器无法给出此邮件；原件仍在邮箱“{mailbox}”中。",
        "en": "The mail server could not give this mail; the original is still in the mailbox “{mailbox}”.",
    },
}


def hint(key: str, language: str, **values: str) -> str:
    """The words for `key`; English where the language is missing."""
    words = _HINTS[key]
    return words.get(language, words["en"]).format(**values)
