"""Japanese."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="ja",
    sender="差出人 | 送信者 | 送信元 | 発信者 | 発信元",
    date="送信日時 | 日時 | 日付 | 送信日 | 送信済み | 送信時刻 | 送信",
    to="宛先 | 宛て先 | 送信先 | 宛名",
    cc="ccの宛先 | bccの宛先 | 同報 | カーボンコピー | cc（写し）",
    subject="件名 | 題名 | 標題 | 表題",
    other="添付ファイル | 重要度 | 返信先 | 組織 | 返信先アドレス",
    wrote="のメール | のメッセージ | 書きました | に書き込み | のメール文",
    starts="on",
    original="""
        元のメッセージ | 元のメール | オリジナルメッセージ | original message | 元メッセージ | 返信元メッセージ |
        原文 | オリジナルのメッセージ | 元のメッセージここから
        """,
    forwarded="""
        転送されたメッセージ | 転送メッセージ | 転送メール | 転送されたメール | 以下転送メッセージ |
        転送されたメッセージここから | 以下、転送メッセージ | 転送 message | 転送元メッセージ |
        以下転送されたメッセージ | forwarded message
        """,
    forwarded_by="転送者",
    reply_prefix="返信 | 返",
    forward_prefix="転送 | 転",
    sent_from="""
        iphoneから送信 | ipadから送信 | iphone から送信 | ipad から送信 | 私のiphoneから送信 | xperiaから送信 |
        galaxyから送信 | …から送信 | outlook for…を入手 | ios 版 outlook…を入手 | android 版 outlook…を入手
        """,
    sign_off="敬具 | 草々",
    thanks="""
        よろしくお願いいたします | よろしくお願いします | 以上、よろしくお願いいたします |
        何卒よろしくお願いいたします | 以上 | 宜しくお願い致します | 宜しくお願いいたします |
        よろしくお願い致します | 以上、よろしくお願いします | どうぞよろしくお願いいたします |
        何卒よろしくお願い申し上げます
        """,
    postscript="追伸",
    contact="電話 | 携帯 | ファックス | 住所 | メール | 直通 | 代表 | 内線 | url | tel | fax | mail | e-mail | 〒",
    disclaimer="機密 | 受信者 | 誤って | 破棄 | 送信者 | 免責 | 秘密 | 本メール | 削除",
)
