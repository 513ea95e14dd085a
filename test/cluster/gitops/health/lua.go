package main

import (
	"context"
	"encoding/json"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

// How long Argo CD lets a script run.
const luaTime = time.Second

// Runs a script as Argo CD does one of its ConfigMap: with `obj`, and with no library but these.
func runLua(script string, object map[string]any) (lua.LValue, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage,
		lua.BaseLibName: lua.OpenBase,
		lua.TabLibName:  lua.OpenTable,
	}
	for name, open := range libraries {
		call := lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), luaTime)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	return state.Get(-1), nil
}

func decodeLua(value lua.LValue, into any) error {
	text, err := luajson.Encode(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch known := value.(type) {
	case bool:
		return lua.LBool(known)
	case string:
		return lua.LString(known)
	case int64:
		return lua.LNumber(known)
	case float64:
		return lua.LNumber(known)
	case []any:
		table := state.CreateTable(len(known), 0)
		for _, item := range known {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(known))
		for key, item := range known {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

// An empty table of Lua may have been an object or a list; it stays what it was, as Argo CD sees to.
func withEmptyObjects(after, before any) any {
	switch value := after.(type) {
	case map[string]any:
		known, _ := before.(map[string]any)
		for key, item := range value {
			value[key] = withEmptyObjects(item, known[key])
		}
		return value
	case []any:
		if _, wasObject := before.(map[string]any); wasObject && len(value) == 0 {
			return before
		}
		known, _ := before.([]any)
		for index := range min(len(value), len(known)) {
			value[index] = withEmptyObjects(value[index], known[index])
		}
		return value
	default:
		return after
	}
}
