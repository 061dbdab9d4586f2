package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/scripts/postgres"
)

// does runs a command, and gives what it printed and its exit code.
func does(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e strings.Builder
	code = run(t.Context(), args, nil, &o, &e, func(string) string { return "" })
	return o.String(), e.String(), code
}

func must(t *testing.T, args ...string) (out string) {
	t.Helper()
	out, errOut, code := does(t, args...)
	if code != 0 {
		t.Fatalf("%q ends with %d: %s", args, code, errOut)
	}
	return out
}

func refused(t *testing.T, code string, args ...string) {
	t.Helper()
	if _, errOut, got := does(t, args...); got != 1 || !strings.HasPrefix(errOut, "error: "+code+": ") {
		t.Errorf("%q ends with %d, want %s: %s", args, got, code, errOut)
	}
}

// serving runs the server until the test, or stop, ends.
func serving(t *testing.T, args ...string) (stop func()) {
	t.Helper()
	stop, _ = listening(t, args...)
	return stop
}

// listening is serving, with the address of the API.
func listening(t *testing.T, args ...string) (stop func(), api string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	var errOut strings.Builder
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--json"}, args...), nil, w, &errOut, func(string) string { return "" })
		w.Close()
	}()
	var said struct{ Listening string }
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		t.Fatalf("%v: %s", err, errOut.String())
	}
	go io.Copy(io.Discard, out)
	done := false
	stop = func() {
		if cancel(); !done {
			done = true
			if code := <-ended; code != 0 {
				t.Errorf("the server ends with %d: %s", code, errOut.String())
			}
		}
	}
	t.Cleanup(stop)
	return stop, said.Listening
}

