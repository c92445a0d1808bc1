"""What the hardware of a unit can never do, however empty it is."""

from __future__ import annotations

from collections.abc import Callable

from policloud.domain.placement.blockers import Blocker
from policloud.domain.placement.capacity import Request, Room, largest_node, room_empty
from policloud.domain.placement.model import UnitView, WorkloadView
from policloud.domain.placement.text import count, either, watts
from policloud.domain.reasons import Reason


def whole_on_one_unit(workload: WorkloadView) -> int:
    """Replicas that one unit must hold for the workload to run there at all."""
    return workload.replicas if workload.gang and not workload.splittable else 1


class EmptyRooms:
    """How many replicas each unit would hold empty, remembered by unit and request."""

    def __init__(self) -> None:
        self._known: dict[Request, dict[tuple[str, str], Room]] = {}

    def of(self, unit: UnitView, request: Request) -> Room:
        """The room of the unit with nothing running and its sources full."""
        rooms = self._known.setdefault(request, {})
        key = (unit.site, unit.unit)
        room = rooms.get(key)
        if room is None:
            room = rooms[key] = room_empty(unit, request)
        return room


class KindsOfGPU:
    """Whether units have the right kind of GPU, judged once for each request and combination of kinds."""

    def __init__(self) -> None:
        self._known: dict[Request, dict[tuple[tuple[str, int, bool], ...], Blocker | None]] = {}

    def check(self, request: Request) -> Callable[[UnitView], Blocker | None]:
        """A function from unit to what stands against it."""
        known = self._known.setdefault(request, {})

        def judge(unit: UnitView) -> Blocker | None:
            kinds = tuple([(p.product, p.memory_gib, p.confidential) for p in unit.pools])
            if kinds not in known:
                known[kinds] = wrong_gpus(request, unit)
            return known[kinds]

        return judge


def wrong_gpus(request: Request, unit: UnitView) -> Blocker | None:
    """The first demand on the kind of GPU that no pool meets together with those before it."""
    right = [p for p in unit.pools if not request.products or p.product in request.products]
    if not right:
        have = ", ".join(sorted({p.product for p in unit.pools})) or "no GPUs"
        return Blocker(Reason.GPU_PRODUCT_MISMATCH, have, either(request.products) or "GPUs")
    large = [p for p in right if p.memory_gib >= request.memory_gib]
    if not large:
        most = max(p.memory_gib for p in right)
        less = request.memory_gib - most
        need = f"{request.memory_gib} GiB"
        return Blocker(
            Reason.GPU_MEMORY_TOO_SMALL, f"{most} GiB", need, f"-{less} GiB", shortfall=less / request.memory_gib
        )
    if request.confidential and not any(p.confidential for p in large):
        return Blocker(
            Reason.CONFIDENTIAL_NOT_SUPPORTED, "no confidential GPUs", "GPUs with a trusted execution environment"
        )
    return None


def virtual_machines(unit: UnitView) -> Blocker | None:
    """The unit runs virtual machines."""
    if unit.serves_virtual_machines:
        return None
    return Blocker(Reason.KIND_NOT_SERVED, "KubeVirt is not installed", "a unit that runs virtual machines")


def too_large(replicas: int, request: Request, empty: EmptyRooms, unit: UnitView) -> Blocker | None:
    """`replicas` at once are larger than the unit empty. One that has reported no such GPUs yet is not judged."""
    room = empty.of(unit, request)
    if room.replicas >= replicas:
        return None
    size, node = request.gpus_per_replica, largest_node(unit, request)
    if node == 0:
        return None
    if node < size:
        required = f"{count(size, 'GPU')} on one node"
        return _never(f"{count(node, 'GPU')} on the largest node", required, size - node, size)
    if room.by_gpus < replicas:
        have, need = room.by_gpus * size, replicas * size
        return _never(f"room for {count(have, 'GPU')} when empty", f"{count(need, 'GPU')} at once", need - have, need)
    if unit.total_watts <= 0:
        return None
    need = replicas * size * min(p.watts_per_gpu for p in unit.pools if request.accepts(p))
    short = max(1, need - unit.total_watts)
    measured = f"{watts(unit.total_watts)} for GPUs at most"
    share = short / max(1, need)
    return Blocker(Reason.NEVER_FITS, measured, watts(need), "-" + watts(short), shortfall=share)


def storage(workload: WorkloadView, unit: UnitView) -> Blocker | None:
    """The unit has so much storage: in all, encrypted, and of each StorageClass that is named."""
    classes = unit.storage_classes_gib
    needs = [
        ("encrypted storage", unit.encrypted_gib, workload.encrypted_storage_gib),
        *(
            (f"class {name}", classes.get(name, 0), need)
            for name, need in sorted(workload.storage_by_class_gib.items())
        ),
        ("storage", sum(classes.values()), workload.storage_gib),
    ]
    for kind, have, need in needs:
        if have < need:
            less = need - have
            measured, share = f"{have} GiB of {kind}", less / need
            return Blocker(Reason.STORAGE_MISSING, measured, f"{need} GiB", f"-{less} GiB", shortfall=share)
    return None


def _never(measured: str, required: str, missing: int, of: int) -> Blocker:
    return Blocker(Reason.NEVER_FITS, measured, required, "-" + count(missing, "GPU"), shortfall=missing / of)
