"""Guessing passwords takes long: few attempts for a name from one address, and for an address."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from dcm.lib.throttle import Limit, TooFast

LOGIN = "/admin/login/"
FIVE_MINUTES = 300
_of_name = Limit("login-name", rate=5 / FIVE_MINUTES, burst=5)
_of_address = Limit("login-address", rate=20 / FIVE_MINUTES, burst=20)


def login_throttled(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and request.path == LOGIN:
            address = str(request.META.get("REMOTE_ADDR", ""))
            try:
                _of_address.take(address)
                _of_name.take(f"{address} {request.POST.get('username', '')[:150]}")
            except TooFast as error:
                text = f"Too many attempts: try again in {error.retry_after} seconds."
                headers = {"Retry-After": str(error.retry_after)}
                return HttpResponse(text, status=429, headers=headers, content_type="text/plain")
        return get_response(request)

    return middleware
