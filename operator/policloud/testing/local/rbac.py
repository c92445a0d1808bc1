"""Give the operators of a local federation exactly the rights, and the limits, that an installation gives them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import yaml

from policloud.testing.controlplane import ControlPlane

_BINDINGS = {"ClusterRoleBinding", "RoleBinding"}


def apply_rbac(plane: ControlPlane, role: str, user: str) -> None:
    """Apply `role`-rbac.yaml and `role`-policies.yaml (hub or site); who is bound as a service account, `user` is too.

    In a cluster the operator runs as a pod under its service account; here it is a process with a client certificate.
    Policies act about a second after they were applied.
    """
    for manifest in (*_manifests(f"{role}-rbac"), *_manifests(f"{role}-policies")):
        if manifest["kind"] in _BINDINGS:
            _add_user(manifest, user)
        plane.api.apply(manifest)


def _manifests(name: str) -> Iterator[dict[str, Any]]:
    text = files("policloud").joinpath("manifests", f"{name}.yaml").read_text()
    yield from (document for document in yaml.safe_load_all(text) if document)


def _add_user(binding: dict[str, Any], user: str) -> None:
    if any(subject["kind"] == "ServiceAccount" and subject["name"] == user for subject in binding["subjects"]):
        binding["subjects"].append({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user})
