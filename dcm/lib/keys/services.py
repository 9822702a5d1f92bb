"""Making and revoking keys. `by`: who does, for the record."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from dcm.lib.audit.services import note
from dcm.lib.errors import NotFound
from dcm.lib.keys.models import ApiKey, Keyring
from dcm.lib.keys.text import digest_of, new_key


class KeyNotFound(NotFound):
    message = "API key not found"


class NewKey(NamedTuple):
    """text: what the client sends; this is the only time that it is known."""

    key: ApiKey
    text: str


@transaction.atomic
def create_key(
    *,
    name: str,
    scope: str,
    by: str,
    projects: Collection[UUID] | None = None,
    agents: Collection[str] | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """A key for a program. projects, agents (patterns like `web-*`): None for all."""
    key_id, text = new_key()
    key = ApiKey.objects.create(
        id=key_id,
        digest=digest_of(text),
        name=name,
        scope=scope,
        projects=None if projects is None else sorted(set(projects)),
        agents=None if agents is None else sorted(set(agents)),
        created_by=by,
        expires_at=expires_at,
    )
    note("apikey.create", by=by, about=key.id, name=name, scope=scope)
    _announce()
    return NewKey(key, text)


@transaction.atomic
def revoke_key(key_id: str, *, by: str) -> ApiKey:
    """From now on it opens nothing; again is fine, and changes nothing. Raises KeyNotFound."""
    revoked = ApiKey.objects.filter(id=key_id, revoked_at__isnull=True).update(
        revoked_at=timezone.now(), revoked_by=by
    )
    key = ApiKey.objects.filter(id=key_id).first()
    if key is None:
        raise KeyNotFound
    if revoked:
        note("apikey.revoke", by=by, about=key.id, name=key.name)
        _announce()
    return key


def _announce() -> None:
    """Last, since the row stays locked until the commit."""
    Keyring.objects.filter(id=1).update(version=F("version") + 1)
