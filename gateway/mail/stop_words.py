"""Frequent words by language, lower case and without marks, for the guess of a text's language. Data only."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# of Vietnamese as it is typed without accents; no word of it is a frequent English one
VIETNAMESE = _words(
    """
    toi khong duoc cua nhung gui nhieu xin chao giup voi nhu nay hang mua giao ngay thang chua cac mot nguoi
    viec biet muon hoi vui long kinh quy khach dich vu pham tien thanh toan minh nhe roi nua neu thi nen dang se
    phai khau khoan nhap hoan doi gia lan kia dau gap phan tinh trang khieu nai thoi gian dien thoai luong lien
    tu van thiet ke ho tro loi bao anh chi em ban cho da lam sao hoa hom qua truoc sau trong mat tai dung vay
    luc day rat ben cung duong phieu hop dong cong ty nhan vien ngan xac thong tin yeu cau kiem giai quyet
    """
)

# pairs tell more than their words: "on" alone is English
VIETNAMESE_PAIRS = frozenset(
    {
        *("cam on", "xin chao", "don hang", "hoa don", "mat khau", "bao gia", "giao hang", "dat hang", "may in"),
        *("hoan tien", "tai khoan", "dang nhap", "khong duoc", "ho tro", "kiem tra", "bao nhieu", "bao gio", "khi nao"),
        *("chuyen khoan", "thanh toan", "khieu nai", "bi loi", "bi hong", "nho anh", "nho shop", "shop oi", "alo shop"),
        *("xac nhan", "yeu cau", "de nghi", "giup minh", "giup em", "giup toi", "cho minh", "cho em", "cho toi"),
    }
)

ENGLISH = _words(
    """
    the and is are was were you your my we our i i'm it's to of for with that this have has had not don't
    doesn't can can't cannot could would please thanks thank hello hi dear regards order invoice refund when
    what how why where which there their they from about but because been will should do does did any some need
    help issue problem error password account login received send sent still yet just also other than then only
    now today yesterday tomorrow week getting get got know let want working work like after before into on in at
    by be as if or an it me us so no
    """
)

# rivals: a text that scores higher here is none of ours
OTHERS = (
    _words(
        """
        le les des une est vous je nous pour dans que qui avec sur pas ne mon ma mes votre bonjour merci
        commande facture et du au ce cette pourriez avoir
        """
    ),
    _words(
        """
        der die das und ist nicht ich sie mit fur auf ein eine wir ihr ihre haben habe bitte danke hallo von zu
        dem den wie was rechnung bestellung guten tag
        """
    ),
    _words(
        """
        el los las una es que de para por con mi su no hola gracias pedido factura y en del como cuando favor
        tengo esta estoy buenos dias
        """
    ),
    _words(
        """
        o os um uma que de para por com meu minha nao ola obrigado obrigada pedido fatura e em do da como quando
        favor tenho esta estou bom dia voce
        """
    ),
    _words(
        """
        il lo gli una che di per con mio mia non ciao grazie ordine fattura e in del della come quando favore ho
        sono buongiorno
        """
    ),
    _words(
        """
        de het een en van ik is niet dat op te met voor zijn mijn uw bestelling factuur bedankt hallo graag kunt
        wij naar
        """
    ),
    _words(
        """
        nie na jest sie do w z to prosze dziekuje zamowienie faktura dzien dobry jak co mam czy
        """
    ),
    _words(
        """
        yang dan di untuk saya tidak dengan ini itu ada mohon terima kasih pesanan tolong apakah bisa kami sudah
        belum anda dari
        """
    ),
    _words(
        """
        ve bir bu icin ile degil merhaba tesekkurler siparis fatura ben ne nasil var yok lutfen
        """
    ),
    _words(
        """
        och att det som en jag ar inte med for pa av den har till om hej tack min order faktura
        """
    ),
    _words(
        """
        ang ng mga sa na po ko ako hindi salamat paano ba ay
        """
    ),
    _words(
        """
        yang dan untuk saya tidak dengan ini boleh sila terima kasih pesanan
        """
    ),
)
