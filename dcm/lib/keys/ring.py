"""The keys as a server process knows them, so that a request costs no statement.

What is known is never older than a second: by then the version row is read again, and the keys too
if it has moved. A key that was revoked anywhere opens nothing after that.
"""

import asyncio
import hmac
import logging
import threading
import time
from collections import defaultdict
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from django.conf import settings
from django.db import connection
from django.utils import timezone

from dcm.lib.errors import outliving
from dcm.lib.keys.callers import SHARED, SHARED_ID, Caller
from dcm.lib.keys.models import ApiKey
from dcm.lib.keys.text import digest_of, id_of
from dcm.lib.threads import pool

logger = logging.getLogger("dcm.keys")

READ_AGAIN_SECONDS = 0.5
"""Then the keys are read again while requests go on with what is known."""

STALE_SECONDS = 1.0
"""Then requests wait for that."""

NOTED_SECONDS = 60.0
MOST_HOLDERS = 200
NO_LONGER_VALID = 4001


class Holder(Protocol):
    """A socket that was let in by a key."""

    def end(self, code: int, reason: str = "") -> None: ...


class Known(NamedTuple):
    digest: bytes
    caller: Caller


class Ring:
    """Times are of time.monotonic()."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._version = -1
        self._read_at = float("-inf")
        self._one_reads = threading.Lock()
        self._reading: Future[None] | None = None
        self._noted: dict[str, float] = {}
        self._unwritten: dict[str, datetime] = {}
        self._writing: Future[None] | None = None
        self._holders: dict[str, set[Holder]] = defaultdict(set)
        self._watching: asyncio.Task[None] | None = None

    # --- who has this key -------------------------------------------------------------------

    async def find(self, key: str) -> Caller | None:
        """On the event loop: whose key it is; None for none that opens anything."""
        key_id = id_of(key)
        if key_id is None or _is_shared(key):
            return SHARED if _is_shared(key) else None
        await self._be_fresh(key_id)
        return self._open(key_id, key)

    def find_in_thread(self, key: str) -> Caller | None:
        """The same in a thread that may use the database."""
        key_id = id_of(key)
        if key_id is None or _is_shared(key):
            return SHARED if _is_shared(key) else None
        now = time.monotonic()
        self._read(now if key_id not in self._known else now - READ_AGAIN_SECONDS)
        return self._open(key_id, key)

    async def caller_of(self, key_id: str) -> Caller | None:
        """Who has the key of this id, as a token names it; None when it opens nothing any more."""
        if key_id == SHARED_ID:
            return SHARED if settings.API_KEY else None
        await self._be_fresh(key_id)
        return self._valid(key_id)

    def _open(self, key_id: str, key: str) -> Caller | None:
        known = self._known.get(key_id)
        if known is None or not hmac.compare_digest(known.digest, digest_of(key)):
            return None
        caller = self._valid(key_id)
        if caller is not None:
            self._note_use(key_id)
        return caller

    def _valid(self, key_id: str) -> Caller | None:
        known = self._known.get(key_id)
        if known is None:
            return None
        expires_at = known.caller.expires_at
        return None if expires_at and expires_at <= timezone.now() else known.caller

    # --- reading ----------------------------------------------------------------------------

    async def _be_fresh(self, key_id: str) -> None:
        """Until what is known is recent enough; of a key that is not known, until it was read."""
        now = time.monotonic()
        if self._read_at < now - READ_AGAIN_SECONDS:
            self._start_reading()
        since = now if key_id not in self._known else now - STALE_SECONDS
        while self._read_at < since:
            # Others wait for it, too.
            await asyncio.shield(asyncio.wrap_future(self._start_reading()))

    def _start_reading(self) -> "Future[None]":
        if self._reading is None or self._reading.done():
            self._reading = pool.submit(self._read, time.monotonic())
        return self._reading

    def _read(self, since: float) -> None:
        """What is known is of this moment or later."""
        with self._one_reads:
            if self._read_at < since:
                began = time.monotonic()
                self._look()
                self._read_at = began

    def _look(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT version FROM keys_keyring WHERE id = 1")
            (version,) = cursor.fetchone()
        if version != self._version:
            # Read after the version: whatever changes in between is read again.
            self._known = _read_keys()
            self._version = version

    # --- when it was used -------------------------------------------------------------------

    def _note_use(self, key_id: str) -> None:
        """Once a minute for each key, and not while the request waits."""
        now = time.monotonic()
        if now - self._noted.get(key_id, float("-inf")) < NOTED_SECONDS:
            return
        self._noted[key_id] = now
        self._unwritten[key_id] = datetime.now(UTC)
        if self._writing is None or self._writing.done():
            self._writing = pool.submit(self._write_uses)

    def _write_uses(self) -> None:
        with outliving(logger, "uses of keys could not be noted"):
            while self._unwritten:
                uses, self._unwritten = self._unwritten, {}
                with connection.cursor() as cursor:
                    cursor.execute(_WRITE_USES, [list(uses), list(uses.values())])

    # --- sockets that it let in ---------------------------------------------------------------

    def hold(self, key_id: str, holder: Holder) -> bool:
        """The holder is ended when the key is; false when the key has too many already.

        The shared key ends only with the server, and all may share it.
        """
        if key_id == SHARED_ID:
            return True
        holders = self._holders[key_id]
        if holder not in holders and len(holders) >= MOST_HOLDERS:
            return False
        holders.add(holder)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return True

    def let_go(self, key_id: str, holder: Holder) -> None:
        self._holders[key_id].discard(holder)
        if not self._holders[key_id]:
            del self._holders[key_id]

    async def _watch(self) -> None:
        while self._holders:
            await asyncio.sleep(READ_AGAIN_SECONDS)
            with outliving(logger, "the keys could not be read"):
                for key_id in list(self._holders):
                    if await self.caller_of(key_id) is None:
                        for holder in list(self._holders[key_id]):
                            holder.end(NO_LONGER_VALID, "The API key is no longer valid")


# Rows in the order of their ids, so that processes cannot deadlock.
_WRITE_USES = """
WITH used AS (SELECT * FROM unnest(%s::text[], %s::timestamptz[]) AS u(id, at)),
mine AS (
  SELECT id FROM keys_apikey WHERE id IN (SELECT id FROM used) ORDER BY id FOR NO KEY UPDATE
)
UPDATE keys_apikey k SET last_used_at = GREATEST(k.last_used_at, used.at)
FROM mine JOIN used USING (id) WHERE k.id = mine.id
"""


def _read_keys() -> dict[str, Known]:
    keys = ApiKey.objects.filter(revoked_at__isnull=True)
    return {key.id: Known(bytes(key.digest), Caller.of(key)) for key in keys}


def _is_shared(key: str) -> bool:
    shared: str = settings.API_KEY
    given = key.encode("utf-8", "surrogatepass")
    return bool(shared) and hmac.compare_digest(given, shared.encode())


ring = Ring()
