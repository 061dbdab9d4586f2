package signer_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/signer"
	"coldsign/shared/chain/registry"
	"coldsign/shared/chain/solana"
	"coldsign/shared/fault"

	"github.com/gagliardetto/solana-go/base58"
)

// sol is a world of Solana with the key of one wallet.
type sol struct {
	*world
	v      vector
	secret ed25519.PrivateKey
}

func newSol(t *testing.T) *sol {
	v := find(t, "SOL", "testnet", "native-transfer")
	s := &sol{world: newWorld(t, "SOL", true), v: v}
	s.wallets(v)
	s.tell(v)
	for _, m := range v.KeyMaterial {
		b, err := base58.Decode(m.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		s.secret = b
	}
	return s
}

// message is that of the recorded transaction, with another blockhash.
func (s *sol) message(blockhash byte) []byte {
	s.Helper()
	raw, err := base64.StdEncoding.DecodeString(s.sentBy(s.v))
	if err != nil {
		s.Fatal(err)
	}
	m, err := solana.WithBlockhash(raw[65:], [32]byte{blockhash})
	if err != nil {
		s.Fatal(err)
	}
	return m
}

// sentBy is what the daemon sent by node RPC.
func (s *sol) sentBy(v vector) (text string) {
	for _, l := range v.NetworkLookups {
		if l.Body.Method == "sendTransaction" {
			if err := json.Unmarshal(l.Body.Params[0], &text); err != nil {
				s.Fatal(err)
			}
		}
	}
	return text
}

// sign gives the signed transaction and its id.
func (s *sol) sign(message []byte) (raw []byte, id string) {
	sig := ed25519.Sign(s.secret, message)
	return append(append([]byte{1}, sig...), message...), base58.Encode(sig)
}

// rpc asks the node as the daemon does.
func (s *sol) rpc(key, method string, params ...any) (answer, string) {
	s.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": "x", "method": method, "params": params})
	if err != nil {
		s.Fatal(err)
	}
	a := s.call("", "POST", "/v3/blockchain/node/SOL/"+s.keys[key], string(body))
	var got struct {
		Result any
		Error  struct{ Message string }
	}
	_ = json.Unmarshal([]byte(a.body), &got)
	if got.Error.Message != "" {
		return a, "error: " + got.Error.Message
	}
	return a, fmt.Sprint(got.Result)
}

func (s *sol) send(key string, raw []byte) string {
	s.Helper()
	_, said := s.rpc(key, "sendTransaction", base64.StdEncoding.EncodeToString(raw), map[string]string{"encoding": "base64", "preflightCommitment": "confirmed"})
	return said
}

func (s *sol) tell1(id, txID string) answer {
	return s.handIn(s.v, id, func(b map[string]string) { b["txData"] = txID })
}

// TestSolanaBlockhash: the signer's own blockhash is taken once; another one
// afterwards is another payment, and is not sent.
func TestSolanaBlockhash(t *testing.T) {
	s := newSol(t)
	id := s.submit(s.v)
	first, txID := s.sign(s.message(1))
	second, other := s.sign(s.message(2))
	if said := s.send("daemon", first); said != txID {
		t.Fatal(said)
	}
	if said := s.send("daemon", first); said != txID {
		t.Errorf("again: %s", said)
	}
	if said := s.send("daemon", second); !strings.HasPrefix(said, "error: ") || s.ledger.different() != 1 {
		t.Errorf("another blockhash: %s; %d were sent", said, s.ledger.different())
	}
	if a := s.tell1(id, other); a.status != 403 || a.code() != "solana.broadcast.failed" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.tell1(id, txID); a.status != 200 || a.body != fmt.Sprintf(`{"txId":%q}`, txID) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSolanaTwins: of two rows of one payment nobody can tell which the signer means.
// One after the other they are two payments.
func TestSolanaTwins(t *testing.T) {
	s := newSol(t)
	again := func(n byte) string { // the same payment: its blockhash alone is another
		s.ledger.answers["getLatestBlockhash"] = json.RawMessage(`{"context":{"slot":1},"value":{"blockhash":"` + base58.Encode(append(make([]byte, 31), n)) + `","lastValidBlockHeight":1}}`)
		return s.submit(s.v)
	}
	a, b := again(8), again(9)
	first, one := s.sign(s.message(1))
	second, two := s.sign(s.message(2))
	if said := s.send("daemon", first); !strings.Contains(said, "2 open rows") || s.ledger.different() != 0 {
		t.Fatalf("two rows wait: %s", said)
	}
	if answer := s.call("submit", "DELETE", "/v3/kms/"+b, ""); answer.status != 204 {
		t.Fatal(answer.body)
	}
	s.ledger.refuses = fault.New("node.busy", "", "later")
	if said := s.send("daemon", first); !strings.HasPrefix(said, "error: ") {
		t.Fatalf("the node refuses: %s", said)
	}
	// a is sealed and not with the network: another blockhash is not taken for c.
	c := again(10)
	if said := s.send("daemon", second); !strings.Contains(said, "open rows") || s.ledger.different() != 1 {
		t.Errorf("while one is on its way: %s; %d were sent", said, s.ledger.different())
	}
	s.ledger.refuses = nil
	for _, raw := range [][]byte{first, first, second, second} {
		s.send("daemon", raw)
	}
	if third, _ := s.sign(s.message(3)); !strings.HasPrefix(s.send("daemon", third), "error: ") || s.ledger.different() != 2 {
		t.Errorf("%d payments were sent", s.ledger.different())
	}
	if answer := s.tell1(a, two); answer.status != 403 {
		t.Errorf("the other row's: %s", answer.body)
	}
	for id, txID := range map[string]string{a: one, c: two} {
		if answer := s.tell1(id, txID); answer.status != 200 {
			t.Errorf("%s: %s", txID, answer.body)
		}
	}
}

// TestSolanaStrangers: what is no pending row's payment is not sent, whoever signed.
func TestSolanaStrangers(t *testing.T) {
	s := newSol(t)
	id := s.submit(s.v)
	me := [32]byte(s.secret.Public().(ed25519.PublicKey))
	message := func(in ...solana.Instruction) []byte {
		m, err := solana.Compile(me, [32]byte{1}, in...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	good := s.message(1)
	changed := append([]byte(nil), good...)
	changed[len(changed)-1] ^= 1 // of the amount
	badSig, _ := s.sign(good)
	badSig[5] ^= 1
	signed := func(m []byte) []byte { raw, _ := s.sign(m); return raw }
	for name, raw := range map[string][]byte{
		"another amount": signed(changed), "another receiver": signed(message(solana.SystemTransfer(me, [32]byte{7}, 1))),
		"more beside it":  signed(message(solana.SystemTransfer(me, [32]byte{7}, 500000000), solana.Memo("x"))),
		"a bad signature": badSig, "no signature": append([]byte{0}, good...), "two of one": append([]byte{2}, signed(good)[1:]...),
		"a byte more": append(signed(good), 0), "nothing": {1}, "many": {255},
	} {
		if said := s.send("daemon", raw); !strings.HasPrefix(said, "error: ") {
			t.Errorf("%s: %s", name, said)
		}
	}
	right, txID := s.sign(good)
	for _, key := range []string{"b", "read", "admin"} {
		if said := s.send(key, right); said == txID {
			t.Errorf("%s may send it", key)
		}
	}
	for name, params := range map[string][]any{
		"none": {}, "no options": {base64.StdEncoding.EncodeToString(right)}, "base58": {base58.Encode(right), map[string]string{"encoding": "base58"}},
		"no encoding": {base64.StdEncoding.EncodeToString(right), map[string]any{}}, "a number": {1, map[string]string{"encoding": "base64"}},
	} {
		if _, said := s.rpc("daemon", "sendTransaction", params...); !strings.HasPrefix(said, "error: ") {
			t.Errorf("%s: %s", name, said)
		}
	}
	if state, _ := s.state(id); state != "pending" || s.ledger.different() != 0 {
		t.Fatalf("the row is %s, and %d were sent", state, s.ledger.different())
	}
	if said := s.send("daemon", right); said != txID {
		t.Error(said)
	}
}

// TestSolanaSentElsewhere: a signer that has another node is believed once ours shows
// the transaction, and it is the pending one.
func TestSolanaSentElsewhere(t *testing.T) {
	s := newSol(t)
	id := s.submit(s.v)
	raw, txID := s.sign(s.message(1))
	if a := s.tell1(id, txID); a.status != 403 || a.code() != "solana.broadcast.failed" {
		t.Errorf("not seen: %d %s", a.status, a.body)
	}
	other, otherID := s.sign(append([]byte(nil), s.message(1)[:len(s.message(1))-1]...))
	s.ledger.landed[otherID], s.ledger.landed[txID] = other, raw
	if a := s.tell1(id, otherID); a.status != 403 || a.code() != "kms.transaction.mismatch" {
		t.Errorf("another: %d %s", a.status, a.body)
	}
	for _, bad := range []string{"", "abc", txID + "1", "0x" + txID, strings.Repeat("z", 5000)} {
		if a := s.tell1(id, bad); a.status != 400 {
			t.Errorf("%.20s: %d %s", bad, a.status, a.body)
		}
	}
	if a := s.tell1(id, txID); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if state, seen := s.state(id); state != "broadcast" && state != "complete" || seen != txID || s.ledger.different() != 0 {
		t.Errorf("the row is %s %s, and %d were sent", state, seen, s.ledger.different())
	}
}

// TestSolanaPaidBefore: the same payment, made before there was the row, pays nothing
// of it.
func TestSolanaPaidBefore(t *testing.T) {
	s := newSol(t)
	id := s.submit(s.v)
	raw, old := s.sign(s.message(1))
	s.ledger.landed[old] = raw
	for at, code := range map[any]string{1_800_000_000 - 86_400: "kms.transaction.mismatch", 1_800_000_000 - 601: "kms.transaction.mismatch", nil: "solana.broadcast.failed", 0: "kms.transaction.mismatch"} {
		s.ledger.times = map[string]any{old: at}
		if a := s.tell1(id, old); a.status != 403 || a.code() != code {
			t.Errorf("in a block of %v: %d %s", at, a.status, a.body)
		}
		if said := s.send("daemon", raw); !strings.HasPrefix(said, "error: ") {
			t.Errorf("sent again, in a block of %v: %s", at, said)
		}
	}
	if state, _ := s.state(id); state != "pending" || s.ledger.different() != 0 {
		t.Fatalf("the row is %s", state)
	}
	s.ledger.times = map[string]any{old: 1_800_000_000 - 60} // the chain's clock is no better
	if a := s.tell1(id, old); a.status != 200 {
		t.Errorf("in time: %d %s", a.status, a.body)
	}
}

// TestSolanaSentInTime: what a signer has sent elsewhere is paid, also where we hear of
// it after the deadline; it is not sent by us then, nor called failed.
func TestSolanaSentInTime(t *testing.T) {
	s := newSol(t)
	body := fmt.Sprintf(`{"chain":"SOL","hashes":[%q],"transaction":%q,"deadline":1800000060}`, s.v.Pending.Hashes[0], base64.StdEncoding.EncodeToString(s.message(1)))
	var made struct{ ID string }
	if a := s.call("submit", "POST", "/v1/transactions", body); json.Unmarshal([]byte(a.body), &made) != nil || a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	raw, txID := s.sign(s.message(2))
	s.now = s.now.Add(2 * time.Minute)
	if said := s.send("daemon", raw); !strings.Contains(said, "deadline") || s.ledger.different() != 0 {
		t.Errorf("sent by us: %s", said)
	}
	s.ledger.landed[txID] = raw
	if a := s.tell1(made.ID, txID); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if state, seen := s.state(made.ID); state != "broadcast" && state != "complete" || seen != txID || s.ledger.different() != 0 {
		t.Errorf("the row is %s %s, and %d were sent", state, seen, s.ledger.different())
	}
}

// TestDurableNonce: a durable nonce is no blockhash: the row's own alone is taken.
func TestDurableNonce(t *testing.T) {
	s := newSol(t)
	me := [32]byte(s.secret.Public().(ed25519.PublicKey))
	compile := func(nonce byte) []byte {
		m, err := solana.Compile(me, [32]byte{nonce}, solana.AdvanceNonce([32]byte{5}, me), solana.SystemTransfer(me, [32]byte{7}, 1))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	body := fmt.Sprintf(`{"chain":"SOL","hashes":[%q],"transaction":%q}`, s.v.Pending.Hashes[0], base64.StdEncoding.EncodeToString(compile(1)))
	var made struct{ ID string }
	if a := s.call("submit", "POST", "/v1/transactions", body); json.Unmarshal([]byte(a.body), &made) != nil || a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	other, _ := s.sign(compile(2))
	if said := s.send("daemon", other); !strings.HasPrefix(said, "error: ") || s.ledger.different() != 0 {
		t.Error(said)
	}
	row, err := s.store.Get(t.Context(), "a", rowID(t, made.ID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Verify(registry.New(), &row, other); err == nil || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("%v", err)
	}
	right, txID := s.sign(compile(1))
	if said := s.send("daemon", right); said != txID {
		t.Error(said)
	}
}

// TestAsk: no other method than those of a signer, small bodies, the key in the path
// checked as everywhere, and answered by a node of the chain alone.
func TestAsk(t *testing.T) {
	s := newSol(t)
	for _, method := range []string{"getAccountInfo", "requestAirdrop", "simulateTransaction", "eth_chainId", "getLatestBlockhash ", "constructor"} {
		if _, said := s.rpc("daemon", method); !strings.HasPrefix(said, "error: this method") {
			t.Errorf("%s: %s", method, said)
		}
	}
	e := ethereum(t)
	e.tell(e.v)
	ask := func(path, body string) answer { return e.call("", "POST", path, body) }
	key := "/v3/ethereum/web3/" + e.keys["daemon"]
	for _, method := range []string{"eth_sendRawTransaction", "eth_sign", "eth_accounts", "personal_listAccounts", "debug_traceBlock", "admin_peers", "eth_call"} {
		if a := ask(key, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":[]}`); a.status != 200 || !strings.Contains(a.body, `"code":-32601`) {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
	asked := len(e.ledger.asked)
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"a batch":      {key, `[{"method":"eth_chainId"}]`, 400},
		"no method":    {key, `{"id":1}`, 400},
		"a number":     {key, `{"method":1}`, 400},
		"an object":    {key, `{"method":"eth_chainId","params":{}}`, 400},
		"nine params":  {key, `{"method":"eth_chainId","params":[1,2,3,4,5,6,7,8,9]}`, 400},
		"large":        {key, `{"method":"eth_chainId","params":["` + strings.Repeat("a", 16<<10) + `"]}`, 413},
		"no JSON":      {key, `{`, 400},
		"a query":      {key + "?x=1", `{"method":"eth_chainId"}`, 400},
		"a wrong key":  {"/v3/ethereum/web3/csk_0000000000000000_wrong", `{"method":"eth_chainId"}`, 401},
		"no such key":  {"/v3/ethereum/web3/x", `{"method":"eth_chainId"}`, 401},
		"no scope":     {"/v3/ethereum/web3/" + e.keys["admin"], `{"method":"eth_chainId"}`, 403},
		"not there":    {"/v3/solana/web3/" + e.keys["daemon"], `{"method":"eth_chainId"}`, 400},
		"no coin":      {"/v3/tron/web3/" + e.keys["daemon"], `{"method":"eth_chainId"}`, 400},
		"bitcoin":      {"/v3/blockchain/node/BTC/" + e.keys["daemon"], `{"method":"getrawtransaction"}`, 400},
		"a crooked":    {"/v3/ethereum//web3/" + e.keys["daemon"], `{"method":"eth_chainId"}`, 400},
		"with a slash": {key + "/", `{"method":"eth_chainId"}`, 400},
	} {
		if a := ask(c.path, c.body); a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := ask("/v3/bsc/web3/"+e.keys["daemon"], `{"method":"eth_chainId"}`); a.status != 200 || !strings.Contains(a.body, "configured") {
		t.Errorf("another chain: %d %s", a.status, a.body)
	}
	if a := ask(key, `{"method":"eth_gasPrice"}`); a.status != 200 || !strings.Contains(a.body, "error") {
		t.Errorf("a node that fails: %d %s", a.status, a.body)
	}
	if n := len(e.ledger.asked) - asked; n != 1 {
		t.Errorf("the node was asked %d times", n)
	}
	e.ledger.answers["eth_gasPrice"] = json.RawMessage(`"0x4a817c800"`)
	if a := e.call("daemon", "GET", "/v3/blockchain/fee/ETH", ""); a.status != 200 || a.body != `{"fast":20000000000,"medium":20000000000,"slow":20000000000}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	e.ledger.answers["eth_gasPrice"] = json.RawMessage(`"` + strings.Repeat("a", signer.MaxAnswer) + `"`)
	for path, status := range map[string]int{"/v3/blockchain/fee/ETH": 403, "/v3/blockchain/fee/BTC": 403, "/v3/blockchain/fee/X": 400,
		"/v3/ethereum/transaction/count/0x22310Bf73bC88ae2D2c9a29Bd87bC38FBAc9e6b0": 200, "/v3/ethereum/transaction/count/x": 400, "/v3/bitcoin/transaction/count/x": 403} {
		if a := e.call("daemon", "GET", path, ""); a.status != status {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// TestReports: errors are kept as quoted text without keys, cut, and told once.
func TestReports(t *testing.T) {
	p := ethereum(t)
	report := func(key, id, text string) answer {
		return p.call(key, "POST", "/v3/tatum/kms/batch", fmt.Sprintf(`{"errors":[{"signatureId":%q,"error":%s}]}`, id, quoted(text)))
	}
	text := "CONNECTION ERROR: https://kms/v3/ethereum/web3/" + p.keys["daemon"] + "/\n\x1b[2J"
	if a := report("daemon", p.id, text); a.status != 204 || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	row, err := p.store.Get(t.Context(), "a", rowID(t, p.id))
	if err != nil || !strings.Contains(row.Report, "CONNECTION ERROR: https://kms/v3/ethereum/web3/(key)/") || strings.ContainsAny(row.Report, "\n\x1b") || row.State != "pending" {
		t.Errorf("%q %v", row.Report, err)
	}
	if a := report("daemon", p.id, text); a.status != 204 || len(p.reports) != 1 || p.reports[0].ID != row.ID {
		t.Errorf("%d %s, told %d times", a.status, a.body, len(p.reports))
	}
	if a := report("daemon", p.id, strings.Repeat("\x00é", 4_000)); a.status != 204 || len(p.reports) != 2 || len(p.reports[1].Text) > 1_000 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for name, c := range map[string]struct {
		a      answer
		status int
	}{
		"another tenant": {report("b", p.id, "x"), 403}, "unknown": {report("daemon", strings.Repeat("0", 24), "x"), 403}, "no scope": {report("submit", p.id, "x"), 403},
		"bad id": {report("daemon", "x", "x"), 400}, "no list": {p.call("daemon", "POST", "/v3/tatum/kms/batch", `{}`), 400},
		"a string": {p.call("daemon", "POST", "/v3/tatum/kms/batch", `{"errors":["x"]}`), 400},
		"none":     {p.call("daemon", "POST", "/v3/tatum/kms/batch", `{"errors":[]}`), 204},
	} {
		if c.a.status != c.status {
			t.Errorf("%s: %d %s", name, c.a.status, c.a.body)
		}
	}
	if a := p.call("read", "GET", "/v1/transactions/"+p.id, ""); !strings.Contains(a.body, `"signerError":"`) {
		t.Error(a.body)
	}
	if len(p.reports) != 2 {
		t.Errorf("told %d times", len(p.reports))
	}
}
