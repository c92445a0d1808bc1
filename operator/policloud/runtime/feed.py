"""One kind's way into the store: watch events and whole lists go in, routed changes come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from policloud.runtime.store import Body, Key, Store, key_of, version_of

OnChange = Callable[[Body], None]


@dataclass(slots=True)
class Differences:
    """What a whole list said that the store did not know: each was put right when it was found."""

    added: list[Key] = field(default_factory=list)
    updated: list[Key] = field(default_factory=list)
    deleted: list[Key] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.added) + len(self.updated) + len(self.deleted)


class Feed:
    """Stores bodies of one kind and calls `on_change` for whatever changes, also by our own writes.

    `accepts` is the part of the kind that this feed sees (a namespace, a label): others are left alone.
    `on_change` gets the new body and the one it replaces; it must not fail, wait or mutate: it enqueues keys.
    """

    def __init__(
        self,
        store: Store,
        kind: str,
        on_change: OnChange,
        *,
        accepts: Callable[[Body], bool] = lambda _: True,
    ) -> None:
        self.store = store
        self.kind = kind
        self.accepts = accepts
        store.track(kind, accepts)
        store.subscribe(kind, lambda body: on_change(body) if accepts(body) else None)

    def upsert(self, body: Body) -> bool:
        """A body as a watch, a list or a write told it; True if it was news."""
        return self.store.upsert(self.kind, body)

    def deleted(self, body: Body) -> bool:
        """A DELETED event: that incarnation is gone (or has left what this feed sees)."""
        return self.store.remove(self.kind, key_of(body), body["metadata"].get("uid"), version_of(body))

    def replace(self, items: Iterable[Body], resource_version: str) -> Differences:
        """Take a complete list made at `resource_version`: also what is missing from it is told."""
        found = Differences()
        seen: set[Key] = set()
        for body in items:
            key = key_of(body)
            seen.add(key)
            known = self.store.get(self.kind, key) is not None
            if self.upsert(body):
                (found.updated if known else found.added).append(key)
        at = int(resource_version) if resource_version.isdecimal() else None
        for key in self.store.keys(self.kind):
            old = self.store.get(self.kind, key)
            if key not in seen and old is not None and self.accepts(old) and not _after(old, at):
                self.store.remove(self.kind, key, old["metadata"].get("uid"), at)
                found.deleted.append(key)
        self.store.mark_synced(self.kind)
        return found

    def touch_all(self, touch: OnChange) -> None:
        """Call `touch` with every body of this feed (a resync)."""
        for body in self.store.list(self.kind):
            if self.accepts(body):
                touch(body)


def _after(body: Body, at: int | None) -> bool:
    """Whether the body is younger than the list: then its absence says nothing."""
    version = version_of(body)
    return at is not None and version is not None and version > at
