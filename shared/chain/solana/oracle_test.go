package solana

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"coldsign/shared/chain"

	"github.com/gagliardetto/solana-go"
	associatedtokenaccount "github.com/gagliardetto/solana-go/programs/associated-token-account"
	computebudget "github.com/gagliardetto/solana-go/programs/compute-budget"
	"github.com/gagliardetto/solana-go/programs/memo"
	"github.com/gagliardetto/solana-go/programs/system"
	"github.com/gagliardetto/solana-go/programs/token"
)

// pair is one instruction as solana-go builds it and as this package does.
type pair struct {
	theirs solana.Instruction
	ours   Instruction
	name   string // as the review tells it
	amount uint64 // of its effect, if any
	to     address
}

// party is a pool of keys with their secrets.
type party struct {
	r       *rand.Rand
	keys    []address
	secrets map[solana.PublicKey]solana.PrivateKey
}

func newParty(r *rand.Rand) *party {
	p := &party{r: r, secrets: map[solana.PublicKey]solana.PrivateKey{}}
	for i := range 8 {
		k := ed25519.NewKeyFromSeed(seed(fmt.Sprint("party", i)))
		a := address(k.Public().(ed25519.PublicKey))
		p.keys = append(p.keys, a)
		p.secrets[a] = solana.PrivateKey(k)
	}
	return p
}

func (p *party) any() address { return p.keys[p.r.IntN(len(p.keys))] }

// pairs builds up to five random instructions, budget first, with each
// constructor of this package against its twin.
func (p *party) pairs() []pair {
	var all []pair
	if p.r.IntN(3) == 0 {
		n, authority := p.any(), p.any()
		all = append(all, pair{theirs: system.NewAdvanceNonceAccountInstruction(n, solana.SysVarRecentBlockHashesPubkey, authority).Build(),
			ours: AdvanceNonce(n, authority), name: "System AdvanceNonceAccount"})
	}
	if p.r.IntN(2) == 0 {
		limit, price := p.r.Uint32(), p.r.Uint64()
		all = append(all,
			pair{theirs: computebudget.NewSetComputeUnitLimitInstruction(limit).Build(), ours: ComputeUnitLimit(limit), name: "Compute Budget SetComputeUnitLimit"},
			pair{theirs: computebudget.NewSetComputeUnitPriceInstruction(price).Build(), ours: ComputeUnitPrice(price), name: "Compute Budget SetComputeUnitPrice"})
	}
	for range 1 + p.r.IntN(3) {
		a, b, c, d, amount := p.any(), p.any(), p.any(), p.any(), p.r.Uint64()
		switch p.r.IntN(5) {
		case 0:
			all = append(all, pair{system.NewTransferInstruction(amount, a, b).Build(), SystemTransfer(a, b, amount), "System Transfer", amount, b})
		case 1:
			decimals := uint8(p.r.IntN(20))
			all = append(all, pair{token.NewTransferCheckedInstruction(amount, decimals, a, b, c, d, nil).Build(),
				TokenTransferChecked(tokenProgram, a, b, c, d, amount, decimals), "Token TransferChecked", amount, c})
		case 2:
			decimals := uint8(p.r.IntN(20))
			x := token.NewTransferCheckedInstruction(amount, decimals, a, b, c, d, nil).Build()
			data, err := x.Data()
			if err != nil {
				panic(err)
			}
			all = append(all, pair{solana.NewInstruction(solana.Token2022ProgramID, x.Accounts(), data),
				TokenTransferChecked(token2022, a, b, c, d, amount, decimals), "Token-2022 TransferChecked", amount, c})
		case 3:
			x, err := CreateATA(a, b, tokenProgram, c)
			if err != nil {
				panic(err)
			}
			all = append(all, pair{theirs: associatedtokenaccount.NewCreateIdempotentInstruction(a, b, c).Build(), ours: x, name: "Associated Token CreateIdempotent"})
		case 4:
			all = append(all, pair{theirs: memo.NewMemoInstruction([]byte("memo"), a).Build(), ours: Memo("memo", a), name: "Memo"})
		}
	}
	return all
}

