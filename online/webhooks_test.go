package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
)

// told is a request as a receiver gets it.
type told struct {
	body   string
	header http.Header
}

// TestWebhooks: what happened while no server ran is told when one does, and what
// an API key of a file brings about at once; signed, to an address inside that the
// operator allows.
func TestWebhooks(t *testing.T) {
	got := make(chan told, 16)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got <- told{string(raw), r.Header}
	}))
	defer receiver.Close()
	home := t.TempDir()
	key := strings.Repeat("0123456789abcdef", 4)
	for name, text := range map[string]string{"app-key": key,
		"config.toml": "[[api_key]]\nname = \"app\"\nscopes = [\"sign\"]\nkey_file = \"app-key\"\n[webhooks]\nallow = [\"127.0.0.1\"]\n"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "webhook.address", "webhook", "add", "--type", "KMS_FAILED_TX", "--url", "http://127.0.0.2/", "--home", home)
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(must(t, "webhook", "add", "--type", "KMS_FAILED_TX", "--url", receiver.URL, "--home", home, "--json")), &made); err != nil {
		t.Fatal(err)
	}
	must(t, "webhook", "test", made.ID, "--home", home)
	if test := <-got; !strings.Contains(test.body, `"TEST"`) {
		t.Errorf("%+v", test)
	}

	s, err := store.Open(t.Context(), filepath.Join(home, "coldsign.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	row := &pending.Transaction{ID: store.NewID(), Tenant: "default", Chain: "BTC", Network: "bip122:x", Request: []byte{1}}
	if _, err := s.Create(t.Context(), row, store.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.KeepReports(t.Context(), "default", []store.SignerReport{{ID: row.ID, Text: "first"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	stop, address := listening(t, "--home", home)
	defer stop()
	want := func(text string) {
		t.Helper()
		event := <-got
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(made.Secret, "whsec_"))
		if err != nil {
			t.Fatal(err)
		}
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(event.header.Get("webhook-id") + "." + event.header.Get("webhook-timestamp") + "." + event.body))
		if !strings.Contains(event.body, `{"signatureId":"`+row.ID.String()+`","error":"`+text+`"`) ||
			event.header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)) {
			t.Errorf("told %+v", event)
		}
	}
	want("first")
	q, err := http.NewRequest("POST", address+"/v3/tatum/kms/batch", strings.NewReader(`{"errors":[{"signatureId":"`+row.ID.String()+`","error":"second"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("x-api-key", key)
	q.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		t.Fatal(answer.Status)
	}
	want("second")
	if list := must(t, "webhook", "list", "--home", home); !strings.Contains(list, "dead 0") || strings.Contains(list, made.Secret) {
		t.Errorf("%s", list)
	}
	must(t, "webhook", "remove", made.ID, "--home", home)
}
