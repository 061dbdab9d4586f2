package foureyes_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/foureyes"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

const wallet, payee = "33333333-3333-4333-8333-333333333333", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

// rig is a store with one payment, and a service.
type rig struct {
	store  *store.Store
	intake *intake.Intake
	row    *pending.Transaction
	said   []string
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "online.db"), now)
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	id, err := bundle.ParseSignatureID(wallet)
	ok(t, err)
	key := chaintest.Secp256k1Key(bytes.Repeat([]byte{1}, 32))
	ok(t, s.PutWallets(t.Context(), []bundle.Wallet{{SignatureID: id, Chain: "ETH", Testnet: true, Curve: chain.Secp256k1, Key: key.Bytes()}}))
	peer := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32)).Public().(ed25519.PublicKey)
	own := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)).Public().(ed25519.PublicKey)
	ok(t, s.SetPeer(t.Context(), peer, own, false))
	r := &rig{store: s, intake: &intake.Intake{Chains: registry.New().All(), Networks: []chain.ID{"eip155:11155111"}, Wallets: s, Now: now}}
	r.row = r.pays(t, 0)
	return r
}

func (r *rig) pays(t *testing.T, nonce int) *pending.Transaction {
	t.Helper()
	row, _, err := r.intake.Accept(t.Context(), "a", intake.Submission{Chain: "ETH", Hashes: []string{wallet}, Note: "rent", Requester: "app",
		SerializedTransaction: fmt.Sprintf(`{"from":0,"to":%q,"value":"1000","gas":"21000","gasPrice":"1","nonce":%d}`, payee, nonce)})
	ok(t, err)
	_, err = r.store.Create(t.Context(), row, store.Idempotency{})
	ok(t, err)
	return row
}

// requires has the store ask a service that answers by f.
func (r *rig) requires(t *testing.T, c foureyes.Config, f func(w http.ResponseWriter, q *http.Request, body []byte)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		f(w, q, body)
	}))
	t.Cleanup(s.Close)
	if c.URL = s.URL + "/ask"; c.Method == "" {
		c.Method = "POST"
	}
	r.store.Require(foureyes.New(c, r.intake, func(text string) { r.said = append(r.said, text) }))
	return s.URL
}

func (r *rig) export(ctx context.Context) error {
	_, _, _, err := r.store.Export(ctx, store.Selection{}, func(seq uint64, _ [32]byte, _ int64, rows []pending.Transaction) ([]byte, error) {
		return fmt.Appendf(nil, "bundle %d of %d", seq, len(rows)), nil
	})
	return err
}

func digestOf(t testing.TB, body []byte) (id, digest, challenge string) {
	t.Helper()
	var q struct{ ID, Digest, Challenge string }
	ok(t, json.Unmarshal(body, &q))
	return q.ID, q.Digest, q.Challenge
}

func says(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	io.WriteString(w, text) //nolint:errcheck // the client may hang up
}

// What is asked is what crosses the gap, and says what it would do.
func TestQuestion(t *testing.T) {
	r := newRig(t)
	var asked []byte
	r.requires(t, foureyes.Config{}, func(w http.ResponseWriter, q *http.Request, body []byte) {
		asked = body
		if q.Method != "POST" || q.URL.Path != "/ask" || q.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", q.Method, q.URL, q.Header)
		}
		_, digest, _ := digestOf(t, body)
		says(w, `{"approved":true,"digest":"`+digest+`","by":"two people"}`)
	})
	ok(t, r.export(t.Context()))
	var q struct {
		ID, Digest, Request, Payload, Challenge, Chain, Network, Tenant, Requester, Note string
		Review                                                                           []string
		Effects                                                                          []struct{ Kind, Amount, To string }
	}
	ok(t, json.Unmarshal(asked, &q))
	item, err := base64.StdEncoding.DecodeString(q.Request)
	ok(t, err)
	request, err := intake.Request(r.row)
	ok(t, err)
	sum, payload := sha256.Sum256(item), sha256.Sum256(request.Payload)
	if q.ID != r.row.ID.String() || q.Digest != hex.EncodeToString(sum[:]) || string(item) != string(r.row.Request) || q.Payload != hex.EncodeToString(payload[:]) {
		t.Errorf("asked %s", asked)
	}
	if q.Chain != "ETH" || q.Network != "eip155:11155111" || q.Tenant != "a" || q.Requester != "app" || q.Note != "rent" || len(q.Review) == 0 ||
		len(q.Effects) == 0 || q.Effects[0].To != payee || q.Effects[0].Amount != "1000" || len(q.Challenge) < 20 {
		t.Errorf("asked %s", asked)
	}
	a, found, err := r.store.ApprovalOf(t.Context(), r.row)
	if err != nil || !found || a.Kind != "verdict" || !strings.Contains(string(a.Verdict), "two people") {
		t.Errorf("%+v, %v, %v", a, found, err)
	}
}

