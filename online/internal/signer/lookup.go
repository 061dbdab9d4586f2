package signer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/gagliardetto/solana-go/base58"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// methods are what a hot signer may ask the nodes of a family, and under what name
// the node is asked: Kaia's own names mean the same as Ethereum's. Nothing of it
// sends anything; sendTransaction is the desk's own.
func methods(namespace string) map[string]string {
	switch namespace {
	case "eip155":
		return map[string]string{
			"eth_chainId": "eth_chainId", "eth_gasPrice": "eth_gasPrice", "eth_getTransactionCount": "eth_getTransactionCount", "eth_estimateGas": "eth_estimateGas", "net_version": "net_version",
			"klay_chainID": "eth_chainId", "klay_gasPrice": "eth_gasPrice", "klay_getTransactionCount": "eth_getTransactionCount", "klay_estimateGas": "eth_estimateGas",
		}
	case "solana":
		return map[string]string{
			"getLatestBlockhash": "getLatestBlockhash", "getTransaction": "getTransaction", "getSignatureStatuses": "getSignatureStatuses",
			"getBlockHeight": "getBlockHeight", "isBlockhashValid": "isBlockhashValid",
		}
	}
	return nil
}

// network is the one that is configured of a chain; the signer names none.
func (d *Desk) network(name string) (chain.ID, error) {
	var found []chain.ID
	for id := range d.Nodes {
		if c, _, ok := d.Codecs.ByNetwork(id); ok && c.Name == name {
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		return "", fault.New("node.network", "serve each network from a home of its own", "%d networks of %s are configured, and a look-up needs one", len(found), quote.Line(name))
	}
	return found[0], nil
}

// asker is the node of a network that answers questions.
func (d *Desk) asker(network chain.ID) (node.Asker, error) {
	if n, ok := d.Nodes[network].(node.Asker); ok {
		return n, nil
	}
	return nil, fault.New("node.missing", "add a [[network]] table to config.toml", "no node is configured for %s", network)
}

// Ask asks a node of the chain. What is not on the list is node.method; an answer
// is JSON of at most MaxAnswer bytes.
func (d *Desk) Ask(ctx context.Context, tenant, name, method string, params []json.RawMessage) (json.RawMessage, error) {
	network, err := d.network(name)
	if err != nil {
		return nil, err
	}
	if network.Namespace() == "solana" && method == "sendTransaction" {
		return d.sendSolana(ctx, tenant, name, network, params)
	}
	as, ok := methods(network.Namespace())[method]
	if !ok {
		return nil, fault.New("node.method", "", "this method is not one that a signer needs")
	}
	n, err := d.asker(network)
	if err != nil {
		return nil, err
	}
	if as == "eth_estimateGas" {
		if answer, err := d.limit(ctx, tenant, name, network, params); err != nil || answer != nil {
			return answer, err
		}
	}
	answer, err := n.Ask(ctx, as, params)
	if err == nil && len(answer) > MaxAnswer {
		err = fault.New("node.unusable", "", "the node's answer has more than %d bytes", MaxAnswer)
	}
	return answer, err
}

// Count gives the next nonce of an account.
func (d *Desk) Count(ctx context.Context, name, address string) (uint64, error) {
	network, err := d.network(name)
	if err != nil {
		return 0, err
	}
	c, _, _ := d.Codecs.ByNetwork(network)
	plain, err := c.Wallet.ParseAddress(network, address)
	n, ok := d.Nodes[network].(node.Counter)
	if err != nil || !ok || network.Namespace() != "eip155" {
		return 0, fault.New("transaction.address", "", "it is no address of an account that counts its transactions")
	}
	return n.Next(ctx, plain)
}

// GasPrice is what the chain's node asks for a unit of gas, in wei.
func (d *Desk) GasPrice(ctx context.Context, tenant, name string) (json.RawMessage, error) {
	return d.Ask(ctx, tenant, name, "eth_gasPrice", nil)
}

// sendSolana takes sendTransaction of a signer that sends by itself: the bytes must
// be the payment of a pending row, which is sealed to them first.
func (d *Desk) sendSolana(ctx context.Context, tenant, name string, network chain.ID, params []json.RawMessage) (json.RawMessage, error) {
	var text string
	var options struct {
		Encoding string `json:"encoding"`
	}
	bad := fault.New("node.params", "", "sendTransaction takes a transaction in base64 and the encoding base64")
	if len(params) != 2 || json.Unmarshal(params[0], &text) != nil || json.Unmarshal(params[1], &options) != nil || options.Encoding != "base64" {
		return nil, bad
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) == 0 || strings.ContainsAny(text, "\r\n") {
		return nil, bad
	}
	row, err := d.whose(ctx, tenant, name, network, raw)
	if err == nil && row.TxID == "" { // not a payment of last week's, that anybody can read
		_, err = d.landed(ctx, &row, base58.Encode(raw[1:65]))
	}
	if err == nil {
		row, err = d.take(ctx, tenant, &row, raw, d.Store.HandIn)
	}
	if err != nil {
		return nil, err
	}
	done, err := d.send(ctx, tenant, row)
	if err != nil {
		return nil, err
	}
	return json.Marshal(done.TxID)
}

// whose finds the row that a signed message is of: the one that is sealed to it, or
// else the only one that waits for it. Of two rows of the same payment nobody can
// tell which was approved, and a guess would have both paid on the word for one: so
// none is taken, nor while such a payment is sealed and not yet with the network.
func (d *Desk) whose(ctx context.Context, tenant, name string, network chain.ID, raw []byte) (pending.Transaction, error) {
	if len(raw) > 65 { // the id is the first signature
		row, err := d.Store.ByTxID(ctx, tenant, network, base58.Encode(raw[1:65]))
		if err == nil && bytes.Equal(row.Raw, raw) {
			return row, nil
		}
		if err != nil && !fault.Is(err, "kms.missing") {
			return row, err
		}
	}
	rows, err := d.Store.Twins(ctx, tenant, name, maxTwins)
	if err != nil {
		return pending.Transaction{}, err
	}
	refused := fault.New("broadcast.foreign", "", "the transaction is that of no pending row, and nothing else is sent")
	var found []pending.Transaction
	for _, row := range rows {
		if row.Network != network || row.CancelRequested {
			continue
		}
		if _, err := Verify(d.Codecs, &row, raw); err != nil {
			continue
		}
		if row.State == pending.Exported {
			refused = fault.New("kms.exported", "stop the hot signer, or cancel the payment and submit it anew", "transaction %s went to a signer of its own, and nobody else's signature is taken", row.ID)
			continue
		}
		found = append(found, row)
	}
	switch {
	case len(found) == 0:
		return pending.Transaction{}, refused
	case len(found) > 1 || found[0].State != pending.Pending:
		return pending.Transaction{}, fault.New("broadcast.ambiguous", "wait until the first is with the network; make payments differ, by a memo for one", "%d open rows are this same payment, transaction %s the oldest", len(found), found[0].ID)
	}
	return found[0], nil
}

// shown gives the bytes of a Solana transaction that the signer says it has sent,
// from a node that has it.
func (d *Desk) shown(ctx context.Context, row *pending.Transaction, sig string) ([]byte, error) {
	raw, err := d.landed(ctx, row, sig)
	if err == nil && raw == nil {
		err = fault.New("broadcast.failed", "send the same again", "no node shows that transaction yet")
	}
	return raw, err
}

// landed gives the bytes of a Solana transaction that is on chain; nil, that no node
// shows it. One that was in a block before there was the row paid something else, for
// all that it looks the same.
func (d *Desk) landed(ctx context.Context, row *pending.Transaction, sig string) ([]byte, error) {
	n, err := d.asker(row.Network)
	if err != nil {
		return nil, err
	}
	name, _ := json.Marshal(sig) // base58
	answer, err := n.Ask(ctx, "getTransaction", []json.RawMessage{name, json.RawMessage(`{"encoding":"base64","commitment":"confirmed","maxSupportedTransactionVersion":0}`)})
	if err != nil {
		return nil, err
	}
	var found *struct {
		Transaction []string `json:"transaction"`
		BlockTime   *int64   `json:"blockTime"` // Unix seconds, by the chain's clock
	}
	if err := json.Unmarshal(answer, &found); err == nil && found == nil {
		return nil, nil
	} else if err != nil || len(found.Transaction) != 2 || found.BlockTime == nil {
		return nil, fault.New("broadcast.failed", "send the same again", "no node shows yet when that transaction was in a block")
	}
	if time.Unix(*found.BlockTime, 0).Before(row.Created.Add(-chainClock)) {
		return nil, mismatch(row, "it was in a block before this one was submitted")
	}
	raw, err := base64.StdEncoding.DecodeString(found.Transaction[0])
	if err != nil || len(raw) == 0 {
		return nil, fault.New("node.unusable", "", "the node's transaction cannot be read")
	}
	return raw, nil
}

// Blockhash gives a recent blockhash of a Solana network: for records that hold the
// SDK's dummy.
func (d *Desk) Blockhash(ctx context.Context, network chain.ID) (hash [32]byte, err error) {
	n, err := d.asker(network)
	if err != nil {
		return hash, err
	}
	answer, err := n.Ask(ctx, "getLatestBlockhash", []json.RawMessage{json.RawMessage(`{"commitment":"finalized"}`)})
	if err != nil {
		return hash, err
	}
	var latest struct {
		Value struct{ Blockhash string }
	}
	_ = json.Unmarshal(answer, &latest)
	b, err := base58.Decode(latest.Value.Blockhash)
	if err != nil || len(b) != 32 {
		return hash, fault.New("node.unusable", "", "the node gave no blockhash")
	}
	return [32]byte(b), nil
}
