"""How one definition of a route serves both clients.

A route is a method that only describes its call. Fetched from a client that waits, it is a function
that returns the result; fetched from an asynchronous one, a coroutine function.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload
from urllib.parse import quote

import msgspec

from dcm_client.errors import ConnectionFailed

T = TypeVar("T")
P = ParamSpec("P")
PAGE_SIZE = 100


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request and what its reply is read as.

    under: the member of the reply that is the result. is_repeatable: doing it twice is doing it
    once; a POST that is not gets an Idempotency-Key.
    """

    method: str
    path: str
    result: Any  # the type T, or None
    under: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = False

    def read(self, content: bytes) -> T:
        """Raises ConnectionFailed when a DCM server cannot have answered this."""
        try:
            reply: Any = msgspec.json.decode(content) if self.result is not None else None
            value = reply[self.under] if self.under is not None else reply
            found: T = msgspec.convert(value, self.result)
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise ConnectionFailed(
                f"{self.method} {self.path}: an unexpected reply: {error}"
            ) from error
        return found


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[T]):
    """A list that is read page by page: by cursor where the server has one, else by offset.

    limit: how many rows of it, None for all.
    """

    call: Call[dict[str, Any]]
    name: str
    row: type[T]
    limit: int | None = None

    def page(self, place: Mapping[str, Any], so_far: int) -> Call[dict[str, Any]]:
        left = PAGE_SIZE if self.limit is None else min(PAGE_SIZE, self.limit - so_far)
        return replace(self.call, query={**self.call.query, "limit": left, **place})

    def read(self, reply: dict[str, Any], so_far: int) -> tuple[list[T], dict[str, Any] | None]:
        """The rows, and where the next page begins; None after the last."""
        rows = msgspec.convert(reply[self.name], list[self.row])  # type: ignore[name-defined]
        reached = so_far + len(rows)
        if "next_cursor" in reply:
            place = {"cursor": reply["next_cursor"]} if reply["next_cursor"] else None
        else:
            place = {"offset": reached} if len(rows) == reply.get("limit", PAGE_SIZE) else None
        is_done = not rows or (self.limit is not None and reached >= self.limit)
        return rows, None if is_done else place


class Waiting(Protocol):
    """A client whose calls return results."""

    def run(self, call: Call[T]) -> T: ...


class Awaiting(Protocol):
    """A client whose calls are awaited."""

    async def run_async(self, call: Call[T]) -> T: ...


class route(Generic[P, T]):  # noqa: N801  a decorator
    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: Waiting, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, client: None, owner: type) -> "route[P, T]": ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self
        run = client.run if hasattr(client, "run") else client.run_async

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return run(self._describe(client, *args, **kwargs))

        call.__doc__, call.__name__ = self.__doc__, self._describe.__name__
        return call


class listing(Generic[P, T]):  # noqa: N801  a decorator
    def __init__(self, describe: Callable[Concatenate[Any, P], Listing[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: Waiting, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, client: None, owner: type) -> "listing[P, T]": ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self
        iterate = _iterate if hasattr(client, "run") else _iterate_async

        def rows(*args: P.args, **kwargs: P.kwargs) -> Any:
            return iterate(client, self._describe(client, *args, **kwargs))

        rows.__doc__, rows.__name__ = self.__doc__, self._describe.__name__
        return rows


def _iterate(client: Waiting, wanted: Listing[T]) -> Iterator[T]:
    place, so_far = _beginning(wanted), 0
    while place is not None:
        rows, place = wanted.read(client.run(wanted.page(place, so_far)), so_far)
        so_far += len(rows)
        yield from rows


async def _iterate_async(client: Awaiting, wanted: Listing[T]) -> AsyncIterator[T]:
    place, so_far = _beginning(wanted), 0
    while place is not None:
        rows, place = wanted.read(await client.run_async(wanted.page(place, so_far)), so_far)
        so_far += len(rows)
        for row in rows:
            yield row


def _beginning(wanted: Listing[Any]) -> dict[str, Any] | None:
    return None if wanted.limit == 0 else {}


def path(*parts: str) -> str:
    """`/api/` and these parts; each is one segment, whatever is in it."""
    return "/api/" + "/".join(quote(part, safe="") for part in parts)


def given(**members: Any) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def plain(query: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a URL as text."""
    return {name: _text(value) for name, value in query.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ",".join(value)
    return str(value)
