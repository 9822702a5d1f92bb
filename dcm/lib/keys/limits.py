"""What a caller that is limited to projects sees: rows of others are not there for it."""

from collections.abc import Collection
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from dcm.lib.keys.callers import current

M = TypeVar("M", bound=models.Model, covariant=True)


class OfProjects(Protocol):
    @classmethod
    def of_projects(cls, ids: Collection[UUID]) -> Q:
        """What rows of these projects meet. Without joins, so that it goes with locks."""


class OfCaller(models.Manager[M]):
    """Default manager of models with of_projects(). Raw SQL has to see to it by itself."""

    def get_queryset(self) -> "models.QuerySet[M]":
        rows, projects = super().get_queryset(), limits()
        if projects is None:
            return rows
        model: Any = self.model
        return rows.filter(model.of_projects(projects))


def limits() -> list[UUID] | None:
    """The projects that the current caller is limited to, for raw SQL; None when it is not."""
    projects = current.get().projects
    return None if projects is None else sorted(projects)


def of_caller(column: str) -> str:
    """What OfCaller asks of the project of a row, for raw SQL with limits() as its `projects`."""
    return f"(%(projects)s::uuid[] IS NULL OR {column} = ANY(%(projects)s::uuid[]))"
