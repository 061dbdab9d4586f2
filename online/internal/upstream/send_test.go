package upstream

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

const solWallet, solanaDevnet = "44444444-4444-4444-8444-444444444444", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"

// sealed is a row on its way, and what would send it.
func sealed(t *testing.T, change func(rec map[string]any)) (*rig, *Relay) {
	t.Helper()
	r := newRig(t)
	rec := record(1)
	if change != nil {
		change(rec)
	}
	r.account.List(rec)
	r.round()
	r.moves(1, sent()...)
	r.account.Send = func(_, txData string) (string, error) {
		if txData != "0x"+hex.EncodeToString([]byte("raw 1")) {
			t.Errorf("sent %q", txData)
		}
		return strings.ToUpper(txID(1)[2:]), nil
	}
	return r, &Relay{r.Client, r.Store}
}

// The account gets the bytes once it still wants them, and from nobody else.
func TestRelay(t *testing.T) {
	other := "0x" + strings.Repeat("77", 32)
	for _, c := range []struct {
		name    string
		account func(r *rig)
		outcome node.Outcome
		mine    bool
		code    string
		sent    int
		told    string
	}{
		{"as it should be", func(*rig) {}, node.Accepted, true, "", 1, store.ToldComplete},
		{"deleted", func(r *rig) { r.account.Delete(hexID(1)) }, node.Ambiguous, true, "upstream.gone", 0, ""},
		{"another signer was faster", func(r *rig) {
			rec := record(1)
			rec["txId"] = other
			r.account.List(rec)
		}, node.Ambiguous, true, "upstream.txid", 0, ""},
		{"it has it already", func(r *rig) {
			rec := record(1)
			rec["txId"] = txID(1)
			r.account.List(rec)
		}, node.Ambiguous, false, "", 0, store.ToldComplete},
		{"it names another", func(r *rig) {
			r.account.Send = func(string, string) (string, error) { return other, nil }
		}, node.Ambiguous, true, "upstream.txid", 1, ""},
		{"refused", func(r *rig) {
			r.account.Send = func(string, string) (string, error) { return "", errors.New("nonce too low " + key) }
		}, node.Ambiguous, true, "upstream.says", 1, ""},
		{"its own row fails", func(r *rig) {
			r.account.Says(func(w http.ResponseWriter, q *http.Request, _ string) bool {
				if !strings.HasSuffix(q.URL.Path, "/broadcast") {
					return false
				}
				w.Write([]byte(`{"txId":"` + txID(1) + `","failed":true}`)) //nolint:errcheck // the client may hang up
				return true
			})
		}, node.Accepted, true, "", 1, ""},
		{"the reply is lost", func(r *rig) {
			r.account.Says(func(_ http.ResponseWriter, q *http.Request, _ string) bool {
				if strings.HasSuffix(q.URL.Path, "/broadcast") {
					panic(http.ErrAbortHandler)
				}
				return false
			})
		}, node.Ambiguous, true, "upstream.unusable", 1, ""},
		{"it cannot be asked", func(r *rig) {
			r.account.Says(func(w http.ResponseWriter, _ *http.Request, _ string) bool { w.WriteHeader(500); return true })
		}, node.Ambiguous, true, "upstream.busy", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, relay := sealed(t, nil)
			c.account(r)
			row := r.row(1)
			o, mine, err := relay.Send(t.Context(), &row)
			if o != c.outcome || mine != c.mine || c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
				t.Errorf("%v, %v, %v", o, mine, err)
			}
			if err != nil && strings.Contains(err.Error(), key) {
				t.Errorf("tells the key: %v", err)
			}
			l, _, _ := r.Store.ListedOf(t.Context(), idOf(1))
			if got := len(r.account.Broadcasts()); got != c.sent || l.Told != c.told {
				t.Errorf("%d broadcasts, told %q", got, l.Told)
			}
		})
	}
}

// A row that is not the account's goes to its node.
func TestRelayOfOthers(t *testing.T) {
	r := newRig(t)
	row := pending.Transaction{ID: idOf(7), Chain: "ETH"}
	if o, mine, err := (&Relay{r.Client, r.Store}).Send(t.Context(), &row); mine || err != nil || o != node.Ambiguous || len(r.account.Calls("GET", "/")) != 0 {
		t.Errorf("%v %v %v", o, mine, err)
	}
}

