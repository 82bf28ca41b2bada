// The profile: the default one, or that of a KubeSchedulerConfiguration, read, defaulted and validated as kube-scheduler does.
package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	configlatest "k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
)

func profileOf(file json.RawMessage) (*config.KubeSchedulerProfile, error) {
	if len(file) == 0 {
		cfg, err := configlatest.Default()
		if err != nil {
			return nil, err
		}
		return &cfg.Profiles[0], nil
	}
	obj, _, err := scheme.Codecs.UniversalDecoder().Decode(file, nil, nil)
	if err != nil {
		return nil, err
	}
	cfg, ok := obj.(*config.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("not a KubeSchedulerConfiguration but a %T", obj)
	}
	if err := validation.ValidateKubeSchedulerConfiguration(cfg); err != nil {
		return nil, err
	}
	return &cfg.Profiles[0], nil
}