// weird: an account that signs read-only in one instruction and is written
// unsigned in another. solana-go leaves it among the read-only ones and then
// counts it as writable, which is another message than it was asked for.
func weird(xs []pair) bool {
	signs, writes, both := map[address]bool{}, map[address]bool{}, map[address]bool{}
	for _, x := range xs {
		for _, a := range x.ours.Accounts {
			signs[a.Key] = signs[a.Key] || a.Signer
			writes[a.Key] = writes[a.Key] || a.Writable
			both[a.Key] = both[a.Key] || a.Signer && a.Writable
		}
	}
	for k := range signs {
		if signs[k] && writes[k] && !both[k] {
			return true
		}
	}
	return false
}

// TestAgainstSolanaGo: random transactions are the same bytes, decode to the
// same thing, and are sealed to the same bytes as solana-go's.
func TestAgainstSolanaGo(t *testing.T) {
	p := newParty(rand.New(rand.NewPCG(1, 2)))
	compared, texts := 0, map[string]string{}
	for compared < 400 {
		xs := p.pairs()
		if weird(xs) {
			continue
		}
		compared++
		payer, hash := p.any(), address(seed(fmt.Sprint(compared)))
		var theirs []solana.Instruction
		var ours []Instruction
		for _, x := range xs {
			theirs, ours = append(theirs, x.theirs), append(ours, x.ours)
		}
		for _, version := range []solana.MessageVersion{solana.MessageVersionLegacy, solana.MessageVersionV0} {
			g, err := solana.NewTransaction(theirs, solana.Hash(hash), solana.TransactionPayer(payer), solana.TransactionMessageVersion(version))
			if err != nil {
				t.Fatal(err)
			}
			want, err := g.Message.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			got, err := Compile(payer, hash, ours...)
			if err != nil {
				t.Fatal(err)
			}
			u := request(t, got)
			if version == solana.MessageVersionV0 {
				u = versioned(u)
			}
			if !bytes.Equal(u.Payload, want) {
				t.Fatalf("message %d differs from solana-go's:\n%x\n%x", compared, u.Payload, want)
			}
			text := decode(t, u).Text()
			if had, ok := texts[text]; ok && had != string(want) {
				t.Errorf("two messages have one review:\n%s", text)
			}
			texts[text] = string(want)
			agree(t, u, g, xs)
			sealsAlike(t, u, g, p)
		}
	}
}

// agree compares what the review says with what solana-go's decoder says.
func agree(t *testing.T, u chain.Unsigned, g *solana.Transaction, xs []pair) {
	t.Helper()
	m, err := parse(u.Payload)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range g.Message.AccountKeys {
		w, err := g.Message.IsWritable(k)
		if err != nil || m.keys[i] != address(k) || m.signer(i) != g.Message.IsSigner(k) || m.writable(i) != w {
			t.Errorf("account %d differs: %v", i, err)
		}
	}
	r := decode(t, u)
	if len(r.Opaque) != 0 {
		t.Errorf("opaque: %v", r.Opaque)
	}
	effect := 0
	for i, x := range xs {
		if d := r.Details[i].Value; d != x.name && !strings.HasPrefix(d, x.name+":") && !strings.HasPrefix(d, x.name+";") {
			t.Errorf("instruction %d is told as %q, not as %q", i+1, d, x.name)
		}
		if x.to == (address{}) {
			continue
		}
		e := r.Effects[effect]
		effect++
		if e.Amount.Cmp(new(big.Int).SetUint64(x.amount)) != 0 || e.To != solana.PublicKey(x.to).String() {
			t.Errorf("effect %d is %v", effect, e)
		}
	}
	if effect != len(r.Effects) {
		t.Errorf("%d effects, want %d", len(r.Effects), effect)
	}
	if r.Fee.Payer != g.Message.AccountKeys[0].String() {
		t.Errorf("fee payer %s", r.Fee.Payer)
	}
}

