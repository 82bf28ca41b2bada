//go:build !k135 && !k134

// What 1.36 names and wants differently from the releases before; the other release_*.go say the same for theirs.
package main

import (
	"context"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	fwkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

type (
	handle             = fwk.Handle
	nodeToStatusReader = fwk.NodeToStatusReader
	nominatingInfo     = fwk.NominatingInfo
)

func releaseOptions(ctx context.Context, cs *fake.Clientset, inf informers.SharedInformerFactory) []fwkruntime.Option {
	return []fwkruntime.Option{
		fwkruntime.WithPodsInPreBind(fwkruntime.NewPodsInPreBindMap()), fwkruntime.WithSharedDRAManager(draManager(ctx, cs, inf)),
		fwkruntime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(inf.Storage().V1().CSINodes().Lister())),
	}
}
