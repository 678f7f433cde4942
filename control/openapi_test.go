package control

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// wired says, for each endpoint, what goes over the wire: the object in the
// request's body, and that in the reply or in each of its lines. nil is where there
// is none.
var wired = map[string]struct {
	body, reply any
	kind        string // of the reply
}{
	"GET /v1/counters":     {nil, CountersReply{}, "application/json"},
	"POST /v1/flows/cut":   {CutFlowsRequest{}, CutFlowsReply{}, "application/json"},
	"GET /v1/flows":        {nil, FlowLine{}, ndjson},
	"GET /v1/events":       {nil, EventLine{}, ndjson},
	"GET /v1/capture":      {nil, nil, pcapng},
	"POST /v1/explain":     {ExplainRequest{}, Explanation{}, "application/json"},
	"POST /v1/matrix":      {MatrixRequest{}, MatrixReply{}, "application/json"},
	"GET /v1/status":       {nil, Status{}, "application/json"},
	"GET /v1/metrics":      {nil, nil, "text/plain"},
	"GET /v1/healthz":      {nil, Health{}, "application/json"},
	"GET /v1/readyz":       {nil, Health{}, "application/json"},
	"GET /v1/config":       {nil, nil, "application/yaml"},
	"GET /v1/openapi.yaml": {nil, nil, "application/yaml"},
}

// document is what the tests read of openapi.yaml.
type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]any
		Schemas    map[string]map[string]any
	}
}

type operation struct {
	OperationID string `yaml:"operationId"`
	Summary     string
	Parameters  []parameter
	RequestBody struct {
		Required bool
		Content  map[string]any
	} `yaml:"requestBody"`
	Responses map[string]map[string]any
}

type parameter struct {
	Ref         string `yaml:"$ref"`
	Name, In    string
	Description string
	Schema      map[string]any
}

func readDocument(t *testing.T) (d document) {
	t.Helper()
	if err := yaml.Unmarshal(openapi, &d); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("openapi: %q", d.OpenAPI)
	}
	return d
}

// endpointsByName are all endpoints: "GET /v1/counters".
func endpointsByName() map[string]endpoint {
	s := &Server{limits: defaultLimits(), streams: context.Background()}
	all := make(map[string]endpoint)
	for _, e := range s.endpoints(fake{}) {
		all[e.method+" "+e.path] = e
	}
	return all
}

// TestEveryEndpointIsDescribed holds that openapi.yaml has the endpoints that
// there are, and no others, each with its parameters, its body and its reply.
func TestEveryEndpointIsDescribed(t *testing.T) {
	d := readDocument(t)
	endpoints := endpointsByName()
	ids := make(map[string]string)
	for path, operations := range d.Paths {
		for method, o := range operations {
			name := strings.ToUpper(method) + " " + path
			e, is := endpoints[name]
			if !is {
				t.Errorf("openapi.yaml has %s, which is no endpoint: take it away", name)
				continue
			}
			delete(endpoints, name)
			if other := ids[o.OperationID]; o.OperationID == "" || other != "" || o.Summary == "" {
				t.Errorf("%s: want a summary and an operationId of its own, got %q and %q", name, o.Summary, o.OperationID)
			}
			ids[o.OperationID] = name
			checkParameters(t, d, name, e, o)
			checkBodies(t, name, o)
		}
	}
	for name := range endpoints {
		t.Errorf("openapi.yaml lacks %s: describe it under paths as the others are, and say in the map wired of this test what goes over the wire", name)
	}
}

// checkParameters holds an operation's parameters against those that its
// endpoint knows.
func checkParameters(t *testing.T, d document, name string, e endpoint, o operation) {
	t.Helper()
	var described []string
	for _, p := range o.Parameters {
		if ref, is := strings.CutPrefix(p.Ref, "#/components/parameters/"); is {
			p = d.Components.Parameters[ref]
		}
		if p.In != "query" || p.Description == "" || p.Schema["type"] == nil {
			t.Errorf("%s: parameter %q: want in: query, a description and a schema with a type", name, p.Name)
		}
		described = append(described, p.Name)
	}
	known := knownParameters(t, e)
	slices.Sort(described)
	slices.Sort(known)
	if diff := cmp.Diff(known, described); diff != "" {
		t.Errorf("%s: its parameters in openapi.yaml are not those that it takes: mend the list there (-taken +described):\n%s", name, diff)
	}
}

// knownParameters returns the parameters that an endpoint takes, by asking for
// one that it does not.
func knownParameters(t *testing.T, e endpoint) []string {
	t.Helper()
	defer func() { _ = recover() }() // it takes none, and asks the backend that is not there
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, httptest.NewRequest(e.method, e.path+"?surely-none=1", strings.NewReader("{}")))
	_, list, found := strings.Cut(w.Body.String(), `no parameter \"surely-none\", want: `)
	if w.Code != http.StatusBadRequest || !found {
		return nil
	}
	return strings.Split(strings.TrimSuffix(strings.TrimSpace(list), `"}`), ", ")
}

