"""What RBAC cannot hold: each denied and each allowed line of the admission policies, on a real API server.

Everybody here has every right that RBAC can give on these kinds, so that only the policies say no. Hub and site
policies stand together, as where hub and site share a cluster: what is allowed passes both. Nothing is stored.
"""

import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

import bodies
from policloud.testing.controlplane import ControlPlane
from policloud.testing.controlplane.rest import RestClient, path_of
from policloud.testing.local.rbac import apply_rbac

MERGE = "application/merge-patch+json"
SITE, OTHER = "system:serviceaccount:site-acre:policloud-site", "system:serviceaccount:site-bog:policloud-site"
HUB, OPERATOR, TENANT, ADMIN = "policloud-hub", "policloud-site-operator", "tenant", "admin"
FINALIZER = "policloud.io/finalizer"
REVISION = "sha256:" + "0" * 64
MANY = ("tenants", "site-acre", "site-bog", "fed-hub-tenants")


def offer(content: Any, name: str = "answered") -> dict[str, Any]:
    return {
        "apiVersion": "policloud.io/v1alpha1",
        "kind": "WorkOffer",
        "metadata": {"name": name, "namespace": "site-acre"},
        "spec": {
            "hub": "policloud-test",
            "workload": {"namespace": "tenants", "name": "app", "uid": "3b241101-e2bb-4255-8caf-4136c566a962"},
            "unit": "acre-1",
            "epoch": 1,
            "sequence": 1,
            "revision": REVISION,
            "content": content,
            "demand": {"replicas": 1, "gpus": 1, "maxWatts": 700},
            "mobility": "Free",
            "answerBy": "2026-01-01T00:00:00Z",
            "withdrawn": False,
            "release": {"requested": False},
        },
    }


def with_meta(body: Mapping[str, Any], **meta: Any) -> dict[str, Any]:
    made = copy.deepcopy(dict(body))
    made["metadata"] |= meta
    return made


SMALL = {"class": "Inference", "note": 'ü, comma, "quoted"'}
APP = bodies.inference("app", "tenants", 1)
UNIT = bodies.unit("acre-1", namespace="tenants")
COPY = bodies.published(UNIT, "site-acre")
MANDATE = bodies.mandate("a", name="open", namespace="tenants")
METER = {"name": "feeder", "quantity": "SiteImport", "simulated": {"constant": {"watts": 45000}}}
SOURCE = {
    "apiVersion": "policloud.io/v1alpha1",
    "kind": "EnergySource",
    "metadata": {"name": "grid", "namespace": "tenants"},
    "spec": {
        "type": "Grid",
        "connection": "Grid",
        "nameplateWatts": 100000,
        "importLimitWatts": 20000,
        "telemetry": {
            "periodSeconds": 2,
            "staleAfterSeconds": 20,
            "deadAfterSeconds": 120,
            "meters": [{**METER, "plausible": {"minWatts": 0, "maxWatts": 120000}}],
        },
    },
}
LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {
        "name": "policloud-site",
        "namespace": "site-acre",
        "labels": {"policloud.io/site": "acre"},
        "annotations": {"policloud.io/fenced": "offer-1"},
    },
    "spec": {"holderIdentity": "a"},
}
HOME = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fed-hub-tenants"}}
FED = with_meta(bodies.inference("share", "fed-hub-tenants", 1), labels={"policloud.io/federated": "true"})


@dataclass(frozen=True)
class Line:
    """One request: creating `body`, or merging `patch` into the object of that name. `said`: None if it is allowed."""

    who: str
    body: Mapping[str, Any]
    said: str | None = None
    patch: Mapping[str, Any] | None = None
    sub: str = ""
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        what = f"{self.body['kind']}{self.sub and '/' + self.sub}"
        word = "may" if self.said is None else "may not"
        change = "create" if self.patch is None else json.dumps(self.patch)[:60]
        return f"{self.who.removeprefix('system:serviceaccount:')} {word} {what} {change}"


def meta(**changes: Any) -> dict[str, Any]:
    return {"metadata": changes}


