// Package solana makes the transactions of Solana that the KMS API's creation
// calls ask for: SOL, and tokens of the SPL programs.
//
//	s, err := solana.New(time.Now).Build(ctx, request) // a record with a legacy message, for intake
//
// Amounts are decimal strings of whole SOL or tokens. With nonceAccount, a field of
// ours, the message is durable: it waits as long as the offline half needs. Without,
// its blockhash is the newest, which blocks take for a minute or so, and the row has
// the deadline that follows: only somebody who signs at once can pay with it.
package solana

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/gagliardetto/solana-go/base58"

	"coldsign/online/internal/create"
	"coldsign/online/internal/intake"
	codec "coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

// Builder is a create.Builder.
type Builder struct{ now func() time.Time }

// New makes a builder.
func New(now func() time.Time) *Builder { return &Builder{now} }

type key = [32]byte

// payment is what a call asks for.
type payment struct {
	ids             []string // the wallet that pays, and the one that pays the fee if it is another
	index           *uint32
	from, to, payer key
	amount          *big.Int // lamports
	mint            *key     // nil: SOL
	digits          uint64   // decimals of the token, as the call says
	nonce           *key     // the account of a durable nonce
}

// Build makes the record.
func (b *Builder) Build(ctx context.Context, r *create.Request) (s intake.Submission, err error) {
	p, err := read(r)
	if err != nil {
		return s, err
	}
	s = intake.Submission{Hashes: p.ids, Index: p.index}
	if err := p.owned(ctx, r, s); err != nil {
		return s, err
	}
	n, ok := r.Node.(node)
	if !ok {
		return s, r.NoNode("a blockhash")
	}
	ask := asker{n}
	pay, evidence, err := p.instructions(ctx, ask)
	if err != nil {
		return s, err
	}
	var hash key
	if p.nonce != nil {
		// Nothing else can be built for the same value: a conflict is the caller's.
		r.Fixed = true
		var advance codec.Instruction
		if advance, hash, err = p.durable(ctx, ask); err != nil {
			return s, err
		}
		pay = append([]codec.Instruction{advance}, pay...)
	} else if hash, s.Deadline, err = b.recent(ctx, ask); err != nil {
		return s, err
	}
	message, err := codec.Compile(p.payer, hash, pay...)
	if err != nil {
		return s, err
	}
	s.SerializedTransaction = `{"txData":"` + hex.EncodeToString(message) + `"}`
	s.Evidence = base64.StdEncoding.EncodeToString(evidence)
	if p.mint == nil {
		s.Note = p.advice(ctx, ask)
	}
	return s, nil
}

