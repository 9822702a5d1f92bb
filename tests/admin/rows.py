"""A row of every model, of hostile content where a client chooses it, and addresses of pages."""

import hashlib
import uuid
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.sites import site
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.db import connection, models
from django.urls import reverse
from django.utils import timezone

from dcm.imports.models import ImportedTable
from dcm.lib.admin import RowAdmin
from dcm.lib.audit.models import AuditEntry
from dcm.lib.idempotency.models import StoredReply
from dcm.lib.keys.models import ApiKey
from dcm.lib.redaction.models import RedactionCount
from messaging.models import Block, Correspondence, Subscription
from projects.models import LeaseBook
from realtime.models import Acknowledged, LoggedEvent
from routing.models import ProjectToolScore
from sessions_app.models import (
    AgentContext,
    Answer,
    Compaction,
    ContextEntry,
    CoordinatedAgent,
    Coordination,
    Decision,
    Question,
    Session,
    ToolStart,
)
from tests.factories import (
    make_action,
    make_agent,
    make_claim,
    make_delivery,
    make_lease,
    make_message,
    make_project,
    make_request,
    make_score,
    make_subtask,
    make_task,
)

HOSTILE = "<script>alert(1)</script>\"'&\u202egpj.exe \x1b[31m=1+1 "
LONG = HOSTILE + 2**20 * "x"
MODELS = [model for model, its_admin in site._registry.items() if isinstance(its_admin, RowAdmin)]


def list_of(model: type[models.Model], **filters: Any) -> str:
    options = model._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return f"{url}?{query}" if query else url


def page_of(row: models.Model, page: str = "change") -> str:
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{page}", args=[quote(row.pk)])


def make_rows(number: int = 1, text: str = HOSTILE) -> None:
    """So many rows of each model, each below another, with such texts."""
    for _ in range(number):
        _make_branch(text)


def _make_branch(text: str) -> None:
    one, now = uuid.uuid4().hex, timezone.now()
    name = text[:200] + one
    project = make_project(path=name, name=text, metadata={text: [text]})
    Session.objects.create(id=name, project=project)
    request = make_request(project=project, session_id=name, prompt=text, metadata={"a": text})
    task = make_task(request=request, name=text)
    subtask = make_subtask(
        task=task, description=text, agent_id=name, agent_type=name, result={text: text}
    )
    make_claim(subtask=subtask, agent_id=name, session_id=name)
    make_action(
        subtask=subtask,
        session_id=name,
        tool_name=text,
        input=text,
        output=text,
        file_paths=[text, text],
        project_path=text,
    )
    make_message(project=project, from_agent=text, to_agent=name, content={"text": text})
    make_score(name, tool_name=name)
    ProjectToolScore.objects.create(
        project_id=project.id, keyword=name, tool_name=name, tool_type="mcp"
    )
    make_lease(project=project, agent_id=name, pattern=text[:500], reason=text, session_id=name)
    LeaseBook.objects.create(project=project)
    Subscription.objects.create(agent_id=name, topic="task.created", callback_url=text)
    make_agent(project=project, session_id=name, agent_id=name, name=name, reason=text)
    Correspondence.objects.create(from_agent=name, to_agent=name, last_number=1)
    make_delivery(from_agent=text[:500], to_agent=name, reason=text)
    Block.objects.create(blocked_by=name, blocked_agent=f"{name}2", reason=text)
    ToolStart.objects.create(tool_use_id=name, session_id=name, description=text)
    Compaction.objects.create(
        session_id=name, number=1, agent_id=text, position=text, summary=text, trigger=text
    )
    AgentContext.objects.create(
        project=project, agent_id=name, agent_type=text, progress_summary=text
    )
    hall = Coordination.objects.create(session_id=name)
    common = {"coordination": hall, "number": 1}
    CoordinatedAgent.objects.create(id=one, name=text, role="source", repo_path=text, **common)
    ContextEntry.objects.create(
        key=text,
        key_hash=hashlib.sha256(text.encode()).digest(),
        value=text,
        tags=[text],
        created_by=text,
        updated_by=text,
        version=1,
        **common,
    )
    question = Question.objects.create(id=one, question=text, asked_by=text, **common)
    question.newest_answer = Answer.objects.create(
        question=question, answer=text, answered_by=text, answered_at=now
    )
    question.save()
    Decision.objects.create(decision=text, rationale=text, decided_by=text, **common)
    Acknowledged.objects.create(agent_id=name, epoch=one, beyond=[1, 2])
    ApiKey.objects.create(
        id=name, digest=b"\0" * 32, name=text, scope="agent", agents=[text], created_by=text
    )
    AuditEntry.objects.create(act=text, by=text, about=text, details={text: text})
    LogEntry.objects.create(
        user=User.objects.first() or User.objects.create(username="somebody"),
        object_id=name,
        object_repr=text[:200],
        action_flag=CHANGE,
        change_message=text,
    )
    StoredReply.objects.create(key=name, fingerprint=b"\0" * 32, body=text.encode())
    ImportedTable.objects.create(source=HOSTILE, table=name, position=text, left_out={text: 1})
    RedactionCount.objects.create(kind=name, count=1)


def make_old_events(number: int, text: str = HOSTILE) -> None:
    """Rows that the log never had: below its first number, so no reader meets them."""
    LoggedEvent.objects.bulk_create(
        LoggedEvent(seq=-each, channels=[text], type=text, data={"a": text}, publisher=text)
        for each in range(1, number + 1)
    )


def remove_old_events() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM realtime_loggedevent WHERE seq < 0")
