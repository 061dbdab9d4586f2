package upstream

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/pending"
	"coldsign/shared/fault"
)

// One row for each id, whatever is listed under it how often, to its end and beyond.
func TestTakenOnce(t *testing.T) {
	r := newRig(t)
	r.account.Keep(true)
	r.account.List(record(1))
	if sum := r.round(); sum.Taken != 1 || sum.Listed != 1 || sum.Problems != nil {
		t.Fatalf("%+v", sum)
	}
	first := r.row(1)
	if first.Tenant != Tenant || first.ID != idOf(1) || !strings.Contains(first.Serialized, `"nonce":"0x5","`) && !strings.Contains(first.Serialized, `"nonce":"0x5"}`) {
		t.Errorf("%+v", first)
	}
	again := func(what string) {
		t.Helper()
		for range 50 {
			if sum := r.round(); sum.Taken+sum.Refused+sum.Held != 0 {
				t.Fatalf("%s: %+v", what, sum)
			}
		}
		if rows := r.rows(); len(rows) != 1 || rows[0].Digest != first.Digest {
			t.Fatalf("%s: %d rows", what, len(rows))
		}
	}
	again("pending")
	r.moves(1, pending.Export, pending.Seal)
	again("signed")
	r.moves(1, pending.Intend, pending.Accept, pending.Confirm)
	again("complete")
	r.account.List(record(1, `"data":"0x00"`))
	if sum := r.round(); sum.Changed != 1 || sum.Taken != 0 || !strings.Contains(sum.Problems[0], "ALARM") {
		t.Errorf("other content: %+v", sum)
	}
	again("changed")
	if n := strings.Count(r.log.String(), "upstream.changed"); n != 1 || !strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("said %d times:\n%s", n, r.log)
	}
	if l, _, err := r.Store.ListedOf(t.Context(), idOf(1)); err != nil || !l.Changed {
		t.Errorf("%+v, %v", l, err)
	}
	if calls := r.account.Calls(http.MethodPost, "/v3/kms/pending/ETH"); !strings.Contains(calls[0].Body, `"signatureIds":["`+wallet+`"]`) {
		t.Errorf("asked %s", calls[0].Body)
	}
}

// What the account answers badly stops nobody for good, tells no key, and goes where
// it was sent alone.
func TestBadAnswers(t *testing.T) {
	stolen := 0
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen++ }))
	defer thief.Close()
	text := func(status int, kind, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", thief.URL)
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			io.WriteString(w, body) //nolint:errcheck // the client may hang up
		}
	}
	good := `{"id":"` + hexID(9) + `","chain":"ETH","hashes":["` + wallet + `"],"serializedTransaction":"{}"}`
	for _, c := range []struct {
		name, code string
		says       func(http.ResponseWriter, *http.Request)
	}{
		{"429", "upstream.busy", text(429, "application/json", `{"message":"slow down `+key+`"}`)},
		{"500", "upstream.busy", text(500, "application/json", `{"message":"broken"}`)},
		{"503 HTML", "upstream.busy", text(503, "text/html", "<html>")},
		{"401", "upstream.key", text(401, "application/json", `{"errorCode":"subscription.invalid","message":"Unable to find valid subscription for '`+key+`'"}`)},
		{"400", "upstream.says", text(400, "application/json", `{"errorCode":"validation.failed","message":"\u001b[2J `+key+`"}`)},
		{"301", "upstream.unusable", text(301, "text/html", "")},
		{"307", "upstream.unusable", text(307, "text/html", "")},
		{"200 HTML", "upstream.unusable", text(200, "text/html", "<html>maintenance</html>")},
		{"an object", "upstream.unusable", text(200, "application/json", good)},
		{"cut", "upstream.unusable", text(200, "application/json", "["+good+",")},
		{"more behind", "upstream.unusable", text(200, "application/json", "[]]")},
		{"too many", "upstream.unusable", text(200, "application/json", "["+strings.Repeat("1,", maxRows)+"1]")},
		{"1 GB", "upstream.unusable", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "[") //nolint:errcheck // as above
			for b := []byte(strings.Repeat("       \n", 1<<17)); ; {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}},
		{"hangs up", "upstream.unusable", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.account.List(record(1))
			r.account.Says(func(w http.ResponseWriter, q *http.Request, _ string) bool {
				if q.URL.Path != "/v3/kms/pending/ETH" {
					return false
				}
				c.says(w, q)
				return true
			})
			sum, err := r.Round(t.Context())
			if !fault.Is(err, c.code) || len(r.rows()) != 0 || len(sum.Problems) != 1 {
				t.Errorf("got %v (%s), %d rows, %+v", err, fault.Code(err), len(r.rows()), sum)
			}
			for _, told := range []string{err.Error(), r.log.String(), fmt.Sprint(sum)} {
				if strings.Contains(told, key) || strings.Contains(told, "\x1b") {
					t.Errorf("tells %q", told)
				}
			}
			r.account.Says(nil)
			if sum := r.round(); sum.Taken != 1 {
				t.Errorf("afterwards: %+v", sum)
			}
		})
	}
	if stolen > 0 {
		t.Errorf("%d redirects were followed", stolen)
	}
}

