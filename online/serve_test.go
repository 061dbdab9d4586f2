package main

import (
	"context"
	"encoding/json"
	"errors"
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

// TestDamagedDatabase: what only reads goes on, says so and fails; serve answers
// reads, and refuses all else.
func TestDamagedDatabase(t *testing.T) {
	home := t.TempDir()
	command := func(args ...string) (int, string) {
		var out, errOut strings.Builder
		code := run(t.Context(), append(args, "--home", home), nil, &out, &errOut, func(string) string { return "" })
		return code, out.String() + errOut.String()
	}
	for range 200 { // enough for rows on more than the first pages
		if code, said := command("apikey", "create", "--name", strings.Repeat("n", 60), "--scope", "read"); code != 0 {
			t.Fatal(said)
		}
	}
	path := filepath.Join(home, "coldsign.db")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[(len(raw)-1)&^4095:], strings.Repeat("\xff", 64))
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := command("pending"); code != 1 || !strings.Contains(said, "error: store.corrupt: ") {
		t.Errorf("exit %d: %s", code, said)
	}
	if code, said := command("apikey", "create", "--name", "x", "--scope", "read"); code != 1 || !strings.Contains(said, "error: store.corrupt: ") {
		t.Errorf("exit %d: %s", code, said)
	}
	if code, said := command("doctor"); code != 1 || !strings.Contains(said, "bad      database: ") {
		t.Errorf("exit %d: %s", code, said)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, w := io.Pipe()
	var errOut strings.Builder
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--home", home, "--listen", "127.0.0.1:0", "--json"}, nil, w, &errOut, func(string) string { return "" })
		w.Close()
	}()
	var said struct{ Listening string }
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		t.Fatalf("%v; %d %s", err, <-ended, errOut.String())
	}
	go io.Copy(io.Discard, out)
	r, err := http.Get(said.Listening + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != 503 {
		t.Errorf("readyz %d", r.StatusCode)
	}
	stop()
	if code := <-ended; code != 1 || !strings.Contains(errOut.String(), "store.corrupt") {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}

// TestBackupCommands: a copy while the installation is used, and a home made of it.
func TestBackupCommands(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	command := func(home string, args ...string) (int, string) {
		var out, errOut strings.Builder
		code := run(t.Context(), append(args, "--home", home), nil, &out, &errOut, func(string) string { return "" })
		return code, out.String() + errOut.String()
	}
	want := func(home, part string, code int, args ...string) {
		t.Helper()
		if got, said := command(home, args...); got != code || !strings.Contains(said, part) {
			t.Errorf("%v: exit %d: %s", args, got, said)
		}
	}
	file, restored := filepath.Join(dir, "copy.db"), filepath.Join(dir, "home")
	want(home, "csk_", 0, "apikey", "create", "--name", "kept", "--scope", "read")
	want(home, "copied and checked", 0, "backup", "--out", file)
	want(home, "error: file.exists: ", 1, "backup", "--out", file)
	want(home, "give --out FILE", 2, "backup")
	want(home, "error: store.exists: ", 1, "restore", file)
	want(restored, "restored: ", 0, "restore", file)
	want(restored, "kept", 0, "apikey", "list")
	want(restored, "error: pair.missing: ", 1, "export", "--out", filepath.Join(dir, "x.cbor"))
	// In the old home, with the damaged database out of the way: a new device key.
	before, err := os.ReadFile(filepath.Join(home, "device.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"coldsign.db", "coldsign.db.server"} {
		if err := os.Remove(filepath.Join(home, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	want(home, "device.key.", 0, "restore", file, "--json")
	want(home, "kept", 0, "apikey", "list")
	after, err := os.ReadFile(filepath.Join(home, "device.key"))
	if err != nil || string(after) == string(before) {
		t.Errorf("the device key is the old one, %v", err)
	}
}

// TestEnrolmentLink leads to where the desk is: what --listen says, as serve had it, or
// else the configuration.
func TestEnrolmentLink(t *testing.T) {
	home := t.TempDir()
	if err := errors.Join(os.Chmod(home, 0o700), os.WriteFile(filepath.Join(home, "config.toml"), []byte("[server]\nlisten = \"127.0.0.1:9333\"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"desk user add anna --role admin", "http://localhost:9333/desk/enrol#"},
		{"desk user reset anna --listen 127.0.0.1:9444", "http://localhost:9444/desk/enrol#"},
		{"desk user add ben --role viewer --listen 127.0.0.1:9555", "http://localhost:9555/desk/enrol#"},
	} {
		var out, errOut strings.Builder
		if code := run(t.Context(), append(strings.Fields(c.args), "--home", home), nil, &out, &errOut, func(string) string { return "" }); code != 0 || !strings.Contains(out.String(), "link  "+c.want) {
			t.Errorf("%s: exit %d, no %s in\n%s%s", c.args, code, c.want, &out, &errOut)
		}
	}
}
