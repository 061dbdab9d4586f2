package solana_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go/base58"

	client "coldsign/online/internal/chain/solana"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/create"
	"coldsign/online/internal/create/solana"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	nodes "coldsign/scripts/rig"

	"coldsign/scripts/fund"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	codec "coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

const localnet chain.ID = "solana:4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZ"

const (
	wallet = "33333333-3333-4333-8333-333333333333"
	payer  = "44444444-4444-4444-8444-444444444444"
)

// rig is a creator over a real store, intake and runtime, with two wallets.
type rig struct {
	*testing.T
	create *create.Creator
	node   node.Node
	chain  *fund.Solana
	keys   map[string]ed25519.PrivateKey // by address
	from   string
	fees   string
	now    time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	url := nodes.Solana(t).URL
	r := &rig{T: t, keys: map[string]ed25519.PrivateKey{}, now: time.Unix(1_800_000_000, 0)}
	now := func() time.Time { return r.now }
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "kms.db"), now)
	r.ok(err)
	t.Cleanup(func() { s.Close() })
	r.node, err = client.New(transport.Config{Network: localnet, URL: url, Depth: 32})
	r.ok(err)
	r.chain, err = fund.NewSolana(t.Context(), url)
	r.ok(err)
	r.from, r.fees = r.wallet(s, wallet, 1), r.wallet(s, payer, 2)
	r.ok(r.chain.Fund(t.Context(), 5_000_000_000, r.from, r.fees))
	in := &intake.Intake{Chains: registry.New().All(), Networks: []chain.ID{localnet}, Wallets: s, Now: now}
	r.create = &create.Creator{Store: s, Intake: in, Nodes: map[chain.ID]node.Node{localnet: r.node}, Builders: map[string]create.Builder{"solana": solana.New(now)}}
	return r
}

func (r *rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) wallet(s *store.Store, id string, seed byte) string {
	r.Helper()
	sid, err := bundle.ParseSignatureID(id)
	r.ok(err)
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	public := key.Public().(ed25519.PublicKey)
	r.ok(s.PutWallets(r.Context(), []bundle.Wallet{{SignatureID: sid, Chain: "SOL", Testnet: true, Curve: chain.Ed25519, Key: public}}))
	r.keys[base58.Encode(public)] = key
	return base58.Encode(public)
}

func (r *rig) call(kind create.Kind, body string) (*pending.Transaction, error) {
	call := create.Call{Chain: "SOL", Kind: kind}
	if kind == create.Token {
		call.Chain = ""
	}
	return r.create.Create(r.Context(), create.Caller{Tenant: "a", Name: "app"}, call, []byte(body), store.Idempotency{Body: sha256.Sum256([]byte(body))})
}

// body is a payment with more members.
func (r *rig) body(to, amount string, more ...string) string {
	return "{" + strings.Join(append([]string{`"from":"` + r.from + `"`, `"to":"` + to + `"`, `"amount":"` + amount + `"`, `"signatureId":"` + wallet + `"`}, more...), ",") + "}"
}

// land signs the row with the codec's own reading, and has it land.
func (r *rig) land(row *pending.Transaction) chain.Review {
	r.Helper()
	request, err := intake.Request(row)
	r.ok(err)
	unsigned, err := request.Unsigned()
	r.ok(err)
	tx, err := codec.New().Decode(unsigned)
	r.ok(err)
	var sigs []chain.Signature
	for _, q := range tx.ToSign() {
		sigs = append(sigs, chain.Signature{Key: q.Key, Scheme: q.Scheme, Bytes: ed25519.Sign(r.keys[base58.Encode(q.Key.Bytes())], q.Message)})
	}
	sealed, err := tx.Seal(sigs)
	r.ok(err)
	if out, err := r.node.Send(r.Context(), sealed); out != node.Accepted {
		r.Fatalf("not taken: %v", err)
	}
	if saw, err := r.node.Look(r.Context(), sealed); err != nil || !saw.Seen || saw.Failed {
		r.Fatalf("%+v %v", saw, err)
	}
	return tx.Review()
}

// TestPayments: SOL and tokens, by a blockhash and by a nonce, with the fee paid by
// either wallet, on the runtime of Solana; and what is refused.
func TestPayments(t *testing.T) {
	r := newRig(t)
	t.Run("made", func(t *testing.T) { payments(t, r) })
	t.Run("refused", func(t *testing.T) { refused(t, r) })
}

