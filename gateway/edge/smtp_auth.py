"""AUTH PLAIN and LOGIN on the submission listener (RFC 4954); nowhere else."""

from __future__ import annotations

from aiosmtpd.smtp import AuthResult, LoginPassword

from gateway.edge.smtp_protocol import Conversation

_MECHANISMS = ("LOGIN", "PLAIN")


class LoginConversation(Conversation):
    """aiosmtpd's mechanisms ask for the credentials; they are verified in a thread, never in the event loop."""

    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    @property
    def offers_auth(self) -> bool:
        listen = self.reception.listen
        return listen.auth and (listen.auth_without_tls or self._tls_protocol is not None)

    def login_refusal(self) -> str:
        """530 if this listener demands a login and there is none, else ""."""
        if not self.reception.listen.auth or self.login:
            return ""
        return "530 5.7.0 authentication required" if self.offers_auth else "530 5.7.0 STARTTLS first"

    async def smtp_AUTH(self, arg: str) -> None:
        words = arg.split()
        refusal = self._auth_refusal(words)
        if refusal:
            await self.push(refusal)
            return
        mechanism = self._auth_methods[words[0].upper()].method
        result = await mechanism(self, words)
        if isinstance(result.auth_data, LoginPassword):
            await self.push(await self._verdict(result.auth_data))

    def _auth_refusal(self, words: list[str]) -> str:
        if not self.reception.listen.auth:
            return "502 5.5.1 AUTH not offered here"
        if not self.offers_auth:
            return "538 5.7.11 encryption required"
        if self.login or self.mail.sender is not None or not self.extended:
            return "503 5.5.1 AUTH not now"
        if not 1 <= len(words) <= 2:
            return "501 5.5.4 AUTH mechanism [initial-response]"
        if words[0].upper() not in _MECHANISMS:
            return "504 5.5.4 mechanism not offered"
        return self._slow_down()

    def _authenticate(self, _mechanism: str, auth_data: LoginPassword) -> AuthResult:
        """Called by aiosmtpd's mechanisms with what the client said; the verdict comes later, in `_verdict`."""
        return AuthResult(success=False, handled=False, auth_data=auth_data)

    async def _verdict(self, said: LoginPassword) -> str:
        try:
            login, password = said.login.decode().strip().lower(), said.password.decode()
        except UnicodeDecodeError:
            login = password = ""
        if await self.reception.logins.known(self.peer, login, password):
            self.login = login
            return "235 2.7.0 welcome"
        return self._slow_down() or "535 5.7.8 login or password wrong"

    def _slow_down(self) -> str:
        blocked = self.reception.logins.blocked(self.peer)
        return "421 4.7.0 too many failed logins, slow down" if blocked else ""