// The calls are those of the original signer.
func TestBroadcastCalls(t *testing.T) {
	for _, c := range []struct{ chain, withdrawal, path, body string }{
		{"BTC", "", "/v3/bitcoin/broadcast", `{"signatureId":"ID","txData":"d"}`},
		{"MATIC", "", "/v3/polygon/broadcast", `{"signatureId":"ID","txData":"d"}`},
		{"CELO", hexID(9), "/v3/celo/broadcast", `{"signatureId":"ID","txData":"d"}`},
		{"ETH", hexID(9), "/v3/offchain/withdrawal/broadcast", `{"currency":"ETH","signatureId":"ID","txData":"d","withdrawalId":"` + hexID(9) + `"}`},
		{"SOL", "", "/v3/solana/broadcast", `{"signatureId":"ID","txData":"d"}`},
	} {
		r := newRig(t)
		r.account.Send = func(string, string) (string, error) { return "the id", nil }
		r.account.Says(func(_ http.ResponseWriter, q *http.Request, body string) bool {
			if q.Header.Get("x-api-key") != key || q.Header.Get("x-ttm-kms-client-version") != version || q.Header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", q.Header)
			}
			return false
		})
		if a, err := r.Client.Broadcast(t.Context(), c.chain, idOf(1), c.withdrawal, "d"); err != nil || a.TxID != "the id" {
			t.Errorf("%s: %+v, %v", c.chain, a, err)
		}
		if got := r.account.Broadcasts(); len(got) != 1 || got[0].Path != c.path || got[0].Body != strings.Replace(c.body, "ID", hexID(1), 1) {
			t.Errorf("%s: %+v", c.chain, got)
		}
	}
}

func TestNotice(t *testing.T) {
	r := newRig(t)
	var said []string
	r.Client.Notice = func(text string) { said = append(said, text) }
	r.account.Says(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		w.Header().Set("x-ttm-kms-latest-version", "9.0.0;WARN;\tnew")
		return false
	})
	r.round()
	if len(said) == 0 || strings.Contains(said[0], "\t") || !strings.Contains(said[0], "9.0.0") {
		t.Errorf("said %q", said)
	}
}

type report struct {
	Errors []struct{ SignatureID, Error string }
}

func (r *rig) reports() (all []report) {
	r.t.Helper()
	for _, c := range r.account.Calls(http.MethodPost, "/v3/tatum/kms/batch") {
		var one report
		ok(r.t, json.Unmarshal([]byte(c.Body), &one))
		all = append(all, one)
	}
	return all
}