// What a node makes up costs nobody more than the network's usual most, and is no reason
// to report a failure: the record is left until the node says something better.
func TestNodeAsksTooMuch(t *testing.T) {
	for _, c := range []struct {
		method, code string
		says, well   any
	}{
		{"eth_getBlockByNumber", "upstream.fee", map[string]any{"baseFeePerGas": "0xde0b6b3a7640000"}, map[string]any{"baseFeePerGas": "0x3b9aca00"}},
		{"eth_maxPriorityFeePerGas", "upstream.fee", "0xde0b6b3a7640000", "0x77359400"},
		{"eth_estimateGas", "upstream.gas", "0xffffffffffffffff", "0x5208"},
		{"eth_estimateGas", "upstream.gas", "0x0", "0x5208"},
	} {
		t.Run(c.method, func(t *testing.T) {
			r := newRig(t)
			r.says(c.method, c.says)
			r.account.List(record(1, `"data":"0x00"`))
			if sum := r.round(); sum.Held != 1 || sum.Taken+sum.Refused+sum.Reported != 0 || !strings.Contains(r.log.String(), "code="+c.code) {
				t.Fatalf("%+v\n%s", sum, r.log)
			}
			r.says(c.method, c.well)
			if sum := r.round(); sum.Taken != 1 {
				t.Errorf("afterwards: %+v", sum)
			}
		})
	}
	// It keeps no other record back, and what one says itself is the account's own.
	r := newRig(t)
	r.says("eth_estimateGas", "0xffffffffffffffff")
	for n := range misses + 1 {
		r.account.List(record(n + 2))
	}
	r.account.List(record(1, `"gas":"1000000"`, `"gasPrice":"1000000000000000000"`))
	if sum := r.round(); sum.Taken != 1 || sum.Held != misses+1 {
		t.Errorf("its own fee: %+v", sum)
	}
}

func TestTLSIsVerified(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "[]") })) //nolint:errcheck // as above
	defer s.Close()
	s.Config.ErrorLog = nil
	c := NewClient(s.URL, key)
	if _, err := c.Pending(t.Context(), "BTC", nil); !fault.Is(err, "upstream.unusable") {
		t.Errorf("a stranger's certificate: %v", err)
	}
	c.http.Transport = s.Client().Transport
	if _, err := c.Pending(t.Context(), "BTC", nil); err != nil {
		t.Errorf("its own: %v", err)
	}
}

func TestSlowAnswer(t *testing.T) {
	free := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-free }))
	defer s.Close()
	defer close(free)
	_, err := NewClient(s.URL, key).call(t.Context(), http.MethodGet, "/", nil, 10, 50*time.Millisecond)
	if !fault.Is(err, "upstream.timeout") {
		t.Errorf("got %v", err)
	}
}

