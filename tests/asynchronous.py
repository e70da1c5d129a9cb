"""Coroutines in tests that wait for them."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio

Result = TypeVar("Result")


def complete(function: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
    """What a coroutine function returns. In a thread of its own: the tests in a browser leave a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, function, *arguments).result()
