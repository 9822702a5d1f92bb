"""Views of every kind behind a LeanHandler of their own, and what a test may see of them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import NoReturn

from django.core.exceptions import SuspiciousOperation
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import Input, Text, by_method, hot_view, json_response
from dcm.lib.errors import Conflict


class Marks:
    """Points that a view has reached, for a test in another thread to await."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()
        self.threads: set[str] = set()


marks = Marks()


class Taken(Conflict):
    message = "Taken already"


@hot_view(failure="Failed to echo", method="POST")
async def echo(request: HttpRequest) -> HttpResponse:
    return json_response({"size": len(request.body), "thread": threading.current_thread().name})


@hot_view(failure="Failed to greet", method="GET")
async def greet(request: HttpRequest, name: str = "") -> HttpResponse:
    return json_response({"name": name, "query": request.GET.dict()})


@hot_view(failure="Failed to wait", method="GET")
async def wait_forever(request: HttpRequest) -> HttpResponse:
    marks.started.set()
    try:
        await asyncio.Event().wait()
    finally:
        marks.ended.set()
    raise AssertionError


@hot_view(failure="Failed to add", method="GET")
async def fail(request: HttpRequest, how: str) -> HttpResponse:
    _raise(how)


def fail_in_thread(request: HttpRequest, how: str) -> HttpResponse:
    _raise(how)


def _raise(how: str) -> NoReturn:
    raise {
        "conflict": Taken(by="somebody"),
        "bug": ZeroDivisionError("secret detail"),
        "suspicious": SuspiciousOperation("odd"),
    }[how]


def query(request: HttpRequest) -> HttpResponse:
    marks.threads.add(threading.current_thread().name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return json_response({"pid": cursor.fetchone()[0]})


def slow(request: HttpRequest) -> HttpResponse:
    marks.started.set()
    marks.go_on.wait(5)
    marks.ended.set()
    return json_response({})


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_parts(), content_type="text/plain")


async def _parts() -> AsyncIterator[bytes]:
    try:
        yield b"first "
        await asyncio.to_thread(marks.go_on.wait, 5)
        yield b"second"
        await asyncio.to_thread(marks.go_on.wait, 5)
    finally:
        marks.ended.set()


def stream_from_thread(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_parts_from_thread(), content_type="text/plain")


def _parts_from_thread() -> Iterator[bytes]:
    try:
        for part in (b"first ", b"second"):
            marks.threads.add(threading.current_thread().name)
            yield part
            marks.go_on.wait(5)
    finally:
        marks.ended.set()


class NameInput(Input):
    name = Text()


class Names(APIView):
    failure = "Failed to name"

    def get(self, request: Request) -> Response:
        return Response({"names": []})

    def post(self, request: Request) -> Response:
        return Response(NameInput.read(request.data), status=201)


urlpatterns = [
    path("api/echo", echo),
    path("api/hooks/echo", echo),
    path("api/greet/<path:name>", greet),
    path("api/greet", greet),
    path("api/wait", wait_forever),
    path("api/fail/<str:how>", fail),
    path("api/fail-in-thread/<str:how>", fail_in_thread),
    path("api/query", query),
    path("api/slow", slow),
    path("api/stream", stream),
    path("api/stream-from-thread", stream_from_thread),
    path("api/names", Names.as_view()),
    path("api/both", by_method(post=echo, get=Names.as_view())),
]
