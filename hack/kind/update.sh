#!/bin/sh
# Rewrite go/*/go.mod for other releases: update.sh KIND CONTAINERD RUNC CNI COREDNS, as in update.sh 0.33.0 2.3.4 1.4.3
# 1.9.1 1.14.6. Take those of images/base/Dockerfile in that release of kind; CoreDNS as kubeadm of our Kubernetes asks.
set -eu
cd "$(dirname "$0")/go"
export GOFLAGS=-mod=mod
tool() { # MODULE PACKAGE@VERSION...
  printf 'module policloud.io/hack/kind/%s\n\n%s\n' "$1" "$(grep '^go ' ../../controlplane/kube/go.mod)" >"$1/go.mod"
  rm -f "$1/go.sum"
  (cd "$1" && shift && go get -tool "$@")
}
plugins=github.com/containernetworking/plugins/plugins containerd=github.com/containerd/containerd/v2/cmd
tool kind "sigs.k8s.io/kind@v$1"
tool containerd "$containerd/containerd@v$2" "$containerd/ctr@v$2" "$containerd/containerd-shim-runc-v2@v$2"
tool runc "github.com/opencontainers/runc@v$3"
tool cni "$plugins/main/loopback@v$4" "$plugins/main/ptp@v$4" "$plugins/ipam/host-local@v$4" "$plugins/meta/portmap@v$4"
printf 'module policloud.io/hack/kind/coredns\n\n%s\n' "$(grep '^go ' ../../controlplane/kube/go.mod)" >coredns/go.mod
rm -f coredns/go.sum
(cd coredns && go get "github.com/coredns/coredns@v$5" && go mod tidy)
