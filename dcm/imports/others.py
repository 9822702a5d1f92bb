"""Sessions, what agents said, what was learned: as the original stores them."""

from typing import Any

from dcm.imports.mending import Mender
from dcm.imports.source import Row, Selection
from dcm.imports.table import LeftOut, Table
from messaging.models import Topic
from messaging.services import adopting as messaging
from routing.adopting import SCORES
from sessions_app.services import adopting as sessions

_PROJECT = {"project_path": "p.path"}
_ITS_PROJECT = "LEFT JOIN projects p ON p.id = t.project_id"


def _session(row: Row, mender: Mender) -> dict[str, Any]:
    return {
        **row,
        "started_at": mender.moment(row["started_at"]),
        "total_tools_used": mender.number(row["total_tools_used"]),
        "total_success": mender.number(row["total_success"]),
        "total_errors": mender.number(row["total_errors"]),
    }


def _message(row: Row, mender: Mender) -> dict[str, Any]:
    if row["is_over"]:
        raise LeftOut("expired")
    return {
        **row,
        "from_agent": row["from_agent_id"],
        "to_agent": row["to_agent_id"] or None,
        "message_type": row["message_type"] or row["topic"] or "",
        "content": mender.content(row["payload"]),
        "priority": mender.number(row["priority"], 0, 10),
        "read_by": mender.texts(row["read_by"]),
        "created_at": mender.moment(row["created_at"]),
    }


def _subscription(row: Row, mender: Mender) -> dict[str, Any]:
    if row["topic"] not in Topic.values:
        raise LeftOut("to a topic that there is not")
    created_at = mender.moment(row["created_at"])
    return {**row, "created_at": created_at, "updated_at": row["updated_at"] or created_at}


def _block(row: Row, mender: Mender) -> dict[str, Any]:
    if row["blocked_by"] == row["blocked_agent"]:
        raise LeftOut("of an agent by itself")
    return {**row, "created_at": mender.moment(row["created_at"])}


def _score(row: Row, mender: Mender) -> dict[str, Any]:
    uses = mender.number(row["usage_count"])
    return {
        **row,
        "score": mender.real(row["score"], 0.1, 5.0, otherwise=1.0),
        "usage_count": uses,
        "success_count": mender.number(row["success_count"], 0, uses),
        "last_used": mender.moment(row["last_used"]),
    }


def _context(row: Row, mender: Mender) -> dict[str, Any]:
    return {
        **row,
        "role_context": mender.mapping(row["role_context"]),
        "skills_to_restore": mender.texts(row["skills_to_restore"]),
        "tools_used": mender.texts(row["tools_used"]),
        "last_updated": mender.moment(row["last_updated"]),
    }


OTHERS = [
    Table(
        noun="sessions",  # after the actions, which they count
        selection=Selection(
            table="sessions",
            plain=("total_tools_used", "total_success", "total_errors"),
            moments=("started_at", "ended_at"),
            more=_PROJECT,
            joins=_ITS_PROJECT,
        ),
        read=_session,
        into=sessions.SESSIONS,
    ),
    Table(
        noun="messages",
        selection=Selection(
            table="agent_messages",
            plain=("from_agent_id", "to_agent_id", "message_type", "topic", "priority"),
            moments=("created_at", "expires_at"),
            json=("payload",),
            optional=("priority",),
            more={
                **_PROJECT,
                "read_by": "t.read_by::text[]",
                "is_over": "coalesce(t.expires_at <= now(), false)",
            },
            joins=_ITS_PROJECT,
        ),
        read=_message,
        into=messaging.MESSAGES,
    ),
    Table(
        noun="subscriptions",
        selection=Selection(
            table="subscriptions",
            plain=("agent_id", "topic", "callback_url"),
            moments=("created_at", "updated_at"),
        ),
        read=_subscription,
        into=messaging.SUBSCRIPTIONS,
    ),
    Table(
        noun="blocks",
        selection=Selection(
            table="blocked_agents",
            plain=("blocked_by", "blocked_agent", "reason"),
            moments=("created_at",),
        ),
        read=_block,
        into=messaging.BLOCKS,
    ),
    Table(
        noun="scores",
        selection=Selection(
            table="keyword_tool_scores",
            plain=("keyword", "tool_name", "tool_type", "score", "usage_count", "success_count"),
            moments=("last_used",),
        ),
        read=_score,
        into=SCORES,
    ),
    Table(
        noun="agent contexts",
        selection=Selection(
            table="agent_contexts",
            plain=("agent_id", "agent_type", "progress_summary"),
            moments=("last_updated",),
            json=("role_context",),
            more={
                **_PROJECT,
                "skills_to_restore": "t.skills_to_restore::text[]",
                "tools_used": "t.tools_used::text[]",
            },
            joins=_ITS_PROJECT,
        ),
        read=_context,
        into=sessions.AGENT_CONTEXTS,
    ),
]
