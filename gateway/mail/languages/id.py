"""Indonesian."""

from gateway.mail.languages.form import Language

LANGUAGE = Language(
    code="id",
    sender="dari | pengirim",
    date="dikirim | tanggal | terkirim",
    to="kepada | ke | penerima | untuk",
    cc="cc | tembusan | bcc",
    subject="perihal | subjek | judul",
    other="lampiran | prioritas",
    wrote="menulis | menulis:",
    starts="pada | tanggal | pada tanggal | pada tgl",
    original="pesan asli | pesan awal | email asli",
    forwarded="pesan terusan | pesan yang diteruskan | awal pesan yang diteruskan | pesan diteruskan | email terusan",
    reply_prefix="bls | balas | re",
    forward_prefix="trs | terusan | fw",
    sent_from="dikirim dari | dapatkan outlook untuk | terkirim dari | unduh outlook untuk",
    sign_off="hormat saya | salam | salam hormat | hormat kami | salam hangat",
    thanks="terima kasih",
    contact="telepon | telp | hp | faks | alamat | email | hubungi",
    disclaimer="rahasia | penerima | keliru | hapus | pengirim",
)
