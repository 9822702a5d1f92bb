"""Who a request comes from, for the code that answers it."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from uuid import UUID

from dcm.lib.keys.models import ApiKey

SHARED_ID = "shared"


@dataclass(frozen=True, slots=True)
class Caller:
    """key_id: "" for whom nobody asked for a key. projects, agents: None for all."""

    key_id: str
    is_operator: bool
    projects: frozenset[UUID] | None = None
    agents: tuple[str, ...] | None = None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, key: ApiKey) -> "Caller":
        return cls(
            key_id=key.id,
            is_operator=key.scope == ApiKey.Scope.OPERATOR,
            projects=None if key.projects is None else frozenset(key.projects),
            agents=None if key.agents is None else tuple(key.agents),
            expires_at=key.expires_at,
        )

    @property
    def is_limited(self) -> bool:
        """Whether it matters which rows a request is about, or which agent it speaks for."""
        return self.projects is not None or self.agents is not None

    def may_act_as(self, agent_id: str) -> bool:
        patterns = ("*",) if self.agents is None else self.agents
        return any(fnmatchcase(agent_id, pattern) for pattern in patterns)


ANYBODY = Caller("", is_operator=True)
"""Development on loopback, where no key is asked for."""

SHARED = Caller(SHARED_ID, is_operator=True)
"""Whoever has DCM_API_KEY."""

current: ContextVar[Caller] = ContextVar("caller", default=ANYBODY)
"""Whose request this is. Threads that work for it see it, too; batches serve many and do not."""
