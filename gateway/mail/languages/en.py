"""English."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="en",
    sender="from",
    date="sent | date | sent at | sent on | sent time | send time | date sent | received | time",
    to="to",
    cc="cc | bcc",
    subject="subject",
    other="""
        reply-to | replyto | importance | priority | attachments | attachment | organization | resent-from |
        sensitivity
        """,
    wrote="wrote | writes | said | has written",
    starts="on | at | in message | in article | a message dated | in a message dated | den | dated",
    no_author="as | like | when | since | what | that | because | if | here is what | today | yesterday",
    cites="quoting | quoth | citing | excerpts from",
    original="""
        original message | original mail | original email | original e-mail | original appointment | original |
        original message follows | reply message | replied message | previous message | original message from |
        reply to message | reply to original message | quoted message
        """,
    forwarded="""
        forwarded message | forwarded mail | forwarded email | forwarded e-mail | begin forwarded message |
        forwarded message follows | begin forwarded mail | start of forwarded message | forward message | fwd.msg |
        original message forwarded | forwarded by me
        """,
    forwarded_by="forwarded by | forwarded message from",
    details="inactive hide details for | hide details for",
    reply_above="""
        reply above this line | write above this line | type your reply above this line | reply above the line |
        please type your reply above | respond above this line | reply above this text
        """,
    reply_prefix="re | r",
    forward_prefix="fw | fwd",
    sent_from="""
        sent from my | sent from yahoo | sent from outlook | sent from mail for | sent from proton |
        sent from gmail | sent from the all new | sent from samsung | sent from aol | sent from android |
        sent from windows mail | sent from iphone | sent from ipad | sent from a mobile | sent from mobile |
        sent from k-9 | sent from nine | sent from blue mail | sent from bluemail | sent from mailspring |
        sent from thunderbird | sent from spark | sent from my mobile | sent from workmail | sent from huawei |
        sent from xiaomi | sent from tuta | sent from a phone | sent from my phone | sent from surface |
        sent from front | sent from typeapp | sent via | sent with proton | sent with airmail | sent with spark |
        sent with outlook | sent with tutanota | sent with superhuman | sent with boxer | sent with k-9 |
        sent with mailspring | sent with bluemail | sent with tuta | sent with unibox | sent with mailbird |
        sent with canary | sent using | sent by my | get outlook for | get bluemail for | get blue mail for |
        get edison | get spark | secured with tuta | please excuse my brevity | sent securely | from my iphone |
        download outlook for | this message was sent from my | sent from mailbox | sent by galaxy
        """,
    sign_off="""
        best regards | kind regards | regards | warm regards | with best regards | with kind regards |
        warmest regards | best wishes | kindest regards | best | all the best | sincerely | yours sincerely |
        sincerely yours | yours faithfully | yours truly | cheers | respectfully | rgds | br | cordially |
        with regards | best rgds | many thanks and best regards | thanks and regards | thanks & regards |
        thanks and best regards | thank you and best regards | thank you and kind regards
        """,
    thanks="""
        thanks | many thanks | thank you | thanks in advance | thank you very much | thanks again | thanks a lot |
        thank you in advance | take care | thx
        """,
    postscript="ps | p.s. | p.s | n.b. | nb:",
    contact="""
        tel | phone | telephone | mobile | mob | cell | fax | direct | office | t | m | p | f | e | w | e-mail |
        email | mail | web | website | skype | hotline | whatsapp | zalo | wechat | address | add | ext | ph | o |
        d | linkedin | vat
        """,
    disclaimer="""
        !before printing this | !checked for viruses by | !virus-free. | !virus-free.www |
        !this email was scanned by | confidential | intended recipient | intended solely | intended only for |
        privileged | received this in error | in error | notify the sender | unauthorized | unauthorised |
        legally privileged | addressee | disclaimer | delete it | delete this | any attachments | disclosure |
        before printing | consider the environment | checked for viruses | virus-free | scanned for viruses |
        external email | do not click links | solely for the use | strictly prohibited | registered in england |
        registered office | mailing list | to unsubscribe | dissemination | virus free
        """,
)
