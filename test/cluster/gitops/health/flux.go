package main

import (
	"context"
	"fmt"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What stands in healthCheckExprs of a Kustomization.
type fluxConfig struct {
	Current    string `json:"current"`
	Failed     string `json:"failed"`
	InProgress string `json:"inProgress"`
}

type flux struct{ evaluator *cel.StatusEvaluator }

func newFlux(texts fluxConfig) (flux, error) {
	evaluator, err := cel.NewStatusEvaluator(&kustomize.HealthCheckExpressions{
		Current:    texts.Current,
		Failed:     texts.Failed,
		InProgress: texts.InProgress,
	})
	if err != nil {
		return flux{}, fmt.Errorf("healthCheckExprs: %w", err)
	}
	return flux{evaluator}, nil
}

func (f flux) healthOf(object *unstructured.Unstructured) opinion {
	result, err := f.evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return opinion{"Unknown", err.Error()}
	}
	return opinion{string(result.Status), result.Message}
}
