// Package solana is the client of a Solana node.
package solana

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	sol "github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"github.com/gagliardetto/solana-go/rpc/jsonrpc"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// final is how many confirmations a finalized transaction has at least: a
// supermajority has locked 31 blocks above its own.
const final = 32

type client struct {
	transport.Config
	rpc *rpc.Client
}

// New makes a client. It does not connect yet.
func New(c transport.Config) (node.Node, error) {
	if !strings.HasPrefix(string(c.Network), "solana:") {
		return nil, fault.New("node.network", "", "not a solana network: %q", c.Network)
	}
	r := jsonrpc.NewClientWithOpts(c.URL, &jsonrpc.RPCClientOpts{HTTPClient: c.Client()})
	return &client{c, rpc.NewWithCustomRPCClient(r)}, nil
}

// Check compares the genesis hash with the network's CAIP-2 reference, which is
// the first 32 characters of its base58.
func (c *client) Check(ctx context.Context) error {
	hash, err := c.rpc.GetGenesisHash(ctx)
	if err != nil {
		return c.plain(err)
	}
	if text := hash.String(); len(text) < 32 || "solana:"+text[:32] != string(c.Network) {
		return c.WrongNetwork("solana:" + text)
	}
	return nil
}

// Send broadcasts the raw transaction, with the node's trial run first.
func (c *client) Send(ctx context.Context, s chain.Sealed) (node.Outcome, error) {
	sig, err := c.rpc.SendEncodedTransactionWithOpts(ctx, base64.StdEncoding.EncodeToString(s.Raw), rpc.TransactionOpts{
		Encoding:            sol.EncodingBase64,
		PreflightCommitment: rpc.CommitmentConfirmed,
	})
	if err != nil {
		return c.refused(err)
	}
	if sig.String() != s.TxID {
		return c.Other(sig.String(), s.TxID)
	}
	return node.Accepted, nil
}

// Look finds the transaction by its signature. When the node does not know it,
// the blockhash or the durable nonce may prove that it can no longer land.
//
// The proof is only as good as the node's view: a node that lags knows neither
// a young blockhash nor the transaction, so it must be healthy, and what it says
// of the transaction must be of a slot no older than the proof: several nodes may
// stand behind one address. Finalized blocks may stand still while newer ones come
// and go on forks; a blockhash or nonce of one of those is unknown to them, and may
// still win. So the caller must not believe a proof that is AsOf a time before the
// transaction was made. And a node forgets old transactions: the caller must not
// ask long after the first broadcast.
func (c *client) Look(ctx context.Context, s chain.Sealed) (node.Sighting, error) {
	tx, err := sol.TransactionFromBytes(s.Raw)
	if err != nil || len(tx.Signatures) == 0 || tx.Signatures[0].String() != s.TxID {
		return node.Sighting{}, fault.New("node.raw", "", "stored transaction %s cannot be read", s.TxID)
	}
	seen, _, err := c.look(ctx, tx.Signatures[0])
	if err != nil || seen.Seen {
		return seen, err
	}
	var over node.Sighting
	var at uint64 // the finalized slot of the proof
	if account, durable := nonceAccount(tx); durable {
		over.Conflict, at, err = c.advanced(ctx, account, tx.Message.RecentBlockhash)
	} else {
		over.Expired, at, err = c.expired(ctx, tx.Message.RecentBlockhash)
	}
	if err != nil || over == (node.Sighting{}) {
		return node.Sighting{}, err
	}
	when, err := c.rpc.GetBlockTime(ctx, at)
	if err != nil {
		return node.Sighting{}, c.plain(err)
	}
	// It may have landed between the first look and the proof.
	seen, slot, err := c.look(ctx, tx.Signatures[0])
	if err != nil || seen.Seen {
		return seen, err
	}
	if slot < at || when == nil || *when <= 0 {
		return node.Sighting{}, nil
	}
	over.AsOf = int64(*when)
	return over, nil
}

// look gives the transaction as the node shows it, and the slot up to which it knows.
func (c *client) look(ctx context.Context, sig sol.Signature) (node.Sighting, uint64, error) {
	out, err := c.rpc.GetSignatureStatuses(ctx, true, sig)
	if err != nil {
		return node.Sighting{}, 0, c.plain(err)
	}
	if len(out.Value) != 1 {
		return node.Sighting{}, 0, c.Unusable(errors.New("not one status for one signature"))
	}
	status := out.Value[0]
	if status == nil {
		return node.Sighting{}, out.Context.Slot, nil
	}
	s := node.Sighting{Seen: true, Failed: status.Err != nil}
	switch {
	case status.ConfirmationStatus == rpc.ConfirmationStatusFinalized:
		s.Confirmations = max(final, c.Depth) // it cannot be undone
	case status.ConfirmationStatus == rpc.ConfirmationStatusConfirmed && status.Confirmations != nil:
		s.Confirmations = min(*status.Confirmations, final-1)
	}
	return s, out.Context.Slot, nil
}