// Only a yes to these bytes counts.
func TestAnswers(t *testing.T) {
	type answer func(w http.ResponseWriter, digest string)
	text := func(format string) answer {
		return func(w http.ResponseWriter, digest string) { says(w, strings.ReplaceAll(format, "DIGEST", digest)) }
	}
	status := func(n int) answer {
		return func(w http.ResponseWriter, digest string) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(n)
			io.WriteString(w, `{"approved":true,"digest":"`+digest+`"}`) //nolint:errcheck // as above
		}
	}
	other := strings.Repeat("ab", 32)
	for _, c := range []struct {
		name, code string
		answer     answer
	}{
		{"yes", "", text(`{"approved":true,"digest":"DIGEST"}`)},
		{"no", "four-eyes.refused", text(`{"approved":false,"digest":"DIGEST","reason":"too \u001b[2J much"}`)},
		{"another digest", "four-eyes.digest", text(`{"approved":true,"digest":"` + other + `"}`)},
		{"no digest", "four-eyes.digest", text(`{"approved":true}`)},
		{"capitals", "four-eyes.digest", func(w http.ResponseWriter, d string) {
			says(w, `{"approved":true,"digest":"`+strings.ToUpper(d)+`"}`)
		}},
		{"a word for yes", "four-eyes.answer", text(`{"approved":"true","digest":"DIGEST"}`)},
		{"a number for yes", "four-eyes.answer", text(`{"approved":1,"digest":"DIGEST"}`)},
		{"both", "four-eyes.answer", text(`{"approved":false,"approved":true,"digest":"DIGEST"}`)},
		{"two digests", "four-eyes.answer", text(`{"approved":true,"digest":"` + other + `","digest":"DIGEST"}`)},
		{"a list", "four-eyes.answer", text(`[{"approved":true,"digest":"DIGEST"}]`)},
		{"more behind", "four-eyes.answer", text(`{"approved":true,"digest":"DIGEST"}{}`)},
		{"nothing", "four-eyes.answer", text(``)},
		{"HTML", "four-eyes.answer", func(w http.ResponseWriter, digest string) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, `{"approved":true,"digest":"`+digest+`"}`) //nolint:errcheck // as above
		}},
		{"201", "four-eyes.answer", status(201)},
		{"204", "four-eyes.answer", status(204)},
		{"302", "four-eyes.answer", status(302)},
		{"307", "four-eyes.answer", status(307)},
		{"403", "four-eyes.answer", status(403)},
		{"500", "four-eyes.answer", status(500)},
		{"1 GB", "four-eyes.answer", func(w http.ResponseWriter, digest string) {
			says(w, `{"approved":true,"digest":"`+digest+`","by":"`)
			for b := bytes.Repeat([]byte("x"), 1<<20); ; {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}},
		{"hangs up", "four-eyes.unreachable", func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			elsewhere := 0
			r.requires(t, foureyes.Config{}, func(w http.ResponseWriter, q *http.Request, body []byte) {
				if q.URL.Path != "/ask" {
					elsewhere++
				}
				_, digest, _ := digestOf(t, body)
				c.answer(w, digest)
			})
			err := r.export(t.Context())
			row, _ := r.store.Get(t.Context(), "a", r.row.ID)
			if c.code == "" {
				if err != nil || row.State != pending.Exported {
					t.Errorf("%v, %s", err, row.State)
				}
				return
			}
			if !fault.Is(err, c.code) || row.State != pending.Pending || row.Code != c.code || strings.Contains(row.Reason, "\x1b") || elsewhere > 0 {
				t.Errorf("got %v (%s), row %s %s %q, %d asked elsewhere", err, fault.Code(err), row.State, row.Code, row.Reason, elsewhere)
			}
		})
	}
}

