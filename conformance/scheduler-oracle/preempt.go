// Preemption: pods with a nominated node, the priorities of classes, and which node and victims DefaultPreemption would choose.
// The plugin of the profile gives the text and is left to act on a fake API; candidates are asked of a second one, over every node.
// Upstream takes one of several equal nodes by the order of a map: all that tie are named, and the first by name stands for them.
package main

import (
	"context"
	"sort"

	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/preemption"
)

// nominator knows the pods that wait for room on a node.
type nominator map[string][]fwk.PodInfo

func (n nominator) NominatedPodsForNode(node string) []fwk.PodInfo          { return n[node] }
func (nominator) AddNominatedPod(klog.Logger, fwk.PodInfo, *nominatingInfo) {}
func (nominator) DeleteNominatedPodIfExists(*v1.Pod)                        {}
func (nominator) UpdateNominatedPod(klog.Logger, *v1.Pod, fwk.PodInfo)      {}

// split tells placed pods from those that wait, and gives the latter by their nominated node; the pod in question is one of them.
func split(pods []*v1.Pod, pod *v1.Pod) (placed []*v1.Pod, waiting nominator) {
	waiting = nominator{}
	for _, p := range append(append([]*v1.Pod{}, pods...), pod) {
		if p.Spec.NodeName != "" && p != pod {
			placed = append(placed, p)
		} else if node := p.Status.NominatedNodeName; node != "" {
			info, err := framework.NewPodInfo(p)
			if err != nil {
				panic(err)
			}
			waiting[node] = append(waiting[node], info)
		}
	}
	return placed, waiting
}

// prioritise does what the admission plugin Priority does where a pod has no priority yet.
func prioritise(classes []*schedulingv1.PriorityClass, pods []*v1.Pod) {
	for _, p := range pods {
		for _, c := range classes {
			if p.Spec.Priority == nil && (c.Name == p.Spec.PriorityClassName || (p.Spec.PriorityClassName == "" && c.GlobalDefault)) {
				value := c.Value
				p.Spec.Priority = &value
				if p.Spec.PreemptionPolicy == nil {
					p.Spec.PreemptionPolicy = c.PreemptionPolicy
				}
			}
		}
	}
}

// preempt gives the chosen node (the first by name of those that tie), its victims in order, and all nodes that tie.
func preempt(ctx context.Context, f handle, state fwk.CycleState, i in, n2s nodeToStatusReader, snap *cache.Snapshot) (string, []string, []string) {
	args := &config.DefaultPreemptionArgs{MinCandidateNodesPercentage: 100, MinCandidateNodesAbsolute: 100}
	pl, err := defaultpreemption.New(ctx, args, f, feature.Features{})
	if err != nil {
		panic(err)
	}
	nodes, err := n2s.NodesForStatusCode(snap.NodeInfos(), fwk.Unschedulable)
	if err != nil {
		panic(err)
	}
	candidates, _, err := pl.Evaluator.DryRunPreemption(ctx, state, i.Pod, nodes, i.PDBs, 0, int32(len(nodes)))
	if err != nil {
		panic(err)
	}
	if len(candidates) == 0 {
		return "", nil, nil
	}
	chosen := pl.Evaluator.SelectCandidate(ctx, candidates)
	var ties []preemption.Candidate
	for _, c := range candidates {
		// Of two the better one is always chosen, and one of two equal ones by the order of a map: 64 times the same is no chance.
		for n := 0; n < 64; n++ {
			if pl.Evaluator.SelectCandidate(ctx, []preemption.Candidate{chosen, c}).Name() == c.Name() {
				ties = append(ties, c)
				break
			}
		}
	}
	sort.Slice(ties, func(a, b int) bool { return ties[a].Name() < ties[b].Name() })
	var victims, names []string
	for _, p := range ties[0].Victims().Pods {
		victims = append(victims, p.Namespace+"/"+p.Name)
	}
	for _, c := range ties {
		names = append(names, c.Name())
	}
	return ties[0].Name(), victims, names
}
