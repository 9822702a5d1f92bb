"""What can be found: for each kind its text, to whom and what it belongs, and who may read it.

SQL about a row `t`. The text and its length are those of the index, see the migrations.
"""

# ruff: noqa: S608  put together from constants of ours; values are parameters
from dataclasses import dataclass

from dcm.lib.text_search import words_of


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of row.

    session_id, project_id, agent_id, label (one more text that tells rows apart): what is shown,
    by way of these joins. of_session, of_project, of_agent: conditions, which do without them.
    readable: a condition of every search.
    """

    table: str
    text: str
    most: int = 20_000
    id_type: str = "uuid"
    at: str = "created_at"
    joins: str = ""
    session_id: str
    project_id: str
    agent_id: str
    label: str
    of_session: str
    of_project: str
    of_agent: str
    readable: str = "true"

    @property
    def words(self) -> str:
        return words_of(self.text, self.most)


_BRANCH = """
projects_subtask s JOIN projects_task w ON w.id = s.task_id
JOIN projects_request r ON r.id = w.request_id
"""
_SUBTASKS_OF_SESSION = f"(SELECT s.id FROM {_BRANCH} WHERE r.session_id = %(session_id)s)"
_SUBTASKS_OF_PROJECT = f"(SELECT s.id FROM {_BRANCH} WHERE r.project_id = %(project_id)s)"
_BY_AGENT = "(s.agent_id = %(agent_id)s OR s.agent_type = %(agent_id)s)"
_SESSIONS = "(SELECT id FROM sessions_app_session WHERE project_id = %(project_id)s)"

_REQUEST = Kind(
    table="projects_request",
    text="prompt",
    session_id="t.session_id",
    project_id="t.project_id",
    agent_id="NULL",
    label="t.status",
    of_session="t.session_id = %(session_id)s",
    of_project="t.project_id = %(project_id)s",
    of_agent=f"t.id IN (SELECT r.id FROM {_BRANCH} WHERE {_BY_AGENT})",
)
_SUBTASK = Kind(
    table="projects_subtask",
    text="description",
    joins="JOIN projects_task w ON w.id = t.task_id JOIN projects_request r ON r.id = w.request_id",
    session_id="r.session_id",
    project_id="r.project_id",
    agent_id="coalesce(t.agent_id, t.agent_type)",
    label="t.status",
    of_session=f"t.id IN {_SUBTASKS_OF_SESSION}",
    of_project=f"t.id IN {_SUBTASKS_OF_PROJECT}",
    of_agent="(t.agent_id = %(agent_id)s OR t.agent_type = %(agent_id)s)",
)
_ACTION = Kind(
    table="projects_action",
    text="input",
    most=2_000,
    joins=f"LEFT JOIN ({_BRANCH}) ON s.id = t.subtask_id"
    " LEFT JOIN sessions_app_session o ON o.id = t.session_id"
    " LEFT JOIN projects_project p ON p.path = t.project_path",
    session_id="coalesce(t.session_id, r.session_id)",
    project_id="coalesce(r.project_id, p.id, o.project_id)",
    agent_id="coalesce(s.agent_id, s.agent_type)",
    label="t.tool_name",
    of_session=f"(t.session_id = %(session_id)s OR t.subtask_id IN {_SUBTASKS_OF_SESSION})",
    of_project=f"(t.subtask_id IN {_SUBTASKS_OF_PROJECT} OR t.session_id IN {_SESSIONS} OR"
    " t.project_path = (SELECT path FROM projects_project WHERE id = %(project_id)s))",
    of_agent=f"t.subtask_id IN (SELECT s.id FROM projects_subtask s WHERE {_BY_AGENT})",
)
# As with inboxes, which one reads by naming the agent: of direct messages only that agent's own.
_MESSAGE = Kind(
    table="messaging_message",
    text="content::text",
    session_id="NULL",
    project_id="t.project_id",
    agent_id="t.from_agent",
    label="t.topic",
    of_session="false",
    of_project="t.project_id = %(project_id)s",
    of_agent="(t.from_agent = %(agent_id)s OR t.to_agent = %(agent_id)s)",
    readable="(t.expires_at IS NULL OR t.expires_at > now()) AND"
    " (t.to_agent IS NULL OR %(reads_all)s OR %(reader)s IN (t.from_agent, t.to_agent))",
)


_OF_SESSION = "(SELECT id FROM sessions_app_coordination WHERE session_id = %(session_id)s)"
_OF_PROJECT = f"(SELECT id FROM sessions_app_coordination WHERE session_id IN {_SESSIONS})"
_HOME = """
JOIN sessions_app_coordination c ON c.id = {}.coordination_id
LEFT JOIN sessions_app_session o ON o.id = c.session_id
"""


@dataclass(frozen=True, kw_only=True)
class _Shared(Kind):
    """What the agents of a session share: its rows belong to a coordination."""

    joins: str = _HOME.format("t")
    session_id: str = "c.session_id"
    project_id: str = "o.project_id"
    label: str = "NULL"
    of_session: str = f"t.coordination_id IN {_OF_SESSION}"
    of_project: str = f"t.coordination_id IN {_OF_PROJECT}"


_ENTRY = _Shared(
    table="sessions_app_contextentry",
    text="key || ' ' || value",
    at="updated_at",
    agent_id="t.updated_by",
    label="t.key",
    of_agent="%(agent_id)s IN (t.created_by, t.updated_by)",
)
_QUESTION = _Shared(
    table="sessions_app_question",
    text="question",
    id_type="text",
    agent_id="t.asked_by",
    label="CASE WHEN t.newest_answer_id IS NULL THEN 'pending' ELSE 'answered' END",
    of_agent="%(agent_id)s IN (t.asked_by, t.to_agent)",
)
_QUESTIONS = "t.question_id IN (SELECT id FROM sessions_app_question WHERE coordination_id IN {})"
_ANSWER = _Shared(
    table="sessions_app_answer",
    text="answer",
    id_type="bigint",
    at="answered_at",
    joins="JOIN sessions_app_question q ON q.id = t.question_id" + _HOME.format("q"),
    agent_id="t.answered_by",
    label="t.question_id",
    of_session=_QUESTIONS.format(_OF_SESSION),
    of_project=_QUESTIONS.format(_OF_PROJECT),
    of_agent="t.answered_by = %(agent_id)s",
)
_DECISION = _Shared(
    table="sessions_app_decision",
    text="decision || ' ' || coalesce(rationale, '')",
    agent_id="t.decided_by",
    of_agent="t.decided_by = %(agent_id)s",
)

KINDS = {
    "request": _REQUEST,
    "subtask": _SUBTASK,
    "action": _ACTION,
    "message": _MESSAGE,
    "entry": _ENTRY,
    "question": _QUESTION,
    "answer": _ANSWER,
    "decision": _DECISION,
}