func sealsAlike(t *testing.T, u chain.Unsigned, g *solana.Transaction, p *party) {
	t.Helper()
	if _, err := g.Sign(func(k solana.PublicKey) *solana.PrivateKey { s := p.secrets[k]; return &s }); err != nil {
		t.Fatal(err)
	}
	want, err := g.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	tx, err := New().Decode(u)
	if err != nil {
		t.Fatal(err)
	}
	var sigs []chain.Signature
	for _, q := range tx.ToSign() {
		k := p.secrets[solana.PublicKey(q.Key.Bytes())]
		sigs = append(sigs, chain.Signature{Key: q.Key, Scheme: q.Scheme, Bytes: ed25519.Sign(ed25519.PrivateKey(k), q.Message)})
	}
	sealed, err := tx.Seal(sigs)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sealed.Raw, want) || sealed.TxID != g.Signatures[0].String() {
		t.Errorf("sealed %x as %s, solana-go has %x", sealed.Raw, sealed.TxID, want)
	}
}

// TestDerivedAddresses: ATA and withSeed give what solana-go gives.
func TestDerivedAddresses(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := func() (a address) {
		for i := range a {
			a[i] = byte(r.Uint32())
		}
		return a
	}
	for i := range 1000 {
		owner, m := random(), random()
		program := []address{tokenProgram, token2022}[i%2]
		got, err := ATA(owner, program, m)
		if err != nil {
			t.Fatal(err)
		}
		want, _, err := solana.FindAssociatedTokenAddressWithProgram(owner, m, program)
		if err != nil || got != address(want) {
			t.Fatalf("associated account %s, want %s: %v", text(got), want, err)
		}
		s := fmt.Sprintf("%.*s", i%33, "0123456789abcdef0123456789abcdef")
		seeded, ok := withSeed(owner, []byte(s), m)
		wantSeeded, err := solana.CreateWithSeed(owner, s, m)
		if err != nil || !ok || seeded != address(wantSeeded) {
			t.Fatalf("seeded account %s, want %s", text(seeded), wantSeeded)
		}
	}
	marked := random()
	copy(marked[32-len(derivedMarker):], derivedMarker)
	if _, ok := withSeed(random(), nil, marked); ok {
		t.Error("an owner that imitates a derived address is accepted")
	}
	if _, ok := withSeed(random(), make([]byte, 33), random()); ok {
		t.Error("a seed of 33 bytes is accepted")
	}
}

// TestProgramIDs: the constants are solana-go's.
func TestProgramIDs(t *testing.T) {
	for ours, theirs := range map[string]solana.PublicKey{
		SystemProgram: solana.SystemProgramID, TokenProgram: solana.TokenProgramID, Token2022Program: solana.Token2022ProgramID,
		AssociatedProgram: solana.SPLAssociatedTokenAccountProgramID, BudgetProgram: solana.ComputeBudget, MemoProgram: solana.MemoProgramID,
		MemoV1Program: solana.MemoProgramIDV1, RecentBlockhashes: solana.SysVarRecentBlockHashesPubkey, RentSysvar: solana.SysVarRentPubkey,
		secp256k1Verify: solana.Secp256k1ProgramID, NativeMint: solana.WrappedSol,
	} {
		if theirs.String() != ours {
			t.Errorf("%s is %s in solana-go", ours, theirs)
		}
	}
	for _, s := range []string{ed25519Verify, secp256r1Verify} {
		known(s)
	}
}

