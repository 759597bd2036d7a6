"""Which charset octets without a usable label are in. A guess: by how common the characters are that come out.

A detector needs some hundred octets to be sure; a subject or a file name has ten. What a person writes is mostly common
characters of one script, and of two readings of the same octets one hits them and the other does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import chardet

_SAMPLE = 4096  # octets looked at
_SHORT = 120  # octets beyond ASCII: up to here common characters decide before the detector is asked
_LEAST = 0.34  # of the characters must be common ones

# the commonest first; what stands in letters and orders is among them
_SIMPLE = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现"
    "当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重"
    "并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入"
    "几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基"
    "眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔您请谢"
    "订单货款票费号码址邮附联系客户服务购买退换修单价合同银行账密登录网站软件电话错误需收到查询帮忙麻烦急处理尽快回复谢谢贵司公司产品质量问题发票报"
)
_TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作里用道行所然家種事成方多經麼去法學如都同現"
    "當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並"
    "物手應向頭文體美相見被利什二等產或新己制身果加西月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條"
    "平系氣題活更別打女變四總何電數安少報才結反受目太量再感建務做接必場件計管期市直資命金指許統區保至社便空決展科司基您請謝訂單貨款票費號碼址郵附"
    "聯繫客戶服務購買退換修價銀行帳密登錄入網站軟體話錯誤需收查詢幫忙麻煩急儘快回覆貴品質協助重設"
)
_HANGUL = (
    "이다는을에가고의하지한도로은리를서자사기인어시스나대라아일수정그부제들있해보안과전여주것장성만원니습합세요요청문확드립감안녕했으게면까지않네분"
    "번품상배송연락처메일첨구매불신회업계약결금액오류비밀호로그인처음입금세계산서견적담당님귀관련요즘저희우등데로써더와용무방법조공유간동소개발모"
)
_KANJI = (
    "日本人大年中会社様件送付注文商品確認返信連絡電話番号株式書見積請求金額発送担当者先以上下願致存世話申込変更方法時間今後必要場合対応情報名前住所"
    "お御登録会員製作業部長新利用可能不良交換購入了解問合回答予定月火水木金土年始末何手数料内容記載参考添資料通知設定画面表示起動使接続"
)
_CYRILLIC = frozenset("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэф")
_COMMON = {
    "gb18030": frozenset(_SIMPLE),
    "cp950": frozenset(_TRADITIONAL),
    "cp949": frozenset(_HANGUL),
    "cp932": frozenset(_KANJI),
    "euc_jp": frozenset(_KANJI),
    "cp1251": _CYRILLIC,
    "koi8-r": _CYRILLIC,
}
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc]")
_WIDE = re.compile(r"[\u3041-\u30fc\u3400-\u9fff\uac00-\ud7a3\u0400-\u045f\uff66-\uff9f\ue000-\uf8ff]")
_HALF_KANA = re.compile(r"[\uff66-\uff9f]")
_WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
_ASCII_LETTER = re.compile(rb"[A-Za-z]")
_INNER_UPPER = re.compile("(?<=[А-Яа-яЁё])[А-ЯЁ]")
_WITH_ASCII = frozenset(["cp950", "cp932"])  # in these a character's second octet may be an ASCII letter
_TONES = re.compile("[\u0300\u0301\u0303\u0309\u0323]")
_VIETNAMESE = re.compile(r"[ăâđêôơư]", re.I)
_NAMES = (
    "utf-8", "gb18030", "big5", "cp949", "euc-kr", "cp932", "shift_jis", "euc-jp", "iso-2022-jp",
    "windows-1252", "windows-1258", "windows-1251", "koi8-r", "windows-1250", "windows-1253", "windows-1254",
    "windows-1255", "windows-1256", "cp874", "iso-8859-2", "iso-8859-15",
)  # fmt: skip
_LATIN_NAMES = (
    "windows-1252", "windows-1250", "windows-1254", "windows-1257", "windows-1258", "iso-8859-2", "iso-8859-15",
)  # fmt: skip
_SURE_WORDS = 2  # with letters beyond ASCII, for the detector to be heard


def guess_charset(octets: bytes) -> str:
    """The name of the charset that octets, which are not UTF-8, are most likely in; "" for no idea. Never raises."""
    return _guess(octets[:_SAMPLE])


@lru_cache(maxsize=256)
def _guess(sample: bytes) -> str:
    words = _WORD.findall(sample)
    mixed = 2 * sum(1 for word in words if _ASCII_LETTER.search(word)) > len(words)
    found, share = _by_common_characters(sample, [name for name in _COMMON if not mixed or name in _WITH_ASCII])
    if found and (sum(map(len, words)) <= _SHORT or share > 2 * _LEAST):
        return found
    if mixed:
        return _latin(sample)
    return _detected(sample, _NAMES) or found or _latin(sample)


def _by_common_characters(sample: bytes, charsets: Sequence[str]) -> tuple[str, float]:
    """(charset, share of its characters beyond ASCII that are common); "" when none has enough of them."""
    best, best_share = "", _LEAST
    for charset in charsets:
        common = _COMMON[charset]
        try:
            text = sample.decode(charset)
        except UnicodeDecodeError as fault:
            if fault.start < len(sample) - 3:
                continue
            text = sample[: fault.start].decode(charset, "ignore")  # the sample ends within a character
        share = _share(text, common, kana=charset in ("cp932", "euc_jp"))
        if share > best_share:
            best, best_share = charset, share
    return best, best_share


def _share(text: str, common: frozenset[str], *, kana: bool) -> float:
    wide = _WIDE.findall(text)
    others = sum(1 for sign in text if sign > "\xa0") - len(wide)
    if not wide or others * (6 if common is _CYRILLIC else 1) > len(wide):
        return 0.0
    hits = sum(1 for sign in wide if sign.lower() in common)
    if common is _CYRILLIC:
        hits -= 2 * len(_INNER_UPPER.findall(text))  # a small alphabet fits many octets, but not as words
    if kana:
        hits += len(_KANA.findall(text)) - len(_HALF_KANA.findall(text))
    return hits / len(wide)


def _latin(sample: bytes) -> str:
    """Vietnamese writes its tones as signs of their own in code page 1258; what is in doubt is most often Western."""
    text = sample.decode("cp1258", "replace")
    tones = len(_TONES.findall(text))
    if tones and _VIETNAMESE.search(text) and all(_is_vowel(text, found.start()) for found in _TONES.finditer(text)):
        return "cp1258"
    found = _detected(sample, _LATIN_NAMES)
    return found if found and len(_WORD.findall(sample)) >= _SURE_WORDS else "cp1252"


def _is_vowel(text: str, place: int) -> bool:
    return place > 0 and text[place - 1].lower() in "aăâeêioôơuưy"


def _detected(sample: bytes, names: tuple[str, ...]) -> str:
    try:
        found = chardet.detect(sample, prefer_superset=True, include_encodings=names)
    except Exception:  # noqa: BLE001  the detector is a guess; its failure is "no idea"
        return ""
    name, confidence = found["encoding"], found["confidence"]
    return str(name) if name and confidence and confidence > 0.1 else ""
