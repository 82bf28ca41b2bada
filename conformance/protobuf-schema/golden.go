package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
)

func pointer[T any](value T) *T { return &value }

// Prints objects as client-go itself writes them, in both encodings: `go run . golden`.
func golden() {
	at := metav1.NewTime(time.Unix(1790000000, 0).UTC())
	meta := metav1.ObjectMeta{Name: "a", Namespace: "n", Labels: map[string]string{"app": "x", "empty": ""}, CreationTimestamp: at, Finalizers: []string{"f/g"}}
	amounts := corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("64Mi")}
	container := corev1.Container{Name: "c", Image: "i", Args: []string{"--", "true"}, Resources: corev1.ResourceRequirements{Requests: amounts},
		Env:     []corev1.EnvVar{{Name: "E", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k"}}}},
		EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "m"}, Optional: pointer(false)}}},
		Ports:   []corev1.ContainerPort{{ContainerPort: 80, Protocol: "TCP"}}, SecurityContext: &corev1.SecurityContext{RunAsUser: pointer(int64(-1))},
		ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromString("web")}}, PeriodSeconds: 5}}
	spec := corev1.PodSpec{Containers: []corev1.Container{container}, NodeSelector: map[string]string{"agentpool": "np1"}, TerminationGracePeriodSeconds: pointer(int64(0)),
		Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: pointer(resource.MustParse("1Gi"))}}},
			{Name: "w", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		Tolerations: []corev1.Toleration{{Key: "k", Operator: "Exists", TolerationSeconds: pointer(int64(300))}}, SecurityContext: &corev1.PodSecurityContext{SupplementalGroups: []int64{7, 300}},
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: "DoNotSchedule", LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In", Values: []string{"b"}}}}}}}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}}, Spec: spec}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}
	objects := []runtime.Object{
		&corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: meta, Spec: spec, Status: corev1.PodStatus{Phase: "Running", StartTime: &at, Conditions: []corev1.PodCondition{{Type: "Ready", Status: "True", LastTransitionTime: at}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "c", Ready: true, RestartCount: 0, Started: pointer(false), State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 0, FinishedAt: at}}}}}},
		&appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: pointer(int32(0)), Selector: selector, Template: template,
			Strategy: appsv1.DeploymentStrategy{Type: "RollingUpdate", RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: pointer(intstr.FromString("25%")), MaxUnavailable: pointer(intstr.FromInt32(0))}}}},
		&batchv1.CronJob{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJob"}, ObjectMeta: meta, Spec: batchv1.CronJobSpec{Schedule: "*/5 * * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}}},
		&corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: meta, Type: "Opaque", Data: map[string][]byte{"k": {0, 255, 10}, "none": {}}},
		&corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: meta, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}}},
		&corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: meta, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "k", Effect: "NoExecute", TimeAdded: &at}}}, Status: corev1.NodeStatus{Capacity: amounts, DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: 10250}}}},
		&policyv1.PodDisruptionBudget{TypeMeta: metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}, ObjectMeta: meta, Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: pointer(intstr.FromInt32(2)), Selector: selector}},
		&policyv1.Eviction{TypeMeta: metav1.TypeMeta{APIVersion: "policy/v1", Kind: "Eviction"}, ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "n"}, DeleteOptions: &metav1.DeleteOptions{GracePeriodSeconds: pointer(int64(0)), Preconditions: &metav1.Preconditions{UID: pointer(meta.UID)}}},
		&coordinationv1.Lease{TypeMeta: metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}, ObjectMeta: meta, Spec: coordinationv1.LeaseSpec{HolderIdentity: pointer(""), RenewTime: &metav1.MicroTime{Time: time.Unix(1790000000, 123000000).UTC()}}},
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: "gone"}},
	}
	serializer := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	var shown []map[string]any
	for _, object := range objects {
		bytes, err := runtime.Encode(serializer, object)
		if err != nil {
			panic(err)
		}
		shown = append(shown, map[string]any{"protobuf": base64.StdEncoding.EncodeToString(bytes), "json": object})
	}
	text, _ := json.MarshalIndent(shown, "", " ")
	fmt.Println(string(text))
}
