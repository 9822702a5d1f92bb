from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dcm.lib.admin import RowAdmin, Up
from sessions_app.briefs import generate_brief
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
from sessions_app.services.coordinator import delete_context, leave_session
from sessions_app.services.sessions import delete_session, update_session

MOST_BRIEFS = 10
IN_COORDINATION = {"coordination": Up("sessions_app.coordination", text="coordination__session_id")}


@admin.register(Session)
class SessionAdmin(RowAdmin):
    columns = (
        "id",
        "project",
        "started_at",
        "ended_at",
        "total_tools_used",
        "total_success",
        "total_errors",
    )
    up = {"project": Up("projects.project", text="project__path")}
    sortable = ("started_at",)
    ordering = ("-started_at", "id")
    date_hierarchy = "started_at"
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    search_fields = ("id",)
    actions = (*RowAdmin.actions, "end", "write_briefs")

    def remove(self, row: Session) -> object:
        return delete_session(row.id)

    @admin.action(description="Write the brief anew, and show it", permissions=["view"])
    def write_briefs(self, request: HttpRequest, rows: QuerySet[Session]) -> HttpResponse:
        sessions = list(rows.order_by("-started_at", "id")[:MOST_BRIEFS])
        briefs = [generate_brief(agent_id=each.id, session_id=each.id) for each in sessions]
        return self.show_texts(
            request, "Briefs", [(each.session_id, each.content) for each in briefs]
        )

    @admin.action(description="End now", permissions=["change"])
    def end(self, request: HttpRequest, rows: QuerySet[Session]) -> None:
        now = timezone.now()
        rows = rows.filter(ended_at__isnull=True)
        self.apply(request, rows, lambda row: update_session(row.id, ended_at=now), "ended")


@admin.register(ToolStart)
class ToolStartAdmin(RowAdmin):
    """Gone when the call ends: view only."""

    columns = ("tool_use_id", "session_id", "started_at", "agent_type", "description")
    up = {"session_id": Up("sessions_app.session")}
    sortable = ("started_at",)
    ordering = ("-started_at", "tool_use_id")
    search_fields = ("session_id",)


@admin.register(Compaction)
class CompactionAdmin(RowAdmin):
    """What a host did, and what it was told: view only."""

    columns = (
        "session_id",
        "number",
        "agent_id",
        "trigger",
        "begun_at",
        "compacted_at",
        "restores",
    )
    up = {"session_id": Up("sessions_app.session")}
    sortable = ("begun_at",)
    ordering = ("-begun_at", "id")
    search_fields = ("session_id", "agent_id")
    actions = (*RowAdmin.actions, "write_briefs")

    @admin.action(description="Write the brief anew, and show it", permissions=["view"])
    def write_briefs(self, request: HttpRequest, rows: QuerySet[Compaction]) -> HttpResponse:
        """As it would be handed back now."""
        chosen = rows.order_by("-begun_at", "id")[:MOST_BRIEFS]
        briefs = [
            generate_brief(agent_id=each.agent_id, session_id=each.session_id) for each in chosen
        ]
        texts = [(f"{each.agent_id} in {each.session_id}", each.content) for each in briefs]
        return self.show_texts(request, "Briefs", texts)


@admin.register(AgentContext)
class AgentContextAdmin(RowAdmin):
    """An agent's own notes: view only."""

    columns = ("id", "project", "agent_id", "agent_type", "progress_summary", "last_updated")
    up = {"project": Up("projects.project", text="project__path")}
    ordering = ("-last_updated", "id")
    search_fields = ("agent_id", "agent_type")


@admin.register(Coordination)
class CoordinationAdmin(RowAdmin):
    """Made by the first that joins: view only."""

    columns = ("id", "session_id", "last_number", "created_at")
    up = {"session_id": Up("sessions_app.session")}
    ordering = ("-id",)
    search_fields = ("session_id",)


@admin.register(CoordinatedAgent)
class CoordinatedAgentAdmin(RowAdmin):
    columns = ("id", "coordination", "name", "role", "repo_path", "last_seen_at", "departure")
    up = IN_COORDINATION
    ordering = ("-coordination", "-number")
    list_filter = ("role", ("departure", admin.EmptyFieldListFilter))
    search_fields = ("id", "name", "repo_path")
    actions = (*RowAdmin.actions, "take_off")

    @admin.action(description="Take off the list of its session", permissions=["change"])
    def take_off(self, request: HttpRequest, rows: QuerySet[CoordinatedAgent]) -> None:
        self.apply(request, rows, _leave, "left")


def _leave(agent: CoordinatedAgent) -> bool:
    return leave_session(session_id=agent.coordination.session_id, agent_id=agent.id)


@admin.register(ContextEntry)
class ContextEntryAdmin(RowAdmin):
    columns = ("id", "coordination", "key", "value", "updated_by", "version", "updated_at")
    up = IN_COORDINATION
    ordering = ("-coordination", "-number")
    search_fields = ("key", "created_by", "updated_by")
    hidden = ("key_hash",)

    def remove(self, row: ContextEntry) -> object:
        return delete_context(session_id=row.coordination.session_id, key=row.key)


@admin.register(Question)
class QuestionAdmin(RowAdmin):
    """Agents ask and answer: view only."""

    columns = ("id", "coordination", "question", "asked_by", "to_agent", "created_at")
    up = {**IN_COORDINATION, "newest_answer": Up("sessions_app.answer")}
    ordering = ("-coordination", "-number")
    list_filter = (("newest_answer", admin.EmptyFieldListFilter),)
    search_fields = ("id", "question", "asked_by", "to_agent")


@admin.register(Answer)
class AnswerAdmin(RowAdmin):
    """View only."""

    columns = ("id", "question", "answer", "answered_by", "answered_at")
    up = {"question": Up("sessions_app.question", text="question__question")}
    ordering = ("-id",)
    search_fields = ("answer", "answered_by")


@admin.register(Decision)
class DecisionAdmin(RowAdmin):
    """Agents decide: view only."""

    columns = ("id", "coordination", "decision", "rationale", "decided_by", "created_at")
    up = IN_COORDINATION
    ordering = ("-coordination", "-number")
    search_fields = ("decision", "decided_by")
