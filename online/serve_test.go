package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
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
