"""The words people answer a survey with, by what they say (Vietnamese, Chinese, English).

Written as in a dictionary; a Vietnamese word written without accents agrees with the accented one, an accented word
only with itself ("có" is yes, "cô" is not). The longest phrase at a place wins.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import Enum
from itertools import product


class Says(Enum):
    """What one phrase says."""

    YES = "yes"  # to whatever is asked
    NO = "no"  # to whatever is asked; negates nothing by itself ("no problem" and its like are phrases of their own)
    NOT = "not"  # negates what follows in its clause; alone it is a no
    GOOD = "good"  # it works
    BAD = "bad"  # it does not
    TROUBLE = "trouble"  # "problem": bad, unless something is said of it ("the problem is solved")
    NEED = "need"  # more explanation is wanted
    ENOUGH = "enough"  # none is
    GRASP = "grasp"  # it is understood
    UNSURE = "unsure"  # half an answer: the clause says neither yes nor no
    BREAK = "break"  # a new clause begins
    FILL = "fill"  # says nothing


_PHRASES: Mapping[Says, str] = {
    Says.YES: """
        có|vâng|dạ vâng|dạ có|ừ|uh|ừm|đúng|đúng vậy|đúng rồi|có chứ|có ạ|có rồi|rồi|rồi ạ|tất nhiên
        是|是的|对|对的|有|有的|嗯|好的|当然|是啊
        yes|yep|yeah|yup|y|sure|of course|definitely|absolutely|indeed|correct|it did|it does|they did""",
    Says.NO: "no|nope|nah|n|否|không có|không có ạ",
    Says.NOT: """
        không|ko|kg|hông|hổng|khg|chưa|chẳng|chả|đâu có|không hề|chưa hề|vẫn chưa|vẫn không|không còn|hết
        不|没|没有|未|还没|还没有|尚未|并没有|不能|无法|不再|沒有|沒
        not|never|don't|doesn't|didn't|isn't|wasn't|hasn't|haven't|won't|cannot|can't|couldn't|aren't|dont|doesnt|didnt
        it did not|it does not|it didn't|it doesn't|they did not|they didn't
        isnt|wasnt|hasnt|havent|wont|cant|couldnt|arent|no longer|unable to|hardly|without|hasn't been""",
    Says.GOOD: """
        được|được rồi|dc|đc|ổn|ổn rồi|ổn định|xong|xong rồi|tốt|tốt rồi|ok|okay|oke|okie|okê|khắc phục|giải quyết
        xử lý xong|khắc phục được|giải quyết được|đã giải quyết|đã khắc phục|đã xử lý|hoạt động|hoạt động tốt
        hoạt động bình thường|bình thường|chạy|chạy được|chạy tốt|chạy bình thường|dùng được|sử dụng được|vào được
        đăng nhập được|làm được|thành công|hiệu quả|in được|gửi được|mở được|ngon|hài lòng
        解决|解决了|已解决|已经解决|好了|好|行|行了|可以|可以了|可以用|能用|能用了|成功|成功了|有效|有用|正常|正常了|修好
        修好了|搞定|搞定了|管用|满意|恢复|恢复了|恢复正常|沒問題|解決|解決了|已解決|能登录了|能打开了|没事了|奏效
        work|works|worked|working|solved|resolved|fixed|ok|okay|fine|good|great|success|successful|successfully
        helped|satisfied|perfect|perfectly|sorted|all good|works now|does the job|did the trick|helpful""",
    Says.BAD: """
        bị lỗi|hỏng|bị hỏng|vẫn lỗi|vẫn bị|vẫn bị lỗi|vẫn hỏng|vẫn như cũ|vẫn thế|vẫn vậy|thất bại|tệ|vẫn còn lỗi
        trục trặc|vẫn còn|chưa ăn thua
        坏|失败|报错|出错|不能用|用不了|打不开|登不上|登录不了|连不上|进不去|不好使|没用|没有用|老样子|还是一样|还是老样子|问题依旧|依旧|仍然存在|還是不行|異常|异常
        broken|fails|failed|failing|fail|problem persists|persists|same problem|same error|same issue|useless|no good
        crashes|crashed|stopped working|worse|unresolved|unsolved|same as before|bad|no luck|no success|no improvement
        no change|no better""",
    Says.TROUBLE: "lỗi|vấn đề|sự cố|问题|错误|故障|問題|problem|problems|issue|issues|error|errors|trouble",
    Says.NEED: """
        cần|cần thêm|cần giải thích|cần giải thích thêm|cần hướng dẫn|cần hướng dẫn thêm|giải thích thêm|hướng dẫn thêm
        xin giải thích|xin hướng dẫn|mong được giải thích|nói rõ hơn|giải thích rõ hơn|hướng dẫn rõ hơn|chi tiết hơn
        giải thích|hướng dẫn|giải thích lại|hướng dẫn lại|hỏi thêm|câu hỏi|thắc mắc|muốn biết thêm|cần hỗ trợ
        hỗ trợ thêm
        需要|需要解释|需要说明|还需要|需要更多|更多说明|进一步说明|进一步解释|解释一下|再解释|详细说明|说明一下|说明|解释
        请解释|请说明|请再说明|有疑问|疑问|想了解|更多信息|要|还要|需要帮助|再讲|讲解
        need|needed|needs|required|more explanation|further explanation|explain|please explain|more help|more details
        more information|more info|clarify|clarification|explanation|explanations|more|further|questions|question
        details|elaborate|further help|would like more|want more""",
    Says.ENOUGH: """
        không cần|chưa cần|ko cần|không có gì
        khỏi|khỏi cần|thôi|thế là đủ|đủ|đủ rồi|vậy là đủ|thôi ạ|không phải giải thích|hết thắc mắc|vậy là được
        不用|不用了|不必|不必了|无需|够了|足够|足够了|不需要|不需要了|不要|没有了|没了|没有疑问|不用再解释|不需要说明|無需
        that's all|that is all|thats all|nothing else|nothing more|enough|no need|all set|no thanks|no thank you
        no more|no further|nothing further|not necessary|sufficient|no questions|no question|no explanation|no other""",
    Says.GRASP: """
        hiểu|hiểu rồi|đã hiểu|rõ|rõ rồi|đã rõ|rõ ràng|nắm được|nắm rõ|dễ hiểu|hiểu rõ|đã nắm|đã nắm được
        明白|明白了|清楚|清楚了|懂|懂了|了解|了解了|看懂|看懂了|知道了|理解|理解了|看明白
        understand|understood|clear|got it|makes sense|i see|clear now|clear enough|everything clear""",
    Says.UNSURE: """
        một phần|phần nào|lúc được lúc không|không chắc|chưa chắc|chưa rõ có|không phải không|không phải là không
        nhận được|đã nhận|phải không|nhỉ|吗|么|收到|chưa thử|được một nửa|chưa kiểm tra|tạm được|để xem|hên xui
        部分|一部分|不确定|不清楚是否|时好时坏|不是不|不是没|还没试|没试|有时|未测试|有没有|是不是|能不能|可不可以|好不好
        nếu|không biết|có thể|如果|不知道|可能|也许|有一个问题|有个问题|一个问题
        don't know|do not know|no idea|might|partly|partially|sometimes|not sure
        unsure|maybe|perhaps|depends|half|haven't tried
        have not tried|not tested|haven't tested|will try|will test|sort of|kind of|if|unless|did it work""",
    Says.BREAK: """
        nhưng|nhưng mà|tuy nhiên|còn|và|song|mà
        但|但是|不过|可是|而且|并且|然而|只是
        but|however|and|though|although|yet i|while""",
    Says.FILL: """
        dạ|ạ|nhé|nha|nhá|anh|chị|em|bạn|mình|tôi|shop|ad|admin|cảm ơn|cám ơn|thanks|thank you|tks|thank|you|cảm ơn nhiều
        nhiều|rất|lắm|quá|đã|đang|thì|là|này|kia|vẫn|cũng|nữa|thêm|gì|gì nữa|thêm gì nữa|bây giờ|giờ|hiện tại|hiện|nó
        việc|máy|câu|hoàn toàn|thực sự|thật sự|hẳn|phải|bên mình|bên em|ơi|luôn|rồi nhé|rồi nha|xin|được ạ|hay|mọi thứ
        công ty|quý công ty|với|cho|của|về|hơn|lại|sẽ|trả lời|đáp án|hôm nay|từ|thế|vậy|còn gì|điều|tất cả|chỗ|phần|ở
        了|的|吧|啊|呢|哦|我|我们|我方|您|你|你们|谢谢|感谢|多谢|非常|很|太|还|还是|仍|仍然|再|已|已经|现在|都|也|完全|真正
        真的|基本|基本上|彻底|这个|那个|它|任何|什么|其他|其它|更多|答|回答|第|个|呀|亲|辛苦|辛苦了|另外|请|全部|所有|目前|到
        i|i'm|im|we|it|it's|its|that|this|the|a|an|is|was|are|were|am|be|been|has|have|had|do|does|did|to|of|for|so|very|much
        really|quite|completely|fully|totally|entirely|actually|now|still|yet|all|everything|any|anymore|anything|your|my|our
        please|well|just|at|on|in|as|with|for me|thx|many|solution|advice|answer|help|exactly|too|also|right|again|here
        there|other|else|kindly|unfortunately|sadly|hello|hi|dear
        good morning|good afternoon|good evening|good day|cách giải quyết|cách khắc phục
        particularly|quickly|us|me|by|question number|longer|get|got|did you|thing|things""",
}

