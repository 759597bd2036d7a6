"""Polish."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="pl",
    sender="od | nadawca",
    date="wysłano | data | wysłane | data wysłania | dnia",
    to="do | adresat | odbiorca",
    cc="dw | kopia | udw | cc | do wiadomości",
    subject="temat",
    other="ważność | załączniki | załącznik | odpowiedź-do | odpowiedz do | priorytet | organizacja",
    wrote="napisał | napisała | napisał(a) | pisze | napisał/a | napisał: | nadesłał | napisał (a)",
    wrote_then_name="użytkownik",
    starts="w dniu | dnia | użytkownik | dn.",
    no_author="jak | co | że | kiedy | wczoraj",
    cites="cytowanie | cytat | quoting",
    original="""
        oryginalna wiadomość | wiadomość oryginalna | wiadomość oryginalna od | oryginalny list |
        wiadomość źródłowa | pierwotna wiadomość
        """,
    forwarded="""
        przekazana wiadomość | wiadomość przekazana | treść przekazanej wiadomości |
        początek przekazywanej wiadomości | przekazywana wiadomość | przesłana wiadomość |
        przesłana dalej wiadomość | wiadomość przesłana dalej
        """,
    forwarded_by="przekazane przez | przekazał | przesłane przez",
    reply_above="odpowiedz powyżej tej linii",
    reply_prefix="odp | re",
    forward_prefix="pd | fw",
    sent_from="""
        wysłane z | wysłano z | pobierz outlook dla | pobierz program outlook | uzyskaj program outlook |
        uzyskaj outlook dla | wysłane przez | wysłano przez | wysłane za pomocą | wysłane ze
        """,
    sign_off="""
        pozdrawiam | z poważaniem | z wyrazami szacunku | pozdrowienia | z pozdrowieniami | serdecznie pozdrawiam |
        pozdrawiam serdecznie | łączę pozdrowienia | pozdr | z uszanowaniem | dziękuję i pozdrawiam
        """,
    thanks="dziękuję | z góry dziękuję | dzięki | z góry dziękuję za odpowiedź",
    contact="telefon | tel | kom | tel. kom | fax | faks | e-mail | adres | nip | regon | www | mobile | krs",
    disclaimer="""
        !zanim wydrukujesz | poufne | poufna | adresatem | adresata | omyłkowo | usunięcie | usunąć | nadawcę |
        zabronione | wyłącznie | bez wirusów | załączniki | krajowego rejestru | kapitał zakładowy
        """,
)
