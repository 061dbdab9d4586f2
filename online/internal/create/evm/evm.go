// Package evm makes the transactions of Ethereum and its kin that the KMS API's
// creation calls ask for.
//
//	b := evm.New(time.Now)
//	s, err := b.Build(ctx, request) // a web3 record with every field, for intake
//
// Amounts are decimal strings of whole coins or tokens; gas prices are gwei. What the
// call leaves open is filled in: the lowest free nonce of the account, an estimate of
// the gas, and fees by EIP-1559 where blocks have a base fee. A call that gives a gas
// price gets a transaction of type 0, as the hot daemon makes it.
package evm

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"sync"
	"time"

	"coldsign/online/internal/create"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	codec "coldsign/shared/chain/evm"
	"coldsign/shared/fault"
)

// Builder is a create.Builder. It remembers for moments what nodes have said.
type Builder struct {
	// Legacy are the networks where transactions have a gas price though blocks have a
	// base fee: some signers take no others. It is set before the first call.
	Legacy []chain.ID

	now func() time.Time

	mu     sync.Mutex
	lanes  map[string]*lane
	prices map[string]*priced
	gas    map[string]noted // of plain transfers, by destination
	digits map[string]noted // of tokens
}

// New makes a builder.
func New(now func() time.Time) *Builder {
	return &Builder{now: now, lanes: map[string]*lane{}, prices: map[string]*priced{}, gas: map[string]noted{}, digits: map[string]noted{}}
}

// payment is what a call asks for.
type payment struct {
	id       string // the wallet
	index    *uint32
	from, to string   // EIP-55; to is the contract where a token moves
	value    *big.Int // wei
	data     []byte
	nonce    *uint64
	gasLimit *big.Int // nil: to be estimated
	gasPrice *big.Int // wei; nil: to be asked for
	currency string   // the contract of the token that pays the fee, on Celo; "" the coin
	note     string
}

// fees are what becomes of gasLimit and gasPrice.
type fees struct {
	limit    uint64
	gasPrice *big.Int // or the two of EIP-1559
	max, tip *big.Int
}

// Build makes the record.
func (b *Builder) Build(ctx context.Context, r *create.Request) (s intake.Submission, err error) {
	p, err := b.read(ctx, r)
	if err != nil {
		return s, err
	}
	s = intake.Submission{Hashes: []string{p.id}, Index: p.index, Note: p.note}
	accounts, err := r.Accounts(ctx, s)
	if err != nil {
		return s, err
	}
	if len(accounts) != 1 {
		return s, fault.New("create.account", "", "the wallet has %d accounts at the index", len(accounts))
	}
	p.from = codec.Address(accounts[0].Key)
	f, err := b.fees(ctx, r, p)
	if err != nil {
		return s, err
	}
	nonce, err := b.nonce(ctx, r, p)
	if err != nil {
		return s, err
	}
	s.SerializedTransaction, err = record(r, p, f, nonce)
	return s, err
}

// record writes the transaction as the KMS API's clients read it: web3's fields, none
// left out. Numbers that may be zero are hex strings, which the hot daemon does not
// take for absent.
func record(r *create.Request, p *payment, f fees, nonce uint64) (string, error) {
	id, ok := codec.ChainID(r.On.ID)
	if !ok {
		return "", fault.New("create.network", "", "network %s has no chain id", r.On.ID)
	}
	b := []byte(`{"from":0`)
	add := func(name, value string) {
		b = strictjson.Quote(append(strictjson.Quote(append(b, ','), name), ':'), value)
	}
	add("to", p.to)
	add("value", p.value.String())
	if len(p.data) > 0 {
		add("data", "0x"+hex.EncodeToString(p.data))
	}
	add("nonce", fmt.Sprintf("0x%x", nonce))
	add("gas", strconv.FormatUint(f.limit, 10))
	if f.gasPrice != nil {
		add("gasPrice", f.gasPrice.String())
	} else {
		add("maxFeePerGas", f.max.String())
		add("maxPriorityFeePerGas", f.tip.String())
	}
	if p.currency != "" {
		add("feeCurrency", p.currency)
	}
	return string(append(b, `,"chainId":`+strconv.FormatUint(id, 10)+`}`...)), nil
}

// read takes the call's fields.
func (b *Builder) read(ctx context.Context, r *create.Request) (*payment, error) {
	switch r.Kind {
	case create.Transaction:
		return b.readTransaction(ctx, r)
	case create.Token:
		return b.readToken(ctx, r)
	case create.Withdrawal:
		return b.readWithdrawal(r)
	}
	return nil, fault.New("create.kind", "", "no such call")
}

// readTransaction reads TransferEthBlockchainKMS and its siblings.
func (b *Builder) readTransaction(ctx context.Context, r *create.Request) (*payment, error) {
	names := []string{"to", "amount", "currency", "data", "nonce", "fee", "signatureId", "index"}
	if r.Chain == "CELO" {
		names = append(names, "feeCurrency")
	}
	f := r.Body.Only(names...).Need("to", "amount", "currency", "signatureId")
	p := &payment{id: f.Text("signatureId", 36), index: f.Index("index"), nonce: nonceOf(f), to: b.address(r, f, "to"), value: new(big.Int)}
	p.data = dataOf(f)
	b.fee(p, f.Member("fee", "gasLimit", "gasPrice"))
	b.feeCurrency(r, p, f)
	currency := f.Text("currency", maxCurrency)
	if f.Err() != nil {
		return nil, f.Err()
	}
	if currency == r.Chain {
		p.value = f.Amount("amount", r.On.Asset.Decimals)
		return p, f.Err()
	}
	t, known := tokenOf(r.On.ID, currency)
	if !known {
		f.Fail("currency", "isIn", "must be "+r.Chain+" or a token that is known here: send others with POST /v3/blockchain/token/transaction, which names the contract")
		return nil, f.Err()
	}
	if len(p.data) > 0 {
		f.Fail("data", "isEmpty", "goes with "+r.Chain+" only: a token's transfer has data of its own")
		return nil, f.Err()
	}
	return p, b.transfer(ctx, r, p, f, t)
}

