"""How calls of each method are written down."""

from typing import Any

from dcm_client.calls import Call, Listing, given
from dcm_client.results import Json


def get(where: str, result: Any, under: str | None = None, /, **query: Any) -> Call[Any]:
    return Call(method="GET", path=where, result=result, under=under, query=query)


def post(
    where: str, result: Any, under: str | None = None, /, *, repeatable: bool = False, **body: Any
) -> Call[Any]:
    return Call(
        method="POST",
        path=where,
        result=result,
        under=under,
        body=given(**body),
        is_repeatable=repeatable,
    )


def patch(where: str, result: Any, under: str | None = None, /, **body: Any) -> Call[Any]:
    return Call(method="PATCH", path=where, result=result, under=under, body=given(**body))


def delete(
    where: str, result: Any = None, under: str | None = None, /, **headers: str
) -> Call[Any]:
    return Call(method="DELETE", path=where, result=result, under=under, headers=headers)


def listed(
    where: str, name: str, row: type[Any], limit: int | None, /, **query: Any
) -> Listing[Any]:
    return Listing(call=get(where, Json, **query), name=name, row=row, limit=limit)


def condition(version: int | None) -> dict[str, str]:
    """The header for: only if it is at this version still; 0: only if there is none."""
    if version is None:
        return {}
    return {"If-None-Match": "*"} if version == 0 else {"If-Match": f'"{version}"'}
