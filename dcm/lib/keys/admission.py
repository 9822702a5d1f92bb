"""Who may come in: whoever brings a key, and in development on loopback everybody."""

import functools
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from dcm.lib.api import error_response, is_page
from dcm.lib.errors import DomainError
from dcm.lib.keys.callers import ANYBODY, Caller, current
from dcm.lib.keys.ring import ring
from dcm.lib.threads import in_thread
from dcm.lib.throttle import Limit

BURST = 4
OPEN_PATHS = frozenset({"/health", "/livez"})  # load balancers ask these without a key


class Unauthorized(DomainError):
    message = "Unauthorized"
    status = 401

    def __init__(self) -> None:
        super().__init__(None, message="Send Authorization: Bearer")


def keys_are_asked_for() -> bool:
    return bool(settings.PRODUCTION or settings.API_KEY)


def key_in(x_api_key: str | None, authorization: str | None) -> str:
    """The key that these two headers bring, "" for none."""
    return (x_api_key or authorization or "").removeprefix("Bearer ")


async def admit(key: str) -> Caller:
    """The caller with this key, as key_in() found it. Raises Unauthorized."""
    if not keys_are_asked_for():
        return ANYBODY
    caller = await ring.find(key)
    if caller is None:
        raise Unauthorized
    return caller


def admit_in_thread(key: str) -> Caller:
    """The same in a thread that may use the database."""
    if not keys_are_asked_for():
        return ANYBODY
    caller = ring.find_in_thread(key)
    if caller is None:
        raise Unauthorized
    return caller


@sync_and_async_middleware
def known_caller(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Sets the current caller of a request that needs one; others are turned away."""
    if iscoroutinefunction(get_response):

        async def on_the_loop(request: HttpRequest) -> HttpResponseBase:
            if _is_open(request):
                return await get_response(request)  # type: ignore[no-any-return]
            try:
                caller = await admit_request(request)
            except Exception as error:  # noqa: BLE001  every error has an envelope
                return refusal(error)
            token = current.set(caller)
            try:
                return await get_response(request)  # type: ignore[no-any-return]
            finally:
                current.reset(token)

        return on_the_loop

    def in_a_thread(request: HttpRequest) -> HttpResponseBase:
        if _is_open(request):
            return get_response(request)  # type: ignore[no-any-return]
        try:
            caller = _admit_in_time_in_thread(request)
        except Exception as error:  # noqa: BLE001  every error has an envelope
            return refusal(error)
        token = current.set(caller)
        try:
            return get_response(request)  # type: ignore[no-any-return]
        finally:
            current.reset(token)

    return in_a_thread


def refusal(error: Exception) -> HttpResponseBase:
    response = error_response(error)
    if response.status_code == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


async def admit_request(request: HttpRequest) -> Caller:
    """Raises TooFast, too: keys have a pace, and so have addresses that guess them."""
    try:
        caller = await admit(_key_of(request))
    except Unauthorized:
        await _slow_down(_address(request))
        raise
    await _slow_down(caller.key_id or _address(request))
    return caller


def _admit_in_time_in_thread(request: HttpRequest) -> Caller:
    try:
        caller = admit_in_thread(_key_of(request))
    except Unauthorized:
        _slow_down_in_thread(_address(request))
        raise
    _slow_down_in_thread(caller.key_id or _address(request))
    return caller


async def _slow_down(name: str) -> None:
    if settings.RATE_LIMIT:
        limit = _limit(settings.RATE_LIMIT)
        if not limit.take_fast(name):
            await in_thread(limit.take, name)


def _slow_down_in_thread(name: str) -> None:
    if settings.RATE_LIMIT:
        _limit(settings.RATE_LIMIT).take(name)


@functools.cache
def _limit(rate: int) -> Limit:
    return Limit("requests", rate=rate, burst=BURST * rate)


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _is_open(request: HttpRequest) -> bool:
    if not (keys_are_asked_for() or settings.RATE_LIMIT):
        return True
    return request.path in OPEN_PATHS or is_page(request.path)


def _key_of(request: HttpRequest) -> str:
    return key_in(request.META.get("HTTP_X_API_KEY"), request.META.get("HTTP_AUTHORIZATION"))