// nonceAccount gives the account of a transaction that starts with the System
// program's AdvanceNonceAccount (instruction 4); such a one never expires. The
// account is the zero key when a lookup table holds it.
func nonceAccount(tx *sol.Transaction) (sol.PublicKey, bool) {
	keys := tx.Message.AccountKeys
	if len(tx.Message.Instructions) == 0 {
		return sol.PublicKey{}, false
	}
	first := tx.Message.Instructions[0]
	if int(first.ProgramIDIndex) >= len(keys) || keys[first.ProgramIDIndex] != sol.SystemProgramID ||
		len(first.Data) < 4 || binary.LittleEndian.Uint32(first.Data) != 4 {
		return sol.PublicKey{}, false
	}
	if len(first.Accounts) == 0 || int(first.Accounts[0]) >= len(keys) {
		return sol.PublicKey{}, true
	}
	return keys[first.Accounts[0]], true
}

// advanced reports whether the finalized nonce is another than ours, and in which
// slot it is so. A nonce account's data is 80 bytes: version, state (1: initialized),
// authority, then the nonce at bytes 40 to 72. An account that is closed, or has no
// data, never holds our nonce again: one that is made anew begins with another.
func (c *client) advanced(ctx context.Context, account sol.PublicKey, nonce sol.Hash) (is bool, slot uint64, err error) {
	if account.IsZero() {
		return false, 0, nil
	}
	var out rpc.GetAccountInfoResult // the library's own call hides the slot where there is no account
	err = c.rpc.RPCCallForInto(ctx, &out, "getAccountInfo", []any{account, rpc.M{"encoding": sol.EncodingBase64, "commitment": rpc.CommitmentFinalized}})
	if err != nil {
		return false, 0, c.plain(err)
	}
	if slot = out.Context.Slot; slot == 0 {
		return false, 0, nil
	}
	if out.Value == nil {
		return true, slot, nil
	}
	switch data := out.GetBinary(); {
	case out.Value.Owner != sol.SystemProgramID || out.Value.Data == nil:
		return false, 0, nil
	case len(data) == 0:
		return true, slot, nil
	case len(data) != 80 || binary.LittleEndian.Uint32(data[4:]) != 1:
		return false, 0, nil
	default:
		return sol.HashFromBytes(data[40:72]) != nonce, slot, nil
	}
}

// expired reports whether no block can take the blockhash any more: neither the
// newest nor the finalized bank of a healthy node knows it; and the slot of the
// finalized one. The newest is asked because the finalized one does not know a young
// blockhash yet.
func (c *client) expired(ctx context.Context, hash sol.Hash) (is bool, slot uint64, err error) {
	for _, at := range []rpc.CommitmentType{rpc.CommitmentFinalized, rpc.CommitmentConfirmed, rpc.CommitmentProcessed} {
		out, err := c.rpc.IsBlockhashValid(ctx, hash, at)
		if err != nil {
			return false, 0, c.plain(err)
		}
		if out == nil || out.Value {
			return false, 0, nil
		}
		if at == rpc.CommitmentFinalized {
			slot = out.Context.Slot
		}
	}
	health, err := c.rpc.GetHealth(ctx)
	if err != nil {
		return false, 0, c.plain(err)
	}
	return health == rpc.HealthOk, slot, nil
}

func (c *client) plain(err error) error {
	if e, ok := errors.AsType[*jsonrpc.RPCError](err); ok {
		return c.Says(e.Code, fmt.Sprint(e.Message, " ", e.Data))
	}
	return c.Unusable(err)
}

// Ask passes a question on.
func (c *client) Ask(ctx context.Context, method string, params []json.RawMessage) (answer json.RawMessage, err error) {
	args := make([]any, len(params))
	for i := range params {
		args[i] = params[i]
	}
	if err := c.rpc.RPCCallForInto(ctx, &answer, method, args); err != nil {
		return nil, c.plain(err)
	}
	return answer, nil
}
