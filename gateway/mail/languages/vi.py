"""Vietnamese."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="vi",
    sender="từ | người gửi",
    date="đã gửi | gửi | gửi lúc | ngày | ngày gửi | thời gian gửi | thời gian | gửi vào | gửi ngày | ngày giờ",
    to="đến | tới | người nhận | gửi tới | gửi đến | gửi cho",
    cc="đồng gửi | đồng kính gửi | bản sao | sao gửi | bcc",
    subject="chủ đề | tiêu đề | về việc | v/v | đề tài",
    other="tệp đính kèm | đính kèm | mức độ quan trọng | trả lời tới | trả lời cho | phản hồi tới | độ quan trọng",
    wrote="đã viết | viết | có viết | đã gửi | đã ghi",
    starts="vào | ngày | lúc | vào lúc | vào ngày",
    no_author="theo | như | hôm | khi | vì | sáng | chiều | trong",
    cites="trích dẫn | trích",
    original="""
        bản gốc | email gốc | thông điệp gốc | thư ban đầu | thư gốc | thư trả lời gốc | tin nhắn gốc |
        thư nguyên bản | tin gốc | nội dung gốc | tin nhắn ban đầu | thư trả lời | nội dung thư gốc
        """,
    forwarded="""
        bắt đầu thư chuyển tiếp | bắt đầu thư được chuyển tiếp | chuyển tiếp thư | thông điệp chuyển tiếp |
        thư chuyển tiếp | thư đã chuyển tiếp | thư được chuyển tiếp | tin nhắn chuyển tiếp | email chuyển tiếp |
        tin nhắn đã chuyển tiếp | thư đã được chuyển tiếp | bắt đầu tin nhắn được chuyển tiếp |
        email được chuyển tiếp | bắt đầu email được chuyển tiếp | tin nhắn được chuyển tiếp |
        bắt đầu tin nhắn chuyển tiếp
        """,
    forwarded_by="chuyển tiếp bởi | được chuyển tiếp bởi",
    reply_above="viết phía trên dòng này | trả lời phía trên dòng này | trả lời trên dòng này",
    reply_prefix="trả lời | tl | phản hồi | hồi âm",
    forward_prefix="chuyển tiếp | ct",
    sent_from="""
        đã gửi từ | được gửi từ | đã được gửi từ | gửi từ iphone | gửi từ ipad | gửi từ điện thoại |
        gửi từ thiết bị | gửi từ gmail | gửi từ outlook | gửi từ yahoo | gửi từ samsung | gửi từ android |
        gửi từ mail | gửi từ máy | gửi từ ứng dụng | tải outlook cho | nhận outlook cho | lấy outlook cho |
        tải về outlook cho | gửi bằng | được gửi bằng | gửi từ zalo | tải xuống outlook cho | gửi từ galaxy |
        gửi từ oppo | gửi từ xiaomi
        """,
    sign_off="""
        trân trọng | trân trọng kính chào | trân trọng! | kính thư | thân ái | thân mến | kính chào | thân | kính |
        best regards | rất mong nhận được phản hồi | chúc một ngày tốt lành | kính mến | cảm ơn và trân trọng |
        thanks & best regards
        """,
    thanks="""
        trân trọng cảm ơn | xin cảm ơn | cảm ơn | xin chân thành cảm ơn | chân thành cảm ơn | cám ơn |
        xin trân trọng cảm ơn | xin cám ơn | cảm ơn bạn | cảm ơn anh | cảm ơn chị | cảm ơn anh/chị | cảm ơn nhiều
        """,
    postscript="tái bút | tb: | t/b",
    contact="""
        đt | đtdđ | điện thoại | sđt | di động | số điện thoại | địa chỉ | đ/c | hotline | mst | mã số thuế | fax |
        điện thoại bàn | máy bàn | văn phòng | vp | trụ sở | email | website | zalo
        """,
    disclaimer="""
        !trước khi in email | !trước khi in thư | bảo mật | thông tin mật | người nhận | thông báo cho người gửi |
        xóa thư | xóa email | vui lòng xóa | không được phép | nhầm lẫn | thư điện tử này | email này |
        chỉ dành cho | tuyên bố miễn trừ | nghiêm cấm | tệp đính kèm | xóa bỏ | trước khi in
        """,
)
