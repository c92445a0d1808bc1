"""One schema for every log record, ours and the libraries': JSON for machines, one line for people."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

from policloud.runtime.workers import CURRENT

Format = Literal["json", "text"]

_HIDDEN = "[hidden]"
_SECRET_KEY = re.compile(r"(token|password|secret|authorization|credential|private.?key|^code)$", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # JSON Web Tokens
    r"|(?<=[Bb]earer )[^\s\"']{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)
_QUIET = {
    "kopf": logging.WARNING,
    "kopf._core.reactor.running": logging.ERROR,
    "aiohttp.access": logging.WARNING,
    "asyncio": logging.WARNING,
}


def configure(fmt: Format = "text", *, level: int | str = logging.INFO, stream: TextIO | None = None) -> None:
    """Route all logging to `stream` (stderr): ts, level, msg, controller, namespace, name, reconcile, reason…"""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(["kind", "namespace", "name_", "generation", "reason", "controller"]),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        _about,
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("msg"),
        redact,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(sort_keys=False)
        if fmt == "json"
        else structlog.dev.ConsoleRenderer(event_key="msg", timestamp_key="ts", colors=False, pad_event_to=0)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_no_retry_noise)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(floor)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _no_retry_noise(record: logging.LogRecord) -> bool:
    """Kopf calls every single retry of every watch an error; that the API server is away, we say once."""
    return not (record.name.startswith("kopf.") and str(record.msg).startswith("Request attempt"))


def _about(_: Any, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Stamp what the running task reconciles, unless the record names it itself."""
    if (current := CURRENT.get()) is not None:
        record.setdefault("controller", current.controller)
        record.setdefault("namespace", current.key[0])
        record.setdefault("name", current.key[1])
        record.setdefault("reconcile", current.id)
    return record


def redact(_: Any, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values under telling names, and tokens and private keys wherever they stand."""
    for key, value in record.items():
        if _SECRET_KEY.search(key):
            record[key] = _HIDDEN
        elif isinstance(value, str):
            record[key] = _SECRET_VALUE.sub(_HIDDEN, value)
    return record