// What is wrong with one record keeps no other one back.
func TestBadRecords(t *testing.T) {
	good := func(n int) string {
		return `{"id":"` + hexID(n) + `","chain":"ETH","hashes":["` + wallet + `"],"index":null,"withdrawalResponses":null,"serializedTransaction":"{\"from\":0,\"to\":\"` + payee + `\",\"value\":\"5\"}"}`
	}
	change := func(from, to string) string { return strings.Replace(good(1), from, to, 1) }
	for name, bad := range map[string]string{
		"null": `null`, "a number": `7`, "twice a name": change(`"index":null`, `"index":1,"index":2`),
		"id in capitals": change(hexID(1), strings.ToUpper(fmt.Sprintf("%024x", 0xabcdef))), "short id": change(hexID(1), "abc"), "no id": `{"chain":"ETH"}`,
		"another chain": change(`"ETH"`, `"BTC"`), "another's wallet": change(wallet, strings.Replace(wallet, "3", "4", 1)),
		"complete already": change(`"index":null`, `"txId":"0x1234567890"`), "index of text": change(`"index":null`, `"index":"1"`),
		"a list for a transaction": change(`"serializedTransaction":"`, `"serializedTransaction":[1],"x":"`),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.account.Says(func(w http.ResponseWriter, q *http.Request, _ string) bool {
				if q.URL.Path != "/v3/kms/pending/ETH" {
					return false
				}
				io.WriteString(w, "["+bad+","+good(2)+"]") //nolint:errcheck // as above
				return true
			})
			sum := r.round()
			if rows := r.rows(); len(rows) != 1 || rows[0].ID != idOf(2) || sum.Taken != 1 {
				t.Errorf("%d rows, %+v", len(rows), sum)
			}
		})
	}
}

// What a record leaves open is asked of the node, and no two payments get one nonce.
func TestFreeze(t *testing.T) {
	r := newRig(t)
	r.account.List(record(1))
	r.account.List(record(2))
	r.account.List(record(3, `"nonce":6`, `"gas":"30000"`, `"gasPrice":"7"`)) // wants the nonce of the second
	r.account.List(record(4, `"nonce":0`))
	sum := r.round()
	if sum.Taken != 3 || sum.Held != 1 || !strings.Contains(sum.Problems[0], hexID(3)) {
		t.Fatalf("%+v", sum)
	}
	for n, want := range map[int][]string{
		1: {`"nonce":"0x5"`, `"gas":"21000"`, `"gasPrice":"4000000000"`}, 2: {`"nonce":"0x6"`}, 4: {`"nonce":0`, `"gas":"21000"`},
	} {
		for _, part := range want {
			if row := r.row(n); !strings.Contains(row.Serialized, part) {
				t.Errorf("record %d: %s lacks %s", n, row.Serialized, part)
			}
		}
	}
	r.says("eth_chainId", "0x1") // the node changes sides
	r.account.List(record(5))
	if sum := r.round(); sum.Held != 2 || sum.Taken != 0 {
		t.Errorf("with a node of another network: %+v", sum)
	}
	r.says("eth_chainId", "0xaa36a7")
	if sum := r.round(); sum.Taken != 1 || !strings.Contains(r.row(5).Serialized, `"nonce":"0x7"`) {
		t.Errorf("%+v %s", sum, r.row(5).Serialized)
	}
	r.moves(1, pending.Cancel) // its nonce is free again, and is the lowest
	r.account.List(record(6))
	if sum := r.round(); sum.Taken != 1 || !strings.Contains(r.row(6).Serialized, `"nonce":"0x5"`) {
		t.Errorf("%+v %s", sum, r.row(6).Serialized)
	}
}

// Payments that the node thinks would fail keep no others back; a node that is gone is
// not waited for once a record.
func TestNodesAnswers(t *testing.T) {
	r := newRig(t)
	r.says("eth_estimateGas", &nodetest.Error{Code: 3, Message: "execution reverted \x1b"})
	for n := range 5 {
		r.account.List(record(n + 1))
	}
	r.account.List(record(6, `"gas":"21000"`))
	if sum := r.round(); sum.Held != 5 || sum.Taken != 1 {
		t.Errorf("%+v", sum)
	}
	r.says("eth_chainId", "0x1")
	if sum := r.round(); sum.Held != 5 || len(sum.Problems) != misses {
		t.Errorf("%+v", sum)
	}
}

// What the account deletes before it is sent is withdrawn; what another signer did is
// an alarm.
func TestGone(t *testing.T) {
	r := newRig(t)
	for n := range 4 {
		r.account.List(record(n + 1))
	}
	r.round()
	r.moves(2, pending.Export)
	r.account.Delete(hexID(1))
	r.account.Delete(hexID(2))
	done := record(3)
	done["txId"] = "0x" + strings.Repeat("77", 32)
	r.account.List(done)
	sum := r.round()
	if sum.Withdrawn != 3 || r.row(1).State != pending.Cancelled || !r.row(2).CancelRequested || r.row(3).State != pending.Cancelled || r.row(4).State != pending.Pending {
		t.Errorf("%+v: %s %v %s %s", sum, r.row(1).State, r.row(2).CancelRequested, r.row(3).State, r.row(4).State)
	}
	if !strings.Contains(r.log.String(), "upstream.txid") || len(r.account.Calls(http.MethodPost, "/v3/tatum/kms/batch")) != 0 {
		t.Errorf("log %s", r.log)
	}
}