// read takes the fields of TransferSolanaBlockchainKMS, or of
// ChainTransferSolanaSplKMS.
func read(r *create.Request) (*payment, error) {
	names := []string{"from", "to", "amount", "signatureId", "index", "feePayer", "feePayerSignatureId", "nonceAccount"}
	p := &payment{}
	f := r.Body
	switch r.Kind {
	case create.Transaction:
		f = f.Only(names...).Need("from", "to", "amount", "signatureId")
		p.amount = f.Amount("amount", 9)
	case create.Token:
		f = f.Only(append(names, "chain", "contractAddress", "digits")...).Need("from", "to", "amount", "signatureId", "contractAddress", "digits")
		p.mint = address(f, "contractAddress")
		if n := f.Number("digits", 0, 30); n != nil {
			p.digits = *n
			p.amount = f.Amount("amount", int(*n))
		}
	default:
		return nil, fault.New("create.kind", "", "no such call")
	}
	if p.amount != nil && (p.amount.Sign() <= 0 || !p.amount.IsUint64()) {
		f.Fail("amount", "range", "must be more than nothing, and less than 2^64 base units")
	}
	p.ids = []string{f.Text("signatureId", maxText)}
	p.index = f.Index("index")
	from, to := address(f, "from"), address(f, "to")
	payer := address(f, "feePayer")
	p.nonce = address(f, "nonceAccount")
	if id := f.Text("feePayerSignatureId", maxText); id != "" && !strings.EqualFold(id, p.ids[0]) {
		p.ids = append(p.ids, id)
	}
	if len(p.ids) == 2 && !f.Has("feePayer") {
		f.Fail("feePayer", "isDefined", "must be given with feePayerSignatureId")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	p.from, p.to, p.payer = *from, *to, *from
	if payer != nil {
		p.payer = *payer
	}
	if p.from == p.to {
		f.Fail("to", "isDifferent", "must not be the address that pays")
	}
	return p, f.Err()
}

// address reads a base58 address, nil where there is none.
func address(f *create.Fields, name string) *key {
	text := f.Text(name, maxText)
	if text == "" {
		return nil
	}
	k, err := codec.ParseAddress(text)
	if err != nil {
		f.Fail(name, "isAddress", "must be a Solana address")
		return nil
	}
	return &k
}

// owned refuses addresses that the wallets do not control: nobody could sign.
func (p *payment) owned(ctx context.Context, r *create.Request, s intake.Submission) error {
	accounts, err := r.Accounts(ctx, s)
	if err != nil {
		return err
	}
	if len(accounts) != len(p.ids) {
		return fault.New("create.account", "", "the wallets have %d accounts at the index", len(accounts))
	}
	is := func(i int, k key) bool { return string(accounts[i].Key.Bytes()) == string(k[:]) }
	if !is(0, p.from) {
		return create.Bad("from", "wallet.address", "must be the address of the wallet of signatureId, at the index")
	}
	if !is(len(accounts)-1, p.payer) {
		return create.Bad("feePayer", "wallet.address", "must be the address of the wallet of feePayerSignatureId, or of signatureId without it")
	}
	return nil
}

// instructions make the payment, and the evidence that tells the offline half whose a
// token account is.
func (p *payment) instructions(ctx context.Context, ask asker) ([]codec.Instruction, []byte, error) {
	if p.mint == nil {
		return []codec.Instruction{codec.SystemTransfer(p.from, p.to, p.amount.Uint64())}, nil, nil
	}
	mint, err := ask.account(ctx, *p.mint)
	if err != nil {
		return nil, nil, err
	}
	program, err := codec.ParseAddress(mint.owner)
	if err != nil || mint.owner != codec.TokenProgram && mint.owner != codec.Token2022Program || len(mint.data) < 82 || mint.data[45] != 1 {
		return nil, nil, create.Bad("contractAddress", "isToken", "must be the mint of a token")
	}
	if uint64(mint.data[44]) != p.digits {
		return nil, nil, create.Bad("digits", "token.digits", fmt.Sprintf("must be %d: so many decimals has the token", mint.data[44]))
	}
	to, err := ask.account(ctx, p.to)
	if err != nil {
		return nil, nil, err
	}
	if to.owner == codec.TokenProgram || to.owner == codec.Token2022Program {
		return nil, nil, create.Bad("to", "isOwner", "must be the recipient's own address, not one of his token accounts")
	}
	source, err := codec.ATA(p.from, program, *p.mint)
	if err != nil {
		return nil, nil, err
	}
	destination, err := codec.ATA(p.to, program, *p.mint)
	if err != nil {
		return nil, nil, err
	}
	var list []codec.Instruction
	if there, err := ask.account(ctx, destination); err != nil {
		return nil, nil, err
	} else if there.owner == "" {
		open, err := codec.CreateATA(p.payer, p.to, program, *p.mint)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, open)
	}
	list = append(list, codec.TokenTransferChecked(program, source, *p.mint, destination, p.from, p.amount.Uint64(), uint8(p.digits)))
	evidence, err := codec.EncodeEvidence([]codec.Fact{{Owner: p.from, Mint: *p.mint, Program: program}, {Owner: p.to, Mint: *p.mint, Program: program}})
	return list, evidence, err
}

// durable gives the instruction that uses up the value of the nonce account, and the
// value. Its finalized one: what is not final yet may be another after all.
func (p *payment) durable(ctx context.Context, ask asker) (x codec.Instruction, value key, err error) {
	a, err := ask.account(ctx, *p.nonce)
	if err != nil {
		return x, value, err
	}
	// 80 bytes: version, state (1: initialized), authority, value, fee.
	if a.owner != codec.SystemProgram || len(a.data) != 80 || a.data[4] != 1 || a.data[5]|a.data[6]|a.data[7] != 0 {
		return x, value, create.Bad("nonceAccount", "isNonce", "must be an initialized nonce account")
	}
	authority := key(a.data[8:40])
	if authority != p.from && authority != p.payer {
		return x, value, create.Bad("nonceAccount", "nonce.authority", "must be one that a wallet of this payment may advance; its authority is "+base58.Encode(authority[:]))
	}
	return codec.AdvanceNonce(*p.nonce, authority), key(a.data[40:72]), nil
}

// recent gives the newest blockhash, and when no block may take it any more, if
// blocks are made as fast as they can be.
func (b *Builder) recent(ctx context.Context, ask asker) (hash key, deadline int64, err error) {
	hash, last, height, err := ask.latest(ctx)
	if err != nil {
		return hash, 0, err
	}
	if last < height || last-height < minLife || last-height > maxLife {
		return hash, 0, create.NodeError(fault.New("node.unusable", "", "its newest blockhash is good for blocks up to %d, and the newest is %d", last, height))
	}
	life := time.Duration(last-height) * slot
	return hash, b.now().Add(life).Unix(), nil
}

// advice tells the operator what will make the payment fail as things are. It is no
// reason to refuse: the wallet may be filled meanwhile.
func (p *payment) advice(ctx context.Context, ask asker) string {
	var words []string
	if has, err := ask.balance(ctx, p.from); err == nil && new(big.Int).SetUint64(has).Cmp(p.amount) < 0 {
		words = append(words, "the wallet has less now")
	}
	if has, err := ask.balance(ctx, p.to); err == nil && has == 0 {
		if least, err := ask.rent(ctx); err == nil && p.amount.Cmp(new(big.Int).SetUint64(least)) < 0 {
			words = append(words, "the recipient's account is new, and this is less than the rent that keeps one")
		}
	}
	return strings.Join(words, "; ")
}
