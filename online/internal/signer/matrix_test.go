package signer_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// find gives a case.
func find(t *testing.T, chain, network, name string) vector {
	t.Helper()
	for _, v := range vectors(t, chain) {
		if v.Network == network && v.Name == name {
			return v
		}
	}
	t.Fatalf("no case %s %s %s", chain, network, name)
	return vector{}
}

// payment is a world with one pending payment of ETH, and its key.
type payment struct {
	*world
	v   vector
	id  string
	tx  *types.Transaction
	key *secp256k1.PrivateKey
}

func ethereum(t *testing.T) *payment {
	v := find(t, "ETH", "testnet", "native-full")
	p := &payment{world: newWorld(t, "ETH", true), v: v, tx: new(types.Transaction)}
	p.wallets(v)
	p.id = p.submit(v)
	if err := p.tx.UnmarshalBinary(hexutil.MustDecode(v.Expected.Request.Body["txData"])); err != nil {
		t.Fatal(err)
	}
	p.key = secp256k1.PrivKeyFromBytes(hexutil.MustDecode(v.KeyMaterial[v.Pending.Hashes[0]].PrivateKey))
	return p
}

// with hands in other data for the row.
func (p *payment) with(data string) answer {
	p.Helper()
	return p.handIn(p.v, p.id, func(b map[string]string) { b["txData"] = data })
}

func hexOf(t *testing.T, tx *types.Transaction) string {
	t.Helper()
	b, err := tx.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return hexutil.Encode(b)
}

// again signs with the n-th nonce of RFC 6979: as valid as the first, and other bytes.
func (p *payment) again(n uint32) string {
	p.Helper()
	s := types.NewEIP155Signer(p.tx.ChainId())
	digest := s.Hash(p.tx)
	k := secp256k1.NonceRFC6979(p.key.Serialize(), digest[:], nil, nil, n)
	var point secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(k, &point)
	point.ToAffine()
	var r, e, sum secp256k1.ModNScalar
	r.SetByteSlice(point.X.Bytes()[:])
	e.SetByteSlice(digest[:])
	sum.Set(&r).Mul(&p.key.Key).Add(&e).Mul(new(secp256k1.ModNScalar).InverseValNonConst(k))
	v := byte(0)
	if point.Y.IsOdd() {
		v = 1
	}
	if sum.IsOverHalfOrder() {
		sum.Negate()
		v ^= 1
	}
	rb, sb := r.Bytes(), sum.Bytes()
	signed, err := p.tx.WithSignature(s, append(append(rb[:], sb[:]...), v))
	if err != nil {
		p.Fatal(err)
	}
	if from, err := types.Sender(s, signed); err != nil || from != crypto.PubkeyToAddress(p.key.ToECDSA().PublicKey) {
		p.Fatalf("the other signature is not valid: %v", err)
	}
	return hexOf(p.T, signed)
}

// TestTwoSignatures: of several valid signatures one wins, however they race, and
// the others are never sent.
func TestTwoSignatures(t *testing.T) {
	p := ethereum(t)
	data := []string{p.v.Expected.Request.Body["txData"], p.again(1), p.again(2)}
	answers := make([]answer, 9)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = p.with(data[i%3]) })
	}
	all.Wait()
	won := -1
	for i, a := range answers {
		if a.status == 200 {
			if won >= 0 && won != i%3 {
				t.Errorf("signatures %d and %d both won", won, i%3)
			}
			won = i % 3
		} else if a.status != 403 || a.code() != "kms.transaction.mismatch" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if won < 0 || p.ledger.different() != 1 {
		t.Fatalf("signature %d won, and %d transactions were sent", won, p.ledger.different())
	}
	for i, d := range data {
		if a := p.with(d); (a.status == 200) != (i == won) {
			t.Errorf("afterwards signature %d is %d %s", i, a.status, a.body)
		}
	}
	if p.ledger.different() != 1 {
		t.Error("another one was sent afterwards")
	}
}

