package upstream

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/fault"
)

// lane is how many nonces are looked at for a free one.
const lane = 256

// freeze fills in what an EVM record leaves to its signer: nonce, gas and gas price.
// Two records that want one nonce are told apart by the database; attempt counts how
// often that has happened to this one. What a record has stays as it is. fixed says
// that the record has its nonce itself.
func (p *Poller) freeze(ctx context.Context, n chain.Network, s *intake.Submission) (fixed bool, err error) {
	if n.ID.Namespace() != "eip155" {
		return true, nil
	}
	v, err := strictjson.Parse([]byte(s.SerializedTransaction))
	if err != nil || v.Kind != strictjson.Object {
		return true, nil // intake says what is wrong with it
	}
	f, _ := v.Object(v.Names...)
	has := func(name string) bool { return f[name].Kind != strictjson.Absent }
	dynamic := has("maxFeePerGas") || has("maxPriorityFeePerGas")
	gas, price := has("gas") || has("gasLimit"), has("gasPrice") || dynamic
	if has("nonce") && gas && price {
		return true, nil
	}
	payer, ok := p.Nodes[n.ID].(node.Payer)
	if !ok {
		return false, fault.New("upstream.node", "add a node for it", "nodes of %s cannot be asked for what the record leaves open", n.ID)
	}
	if err := p.Nodes[n.ID].Check(ctx); err != nil { // of another network it would give another nonce
		return false, err
	}
	from, err := p.from(ctx, n, *s)
	if err != nil {
		return false, err
	}
	if !gas {
		limit, err := estimate(ctx, payer, n, from, f)
		if err != nil {
			return false, err
		}
		set(&v, "gas", strconv.FormatUint(limit, 10))
	}
	if !price {
		most, err := payer.Price(ctx, f["feeCurrency"].Text)
		if err != nil {
			return false, err
		}
		wei := most.Gas
		if most.Base != nil { // the base fee may double before it lands
			wei = new(big.Int).Add(new(big.Int).Lsh(most.Base, 1), most.Tip)
		}
		set(&v, "gasPrice", wei.String())
	}
	if !gas || !price {
		if err := offered(n, v); err != nil {
			return false, err
		}
	}
	if !has("nonce") {
		nonce, err := p.nonce(ctx, n.ID, payer, from)
		if err != nil {
			return false, err
		}
		set(&v, "nonce", fmt.Sprintf("0x%x", nonce)) // as the hot signer reads 0, too
	}
	s.SerializedTransaction = string(v.Append(nil))
	return has("nonce"), nil
}

// offered bounds what is paid because a node says so: by the fee that a transaction of
// the network may cost by default. What a record says itself is the account's own.
func offered(n chain.Network, v strictjson.Value) error {
	f, _ := v.Object(v.Names...)
	first := func(a, b string) (*big.Int, bool) {
		if f[a].Kind == strictjson.Absent {
			a = b
		}
		return f[a].Big()
	}
	gas, ok := first("gas", "gasLimit")
	price, too := first("gasPrice", "maxFeePerGas")
	if !ok || !too {
		return nil // intake says what is wrong with them
	}
	if cost := new(big.Int).Mul(gas, price); cost.Cmp(n.FeeCap) > 0 {
		return fault.New("upstream.fee", "wait until the network asks for less, or have the record say gas and gasPrice",
			"the network asks for a fee of up to %s base units, and %s is the most that is offered unasked", cost, n.FeeCap)
	}
	return nil
}

// set gives a member of an object a string, in the place of null too.
func set(v *strictjson.Value, name, text string) {
	value := strictjson.Value{Kind: strictjson.String, Text: text}
	for i, known := range v.Names {
		if known == name {
			v.Items[i] = value
			return
		}
	}
	v.Names, v.Items = append(v.Names, name), append(v.Items, value)
}

// from is the account that pays.
func (p *Poller) from(ctx context.Context, n chain.Network, s intake.Submission) (string, error) {
	s.Network = string(n.ID)
	accounts, err := p.Intake.Accounts(ctx, Tenant, s)
	if err != nil {
		return "", err
	}
	if len(accounts) != 1 {
		return "", intake.FieldErrors{{Property: "hashes", Code: "arraySize", Message: fmt.Sprintf("hashes must name one account, not %d", len(accounts))}}
	}
	return evm.Address(accounts[0].Key), nil
}

// nonce is the lowest that neither the network nor a row of ours has used.
func (p *Poller) nonce(ctx context.Context, network chain.ID, payer node.Payer, from string) (uint64, error) {
	next, err := payer.Pending(ctx, from)
	if err != nil {
		return 0, err
	}
	names := make([]string, lane)
	for i := range names {
		names[i] = fmt.Sprintf("nonce:%s:%d", from, next+uint64(i))
	}
	held, err := p.Store.Reserved(ctx, network, names)
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		if !held[name] {
			return next + uint64(i), nil
		}
	}
	return 0, fault.New("upstream.lane", "see \"coldsign-online lanes\"", "%d payments of %s wait already", lane, from)
}

// estimate asks what a call needs, with a fifth more where there is code to run: what
// it does may cost more by the time it lands.
func estimate(ctx context.Context, payer node.Payer, n chain.Network, from string, f strictjson.Fields) (uint64, error) {
	value := new(big.Int)
	if f["value"].Kind != strictjson.Absent {
		var ok bool
		if value, ok = f["value"].Big(); !ok {
			return 0, nil // intake says what is wrong with it
		}
	}
	to, err := evm.ParseAddressOf(n.Chain, f["to"].Text)
	data, err2 := hex.DecodeString(strings.TrimPrefix(f["data"].Text, "0x"))
	if err != nil || err2 != nil {
		return 0, nil
	}
	limit, err := payer.Gas(ctx, node.GasCall{From: from, To: evm.Checksum(to), Value: value, Data: data, Currency: f["feeCurrency"].Text})
	if err == nil && (limit == 0 || limit > maxGas) {
		return 0, fault.New("upstream.gas", "have the record say gas", "the node estimates %d gas", limit)
	}
	if err == nil && len(data) > 0 {
		limit += limit / 5
	}
	return limit, err
}
