//go:build k134

// What 1.34 names and wants differently from 1.36: these types were not in the module of kube-scheduler yet, and nobody managed CSI nodes.
package main

import (
	"context"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	fwkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

type (
	handle             = framework.Handle
	nodeToStatusReader = framework.NodeToStatusReader
	nominatingInfo     = framework.NominatingInfo
)

func releaseOptions(ctx context.Context, cs *fake.Clientset, inf informers.SharedInformerFactory) []fwkruntime.Option {
	return []fwkruntime.Option{fwkruntime.WithSharedDRAManager(draManager(ctx, cs, inf))}
}
