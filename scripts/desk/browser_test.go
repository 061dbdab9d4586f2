package desk

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a page does wrong is found: otherwise a page that is clean says nothing.
func TestBrowserFindsFaults(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
		_, _ = w.Write([]byte(`<!doctype html><html><title>x</title><main><input><img src="/x.png"><script>alert(1)</script></main>`))
	}))
	defer server.Close()
	b := Start(t)
	b.Open(Options{})
	if status := b.Goto(server.URL); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	var found, complaints []string
	b.Do("axe", nil, &found)
	b.Do("errors", nil, &complaints)
	all := strings.Join(append(found, complaints...), "\n")
	for _, want := range []string{"label: ", "image-alt: ", "html-has-lang: ", "Content Security Policy"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q was not found in\n%s", want, all)
		}
	}
	if err := b.Try("click", map[string]any{"at": "#nothing", "most": 1}, nil); err == nil {
		t.Error("what is not there was clicked")
	}
}
