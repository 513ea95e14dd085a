// Says what GitOps tools make of objects, with their own interpreters: kstatus, Argo CD's Lua and Flux' CEL.
//
// The first line on standard input holds the texts that a user gives to Argo CD and Flux, every further line an
// object; for each there is one line on standard output. All of it is JSON.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

const longestLine = 16 << 20

type config struct {
	Argo argoConfig `json:"argo"`
	Flux fluxConfig `json:"flux"`
}

type opinion struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

type opinions struct {
	Kstatus opinion           `json:"kstatus"`
	Argo    opinion           `json:"argo"`
	Flux    opinion           `json:"flux"`
	Actions map[string]action `json:"actions,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	var texts config
	if !lines.Scan() {
		return fmt.Errorf("no configuration on the first line")
	}
	if err := json.Unmarshal(lines.Bytes(), &texts); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	flux, err := newFlux(texts.Flux)
	if err != nil {
		return err
	}
	output := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			return fmt.Errorf("object: %w", err)
		}
		actions, err := texts.Argo.actionsOf(object)
		if err != nil {
			return err
		}
		said := opinions{kstatusOf(object), texts.Argo.healthOf(object), flux.healthOf(object), actions}
		if err := output.Encode(said); err != nil {
			return err
		}
	}
	return lines.Err()
}

func kstatusOf(object *unstructured.Unstructured) opinion {
	result, err := status.Compute(object)
	if err != nil {
		return opinion{string(status.UnknownStatus), err.Error()}
	}
	return opinion{string(result.Status), result.Message}
}
