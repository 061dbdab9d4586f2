package solana

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
)

const (
	mainnet  chain.ID = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
	localnet chain.ID = "solana:4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZ"
)

// seed makes test keys that anybody can make again.
func seed(name string) []byte {
	h := sha256.Sum256([]byte("coldsign test key " + name))
	return h[:]
}

func keyOf(name string) address {
	return address(ed25519.NewKeyFromSeed(seed(name)).Public().(ed25519.PublicKey))
}

func pub(a address) chain.PublicKey {
	k, err := chain.NewPublicKey(chain.Ed25519, a[:])
	if err != nil {
		panic(err)
	}
	return k
}

var (
	alice, bob, carol = keyOf("alice"), keyOf("bob"), keyOf("carol")
	mint, nonce       = keyOf("mint"), keyOf("nonce")
	blockhash         = address(seed("blockhash"))
	tokenProgram      = known(TokenProgram)
	token2022         = known(Token2022Program)
)

func signer() func(chain.SignRequest) chain.Signature {
	secrets := map[chain.PublicKey][]byte{}
	for _, name := range []string{"alice", "bob", "carol", "mint", "nonce"} {
		secrets[pub(keyOf(name))] = seed(name)
	}
	return chaintest.Signer(secrets)
}

func ata(t testing.TB, owner, program address) address {
	t.Helper()
	a, err := ATA(owner, program, mint)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func createATA(t testing.TB, payer, owner, program address) Instruction {
	t.Helper()
	x, err := CreateATA(payer, owner, program, mint)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// compile makes a request for a legacy message that alice pays for.
func compile(t testing.TB, xs ...Instruction) chain.Unsigned {
	t.Helper()
	b, err := Compile(alice, blockhash, xs...)
	if err != nil {
		t.Fatal(err)
	}
	return request(t, b)
}

// request wants the signatures that the message wants, in reverse order.
func request(t testing.TB, b []byte) chain.Unsigned {
	t.Helper()
	m, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	u := chain.Unsigned{Network: mainnet, Payload: b}
	for i := m.required - 1; i >= 0; i-- {
		u.Signers = append(u.Signers, pub(m.keys[i]))
	}
	return u
}

// versioned makes a legacy message a v0 one.
func versioned(u chain.Unsigned) chain.Unsigned {
	u.Payload = append(append([]byte{v0Prefix}, u.Payload...), 0)
	return u
}

func evidence(t testing.TB, u chain.Unsigned, facts ...Fact) chain.Unsigned {
	t.Helper()
	b, err := EncodeEvidence(facts)
	if err != nil {
		t.Fatal(err)
	}
	u.Evidence = b
	return u
}

func decode(t testing.TB, u chain.Unsigned) chain.Review {
	t.Helper()
	tx, err := New().Decode(u)
	if err != nil {
		t.Fatal(err)
	}
	return tx.Review()
}

// unknownCall lists alice as signer in a program that nobody knows.
func unknownCall() Instruction {
	return Instruction{Program: keyOf("program"), Accounts: []AccountMeta{{alice, true, true}, {bob, false, true}}, Data: []byte{1, 2, 3}}
}

func createNonce() []Instruction {
	return []Instruction{createAccount(1_447_808, 80, known(SystemProgram)), initializeNonce(nonce, bob)}
}

// createAccount has alice pay for an account at nonce's key.
func createAccount(lamports, space uint64, owner address) Instruction {
	data := binary.LittleEndian.AppendUint64(make([]byte, 4), lamports)
	data = append(binary.LittleEndian.AppendUint64(data, space), owner[:]...)
	return Instruction{known(SystemProgram), []AccountMeta{{alice, true, true}, {nonce, true, true}}, data}
}

func initializeNonce(account, authority address) Instruction {
	return Instruction{known(SystemProgram), []AccountMeta{{account, false, true}, {known(RecentBlockhashes), false, false}, {known(RentSysvar), false, false}},
		append([]byte{6, 0, 0, 0}, authority[:]...)}
}

// initialize3 gives the token account at nonce's key to an owner.
func initialize3(program, mint, owner address) Instruction {
	return Instruction{program, []AccountMeta{{nonce, false, true}, {mint, false, false}}, append([]byte{18}, owner[:]...)}
}

func unchecked(source, destination, authority address, amount byte) Instruction {
	return Instruction{tokenProgram, []AccountMeta{{source, false, true}, {destination, false, true}, {authority, true, false}},
		[]byte{3, amount, 0, 0, 0, 0, 0, 0, 0}}
}

func cases(t testing.TB) []chaintest.Case {
	source, destination := ata(t, alice, tokenProgram), ata(t, bob, tokenProgram)
	native := known(NativeMint)
	wrapped, err := ATA(alice, tokenProgram, native)
	if err != nil {
		t.Fatal(err)
	}
	local := compile(t, SystemTransfer(alice, bob, 1))
	local.Network = localnet
	list := []struct {
		name string
		u    chain.Unsigned
	}{
		{"transfer", compile(t, ComputeUnitLimit(450), ComputeUnitPrice(1_000_000), SystemTransfer(alice, bob, 1_500_000_000))},
		{"transfer-v0", versioned(compile(t, SystemTransfer(alice, bob, 1_500_000_000), Memo("invoice 7 \x1b[2J\u202e", alice)))},
		{"transfer-localnet", local},
		{"fee-payer", compile(t, SystemTransfer(bob, carol, 5))},
		{"durable-nonce", compile(t, AdvanceNonce(nonce, bob), SystemTransfer(alice, carol, 7))},
		{"create-nonce", compile(t, createNonce()...)},
		{"token-create-ata", compile(t, createATA(t, alice, bob, tokenProgram),
			TokenTransferChecked(tokenProgram, source, mint, destination, alice, 2_500_000, 6))},
		{"token-evidence", evidence(t, compile(t, TokenTransferChecked(tokenProgram, source, mint, destination, alice, 2_500_000, 6)),
			Fact{Owner: bob, Mint: mint, Program: tokenProgram})},
		{"token-2022-unproven", compile(t, TokenTransferChecked(token2022, ata(t, alice, token2022), mint, carol, alice, 9, 0))},
		{"token-unchecked", compile(t, unchecked(source, destination, alice, 9))},
		{"wrapped-sol", compile(t, SystemTransfer(alice, wrapped, 1_500_000_000), Instruction{tokenProgram, []AccountMeta{{wrapped, false, true}}, []byte{17}},
			TokenTransferChecked(tokenProgram, wrapped, native, carol, alice, 1_500_000_000, 9))},
		{"create-token-2022", compile(t, createAccount(2_074_080, 170, token2022), initialize3(token2022, mint, bob))},
		{"create-unowned", compile(t, createAccount(100_000_000_000, 165, tokenProgram))},
		{"unknown-program", compile(t, SystemTransfer(alice, bob, 1), unknownCall())},
	}
	var out []chaintest.Case
	for _, c := range list {
		out = append(out, chaintest.Case{Name: c.name, Unsigned: c.u, Sign: signer(),
			Text: filepath.Join("../../../testdata/solana/reviews", c.name+".txt")})
	}
	return out
}

func TestConformance(t *testing.T) { chaintest.Run(t, New(), cases(t)) }

// TestGoldensUsed: no golden review lies about unread.
func TestGoldensUsed(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/solana/reviews/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden reviews")
	}
	all := cases(t)
	if len(files) != len(all) {
		t.Errorf("%d golden reviews for %d cases: %s", len(files), len(all), strings.Join(files, " "))
	}
}
