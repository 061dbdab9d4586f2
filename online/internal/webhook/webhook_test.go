package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

func epoch() time.Time { return time.Unix(1_800_000_000, 0) }

var inside = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// TestSignature: the published example of Standard Webhooks, and the KMS API's
// header as its documentation computes it.
func TestSignature(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("plJ3nmyCDGBKInavdOK15jsl")
	if err != nil {
		t.Fatal(err)
	}
	if got := signature(key, "msg_loFOjxBNrRLzqYUf", "1731705121", `{"event_type":"ping","data":{"success":true}}`); got != "rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=" {
		t.Error(got)
	}
	to := store.Receiver{Key: [32]byte{1}}
	for _, own := range []string{"", "the tenant's own"} {
		to.PayloadKey = own
		h := sign(to, "an id", `{"a":1}`, epoch())
		secret := own
		if own == "" {
			secret = store.SigningSecret(to.Key)
		}
		m := hmac.New(sha512.New, []byte(secret))
		m.Write([]byte(`{"a":1}`))
		if h.Get("x-payload-hash") != base64.StdEncoding.EncodeToString(m.Sum(nil)) || h.Get("webhook-id") != "an id" || h.Get("webhook-timestamp") != "1800000000" ||
			h.Get("webhook-signature") != "v1,"+signature(to.Key[:], "an id", "1800000000", `{"a":1}`) {
			t.Errorf("%v", h)
		}
	}
}

// TestAnswers: only 2xx is an answer; no redirect is followed, and nothing of a
// receiver or its address gets into what is kept.
func TestAnswers(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	var followed bool
	mux := http.NewServeMux()
	for _, code := range []int{200, 201, 204, 301, 302, 307, 400, 410, 500, 503} {
		mux.HandleFunc(fmt.Sprintf("/%d", code), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/followed")
			w.WriteHeader(code)
			_, _ = w.Write(bytes.Repeat([]byte("secret"), 1<<15))
		})
	}
	mux.HandleFunc("/followed", func(http.ResponseWriter, *http.Request) { followed = true })
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 2*maxHeader)) })
	mux.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	s := httptest.NewServer(mux)
	defer s.Close()
	sender := NewSender(inside, epoch)
	for path, ok := range map[string]bool{"/200": true, "/201": true, "/204": true, "/301": false, "/302": false, "/307": false, "/400": false, "/410": false, "/500": false, "/503": false,
		"/header": false, "/cut": false} {
		answer, err := sender.Send(t.Context(), store.Receiver{URL: s.URL + path + "?token=secret"}, "id", "{}")
		if (err == nil) != ok || strings.Contains(answer, "secret") || err != nil && (strings.Contains(err.Error(), "secret") || !fault.Is(err, "webhook.answer")) {
			t.Errorf("%s: %q %v", path, answer, err)
		}
	}
	if followed {
		t.Error("a redirect was followed")
	}
	closed := httptest.NewServer(mux)
	closed.Close()
	if answer, err := sender.Send(t.Context(), store.Receiver{URL: closed.URL}, "id", "{}"); answer != "no connection" || err == nil {
		t.Errorf("%q %v", answer, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the client is gone
		<-r.Context().Done()
	}))
	defer slow.Close()
	if answer, err := sender.Send(ctx, store.Receiver{URL: slow.URL}, "id", "{}"); answer != "no answer in time" || err == nil {
		t.Errorf("%q %v", answer, err)
	}
}

// FuzzCheckURL: whatever is taken has a host, and is sent to by http only where
// that is allowed.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"https://example.com/a?b", "http://example.com", "https://user@x", "https://[::1]:1/", "https:example.com", "https://x#y", "HTTPS://X"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if (Guard{}).CheckURL(text) != nil {
			return
		}
		r, err := http.NewRequest("POST", text, nil)
		if err != nil || r.URL.Hostname() == "" || r.URL.Scheme != "https" || r.URL.User != nil || r.URL.Fragment != "" {
			t.Errorf("%q is taken", text)
		}
	})
}

// TestWait: attempts come ever later, within half and one and a half of it.
func TestWait(t *testing.T) {
	var total time.Duration
	for n := 1; n < maxAttempts; n++ {
		want := min(firstWait*time.Duration(1<<min(n-1, 20)), longestWait)
		total += want
		for range 100 {
			if d := wait(n); d < want/2 || d > want*3/2 {
				t.Fatalf("attempt %d: %s, about %s", n, d, want)
			}
		}
	}
	if total < 40*time.Hour || total > 72*time.Hour {
		t.Errorf("tried for %s", total)
	}
}

