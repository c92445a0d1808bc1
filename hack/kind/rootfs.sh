#!/bin/bash
# rootfs.sh ROOT: the node's root file system, from $DEBIAN (tar), $BIN (programs), $KIND_FILES (kind's own files of its
# node image), $KUBE_VERSION and $PAUSE (name of the pause image). The fix-ups are those of kind's images/base/Dockerfile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$1
mkdir -p "$root"
tar -C "$root" --numeric-owner -xf "$DEBIAN"
rm -rf "$root"/{var/lib/apt/lists,var/cache/apt,var/log,tmp}/* "$root"/dev/*

cp -r --no-preserve=mode,ownership "$KIND_FILES/." "$root/"
chmod 755 "$root"/usr/local/bin/* "$root"/kind "$root"/kind/bin "$root"/kind/bin/*
units=$root/etc/systemd/system wanted=$root/lib/systemd/system
rm -f "$wanted"/sysinit.target.wants/systemd-tmpfiles-setup.service "$wanted"/{multi-user,local-fs,basic}.target.wants/* \
  "$units"/*.wants/* "$wanted"/sockets.target.wants/*{udev,initctl}*
echo "ReadKMsg=no" >>"$root/etc/systemd/journald.conf"
ln -sf /usr/lib/systemd/systemd "$root/usr/sbin/init"
mkdir -p "$units/multi-user.target.wants" "$root"/etc/kubernetes/manifests "$root"/kind/manifests "$root"/opt/cni/bin
install -m 755 "$here/node/node-cni.sh" "$root/kind/bin/"
install -m 644 "$here/node/node-cni.service" "$units/"
install -m 644 "$here"/node/default-*.yaml "$root/kind/manifests/"
for unit in kubelet containerd undo-mount-hacks node-cni; do
  ln -sf "/etc/systemd/system/$unit.service" "$units/multi-user.target.wants/$unit.service"
done
ln -sf /dev/null "$units/systemd-binfmt.service"

# Kubernetes refuses cgroup v1 from 1.35 on unless told otherwise; harmless on cgroup v2.
sed -i 's#^KUBELET_EXTRA_ARGS=.*#& --fail-cgroupv1=false#' "$root/etc/default/kubelet"
# Lowering an OOM score takes CAP_SYS_RESOURCE, which root in a container may lack.
sed -i '/^OOMScoreAdjust=/d' "$units/containerd.service"
sed -i -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' \
  -e "s#sandbox_image = .*#sandbox_image = \"$PAUSE\"#" "$root/etc/containerd/config.toml"

install -m 755 "$BIN"/{containerd,ctr,containerd-shim-runc-v2} "$root/usr/local/bin/"
install -m 755 "$BIN/runc" "$root/usr/local/sbin/"
install -m 755 "$BIN"/{ptp,host-local,portmap,loopback} "$root/opt/cni/bin/"
install -m 755 "$BIN/kube" "$root/usr/bin/"
for name in kubelet kubeadm kubectl; do ln -sf kube "$root/usr/bin/$name"; done
"$BIN/ctr" oci spec | python3 -c '
import json, sys
spec = json.load(sys.stdin)
spec.setdefault("hooks", {}).setdefault("createContainer", []).append({"path": "/kind/bin/mount-product-files.sh"})
spec["process"].pop("rlimits", None)
json.dump(spec, sys.stdout)' >"$root/etc/containerd/cri-base.json"
echo -n "v${KUBE_VERSION#v}" >"$root/kind/version"
