"""The way from the settings to a client that speaks to the institution's Alma."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from importer.cli.output import say

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.settings import Settings

T = TypeVar("T")


def with_alma(settings: Settings, use: Callable[[Alma], Awaitable[T]]) -> T:
    """What a use of Alma gives. Raises UsageError, AccessError, AlmaError."""
    from importer.alma.address import resolve
    from importer.alma.client import Alma
    from importer.alma.governor import Governor

    base_url = resolve(settings.alma_region, settings.alma_base_url, settings.alma_gateway)
    key = settings.key

    async def main() -> T:
        governor = Governor(settings.alma_rate, settings.alma_reserve)
        async with Alma(base_url, key, governor, ca_bundle=settings.alma_ca_bundle) as alma:
            return await use(alma)

    return asyncio.run(main())


class Stopping:
    """Has the operator asked to stop? The second time it stops at once."""

    def __init__(self) -> None:
        """Nobody has asked."""
        self.asked = False
        self.at_once = False

    def __call__(self) -> bool:
        """Whether to begin nothing new."""
        return self.asked

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear Ctrl-C and the system's wish to end."""
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def hear(*_: object) -> None:
            if self.asked and task is not None:
                self.at_once = True
                task.cancel()
                return
            self.asked = True
            say("Stopping: what is under way is finished and saved. Once more stops at once.")

        kinds = [signal.SIGINT, signal.SIGTERM]
        kinds += [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
        before = {
            kind: signal.signal(kind, lambda *_: loop.call_soon_threadsafe(hear)) for kind in kinds
        }
        try:
            yield
        finally:
            for kind, handler in before.items():
                # Asked to stop at once, all that is left is to write down how it stands, which
                # takes a moment and is not to be cut off by one more Ctrl-C.
                signal.signal(kind, signal.SIG_IGN if self.at_once else handler)