// app is a receiver that fails now and then, and knows what it was told.
type app struct {
	mu     sync.Mutex
	fails  func(n int) bool
	n      int
	bodies map[string]string   // by event
	order  map[string][]string // states by transaction, in the order in which they were taken
	twice  int
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n++; a.fails != nil && a.fails(a.n) {
		w.WriteHeader(503)
		return
	}
	id := r.Header.Get("webhook-id")
	if _, had := a.bodies[id]; had {
		a.twice++
		return
	}
	var b struct{ SignatureID, Error string }
	_ = json.Unmarshal(raw, &b)
	a.bodies[id] = string(raw)
	a.order[b.SignatureID] = append(a.order[b.SignatureID], b.Error)
}

func (a *app) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.bodies)
}

// TestLoop: two servers on one database tell each event, in the order of its row,
// to a receiver that fails a third of the time.
func TestLoop(t *testing.T) {
	told := &app{bodies: map[string]string{}, order: map[string][]string{}, fails: func(n int) bool { return n%3 == 0 }}
	receiver := httptest.NewServer(told)
	defer receiver.Close()
	s, ids := rows(t, 6)
	if _, _, err := s.Subscribe(t.Context(), "a", store.KMSFailed, receiver.URL+"/?token=geheim"); err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		for _, id := range ids {
			if _, _, err := s.KeepReports(t.Context(), "a", []store.SignerReport{{ID: id, Text: fmt.Sprint("error ", n)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var log syncBuffer
	var wg sync.WaitGroup
	impatient := &hurry{Store: s}
	for range 2 {
		wg.Go(func() {
			(&Loop{Store: impatient, Sender: NewSender(inside, time.Now), Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now}).Run(ctx)
		})
	}
	deadline := time.Now().Add(20 * time.Second)
	for told.count() < 24 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	wg.Wait()
	if told.count() != 24 || told.twice != 0 {
		t.Errorf("%d of 24 events, %d twice", told.count(), told.twice)
	}
	for id, list := range told.order {
		if !slices.Equal(list, []string{"error 0", "error 1", "error 2", "error 3"}) {
			t.Errorf("%s: %q", id, list)
		}
	}
	if strings.Contains(log.String(), "geheim") || !strings.Contains(log.String(), "answer=503") {
		t.Error("the log has a secret, or lacks a failure")
	}
	left, err := s.Events(t.Context(), store.EventFilter{Tenant: store.Any, State: store.Delivered})
	if err != nil || len(left) != 24 {
		t.Errorf("%d delivered, %v", len(left), err)
	}
}

// TestDead: what never succeeds is tried so often, is told of, and sent again on
// demand.
func TestDead(t *testing.T) {
	told := &app{bodies: map[string]string{}, order: map[string][]string{}, fails: func(n int) bool { return n <= maxAttempts }}
	receiver := httptest.NewServer(told)
	defer receiver.Close()
	s, ids := rows(t, 1)
	if _, _, err := s.Subscribe(t.Context(), "a", store.KMSFailed, receiver.URL); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.KeepReports(t.Context(), "a", []store.SignerReport{{ID: ids[0], Text: "x"}}); err != nil {
		t.Fatal(err)
	}
	l := &Loop{Store: &hurry{Store: s}, Sender: NewSender(inside, time.Now), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	rounds := func() (n int) {
		for busy := true; busy; n++ {
			var err error
			if busy, err = l.once(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		return n - 1
	}
	if n := rounds(); n != maxAttempts {
		t.Errorf("%d attempts", n)
	}
	dead, err := s.Events(t.Context(), store.EventFilter{Tenant: "a", State: store.Dead})
	if err != nil || len(dead) != 1 || dead[0].Answer != "503" || dead[0].Attempts != maxAttempts {
		t.Fatalf("%+v %v", dead, err)
	}
	if n, err := s.Resend(t.Context(), "a", dead[0].ID); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if rounds(); told.count() != 1 || told.bodies[dead[0].ID] == "" {
		t.Errorf("%d told", told.count())
	}
}

// hurry has every event due at once.
type hurry struct{ *store.Store }

func (h *hurry) EventTold(ctx context.Context, n int64, to store.EventState, answer string, _ time.Duration) error {
	return h.Store.EventTold(ctx, n, to, answer, 0)
}

// rows is a store with n pending rows of tenant a.
func rows(t *testing.T, n int) (s *store.Store, ids []bundle.ID) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "kms.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for i := range n {
		p := &pending.Transaction{ID: store.NewID(), Tenant: "a", Chain: "BTC", Network: "bip122:x", Request: []byte{byte(i)}}
		if _, err := s.Create(t.Context(), p, store.Idempotency{}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	return s, ids
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
