//go:build k135

// What 1.35 names and wants differently from 1.36: nothing is kept of pods that are about to be bound.
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
		fwkruntime.WithSharedDRAManager(draManager(ctx, cs, inf)),
		fwkruntime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(inf.Storage().V1().CSINodes().Lister())),
	}
}
