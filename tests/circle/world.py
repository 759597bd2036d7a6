"""The world of the circle: a Postfix as docs/postfix.md says, a Dovecot with everybody's mailboxes, real daemons.

People have a mailbox of their local part at Dovecot, whatever their domain. What is sent and read here goes over real
SMTP and IMAP; what the desk knows is read from its own database, as `gateway show` does.
"""

from __future__ import annotations

import os
import re
import signal
import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from gateway.settings import hash_password
from gateway.store.store import Store, open_store
from tests.circle.letters import Letter, Person
from tests.circle.milter import VerdictMilter
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.ports import free_port, wait_for_greeting
from tests.servers.postfix import Postfix

PAGE = Path(__file__).parents[2] / "docs" / "postfix.md"
PATIENCE = 40.0  # seconds for anything to happen
QUIET = 1.5  # seconds in which something that must not happen would have happened


def block(name: str) -> str:
    """A marked block of docs/postfix.md."""
    found = re.search(rf"^```{re.escape(name)}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"docs/postfix.md has no block {name}"
    return found[1]


def mailboxes(users: list[str]) -> Dovecot:
    """A Dovecot, not started yet, that calls itself imap.desk.example in the Received fields it writes."""
    server = Dovecot(users)
    with (server.directory / "dovecot.conf").open("a") as conf:
        conf.write("hostname = imap.desk.example\n")
    return server


class Front(Postfix):
    """A Postfix with the blocks of docs/postfix.md on top of the scaffolding of the private server.

    `desks`: domain → port of its gateway. All mail for box.example goes into the mailbox `support` instead.
    `smtp_port`: the world's door. `inside_port`: for hosts in mynetworks. `stripping_port`: as that, but fields are
    taken off what passes (`strip`). `submission_port`: STARTTLS and login.
    """

    def __init__(self, dovecot: Dovecot, desks: Mapping[str, int]) -> None:
        super().__init__(dovecot, desk_port=9, domain="nowhere.invalid")
        self.inside_port, self.stripping_port = free_port(), free_port()
        self.filter = VerdictMilter("mx.desk.example", ("khach.example", "congty.example"))
        self._auth = str(dovecot.auth_socket)
        conf = self.directory / "conf"
        main = self._block("main.cf")
        routes = ", ".join(f"{{ {domain} = smtp:[127.0.0.1]:{port} }}" for domain, port in desks.items())
        main = re.sub(r"^transport_maps = .*$", f"transport_maps = inline:{{ {routes} }}", main, flags=re.MULTILINE)
        domains = " ".join([*desks, "box.example"])
        main = re.sub(r"^relay_domains = .*$", f"relay_domains = {domains}", main, flags=re.MULTILINE)
        assert "_time = 30s" in main
        assert "_time = 60s" in main
        main = main.replace("_time = 30s", "_time = 1s").replace("_time = 60s", "_time = 3s")  # tests are in a hurry
        main += "virtual_alias_maps = inline:{ { @box.example = support@box.example } }\n"
        (conf / "main.cf").write_text(merged((conf / "main.cf").read_text(), main))
        senders = self._block("sender_login")
        assert r"@desk\.example$/ " in senders
        names = "|".join(domain.replace(".", r"\.") for domain in [*desks, "box.example"])
        (conf / "sender_login").write_text(senders.replace(r"@desk\.example$/ ", f"@({names})$/ "))
        (conf / "header_checks").write_text(self._block("header_checks"))
        (conf / "master.cf").write_text(self._master((conf / "master.cf").read_text()))
        (conf / "stripping").touch()

    def __enter__(self) -> Self:
        self.filter.__enter__()
        return super().__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        super().__exit__(kind, error, at)
        self.filter.__exit__(kind, error, at)

    def _block(self, name: str) -> str:
        return block(name).replace("/etc/postfix/", f"{self.directory}/conf/").replace("private/auth", self._auth)

    def _master(self, base: str) -> str:
        """The base's own two smtpd services are replaced; the rest stays."""
        rest = base[base.index("pickup ") :]
        written = self._block("master.cf").replace("submission inet", f"127.0.0.1:{self.submission_port} inet")
        return (
            f"127.0.0.1:{self.smtp_port} inet n - n - - smtpd\n  -o mynetworks=192.0.2.1/32\n"
            f"  -o smtpd_milters=inet:127.0.0.1:{self.filter.port}\n{written}"
            f"127.0.0.1:{self.inside_port} inet n - n - - smtpd\n"
            f"127.0.0.1:{self.stripping_port} inet n - n - - smtpd\n  -o cleanup_service_name=stripping\n"
            f"stripping unix n - n - 0 cleanup\n  -o header_checks=regexp:{self.directory}/conf/stripping\n{rest}"
        )

    def is_empty(self) -> bool:
        """Whether no mail is in its queue."""
        queues = [self.directory / "spool" / name for name in ("maildrop", "incoming", "active", "deferred")]
        return not any(path.is_file() for queue in queues for path in queue.rglob("*"))

    def strip(self, *fields: str) -> None:
        """From now on these fields (extended regular expressions) do not get through the stripping door."""
        conf = self.directory / "conf"
        (conf / "stripping").write_text("".join(f"/^{field}:/ IGNORE\n" for field in fields))
        command = [self._program, "-c", str(conf), "reload"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=30)


def merged(base: str, page: str) -> str:
    """main.cf: what the page sets replaces what the scaffolding sets."""
    keys = set(re.findall(r"^(\w+) *=", page, re.MULTILINE))
    kept, dropping = [], False
    for line in base.splitlines():
        if not line.startswith((" ", "\t")):
            dropping = line.partition("=")[0].strip() in keys
        if not dropping:
            kept.append(line)
    return "\n".join([*kept, page])


class Post:
    """Postfix and Dovecot, and what people do with them."""

    def __init__(self, dovecot: Dovecot, front: Front) -> None:
        self.dovecot, self.front = dovecot, front

    def newcomer(self, name: str = "", domain: str = "khach.example") -> Person:
        """Somebody with an empty mailbox. Of khach.example our border host says dmarc=pass, of others nothing."""
        return Person(f"{self.dovecot.fresh_user()}@{domain}", name)

    def send(self, writer: Person, to: str, raw: bytes, *, mail_from: str | None = None, port: int = 0) -> None:
        """Without a login, at the world's door unless told."""
        sender, port = writer.address if mail_from is None else mail_from, port or self.front.smtp_port
        for again in (1.0, 2.0, 4.0, 0.0):
            try:
                with smtplib.SMTP("127.0.0.1", port, local_hostname="laptop", timeout=60) as smtp:
                    smtp.sendmail(sender, [to], raw, _options(raw))
                return
            except smtplib.SMTPSenderRefused as refused:  # Postfix has not reached its filter: senders try again
                if refused.smtp_code != 451 or not again:
                    raise
            time.sleep(again)

    def submit(self, writer: Person, to: str, raw: bytes, *, port: int = 0, login: str = "") -> None:
        """With STARTTLS, verified, and the writer's login: Postfix unless another port is named."""
        trust = ssl.create_default_context(cafile=str(self.front.ca_file))
        with smtplib.SMTP("localhost", port or self.front.submission_port, "laptop", timeout=60) as smtp:
            smtp.starttls(context=trust)
            smtp.login(login or writer.address, writer.password)
            smtp.sendmail(writer.address, [to], raw, _options(raw))

    def letters(self, person: Person, folder: str = "INBOX") -> list[Letter]:
        return [Letter(raw) for raw in self.dovecot.messages(person.mailbox, folder)]

    def wait_letter(self, person: Person, wanted: Callable[[Letter], bool] | str, seconds: float = PATIENCE) -> Letter:
        """The newest letter that is wanted (or has this in subject or text)."""
        test = wanted if callable(wanted) else (lambda one: wanted in one.subject or wanted in one.text)
        found: list[Letter] = []

        def look() -> bool:
            found[:] = [one for one in self.letters(person) if test(one)]
            return bool(found)

        eventually(look, lambda: f"{person.address} has {self.letters(person)}\n{self.front.log()[-4000:]}", seconds)
        return found[-1]


def _options(raw: bytes) -> list[str]:
    return [] if raw.isascii() else ["BODY=8BITMIME"]


def eventually(
    holds: Callable[[], object], told: Callable[[], object] | str = "", seconds: float = PATIENCE, pause: float = 0.1
) -> None:
    """Waits for a state; fails with what `told` says."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it did not happen in {seconds} s: {told() if callable(told) else told}"
        time.sleep(pause)


class Desk:
    """One daemon in a folder of its own. Keeps its state over `stop` and `start`."""

    def __init__(self, folder: Path, domain: str, prefix: str, agents: tuple[Person, ...], smtp_port: int) -> None:
        self.folder, self.domain, self.prefix, self.agents = folder, domain, prefix, agents
        self.smtp_port, self.submission_port = smtp_port, free_port()
        self._http_port = free_port()
        self.more: dict[str, Any] = {}  # sections of gateway.yaml beside or instead of the usual ones
        self._process: subprocess.Popen[bytes] | None = None
        self._store: Store | None = None
        (folder / "rules").mkdir(parents=True)

    def configure(self, front: Front) -> None:
        people = "".join(f'      - {{address: {a.address}, name: "{a.name}"}}\n' for a in self.agents)
        rules = _RULES.replace("DOMAIN", self.domain).replace("AGENTS\n", people)
        (self.folder / "rules" / "rulebook.yaml").write_text(rules, "utf-8")
        users = [f"{a.address}: {hash_password(a.password, os.urandom(16))}\n" for a in self.agents]
        (self.folder / "users.yaml").write_text("".join(users), "utf-8")
        self.config.write_text(yaml.safe_dump(self._settings(front), allow_unicode=True), "utf-8")

    def _settings(self, front: Front) -> dict[str, Any]:
        """The block of docs/postfix.md with the ports, names and secrets of here."""
        made: dict[str, Any] = yaml.safe_load(block("gateway.yaml"))
        tls = {"tls_cert": str(front.directory / "cert.pem"), "tls_key": str(front.directory / "cert.key")}
        made["smtp"] |= {"port": self.smtp_port, "hostname": self.domain, **tls}
        made["submission"] = {**made["smtp"], "port": self.submission_port}
        made["relay"] |= {"host": "localhost", "port": front.submission_port, "ca_file": str(front.ca_file)}
        made["relay"] |= {"password": PASSWORD, "hostname": self.domain}
        identity = {"prefix": self.prefix, "domain": self.domain, "bounce_address": f"bounce@{self.domain}"}
        return {
            **made,
            "state_dir": "state",
            "desk": {**identity, "name": "Công ty Ví Dụ"},
            "submission_users": {"file": "users.yaml"},
            "http": {"port": self._http_port},
            "retry": {"steps": ["1s", "2s"]},
            **self.more,
        }

    @property
    def config(self) -> Path:
        return self.folder / "gateway.yaml"

    def address(self, local: str) -> str:
        return f"{local}@{self.domain}"

    def start(self) -> None:
        with (self.folder / "daemon.log").open("ab") as log:
            command = [sys.executable, "-m", "gateway", "run", "-c", str(self.config)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for_greeting(self.smtp_port, b"220", self._process, timeout=60)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{self.log()}") from error

    def stop(self) -> int | None:
        """SIGTERM and wait; the exit status."""
        if self._store is not None:
            self._store.close()
            self._store = None
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise

    def log(self, most: int = 8000) -> str:
        path = self.folder / "daemon.log"
        return path.read_text(errors="replace")[-most:] if path.exists() else ""

    @property
    def store(self) -> Store:
        if self._store is None:
            state = self.folder / "state"
            self._store = open_store(f"sqlite:///{state}/gateway.sqlite", state, lock=False, read_only=True)
        return self._store

    def tickets(self, requester: Person | None = None) -> list[dict[str, Any]]:
        rows = list(self.store.tickets({}, self.prefix))
        return [row for row in rows if requester is None or row["requester"] == requester.address]

    def ticket_of(self, requester: Person) -> dict[str, Any]:
        """The one ticket of this person, whole, as `gateway show` has it."""
        rows = self.tickets(requester)
        assert len(rows) == 1, f"{requester.address} has {rows}\n{self.log()}"
        found = self.store.ticket(int(rows[0]["number"]))
        assert found is not None
        return found

    def outcomes(self, requester: Person) -> list[str]:
        """The outcome of each message on this person's ticket, in order, with its last reason."""
        return [f"{made['outcome']}: {made['reasons'][-1]}" for made in self.ticket_of(requester)["decisions"]]

    def events(self, requester: Person, kind: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.ticket_of(requester)["events"] if event["kind"] == kind]

    def wait_ticket(self, requester: Person, holds: Callable[[dict[str, Any]], object] = bool) -> dict[str, Any]:
        """Until this person has one ticket for which this holds."""

        def look() -> bool:
            rows = self.tickets(requester)
            return len(rows) == 1 and bool(holds(self.ticket_of(requester)))

        eventually(look, lambda: f"{self.tickets(requester)}\n{self.log()}")
        return self.ticket_of(requester)

    def at_rest(self) -> bool:
        """Nothing waits to be handled or sent."""
        return self.store.waiting()[0] == 0 and self.store.outbox_depth() == 0


_RULES = """\
version: 1
timezone: Asia/Ho_Chi_Minh
general_addresses: [hotro@DOMAIN, support@DOMAIN]
departments:
  technical:
    label: {vi: "Phòng Kỹ thuật, Hạ tầng mạng và Chăm sóc khách hàng doanh nghiệp", zh: 技术部, en: Technical Support}
    addresses: [kythuat@DOMAIN]
    agents:
AGENTS
    escalate_to: [truongphong@people.desk.example]
  sales:
    label: {vi: Phòng Kinh doanh, zh: 销售部, en: Sales}
    addresses: [kinhdoanh@DOMAIN]
    agents:
AGENTS
  care:
    label: {vi: Phòng Chăm sóc khách hàng, zh: 客户服务部, en: Customer Care}
    addresses: [cskh@DOMAIN]
    agents:
AGENTS
rules:
  - name: Mặc định
    when: always
    then: {department: technical}
"""
