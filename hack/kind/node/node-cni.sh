#!/bin/bash
# The pod network of one node: once it has its pod CIDR, write a static CNI configuration for it and masquerade what
# leaves the node. Stands in for kindnetd, which the official node image runs as a DaemonSet.
set -euo pipefail
conf=/etc/kubernetes/kubelet.conf
until cidr=$(kubectl --kubeconfig "$conf" get node "$(hostname)" -o jsonpath='{.spec.podCIDR}' 2>/dev/null) && [[ -n $cidr ]]; do
  sleep 1
done
rule=(POSTROUTING -s "$cidr" ! -d "$cidr" -o eth0 -j MASQUERADE)
iptables -w -t nat -C "${rule[@]}" 2>/dev/null || iptables -w -t nat -A "${rule[@]}"
mkdir -p /etc/cni/net.d
cat >/etc/cni/net.d/.10-static <<JSON
{"cniVersion": "1.0.0", "name": "static", "plugins": [
  {"type": "ptp", "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam-state",
            "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "$cidr"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
mv /etc/cni/net.d/.10-static /etc/cni/net.d/10-static.conflist