// TestNotThePendingOne: whatever is changed, signed by the right key or not, is not
// taken, nothing is sent, and the right one is taken afterwards.
func TestNotThePendingOne(t *testing.T) {
	p := ethereum(t)
	good := p.v.Expected.Request.Body["txData"]
	key := p.key.ToECDSA()
	signed := func(change func(*types.LegacyTx)) string {
		inner := &types.LegacyTx{Nonce: p.tx.Nonce(), GasPrice: p.tx.GasPrice(), Gas: p.tx.Gas(), To: p.tx.To(), Value: p.tx.Value(), Data: p.tx.Data()}
		change(inner)
		tx, err := types.SignNewTx(key, types.NewEIP155Signer(p.tx.ChainId()), inner)
		if err != nil {
			t.Fatal(err)
		}
		return hexOf(t, tx)
	}
	if signed(func(*types.LegacyTx) {}) != good {
		t.Fatal("the test signs otherwise than the daemon")
	}
	_, r, s := p.tx.RawSignatureValues()
	high := types.NewTx(&types.LegacyTx{Nonce: p.tx.Nonce(), GasPrice: p.tx.GasPrice(), Gas: p.tx.Gas(), To: p.tx.To(), Value: p.tx.Value(),
		V: flipped(mustV(p.tx)), R: r, S: new(big.Int).Sub(crypto.S256().Params().N, s)})
	other, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := types.SignTx(p.tx, types.NewEIP155Signer(p.tx.ChainId()), other)
	if err != nil {
		t.Fatal(err)
	}
	mainnet, err := types.SignTx(p.tx, types.NewEIP155Signer(big.NewInt(1)), key)
	if err != nil {
		t.Fatal(err)
	}
	typed, err := types.SignNewTx(key, types.NewLondonSigner(p.tx.ChainId()), &types.DynamicFeeTx{ChainID: p.tx.ChainId(), Nonce: p.tx.Nonce(),
		GasTipCap: p.tx.GasPrice(), GasFeeCap: p.tx.GasPrice(), Gas: p.tx.Gas(), To: p.tx.To(), Value: p.tx.Value()})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"nonce":          signed(func(x *types.LegacyTx) { x.Nonce++ }),
		"gas":            signed(func(x *types.LegacyTx) { x.Gas++ }),
		"price":          signed(func(x *types.LegacyTx) { x.GasPrice = big.NewInt(1) }),
		"value":          signed(func(x *types.LegacyTx) { x.Value = big.NewInt(1) }),
		"receiver":       signed(func(x *types.LegacyTx) { x.To = &common.Address{1} }),
		"data":           signed(func(x *types.LegacyTx) { x.Data = []byte{1} }),
		"creation":       signed(func(x *types.LegacyTx) { x.To = nil }),
		"high s":         hexOf(t, high),
		"another key":    hexOf(t, stranger),
		"another chain":  hexOf(t, mainnet),
		"another type":   hexOf(t, typed),
		"a byte more":    good + "00",
		"a byte less":    good[:len(good)-2],
		"unsigned":       hexOf(t, types.NewTx(&types.LegacyTx{Nonce: 5})),
		"one byte":       "0x00",
		"only a type":    "0x02",
		"an empty list":  "0xc0",
		"a deep list":    "0x" + hex.EncodeToString(append([]byte{0xf8, 200}, make([]byte, 200)...)),
		"another chain'": find(t, "ETH", "mainnet", "native-full").Expected.Request.Body["txData"],
	} {
		if a := p.with(data); a.status != 403 || a.code() != "kms.transaction.mismatch" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for name, data := range map[string]string{"no 0x": good[2:], "no hex": "0xzz", "empty": "", "0x": "0x"} {
		if a := p.with(data); a.status != 400 || a.code() != "validation.failed" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if state, _ := p.state(p.id); state != "pending" || p.ledger.different() != 0 {
		t.Fatalf("the row is %s, and %d were sent", state, p.ledger.different())
	}
	if a := p.with(good); a.status != 200 {
		t.Errorf("the right one: %d %s", a.status, a.body)
	}
}

func mustV(tx *types.Transaction) *big.Int { v, _, _ := tx.RawSignatureValues(); return v }

// flipped is v of the same signature with the other s.
func flipped(v *big.Int) *big.Int {
	if v.Bit(0) == 1 {
		return new(big.Int).Add(v, big.NewInt(1))
	}
	return new(big.Int).Sub(v, big.NewInt(1))
}

// TestWhoMayHandIn: scope, tenant, route, withdrawal, and nothing without a row.
func TestWhoMayHandIn(t *testing.T) {
	p := ethereum(t)
	good := p.v.Expected.Request.Body["txData"]
	body := func(id, data string) string { return `{"txData":"` + data + `","signatureId":"` + id + `"}` }
	unknown := strings.Repeat("0", 24)
	for name, c := range map[string]struct {
		key, path, body string
		status          int
		code            string
	}{
		"no key":             {"", "/v3/ethereum/broadcast", body(p.id, good), 401, "subscription.invalid"},
		"submit":             {"submit", "/v3/ethereum/broadcast", body(p.id, good), 403, "apikey.scope"},
		"read":               {"read", "/v3/ethereum/broadcast", body(p.id, good), 403, "apikey.scope"},
		"admin":              {"admin", "/v3/ethereum/broadcast", body(p.id, good), 403, "apikey.scope"},
		"another tenant":     {"b", "/v3/ethereum/broadcast", body(p.id, good), 403, "kms.missing"},
		"no such row":        {"daemon", "/v3/ethereum/broadcast", body(unknown, good), 403, "kms.missing"},
		"no row":             {"daemon", "/v3/ethereum/broadcast", `{"txData":"` + good + `"}`, 403, "broadcast.foreign"},
		"a null row":         {"daemon", "/v3/ethereum/broadcast", `{"txData":"` + good + `","signatureId":null}`, 403, "broadcast.foreign"},
		"another chain":      {"daemon", "/v3/bsc/broadcast", body(p.id, good), 403, "kms.transaction.mismatch"},
		"no such chain":      {"daemon", "/v3/tron/broadcast", body(p.id, good), 400, "validation.failed"},
		"no data":            {"daemon", "/v3/ethereum/broadcast", `{"signatureId":"` + p.id + `"}`, 400, "validation.failed"},
		"a bad id":           {"daemon", "/v3/ethereum/broadcast", body("x", good), 400, "validation.failed"},
		"a field more":       {"daemon", "/v3/ethereum/broadcast", `{"txData":"` + good + `","signatureId":"` + p.id + `","fromPrivateKey":"0x00"}`, 400, "validation.failed"},
		"another withdrawal": {"daemon", "/v3/offchain/withdrawal/broadcast", `{"currency":"ETH","withdrawalId":"` + unknown + `","txData":"` + good + `","signatureId":"` + p.id + `"}`, 403, "kms.transaction.mismatch"},
		"no currency":        {"daemon", "/v3/offchain/withdrawal/broadcast", `{"withdrawalId":"` + unknown + `","txData":"` + good + `","signatureId":"` + p.id + `"}`, 400, "validation.failed"},
		"another currency":   {"daemon", "/v3/offchain/withdrawal/broadcast", `{"currency":"TRON","withdrawalId":"` + unknown + `","txData":"` + good + `","signatureId":"` + p.id + `"}`, 400, "validation.failed"},
	} {
		if a := p.call(c.key, "POST", c.path, c.body); a.status != c.status || a.code() != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	missing := p.call("b", "POST", "/v3/ethereum/broadcast", body(p.id, good))
	none := p.call("b", "POST", "/v3/ethereum/broadcast", body(unknown, good))
	if strings.ReplaceAll(missing.body, p.id, "") != strings.ReplaceAll(none.body, unknown, "") {
		t.Errorf("another tenant's row is told from none: %s, %s", missing.body, none.body)
	}
	if state, _ := p.state(p.id); state != "pending" || p.ledger.different() != 0 {
		t.Errorf("the row is %s, and %d were sent", state, p.ledger.different())
	}
	if a := p.call("sign", "POST", "/v3/ethereum/broadcast", body(p.id, good)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestTooLate: what was exported, cancelled or is past its deadline is not taken; and
// what is on its way is not cancelled.
func TestTooLate(t *testing.T) {
	t.Run("exported", func(t *testing.T) {
		p := ethereum(t)
		peer := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
		if err := p.store.SetPeer(t.Context(), peer, peer, false); err != nil {
			t.Fatal(err)
		}
		seal := func(uint64, [32]byte, int64, []pending.Transaction) ([]byte, error) { return []byte("bundle"), nil }
		if _, _, _, err := p.store.Export(t.Context(), store.Selection{}, seal); err != nil {
			t.Fatal(err)
		}
		p.wantRefused("kms.exported", "exported")
	})
	t.Run("cancelled", func(t *testing.T) {
		p := ethereum(t)
		p.call("submit", "DELETE", "/v3/kms/"+p.id, "")
		p.wantRefused("state.conflict", "cancelled")
	})
	t.Run("deadline", func(t *testing.T) {
		p := ethereum(t)
		body := `{"chain":"ETH","hashes":["` + p.v.Pending.Hashes[0] + `"],"serializedTransaction":` + quoted(strings.Replace(freeze(t, p.v), `"nonce":5`, `"nonce":6`, 1)) + `,"deadline":1800000060}`
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(p.call("submit", "POST", "/v1/transactions", body).body), &made); err != nil || made.ID == "" {
			t.Fatal(body)
		}
		key := p.key.ToECDSA()
		tx, err := types.SignNewTx(key, types.NewEIP155Signer(p.tx.ChainId()), &types.LegacyTx{Nonce: 6, GasPrice: p.tx.GasPrice(), Gas: p.tx.Gas(), To: p.tx.To(), Value: p.tx.Value()})
		if err != nil {
			t.Fatal(err)
		}
		first := p.id
		p.id, p.v.Expected.Request.Body["txData"] = made.ID, hexOf(t, tx)
		p.now = p.now.Add(2 * time.Minute)
		p.wantRefused("deadline.passed", "pending")
		p.now = p.now.Add(-2 * time.Minute)
		if a := p.handIn(p.v, p.id, nil); a.status != 200 || first == p.id {
			t.Errorf("in time: %d %s", a.status, a.body)
		}
	})
	t.Run("broadcast", func(t *testing.T) {
		p := ethereum(t)
		if a := p.handIn(p.v, p.id, nil); a.status != 200 {
			t.Fatal(a.body)
		}
		if a := p.call("submit", "DELETE", "/v3/kms/"+p.id, ""); a.status != 403 || a.code() != "state.conflict" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

// wantRefused hands the right transaction in, too late.
func (p *payment) wantRefused(code, state string) {
	p.Helper()
	if a := p.handIn(p.v, p.id, nil); a.status != 403 || a.code() != code {
		p.Errorf("%d %s, want %s", a.status, a.body, code)
	}
	if got, _ := p.state(p.id); got != state || p.ledger.different() != 0 {
		p.Errorf("the row is %s, and %d were sent", got, p.ledger.different())
	}
}

// TestNodeTrouble: what a node does not take stays sealed. The same call again sends
// the same bytes; so does the loop by itself.
func TestNodeTrouble(t *testing.T) {
	p := ethereum(t)
	p.ledger.refuses = fault.New("node.funds", "", "its words are \"insufficient funds, secret\"")
	a := p.handIn(p.v, p.id, nil)
	if a.status != 403 || a.code() != "ethereum.broadcast.failed" || strings.Contains(a.body, "secret") || !strings.Contains(a.body, "cannot pay") {
		t.Errorf("%d %s", a.status, a.body)
	}
	p.ledger.down = true
	if a := p.handIn(p.v, p.id, nil); a.status != 403 || a.code() != "ethereum.broadcast.failed" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := p.with(p.again(1)); a.status != 403 || a.code() != "kms.transaction.mismatch" {
		t.Errorf("another signature meanwhile: %d %s", a.status, a.body)
	}
	if state, txID := p.state(p.id); state != "broadcasting" || txID != p.v.Expected.TxID {
		t.Errorf("the row is %s %s", state, txID)
	}
	p.ledger.refuses, p.ledger.down = nil, false
	if _, err := p.loop.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := p.handIn(p.v, p.id, nil); a.status != 200 || p.ledger.different() != 1 {
		t.Errorf("%d %s, and %d different ones were sent", a.status, a.body, p.ledger.different())
	}
	row, err := p.store.Get(t.Context(), store.Any, rowID(t, p.id))
	if err != nil || row.State != pending.Complete {
		t.Errorf("the row is %s, %v", row.State, err)
	}
}

// asker stands for an approval service.
type asker struct{ err error }

func (a *asker) Ask(context.Context, *pending.Transaction) (store.Approval, error) {
	return store.Approval{Kind: "verdict", Verdict: []byte("yes")}, a.err
}

// TestApproved: where payments need an approval to cross the gap, one that nobody
// approved is not taken from a hot signer either.
func TestApproved(t *testing.T) {
	p := ethereum(t)
	a := &asker{fault.New("four-eyes.refused", "", "the approval service said no")}
	p.store.Require(a)
	p.wantRefused("four-eyes.refused", "pending")
	a.err = nil
	if a := p.handIn(p.v, p.id, nil); a.status != 200 {
		t.Errorf("approved: %d %s", a.status, a.body)
	}
}
