"""Report what a job did: on the terminal, by email, in a chat, and to a monitoring service.

No text contains patron data: it consists of counts, names of files and commands. The report that is
attached is the masked one.
"""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from enum import IntEnum
from http.client import HTTPException
from pathlib import Path
from textwrap import shorten
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from importer.advice import RunJob
from importer.alma.connection import is_loopback, trusted
from importer.errors import Cause, Exit, ImporterError, MappingError, PlaceError, UsageError
from importer.files import hide
from importer.jobs.commands import HeldError
from importer.jobs.schema import JobFileError, Notify, required, web_address
from importer.jobs.state import Load, Reported, Store
from importer.jobs.words import Paragraph, pasted
from importer.model.run import Summary
from importer.model.text import word_list
from importer.report import wording
from importer.report.commands import to_paste
from importer.settings import Settings, mail_settings, named_address, web_settings

TIMEOUT = 30
"""Seconds for each reply of a mail server, a chat or a monitoring service."""

SUBJECT = 120
"""The most characters of a subject."""


class Concern(IntEnum):
    """How much a result concerns a person."""

    NOTHING = 0
    CHANGES = 1
    TROUBLE = 2


@dataclass(frozen=True, slots=True)
class Message:
    """What is reported: one line, further lines, the counts, and the masked report to attach.

    `passes`: nobody has to act, as the trouble passes by itself.
    """

    job: str
    level: Concern
    exit: Exit
    headline: str
    lines: tuple[str, ...] = ()
    summary: Summary | None = None
    report: Path | None = None
    passes: bool = False

    @property
    def subject(self) -> str:
        """The subject of an email: as much of the headline as it takes."""
        attention = "needs attention: " if self.level is Concern.TROUBLE and not self.passes else ""
        start = f"{self.job}: {attention}"
        return start + shorten(self.headline, max(SUBJECT - len(start), 20), placeholder=" …")

    @property
    def text(self) -> str:
        """The text of an email, or of a message in a chat below the subject.

        It begins with the headline, unless the subject has it whole.
        """
        start = "" if self.subject.endswith(self.headline) else self.headline
        where = f"Job {self.job} on {socket.gethostname()}, in {Path.cwd()}"
        told = "\n".join(filter(None, (start, *self.lines)))
        return "\n\n".join(filter(None, (told, where))) + "\n"

    def as_json(self) -> dict[str, object]:
        """Return the values for scripts."""
        summary = self.summary
        return {
            "level": self.level.name.lower(),
            "exit": int(self.exit),
            "headline": self.headline,
            "lines": self.lines,
            "summary": summary.model_dump(mode="json", exclude_none=True) if summary else None,
        }


Channel = Literal["email", "chat"]
Event = Literal["start", "end", "fail"]


def channels(notify: Notify, level: Concern) -> tuple[Channel, ...]:
    """Return where a result of this level is reported."""
    least = {"always": Concern.NOTHING, "changes": Concern.CHANGES, "trouble": Concern.TROUBLE}
    if level < least[notify.when]:
        return ()
    return (*(("email",) if notify.email else ()), *(("chat",) if notify.chat else ()))


def send(channel: Channel, notify: Notify, message: Message) -> str:
    """Send a message; return who did not get it, in a sentence, or blank.

    Raises PlaceError where it cannot be sent, UsageError without settings.
    """
    if channel == "email":
        return send_email(mail_settings(), notify.email, message)
    body = json.dumps(_chat_body(notify, message)).encode()
    with _trouble("The chat"):
        _call(url_of(notify.chat or ""), body)
    return ""


def send_email(settings: Settings, to: tuple[str, ...], message: Message) -> str:
    """Send an email, without the report where the server takes none so large.

    Return which of several addresses the server refused, in a sentence. Raises PlaceError.
    """
    with _trouble(f"The mail server {settings.alma_mail_host}"):
        try:
            refused = _deliver(settings, _mail(settings, to, message))
        except smtplib.SMTPResponseException as error:
            if error.smtp_code != 552 or message.report is None:  # too large
                raise
            where = f"The report is too large for the mail server. It is in {message.report}"
            message = replace(message, lines=(*message.lines, where), report=None)
            refused = _deliver(settings, _mail(settings, to, message))
    if not refused:
        return ""
    return f"The mail server refuses {word_list(refused)}. Check the address in the job file."


