package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"coldsign/scripts/halves"
)

// A service on this machine is asked before anything is exported.
func (w *world) fourEyes(t *testing.T) {
	var yes atomic.Bool
	var seen atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen.Store(string(body))
		var q struct{ Digest string }
		if err := json.Unmarshal(body, &q); err != nil {
			t.Error(err)
		}
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(rw, `{"approved":%v,"digest":%q,"reason":"ask Ada"}`, yes.Load(), q.Digest)
	}))
	defer s.Close()
	ok(t, w.Stop())
	f := must(os.OpenFile(w.Path("online/config.toml"), os.O_APPEND|os.O_WRONLY, 0))(t)
	_, err := fmt.Fprintf(f, "[four_eyes]\nurl = %q\n", s.URL)
	ok(t, errors.Join(err, f.Close()))
	p := w.listEthereum(t)
	must(w.Online(deadline(t), "upstream", "poll"))(t)
	_, err = w.Export(deadline(t), "unseen.cbor")
	if halves.CodeOf(err) != "four-eyes.refused" {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(w.Path("unseen.cbor")); err == nil {
		t.Error("a file was written")
	}
	if r := w.row(t, p.id); r.State != "pending" || r.Code != "four-eyes.refused" || !strings.Contains(r.Reason, "ask Ada") {
		t.Errorf("%+v", r)
	}
	if q := seen.Load().(string); !strings.Contains(q, p.id) || !strings.Contains(q, p.to) {
		t.Errorf("asked %s", q)
	}
	yes.Store(true)
	if x := must(w.Export(deadline(t), "seen.cbor"))(t); x.Items != 1 {
		t.Errorf("%+v", x)
	}
}
