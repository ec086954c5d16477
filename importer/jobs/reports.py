"""Report what a job did: on the terminal, to people, and to a monitoring service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from importer.errors import Exit, ImporterError, LedgerError
from importer.jobs.notify import Event, Level, Message, channels, notify_all, ping
from importer.jobs.schema import JobFileError, Notify
from importer.jobs.state import Load, Reported, Store
from importer.model.redaction import hide
from importer.report import wording

REPEAT_AFTER = timedelta(hours=20)
"""The same trouble is reported again after this time."""


class Reporter:
    """Reports for one job. `messages` are what it reported: one for each load, or for trouble."""

    def __init__(self, job: str, notify: Notify, say: Callable[[str], None]) -> None:
        """Prepare it."""
        self._job = job
        self._notify = notify
        self._say = say
        self.messages: list[Message] = []

    def message(
        self,
        level: Level,
        code: Exit,
        headline: str,
        lines: Iterable[str] = (),
        load: Load | None = None,
    ) -> Message:
        """Return a message, with the counts and the masked report of a load."""
        report = Path(load.run) / wording.MASKED if load is not None and load.run else None
        summary = load.summary if load is not None else None
        shown = tuple(map(hide, lines))
        return Message(self._job, level, code, hide(headline), shown, summary, report)

    def send(self, message: Message, done: tuple[str, ...] = ()) -> tuple[tuple[str, ...], bool]:
        """Show a message and send it where it was not sent; return who has it, and if all have."""
        self.messages.append(message)
        self._say("\n".join((message.headline, *message.lines)))
        have = notify_all(self._notify, message, done, self._say)
        return have, set(have) >= set(channels(self._notify, message.level))

    def trouble(
        self,
        error: ImporterError,
        before: Reported | None,
        now: datetime,
        lines: tuple[str, ...] = (),
        load: Load | None = None,
    ) -> tuple[Reported | None, bool]:
        """Report why a run stopped; people are notified unless they were a short time ago.

        Return the last trouble that was reported, and whether everybody has this message.
        `lines` are what else people have not been notified of.
        """
        sentence, code = str(error), error.exit
        headline, *more = sentence.split("\n")
        message = self.message(Level.TROUBLE, code, headline, (*more, *lines), load)
        repeated = (
            not lines
            and before is not None
            and (before.exit, before.sentence) == (code, sentence)
            and now - before.at < REPEAT_AFTER
        )
        _, all_have = self.send(message, channels(self._notify, Level.TROUBLE) if repeated else ())
        if repeated or not all_have:
            return before, all_have
        return Reported(at=now, exit=code, sentence=sentence), True

    def ping(self, event: Event) -> None:
        """Ping the monitoring service, which never stops a load."""
        try:
            ping(self._notify, event)
        except ImporterError as error:
            self._say(str(error))


def report_wrong_job(path: Path, error: JobFileError, now: datetime) -> None:
    """Notify people of a job file that is wrong, as far as its `notify:` can be read.

    The caller shows the error itself.
    """
    if error.notify is None:
        return
    store = Store(path.stem)
    reporter = Reporter(path.stem, error.notify, lambda _: None)
    with suppress(LedgerError), store.locked():
        state = store.read()
        reported, _ = reporter.trouble(error, state.reported, now)
        store.write(state.model_copy(update={"reported": reported}))
    reporter.ping("fail")