// Failures are reported once, whatever the rounds; a report that was lost, again.
func TestReports(t *testing.T) {
	r := newRig(t)
	r.account.List(record(1))
	broken := record(2)
	broken["serializedTransaction"] = `{"from":0,"to":"nobody","value":"1","nonce":1,"gas":"1","gasPrice":"1"}`
	r.account.List(broken)
	r.account.Says(func(_ http.ResponseWriter, q *http.Request, _ string) bool {
		if strings.HasSuffix(q.URL.Path, "/batch") {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	if sum, err := r.Round(t.Context()); !fault.Is(err, "upstream.unusable") || sum.Refused != 1 || sum.Taken != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	r.account.Says(nil)
	r.moves(1, pending.Export, pending.Refuse)
	r.tick(t)
	sum := r.round()
	got := r.reports()
	if sum.Reported != 2 || len(got) != 2 || len(got[1].Errors) != 2 {
		t.Fatalf("%+v, %+v", sum, got)
	}
	for _, e := range got[1].Errors {
		if want := map[string]string{hexID(1): "policy.amount: too much", hexID(2): "kms.record: "}[e.SignatureID]; want == "" || !strings.HasPrefix(e.Error, want) {
			t.Errorf("%+v", e)
		}
	}
	for range 5 {
		r.tick(t)
		r.round()
	}
	if n := len(r.reports()); n != 2 {
		t.Errorf("reported %d times", n)
	}
	// What was reported is not paid later, even if the account mends it.
	r.account.List(record(2))
	if sum := r.round(); sum.Changed != 1 || sum.Taken != 0 || len(r.rows()) != 1 {
		t.Errorf("%+v", sum)
	}
}

// Ends that the account does not know are told; what it knows is not told again.
func TestTold(t *testing.T) {
	r := newRig(t)
	for n := range 3 {
		r.account.List(record(n + 1))
	}
	r.round()
	for n := range 3 {
		r.moves(n+1, append(sent(), pending.Accept)...)
	}
	known := record(2)
	known["txId"] = strings.TrimPrefix(txID(2), "0x")
	r.account.List(known)
	alien := record(3)
	alien["txId"] = "0x" + strings.Repeat("77", 32)
	r.account.List(alien)
	r.tick(t)
	if sum := r.round(); sum.Completed != 3 || r.account.TxID(hexID(1)) != txID(1) || len(r.account.Calls("PUT", "/")) != 1 {
		t.Errorf("%+v, %d PUTs", sum, len(r.account.Calls("PUT", "/")))
	}
	if !strings.Contains(r.log.String(), "ALARM") {
		t.Error("no alarm for what another signer completed")
	}
	for range 3 {
		r.tick(t)
		r.round()
	}
	if n := len(r.account.Calls("PUT", "/")); n != 1 {
		t.Errorf("told %d times", n)
	}
	r.moves(1, pending.Fail) // after all: a block holds another one
	r.tick(t)
	if sum := r.round(); sum.Reported != 1 {
		t.Errorf("%+v", sum)
	}
}

// What took the nonce of a payment that was withdrawn has not paid it.
func TestWithdrawnIsNotPaid(t *testing.T) {
	r := newRig(t)
	r.account.List(record(1))
	r.round()
	r.moves(1, pending.Export)
	_, err := r.Store.Cancel(t.Context(), Tenant, idOf(1)) // the operator
	ok(t, err)
	r.account.List(record(2, `"nonce":"0x5"`))
	if sum := r.round(); sum.Taken != 1 {
		t.Fatalf("%+v", sum)
	}
	r.moves(2, append(sent(), pending.Accept, pending.Confirm)...)
	if row := r.row(1); row.State != pending.Cancelled || row.Code != pending.Replaced {
		t.Fatalf("%s %s", row.State, row.Code)
	}
	r.tick(t)
	if sum := r.round(); sum.Reported != 1 || sum.Completed != 1 || r.account.TxID(hexID(1)) != "" || r.account.TxID(hexID(2)) != txID(2) {
		t.Errorf("%+v, told %q and %q", sum, r.account.TxID(hexID(1)), r.account.TxID(hexID(2)))
	}
}

// The nodes may say that another transaction has the place of a payment before that one,
// the same payment with a higher fee, is final: until then nothing is told.
func TestReplacedIsToldLate(t *testing.T) {
	r := newRig(t)
	r.account.List(record(1))
	r.round()
	row := r.moves(1, append(sent(), pending.Accept)...)
	request, err := intake.Request(&row)
	ok(t, err)
	higher, _, err := r.Intake.Rebuild(&row, request)
	ok(t, err)
	higher.ID, higher.Replaces = idOf(2), row.ID
	higher.Reserve = higher.Reserve[:1] // another payload, of the same nonce
	_, err = r.Store.Create(t.Context(), higher, store.Idempotency{})
	ok(t, err)
	r.moves(2, append(sent(), pending.Accept)...)
	_, err = r.Store.Move(t.Context(), row.ID, pending.Fail, func(p *pending.Transaction) error { p.Code = pending.Conflicted; return nil })
	ok(t, err)
	r.tick(t)
	if sum := r.round(); sum.Reported+sum.Completed != 0 {
		t.Errorf("told too early: %+v", sum)
	}
	r.moves(2, pending.Confirm)
	r.tick(t)
	if sum := r.round(); sum.Completed != 1 || sum.Reported != 0 || r.account.TxID(hexID(1)) != txID(2) {
		t.Errorf("%+v, told %q", sum, r.account.TxID(hexID(1)))
	}
}

// Of Solana the account is told the signature of what the node has.
func TestSolanaIsTold(t *testing.T) {
	r := newRig(t)
	var path, data string
	r.account.Send = func(p, d string) (string, error) { path, data = p, d; return d, nil }
	r.account.List(map[string]any{"id": hexID(1), "chain": "SOL", "hashes": []string{wallet}, "serializedTransaction": "{}"})
	u := store.Untold{Listed: store.Listed{ID: idOf(1), Network: chain.ID("solana:x")}, Row: pending.Transaction{Chain: "SOL", ID: bundle.ID{1}}}
	ok(t, r.complete(t.Context(), &u, "the signature"))
	if path != "/v3/solana/broadcast" || data != "the signature" || len(r.account.Calls("PUT", "/")) != 0 {
		t.Errorf("%s %s", path, data)
	}
	row := pending.Transaction{ID: idOf(1), Chain: "SOL"}
	if _, mine, err := (&Relay{r.Client, r.Store}).Send(t.Context(), &row); mine || err != nil {
		t.Errorf("relayed: %v", err)
	}
}

// newSolana is a rig that waits for somebody to sign a record of Solana, with a dummy for
// its blockhash.
func newSolana(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	payer := chaintest.Ed25519Key(append(make([]byte, 31), 9))
	id, err := bundle.ParseSignatureID(solWallet)
	ok(t, err)
	_, devnet, found := registry.New().ByNetwork(solanaDevnet)
	if !found {
		t.Fatal("no devnet")
	}
	ok(t, r.Store.PutWallets(t.Context(), []bundle.Wallet{{SignatureID: id, Chain: "SOL", Testnet: true, Curve: chain.Ed25519, Key: payer.Bytes()}}))
	r.Networks, r.Intake.Networks = []chain.Network{devnet}, []chain.ID{devnet.ID}
	message, err := hex.DecodeString("01000103" + hex.EncodeToString(payer.Bytes()) + strings.Repeat("22", 32) + strings.Repeat("00", 32) +
		"60d38e0da20dc5900b7e902c918eae6a95e2d90af154b53a422f4ab26b050f4f" + "01" + "02" + "02" + "0001" + "0c" + "02000000" + "e803000000000000")
	ok(t, err)
	r.account.List(solRecord(message))
	return r
}

func solRecord(message []byte) map[string]any {
	return map[string]any{"id": hexID(1), "chain": "SOL", "hashes": []string{solWallet}, "serializedTransaction": `{"txData":"` + hex.EncodeToString(message) + `"}`}
}

// A blockhash is put in where somebody waits to sign, and ends.
func TestBlockhash(t *testing.T) {
	r := newSolana(t)
	if sum := r.round(); sum.Held != 1 || !strings.Contains(sum.Problems[0], "upstream poll") {
		t.Fatalf("%+v", sum)
	}
	r.Poller.Blockhash = func(context.Context, chain.ID) ([32]byte, error) { return [32]byte{7}, nil }
	if sum := r.round(); sum.Taken != 1 {
		t.Fatalf("%+v", sum)
	}
	row := r.row(1)
	if row.Deadline != r.Now().Add(blockhashLife).Unix() {
		t.Errorf("deadline %d", row.Deadline)
	}
	request, err := intake.Request(&row)
	ok(t, err)
	if hash := request.Payload[4+3*32:][:32]; hash[0] != 7 || hash[1] != 0 {
		t.Errorf("blockhash %x", hash)
	}
}

// Of Solana, too, nothing is sent that the account has deleted, or that another signer
// has done: with a blockhash of its own that one does not conflict with ours, and both
// would be paid.
func TestSolanaIsAskedFirst(t *testing.T) {
	for _, c := range []struct {
		name, code, told string
		account          func(r *rig)
	}{
		{"still wanted", "", "", func(*rig) {}},
		{"it has it already", "", store.ToldComplete, func(r *rig) {
			rec := solRecord(nil)
			rec["txId"] = txID(1)
			r.account.List(rec)
		}},
		{"deleted", "upstream.gone", "", func(r *rig) { r.account.Delete(hexID(1)) }},
		{"another signer was faster", "upstream.txid", "", func(r *rig) {
			rec := solRecord(nil)
			rec["txId"] = strings.Repeat("4", 88)
			r.account.List(rec)
		}},
		{"it cannot be asked", "upstream.busy", "", func(r *rig) {
			r.account.Says(func(w http.ResponseWriter, _ *http.Request, _ string) bool { w.WriteHeader(500); return true })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newSolana(t)
			r.Poller.Blockhash = func(context.Context, chain.ID) ([32]byte, error) { return [32]byte{7}, nil }
			r.round()
			row := r.moves(1, sent()...)
			c.account(r)
			o, mine, err := (&Relay{r.Client, r.Store}).Send(t.Context(), &row)
			if o != node.Ambiguous || mine != (c.code != "") || c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
				t.Errorf("%v, %v, %v", o, mine, err)
			}
			l, _, _ := r.Store.ListedOf(t.Context(), idOf(1))
			if got := len(r.account.Broadcasts()); got != 0 || l.Told != c.told {
				t.Errorf("%d broadcasts, told %q", got, l.Told)
			}
		})
	}
}