func payments(t *testing.T, r *rig) {
	mint, err := r.chain.Token(t.Context(), r.from, 5_000_000)
	r.ok(err)
	account, _, err := r.chain.NonceAccount(t.Context(), r.fees)
	r.ok(err)
	to := fund.NewSolanaAddress()
	fees := []string{`"feePayer":"` + r.fees + `"`, `"feePayerSignatureId":"` + payer + `"`}
	durable := append(fees, `"nonceAccount":"`+account+`"`)
	token := []string{`"chain":"SOL"`, `"contractAddress":"` + mint + `"`, `"digits":6`}
	for _, c := range []struct {
		name    string
		kind    create.Kind
		body    string
		durable bool
	}{
		{"SOL", create.Transaction, r.body(to, "0.5"), false},
		{"SOL, another pays the fee", create.Transaction, r.body(to, "0.25", fees...), false},
		{"SOL by a nonce", create.Transaction, r.body(to, "0.125", durable...), true},
		{"tokens, to a new account", create.Token, r.body(to, "1.5", token...), false},
		{"tokens by a nonce, to the same", create.Token, r.body(to, "0.5", append(token, durable...)...), true},
	} {
		row, err := r.call(c.kind, c.body)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if (row.Deadline == 0) != c.durable || !c.durable && row.Deadline != r.now.Unix()+60 {
			t.Errorf("%s: deadline %d", c.name, row.Deadline)
		}
		if c.durable { // of one value of the nonce there is one row
			if _, err := r.call(c.kind, c.body); !fault.Is(err, "reservation.conflict") {
				t.Errorf("%s: a second one: %v", c.name, err)
			}
		}
		review := r.land(row)
		if len(review.Opaque) != 0 {
			t.Errorf("%s: unexplained %+v", c.name, review.Opaque)
		}
	}
	if got := fmt.Sprint(r.balances(to, mint)); got != "[875000000 2000000]" {
		t.Errorf("the recipient has %s", got)
	}
}

func (r *rig) balances(owner, mint string) (list [2]uint64) {
	r.Helper()
	var err error
	list[0], err = r.chain.Balance(r.Context(), owner, "")
	r.ok(err)
	list[1], err = r.chain.Balance(r.Context(), owner, mint)
	r.ok(err)
	return list
}

// refused: what nobody could sign, or what would not be what was asked for.
func refused(t *testing.T, r *rig) {
	mint, err := r.chain.Token(t.Context(), r.from, 5_000_000)
	r.ok(err)
	account, _, err := r.chain.NonceAccount(t.Context(), fund.NewSolanaAddress())
	r.ok(err)
	to := fund.NewSolanaAddress()
	token := func(more ...string) []string { return append([]string{`"chain":"SOL"`}, more...) }
	for _, c := range []struct {
		name, property string
		kind           create.Kind
		body           string
	}{
		{"another's address", "from", create.Transaction, strings.Replace(r.body(to, "1"), r.from, r.fees, 1)},
		{"to itself", "to", create.Transaction, r.body(r.from, "1")},
		{"nothing", "amount", create.Transaction, r.body(to, "0")},
		{"a part of a lamport", "amount", create.Transaction, r.body(to, "0.0000000001")},
		{"more than there can be", "amount", create.Transaction, r.body(to, "18446744074")},
		{"no address", "to", create.Transaction, r.body("x"+to[1:], "1")},
		{"a fee payer without a wallet", "feePayer", create.Transaction, r.body(to, "1", `"feePayer":"`+r.fees+`"`)},
		{"a wallet without a fee payer", "feePayer", create.Transaction, r.body(to, "1", `"feePayerSignatureId":"`+payer+`"`)},
		{"a key", "fromPrivateKey", create.Transaction, r.body(to, "1", `"fromPrivateKey":"x"`)},
		{"a field that is none", "note", create.Transaction, r.body(to, "1", `"note":"x"`)},
		{"no nonce account", "nonceAccount", create.Transaction, r.body(to, "1", `"nonceAccount":"`+to+`"`)},
		{"another's nonce account", "nonceAccount", create.Transaction, r.body(to, "1", `"nonceAccount":"`+account+`"`)},
		{"wrong digits", "digits", create.Token, r.body(to, "1", token(`"contractAddress":"`+mint+`"`, `"digits":9`)...)},
		{"no mint", "contractAddress", create.Token, r.body(to, "1", token(`"contractAddress":"`+r.from+`"`, `"digits":6`)...)},
	} {
		_, err := r.call(c.kind, c.body)
		e, ok := errors.AsType[intake.FieldErrors](err)
		if !ok || e[0].Property != c.property {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	row, err := r.call(create.Transaction, r.body(to, "0.000001"))
	r.ok(err)
	if request, err := intake.Request(row); err != nil || !strings.Contains(request.Note, "rent") {
		t.Errorf("the operator is told %q, %v", request.Note, err)
	}
	r.create.Nodes = nil
	if _, err := r.call(create.Transaction, r.body(to, "1")); !fault.Is(err, "create.node") {
		t.Errorf("without a node: %v", err)
	}
}

// hurried is a node whose chain is so many blocks from the end of its newest blockhash.
type hurried struct {
	node.Node
	left uint64
}

func (h hurried) Ask(ctx context.Context, method string, params []json.RawMessage) (json.RawMessage, error) {
	answer, err := h.Node.(node.Asker).Ask(ctx, method, params)
	var height uint64
	if method != "getBlockHeight" || err != nil || json.Unmarshal(answer, &height) != nil {
		return answer, err
	}
	return json.Marshal(height + 150 - h.left)
}

// TestBlockhashAtItsEnd: a blockhash with which nobody can pay any more is the node's
// fault, not the caller's, who may try again.
func TestBlockhashAtItsEnd(t *testing.T) {
	r := newRig(t)
	for left, want := range map[uint64]string{0: "create.node", 1: "create.node", 9: "create.node", 10: ""} {
		r.create.Nodes[localnet] = hurried{r.node, left}
		row, err := r.call(create.Transaction, r.body(fund.NewSolanaAddress(), "0.01"))
		if (err == nil) != (want == "") || err != nil && fault.Code(err) != want || err == nil && row.Deadline != r.now.Unix()+4 {
			t.Errorf("%d blocks left: %v, want %q", left, err, want)
		}
	}
}