// A service that hangs is not waited for longer than its time.
func TestHangs(t *testing.T) {
	r := newRig(t)
	free := make(chan struct{})
	r.requires(t, foureyes.Config{}, func(w http.ResponseWriter, q *http.Request, _ []byte) {
		select {
		case <-q.Context().Done():
		case <-free:
		}
	})
	defer close(free)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := r.export(ctx); err == nil {
		t.Error("exported")
	}
	if row, err := r.store.Get(t.Context(), "a", r.row.ID); err != nil || row.State != pending.Pending || row.Code != "four-eyes.unreachable" {
		t.Errorf("%+v, %v", row, err)
	}
}

// With a key, only the service's own words to this question count.
func TestSignedVerdicts(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	ok(t, err)
	_, stranger, err := ed25519.GenerateKey(nil)
	ok(t, err)
	hmacOf := func(secret string, b []byte) string {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write(b)
		return hex.EncodeToString(m.Sum(nil))
	}
	old := foureyes.Statement("id", "digest", "an old challenge")
	for _, c := range []struct {
		name   string
		config foureyes.Config
		sign   func(statement []byte, id, digest string) string
		good   bool
	}{
		{"HMAC", foureyes.Config{Secret: "s3cret"}, func(b []byte, _, _ string) string { return hmacOf("s3cret", b) }, true},
		{"another secret", foureyes.Config{Secret: "s3cret"}, func(b []byte, _, _ string) string { return hmacOf("other", b) }, false},
		{"none", foureyes.Config{Secret: "s3cret"}, func([]byte, string, string) string { return "" }, false},
		{"replayed", foureyes.Config{Secret: "s3cret"}, func(_ []byte, id, digest string) string {
			return hmacOf("s3cret", foureyes.Statement(id, digest, "an old challenge"))
		}, false},
		{"Ed25519", foureyes.Config{Key: public}, func(b []byte, _, _ string) string { return hex.EncodeToString(ed25519.Sign(private, b)) }, true},
		{"a stranger", foureyes.Config{Key: public}, func(b []byte, _, _ string) string { return hex.EncodeToString(ed25519.Sign(stranger, b)) }, false},
		{"another question", foureyes.Config{Key: public}, func([]byte, string, string) string { return hex.EncodeToString(ed25519.Sign(private, old)) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.requires(t, c.config, func(w http.ResponseWriter, q *http.Request, body []byte) {
				if c.config.Secret != "" && q.Header.Get("x-coldsign-signature") != hmacOf(c.config.Secret, body) {
					t.Error("the question is not signed")
				}
				id, digest, challenge := digestOf(t, body)
				says(w, `{"approved":true,"digest":"`+digest+`","signature":"`+c.sign(foureyes.Statement(id, digest, challenge), id, digest)+`"}`)
			})
			err := r.export(t.Context())
			if c.good && err != nil || !c.good && !fault.Is(err, "four-eyes.signature") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The original's form: any 2xx, to a GET of the id or a POST of the record.
func TestCompat(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		code   string
	}{
		{"GET", 200, ""}, {"GET", 204, ""}, {"POST", 201, ""}, {"GET", 302, "four-eyes.refused"}, {"POST", 403, "four-eyes.refused"}, {"GET", 500, "four-eyes.refused"},
	} {
		t.Run(fmt.Sprint(c.method, c.status), func(t *testing.T) {
			r := newRig(t)
			r.requires(t, foureyes.Config{Method: c.method, Compat: true}, func(w http.ResponseWriter, q *http.Request, body []byte) {
				if q.Method != c.method || q.URL.Path != "/ask/"+r.row.ID.String() || (len(body) > 0) != (c.method == "POST") {
					t.Errorf("%s %s %s", q.Method, q.URL, body)
				}
				if v, err := strictjson.Parse(body); c.method == "POST" && (err != nil || v.Names[0] != "id" || !strings.Contains(string(body), "serializedTransaction")) {
					t.Errorf("posted %s", body)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
			})
			if err := r.export(t.Context()); fault.Code(err) != c.code && (err != nil || c.code != "") {
				t.Errorf("got %v", err)
			}
			if len(r.said) == 0 || !strings.HasPrefix(r.said[0], foureyes.Weakness) {
				t.Errorf("said %q", r.said)
			}
		})
	}
}