def _mail(settings: Settings, to: tuple[str, ...], message: Message) -> EmailMessage:
    mail = EmailMessage(policy=policy.default.clone(max_line_length=2 * SUBJECT))  # in one line
    mail["Subject"] = message.subject
    mail["From"] = settings.alma_mail_from
    mail["To"] = ", ".join(to)
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain="importer.local")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    if message.report is not None and message.report.is_file():
        page = message.report.read_text("utf-8")
        mail.add_attachment(page, subtype="html", filename=message.report.name)
    return mail


def _deliver(settings: Settings, mail: EmailMessage) -> list[str]:
    """Send an email; return the addresses that the server refused."""
    host, port = settings.alma_mail_host, settings.alma_mail_port
    context = trusted(settings.alma_ca_bundle)
    if port == 465:
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT)
    with server:
        server.ehlo()
        if port != 465 and server.has_extn("starttls"):
            server.starttls(context=context)
        elif port != 465 and (settings.alma_mail_user or not is_loopback(host)):
            what = "no password was sent" if settings.alma_mail_user else "nothing was sent"
            msg = f"The mail server {host} does not offer encryption (STARTTLS), so {what} to it."
            raise PlaceError(msg)
        if settings.alma_mail_user:
            password = settings.alma_mail_password
            server.login(settings.alma_mail_user, password.get_secret_value() if password else "")
        return [*server.send_message(mail)]


def _chat_body(notify: Notify, message: Message) -> dict[str, object]:
    text = f"{message.subject}\n{message.text}"
    match notify.chat_format:
        case "slack":
            return {"text": text}
        case "teams":
            block = {"type": "TextBlock", "wrap": True, "text": text.replace("\n", "\n\n")}
            card = {"type": "AdaptiveCard", "version": "1.2", "body": [block]}
            kind = "application/vnd.microsoft.card.adaptive"
            return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
        case "json":
            values = message.as_json()
            kept = {name: values[name] for name in ("level", "exit", "summary")}
            return {"job": message.job, "text": text, **kept}


def url_of(address: str) -> str:
    """Return a web address, or that of a secret. Raises UsageError where it is none."""
    if not address.startswith("$"):
        return address
    try:
        return web_address(required(address, named_address))
    except ValueError as error:
        msg = f"{address.removeprefix('$')} {error}."
        raise UsageError(msg) from None


class _NoRedirects(HTTPRedirectHandler):
    """A message that is sent on to another address would arrive there without its text."""

    def redirect_request(self, *_: object) -> None:
        """Follow none, so that the status counts as an error."""


def _call(url: str, body: bytes | None) -> None:
    """Call a web address with our certificates and proxy, not those of the environment."""
    settings = web_settings()
    proxies = {"https": settings.alma_proxy} if settings.alma_proxy else {}
    certificates = HTTPSHandler(context=trusted(settings.alma_ca_bundle))
    opener = build_opener(ProxyHandler(proxies), certificates, _NoRedirects)
    headers = {"User-Agent": "alma-roster-importer", "Content-Type": "application/json"}
    request = Request(url, body, headers)  # noqa: S310  https, or http on this computer
    with opener.open(request, timeout=TIMEOUT) as reply:
        reply.read(1_000_000)


@contextmanager
def _trouble(who: str) -> Iterator[None]:
    """Turn what a network does into one sentence, without the text of a library."""
    try:
        yield
    except (smtplib.SMTPException, HTTPException, UnicodeError, OSError) as error:
        msg = f"{who}{_why(error)}"
        raise PlaceError(msg) from None


_REASONS: dict[type[Exception], str] = {
    smtplib.SMTPNotSupportedError: " takes no login, or only addresses in ASCII. Check "
    "ALMA_MAIL_USER and ALMA_MAIL_FROM.",
    smtplib.SMTPAuthenticationError: " refuses the login. Check ALMA_MAIL_USER and "
    "ALMA_MAIL_PASSWORD.",
    smtplib.SMTPSenderRefused: " refuses the sender. Check ALMA_MAIL_FROM.",
    smtplib.SMTPRecipientsRefused: " refuses the recipient. Check the addresses in the job file.",
    ssl.SSLError: ": its certificate cannot be trusted, so nothing was sent to it.",
    socket.gaierror: ": its host name is not known. Check it, and the network.",
    TimeoutError: f" did not reply within {TIMEOUT} seconds.",
    ConnectionError: ": there is no connection. Check its address and the network.",
    HTTPException: " did not answer as a web server does. Check its address.",
    UnicodeError: ": its host name, or the user name or password for it, cannot be used. Write "
    "them in ASCII.",
}
"""What follows the name of who did not take a message, by error; the first that fits."""


