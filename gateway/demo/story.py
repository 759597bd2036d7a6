"""The story of the demo: ten mails, what became of each, and the mails as each person sees them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from email.message import Message
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from gateway.build import RULE_ENDINGS, shipped
from gateway.demo.letters import Writer, answer, letter, plain_text, subject_of
from gateway.demo.stage import HASTE, SPEED, Stage, prepare, tickets_of
from gateway.desk.rulebook import Rulebook, load_rulebook
from gateway.edge.control import call
from gateway.edge.files import read_folder

SALES, TECHNICAL = "kinhdoanh@desk.example", "kythuat@desk.example"
AN = Writer("Nguyễn Văn An", "an@khach.example")
WANG = Writer("王小明", "wang@kehu.example")
ROBOT = Writer("Binh Tran", "binh@khach.example")
HURRIED = Writer("Jane Miller", "jane@client.example")
_LINES = 16


def play(root: Path, *, stay: bool) -> int:
    """Plays the whole story; 0 when everything became what it should."""
    book = load_rulebook(read_folder(shipped("rules"), RULE_ENDINGS))
    people = [agent for department in book.departments.values() for agent in department.agents]
    agents = {agent.address: Writer(agent.name, agent.address, "demo") for agent in people}
    stage = prepare(root, list(agents.values()))
    story = Story(stage, agents, book)
    try:
        stage.start()
        good = story.tell()
        if stay:
            story.stay()
    except KeyboardInterrupt:
        good = True
    finally:
        stage.stop()
    return 0 if good else 1


class Story:
    """Each scene sends one mail and shows what follows; a scene whose outcome is not the promised one says so."""

    def __init__(self, stage: Stage, agents: dict[str, Writer], book: Rulebook) -> None:
        self.stage, self.agents, self.book = stage, agents, book
        self.out = Console(highlight=False, width=110 if not Console().is_terminal else None)
        self.inbox: dict[str, list[Message]] = {}
        self.failed: list[str] = []
        self.run = f"{random.getrandbits(32):08x}"
        self._scene = 0

    def tell(self) -> bool:
        self._opening()
        agent = self.agents[self.book.departments[self._department(TECHNICAL)].agents[0].address]
        self._vietnamese()
        self._chinese()
        self._follow_up()
        self._out_of_office()
        self._duplicate()
        self._forged(agent)
        self._mistyped(agent)
        self._answered(agent)
        self._survey()
        self._escalation()
        return self._closing()

    def _department(self, address: str) -> str:
        return self.book.door_of(address) or ""

    # --- scenes ---

    def _vietnamese(self) -> None:
        self._title("Một khách hàng viết thư · a Vietnamese customer writes to the technical department")
        self._send(AN, TECHNICAL, letter(
            AN, TECHNICAL, "Website báo lỗi 500 từ sáng nay",
            "Chào quý công ty,\n\nWebsite khach.example của chúng tôi báo lỗi 500 từ 8 giờ sáng.\n"
            "Nhờ quý công ty kiểm tra giúp.\n\nTrân trọng,\nNguyễn Văn An", self._id("an1"),
        ))  # fmt: skip
        self._expect("acknowledged, and the agents have it", lambda: self._has(AN.address, "[DEMO-") is not None)
        self._tickets("Website báo lỗi")

    def _chinese(self) -> None:
        self._title("一位中国客户 · a Chinese customer, with an attachment, to the general address")
        to = self.book.general_addresses[0] if self.book.general_addresses else SALES
        self._send(WANG, to, letter(
            WANG, to, "发票金额不对", "您好，\n\n附件是11月的发票，金额与合同不一致，请帮忙核对。\n\n王小明",
            self._id("wang1"), attachment=("发票-2026-11.txt", "text/plain", "金额：1200 元\n".encode()),
        ))  # fmt: skip
        self._expect("acknowledged in Chinese", lambda: self._has(WANG.address, "[DEMO-") is not None)
        self._tickets("发票")

    def _follow_up(self) -> None:
        self._title("The customer replies to the acknowledgement: the same ticket")
        mail = self._has(AN.address, "[DEMO-")
        if mail is not None:
            raw = answer(AN, mail, "Bổ sung: chỉ trang thanh toán bị lỗi, trang chủ vẫn vào được.", self._id("an2"))
            self._send(AN, self._reply_to(mail), raw)
        self._expect("joined", lambda: self._count("Website báo lỗi") == 2)
        told = [agent.address for agent in self.book.departments[self._department(TECHNICAL)].agents]
        self._expect("the agents have it", lambda: all(self._latest(to, "trang chủ vẫn vào") for to in told))
        self._tickets("Website báo lỗi")

    def _out_of_office(self) -> None:
        self._title("An out-of-office answer to our acknowledgement: on record, nothing else happens")
        mail = self._has(WANG.address, "[DEMO-")
        before = len(self.inbox.get(WANG.address, []))
        if mail is not None:
            raw = answer(
                WANG, mail, "我正在休假，11月30日回来。", self._id("wang2"), {"Auto-Submitted": "auto-replied"}
            ).replace(b"Subject: Re:", b"Subject: Auto: Re:", 1)
            self._send(WANG, self._reply_to(mail), raw, mail_from="")
        self._pause(1.5)
        self._expect("no answer to the answer", lambda: len(self.inbox.get(WANG.address, [])) == before)
        self._expect("its ticket is as it was", lambda: self._status("发票") == "new")

    def _duplicate(self) -> None:
        self._title("The first mail again, redelivered by a mail server: one ticket, no second notice")
        before = len(self.inbox.get(AN.address, []))
        self._send(AN, TECHNICAL, self._sent_first)
        self._pause(1.5)
        self._expect("no second acknowledgement", lambda: len(self.inbox.get(AN.address, [])) == before)

    def _forged(self, agent: Writer) -> None:
        self._title("Somebody forges an agent and writes to the customer's ticket: staged, the agent is asked")
        mail = self._has(agent.address, "Website")
        before = len(self.inbox.get(AN.address, []))
        if mail is not None:
            forger = Writer(agent.name, agent.address)
            raw = answer(forger, mail, "Please pay to account 123-456 instead.", self._id("forged"))
            self._send(forger, self._reply_to(mail), raw)
        self._expect("the real agent is asked to confirm", lambda: self._latest(agent.address, "123-456") is not None)
        self._expect("nothing reached the customer", lambda: len(self.inbox.get(AN.address, [])) == before)

    def _mistyped(self, agent: Writer) -> None:
        self._title("The agent answers, with a mistyped command: nothing goes out, the mail comes back explained")
        mail = self._has(agent.address, "Website")
        before = len(self.inbox.get(AN.address, []))
        if mail is not None:
            raw = answer(agent, mail, "Chúng tôi đã khắc phục xong.\n\n#clsoe", self._id("agent1"))
            self._send(agent, self._reply_to(mail), raw)
        self._expect("explained to the agent", lambda: self._latest(agent.address, "clsoe") is not None)
        self._expect("nothing reached the customer", lambda: len(self.inbox.get(AN.address, [])) == before)

    def _answered(self, agent: Writer) -> None:
        self._title("The agent answers from the own mail client and closes: answer and survey go to the customer")
        mail = self._has(agent.address, "Website")
        if mail is not None:
            text = "Chúng tôi đã khởi động lại dịch vụ thanh toán, trang đã hoạt động bình thường.\n\n#close"
            self._send(agent, self._reply_to(mail), answer(agent, mail, text, self._id("agent2")))
        self._expect("answered", lambda: self._latest(AN.address, "khởi động lại dịch vụ") is not None)
        self._expect("surveyed", lambda: len(self.inbox.get(AN.address, [])) >= 3)
        self._tickets("Website báo lỗi")

    def _survey(self) -> None:
        self._title("The customer answers the survey: it did not work. The ticket opens again")
        surveys = [m for m in self.inbox.get(AN.address, []) if "=#=#=" in plain_text(m)]
        if surveys:
            raw = answer(AN, surveys[-1], "1. Không\n2. Có, nhờ gọi lại cho tôi", self._id("an3"))
            self._send(AN, self._reply_to(surveys[-1]), raw)
        self._expect("open again", lambda: self._status("Website báo lỗi") == "open")
        self._expect("the customer is thanked", lambda: self._latest(AN.address, "đã được mở lại") is not None)
        self._tickets("Website báo lỗi")

    def _escalation(self) -> None:
        self._title("A mail that nobody answers: when its promise is broken, the management inbox gets it, once")
        self._send(HURRIED, SALES, letter(
            HURRIED, SALES, "Quote for 20 mail accounts", "Hello,\n\nplease send a quote for 20 mail accounts.\n\nJane",
            self._id("jane1"),
        ))  # fmt: skip
        managers = self.book.departments[self._department(SALES)].managers
        self._expect("acknowledged", lambda: self._has(HURRIED.address, "[DEMO-") is not None)
        self._clock(HASTE)
        self.out.print(f"  the desk's clock now runs {HASTE} times faster: a second is {HASTE // 60} minutes …")
        self._expect("escalated", lambda: self._latest(managers[0], "Quote for 20") is not None, seconds=240)
        self._clock(SPEED)

    # --- telling ---

    def _opening(self) -> None:
        self.out.print(Panel(
            f"The real daemon runs on {self.stage.root}/gateway.yaml: SMTP on 127.0.0.1:{self.stage.smtp}, agents' "
            f"submission on 127.0.0.1:{self.stage.submission}, SQLite, mail out into Maildirs.\nIts clock starts on "
            f"Monday 23 November 2026, 08:30 in Viet Nam, and runs {SPEED} times faster: a second is a "
            "minute.",
            title="gateway demo",
        ))  # fmt: skip

    def _clock(self, speed: int) -> None:
        call(self.stage.root / "state" / "control", "clock-speed", {"speed": speed})

    def _title(self, text: str) -> None:
        self._scene += 1
        self.out.print(f"\n[bold]{self._scene} · {text}[/bold]")

    def _send(self, writer: Writer, to: str, raw: bytes, mail_from: str | None = None) -> None:
        if self._scene == 1:
            self._sent_first = raw
        reply = self.stage.send(writer, to, raw, mail_from)
        how = "logged in at the submission port" if writer.password else "plain SMTP"
        self.out.print(f"  {escape(writer.name)} <{writer.address}> → {to}  ({how})\n  the gateway says: {reply}")

    def _expect(self, what: str, held: Callable[[], bool], seconds: float = 15) -> None:
        def look() -> bool:
            self._collect()
            return held()

        good = self.stage.wait_for(look, seconds)
        self.out.print(f"  [green]✓[/green] {what}" if good else f"  [red]✗ {what}: it did not happen[/red]")
        if not good:
            self.failed.append(what)

    def _collect(self) -> None:
        for address, mail in self.stage.new_mail():
            self.inbox.setdefault(address, []).append(mail)
            lines = plain_text(mail).strip().splitlines()
            shown = "\n".join(lines[:_LINES] + (["…"] if len(lines) > _LINES else []))
            names = [n for part in mail.walk() if (n := part.get_filename())]
            title = f"{address} receives: {subject_of(mail)}" + (f"  (+ {len(names)} attachment)" if names else "")
            self.out.print(Panel(escape(shown), title=escape(title), title_align="left", border_style="dim"))

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._collect()
            time.sleep(0.1)

    def _tickets(self, subject: str) -> None:
        for ticket in self._named(subject):
            self.out.print(
                f"  ticket [{ticket['tag']}]".replace("[", r"\[", 1)
                + f" {ticket['status']} · department {ticket['department']} · {len(ticket['messages'])} in the thread"
            )
            for line in self._why(ticket["number"]):
                self.out.print(f"    {escape(line)}")

    def _why(self, number: int) -> list[str]:
        """The evidence of the last mail and the rules that decided, from the ticket's own record."""
        import json
        import subprocess
        import sys

        done = subprocess.run(  # noqa: S603 - our own interpreter and our own module
            [sys.executable, "-m", "gateway", "show", "-c", str(self.stage.config), "--json", str(number)],
            capture_output=True,
            check=True,
        )
        ticket: dict[str, Any] = json.loads(done.stdout)
        lines = []
        known = [d["facts"] for d in ticket.get("decisions", []) if "evidence" in (d.get("facts") or {})]
        if known:
            lines.append(f"evidence of its last mail: E{known[-1]['evidence']}, {known[-1]['evidence_reason']}")
        decided = [d for d in ticket.get("decisions", []) if d.get("rules")]
        for routed in decided[0]["rules"][:1] if decided else []:
            named = [f"{fired['rule']} ({fired['place']})" for fired in routed if fired.get("set")]
            lines.append(f"decided by the rules: {', '.join(named)}")
        return lines

    # --- looking ---

    def _named(self, subject: str) -> list[dict[str, Any]]:
        return [ticket for ticket in tickets_of(self.stage) if subject in ticket["subject"]]

    def _count(self, subject: str) -> int:
        return max((len(ticket["messages"]) for ticket in self._named(subject)), default=0)

    def _status(self, subject: str) -> str:
        return next((str(ticket["status"]) for ticket in self._named(subject)), "")

    def _has(self, address: str, words: str) -> Message | None:
        return next((m for m in self.inbox.get(address, []) if words in subject_of(m)), None)

    def _latest(self, address: str, words: str) -> Message | None:
        mails = self.inbox.get(address, [])
        return next((m for m in reversed(mails) if words in plain_text(m) or words in subject_of(m)), None)

    def _reply_to(self, mail: Message) -> str:
        return getaddresses([str(mail.get("Reply-To") or mail.get("From"))])[0][1]

    def _id(self, name: str) -> str:
        return f"<{name}.{self.run}@client.example>"

    # --- the end ---

    def _closing(self) -> bool:
        good = not self.failed
        self.out.print()
        for ticket in tickets_of(self.stage):
            self.out.print(
                f"  {ticket['tag']}  {ticket['status']:<8} {ticket['department']:<12} {escape(ticket['subject'])}"
            )
        self.out.print(
            "[bold green]the story went as promised[/bold green]" if good else f"[red]failed: {self.failed}[/red]"
        )
        return good

    def stay(self) -> None:
        """Goes on at the speed of a real clock until Ctrl-C."""
        self._clock(1)
        config = self.stage.config
        self.out.print(Panel(
            "The desk stays up; its clock now runs at normal speed. Write to it:\n"
            f"  swaks --server 127.0.0.1:{self.stage.smtp} --from me@home.example --to {TECHNICAL}\n"
            f"  python3 -c \"import smtplib; smtplib.SMTP('127.0.0.1', {self.stage.smtp}).sendmail('me@home.example', "
            f"['{TECHNICAL}'], 'From: me@home.example\\nSubject: Hello\\n\\nHello')\"\n"
            f"Mail out:     mutt -f {self.stage.root}/mailboxes/{AN.address}   (a Maildir for each person)\n"
            f"Tickets:      .venv/bin/gateway tickets -c {config}\n"
            f"One of them:  .venv/bin/gateway show -c {config} DEMO-1\n"
            f"Why:          .venv/bin/gateway explain -c {config} some-mail.eml --to {TECHNICAL}\n"
            f"Health:       http://127.0.0.1:{self.stage.http}/healthz\n"
            f"Agents log in at 127.0.0.1:{self.stage.submission} with their address and the password 'demo'.\n"
            "Ctrl-C ends it.",
            title="your turn",
        ))  # fmt: skip
        while self.stage.process is not None and self.stage.process.poll() is None:
            self._collect()
            time.sleep(0.3)
