#!/bin/bash
# images.sh ROOT WORK: make the images that kubeadm asks for (Kubernetes and etcd, CoreDNS, pause) from $BIN, and put
# them into the store of the containerd in ROOT. Runs no container and asks no registry.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$1 work=$2
library=usr/lib/$(gcc -dumpmachine)
declare -A ref # by short name
while read -r image; do name=${image##*/}; ref[${name%%:*}]=$image; done <<<"$IMAGES"

kube=$work/kube-image
mkdir -p "$kube"/usr/{local/bin,lib,sbin,bin,lib64} "$kube"/{tmp,run,var,etc} "$kube/$library"
for folder in lib sbin bin lib64; do ln -s "usr/$folder" "$kube/$folder"; done
chmod 1777 "$kube/tmp"
install -m 755 "$BIN/kube" "$kube/usr/local/bin/"
for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd kubectl; do
  ln -s kube "$kube/usr/local/bin/$name"
done
# kube-proxy's helpers: iptables over nftables, nft, and the libraries that they load.
install -m 755 "$root"/usr/sbin/{xtables-nft-multi,nft} "$kube/usr/sbin/"
for name in iptables ip6tables; do for kind in '' -save -restore; do ln -s xtables-nft-multi "$kube/usr/sbin/$name$kind"; done; done
cp -r "$root/$library/xtables" "$kube/$library/"
chroot "$root" sh -c "ldd /usr/sbin/nft /usr/sbin/xtables-nft-multi /$library/xtables/*.so" 2>/dev/null |
  grep -o '/[^ ]*\.so[^ :]*' | grep -v /xtables/ | sort -u | while read -r file; do install -D "$root/$file" "$kube/$file"; done
for match in statistic comment conntrack recent addrtype mark; do # what kube-proxy's rules match on
  chroot "$kube" iptables -m "$match" -h >/dev/null || { echo "kube-proxy's image lacks the iptables match $match" >&2; exit 1; }
done

for name in coredns pause; do mkdir -p "$work/$name-image"; install -m 755 "$BIN/$name" "$work/$name-image/"; done
tags=()
for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd; do tags+=(--tag "${ref[$name]}"); done
"$here/mkimage.py" "$work/kube.tar" --layer "$kube" "${tags[@]}"
"$here/mkimage.py" "$work/coredns.tar" --layer "$work/coredns-image" --tag "${ref[coredns]}" --entrypoint '["/coredns"]'
"$here/mkimage.py" "$work/pause.tar" --layer "$work/pause-image" --tag "${ref[pause]}" --entrypoint '["/pause"]'

# containerd runs on the new root's store only as long as the import takes.
run=$(mktemp -d)
"$BIN/containerd" --config /dev/null --root "$root/var/lib/containerd" --state "$run/state" --address "$run/sock" >"$work/containerd.log" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null || true; rm -rf "$run"' EXIT
for _ in {1..150}; do "$BIN/ctr" -a "$run/sock" version >/dev/null 2>&1 && break; sleep 0.2; done
for name in kube coredns pause; do
  "$BIN/ctr" -a "$run/sock" -n k8s.io images import --label=io.cri-containerd.pinned=pinned --all-platforms --no-unpack \
    --digests "$work/$name.tar" >>"$work/containerd.log" 2>&1 || { tail -5 "$work/containerd.log" >&2; exit 1; }
done
kill $pid
wait $pid || true
