"""Virtual machines on a site without KubeVirt, and after its CRD was installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from policloud.testing.controlplane import ControlPlane, apply_crds
from sitelab import Body, Lab, SiteThread
from waiting import until

CRD = Path(__file__).parents[2] / "data" / "virtualmachine-crd.yaml"
MACHINE = {"template": {"spec": {"domain": {"devices": {}, "resources": {"requests": {"memory": "16Gi"}}}}}}
VM_API = "kubevirt.io/v1"


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    plane = ControlPlane(tmp_path_factory.mktemp("vm"), "vm", ("etcd", "apiserver"))
    plane.start()
    try:
        apply_crds(plane)
        yield Lab(plane, tmp_path_factory.mktemp("traces-vm"))
    finally:
        plane.remove()


def test_a_virtual_machine_waits_for_its_kind_then_is_created_and_followed(lab: Lab) -> None:
    first = SiteThread(lab.plane.kubeconfig, lab.traces).start()
    try:
        lab.unit("virtual", "FR-51")
        lab.run(
            "t-vm", "desk", "FR-51", **{"class": "VirtualMachine", "virtualMachine": MACHINE, "gpu": {"perReplica": 1}}
        )
        until(lambda: lab.reason("t-vm", "desk") == "KindNotServed", "it is Stalled")
        status, _, message = lab.condition("SovereignWorkload", "desk", "Stalled", "t-vm")
        assert status == "True"
        assert "VirtualMachine (kubevirt.io)" in message

        lab.plane.api.apply(yaml.safe_load(CRD.read_text()))
        until(lambda: _machine(lab) is not None, "once the kind is installed the machine is created", 30)
        spec = _machine(lab)["spec"]  # type: ignore[index]
        assert spec["runStrategy"] == "Always"
        inner = spec["template"]["spec"]
        assert inner["nodeSelector"] == {"policloud.io/unit": "virtual"}
        assert inner["domain"]["devices"]["gpus"] == [{"name": "gpu0", "deviceName": "nvidia.com/gpu"}]
    finally:
        first.stop()
    # A running site looks for a kind that was missing once a minute; a new one finds it at once.
    second = SiteThread(lab.plane.kubeconfig, lab.traces).start()
    try:
        _follow(lab)
    finally:
        second.stop()


def _follow(lab: Lab) -> None:
    path = "/apis/kubevirt.io/v1/namespaces/t-vm/virtualmachines/desk-virtual"
    ready = {"status": {"ready": True, "printableStatus": "Running"}}
    lab.plane.api.request("PATCH", f"{path}/status", ready, content_type="application/merge-patch+json")
    until(lambda: lab.reason("t-vm", "desk") == "Running", "its status is followed")
    lab.wind("virtual", 2_000)
    until(lambda: lab.reason("t-vm", "desk") == "WaitingForEnergy", "without power it waits")
    until(lambda: (_machine(lab) or {})["spec"]["runStrategy"] == "Halted", "and is halted")


def _machine(lab: Lab) -> Body | None:
    return lab.get("VirtualMachine", "desk-virtual", "t-vm", VM_API)
