"""The smoke subset on kind: install, join, a workload to running pod and logs, uninstall. One federation, in order."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

import pytest

from kindlab import TENANT, WORDS, KindFederation, operator_image, wait
from policloud.api.names import SYSTEM_NAMESPACE
from policloud.testing.helm import HelmError, helm
from policloud.testing.kind import clusters, complaint

_WITHOUT = complaint()
pytestmark = [
    pytest.mark.skipif(os.environ.get("CLUSTER") != "kind", reason="runs with CLUSTER=kind only (make e2e)"),
    pytest.mark.skipif(_WITHOUT is not None, reason=f"no clusters here: {_WITHOUT}"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KindFederation]:
    folder = tmp_path_factory.mktemp("smoke")
    begin = time.monotonic()
    with clusters(folder, {"hub": 0, "dijon": 0}, audit=True) as made:
        hub, site = made["hub"], made["dijon"]
        it = KindFederation(hub, {"dijon": site}, folder, operator_image())
        it.seconds["two clusters Ready"] = time.monotonic() - begin
        it.load()
        yield it
        for step, seconds in it.seconds.items():
            print(f"{seconds:6.1f} s  {step}")  # noqa: T201 - the report's table is made of these


def test_1_hub_and_site_install_and_join(federation: KindFederation) -> None:
    federation.install_hub()
    begin = time.monotonic()
    federation.install_site("dijon", federation.invite("dijon"))
    federation.furnish("dijon")
    wait("dijon has joined", lambda: federation.joined("dijon"), federation.tell)
    federation.seconds["invite to joined"] = time.monotonic() - begin


def test_2_a_workload_runs_as_a_pod_with_logs(federation: KindFederation) -> None:
    begin = time.monotonic()
    federation.submit("wind", 2)
    wait("wind runs", lambda: federation.runs("wind"), federation.tell)
    federation.seconds["submission to running pods, reported by the hub"] = time.monotonic() - begin
    pods = federation.pods("dijon")
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]
    site = federation.sites["dijon"]
    for pod in pods:
        meta = pod["metadata"]
        assert site.kubectl("logs", "-n", meta["namespace"], meta["name"]).strip() == WORDS


def test_3_uninstalling_under_running_work_is_refused(federation: KindFederation) -> None:
    site = federation.sites["dijon"]
    with pytest.raises(HelmError, match="wind"):
        helm("uninstall", "policloud-site", "-n", SYSTEM_NAMESPACE, "--timeout", "60s", kubeconfig=site.kubeconfig)
    assert federation.runs("wind")
    assert len(federation.pods("dijon")) == 2


def test_4_a_clean_uninstall_leaves_nothing_running(federation: KindFederation) -> None:
    site, hub = federation.sites["dijon"], federation.hub
    hub.kubectl("delete", "sovereignworkload", "wind", "-n", TENANT, "--timeout=120s")
    wait("no pod is left", lambda: not federation.pods("dijon"), federation.tell)
    for cluster, chart in ((site, "policloud-site"), (hub, "policloud-hub")):
        cluster.kubectl("delete", "sitemandates,policloudunits,energysources", "--all", "-A", "--timeout=60s")
        options = ("-n", SYSTEM_NAMESPACE, "--timeout", "120s", "--wait")
        helm("uninstall", chart, *options, kubeconfig=cluster.kubeconfig)
        wait("no pod of ours", lambda c=cluster: c.get("pods", "-n", SYSTEM_NAMESPACE)["items"] == [], federation.tell)
    assert json.loads(helm("list", "-A", "-o", "json", kubeconfig=site.kubeconfig)) == []