def fresh(body: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return with_meta(body, name="fresh", **changes)


ONLY_HUB, ONLY_SITE = "only the hub writes offers", "only its site answers an offer"
PLAN, OFFER = {"policloud.io/plan": "[]"}, {"policloud.io/offer": "{}"}
MARK, HUBS = {"policloud.io/federated": "true"}, {"policloud.io/hub": "x"}
STATUS = {"status": {"observedGeneration": 1}}
PUBLISHED = "spec.published marks the copy that a site writes on its hub"
TOLD = "is written by the operator, not by"
LINES = [
    # Offers
    Line(HUB, fresh(offer(SMALL))),
    Line(HUB, offer(SMALL), patch={"spec": {"withdrawn": True}}),
    Line(TENANT, fresh(offer(SMALL)), ONLY_HUB),
    Line(TENANT, offer(SMALL), ONLY_HUB, {"spec": {"withdrawn": True}}),
    Line(TENANT, offer(SMALL), ONLY_HUB, meta(labels={"policloud.io/workload-uid": "another"})),
    Line(SITE, offer(SMALL), ONLY_HUB, {"spec": {"release": {"requested": True}}}),
    Line(SITE, fresh(offer(SMALL)), ONLY_HUB),
    Line(TENANT, offer(SMALL), None, meta(finalizers=["kubernetes.io/foreground"])),  # as the garbage collector does
    Line(ADMIN, offer(SMALL), None, {"spec": {"withdrawn": True}}),
    # How large they may be: {"n":"…"} is 8 bytes and the text
    Line(HUB, fresh(offer({"n": "x" * (16384 - 8)}))),
    Line(HUB, fresh(offer({"n": "ü" * ((16384 - 8) // 2)}))),
    Line(HUB, fresh(offer({"n": "x" * (16384 - 7)})), "at most 16384 bytes as JSON, this one has 16385"),
    Line(HUB, fresh(offer({"n": "ü" * (8192 - 3)})), "at most 16384 bytes as JSON"),
    Line(HUB, offer(SMALL), "at most 16384 bytes", {"spec": {"sequence": 2, "content": {"n": "x" * 20000}}}),
    # Answers
    Line(SITE, offer(SMALL), None, {"status": {"state": "Running"}}, "status"),
    Line(ADMIN, offer(SMALL), None, {"status": {"state": "Running"}}, "status"),
    Line(OTHER, offer(SMALL), ONLY_SITE, {"status": {"state": "Running"}}, "status"),
    Line(TENANT, offer(SMALL), ONLY_SITE, {"status": {"state": "Running"}}, "status"),
    # Published units
    Line(SITE, fresh(COPY)),
    Line(SITE, fresh(COPY, labels={"policloud.io/site": "acre"})),
    Line(SITE, COPY, None, {"spec": {"operator": {"name": "Other"}}}),
    Line(SITE, COPY, None, STATUS, "status"),
    Line(ADMIN, COPY, None, STATUS, "status"),
    Line(SITE, fresh(UNIT, namespace="site-acre"), "with published false"),
    Line(SITE, fresh(COPY, namespace="site-bog"), "in its own namespace, not site-bog/fresh"),
    Line(OTHER, COPY, "in its own namespace, not site-acre/acre-1", {"spec": {"operator": {"name": "Other"}}}),
    Line(OTHER, COPY, "in its own namespace", STATUS, "status"),
    Line(SITE, COPY, "carries no finalizers", meta(finalizers=["example.org/mine"])),
    Line(SITE, fresh(COPY, labels={"policloud.io/site": "bog"}), "a site publishes for itself alone"),
    Line(TENANT, fresh(COPY), "written by their site alone"),
    Line(TENANT, COPY, "written by their site alone", {"spec": {"operator": {"name": "Other"}}}),
    Line(TENANT, fresh(UNIT, namespace="site-acre"), "written by their site alone"),
    Line(TENANT, fresh(COPY, namespace="tenants"), "written by their site alone"),
    # Workloads: what the tenant says, and what the operator notes on them
    Line(TENANT, fresh(APP)),
    Line(TENANT, fresh(APP, labels={"policloud.io/scope": "local", "team": "a"}, annotations={"a": "b"})),
    Line(TENANT, APP, None, {"spec": {"inference": {"replicas": 3}}}),
    Line(TENANT, APP, None, meta(annotations={"team": "b"}, finalizers=[FINALIZER, "example.org/backup"])),
    Line(HUB, APP, None, meta(annotations={"policloud.io/plan": '["x"]'}, finalizers=[])),
    Line(OPERATOR, FED, None, meta(annotations={"policloud.io/offer": "{}"}, finalizers=[FINALIZER])),
    Line(TENANT, fresh(APP, annotations=PLAN), "annotation policloud.io/plan belongs to the operator"),
    Line(TENANT, APP, "annotation policloud.io/plan", meta(annotations={"policloud.io/plan": None})),
    Line(TENANT, APP, "annotation policloud.io/plan", meta(annotations={"policloud.io/plan": "[1]"})),
    Line(TENANT, fresh(APP, annotations=OFFER), "annotation policloud.io/offer belongs to the operator"),
    Line(TENANT, fresh(APP, labels=MARK), "label policloud.io/federated belongs to the operator"),
    Line(TENANT, APP, "label policloud.io/federated, policloud.io/hub", meta(labels={**MARK, **HUBS})),
    Line(TENANT, fresh(APP, finalizers=[FINALIZER]), "finalizer policloud.io/finalizer belongs to the operator"),
    Line(TENANT, APP, "delete the object and wait", meta(finalizers=[])),
    Line(ADMIN, APP, None, meta(finalizers=[])),
    # Status is the operator's
    Line(HUB, APP, None, STATUS, "status"),
    Line(OPERATOR, UNIT, None, STATUS, "status"),
    Line(OPERATOR, MANDATE, None, STATUS, "status"),
    Line(TENANT, APP, TOLD, STATUS, "status"),
    Line(TENANT, UNIT, TOLD, STATUS, "status"),
    Line(TENANT, SOURCE, TOLD, {"status": {"availableWatts": 10**6}}, "status"),
    Line(TENANT, MANDATE, TOLD, STATUS, "status"),
    # What an owner says, and what is not the owner's to say
    Line(TENANT, fresh(UNIT)),
    Line(TENANT, UNIT, None, {"spec": {"electrical": {"limitWatts": 15000}}}),
    Line(TENANT, SOURCE, None, {"spec": {"importLimitWatts": 15000}}),
    Line(TENANT, MANDATE, None, {"spec": {"withdrawalNoticeSeconds": 30}}),
    Line(OPERATOR, UNIT, None, meta(finalizers=[])),
    Line(TENANT, UNIT, "its last limits hold until then", meta(finalizers=[])),
    Line(TENANT, fresh(SOURCE, finalizers=[FINALIZER]), "belongs to the operator"),
    # Federated work
    Line(OPERATOR, FED, None, {"spec": {"inference": {"replicas": 2}}}),
    Line(TENANT, fresh(APP, namespace="fed-hub-tenants"), "work of your own goes into another namespace"),
    Line(TENANT, FED, "work of your own goes into another namespace", {"spec": {"inference": {"replicas": 9}}}),
    Line(TENANT, FED, None, meta(annotations={"seen": "by-the-owner"})),
    # Namespaces
    Line(OPERATOR, HOME, None, meta(labels={"policloud.io/hub": "other"})),
    Line(TENANT, HOME, None, meta(labels={"team": "a"})),
    Line(TENANT, HOME, "label policloud.io/federated says whose", meta(labels={"policloud.io/federated": None})),
    Line(TENANT, fresh(HOME, labels=MARK), "label policloud.io/federated says whose"),
    Line(TENANT, fresh(HOME, labels={"a": "b"})),
    # The Lease
    Line(
        SITE, LEASE, None, {"spec": {"holderIdentity": "b"}, "metadata": {"annotations": {"policloud.io/counter": "1"}}}
    ),
    Line(SITE, LEASE, "policloud.io/fenced is the hub's", meta(annotations={"policloud.io/fenced": None})),
    Line(SITE, LEASE, "the labels of a site's Lease", meta(labels={"policloud.io/site": "bog"})),
    Line(SITE, LEASE, "leave finalizers", meta(finalizers=["example.org/x"])),
    Line(HUB, LEASE, None, meta(annotations={"policloud.io/fenced": None})),
]


@pytest.fixture(scope="module")
def clients(api_server: ControlPlane) -> Mapping[str, RestClient]:
    """By user; `admin` is the cluster's administrator. Policies act a moment after they were applied."""
    made = prepare(api_server, "hub", "site")
    end = time.monotonic() + 30
    for line in (denied for denied in LINES if denied.said is not None):
        while send(made[line.who], line)[0] < 400:
            assert time.monotonic() < end, f"not within 30 s: {line}"
            time.sleep(0.1)
    return made


def prepare(plane: ControlPlane, *roles: str) -> dict[str, RestClient]:
    """The objects that the lines are about, the rights and policies of these processes, and everybody's client."""
    admin = plane.api
    for role in roles:
        apply_rbac(plane, role, {"hub": HUB, "site": OPERATOR}[role])
    _rights(plane)
    for name, labels in zip(MANY, ({}, {"policloud.io/site": "acre"}, {"policloud.io/site": "bog"}, MARK), strict=True):
        admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    marked = {"finalizers": [FINALIZER], "annotations": PLAN}
    for body in (offer(SMALL), COPY, with_meta(APP, **marked), with_meta(UNIT, finalizers=[FINALIZER]), FED):
        admin.apply(body)
    for body in (MANDATE, SOURCE, LEASE):
        admin.apply(body)
    return {user: _client(plane, user) for user in (HUB, OPERATOR, TENANT, SITE, OTHER)} | {ADMIN: admin}


def _rights(plane: ControlPlane) -> None:
    """Everything on these kinds to everybody: RBAC shall not be what says no."""
    kinds = ["sovereignworkloads", "workoffers", "policloudunits", "energysources", "sitemandates", "sitememberships"]
    rules = [
        {"apiGroups": ["policloud.io"], "resources": [*kinds, *(f"{k}/status" for k in kinds)], "verbs": ["*"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["*"]},
    ]
    group = "rbac.authorization.k8s.io"
    name = {"name": "all-but-the-policies"}
    plane.api.apply({"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": name, "rules": rules})
    subjects = [{"kind": "User", "apiGroup": group, "name": user} for user in (HUB, OPERATOR, TENANT, SITE, OTHER)]
    role = {"apiGroup": group, "kind": "ClusterRole", **name}
    plane.api.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": name,
            "roleRef": role,
            "subjects": subjects,
        }
    )


def _client(plane: ControlPlane, user: str) -> RestClient:
    return RestClient(plane.url, plane.authority.certificate, plane.authority.client(user))


def send(client: RestClient, line: Line) -> tuple[int, str]:
    """As a dry run: admission judges it as ever, and nothing is stored."""
    path = path_of(line.body)
    if line.patch is None:
        return client.raw("POST", f"{path.rpartition('/')[0]}?dryRun=All", line.body)
    return client.raw("PATCH", f"{path}{line.sub and '/' + line.sub}?dryRun=All", line.patch, content_type=MERGE)


@pytest.mark.parametrize("line", LINES, ids=str)
def test_line(clients: Mapping[str, RestClient], line: Line) -> None:
    status, text = send(clients[line.who], line)
    if line.said is None:
        assert status < 300, text
        return
    message = json.loads(text)["message"]
    assert status in (403, 422), message
    assert "ValidatingAdmissionPolicy 'policloud-" in message
    # Where a policy of each side says no, the API server tells of one: which, is chance
    others = (PUBLISHED, TOLD) if line.body["kind"] == "PolicloudUnit" else ()
    assert any(said in message for said in (line.said, *others)), message


@pytest.mark.parametrize("role", ["hub", "site"])
def test_alone_each_policy_is_bound_and_denies(make_control_plane: Callable[..., ControlPlane], role: str) -> None:
    plane = make_control_plane()
    clients = prepare(plane, role)
    group = "/apis/admissionregistration.k8s.io/v1"
    policies = plane.api.request("GET", f"{group}/validatingadmissionpolicies")["items"]
    bindings = plane.api.request("GET", f"{group}/validatingadmissionpolicybindings")["items"]
    names = {policy["metadata"]["name"] for policy in policies}
    assert len(names) > 4
    assert {b["spec"]["policyName"]: b["spec"]["validationActions"] for b in bindings} == {n: ["Deny"] for n in names}
    end, denying = time.monotonic() + 30, set[str]()
    told: list[tuple[str, str]] = []
    while denying != names:
        assert time.monotonic() < end, names - denying
        answers = [(line.said, *send(clients[line.who], line)) for line in LINES if line.said is not None]
        told = [(wanted, json.loads(text)["message"]) for wanted, status, text in answers if status >= 400]
        denying = {message.split("'")[1] for _, message in told}
    for wanted, message in told:
        assert wanted in message or (role == "site" and (PUBLISHED in message or TOLD in message)), message