def _why(error: Exception) -> str:
    if isinstance(error, HTTPError):
        advice = " Check the address." if error.code < 500 else ""
        return f" answered with status {error.code}, so the message was not taken.{advice}"
    reason = error.reason if isinstance(error, URLError) else error
    fitting = (text for kind, text in _REASONS.items() if isinstance(reason, kind))
    return next(fitting, f" did not take the message ({type(reason).__name__}).")


LASTS = timedelta(hours=20)
"""After this time, trouble that passes by itself needs a person."""


def incident(error: ImporterError, reported: Sequence[Reported], now: datetime) -> Reported:
    """Return the incident of an error: one of those that were reported, or a new one.

    A load that is held by the same guards is one incident, and what passes by itself is one,
    whatever is said about it, until it lasts.
    """
    passes = error.cause is Cause.PASSES
    if passes:
        began = (known.at for known in reported if known.exit is error.exit and known.passes)
        passes = now - next(began, now) < LASTS
        about: tuple[str, ...] = ()
    elif isinstance(error, HeldError):
        about = error.about
    else:
        about = (type(error).__name__, str(error))
    new = Reported(at=now, exit=error.exit, passes=passes, about=about)
    return next((old for old in reported if old.model_copy(update={"at": now}) == new), new)


@dataclass
class Reporter:
    """Reports for one job. `messages` are what it reported: one for each load, or for trouble."""

    job: str
    notify: Notify
    say: Callable[[str], None]
    messages: list[Message] = field(default_factory=list, init=False)

    def message(
        self,
        level: Concern,
        code: Exit,
        told: Paragraph,
        load: Load | None = None,
        *,
        passes: bool = False,
    ) -> Message:
        """Return a message, with the counts and the masked report of a load."""
        report = Path(load.run) / wording.MASKED if load is not None and load.run else None
        summary = load.summary if load is not None else None
        headline, lines = hide(told.headline), tuple(map(hide, told.lines))
        return Message(self.job, level, code, headline, lines, summary, report, passes)

    def send(self, message: Message, done: tuple[str, ...] = ()) -> tuple[tuple[str, ...], bool]:
        """Show a message and send it where it was not sent; return who has it, and if all have."""
        self.messages.append(message)
        self.say("\n".join((message.headline, *message.lines)))
        have, wanted = list(done), channels(self.notify, message.level)
        for channel in wanted:
            if channel not in have:
                with self._said():
                    if sentence := send(channel, self.notify, message):
                        self.say(sentence)
                    have.append(channel)
        return tuple(have), set(have) >= set(wanted)

    def trouble(
        self,
        error: ImporterError,
        load: Load | None,
        then: Iterable[str],
        *,
        known: bool,
        passes: bool,
    ) -> bool:
        """Report why a run stopped; people are notified unless they know of the incident.

        Return whether everybody has this message. `load`: the one that was stopped; `then`: what to
        do, and what else people have not been notified of.
        """
        headline, *more = to_paste(error.prose, error.advice).split("\n")
        where = load.lines if load is not None and error.exit is not Exit.SAFETY_CHECK else ()
        told = Paragraph(headline, (*more, *where, *then))
        message = self.message(Concern.TROUBLE, error.exit, told, load, passes=passes)
        return self.send(message, channels(self.notify, Concern.TROUBLE) if known else ())[1]

    def unopened(
        self, error: ImporterError, store: Store, now: datetime, then: Iterable[str]
    ) -> None:
        """Report why a job cannot be run at all; what was reported is kept beside its state."""
        known = store.reported
        told = incident(error, known, now)
        if self.trouble(error, None, then, known=told in known, passes=told.passes):
            store.add_reported(told)
        self.ping("fail")

    def ping(self, event: Event) -> None:
        """Ping the monitoring service, which never stops a load."""
        ending = "" if event == "end" else f"/{event}"
        with self._said(), _trouble("The address of `ping`"):
            if self.notify.ping:
                _call(f"{url_of(self.notify.ping).rstrip('/')}{ending}", None)

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Show why a message cannot be sent, in place of the error."""
        try:
            yield
        except ImporterError as error:
            self.say(str(error))


def report_wrong_job(path: Path, error: MappingError, now: datetime) -> None:
    """Notify people of a job file that is wrong, as far as its `notify:` can be read.

    Where nothing of it can, those of the last run are notified. The caller shows the error itself.
    """
    store, ran = Store(path.stem), None
    with suppress(ImporterError):
        ran = store.read(path).ran
    right = error.notify if isinstance(error, JobFileError) else None
    if notify := right or (ran.notify if ran is not None else None):
        then = (pasted(RunJob(str(path)), "When this is corrected"),)
        Reporter(path.stem, notify, lambda _: None).unopened(error, store, now, then)
