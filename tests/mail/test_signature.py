"""What is signature and what is the author's word. Last lines of phones and apps are as these write them."""

from __future__ import annotations

import pytest

from gateway.mail.signature import cut_signature, is_mobile_signature

ADDED = """
Envoyé depuis mon iPhone
Von meinem Mobilgerät gesendet
Diese Nachricht wurde von meinem Android-Mobiltelefon mit K-9 Mail gesendet.
From My Iphone 6
Sent with Airmail
Sent from Windows Mail
Sent from Mailbox for iPad
Sent from Yahoo Mail on Android
Sent from my TI-85
Sent from my iPhone
Sent from my Alcatel Flash2
Sent from my mobile device
Sent from my cell, please excuse any typos.
Sent from my Samsung Galaxy s5 Octacore device
Sent from my HTC M8 Android phone.  Please excuse typoze
Sent from my Windows 8 PC <http://windows.microsoft.com/consumer-preview>
<<sent by galaxy>>
從我的 iPhone 傳送
Get Outlook for iOS<https://aka.ms/o0ukef>
Outlook für Android beziehen
Von Samsung Mobile gesendet
Von Samsung-Tablet gesendet
Von meinem Huawei-Mobiltelefon gesendet
Gesendet von Outlook für iOS
Envoyé à partir d’Outlook pour iOS
Envoyé à partir de Courrier pour Windows
Enviado desde mi Samsung Galaxy
Enviado desde Correo para Windows
Enviado do Correio para Windows
Enviado do meu smartphone Samsung Galaxy.
Enviado via iPhone
Inviato da Posta per Windows
Inviato da Libero Mail
Inviato dal mio dispositivo Samsung
Verzonden vanaf Outlook voor Android
Verstuurd vanaf mijn Galaxy
Wysłane z telefonu Samsung Galaxy
Wysłane z programu Outlook dla systemu Android
Wysłano z aplikacji Poczta dla systemu Windows
Отправлено из Почты для Windows
Отправлено из мобильной Почты Mail.ru
Отправлено с мобильного устройства Samsung
Отправлено из Яндекс.Почты для мобильных
Skickat från min Samsung Galaxy
Skickades från E-post för Windows
Skickat från Outlook för iOS
Galaxy'den gönderildi
Samsung cihazımdan gönderildi
Windows için Posta ile gönderildi
来自 Windows 版邮件
发自我的华为手机
发自我的小米手机
发自我的vivo智能手机
发自网易邮箱大师
来自我的华为手机
從我的 iPad 傳送
從 Yahoo奇摩信箱 iPhone版 傳送
Được gửi từ Thư cho Windows
Gửi từ Yahoo Mail cho Android
Gửi từ điện thoại Samsung của tôi
Galaxyから送信
Windows のメールから送信
내 iPhone에서 보냄
내 Galaxy에서 보냄
Windows용 메일에서 보냄
Sent from Outlook for iOS
Sent from Mail for Windows
Sent from Mail for Windows 10
Sent using Zoho Mail
Sent from Proton Mail for iOS
Sent with Proton Mail secure email.
Envoyé avec la messagerie sécurisée Proton Mail.
Gesendet mit Proton Mail sicherer E-Mail.
Sent from Samsung tablet.
Sent from my Verizon, Samsung Galaxy smartphone
Dikirim dari iPhone saya
ส่งจาก iPhone ของฉัน
Lähetetty iPhonesta
Sendt fra min iPhone
Odesláno z iPhonu
"""
SAID = """
Đã gửi từ email hôm qua
Enviado por email ayer.
Outlook on iOS crashes always.
Outlook für iOS stürzt ab
Sent from Hue last week
The phone was sent from my shop
Gesendet von Klaus
Gesendet mit DHL
Envoyé avec accusé de réception
Отправлено почтой вчера
Enviado por correo
发自内心的感谢
来自上海的客户
Gửi từ kho Hà Nội
Inviato da Roma con corriere
Wysłane z magazynu w Warszawie
フォームから送信
서울에서 보냄
Fatura gönderildi
Sent via DHL on Monday
"""


@pytest.mark.parametrize("line", ADDED.strip().split("\n"))
def test_what_a_phone_adds_is_known(line: str) -> None:
    assert is_mobile_signature(line)


@pytest.mark.parametrize("line", SAID.strip().split("\n"))
def test_what_a_person_says_is_not(line: str) -> None:
    assert not is_mobile_signature(line)


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ("Hi\n\nKind regards,\nAnna", ""),
        ("Hi\n\nKind regards,\nAnna\n+44 113 496 0000", "Kind regards,\nAnna\n+44 113 496 0000"),
        ("Hi\n\nThanks,\nAnna\n+44 113 496 0000", "Anna\n+44 113 496 0000"),
        ("Hi\n\nThanks,\nplease call me today, the number is\n+44 113 496 0000 and I am there until five.", ""),
        ("Hi\n\nAnna\n+44 113 496 0000", ""),
        ("Hi\n\n-- \nAnna", "-- \nAnna"),
        ("Hi\n\nKind regards,\nAnna\n\n-- \nAnna\n+44 113 496 0000", "-- \nAnna\n+44 113 496 0000"),
        ("Hi\n\n--\nAnna\nAcme", "--\nAnna\nAcme"),
        ("Hi\n\n--\nThe second part of this letter is about the invoice. It is wrong.\nAnna", ""),
        ("Hi\n\n-- \nAnna\n\n-- \nusers mailing list", "-- \nAnna\n\n-- \nusers mailing list"),
        ("Hi\n\nKind regards,\nAnna\n+44 113 496 0000\n\nP.S. Call before five.", ""),
        ("Hi\n\n=====\nAnna\nanna@acme.example\n=====", "=====\nAnna\nanna@acme.example\n====="),
        ("Kind regards,\nAnna\n+44 113 496 0000", ""),
        ("Sent from my iPhone", ""),
        ("Two parts\n\n-----", ""),
        ("Other references\n================\n\n* https://www.acme.example/", ""),
        (
            "Hi\n\n- - - - -\n\nThey do not say it so, as it is all in a form of its own,\nat www.acme.example",
            "",
        ),
        (
            "Hi\n\nTrân trọng,\nLan\nCông ty TNHH Thương mại và Dịch vụ Kỹ thuật ABC\n0903 123 456",
            "Trân trọng,\nLan\nCông ty TNHH Thương mại và Dịch vụ Kỹ thuật ABC\n0903 123 456",
        ),
        ("", ""),
    ],
)
def test_where_the_signature_begins(text: str, signature: str) -> None:
    own, signed = cut_signature(text.split("\n"))
    assert "\n".join(signed) == signature
    assert "\n".join(own).strip() or not text
