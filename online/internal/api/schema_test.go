package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// described holds answers against openapi.yaml.
type described struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

var readDescription = sync.OnceValues(func() (*described, error) {
	raw, err := os.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	return &described{v.(map[string]any), c}, c.AddResource("mem:///openapi", v)
})

// step goes down the document, through references.
func (d *described) step(node any, pointer, name string) (any, string) {
	m, _ := node.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		node, pointer = any(d.doc), ""
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			node, pointer = d.step(node, pointer, part)
		}
		return d.step(node, pointer, name)
	}
	return m[name], pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// path finds the described path that fits, the one with the fewest parameters.
func (d *described) path(got string) (best string) {
	got, _, _ = strings.Cut(got, "?")
	for path := range d.doc["paths"].(map[string]any) {
		want, have := strings.Split(path, "/"), strings.Split(got, "/")
		fits := len(want) == len(have)
		for i := 0; fits && i < len(want); i++ {
			fits = strings.HasPrefix(want[i], "{") && have[i] != "" || want[i] == have[i]
		}
		if fits && (best == "" || strings.Count(path, "{") < strings.Count(best, "{")) {
			best = path
		}
	}
	return best
}

// holds says how an answer is not what the description allows.
func (d *described) holds(method, path string, a answer) error {
	at := d.path(path)
	node, pointer := d.step(d.doc, "", "paths")
	for _, name := range []string{at, strings.ToLower(method), "responses"} {
		node, pointer = d.step(node, pointer, name)
	}
	if at == "" || node == nil {
		return nil // no such call: the answer is 404 or 405
	}
	if node, pointer = d.step(node, pointer, fmt.Sprint(a.Status)); node == nil {
		return fmt.Errorf("%s %s: status %d is not described", method, at, a.Status)
	}
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if a.Body == "" {
		if content, _ := d.step(node, pointer, "content"); content != nil {
			return fmt.Errorf("%s %s %d: no body", method, at, a.Status)
		}
		return nil
	}
	for _, name := range []string{"content", kind, "schema"} {
		node, pointer = d.step(node, pointer, name)
	}
	if node == nil {
		return fmt.Errorf("%s %s %d: a body of %s is not described", method, at, a.Status, kind)
	}
	if kind != "application/json" {
		return nil
	}
	schema, err := d.compiler.Compile("mem:///openapi#" + pointer)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(a.Body))
	if err != nil {
		return err
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("%s %s %d: %w\n%s", method, at, a.Status, err, a.Body)
	}
	return nil
}

// asDescribed fails the test when an answer is not what openapi.yaml says.
func asDescribed(t *testing.T, method, path string, a answer) {
	t.Helper()
	d, err := readDescription()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.holds(method, path, a); err != nil {
		t.Error(err)
	}
}

// TestDescriptionCanFail: what every other test relies on.
func TestDescriptionCanFail(t *testing.T) {
	d, err := readDescription()
	if err != nil {
		t.Fatal(err)
	}
	answered := func(status int, body string) answer {
		return answer{status, body, http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	}
	for _, c := range []struct {
		method, path string
		a            answer
		ok           bool
	}{
		{"GET", "/healthz", answered(200, `{"status":"ok","version":"1"}`), true},
		{"GET", "/healthz", answered(200, `{"status":"fine","version":"1"}`), false},
		{"GET", "/healthz", answered(204, ``), false},
		{"GET", "/v3/kms/pending/ETH?signatures=x", answered(200, `[]`), true},
		{"GET", "/v3/kms/pending/ETH", answered(200, `[{}]`), false},
		{"GET", "/v3/kms/000000000000000000000001", answered(403, `{"statusCode":403,"errorCode":"a","message":"b"}`), true},
		{"GET", "/v3/kms/000000000000000000000001", answered(403, `{"statusCode":403,"errorCode":"a","message":"b","key":1}`), false},
		{"DELETE", "/v3/kms/000000000000000000000001", answered(204, ``), true},
	} {
		if err := d.holds(c.method, c.path, c.a); (err == nil) != c.ok {
			t.Errorf("%s %s %d %s: %v", c.method, c.path, c.a.Status, c.a.Body, err)
		}
	}
}
