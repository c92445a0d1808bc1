"""Reading a kubeconfig: the parts that real ones use, with errors that say what to change."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from policloud.adapters.kube.connection import (
    ClientCertificate,
    Connection,
    ConnectionConfigError,
    Token,
    TokenProvider,
    fixed_token,
    token_from_file,
)

_EXEC_SECONDS = 60.0
_EXEC_VALID = 600.0


def load(path: Path, context: str | None) -> Connection:
    """The connection of `context`, or of the file's current-context; ConnectionConfigError says what is wrong."""
    config = _read(path)
    name = context or config.get("current-context")
    if not name:
        raise ConnectionConfigError(f"{path} has no current-context; name one")
    chosen = _named(config, "contexts", "context", name, path)
    cluster = _named(config, "clusters", "cluster", str(chosen.get("cluster", "")), path)
    user = _named(config, "users", "user", str(chosen.get("user", "")), path)
    if cluster.get("insecure-skip-tls-verify"):
        raise ConnectionConfigError(
            f"{path}: cluster {chosen['cluster']!r} skips TLS verification; give its certificate-authority-data instead"
        )
    return Connection(
        str(cluster.get("server", "")),
        _text(cluster, "certificate-authority", path),
        _tokens(user, path),
        client_certificate=_certificate(user, path),
        namespace=chosen.get("namespace"),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as e:
        raise ConnectionConfigError(f"cannot read kubeconfig {path}: {e.strerror}") from e
    except yaml.YAMLError as e:
        raise ConnectionConfigError(f"kubeconfig {path} is not YAML: {e}") from e
    if not isinstance(config, dict):
        raise ConnectionConfigError(f"kubeconfig {path} is empty or not a mapping")
    return config


def _named(config: dict[str, Any], section: str, field: str, name: str, path: Path) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            found: dict[str, Any] = entry.get(field) or {}
            return found
    known = ", ".join(repr(e.get("name")) for e in config.get(section) or ()) or "none"
    raise ConnectionConfigError(f"{path}: no {field} named {name!r}; it has {known}")


def _text(section: dict[str, Any], field: str, path: Path) -> str | None:
    """A PEM given inline (`FIELD-data`, base64) or as a file beside the kubeconfig."""
    if data := section.get(f"{field}-data"):
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as e:
            raise ConnectionConfigError(f"{path}: {field}-data is not base64 of a PEM") from e
    if file := section.get(field):
        try:
            return (path.parent / str(file)).read_text()
        except OSError as e:
            raise ConnectionConfigError(f"{path}: cannot read {field} {file}: {e.strerror}") from e
    return None


def _certificate(user: dict[str, Any], path: Path) -> ClientCertificate | None:
    certificate, key = _text(user, "client-certificate", path), _text(user, "client-key", path)
    if certificate is None or key is None:
        return None
    return ClientCertificate(certificate, key)


def _tokens(user: dict[str, Any], path: Path) -> TokenProvider | None:
    if file := user.get("tokenFile"):
        return token_from_file(path.parent / file)
    if token := user.get("token"):
        return fixed_token(token)
    if plugin := user.get("exec"):
        return _exec(plugin, path)
    if user.get("username") or user.get("auth-provider"):
        raise ConnectionConfigError(f"{path}: the user has neither certificate, token nor exec plugin")
    return None


def _exec(plugin: dict[str, Any], path: Path) -> TokenProvider:
    """Tokens from a client-go credential plugin (client.authentication.k8s.io)."""
    command = str(plugin.get("command", ""))
    if "/" in command and not command.startswith("/"):
        command = str(path.parent / command)
    info = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    env = {
        **os.environ,
        **{e["name"]: e["value"] for e in plugin.get("env") or ()},
        "KUBERNETES_EXEC_INFO": json.dumps(info),
    }

    async def run() -> Token:
        try:
            process = await asyncio.create_subprocess_exec(
                command, *(plugin.get("args") or ()), env=env, stdout=asyncio.subprocess.PIPE
            )
            async with asyncio.timeout(_EXEC_SECONDS):
                out, _ = await process.communicate()
            status = json.loads(out)["status"]
            return Token(status["token"], _seconds_until(status.get("expirationTimestamp")))
        except (OSError, TimeoutError, ValueError, KeyError) as e:
            raise ConnectionConfigError(
                f"credential plugin {command!r} of {path} gave no token ({type(e).__name__})"
            ) from e

    return run


def _seconds_until(timestamp: str | None) -> float:
    if not timestamp:
        return _EXEC_VALID
    until = datetime.fromisoformat(timestamp)
    return max(1.0, (until - datetime.now(until.tzinfo)).total_seconds())  # noqa: TID251 - a plugin states wall time
