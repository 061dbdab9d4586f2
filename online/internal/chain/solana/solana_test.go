package solana

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	sol "github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/programs/system"
	"github.com/gagliardetto/solana-go/rpc"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/scripts/rig"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

const localnet chain.ID = "solana:4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZ"

// seal signs the instructions with the keys; the first one pays.
func seal(t *testing.T, hash sol.Hash, keys []sol.PrivateKey, ins ...sol.Instruction) chain.Sealed {
	t.Helper()
	tx, err := sol.NewTransaction(ins, hash, sol.TransactionPayer(keys[0].PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Sign(func(pub sol.PublicKey) *sol.PrivateKey {
		for i := range keys {
			if keys[i].PublicKey() == pub {
				return &keys[i]
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return chain.Sealed{TxID: tx.Signatures[0].String(), Raw: raw}
}

func key(t *testing.T) sol.PrivateKey {
	t.Helper()
	k, err := sol.NewRandomPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func connect(t *testing.T, url string) *client {
	t.Helper()
	n, err := New(transport.Config{Network: localnet, URL: url, Depth: 32})
	if err != nil {
		t.Fatal(err)
	}
	return n.(*client)
}

func (c *client) latest(t *testing.T) sol.Hash {
	t.Helper()
	out, err := c.rpc.GetLatestBlockhash(t.Context(), rpc.CommitmentFinalized)
	if err != nil {
		t.Fatal(err)
	}
	return out.Value.Blockhash
}

func (c *client) expire(t *testing.T) {
	t.Helper()
	var hash string
	if err := c.rpc.RPCCallForInto(t.Context(), &hash, "svm_expireBlockhash", nil); err != nil {
		t.Fatal(err)
	}
}

func fund(t *testing.T, c *client) sol.PrivateKey {
	t.Helper()
	payer := key(t)
	if _, err := c.rpc.RequestAirdrop(t.Context(), payer.PublicKey(), 10*sol.LAMPORTS_PER_SOL, rpc.CommitmentFinalized); err != nil {
		t.Fatal(err)
	}
	return payer
}

// proves asserts that the transaction can never land, and as of when.
func proves(t *testing.T, c *client, s chain.Sealed, want node.Sighting) {
	t.Helper()
	got, err := c.Look(t.Context(), s)
	// Each blockhash that expired took a minute of the chain's time.
	if age := time.Since(time.Unix(got.AsOf, 0)); age < -10*time.Minute || age > time.Second {
		t.Errorf("proven as of %d", got.AsOf)
	}
	if got.AsOf = 0; err != nil || got != want {
		t.Fatalf("Look: got %+v, %v, want %+v", got, err, want)
	}
}

var done = node.Sighting{Seen: true, Confirmations: final}

func TestRealRuntime(t *testing.T) {
	c := connect(t, rig.Solana(t).URL)
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := *c
	other.Network = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
	if err := other.Check(t.Context()); !fault.Is(err, "node.network") {
		t.Errorf("Check of another network: %v", err)
	}
	payer := fund(t, c)
	to := key(t).PublicKey()
	pay := func(lamports uint64) chain.Sealed {
		return seal(t, c.latest(t), []sol.PrivateKey{payer}, system.NewTransferInstruction(lamports, payer.PublicKey(), to).Build())
	}

	first := pay(1_000_000)
	nodetest.Looks(t, c, first, node.Sighting{})
	nodetest.Sends(t, c, first, node.Accepted, "")
	nodetest.Looks(t, c, first, done)
	nodetest.Sends(t, c, first, node.Ambiguous, "AlreadyProcessed")

	// A blockhash that passes before the bytes leave is the end of them.
	late := pay(2_000_000)
	nodetest.Looks(t, c, late, node.Sighting{})
	c.expire(t)
	proves(t, c, late, node.Sighting{Expired: true})
	nodetest.Sends(t, c, late, node.Ambiguous, "BlockhashNotFound")
	nodetest.Looks(t, c, first, done)

	// One that lands and fails.
	poor := pay(100 * sol.LAMPORTS_PER_SOL)
	nodetest.Sends(t, c, poor, node.Rejected, "InstructionError")
	nodetest.Looks(t, c, poor, node.Sighting{})
	if _, err := c.rpc.SendEncodedTransactionWithOpts(t.Context(), base64.StdEncoding.EncodeToString(poor.Raw),
		rpc.TransactionOpts{Encoding: sol.EncodingBase64, SkipPreflight: true}); err != nil {
		t.Fatal(err)
	}
	nodetest.Looks(t, c, poor, node.Sighting{Seen: true, Confirmations: final, Failed: true})

	forged := pay(3_000_000)
	forged.Raw[len(forged.Raw)-1] ^= 1
	nodetest.Sends(t, c, forged, node.Rejected, "Signature")
	nodetest.Sends(t, c, chain.Sealed{TxID: first.TxID, Raw: []byte{1, 2}}, node.Rejected, "deserialize")
}

func TestRealDurableNonce(t *testing.T) {
	c := connect(t, rig.Solana(t).URL)
	payer, account := fund(t, c), key(t)
	me := payer.PublicKey()
	create := seal(t, c.latest(t), []sol.PrivateKey{payer, account},
		system.NewCreateAccountInstruction(10_000_000, 80, sol.SystemProgramID, me, account.PublicKey()).Build(),
		system.NewInitializeNonceAccountInstruction(me, account.PublicKey(), sol.SysVarRecentBlockHashesPubkey, sol.SysVarRentPubkey).Build())
	nodetest.Sends(t, c, create, node.Accepted, "")
	info, err := c.rpc.GetAccountInfo(t.Context(), account.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	nonce := sol.HashFromBytes(info.GetBinary()[40:72])
	pay := func(lamports uint64) chain.Sealed {
		return seal(t, nonce, []sol.PrivateKey{payer},
			system.NewAdvanceNonceAccountInstruction(account.PublicKey(), sol.SysVarRecentBlockHashesPubkey, me).Build(),
			system.NewTransferInstruction(lamports, me, account.PublicKey()).Build())
	}
	winner, loser := pay(1_000_000), pay(2_000_000)
	for range 3 {
		c.expire(t)
		nodetest.Looks(t, c, winner, node.Sighting{}) // never expires
	}
	nodetest.Sends(t, c, winner, node.Accepted, "")
	nodetest.Looks(t, c, winner, done)
	proves(t, c, loser, node.Sighting{Conflict: true})
	nodetest.Sends(t, c, loser, node.Ambiguous, "BlockhashNotFound")

	// An account that is closed will never hold the value again.
	if info, err = c.rpc.GetAccountInfo(t.Context(), account.PublicKey()); err != nil {
		t.Fatal(err)
	}
	nonce = sol.HashFromBytes(info.GetBinary()[40:72])
	orphan := pay(3_000_000)
	nodetest.Looks(t, c, orphan, node.Sighting{})
	c.expire(t)
	nodetest.Sends(t, c, seal(t, c.latest(t), []sol.PrivateKey{payer}, system.NewWithdrawNonceAccountInstruction(info.Value.Lamports,
		account.PublicKey(), me, sol.SysVarRecentBlockHashesPubkey, sol.SysVarRentPubkey, me).Build()), node.Accepted, "")
	proves(t, c, orphan, node.Sighting{Conflict: true})
}

func TestATT96FalseNode(t *testing.T) {
	payer := key(t)
	transfer := func(lamports uint64) chain.Sealed {
		return seal(t, sol.Hash{1}, []sol.PrivateKey{payer}, system.NewTransferInstruction(lamports, payer.PublicKey(), sol.PublicKey{2}).Build())
	}
	ours, theirs := transfer(1), transfer(2)
	nodetest.Hostile(t, New, localnet, ours)

	in := func(value any) any { return map[string]any{"context": map[string]any{"slot": 9}, "value": value} }
	status := func(how string, confirmations, err any) any {
		return in([]any{map[string]any{"slot": 5, "confirmations": confirmations, "err": err, "confirmationStatus": how}})
	}
	absent := in([]any{nil})
	for _, c := range []struct {
		name    string
		answers map[string]any
		want    node.Sighting
	}{
		{"processed", map[string]any{"getSignatureStatuses": status("processed", 0, nil)}, node.Sighting{Seen: true}},
		{"processed, deep claim", map[string]any{"getSignatureStatuses": status("processed", 50, nil)}, node.Sighting{Seen: true}},
		{"confirmed", map[string]any{"getSignatureStatuses": status("confirmed", 9, nil)}, node.Sighting{Seen: true, Confirmations: 9}},
		{"confirmed, not final", map[string]any{"getSignatureStatuses": status("confirmed", 400, nil)}, node.Sighting{Seen: true, Confirmations: 31}},
		{"confirmed, no count", map[string]any{"getSignatureStatuses": status("confirmed", nil, nil)}, node.Sighting{Seen: true}},
		{"final", map[string]any{"getSignatureStatuses": status("finalized", nil, nil)}, done},
		{"unknown status", map[string]any{"getSignatureStatuses": status("certain", 99, nil)}, node.Sighting{Seen: true}},
		{"failed", map[string]any{"getSignatureStatuses": status("finalized", nil, "AccountInUse")}, node.Sighting{Seen: true, Confirmations: 32, Failed: true}},
		{"expired", map[string]any{"getSignatureStatuses": absent, "isBlockhashValid": in(false), "getHealth": "ok", "getBlockTime": 1000}, node.Sighting{Expired: true, AsOf: 1000}},
		{"expired, nobody knows when", map[string]any{"getSignatureStatuses": absent, "isBlockhashValid": in(false), "getHealth": "ok", "getBlockTime": nil}, node.Sighting{}},
		{"expired, by a node that is ahead of the one that looks", map[string]any{"getSignatureStatuses": map[string]any{"context": map[string]any{"slot": 8}, "value": []any{nil}},
			"isBlockhashValid": in(false), "getHealth": "ok", "getBlockTime": 1000}, node.Sighting{}},
		{"valid", map[string]any{"getSignatureStatuses": absent, "isBlockhashValid": in(true), "getHealth": "ok"}, node.Sighting{}},
		{"behind", map[string]any{"getSignatureStatuses": absent, "isBlockhashValid": in(false), "getHealth": "behind"}, node.Sighting{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := connect(t, nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) { return c.answers[method], nil }))
			nodetest.Looks(t, n, ours, c.want)
		})
	}
	t.Run("a young blockhash", func(t *testing.T) { // the finalized bank does not know it yet
		n := connect(t, nodetest.Serve(t, func(method string, params []json.RawMessage) (any, *nodetest.Error) {
			if method == "isBlockhashValid" {
				return in(string(params[1]) == `{"commitment":"processed"}`), nil
			}
			return map[string]any{"getSignatureStatuses": absent, "getHealth": "ok"}[method], nil
		}))
		nodetest.Looks(t, n, ours, node.Sighting{})
	})
	t.Run("lands between look and proof", func(t *testing.T) {
		proven := false
		n := connect(t, nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
			switch method {
			case "getHealth":
				proven = true
				return "ok", nil
			case "isBlockhashValid":
				return in(false), nil
			case "getBlockTime":
				return 1000, nil
			}
			if proven {
				return status("confirmed", 1, nil), nil
			}
			return absent, nil
		}))
		nodetest.Looks(t, n, ours, node.Sighting{Seen: true, Confirmations: 1})
	})
	t.Run("names another signature", func(t *testing.T) {
		n := connect(t, nodetest.Serve(t, func(string, []json.RawMessage) (any, *nodetest.Error) { return theirs.TxID, nil }))
		nodetest.Sends(t, n, ours, node.Ambiguous, "ALARM")
	})
	if _, err := New(transport.Config{Network: "eip155:1"}); !fault.Is(err, "node.network") {
		t.Errorf("another family's network: %v", err)
	}
}

// TestNonceAccounts: what proves that a durable nonce is used up, and what does not.
func TestNonceAccounts(t *testing.T) {
	payer := key(t)
	me, account := payer.PublicKey(), key(t).PublicKey()
	s := seal(t, sol.Hash{1}, []sol.PrivateKey{payer},
		system.NewAdvanceNonceAccountInstruction(account, sol.SysVarRecentBlockHashesPubkey, me).Build(),
		system.NewTransferInstruction(1, me, account).Build())
	holds := func(state, first byte, size int) string {
		b := make([]byte, 80)
		b[4], b[40] = state, first
		return base64.StdEncoding.EncodeToString(b[:size])
	}
	program := sol.SystemProgramID.String()
	at := func(slot int, owner, data any) any {
		return map[string]any{"context": map[string]any{"slot": slot}, "value": map[string]any{"owner": owner, "data": data, "lamports": 1}}
	}
	gone := node.Sighting{Conflict: true, AsOf: 1000}
	for name, c := range map[string]struct {
		account any
		want    node.Sighting
	}{
		"ours":                           {at(9, program, []string{holds(1, 1, 80), "base64"}), node.Sighting{}},
		"another":                        {at(9, program, []string{holds(1, 2, 80), "base64"}), gone},
		"closed":                         {map[string]any{"context": map[string]any{"slot": 9}, "value": nil}, gone},
		"closed, and paid since":         {at(9, program, []string{"", "base64"}), gone},
		"closed, nobody knows when":      {map[string]any{"value": nil}, node.Sighting{}},
		"nothing":                        {nil, node.Sighting{}},
		"no data":                        {at(9, program, nil), node.Sighting{}},
		"not initialized":                {at(9, program, []string{holds(0, 2, 80), "base64"}), node.Sighting{}},
		"cut short":                      {at(9, program, []string{holds(1, 2, 79), "base64"}), node.Sighting{}},
		"of another program":             {at(9, sol.TokenProgramID.String(), []string{holds(1, 2, 80), "base64"}), node.Sighting{}},
		"newer than what is known of it": {at(10, program, []string{holds(1, 2, 80), "base64"}), node.Sighting{}},
	} {
		t.Run(name, func(t *testing.T) {
			n := connect(t, nodetest.Serve(t, func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
				return map[string]any{"getAccountInfo": c.account, "getBlockTime": 1000,
					"getSignatureStatuses": map[string]any{"context": map[string]any{"slot": 9}, "value": []any{nil}}}[method], nil
			}))
			nodetest.Looks(t, n, s, c.want)
		})
	}
}
