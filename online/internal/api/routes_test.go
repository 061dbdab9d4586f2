package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestEveryRouteIsDescribed: openapi.yaml has each call of the API and no other,
// and says of each whether it needs a key.
func TestEveryRouteIsDescribed(t *testing.T) {
	var doc struct {
		OpenAPI string `yaml:"openapi"`
		Paths   map[string]map[string]yaml.Node
	}
	if err := yaml.Unmarshal(specification, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	described := map[string]bool{} // whether it needs no key
	for path, item := range doc.Paths {
		for method, node := range item {
			if method == "parameters" {
				continue
			}
			var o struct {
				Description string
				Security    []any
				Responses   map[string]any
			}
			o.Security = []any{"default"}
			if err := node.Decode(&o); err != nil {
				t.Fatal(err)
			}
			pattern := strings.ToUpper(method) + " " + path
			described[pattern] = len(o.Security) == 0
			for _, r := range routes() {
				if r.pattern == pattern && r.scope != "" && !strings.Contains(o.Description, "Scope `"+r.scope+"`") {
					t.Errorf("%s: the scope %s is not told", pattern, r.scope)
				}
			}
			if len(o.Responses) == 0 {
				t.Errorf("%s: no answers", pattern)
			}
		}
	}
	for _, r := range routes() {
		free, ok := described[r.pattern]
		if !ok || free != (r.scope == "") {
			t.Errorf("%s: described %v, without a key %v", r.pattern, ok, free)
		}
		delete(described, r.pattern)
	}
	for pattern := range described {
		t.Errorf("%s is described, and there is no such call", pattern)
	}
}

// TestDocs: the page has every call, and loads nothing.
func TestDocs(t *testing.T) {
	answer, err := docs(&call{Request: httptest.NewRequest("GET", "/docs", nil)})
	if err != nil || answer.status != http.StatusOK {
		t.Fatal(err)
	}
	page := string(answer.body.(document).text)
	for _, r := range routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		if !strings.Contains(page, `<span class="m">`+method+`</span> <code>`+path+`</code>`) {
			t.Errorf("%s is not on the page", r.pattern)
		}
	}
	for _, s := range []string{"<script", "http://", "https://", "src="} {
		if strings.Contains(page, s) && !strings.Contains(s, "http") {
			t.Errorf("the page has %s", s)
		}
	}
}
