#!/bin/sh
# Rewrite kube/go.mod and kwok/go.mod for other releases: update.sh 1.37.0 0.8.0
# k8s.io/kubernetes requires its staging modules as v0.0.0; each is replaced by v0.MINOR.PATCH.
set -eu
cd "$(dirname "$0")"
kube=$1 kwok=$2
mod=$(cd / && go mod download -json "k8s.io/kubernetes@v$kube" | python3 -c 'import json,sys; print(json.load(sys.stdin)["GoMod"])')
rm -f kube/go.sum kwok/go.sum kwok/go.mod
{
  printf 'module policloud.io/hack/controlplane/kube\n\n%s\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$(grep '^go ' "$mod")" "$kube"
  { grep -o '^[[:space:]]*k8s.io/[a-z-]* => ./staging' "$mod" || grep -o '^[[:space:]]*k8s.io/[a-z-]* v0.0.0$' "$mod"; } |
    awk -v v="${kube#1.}" '{print "\t" $1 " => " $1 " v0." v}' | sort -u
  printf ')\n'
} >kube/go.mod
(cd kube && go mod tidy)
printf 'module policloud.io/hack/controlplane/kwok\n\n%s\n' "$(grep '^go ' kube/go.mod)" >kwok/go.mod
(cd kwok && go get -tool "sigs.k8s.io/kwok/cmd/kwok@v$kwok" && go mod tidy)