// checkBodies holds what an operation sends and receives against wired.
func checkBodies(t *testing.T, name string, o operation) {
	t.Helper()
	want, ok := wired[name]
	if !ok {
		t.Errorf("%s: say in the map wired of this test what goes over the wire", name)
		return
	}
	body := map[string]any(nil)
	if want.body != nil {
		body = map[string]any{"application/json": map[string]any{"schema": reference(want.body)}}
	}
	if diff := cmp.Diff(body, o.RequestBody.Content); diff != "" || o.RequestBody.Required != (want.body != nil) {
		t.Errorf("%s: requestBody: required is %v, content (-want +got):\n%s", name, o.RequestBody.Required, diff)
	}
	media := map[string]any{}
	switch {
	case want.reply != nil:
		media["schema"] = reference(want.reply)
	case want.kind != pcapng:
		media["schema"] = map[string]any{"type": "string"}
	}
	if diff := cmp.Diff(map[string]any{want.kind: media}, o.Responses["200"]["content"]); diff != "" {
		t.Errorf("%s: the reply's content (-want +got):\n%s", name, diff)
	}
	if o.Responses["default"]["$ref"] != "#/components/responses/Error" {
		t.Errorf("%s: want the response default: {$ref: \"#/components/responses/Error\"}", name)
	}
}

// TestSchemasAreTheWireStructs holds that the schemas have the fields that the
// structs have, each with its kind, and that those that are always there are
// required.
func TestSchemasAreTheWireStructs(t *testing.T) {
	d := readDocument(t)
	structs := map[string]reflect.Type{"Error": reflect.TypeFor[failure]()}
	for _, w := range wired {
		for _, value := range []any{w.body, w.reply} {
			if value != nil {
				collect(structs, reflect.TypeOf(value))
			}
		}
	}
	for name, s := range structs {
		got := d.Components.Schemas[name]
		if got["description"] == nil {
			t.Errorf("openapi.yaml: components/schemas/%s: want it, with a description", name)
		}
		if diff := cmp.Diff(schemaOf(s), bare(got)); diff != "" {
			t.Errorf("openapi.yaml: components/schemas/%s is not what package control sends: mend it there (-struct +schema):\n%s", name, diff)
		}
	}
	for name := range d.Components.Schemas {
		if structs[name] == nil {
			t.Errorf("openapi.yaml: components/schemas/%s is no struct that goes over the wire: take it away, or say in the map wired of this test where it does", name)
		}
	}
}

// collect finds the structs that a type is made of.
func collect(all map[string]reflect.Type, t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collect(all, t.Elem())
	case reflect.Struct:
		if isText(t) || all[t.Name()] != nil {
			return
		}
		all[t.Name()] = t
		for i := range t.NumField() {
			collect(all, t.Field(i).Type)
		}
	}
}

// isText reports whether a struct is a string in JSON.
func isText(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[netip.Addr]()
}

func reference(value any) map[string]any { return kindOf(reflect.TypeOf(value)) }

// kindOf returns the schema of a field of some type.
func kindOf(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": kindOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": kindOf(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Struct:
		switch {
		case t == reflect.TypeFor[time.Time]():
			return map[string]any{"type": "string", "format": "date-time"}
		case isText(t):
			return map[string]any{"type": "string"}
		}
		return map[string]any{"$ref": "#/components/schemas/" + t.Name()}
	}
	return map[string]any{"type": "integer"}
}

// schemaOf returns the schema of a struct. Structs within it by value are parts
// of it (allOf); one that is there by pointer is another form of it (anyOf).
func schemaOf(t reflect.Type) map[string]any {
	own, properties := map[string]any{"type": "object"}, make(map[string]any)
	var required, parts []any
	how := "allOf"
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			if parts = append(parts, kindOf(f.Type)); f.Type.Kind() == reflect.Pointer {
				how = "anyOf"
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties[name] = kindOf(f.Type)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	own["properties"] = properties
	if required != nil {
		own["required"] = required
	}
	if parts == nil {
		return own
	}
	return map[string]any{how: append(parts, own)}
}

// bare returns a schema without what only people, or nobody, reads of it.
func bare(value any) map[string]any {
	out := make(map[string]any)
	for key, value := range value.(map[string]any) {
		switch key {
		case "description", "enum", "minimum", "maximum", "examples":
			continue
		case "properties":
			properties := make(map[string]any)
			for name, p := range value.(map[string]any) {
				properties[name] = bare(p)
			}
			value = properties
		case "allOf", "anyOf":
			var parts []any
			for _, part := range value.([]any) {
				parts = append(parts, bare(part))
			}
			value = parts
		}
		out[key] = value
	}
	return out
}

// TestReferencesLeadSomewhere follows every $ref of openapi.yaml.
func TestReferencesLeadSomewhere(t *testing.T) {
	var root map[string]any
	if err := yaml.Unmarshal(openapi, &root); err != nil {
		t.Fatal(err)
	}
	var follow func(any)
	follow = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			if ref, is := value["$ref"].(string); is && !leads(root, ref) {
				t.Errorf("%s leads nowhere", ref)
			}
			for _, v := range value {
				follow(v)
			}
		case []any:
			for _, v := range value {
				follow(v)
			}
		}
	}
	follow(root)
}

func leads(root map[string]any, ref string) bool {
	var at any = root
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := at.(map[string]any)
		if !ok {
			return false
		}
		at = m[part]
	}
	return at != nil
}

func TestOpenAPIIsServed(t *testing.T) {
	s, _ := serving(t, fake{})
	c := http.Client{Transport: client(t, s.Path()).http.Transport}
	response, err := c.Get("http://sgate" + openapiPath)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if kind := response.Header.Get("Content-Type"); err != nil || kind != "application/yaml" || !bytes.Equal(got, openapi) {
		t.Errorf("%d bytes of %s, %v", len(got), kind, err)
	}
}
