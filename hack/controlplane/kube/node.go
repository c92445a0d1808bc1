//go:build node

package main

import (
	"context"

	"github.com/spf13/cobra"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app"
	kubeadmutil "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func init() {
	programs["kubeadm"] = func() { kubeadmutil.HandleError(kubeadm.Run()) }
	programs["kubelet"] = run(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) })
	programs["kube-proxy"] = run(proxy.NewProxyCommand)
}
