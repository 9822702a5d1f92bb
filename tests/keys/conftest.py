from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from dcm.lib.keys.services import NewKey, create_key
from dcm.lib.threads import in_thread

MakeKey = Callable[..., Awaitable[NewKey]]


@pytest.fixture
def production(settings: Settings) -> None:
    settings.PRODUCTION = True


@pytest.fixture
def make_key() -> MakeKey:
    """`await make_key(scope="operator")`: a key, made as the command makes it."""

    async def make(**options: Any) -> NewKey:
        return await in_thread(
            create_key, **({"name": "test", "scope": "agent", "by": "the test"} | options)
        )

    return make
