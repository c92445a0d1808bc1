#!/bin/sh
# Rewrite the go.mod of kube, kwok and kine for other releases: update.sh 1.37.0 0.8.0 0.17.5
# k8s.io/kubernetes requires its staging modules as v0.0.0; each is replaced by v0.MINOR.PATCH.
set -eu
cd "$(dirname "$0")"
kube=$1 kwok=$2 kine=$3
mod=$(cd / && go mod download -json "k8s.io/kubernetes@v$kube" | python3 -c 'import json,sys; print(json.load(sys.stdin)["GoMod"])')
rm -f kube/go.sum kwok/go.sum kwok/go.mod kine/go.sum kine/go.mod
{
  printf 'module policloud.io/hack/controlplane/kube\n\n%s\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$(grep '^go ' "$mod")" "$kube"
  { grep -o '^[[:space:]]*k8s.io/[a-z-]* => ./staging' "$mod" || grep -o '^[[:space:]]*k8s.io/[a-z-]* v0.0.0$' "$mod"; } |
    awk -v v="${kube#1.}" '{print "\t" $1 " => " $1 " v0." v}' | sort -u
  printf ')\n'
} >kube/go.mod
(cd kube && go mod tidy)
printf 'module policloud.io/hack/controlplane/kwok\n\n%s\n' "$(grep '^go ' kube/go.mod)" >kwok/go.mod
(cd kwok && go get -tool "sigs.k8s.io/kwok/cmd/kwok@v$kwok" && go mod tidy)
# A module of its own: it wants an etcd client that Kubernetes does not have yet.
go_line=$(cd / && go mod download -json "github.com/k3s-io/kine@v$kine" | python3 -c 'import json,re,sys; print(re.search(r"(?m)^go .*", open(json.load(sys.stdin)["GoMod"]).read())[0])')
printf 'module policloud.io/hack/controlplane/kine\n\n%s\n' "$go_line" >kine/go.mod
(cd kine && go get -tool "github.com/k3s-io/kine@v$kine" && go mod tidy)
