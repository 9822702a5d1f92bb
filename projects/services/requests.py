import uuid
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from dcm.lib.deadlocks import again_after_deadlock
from dcm.lib.errors import NotFound
from dcm.lib.redaction.services import clean_text
from dcm.lib.rows import insert, update
from projects.models import Request
from projects.services.holding import hold_request
from projects.services.projects import ProjectNotFound
from projects.services.status import set_status
from realtime.channel_names import GLOBAL, session_channel
from realtime.events import RequestDeleted
from realtime.publish import publish


class RequestNotFound(NotFound):
    message = "Request not found"


def create_request(
    *,
    project_id: uuid.UUID,
    session_id: str,
    prompt: str,
    prompt_type: str | None = None,
    status: str = Request.Status.ACTIVE,
    metadata: dict[str, Any] | None = None,
    id: uuid.UUID | None = None,  # noqa: A002
    created_at: datetime | None = None,
) -> Request:
    """What the user asked, without secrets. id: one that is new. Raises ProjectNotFound."""
    prompt = clean_text(prompt)
    request = Request(
        id=id or uuid.uuid4(),
        project_id=project_id,
        session_id=session_id,
        prompt=prompt,
        prompt_type=prompt_type,
        metadata=metadata or {},
        created_at=created_at or timezone.now(),
    )
    set_status(request, status)
    try:
        with transaction.atomic():
            insert(request)
    except IntegrityError:
        raise ProjectNotFound(f"Project not found: {project_id}") from None
    return request


@transaction.atomic
def update_request(
    request_id: uuid.UUID,
    *,
    status: str | None = None,
    metadata: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> Request:
    """Change the status, and merge metadata: new keys win. Raises RequestNotFound.

    at: when the status changed, by default now.
    """
    request = hold_request(request_id).row
    if request is None:
        raise RequestNotFound
    if status is not None:
        set_status(request, status, at=at)
    if metadata is not None:
        request.metadata = {**request.metadata, **metadata}
    update(request, "status", "completed_at", "metadata")
    return request


@again_after_deadlock
@transaction.atomic
def delete_request(request_id: uuid.UUID) -> None:
    """Delete the request and all below it. Publishes request.deleted. Raises RequestNotFound."""
    request = Request.objects.select_for_update().filter(id=request_id).first()
    if request is None:
        raise RequestNotFound
    request.delete()
    publish(
        RequestDeleted(id=request_id, session_id=request.session_id),
        to=[GLOBAL, session_channel(request.session_id)],
    )
