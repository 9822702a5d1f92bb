"""List pages that stay quick however many rows there are."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connection, models
from django.db.models.functions import Cast, Left
from django.http import HttpRequest
from django.utils.functional import cached_property

from dcm.lib.admin.text import IN_LISTS

MOST_COUNTED = 10_000
"""Rows that a list counts one by one. Of more, all are listed only when there is no filter."""

MOST_BELOW = 1_000
"""Children that a row counts; more show as 1000+."""


class LargePaginator(Paginator):  # type: ignore[type-arg]
    """Counts a large table by what the last ANALYZE found."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        exact: int = rows.order_by()[: MOST_COUNTED + 1].count()
        if exact <= MOST_COUNTED:
            return exact
        return MOST_COUNTED if rows.query.where else max(exact, _estimate(rows.model))


def _estimate(model: type[models.Model]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
            [connection.ops.quote_name(model._meta.db_table)],
        )
        return int(cursor.fetchone()[0])


class CountUpTo(models.Subquery):
    """How many rows there are, `most` + 1 for more than `most`."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"

    def __init__(self, rows: "models.QuerySet[Any]", most: int = MOST_BELOW) -> None:
        super().__init__(rows.order_by().values("pk")[: most + 1], models.IntegerField())


class RowList(ChangeList):
    """Fetches the beginnings of long columns, and the counts below, for the page shown."""

    def get_results(self, request: HttpRequest) -> None:
        self.queryset = self.model_admin.with_cells(self.queryset)  # type: ignore[attr-defined]
        super().get_results(request)


def beginning(name: str) -> Left:
    """One character more than is shown, so that a cut is seen."""
    return Left(Cast(name, models.TextField()), IN_LISTS + 1)