# Two words that together say the opposite of either alone; looked up before the lists above.
_SPECIAL: Mapping[str, tuple[Says, ...]] = {
    **dict.fromkeys(("没问题", "没有问题", "沒問題", "没什么问题", "没有什么问题"), (Says.GOOD,)),
    **dict.fromkeys(("没有其他问题", "没其他问题", "没有别的问题", "没有其它问题"), (Says.ENOUGH,)),
    **dict.fromkeys(("no problem", "no problems", "no issue", "no issues", "no error", "no errors"), (Says.GOOD,)),
    **dict.fromkeys(("không sao", "hết lỗi", "hết bị lỗi", "hết hỏng", "không có vấn đề gì"), (Says.GOOD,)),
    **dict.fromkeys(("không có câu hỏi", "không có thắc mắc", "không có gì thêm", "hết thắc mắc"), (Says.ENOUGH,)),
    **dict.fromkeys(("có không", "co ko", "yes no", "是否"), (Says.YES, Says.NO)),
    **dict.fromkeys(
        ("both yes", "yes to both", "cả hai đều có", "cả hai có", "都是", "两个都是"), (Says.YES, Says.YES)
    ),
    **dict.fromkeys(("both no", "no to both", "neither", "cả hai đều không", "都不是", "都没有"), (Says.NO, Says.NO)),
    "是不": (Says.UNSURE,),
    "👍": (Says.GOOD,),
    "✅": (Says.YES,),
    "👎": (Says.BAD,),
    "❌": (Says.NO,),
}


