package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeMetrics starts the server as an operator does, and reads what a
// monitor would.
func TestServeMetrics(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, w := io.Pipe()
	var errOut strings.Builder
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--home", t.TempDir(), "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--json"}, nil, w, &errOut,
			func(string) string { return "" })
		w.Close()
	}()
	var said struct{ Listening, Metrics string }
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		t.Fatalf("%v; %d %s", err, <-ended, errOut.String())
	}
	go io.Copy(io.Discard, out)
	get := func(url string) (int, string) {
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(body)
	}
	if status, body := get(said.Listening + "/readyz"); status != 200 || !strings.Contains(body, `"ok"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	status, body := get(said.Metrics)
	for _, want := range []string{"coldsign_database_up 1", `coldsign_requests_total{route="GET /readyz",status="200"} 1`} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("%d, no %s", status, want)
		}
	}
	if status, _ := get(said.Listening + "/metrics"); status != 404 {
		t.Errorf("the numbers are where the API is: %d", status)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}

// TestDoctor: an installation that is merely new works and is told what it lacks;
// one whose node is another network's does not.
func TestDoctor(t *testing.T) {
	home := t.TempDir()
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	examine := func() (int, string) {
		var out, errOut strings.Builder
		code := run(t.Context(), []string{"doctor", "--home", home}, nil, &out, &errOut, func(string) string { return "" })
		return code, out.String() + errOut.String()
	}
	code, said := examine()
	for _, want := range []string{"ok       database: ", "warning  pairing: ", "node.missing: add [[network]] tables to config.toml"} {
		if code != 0 || !strings.Contains(said, want) {
			t.Errorf("exit %d, no %q in\n%s", code, want, said)
		}
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":"0x1"}`)
	}))
	defer other.Close()
	config := "[[network]]\nchain = \"ETH\"\nnetwork = \"sepolia\"\nrpc = \"" + other.URL + "\"\n"
	if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said = examine(); code != 1 || !strings.Contains(said, "bad      node of eip155:11155111: ") || !strings.Contains(said, "error: doctor.bad: ") {
		t.Errorf("exit %d\n%s", code, said)
	}
}
