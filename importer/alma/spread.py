"""Many calls at once, as many as the governor finds useful."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

from importer.alma.governor import Governor

Item = TypeVar("Item")
Result = TypeVar("Result")


async def spread(
    governor: Governor, items: Iterable[Item], worker: Callable[[Item], Awaitable[Result]]
) -> AsyncGenerator[Result]:
    """Give the worker's result for each item, as they finish, not in their order.

    An item is taken only when there is room for it, so a caller stops by giving no more. What a
    worker raises stops the whole: no more items are taken, those under way finish and their
    results are still given, then the first error is raised. Where the caller itself is cancelled
    or leaves early, those under way are cancelled and waited for; leave early only inside
    `contextlib.aclosing`.
    """
    todo = iter(items)
    tasks: set[asyncio.Task[Result]] = set()
    error: BaseException | None = None
    more = True
    try:
        while True:
            while more and error is None and len(tasks) < governor.in_flight:
                try:
                    item = next(todo)
                except StopIteration:
                    more = False
                    break
                tasks.add(asyncio.create_task(_run(worker, item)))
            if not tasks:
                break
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.cancelled():
                    error = error or asyncio.CancelledError()
                elif raised := task.exception():
                    error = error or raised
            for task in done:
                if not task.cancelled() and task.exception() is None:
                    yield task.result()
        if error is not None:
            raise error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(worker: Callable[[Item], Awaitable[Result]], item: Item) -> Result:
    return await worker(item)