// readToken reads ChainTransferEthErc20KMS and its siblings.
func (b *Builder) readToken(ctx context.Context, r *create.Request) (*payment, error) {
	names := []string{"chain", "to", "contractAddress", "amount", "digits", "nonce", "fee", "signatureId", "index"}
	if r.Chain == "CELO" {
		names = append(names, "feeCurrency")
	}
	f := r.Body.Only(names...).Need("to", "contractAddress", "amount", "digits", "signatureId")
	p := &payment{id: f.Text("signatureId", 36), index: f.Index("index"), nonce: nonceOf(f), to: b.address(r, f, "to"), value: new(big.Int)}
	t := token{contract: b.address(r, f, "contractAddress")}
	if n := f.Number("digits", 0, maxDigits); n != nil {
		t.digits = int(*n)
	}
	b.fee(p, f.Member("fee", "gasLimit", "gasPrice"))
	b.feeCurrency(r, p, f)
	if f.Err() != nil {
		return nil, f.Err()
	}
	return p, b.transfer(ctx, r, p, f, t)
}

// readWithdrawal reads transferEthKMS. There are no virtual accounts here: the wallet
// pays, and what the call says of accounts is told to the operator.
func (b *Builder) readWithdrawal(r *create.Request) (*payment, error) {
	f := r.Body.Only("address", "amount", "nonce", "compliant", "signatureId", "index", "paymentId", "senderAccountId", "senderNote", "gasLimit", "gasPrice").
		Need("address", "amount", "signatureId", "senderAccountId")
	p := &payment{id: f.Text("signatureId", 36), index: f.Index("index"), nonce: nonceOf(f), to: b.address(r, f, "address")}
	p.value = f.Amount("amount", r.On.Asset.Decimals)
	b.fee(p, f)
	if f.Bool("compliant") {
		f.Fail("compliant", "isIn", "must be false or absent: no compliance check is made here")
	}
	p.note = create.Note(f, "senderAccountId", "paymentId", "senderNote")
	return p, f.Err()
}

// transfer makes the payment a call of the token's contract.
func (b *Builder) transfer(ctx context.Context, r *create.Request, p *payment, f *create.Fields, t token) error {
	where := "currency"
	if r.Kind == create.Token {
		where = "contractAddress"
	}
	amount := f.Amount("amount", t.digits)
	if f.Err() != nil {
		return f.Err()
	}
	if err := b.checkDigits(ctx, r, t, where); err != nil {
		return err
	}
	to, err := codec.ParseAddress(p.to)
	if err != nil {
		return err
	}
	p.data = append([]byte{0xa9, 0x05, 0x9c, 0xbb}, make([]byte, 64)...) // transfer(address,uint256)
	copy(p.data[4+12:], to[:])
	amount.FillBytes(p.data[4+32:])
	p.to = t.contract
	return nil
}

// address reads an address in any of the chain's spellings.
func (b *Builder) address(r *create.Request, f *create.Fields, name string) string {
	text := f.Text(name, maxAddress)
	if text == "" {
		return ""
	}
	address, err := r.Definition.Wallet.ParseAddress(r.On.ID, text)
	if err != nil {
		words := "is not an address of " + r.Chain
		if len(text) <= maxRepeated {
			words += ": " + what(err)
		}
		f.Fail(name, fault.Code(err), words)
	}
	return address
}

func nonceOf(f *create.Fields) *uint64 { return f.Number("nonce", 0, strictjson.MaxSafe) }

// dataOf reads hex digits, with 0x or without.
func dataOf(f *create.Fields) []byte {
	text := f.Text("data", 2*maxData+2)
	if len(text) > 2 && text[:2] == "0x" {
		text = text[2:]
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		f.Fail("data", "isHexadecimal", "must be hex digits, two for each byte")
	}
	return data
}

// fee reads the gas limit, and the gas price in gwei.
func (b *Builder) fee(p *payment, f *create.Fields) {
	if f == nil {
		return
	}
	p.gasLimit, p.gasPrice = f.AmountNumber("gasLimit", 0), f.AmountNumber("gasPrice", 9)
	if p.gasLimit != nil && (p.gasLimit.Sign() == 0 || !p.gasLimit.IsInt64()) {
		f.Fail("gasLimit", "isNumberString", "must be from 1 to 2^63-1")
	}
}

// feeCurrency reads the token that pays the fee: its name, or its contract.
func (b *Builder) feeCurrency(r *create.Request, p *payment, f *create.Fields) {
	name := f.Text("feeCurrency", maxAddress)
	if name == "" || name == r.Chain {
		return
	}
	t, known := tokenOf(r.On.ID, name)
	if !known {
		t.contract = b.address(r, f, "feeCurrency")
	}
	p.currency = t.contract
}
