"""Greek."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="el",
    sender="από | αποστολέας",
    date="εστάλη | ημερομηνία | στάλθηκε",
    to="προς | παραλήπτης",
    cc="κοιν | κοινοποίηση",
    subject="θέμα",
    other="συνημμένα",
    wrote="έγραψε | έγραψε τα εξής | έγραψε:",
    starts="στις | την",
    original="αρχικό μήνυμα | πρωτότυπο μήνυμα",
    forwarded="προωθημένο μήνυμα | έναρξη προωθημένου μηνύματος",
    reply_prefix="απ | re | σχετ",
    forward_prefix="πρθ | fw",
    sent_from="στάλθηκε από | λήψη του outlook για",
    sign_off="με εκτίμηση | φιλικά",
    thanks="ευχαριστώ | ευχαριστώ πολύ",
    contact="τηλ | τηλέφωνο | κιν | φαξ | διεύθυνση",
    disclaimer="εμπιστευτικό | εμπιστευτικές | εμπιστευτική | παραλήπτη | εκ παραδρομής",
)