// What the account has completed with our own bytes, of which the database knows no
// sending (it was restored, or they leave at this moment), is withdrawn by nobody; and a
// record that cannot be read any more keeps no other from being asked about.
func TestGoneByOurselves(t *testing.T) {
	r := newRig(t)
	for n := range 3 {
		r.account.List(record(n + 1))
	}
	r.round()
	r.moves(1, pending.Export, pending.Seal)
	done := record(1)
	done["txId"] = txID(1)
	r.account.List(done)
	r.account.Delete(hexID(3))
	r.account.Says(func(w http.ResponseWriter, q *http.Request, _ string) bool {
		switch q.URL.Path {
		case "/v3/kms/pending/ETH":
			io.WriteString(w, "[]") //nolint:errcheck // the client may hang up
		case "/v3/kms/" + hexID(2):
			io.WriteString(w, `{"id":"`+hexID(2)+`","chain":7}`) //nolint:errcheck // as above
		default:
			return false
		}
		return true
	})
	sum := r.round()
	if row := r.row(1); sum.Withdrawn != 1 || row.CancelRequested || row.State != pending.Signed || strings.Contains(r.log.String(), "ALARM") {
		t.Errorf("%+v: %s %v\n%s", sum, row.State, row.CancelRequested, r.log)
	}
	if r.row(2).State != pending.Pending || r.row(3).State != pending.Cancelled || !strings.Contains(r.log.String(), "upstream.record") {
		t.Errorf("%s, %s", r.row(2).State, r.row(3).State)
	}
}

func TestTooManyWallets(t *testing.T) {
	r := newRig(t)
	ids := make([]string, maxIDs+1)
	for i := range ids {
		ids[i] = fmt.Sprintf("33333333-3333-4333-8333-%012d", i)
	}
	var sum Summary
	if err := r.network(t.Context(), &sum, r.Networks[0], ids); !fault.Is(err, "upstream.wallets") || len(r.account.Calls("POST", "/")) != 0 {
		t.Errorf("%d ids: %v, %d calls", len(ids), err, len(r.account.Calls("POST", "/")))
	}
	if err := r.network(t.Context(), &sum, r.Networks[0], ids[1:]); err != nil || len(r.account.Calls("POST", "/")) != 1 {
		t.Errorf("%d ids: %v", maxIDs, err)
	}
}

func FuzzReadRecord(f *testing.F) {
	for _, s := range []string{`{"id":"` + hexID(1) + `","chain":"ETH","hashes":["a"],"index":1,"signatures":[{"id":"x","index":2}],"serializedTransaction":"{}"}`, `null`, `{"id":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ReadRecord(raw)
		if err != nil {
			return
		}
		if again, err := ReadRecord(raw); err != nil || again.Content != r.Content || again.ID != r.ID {
			t.Errorf("read again: %v", err)
		}
	})
}

// A database that does not answer is told of: nothing else says that no more is polled.
func TestDatabaseGone(t *testing.T) {
	r := newRig(t)
	if sum, err := r.Round(t.Context()); err != nil || len(sum.Problems) > 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	ok(t, r.Store.Close())
	sum, err := r.Round(t.Context())
	if err == nil || len(sum.Problems) != 1 || !strings.Contains(r.log.String(), "wallets") {
		t.Errorf("%+v, %v, logged %q", sum, err, r.log.String())
	}
}

// A defect in a round is told of, and the server goes on.
func TestPanicIsTold(t *testing.T) {
	r := newRig(t)
	r.Store = nil
	sum, err := r.guarded(t.Context())
	if !fault.Is(err, "upstream.panic") || len(sum.Problems) != 1 || !strings.Contains(r.log.String(), "upstream.panic") {
		t.Errorf("%+v, %v, logged %q", sum, err, r.log.String())
	}
}