def strip_marks(word: str) -> str:
    """ "được" → "duoc"."""
    decomposed = unicodedata.normalize("NFD", word.replace("đ", "d"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff"


def _pieces(phrase: str) -> tuple[str, ...]:
    """Words; every Han character and symbol is one of its own."""
    spaced = "".join(f" {letter} " if is_han(letter) or ord(letter) > 0x2700 else letter for letter in phrase)
    return tuple(spaced.split())


_ONLY_ACCENTED = {"cần", "ổn", "nó", "còn"}  # "can", "on", "no" and "con" are words of their own


def _spellings(phrase: str) -> set[tuple[str, ...]]:
    """The phrase with and without the accents of each of its words."""
    if phrase in _ONLY_ACCENTED:
        return {(phrase,)}
    return set(product(*({piece, strip_marks(piece)} for piece in _pieces(phrase))))


def _lexicon() -> dict[tuple[str, ...], tuple[Says, ...]]:
    lexicon: dict[tuple[str, ...], tuple[Says, ...]] = {}
    for phrase, says in _SPECIAL.items():
        for spelling in _spellings(phrase):
            lexicon.setdefault(spelling, says)
    for kind, block in _PHRASES.items():
        for line in block.splitlines():
            for phrase in filter(None, line.strip().split("|")):
                # accented spellings never give way to the bare spelling of another word
                for spelling in sorted(_spellings(phrase), key=lambda pieces: pieces != _pieces(phrase)):
                    lexicon.setdefault(spelling, (kind,))
    return lexicon


LEXICON: Mapping[tuple[str, ...], tuple[Says, ...]] = _lexicon()
LONGEST = max(map(len, LEXICON))
