#!/bin/bash
# debian.sh OUT.tar: the Debian packages of a node, from the mirror that this machine is set up for.
# bookworm has systemd 252, the last Debian whose systemd starts on cgroup v1 too.
set -euo pipefail
exec mmdebstrap --variant=minbase \
  --include=systemd,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,procps,jq,ca-certificates,libseccomp2,e2fsprogs \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$1"
