package bitcoin

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/address/v2/base58"

	"coldsign/online/internal/create"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	codec "coldsign/shared/chain/bitcoin"
	"coldsign/shared/hd"
)

// payment is what a call asks for.
type payment struct {
	terms
	on       chain.Network
	out      []codec.Output
	pay      uint64
	sources  []source
	given    []codec.Outpoint // of fromUTXO, one for each source
	fee      *uint64          // nil: by the node's rate
	change   []byte           // script; nil: the first source's
	wallet   string           // the one mnemonic wallet of a withdrawal
	xpub     string
	currency string
	note     string
}

// source is a key that pays.
type source struct {
	intake.Account
	pair    pending.KeyIndex
	address string   // that is looked up
	scripts [][]byte // of all addresses of the key
}

// take makes the account the source's.
func (s *source) take(network chain.ID, a intake.Account) error {
	s.Account, s.scripts = a, nil
	for _, address := range a.Addresses {
		script, err := codec.ScriptFor(network, address)
		if err != nil {
			return err
		}
		s.scripts = append(s.scripts, script)
	}
	return nil
}

// read reads the call's body. All that can be told without asking anybody is told at once.
func read(ctx context.Context, r *create.Request) (*payment, error) {
	p := &payment{terms: termsOf(r.Chain), on: r.On, currency: r.Chain}
	if r.Kind == create.Withdrawal {
		return p, p.withdrawal(ctx, r)
	}
	f := r.Body.Only("fromAddress", "fromUTXO", "to", "fee", "changeAddress").Need("to")
	if f.Has("fromAddress") == f.Has("fromUTXO") {
		f.Fail("fromAddress", "isDefined", "or fromUTXO must be given, and not both")
	}
	p.fee = p.amount(f, f.Amount("fee", r.On.Asset.Decimals), "fee", 1)
	p.change = p.script(f, "changeAddress", f.Text("changeAddress", maxText))
	to := f.Items("to", maxPayees)
	if f.Has("to") && len(to) == 0 && f.Value("to").Items == nil {
		f.Fail("to", "arrayMinSize", "must name at least one payee")
	}
	for i, v := range to {
		o := f.Item(fmt.Sprintf("to.%d", i), v, "address", "value").Need("address", "value")
		p.payee(o, "address", o.Text("address", maxText), "value", o.AmountNumber("value", r.On.Asset.Decimals))
	}
	froms := make([]*create.Fields, 0)
	for _, name := range []string{"fromAddress", "fromUTXO"} {
		if f.Has(name) && len(f.Items(name, maxSources)) == 0 && len(f.Value(name).Items) == 0 {
			f.Fail(name, "arrayMinSize", "must name at least one")
		}
	}
	for i, v := range f.Items("fromAddress", maxSources) {
		o := f.Item(fmt.Sprintf("fromAddress.%d", i), v, "address", "signatureId", "signatureIdIndex").Need("address", "signatureId")
		froms = append(froms, o)
		p.sources = append(p.sources, source{pair: pair(o), address: o.Text("address", maxText)})
	}
	for i, v := range f.Items("fromUTXO", maxSources) {
		o := f.Item(fmt.Sprintf("fromUTXO.%d", i), v, "txHash", "index", "signatureId", "signatureIdIndex").Need("txHash", "index", "signatureId")
		froms = append(froms, o)
		at := codec.Outpoint{}
		text := o.Text("txHash", 64)
		var err error
		if at.TxID, err = codec.ParseHash(text); err != nil && text != "" {
			o.Fail("txHash", "length", "must be 64 hex characters")
		}
		if n := o.Number("index", 0, 1<<32-1); n != nil {
			at.Index = uint32(*n)
		}
		if slices.Contains(p.given, at) && text != "" {
			o.Fail("txHash", "isUnique", "and index name an output twice")
		}
		p.given = append(p.given, at)
		p.sources = append(p.sources, source{pair: pair(o)})
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	for i := range p.sources {
		if err := p.account(ctx, r, i, froms[i]); err != nil {
			return nil, err
		}
	}
	return p, f.Err()
}

func pair(f *create.Fields) pending.KeyIndex {
	k := pending.KeyIndex{ID: strings.ToLower(f.Text("signatureId", 36))}
	if n := f.Index("signatureIdIndex"); n != nil {
		k.Index = *n
	}
	return k
}

// account finds the key of a source. An address that it does not have is refused: a
// wallet without an index stands for index 0.
func (p *payment) account(ctx context.Context, r *create.Request, i int, f *create.Fields) error {
	s := &p.sources[i]
	for _, o := range p.sources[:i] {
		if o.pair == s.pair {
			s.Account, s.scripts = o.Account, o.scripts
		}
	}
	if s.Addresses == nil {
		index := s.pair.Index
		found, err := r.Accounts(ctx, intake.Submission{Hashes: []string{s.pair.ID}, Index: &index})
		if err != nil {
			return err
		}
		if err := s.take(p.on.ID, found[0]); err != nil {
			return err
		}
	}
	if p.given != nil {
		return nil
	}
	named, err := r.Definition.Wallet.ParseAddress(p.on.ID, s.address)
	switch {
	case err != nil:
		f.Fail("address", "isAddress", "must be an address of "+p.on.Chain+" "+p.on.Name)
	case !slices.Contains(s.Addresses, named):
		f.Fail("address", "isOwner", fmt.Sprintf("must be one of wallet %s at index %d: give the right signatureIdIndex", s.pair.ID, s.pair.Index))
	case slices.ContainsFunc(p.sources[:i], func(o source) bool { return o.address == named }):
		f.Fail("address", "isUnique", "must be named once")
	}
	s.address = named
	return nil
}

// payee adds an output.
func (p *payment) payee(f *create.Fields, where, address, how string, amount *big.Int) {
	script := p.script(f, where, address)
	n := p.amount(f, amount, how, p.dust)
	if n == nil || script == nil {
		return
	}
	p.pay += *n // at most maxPayees times Money, far below 2^64
	if p.out = append(p.out, codec.Output{Amount: *n, Script: script}); p.pay > codec.Money(p.on.ID) {
		f.Fail(how, "max", "and the others are more than there can be")
	}
}

// script reads an address; nil where there is none.
func (p *payment) script(f *create.Fields, name, address string) []byte {
	if address == "" {
		return nil
	}
	script, err := codec.ScriptFor(p.on.ID, address)
	if err != nil {
		f.Fail(name, "isAddress", "must be an address of "+p.on.Chain+" "+p.on.Name)
	}
	return script
}

// amount bounds an amount.
func (p *payment) amount(f *create.Fields, n *big.Int, name string, least uint64) *uint64 {
	if n == nil {
		return nil
	}
	if most := codec.Money(p.on.ID); !n.IsUint64() || n.Uint64() > most || n.Uint64() < least {
		f.Fail(name, "min", fmt.Sprintf("must be from %d to %d base units, of which a coin has 100000000", least, most))
		return nil
	}
	u := n.Uint64()
	return &u
}

// withdrawal reads transferBtcKMS. There are no virtual accounts here: the wallet
// pays, and what the call says of accounts is told to the operator.
func (p *payment) withdrawal(ctx context.Context, r *create.Request) error {
	f := r.Body.Only("senderAccountId", "address", "amount", "compliant", "fee", "multipleAmounts", "attr", "signatureId", "xpub", "paymentId", "senderNote").
		Need("senderAccountId", "address", "amount", "signatureId")
	decimals := r.On.Asset.Decimals
	total := p.amount(f, f.Amount("amount", decimals), "amount", p.dust)
	p.fee = p.amount(f, f.Amount("fee", decimals), "fee", 1)
	p.change = p.script(f, "attr", f.Text("attr", 256))
	if f.Bool("compliant") {
		f.Fail("compliant", "isIn", "must be false or absent: no compliance check is made here")
	}
	if p.xpub = f.Text("xpub", maxText); !f.Has("xpub") && !f.Has("attr") {
		f.Fail("xpub", "isDefined", "or attr must be given: where change goes")
	}
	p.wallet = strings.ToLower(f.Text("signatureId", 36))
	addresses := strings.Split(f.Text("address", maxText*maxPayees), ",")
	amounts := f.Items("multipleAmounts", maxPayees)
	switch {
	case len(addresses) > maxPayees:
		f.Fail("address", "maxLength", fmt.Sprintf("must name at most %d", maxPayees))
	case amounts == nil && len(addresses) == 1 && total != nil:
		p.payee(f, "address", addresses[0], "amount", new(big.Int).SetUint64(*total))
	case len(amounts) != len(addresses):
		f.Fail("multipleAmounts", "arraySize", "must have one amount for each address")
	default:
		for i, v := range amounts {
			n, ok := create.Decimal(v.Text, decimals)
			if !ok {
				f.Fail("multipleAmounts", "isNumberString", fmt.Sprintf("must hold decimal numbers with at most %d decimals, as strings", decimals))
				break
			}
			p.payee(f, "address", strings.TrimSpace(addresses[i]), "multipleAmounts", n)
		}
		if total != nil && f.Err() == nil && p.pay != *total {
			f.Fail("amount", "isSum", "must be the sum of multipleAmounts")
		}
	}
	p.note = create.Note(f, "senderAccountId", "paymentId", "senderNote")
	if err := f.Err(); err != nil {
		return err
	}
	zero := uint32(0)
	found, err := r.Accounts(ctx, intake.Submission{Hashes: []string{p.wallet}, Index: &zero})
	if err != nil {
		return err
	}
	switch first := found[0]; {
	case !first.Derived:
		f.Fail("signatureId", "isMnemonic", "must be that of a wallet with an extended key: withdrawals are not paid from single keys")
	case p.xpub != "" && !holds(p.xpub, first.Key):
		f.Fail("xpub", "isOwner", "must be the extended public key of the wallet")
	default:
		p.sources = []source{{Account: first, address: first.Addresses[0], pair: pending.KeyIndex{ID: p.wallet}}}
	}
	return f.Err()
}

// holds reports whether the extended public key, whatever its version bytes, has the
// key as its child 0.
func holds(text string, key chain.PublicKey) bool {
	b := base58.Decode(text)
	if len(b) != 82 {
		return false
	}
	raw, _, err := base58.CheckDecode(text)
	if err != nil || len(raw) != 77 { // the first version byte is cut off
		return false
	}
	parent, err := chain.NewPublicKey(chain.Secp256k1, raw[44:])
	if err != nil {
		return false
	}
	account, err := hd.NewPublic(parent, [32]byte(raw[12:44]), raw[3], [4]byte(raw[4:8]), 0)
	if err != nil {
		return false
	}
	child, err := account.Child(0)
	return err == nil && child.Key() == key
}
