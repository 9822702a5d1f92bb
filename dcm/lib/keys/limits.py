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
        rows, projects = super().get_queryset(), current.get().projects
        if projects is None:
            return rows
        model: Any = self.model
        return rows.filter(model.of_projects(projects))
