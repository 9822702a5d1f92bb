"""The Idempotency-Key header of POST requests.

Key, effect and reply are one transaction: a crash leaves all of them or none. Whoever comes with
the same key meanwhile waits for that transaction. Only successes are kept, so what was refused can
be sent again, corrected.
"""

import hashlib
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from dcm.lib.api import error_response
from dcm.lib.errors import DomainError
from dcm.lib.idempotency.models import StoredReply

HEADER = "Idempotency-Key"
LONGEST_KEY = 255

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class InvalidKey(DomainError):
    message = f"{HEADER} must have 1 to {LONGEST_KEY} characters"


class KeyReused(DomainError):
    message = f"{HEADER} was used with another request"
    status = 422


def idempotent(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST" or not request.path.startswith("/api/"):
            return get_response(request)
        if not 0 < len(key) <= LONGEST_KEY:
            return error_response(InvalidKey())
        try:
            return _once(key, request, get_response)
        except Exception as error:  # noqa: BLE001  no view is there to answer for it
            return error_response(error)

    return middleware


@transaction.atomic
def _once(key: str, request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    mine = StoredReply(key=key, fingerprint=_fingerprint(request))
    # Waits for another transaction that is about to store this key.
    StoredReply.objects.bulk_create([mine], ignore_conflicts=True)
    first = StoredReply.objects.get(key=key)
    if bytes(first.fingerprint) != mine.fingerprint:
        return error_response(KeyReused())
    if first.status is not None:
        return _repeated(first)
    response = get_response(request)
    if isinstance(response, HttpResponse) and response.status_code < 400:
        StoredReply.objects.filter(key=key).update(
            status=response.status_code, body=response.content
        )
    else:
        transaction.set_rollback(True)
    return response


def _fingerprint(request: HttpRequest) -> bytes:
    return hashlib.sha256(request.get_full_path().encode() + b"\n" + request.body).digest()


def _repeated(stored: StoredReply) -> HttpResponse:
    response = HttpResponse(
        bytes(stored.body), status=stored.status, content_type="application/json"
    )
    response["Idempotency-Replayed"] = "true"
    return response
