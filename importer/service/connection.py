"""Alma, and a run alone, for operations that need more than files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from importer.alma.client import Alma
from importer.alma.connection import resolve
from importer.alma.pacing import RateLimiter
from importer.ledger.ledger import Ledger
from importer.ledger.run_lock import open_alone
from importer.service.office import Office

P = ParamSpec("P")
T = TypeVar("T")


def alone(office: Office, folder: Path) -> AbstractContextManager[Ledger]:
    """Open a run for the block, in which nobody else may use it; raises as `open_alone`."""
    return open_alone(folder, office.operator, office.now())


def with_alma(office: Office, use: Callable[[Alma], Awaitable[T]]) -> T:
    """Return what `use` returns, called with a client of Alma. Raises UsageError, AlmaError."""
    settings = office.settings()

    async def main() -> T:
        loop, task, begun = asyncio.get_running_loop(), asyncio.current_task(), _BEGUN.get()
        if begun is not None and task is not None:
            begun.append(lambda: loop.call_soon_threadsafe(task.cancel))
        async with Alma(
            resolve(settings.alma_region, settings.alma_base_url, settings.alma_gateway),
            settings.key,
            RateLimiter(settings.alma_rate, settings.alma_reserve),
            ca_bundle=settings.alma_ca_bundle,
            proxy=settings.alma_proxy,
        ) as alma:
            return await use(alma)

    return asyncio.run(main())


_BEGUN: ContextVar[list[Callable[[], object]] | None] = ContextVar("begun", default=None)
"""What stops each work with Alma that an operation in a thread of its own has begun."""


def apart(operation: Callable[P, T]) -> Callable[P, T]:
    """Return the operation such that it also works in a running event loop, as in a notebook.

    A thread then does it, and Ctrl-C stops its work with Alma.
    """

    @wraps(operation)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return operation(*args, **kwargs)
        begun = list[Callable[[], object]]()

        def work() -> T:
            _BEGUN.set(begun)
            return operation(*args, **kwargs)

        with ThreadPoolExecutor(1) as threads:
            result = threads.submit(work)
            try:
                return result.result()
            except KeyboardInterrupt:
                for cancel in begun:
                    with suppress(RuntimeError):  # it has ended
                        cancel()
                raise

    return wait
