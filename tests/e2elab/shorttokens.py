"""Tokens that our processes ask for end early, as on a cluster whose administrators limit them; and who used which."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from e2elab.cluster import Body, Cluster
from e2elab.objects import stream
from e2elab.state import until

SECONDS = 600  # no API server grants less
_NAME = "tokens-end-early"
_BOUND = "object.spec.boundObjectRef"  # null where a token is bound to nothing
_ACCOUNTS = ("system:serviceaccount:policloud-system:policloud-federated", "system:serviceaccount:site-")
_CREDENTIAL = "authentication.kubernetes.io/credential-id"
_UNAUTHORIZED = 401


def impose(cluster: Cluster) -> None:
    """On every token but those of the cluster's own programs, and pods' own, which are the kubelet's business."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["serviceaccounts/token"]}
    shorten = f'[JSONPatch{{op: "add", path: "/spec/expirationSeconds", value: {SECONDS}}}]'
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [
            {"name": "not-of-a-pod", "expression": f"!has({_BOUND}) || {_BOUND} == null"},
            {"name": "not-of-the-cluster", "expression": 'request.namespace != "kube-system"'},
        ],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": shorten}}],
    }
    group = "admissionregistration.k8s.io/v1"
    policy = {"apiVersion": group, "kind": "MutatingAdmissionPolicy", "metadata": {"name": _NAME}, "spec": spec}
    binding = {**policy, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": _NAME}}
    cluster.kubectl("apply", "-f", "-", input=stream(policy, binding))
    until(lambda: _granted(cluster) == SECONDS, 30, what=f"{cluster.name} grants short tokens")


def _granted(cluster: Cluster) -> int:
    """Seconds that a token lives for which an hour is asked."""
    answer = cluster.kubectl("create", "token", "default", "-n", "default", "--duration=1h", "-o", "json")
    return int(json.loads(answer)["spec"]["expirationSeconds"])


@dataclass(frozen=True, slots=True)
class Use:
    """When a token was presented first and last, to the API server that issued it."""

    account: str
    first: datetime
    last: datetime

    @property
    def seconds(self) -> float:
        return (self.last - self.first).total_seconds()


def uses(log: Iterable[Body]) -> dict[str, Use]:
    """By the token's own ID. Of the tokens that sites get from their hub, and their second identity at home."""
    found: dict[str, Use] = {}
    for event in log:
        user = event.get("user") or {}
        account = user.get("username", "")
        if account.startswith(_ACCOUNTS):
            at = datetime.fromisoformat(event["requestReceivedTimestamp"])
            for credential in (user.get("extra") or {}).get(_CREDENTIAL, ()):
                known = found.get(credential, Use(account, at, at))
                found[credential] = Use(account, min(known.first, at), max(known.last, at))
    return found


def refusals(log: Iterable[Body], since: datetime) -> list[Body]:
    """Requests of whoever came with a token that was no longer good, or none."""
    return [
        event
        for event in log
        if (event.get("responseStatus") or {}).get("code") == _UNAUTHORIZED
        and datetime.fromisoformat(event["requestReceivedTimestamp"]) >= since
    ]
