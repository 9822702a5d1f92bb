"""What coordinator clients see of a row. Contract: coordinator 4.

Members that have no value are left out, never null. Members beyond the contract are safe there.
"""

from typing import Any

from dcm.lib.wire import wire_time
from sessions_app.models import ContextEntry, CoordinatedAgent, Decision, Question


def agent_object(agent: CoordinatedAgent) -> dict[str, Any]:
    return {
        "id": agent.id,
        "name": agent.name,
        "role": agent.role,
        "repoPath": agent.repo_path,
        "connectedAt": wire_time(agent.connected_at),
    }


def entry_object(entry: ContextEntry) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "key": entry.key,
        "value": entry.value,
        "tags": entry.tags,
        "createdBy": entry.created_by,
        "createdAt": wire_time(entry.created_at),
        "updatedAt": wire_time(entry.updated_at),
        "updatedBy": entry.updated_by,
        "version": entry.version,
    }


def question_object(question: Question) -> dict[str, Any]:
    """`newest_answer` must be loaded or null."""
    shown: dict[str, Any] = {
        "id": question.id,
        "question": question.question,
        "from": question.asked_by,
        "status": "pending",
        "createdAt": wire_time(question.created_at),
    }
    if question.to_agent is not None:
        shown["to"] = question.to_agent
    if (answer := question.newest_answer) is not None:
        shown |= {
            "status": "answered",
            "answer": answer.answer,
            "answeredBy": answer.answered_by,
            "answeredAt": wire_time(answer.answered_at),
        }
    return shown


def decision_object(decision: Decision) -> dict[str, Any]:
    shown = {
        "id": str(decision.id),
        "decision": decision.decision,
        "by": decision.decided_by,
        "createdAt": wire_time(decision.created_at),
    }
    if decision.rationale is not None:
        shown["rationale"] = decision.rationale
    return shown
