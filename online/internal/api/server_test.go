package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/api"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
)

func TestTransportBounds(t *testing.T) {
	s := api.Server("127.0.0.1:0", http.NotFoundHandler())
	if s.ReadHeaderTimeout != 5*time.Second || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 {
		t.Errorf("timeouts %v %v %v %v", s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout)
	}
}

// serve runs the handler on a real connection.
func serve(t *testing.T, h http.Handler, n int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := api.Server("", h)
	done := make(chan error, 1)
	go func() { done <- s.Serve(api.Limit(l, n)) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return l.Addr().String()
}

// raw sends bytes and gives the status line.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestTransportWire(t *testing.T) {
	r := newRig(t)
	addr := serve(t, r.handler, 10)
	for _, x := range []struct{ request, status string }{
		{"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200"},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", "431"},
		{"POST /v3/kms/pending/ETH HTTP/1.1\r\nHost: x\r\nx-api-key: " + r.keys["a/read"] + "\r\nContent-Length: 9999999999\r\n\r\n" + strings.Repeat(" ", 2<<20+1), "413"},
		{"POST /v3/kms/pending/ETH HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\nx-api-key: a\x00b\r\n\r\n", "400"},
		{"GET /v3/kms/pending/ETH HTTP/1.1\r\nHost: x\r\nx-api-key: " + r.keys["a/read"] + "\r\nX-API-KEY: " + r.keys["a/read"] + "\r\n\r\n", "401"},
	} {
		if got := raw(t, addr, x.request); !strings.HasPrefix(got, "HTTP/1.1 "+x.status) {
			t.Errorf("%.80q: got %q, want %s", x.request, got, x.status)
		}
	}
}

// TestTransportLimit: a connection more than allowed is answered when another ends.
func TestTransportLimit(t *testing.T) {
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }), 1)
	hold, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(hold, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(hold).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	answered := make(chan string, 1)
	go func() {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		line, _ := bufio.NewReader(c).ReadString('\n')
		answered <- line
	}()
	select {
	case line := <-answered:
		t.Fatalf("a second connection was answered: %q", line)
	case <-time.After(100 * time.Millisecond):
	}
	hold.Close()
	if line := <-answered; !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Errorf("got %q", line)
	}
}

// listing is a store with 1,000 rows to list, for what the API itself costs.
type listing struct {
	api.Store
	rows []pending.Transaction
}

func (listing) Authenticate(context.Context, string) (store.Caller, error) {
	return store.Caller{KeyID: "k", Tenant: "a", Scopes: []string{"read"}}, nil
}

func (l listing) Pending(context.Context, string, string, []string) ([]pending.Transaction, error) {
	return l.rows, nil
}

// BenchmarkPendingAPI polls with 25,000 ids and lists 1,000 rows.
func BenchmarkPendingAPI(b *testing.B) {
	var ids strings.Builder
	for i := range 25_000 {
		fmt.Fprintf(&ids, `,"1%07x-0000-4000-8000-000000000001"`, i)
	}
	body := `{"signatureIds":[` + ids.String()[1:] + `]}`
	l := listing{rows: make([]pending.Transaction, 1000)}
	for i := range l.rows {
		l.rows[i] = pending.Transaction{Chain: "ETH", Hashes: []string{walletID}, Serialized: web3(i)}
	}
	h := api.New(api.Config{Store: l, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		q := httptest.NewRequest("POST", "/v3/kms/pending/ETH", strings.NewReader(body))
		q.Header.Set("x-api-key", "k")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		if w.Code != 200 || w.Body.Len() < 100_000 {
			b.Fatal(w.Code, w.Body.Len())
		}
	}
}
