"""Korean."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="ko",
    sender="보낸 사람 | 보낸이 | 보낸사람 | 발신 | 발신인 | 발신자 | 보내는 사람 | 보낸 이",
    date="보낸 날짜 | 날짜 | 보낸 시간 | 보냄 | 일시 | 발송일 | 보낸날짜 | 보낸 일시 | 일자 | 보낸시간",
    to="받는 사람 | 받는이 | 받는사람 | 수신 | 수신인 | 수신자 | 받는 이",
    cc="참조 | 숨은 참조 | 숨은참조",
    subject="제목",
    other="첨부 파일 | 첨부파일 | 중요도 | 첨부 | 회신 주소 | 답장 받을 주소",
    wrote="작성 | 작성했습니다 | 작성하였습니다 | 작성한 내용 | 쓴 글 | 썼습니다 | 작성함",
    starts="on",
    original="""
        원본 메시지 | 원본 메일 | 원본메일 | 원본 이메일 | 원본메시지 | original message | 원문 메시지 |
        원래 메시지 | 원본 내용 | 원문 | 회신 메시지 | 받은 메일 내용 | 받은 메일
        """,
    forwarded="""
        전달된 메시지 | 전달된 메일 | 전달 메시지 | 전달된 이메일 | 전달된 메시지 시작 | forwarded message |
        전달한 메시지 | 전달하는 메시지 | 다음 메시지를 전달합니다 | 전달메일
        """,
    reply_prefix="답장 | 회신 | 답변 | 답",
    forward_prefix="전달",
    sent_from="""
        내…에서 보냄 | 나의…에서 보냄 | 내…에서 전송 | …에서 보냄 | …에서 전송됨 | …에서 발송됨 |
        ios용 outlook…다운로드 | ios용 outlook…받기 | android용 outlook…받기 | android용 outlook…다운로드
        """,
    sign_off="수고하세요 | 드림 | 올림 | 안녕히 계세요 | 수고하십시오 | 좋은 하루 되세요",
    thanks="감사합니다 | 고맙습니다 | 감사합니다.",
    postscript="추신",
    contact="전화 | 휴대폰 | 팩스 | 주소 | 이메일 | 핸드폰 | 사무실 | 직통 | 홈페이지 | 연락처 | h.p | hp",
    disclaimer="기밀 | 수신인 | 수신자 | 잘못 | 삭제 | 발신자 | 무단 | 비밀 | 본 메일 | 본 이메일",
)