func TestATT103SecondServer(t *testing.T) {
	top := t.TempDir()
	home, twin, other := filepath.Join(top, "home"), filepath.Join(top, "twin"), filepath.Join(top, "other")
	must(t, "apikey", "create", "--home", home, "--name", "n", "--scope", "read")
	stop := serving(t, "--home", home)
	refused(t, "store.served", "serve", "--home", home, "--listen", "127.0.0.1:0")
	refused(t, "store.served", "serve", "--home", other, "--database", filepath.Join(home, "coldsign.db"), "--listen", "127.0.0.1:0")
	// Commands work beside the server.
	must(t, "apikey", "create", "--home", home, "--name", "m", "--scope", "read")
	must(t, "pending", "--home", home)
	must(t, "broadcast", "--home", home)
	// A copy is read, and no more.
	err := os.CopyFS(twin, os.DirFS(home))
	if err == nil {
		err = os.Chmod(filepath.Join(twin, "device.key"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "store.copied", "serve", "--home", twin, "--listen", "127.0.0.1:0")
	refused(t, "store.copied", "apikey", "create", "--home", twin, "--name", "m", "--scope", "read")
	refused(t, "store.served", "adopt", "--home", twin)
	must(t, "pending", "--home", twin)
	stop()
	// A home that was moved whole is at home; a file that was moved alone is not.
	moved := filepath.Join(top, "moved")
	if err := os.Rename(home, moved); err != nil {
		t.Fatal(err)
	}
	serving(t, "--home", moved)()
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(moved, "coldsign.db"))
	if err == nil {
		err = os.WriteFile(filepath.Join(other, "restored.db"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	restored := []string{"--home", other, "--database", filepath.Join(other, "restored.db")}
	refused(t, "store.copied", append([]string{"serve", "--listen", "127.0.0.1:0"}, restored...)...)
	if out := must(t, append([]string{"adopt", "--json"}, restored...)...); !strings.Contains(out, "true") {
		t.Errorf("adopt says %s", out)
	}
	serving(t, restored...)
}

// database is a PostgreSQL for the test.
func database(t *testing.T) *postgres.Server {
	t.Helper()
	server, err := postgres.Start(postgres.Fast)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// A server outlives its database, and says meanwhile that the same again is safe.
func TestDatabaseRestarts(t *testing.T) {
	server := database(t)
	address, err := server.Database("kms")
	if err != nil {
		t.Fatal(err)
	}
	home := []string{"--home", t.TempDir(), "--database", address}
	var key struct{ Key string }
	if err := json.Unmarshal([]byte(must(t, append([]string{"apikey", "create", "--name", "n", "--scope", "read", "--json"}, home...)...)), &key); err != nil {
		t.Fatal(err)
	}
	_, api := listening(t, home...)
	ask := func() (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+"/v3/kms/pending/BTC", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("x-api-key", key.Key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if status, body := ask(); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	server.Crash()
	if status, body := ask(); status != 503 || !strings.Contains(body, "store.lost") || strings.Contains(body, "127.0.0.1") {
		t.Errorf("without a database: %d %s", status, body)
	}
	if err := server.Again(); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(); status != 200 {
		t.Errorf("after it came back: %d %s", status, body)
	}
}

func TestMigrate(t *testing.T) {
	server := database(t)
	if _, err := server.Database("moved"); err != nil {
		t.Fatal(err)
	}
	if err := server.Guard("moved"); err != nil {
		t.Fatal(err)
	}
	address := server.Address(postgres.Guarded, "moved")
	home := t.TempDir()
	must(t, "apikey", "create", "--home", home, "--name", "n", "--scope", "read")
	before := must(t, "apikey", "list", "--home", home)
	file := filepath.Join(home, "coldsign.db")
	refused(t, "store.login", "migrate", "--home", home, "--from", file, "--to", address)
	must(t, "apikey", "list", "--home", home)
	for name, text := range map[string]string{"config.toml": "[server]\ndatabase_password_file = \"pw\"\n", "pw": postgres.Password + "\n"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stop := serving(t, "--home", home)
	refused(t, "store.served", "migrate", "--home", home, "--from", file, "--to", address)
	stop()
	var said struct {
		Tables []struct {
			Table, SHA256 string
			Rows          int
		}
	}
	if err := json.Unmarshal([]byte(must(t, "migrate", "--home", home, "--from", file, "--to", address, "--json")), &said); err != nil {
		t.Fatal(err)
	}
	if len(said.Tables) < 16 || said.Tables[0].Rows != 1 || len(said.Tables[0].SHA256) != 64 {
		t.Errorf("it says %+v", said)
	}
	refused(t, "store.moved", "serve", "--home", home, "--listen", "127.0.0.1:0")
	refused(t, "store.moved", "apikey", "create", "--home", home, "--name", "m", "--scope", "read")
	there := []string{"--home", home, "--database", address}
	if after := must(t, append([]string{"apikey", "list"}, there...)...); after != before {
		t.Errorf("the keys are\n%s\nand were\n%s", after, before)
	}
	// Any number of servers.
	serving(t, there...)
	serving(t, there...)
	must(t, append([]string{"apikey", "create", "--name", "m", "--scope", "read"}, there...)...)
	must(t, append([]string{"broadcast"}, there...)...)
	must(t, append([]string{"doctor"}, there...)...)

	loud := strings.Replace(address, "guarded@", "guarded:correct%20horse@", 1)
	_, errOut, code := does(t, "pending", "--home", t.TempDir(), "--database", loud)
	if code != 0 || !strings.HasPrefix(errOut, "warning: ") || strings.Contains(errOut, "horse") {
		t.Errorf("%d: %s", code, errOut)
	}
	refused(t, "store.occupied", "migrate", "--home", home, "--from", other(t), "--to", address)
	for _, bad := range [][]string{{"migrate"}, {"migrate", "--from", "a"}, {"migrate", "--from", address, "--to", address}, {"migrate", "--from", "a", "--to", "b.db"}} {
		if _, _, code := does(t, bad...); code != 2 {
			t.Errorf("%q ends with %d", bad, code)
		}
	}
	refused(t, "file.read", "migrate", "--home", home, "--from", filepath.Join(home, "none.db"), "--to", address)
	must(t, "adopt", "--moved", "--home", home, "--database", file)
	must(t, "apikey", "create", "--home", home, "--database", file, "--name", "m", "--scope", "read")
}

// other makes another installation, and gives its database.
func other(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	must(t, "apikey", "create", "--home", home, "--name", "n", "--scope", "read")
	return filepath.Join(home, "coldsign.db")
}
