package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"go.yaml.in/yaml/v3"
)

// specification is the description of every route, for programs (OpenAPI 3.1).
//
//go:embed openapi.yaml
var specification []byte

//go:embed docs.html
var docsPage string

// document is a body that is no JSON.
type document struct {
	kind string // media type
	text []byte
}

func openAPI(*call) (reply, error) {
	return reply{http.StatusOK, document{"application/yaml; charset=utf-8", specification}}, nil
}

// docs is the specification as a page for people: no script, nothing from elsewhere.
func docs(*call) (reply, error) {
	var spec spec
	if err := yaml.Unmarshal(specification, &spec); err != nil { // our own file: a test reads it
		return reply{}, err
	}
	t, err := template.New("docs").Funcs(template.FuncMap{"upper": strings.ToUpper, "last": last}).Parse(docsPage)
	if err != nil {
		return reply{}, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, spec); err != nil {
		return reply{}, err
	}
	return reply{http.StatusOK, document{"text/html; charset=utf-8", b.Bytes()}}, nil
}

// last is the name at the end of a reference.
func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// spec is what the page shows of the specification.
type spec struct {
	Info struct{ Title, Summary, Description string }
	Tags []struct{ Name, Description string }

	Paths map[string]struct {
		Parameters             []parameter
		Get, Post, Put, Delete *operation
	}
	Components struct {
		Parameters map[string]parameter
		Schemas    map[string]struct{ Description string }
		Responses  map[string]struct{ Description string }
	}
}

type operation struct {
	Tags                 []string
	Summary, Description string
	Parameters           []parameter
	Responses            map[string]struct {
		Ref         string `yaml:"$ref"`
		Description string
	}
}

type parameter struct {
	Ref                   string `yaml:"$ref"`
	Name, In, Description string
}

// Calls are the operations of a path, by method.
func (s spec) Calls(path string) map[string]*operation {
	p := s.Paths[path]
	calls := map[string]*operation{}
	for method, o := range map[string]*operation{"get": p.Get, "post": p.Post, "put": p.Put, "delete": p.Delete} {
		if o != nil {
			calls[method] = o
		}
	}
	return calls
}
