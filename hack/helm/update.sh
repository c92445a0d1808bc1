#!/bin/sh
# Rewrite go.mod and go.sum for another release: update.sh 4.3.1
set -eu
cd "$(dirname "$0")"
rm -f go.sum go.mod
printf 'module policloud.io/hack/helm\n\n%s\n' "$(grep '^go ' ../controlplane/kube/go.mod)" >go.mod
go get -tool "helm.sh/helm/v4/cmd/helm@v$1"
go mod tidy
