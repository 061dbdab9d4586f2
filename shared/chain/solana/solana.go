// Package solana reads, explains and seals Solana messages, legacy and v0.
//
//	unsigned := chain.Unsigned{Network: "solana:5eykt...", Signers: keys, Payload: message}
//	tx, err := solana.New().Decode(unsigned)
//
// The payload is the serialized message, whose every byte each signer signs.
// Validators read messages leniently; this decoder does not: one encoding, no
// duplicate accounts, no lookup tables. An instruction is told in full or is
// opaque; what an instruction does on the chain beyond its documented effect
// (a token's extensions, the present owner of an account) is never claimed.
//
// Sources: the transaction format of solana.com/docs/core/transactions, and the
// instruction enums of solana-system-interface, spl-token-interface,
// spl-token-2022-interface, spl-associated-token-account-interface and
// solana-compute-budget-interface.
package solana

import (
	"crypto/ed25519"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/gagliardetto/solana-go/base58"
)

// NetworkTable lists the Solana networks. CAIP-2 names one by the first 32
// characters of its genesis hash; localnet's is 32 bytes of value 1, as in the
// local test server.
func NetworkTable() []chain.Network {
	network := func(id chain.ID, name, symbol string) chain.Network {
		n := chain.Network{ID: id, Chain: "SOL", Name: name, Testnet: name != "mainnet",
			Asset:  chain.Asset{ID: string(id), Symbol: symbol, Decimals: 9},
			FeeCap: big.NewInt(100_000_000), // 0.1 SOL
			Depth:  32}
		if !n.Testnet {
			n.Explorer = "https://solscan.io/tx/"
		}
		return n
	}
	return []chain.Network{
		network("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "mainnet", "SOL"),
		network("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", "devnet", "devSOL"),
		network("solana:4uhcVJyU9pJkvQyS88uRDiswHScSGkQy", "testnet", "testSOL"),
		network("solana:4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZ", "localnet", "localSOL"),
	}
}

func lookup(id chain.ID) (chain.Network, bool) {
	table := NetworkTable()
	i := slices.IndexFunc(table, func(n chain.Network) bool { return n.ID == id })
	if i < 0 {
		return chain.Network{}, false
	}
	return table[i], true
}

type codec struct{}

// New gives the codec.
func New() chain.Codec { return codec{} }

// Networks lists the ids of NetworkTable.
func (codec) Networks() []chain.ID {
	var ids []chain.ID
	for _, n := range NetworkTable() {
		ids = append(ids, n.ID)
	}
	return ids
}

// Decode reads a message. Its required signers and u.Signers must be the same
// keys, in any order.
func (codec) Decode(u chain.Unsigned) (chain.Tx, error) {
	network, ok := lookup(u.Network)
	if !ok {
		return nil, fault.New("solana.network", "", "%q is no solana network", string(u.Network))
	}
	m, err := parse(u.Payload)
	if err != nil {
		return nil, err
	}
	keys, err := m.signers(u.Signers)
	if err != nil {
		return nil, err
	}
	in, err := interpret(m, network, u.Evidence)
	if err != nil {
		return nil, err
	}
	return &tx{in: in, keys: keys}, nil
}

// signers gives the message's required signers, in its order, if they are the
// wanted keys, each once.
func (m *message) signers(wanted []chain.PublicKey) ([]chain.PublicKey, error) {
	var keys []chain.PublicKey
	for _, k := range m.keys[:m.required] {
		key, err := chain.NewPublicKey(chain.Ed25519, k[:])
		if err != nil {
			return nil, err
		}
		if !slices.Contains(wanted, key) {
			return nil, fault.New("solana.signers", "name a key for every signer of the message",
				"message needs the signature of %s, which is not among the keys that are to sign", text(k))
		}
		keys = append(keys, key)
	}
	if len(wanted) != len(keys) {
		return nil, fault.New("solana.signers", "name each signer of the message once, and no other key",
			"%d keys are to sign and the message needs %d", len(wanted), len(keys))
	}
	return keys, nil
}

// interpreter reads a message's instructions in order and gathers the review.
type interpreter struct {
	m        *message
	network  chain.Network
	proven   map[address]Fact // token accounts
	acted    map[int]bool     // keys whose signature some explained instruction needs
	budget   budget
	rent     uint64 // lamports, at most, that new associated token accounts take
	made     []*newAccount
	deadline chain.Deadline
	effects  []chain.Effect
	warnings []chain.Warning
	opaque   []chain.Opaque
	details  []chain.Detail
}

func interpret(m *message, network chain.Network, evidence []byte) (*interpreter, error) {
	in := &interpreter{m: m, network: network, acted: map[int]bool{}}
	var err error
	if in.proven, err = m.prove(evidence); err != nil {
		return nil, err
	}
	if in.deadline, in.warnings, err = authorize(m); err != nil {
		return nil, err
	}
	var calls []*call
	for i, x := range m.instructions {
		c := &call{instruction: x, interpreter: in, n: i + 1}
		if err := c.read(); err != nil {
			return nil, err
		}
		calls = append(calls, c)
	}
	in.settle()
	for _, c := range calls {
		c.finish()
	}
	in.tellAccounts()
	return in, nil
}

// tellAccounts lists the keys in the message's order with their flags, and warns of
// signers that only pay.
func (in *interpreter) tellAccounts() {
	for i, k := range in.m.keys {
		flags := []string{text(k)}
		if n := programName(text(k)); n != "" {
			flags[0] += " (" + n + " program)"
		}
		if in.m.signer(i) {
			flags = append(flags, "signs")
		}
		if in.m.writable(i) {
			flags = append(flags, "writable")
		}
		in.details = append(in.details, chain.Detail{Name: fmt.Sprintf("#%d", i), Value: strings.Join(flags, ", ")})
		switch {
		case !in.m.signer(i) || in.acted[i]:
		case i == 0:
			in.warnings = append(in.warnings, chain.Warning{Code: "solana.fee-payer-only",
				Text: text(k) + " pays the fee and signs for nothing else that could be explained"})
		default:
			in.warnings = append(in.warnings, chain.Warning{Code: "solana.fee-payer-only",
				Text: text(k) + " signs for nothing that could be explained"})
		}
	}
}

// tx is one decoded message.
type tx struct {
	in   *interpreter
	keys []chain.PublicKey // that sign, in the message's order
}

// Review tells what the message does. Accounts are numbered as the message
// numbers them; every one is spelled out once, at the end.
func (t *tx) Review() chain.Review {
	in := t.in
	kind := "Solana legacy message"
	if in.m.v0 {
		kind = "Solana v0 message"
	}
	effects := slices.Clone(in.effects)
	for i := range effects {
		effects[i].Amount = new(big.Int).Set(effects[i].Amount)
	}
	return chain.Review{
		Network: in.network.ID, Kind: kind, Effects: effects, Fee: in.fee(), Deadline: in.deadline,
		Warnings: slices.Clone(in.warnings), Opaque: slices.Clone(in.opaque), Details: slices.Clone(in.details),
	}
}

// ToSign asks each required signer for a signature over the whole message.
func (t *tx) ToSign() []chain.SignRequest {
	var all []chain.SignRequest
	for _, k := range t.keys {
		all = append(all, chain.SignRequest{Key: k, Scheme: chain.EdDSA, Message: slices.Clone(t.in.m.raw)})
	}
	return all
}

// Seal writes the signatures, in the message's order and counted by a
// compact-u16, before the message. The id is the first signature in base58.
func (t *tx) Seal(sigs []chain.Signature) (chain.Sealed, error) {
	if len(sigs) != len(t.keys) {
		return chain.Sealed{}, fault.New("seal.count", "", "%d signatures for %d signers", len(sigs), len(t.keys))
	}
	raw := appendCompact(nil, len(sigs))
	for i, s := range sigs {
		k := t.keys[i]
		who := text(address(k.Bytes()))
		if s.Key != k || s.Scheme != chain.EdDSA {
			return chain.Sealed{}, fault.New("seal.key", "", "signature %d is not one of %s", i+1, who)
		}
		// ed25519.Verify refuses a second half that is not below the group order.
		if len(s.Bytes) != ed25519.SignatureSize || !ed25519.Verify(k.Bytes(), t.in.m.raw, s.Bytes) {
			return chain.Sealed{}, fault.New("seal.signature", "", "signature %d does not verify for %s", i+1, who)
		}
		raw = append(raw, s.Bytes...)
	}
	return chain.Sealed{TxID: base58.Encode(sigs[0].Bytes), Raw: append(raw, t.in.m.raw...)}, nil
}
