"""The SDK over HTTP: DCMClient waits, AsyncDCMClient is awaited; both have every route."""

import asyncio
import os
import random
import time
import uuid
from collections.abc import Generator
from functools import cached_property
from typing import Any, Self, TypeVar

import httpx
import msgspec

from dcm_client.calls import Call, plain
from dcm_client.errors import ConnectionFailed, DCMError, NotFound, refusal
from dcm_client.routes import Routes

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:3847"
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

Step = httpx.Request | float
"""What a call does next: send this, or wait so many seconds."""
Outcome = httpx.Response | httpx.TransportError | None


class _Options:
    """url: also from DCM_URL. token: an API key or a token, also from DCM_TOKEN or DCM_API_KEY.

    timeout_seconds: of each attempt. retries: attempts after the first; only of calls that may be
    repeated, which with the keys that the client makes is all of them.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout_seconds: float = 5.0,
        retries: int = 2,
    ) -> None:
        env = os.environ
        self.url = url or env.get("DCM_URL") or env.get("CONTEXT_MANAGER_URL") or DEFAULT_URL
        self.url = self.url.rstrip("/")
        self.token = token or env.get("DCM_TOKEN") or env.get("DCM_API_KEY")
        self.timeout_seconds = timeout_seconds
        self.retries = retries

    def _http_options(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        # Proxies of the environment are for the internet, not for a server beside the agent.
        return {"headers": headers, "timeout": self.timeout_seconds, "trust_env": False}

    def _steps(self, call: Call[T]) -> Generator[Step, Outcome, T]:
        """All attempts of a call: yields what to do next, is sent what came of it.

        Raises RequestRefused and ConnectionFailed.
        """
        request = self._request(call)
        for attempt in range(self.retries + 1):
            outcome = yield request
            assert outcome is not None
            error = _problem(call, outcome)
            if error is None:
                assert isinstance(outcome, httpx.Response)
                return call.read(outcome.content)
            is_second_delete = attempt and call.method == "DELETE" and call.result is None
            if is_second_delete and isinstance(error, NotFound):
                return call.read(b"")  # the attempt whose answer was lost has done it
            if attempt == self.retries or not _is_passing(outcome):
                raise error
            yield _wait(attempt, outcome)
        raise AssertionError("unreachable")

    def _request(self, call: Call[Any]) -> httpx.Request:
        headers = dict(call.headers)
        content = None
        if call.body is not None:
            content = msgspec.json.encode(call.body)
            headers["Content-Type"] = "application/json"
        if call.method == "POST" and not call.is_repeatable:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        url = self.url + call.path
        try:
            return httpx.Request(
                call.method, url, params=plain(call.query), headers=headers, content=content
            )
        except httpx.InvalidURL as error:
            raise ConnectionFailed(f"{call.method} {url}: {error}") from error


class DCMClient(_Options, Routes):
    """`with DCMClient() as dcm: dcm.create_project("/srv/shop")`."""

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(**self._http_options())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def is_healthy(self) -> bool:
        try:
            return self.health().status == "healthy"
        except DCMError:
            return False

    def run(self, call: Call[T]) -> T:
        steps = self._steps(call)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = self._do(step)

    def _do(self, step: Step) -> Outcome:
        if isinstance(step, float):
            time.sleep(step)
            return None
        try:
            return self._http.send(_with_defaults(step, self._http))
        except httpx.TransportError as error:
            return error


class AsyncDCMClient(_Options, Routes):
    """`async with AsyncDCMClient() as dcm: await dcm.create_project("/srv/shop")`."""

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(**self._http_options())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def is_healthy(self) -> bool:
        try:
            return (await self.health()).status == "healthy"
        except DCMError:
            return False

    async def run_async(self, call: Call[T]) -> T:
        steps = self._steps(call)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = await self._do(step)

    async def _do(self, step: Step) -> Outcome:
        if isinstance(step, float):
            await asyncio.sleep(step)
            return None
        try:
            return await self._http.send(_with_defaults(step, self._http))
        except httpx.TransportError as error:
            return error


def _with_defaults(request: httpx.Request, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
    """A fresh copy for each attempt, with what the client adds to all of them."""
    return http.build_request(
        request.method, request.url, headers=request.headers, content=request.content or None
    )


def _problem(call: Call[Any], outcome: httpx.Response | httpx.TransportError) -> DCMError | None:
    name = f"{call.method} {call.path}"
    if isinstance(outcome, httpx.TransportError):
        error = ConnectionFailed(f"{name}: {str(outcome) or type(outcome).__name__}")
        error.__cause__ = outcome
        return error
    if outcome.is_success:
        return None
    return refusal(outcome.status_code, outcome.content, name)


def _is_passing(outcome: httpx.Response | httpx.TransportError) -> bool:
    """Whether another attempt may go better."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in _PASSING
    return not isinstance(outcome, httpx.UnsupportedProtocol)


def _wait(attempt: int, outcome: httpx.Response | httpx.TransportError) -> float:
    """Longer each time, never the same: clients that failed together do not come back together."""
    wait: float = FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311
    advised = outcome.headers.get("Retry-After", "") if isinstance(outcome, httpx.Response) else ""
    if advised.isdecimal():
        wait += float(advised)
    return min(wait, LONGEST_WAIT_SECONDS)
