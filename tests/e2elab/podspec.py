"""A pod of ours, as the charts write it, turned into a process of this machine: paths, addresses and account mapped."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policloud.testing.controlplane.rest import RestClient
from policloud.testing.local.operators import environment

_LISTENS = re.compile(r":(\d+)")
_SERVICE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?:(\d+)")
_TOKEN_SECONDS = 7200
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    arguments: list[str]
    environment: dict[str, str]


class NotYetError(Exception):
    """Something that the pod mounts is not there; a kubelet tries again."""


class Translator:
    """Pods of one cluster. `address_of(namespace, service)`: IP of a pod behind it. `code(tag)`: PYTHONPATH or ""."""

    def __init__(
        self,
        api: RestClient,
        folder: Path,
        *,
        ca: Path,
        server: str,
        address_of: Callable[[str, str], str | None],
        code: Callable[[str], str],
    ) -> None:
        self._api, self._folder, self._ca, self._server = api, folder, ca, server
        self._address_of, self._code = address_of, code

    def command(self, pod: Body, ip: str) -> Command:
        """Of its only container. NotYetError, if what it mounts is missing."""
        (container,) = pod["spec"]["containers"]
        home = self._folder / pod["metadata"]["uid"]
        mounts = self._mount(pod, container, home)

        def mapped(text: str) -> str:
            if listens := _LISTENS.fullmatch(text):
                return f"{ip}:{listens[1]}"
            for inside, outside in mounts.items():
                if text == inside or text.startswith(f"{inside}/"):
                    return outside + text.removeprefix(inside)
            return _SERVICE.sub(self._resolve, text)

        arguments = [mapped(a) for a in container.get("args") or ()]
        variables = {v["name"]: mapped(v["value"]) for v in container.get("env") or ()}
        process = arguments[0].upper()
        variables[f"POLICLOUD_{process}_KUBECONFIG"] = str(self._kubeconfig(pod, home))
        variables["TMPDIR"] = mounts.get("/tmp", str(home))  # noqa: S108 - the path inside
        if code := self._code(container["image"].rpartition(":")[2]):
            variables["PYTHONPATH"] = code
        return Command([sys.executable, "-m", "policloud.cli.main", *arguments], environment() | variables)

    def _resolve(self, match: re.Match[str]) -> str:
        ip = self._address_of(match[2], match[1])
        if ip is None:
            raise NotYetError(f"nobody is behind Service {match[2]}/{match[1]}")
        return f"{ip}:{match[3]}"

    def _mount(self, pod: Body, container: Body, home: Path) -> dict[str, str]:
        volumes = {v["name"]: v for v in pod["spec"].get("volumes") or ()}
        mounts = {}
        for mount in container.get("volumeMounts") or ():
            folder = home / "volumes" / mount["name"]
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fill(pod["metadata"]["namespace"], volumes[mount["name"]], folder)
            mounts[mount["mountPath"]] = str(folder)
        return mounts

    def _fill(self, namespace: str, volume: Body, folder: Path) -> None:
        for field, name_field, plural in (("secret", "secretName", "secrets"), ("configMap", "name", "configmaps")):
            source = volume.get(field)
            if source is None:
                continue
            status, text = self._api.raw("GET", f"/api/v1/namespaces/{namespace}/{plural}/{source[name_field]}")
            if status != 200:
                raise NotYetError(f"{field} {source[name_field]}: {status}")
            data = json.loads(text).get("data") or {}
            items = source.get("items") or [{"key": key, "path": key} for key in data]
            for item in items:
                if item["key"] not in data:
                    raise NotYetError(f"{field} {source[name_field]} has no {item['key']}")
                value = data[item["key"]]
                (folder / item["path"]).write_bytes(base64.b64decode(value) if field == "secret" else value.encode())

    def _kubeconfig(self, pod: Body, home: Path) -> Path:
        """The pod's own account, by a token that is bound to the pod."""
        meta = pod["metadata"]
        account = pod["spec"]["serviceAccountName"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        path = f"/api/v1/namespaces/{meta['namespace']}/serviceaccounts/{account}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS, "boundObjectRef": bound},
        }
        token = self._api.request("POST", path, request)["status"]["token"]
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / "token").write_text(token)
        file = home / "kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self._server, "certificate-authority": str(self._ca)}}],
            "users": [{"name": "u", "user": {"tokenFile": str(home / "token")}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": meta["namespace"]}}],
            "current-context": "x",
        }
        file.write_text(json.dumps(content))
        return file