// TestBuildersOfTheirs: instructions that this package reads but does not build.
func TestBuildersOfTheirs(t *testing.T) {
	pk := func(a address) solana.PublicKey { return solana.PublicKey(a) }
	seeded, _ := withSeed(bob, []byte("s\x1b"), carol)
	plain, _ := withSeed(bob, []byte("s\x1b"), known(SystemProgram))
	hashes, rent := solana.SysVarRecentBlockHashesPubkey, solana.SysVarRentPubkey
	source, destination := ata(t, alice, tokenProgram), ata(t, bob, tokenProgram)
	cases := []struct {
		x              solana.Instruction
		detail, effect string
	}{
		{system.NewCreateAccountInstruction(9, 0, solana.SystemProgramID, pk(alice), pk(bob)).Build(),
			"System CreateAccount: from #0, new account #1; space 0 bytes", "create 9 alice bob"},
		{system.NewCreateAccountWithSeedInstruction(pk(bob), "s\x1b", 9, 0, solana.SystemProgramID, pk(alice), pk(plain), pk(bob)).Build(),
			`System CreateAccountWithSeed: from #0, new account #2, base #1; seed "s\u{001B}"; space 0 bytes`, "create 9 alice plain"},
		{system.NewTransferWithSeedInstruction(9, "s\x1b", pk(carol), pk(seeded), pk(bob), pk(alice)).Build(),
			`System TransferWithSeed: from #2, base #1, to #0; seed "s\u{001B}" of program ` + text(carol), "transfer 9 seeded alice"},
		{system.NewWithdrawNonceAccountInstruction(9, pk(nonce), pk(bob), hashes, rent, pk(alice)).Build(),
			"System WithdrawNonceAccount: nonce account #2, to #1, recent blockhashes #4, rent #5, authority #0", "transfer 9 nonce bob"},
		{system.NewInitializeNonceAccountInstruction(pk(bob), pk(nonce), hashes, rent).Build(),
			"System InitializeNonceAccount: nonce account #1, recent blockhashes #3, rent #4; authority " + text(bob), ""},
		{token.NewInitializeAccountInstruction(pk(nonce), pk(mint), pk(bob), rent).Build(),
			"Token InitializeAccount: account #1, mint #5, owner #4, rent #2", ""},
		{token.NewInitializeAccount2Instruction(pk(bob), pk(nonce), pk(mint), rent).Build(),
			"Token InitializeAccount2: account #1, mint #4, rent #2; owner " + text(bob), ""},
		{token.NewInitializeAccount3Instruction(pk(bob), pk(nonce), pk(mint)).Build(),
			"Token InitializeAccount3: account #1, mint #3; owner " + text(bob), ""},
		{token.NewSyncNativeInstruction(pk(nonce)).Build(), "Token SyncNative: account #1", ""},
		{token.NewTransferInstruction(9, pk(source), pk(destination), pk(alice), nil).Build(),
			"Token Transfer (opaque): source #1, destination #2, authority #0", "transfer 9 source destination"},
		{associatedtokenaccount.NewCreateInstruction(pk(alice), pk(bob), pk(mint)).Build(),
			"Associated Token Create (0): payer #0, account #1, owner #4, mint #6, system program #2, token program #3", ""},
		{computebudget.NewRequestHeapFrameInstruction(65536).Build(), "Compute Budget RequestHeapFrame; 65536 bytes", ""},
		{computebudget.NewSetLoadedAccountsDataSizeLimitInstruction(77).Build(), "Compute Budget SetLoadedAccountsDataSizeLimit; 77 bytes", ""},
	}
	names := map[string]string{text(alice): "alice", text(bob): "bob", text(seeded): "seeded", text(plain): "plain", text(nonce): "nonce", text(source): "source", text(destination): "destination"}
	for _, c := range cases {
		g, err := solana.NewTransaction([]solana.Instruction{c.x}, solana.Hash(blockhash), solana.TransactionPayer(pk(alice)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := g.Message.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		r := decode(t, request(t, b))
		if d := r.Details[0].Value; (len(r.Opaque) != 0) != strings.Contains(c.detail, "(opaque)") || d != c.detail {
			t.Errorf("got %q, want %q; %v", d, c.detail, r.Opaque)
		}
		got := ""
		for _, e := range r.Effects {
			got += fmt.Sprintf("%v %v %s %s", e.Kind, e.Amount, names[e.From], names[e.To])
		}
		if got != c.effect {
			t.Errorf("%s: effect %q, want %q", c.detail, got, c.effect)
		}
	}
}

// TestGenesis: localnet's id comes from its genesis hash.
func TestGenesis(t *testing.T) {
	hash := solana.Hash(bytes.Repeat([]byte{1}, 32)).String()
	if want := chain.ID("solana:" + hash[:32]); want != localnet || New().Networks()[3] != want {
		t.Errorf("localnet is %s, want %s", New().Networks()[3], want)
	}
	for _, n := range NetworkTable() {
		if b, err := json.Marshal(n.Asset); err != nil || len(n.ID) != len("solana:")+32 || n.FeeCap.Int64() != 100_000_000 || n.Testnet == (n.Name == "mainnet") {
			t.Errorf("%s: %s %v", n.Name, b, err)
		}
	}
}
