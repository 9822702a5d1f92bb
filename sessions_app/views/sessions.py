from typing import Any

from django.utils import timezone
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from dcm.lib.api import AnyText, Keyset, Query, page
from dcm.lib.errors import DomainError
from projects.models import Request as UserRequest
from sessions_app.models import Session
from sessions_app.selectors import injection_meter, session_overview, sessions_by_project
from sessions_app.serializers import SessionInput, SessionOutput, SessionUpdate
from sessions_app.services.sessions import (
    SessionNotFound,
    create_session,
    delete_session,
    update_session,
)

MOST_REQUESTS = 20


class NothingToUpdate(DomainError):
    message = "No fields to update"


class Sessions(ViewSet):
    noun = "session"
    failures = {"stats": "Failed to fetch sessions stats"}
    lookup_value_regex = AnyText.regex

    def create(self, request: Request) -> Response:
        session = create_session(**SessionInput.read(request.data))
        return Response(_bare_and_wrapped(session, success=True), status=201)

    def list(self, request: Request) -> Response:
        query = Query(request.query_params)
        rows = Session.objects.filter(
            **query.given(
                project_id=query.id("project_id"),
                started_at__gte=query.moment("since"),
                started_at__lt=query.moment("until"),
            )
        )
        if query.text("active_only") == "true":
            rows = rows.filter(ended_at__isnull=True)
        return Response(
            page(
                rows,
                query,
                SessionOutput,
                name="sessions",
                default=50,
                total=True,
                keyset=Keyset("-started_at", "id"),
            )
        )

    def retrieve(self, request: Request, pk: str) -> Response:
        session = _find(pk)
        requests = UserRequest.objects.filter(session_id=pk).order_by("-created_at", "id")
        shown = requests.values("id", "prompt", "prompt_type", "status", "created_at")
        return Response(
            {
                **_bare_and_wrapped(session),
                "requests": list(shown[:MOST_REQUESTS]),
                "injections": injection_meter(pk),
            }
        )

    def partial_update(self, request: Request, pk: str) -> Response:
        _find(pk)
        changes = SessionUpdate.read(request.data)
        # A null changes nothing, but it is no mistake either. Contract: rest 5.9.
        if set(SessionUpdate().fields).isdisjoint(request.data):
            raise NothingToUpdate
        return Response(_bare_and_wrapped(update_session(pk, **changes), success=True))

    def destroy(self, request: Request, pk: str) -> Response:
        delete_session(pk)
        return Response(status=204)

    @action(detail=False)
    def stats(self, request: Request) -> Response:
        return Response(
            {
                "overview": session_overview(),
                "by_project": sessions_by_project(),
                "timestamp": timezone.now(),
            }
        )


def _find(session_id: str) -> Session:
    session = Session.objects.filter(id=session_id).first()
    if session is None:
        raise SessionNotFound
    return session


def _bare_and_wrapped(session: Session, **more: Any) -> dict[str, Any]:
    """The row as the original sends it, and under "session" as its SDK reads it (rest R24)."""
    row = SessionOutput(session).data
    return {**row, **more, "session": row}
