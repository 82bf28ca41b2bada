// Prints the protobuf schema of the kinds that we serve, read by reflection from the tags of k8s.io/api:
//
//	go run . > ../../crates/k8s/src/schema/schema.txt
//	go run . golden > ../../crates/k8s/tests/golden/protobuf.json
//
// One line a message: its name, then its fields, each `NUMBER NAME TYPE`, separated by `|`. A name `-` means that the fields of that
// message lie beside this one's in JSON. Types: `int bool string bytes`, or a message; `[]` list, `{}` map, `*` optional (a zero is
// said on purpose), `!` always shown.
package main

import (
	"fmt"
	"os"
	"path"
	"reflect"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var kinds = []any{
	corev1.Pod{}, corev1.Node{}, corev1.Namespace{}, corev1.Service{}, corev1.Endpoints{}, corev1.ConfigMap{}, corev1.Secret{}, corev1.ServiceAccount{}, corev1.Event{},
	corev1.PersistentVolume{}, corev1.PersistentVolumeClaim{}, corev1.ResourceQuota{}, corev1.LimitRange{}, corev1.Binding{},
	appsv1.Deployment{}, appsv1.ReplicaSet{}, appsv1.StatefulSet{}, appsv1.DaemonSet{}, appsv1.ControllerRevision{}, batchv1.Job{}, batchv1.CronJob{},
	policyv1.PodDisruptionBudget{}, policyv1.Eviction{}, autoscalingv1.Scale{}, coordinationv1.Lease{}, discoveryv1.EndpointSlice{}, eventsv1.Event{},
	schedulingv1.PriorityClass{}, storagev1.StorageClass{}, storagev1.CSINode{}, authenticationv1.SelfSubjectReview{},
	authorizationv1.SelfSubjectAccessReview{}, authorizationv1.SelfSubjectRulesReview{}, metav1.DeleteOptions{},
}

var lines = map[string]string{}

// A message that the decoder knows by itself.
var own = map[string]bool{"meta.Time": true, "meta.MicroTime": true, "resource.Quantity": true, "intstr.IntOrString": true, "runtime.RawExtension": true, "meta.FieldsV1": true}

func name(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	group := parts[len(parts)-1]
	if group == "v1" {
		group = path.Base(path.Dir(t.PkgPath()))
	}
	return group + "." + t.Name()
}

func word(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + word(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		if t.Name() != "" && t.Elem().Kind() == reflect.String { // A named list is a message of its own.
			lines[name(t)] = "1 items []string"
			return name(t)
		}
		return "[]" + strings.TrimPrefix(word(t.Elem()), "*")
	case reflect.Map:
		return "{}" + word(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32, reflect.Int64, reflect.Int:
		return "int"
	case reflect.Struct:
		message(t)
		return name(t)
	}
	panic(t.String())
}

func message(t reflect.Type) {
	if _, known := lines[name(t)]; known || own[name(t)] {
		return
	}
	lines[name(t)] = ""
	var fields []string
	for i := range t.NumField() {
		field := t.Field(i)
		tag := strings.Split(field.Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			continue // TypeMeta
		}
		json := strings.Split(field.Tag.Get("json"), ",")
		shown := word(field.Type)
		if json[0] == "" {
			json[0] = "-"
		}
		scalar := field.Type.Kind() == reflect.String || field.Type.Kind() == reflect.Bool || field.Type.Kind() == reflect.Int32 || field.Type.Kind() == reflect.Int64
		if scalar && !strings.Contains(field.Tag.Get("json"), "omitempty") {
			shown = "!" + shown
		}
		fields = append(fields, fmt.Sprintf("%s %s %s", tag[1], json[0], shown))
	}
	lines[name(t)] = strings.Join(fields, "|")
}

func main() {
	if len(os.Args) > 1 {
		golden()
		return
	}
	for _, kind := range kinds {
		message(reflect.TypeOf(kind))
	}
	var names []string
	for name := range lines {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("%s|%s\n", name, lines[name])
	}
}
