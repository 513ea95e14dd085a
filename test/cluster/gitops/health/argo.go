package main

import (
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What stands in Argo CD's ConfigMap for one kind of resource.
type argoConfig struct {
	Health    string            `json:"health"`
	Discovery string            `json:"discovery"`
	Actions   map[string]string `json:"actions"`
}

// Something that a user can click on, and the merge patch that it makes of the object.
type action struct {
	Disabled bool            `json:"disabled"`
	Patch    json.RawMessage `json:"patch,omitempty"`
}

var argoStatuses = map[string]bool{
	"Unknown": true, "Progressing": true, "Suspended": true, "Healthy": true, "Degraded": true, "Missing": true,
}

// Argo CD asks no script about what is being deleted, and takes a status that it does not know for Unknown.
func (c argoConfig) healthOf(object *unstructured.Unstructured) opinion {
	if object.GetDeletionTimestamp() != nil {
		return opinion{"Progressing", "Pending deletion"}
	}
	var said opinion
	if err := c.evaluate(c.Health, object, &said); err != nil {
		return opinion{"Unknown", err.Error()}
	}
	if !argoStatuses[said.Status] {
		return opinion{"Unknown", fmt.Sprintf("health.lua says %q", said.Status)}
	}
	return said
}

func (c argoConfig) actionsOf(object *unstructured.Unstructured) (map[string]action, error) {
	if c.Discovery == "" {
		return nil, nil
	}
	found := map[string]action{}
	if err := c.evaluate(c.Discovery, object, &found); err != nil {
		return nil, fmt.Errorf("discovery.lua: %w", err)
	}
	for name, one := range found {
		patch, err := c.patchOf(name, object)
		if err != nil {
			return nil, fmt.Errorf("action %s: %w", name, err)
		}
		found[name] = action{one.Disabled, patch}
	}
	return found, nil
}

// Argo CD sends the difference between the object and what the script returns as a merge patch.
func (c argoConfig) patchOf(name string, object *unstructured.Unstructured) (json.RawMessage, error) {
	script, ok := c.Actions[name]
	if !ok {
		return nil, fmt.Errorf("it has no definition")
	}
	var changed map[string]any
	if err := c.evaluate(script, object, &changed); err != nil {
		return nil, err
	}
	before, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(withEmptyObjects(changed, object.Object))
	if err != nil {
		return nil, err
	}
	return jsonpatch.CreateMergePatch(before, after)
}

func (c argoConfig) evaluate(script string, object *unstructured.Unstructured, into any) error {
	said, err := runLua(script, object.Object)
	if err != nil {
		return err
	}
	if said.Type() != lua.LTTable {
		return fmt.Errorf("the script returns no table but a %s", said.Type())
	}
	return decodeLua(said, into)
}
