package solana

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// dangerous calls a program with alice's signature and two writable accounts.
func dangerous(program string, data ...byte) Instruction {
	return Instruction{known(program), []AccountMeta{{alice, true, true}, {bob, false, true}, {carol, false, true}}, data}
}

func le(tag uint32, rest ...[]byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, tag), bytes.Join(rest, nil)...)
}

// TestOpaque: what gives control away, or cannot be explained to the last byte,
// has a code that policy denies (ATT-28, ATT-29).
func TestOpaque(t *testing.T) {
	owner, eight := carol[:], make([]byte, 8)
	one := []AccountMeta{{alice, true, true}}
	transfer := TokenTransferChecked(tokenProgram, nonce, mint, bob, alice, 1, 6)
	with := func(x Instruction, change func(*Instruction)) Instruction {
		x.Accounts, x.Data = slices.Clone(x.Accounts), slices.Clone(x.Data)
		change(&x)
		return x
	}
	for _, c := range []struct {
		name, code string
		x          Instruction
	}{
		{"unknown program", "solana.program", unknownCall()},
		{"stake Authorize", "solana.program", dangerous("Stake11111111111111111111111111111111111111", le(1, owner, le(0))...)},
		{"loader Upgrade", "solana.program", dangerous("BPFLoaderUpgradeab1e11111111111111111111111", le(3)...)},
		{"System Assign", "solana.assign", Instruction{known(SystemProgram), one, le(1, owner)}},
		{"System AssignWithSeed", "solana.assign", dangerous(SystemProgram, le(10, owner, eight, owner)...)},
		{"System AllocateWithSeed", "solana.assign", dangerous(SystemProgram, le(9, owner, eight, eight, owner)...)},
		{"System Allocate", "solana.allocate", Instruction{known(SystemProgram), one, le(8, eight)}},
		{"System AuthorizeNonceAccount", "solana.nonce-authorize", dangerous(SystemProgram, le(7, owner)...)},
		{"System UpgradeNonceAccount", "solana.instruction", dangerous(SystemProgram, le(12)...)},
		{"System instruction", "solana.instruction", dangerous(SystemProgram, le(13)...)},
		{"System instruction", "solana.instruction", dangerous(SystemProgram)},
		{"Token Approve", "solana.approve", dangerous(TokenProgram, append([]byte{4}, eight...)...)},
		{"Token-2022 ApproveChecked", "solana.approve", dangerous(Token2022Program, 13)},
		{"Token Revoke", "solana.revoke", dangerous(TokenProgram, 5)},
		{"Token SetAuthority", "solana.set-authority", dangerous(TokenProgram, append([]byte{6, 2, 1}, owner...)...)},
		{"Token MintTo", "solana.mint-to", dangerous(TokenProgram, 7)},
		{"Token MintToChecked", "solana.mint-to", dangerous(TokenProgram, 14)},
		{"Token Burn", "solana.burn", dangerous(TokenProgram, 8)},
		{"Token BurnChecked", "solana.burn", dangerous(TokenProgram, 15)},
		{"Token CloseAccount", "solana.close-account", dangerous(TokenProgram, 9)},
		{"Token FreezeAccount", "solana.instruction", dangerous(TokenProgram, 10)},
		{"Token InitializeMint2", "solana.instruction", dangerous(TokenProgram, 20)},
		{"Token-2022 transfer fee extension, TransferCheckedWithFee", "solana.transfer-fee", dangerous(Token2022Program, 26, 1)},
		{"Token unknown instruction", "solana.instruction", dangerous(TokenProgram, 26, 1)},
		{"Token-2022 unknown instruction", "solana.instruction", dangerous(Token2022Program, 200)},
		{"Token", "solana.instruction", dangerous(TokenProgram)},
		{"Associated Token RecoverNested", "solana.instruction", dangerous(AssociatedProgram, 2)},
		{"Associated Token instruction", "solana.instruction", dangerous(AssociatedProgram, 0)},
		{"Memo (no UTF-8)", "solana.instruction", Instruction{known(MemoProgram), nil, []byte{0xff}}},
		{"Memo v1 (signer does not sign)", "solana.instruction", Instruction{known(MemoV1Program), []AccountMeta{{bob, false, false}}, []byte("x")}},
		// Neighbours of what is read: one byte, account or flag away.
		{"Token TransferChecked (5 accounts, not 4)", "solana.instruction", with(transfer, func(x *Instruction) {
			x.Accounts = append(x.Accounts, AccountMeta{carol, true, false})
		})},
		{"Token TransferChecked (11 bytes", "solana.instruction", with(transfer, func(x *Instruction) { x.Data = append(x.Data, 0) })},
		{"Token TransferChecked (9 bytes", "solana.instruction", with(transfer, func(x *Instruction) { x.Data = x.Data[:9] })},
		{"Token TransferChecked (authority does not sign)", "solana.instruction", with(transfer, func(x *Instruction) { x.Accounts[3] = AccountMeta{carol, false, false} })},
		{"Token TransferChecked (source is read-only)", "solana.instruction", with(transfer, func(x *Instruction) { x.Accounts[0].Writable = false })},
		{"System Transfer (3 accounts", "solana.instruction", with(SystemTransfer(alice, bob, 1), func(x *Instruction) {
			x.Accounts = append(x.Accounts, AccountMeta{carol, false, false})
		})},
		{"System Transfer (13 bytes", "solana.instruction", with(SystemTransfer(alice, bob, 1), func(x *Instruction) { x.Data = append(x.Data, 0) })},
		{"System TransferWithSeed (no UTF-8 seed", "solana.instruction", dangerous(SystemProgram, le(11, eight, []byte{33, 0, 0, 0, 0, 0, 0, 0}, owner, owner)...)},
		{"System CreateAccountWithSeed (no UTF-8 seed", "solana.instruction", dangerous(SystemProgram, le(3, owner, bytes.Repeat([]byte{255}, 8))...)},
		{"System InitializeNonceAccount (recent blockhashes is another", "solana.instruction",
			Instruction{known(SystemProgram), []AccountMeta{{nonce, false, true}, {bob, false, false}, {known(RentSysvar), false, false}}, le(6, owner)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := compile(t, SystemTransfer(alice, bob, 1), c.x)
			r := decode(t, u)
			what := "instruction 2, " + c.name
			if c.code == "solana.program" {
				what = "instruction 2, call of unknown program " + text(c.x.Program)
			}
			if len(r.Opaque) != 1 || r.Opaque[0].Code != c.code || !strings.HasPrefix(r.Opaque[0].What, what) {
				t.Fatalf("opaque %q", r.Opaque)
			}
			if len(r.Effects) != 1 {
				t.Errorf("an opaque instruction has effects: %v", r.Effects)
			}
			m, _ := parse(u.Payload)
			if want := fmt.Sprintf("%x", m.instructions[1].raw); r.Opaque[0].Hex != want {
				t.Errorf("hex %s, want %s", r.Opaque[0].Hex, want)
			}
		})
	}
}

// TestRefused: malformed or misleading messages do not decode, and their legal
// neighbours do (ATT-26, ATT-27, ATT-30, ATT-32).
func TestRefused(t *testing.T) {
	pay := compile(t, SystemTransfer(alice, bob, 1))
	edit := func(u chain.Unsigned, change func([]byte) []byte) chain.Unsigned {
		u.Payload = change(slices.Clone(u.Payload))
		return u
	}
	set := func(at int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	create := createATA(t, alice, bob, tokenProgram)
	create.Accounts[1].Key = ata(t, carol, tokenProgram)
	advance, twice := AdvanceNonce(nonce, alice), AdvanceNonce(carol, alice)
	trailing := Instruction{advance.Program, advance.Accounts, append(slices.Clone(advance.Data), 0)}
	unsigned := Instruction{advance.Program, slices.Clone(advance.Accounts), advance.Data}
	unsigned.Accounts[2] = AccountMeta{bob, false, false}
	readonly := Instruction{advance.Program, slices.Clone(advance.Accounts), advance.Data}
	readonly.Accounts[0].Writable = false
	table := edit(versioned(pay), func(b []byte) []byte {
		return slices.Concat(b[:len(b)-1], []byte{1}, carol[:], []byte{1, 0, 0})
	})
	two := compile(t, SystemTransfer(alice, carol, 1), SystemTransfer(bob, carol, 1))
	signers := func(u chain.Unsigned, keys ...chain.PublicKey) chain.Unsigned { u.Signers = keys; return u }
	seeded := Instruction{known(SystemProgram), []AccountMeta{{bob, false, true}, {alice, true, false}, {carol, false, true}},
		le(11, make([]byte, 8), []byte{1, 0, 0, 0, 0, 0, 0, 0, 's'}, carol[:])}
	for _, c := range []struct {
		name, code string
		u          chain.Unsigned
	}{
		{"empty", "solana.message", edit(pay, func([]byte) []byte { return nil })},
		{"version 1", "solana.version", edit(versioned(pay), set(0, 0x81))},
		{"version 127", "solana.version", edit(versioned(pay), set(0, 0xff))},
		{"lookup table", "solana.lookup-table", table},
		{"empty lookup table", "solana.lookup-table", edit(table, func(b []byte) []byte { b[len(b)-2] = 0; return b[:len(b)-1] })},
		{"no signer", "solana.header", edit(pay, set(0, 0))},
		{"more signers than accounts", "solana.header", edit(pay, set(0, 4))},
		{"read-only fee payer", "solana.header", edit(pay, set(1, 1))},
		{"more read-only accounts than there are", "solana.header", edit(pay, set(2, 3))},
		{"one signer more than keys", "solana.signers", edit(pay, set(0, 2))},
		{"duplicate account", "solana.accounts", edit(pay, func(b []byte) []byte { copy(b[36:68], b[4:36]); return b })},
		{"long form of a length", "solana.message", edit(pay, func(b []byte) []byte {
			return slices.Concat(b[:3], []byte{0x83, 0}, b[4:])
		})},
		{"program 0", "solana.accounts", edit(pay, set(133, 0))},
		{"program out of range", "solana.accounts", edit(pay, set(133, 3))},
		{"account out of range", "solana.accounts", edit(pay, set(135, 3))},
		{"too long", "solana.message", edit(pay, func(b []byte) []byte { return append(b, make([]byte, 1300)...) })},
		{"ata of another", "solana.ata", compile(t, create)},
		{"seed of another", "solana.seed", compile(t, seeded)},
		{"decimals of wrapped SOL", "solana.decimals", compile(t, TokenTransferChecked(tokenProgram, nonce, known(NativeMint), bob, alice, 1, 6))},
		{"nonce second", "solana.nonce", compile(t, SystemTransfer(alice, bob, 1), advance)},
		{"two nonces", "solana.nonce", compile(t, advance, twice)},
		{"nonce with a trailing byte", "solana.nonce", compile(t, trailing)},
		{"nonce authority does not sign", "solana.nonce", compile(t, unsigned)},
		{"nonce account read-only", "solana.nonce", compile(t, readonly)},
		{"budget twice", "solana.compute-budget", compile(t, ComputeUnitPrice(1), ComputeUnitPrice(1))},
		{"budget with a trailing byte", "solana.compute-budget", compile(t, Instruction{known(BudgetProgram), nil, make([]byte, 10)})},
		{"price with a trailing byte", "solana.compute-budget", compile(t, Instruction{known(BudgetProgram), nil, append([]byte{3}, make([]byte, 9)...)})},
		{"price with an account", "solana.compute-budget", compile(t, Instruction{known(BudgetProgram), []AccountMeta{{bob, false, false}}, ComputeUnitPrice(1).Data})},
		{"budget unknown", "solana.compute-budget", compile(t, Instruction{known(BudgetProgram), nil, []byte{5, 0, 0, 0, 0}})},
		{"signer missing", "solana.signers", signers(two, pub(alice))},
		{"signer twice", "solana.signers", signers(two, pub(alice), pub(alice))},
		{"signer too many", "solana.signers", signers(pay, pub(alice), pub(bob))},
		{"signer listed twice", "solana.signers", signers(pay, pub(alice), pub(alice))},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New().Decode(c.u); !fault.Is(err, c.code) {
				t.Errorf("got %v, code %q, want %q", err, fault.Code(err), c.code)
			}
		})
	}
	for name, u := range map[string]chain.Unsigned{
		"payment": pay, "v0": versioned(pay), "nonce": compile(t, advance), "two": two,
		"other order": signers(two, pub(alice), pub(bob)), "ata": compile(t, createATA(t, alice, bob, token2022)),
	} {
		if r := decode(t, u); len(r.Opaque) != 0 {
			t.Errorf("%s: opaque %v", name, r.Opaque)
		}
	}
}

// TestWarnings: what a person reads first.
func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name  string
		u     chain.Unsigned
		codes string
	}{
		{"payment", compile(t, SystemTransfer(alice, bob, 1)), ""},
		{"only pays", compile(t, SystemTransfer(bob, carol, 1)), "solana.fee-payer-only"},
		{"only pays, and is paid", compile(t, SystemTransfer(bob, alice, 1)), "solana.fee-payer-only"},
		{"signs for the unknown only", compile(t, unknownCall()), "solana.fee-payer-only"},
		{"nothing at all", compile(t), "solana.fee-payer-only"},
		{"signs a memo", compile(t, Memo("x", alice, bob)), ""},
		{"pays for a nonce holder", compile(t, AdvanceNonce(nonce, bob), SystemTransfer(bob, carol, 1)), "solana.never-expires solana.fee-payer-only"},
		{"two rents", compile(t, createATA(t, alice, bob, tokenProgram), createATA(t, alice, carol, tokenProgram)), "solana.rent solana.rent"},
		{"one rent, twice", compile(t, createATA(t, alice, bob, tokenProgram), createATA(t, alice, bob, tokenProgram)), "solana.rent"},
		{"token, owner unproven", compile(t, TokenTransferChecked(tokenProgram, nonce, mint, bob, alice, 1, 6)), "solana.owner"},
		{"token-2022", compile(t, TokenTransferChecked(token2022, nonce, mint, bob, alice, 1, 6)), "solana.owner solana.token-2022"},
		{"nonce account for another", compile(t, createNonce()...), "solana.key-account"},
		{"nonce account for a signer", compile(t, append(createNonce(), Memo("x", bob))...), ""},
	} {
		var codes []string
		for _, w := range decode(t, c.u).Warnings {
			codes = append(codes, w.Code)
		}
		if got := strings.Join(codes, " "); got != c.codes {
			t.Errorf("%s: warnings %q, want %q", c.name, got, c.codes)
		}
	}
}

// TestFee: the bound is the runtime's, at the edges.
func TestFee(t *testing.T) {
	pay := SystemTransfer(alice, bob, 1)
	many := []Instruction{ComputeUnitPrice(1_000_000)}
	for range 9 {
		many = append(many, pay)
	}
	ata := func(program, payer, owner address) Instruction { return createATA(t, payer, owner, program) }
	bare, unfunded := ata(tokenProgram, alice, carol), ata(tokenProgram, bob, carol)
	bare.Data, unfunded.Accounts[0].Signer = nil, false
	for _, c := range []struct {
		name string
		xs   []Instruction
		want string
	}{
		{"one signature", []Instruction{pay}, "5000"},
		{"two signatures", []Instruction{pay, SystemTransfer(bob, alice, 1)}, "10000"},
		{"rounds up", []Instruction{ComputeUnitLimit(1), ComputeUnitPrice(1), pay}, "5001"},
		{"no price", []Instruction{ComputeUnitLimit(1_400_000), pay}, "5000"},
		{"no limit", []Instruction{ComputeUnitPrice(1_000_000), pay}, "208000"},
		{"no limit, capped", many, "1405000"},
		{"limit over the cap", []Instruction{ComputeUnitLimit(math.MaxUint32), ComputeUnitPrice(1_000_000), pay}, "1405000"},
		{"no overflow", []Instruction{ComputeUnitLimit(math.MaxUint32), ComputeUnitPrice(math.MaxUint64), pay}, "25825441703193377261"},
		{"signatures inside", []Instruction{pay, {known(ed25519Verify), nil, []byte{3, 0}}}, "20000"},
		{"rent", []Instruction{ata(tokenProgram, alice, carol)}, "2044280"},
		{"rent of an older form", []Instruction{bare}, "2044280"},
		{"rent of Token-2022", []Instruction{ata(token2022, alice, carol)}, "4375880"},
		{"rent and price", []Instruction{ComputeUnitLimit(1), ComputeUnitPrice(1), ata(tokenProgram, alice, carol)}, "2044281"},
		{"rent of each", []Instruction{ata(tokenProgram, alice, alice), ata(tokenProgram, alice, bob), ata(token2022, alice, carol)}, "8454440"},
		{"rent that another signer pays", []Instruction{ata(tokenProgram, bob, carol)}, "2049280"},
		{"rent that nobody here pays", []Instruction{unfunded}, "5000"},
	} {
		if got := decode(t, compile(t, c.xs...)).Fee.Amount.String(); got != c.want {
			t.Errorf("%s: fee %s, want %s", c.name, got, c.want)
		}
	}
}

// TestOwners: owners and mints are told when derived, and only then (ATT-31).
func TestOwners(t *testing.T) {
	source, destination := ata(t, alice, tokenProgram), ata(t, bob, tokenProgram)
	checked := func(m address) Instruction {
		return TokenTransferChecked(tokenProgram, source, m, destination, alice, 1, 6)
	}
	fact := Fact{Owner: bob, Mint: mint, Program: tokenProgram}
	own := Fact{Owner: alice, Mint: mint, Program: tokenProgram}
	for _, c := range []struct {
		name, asset, owner string
		u                  chain.Unsigned
	}{
		{"nothing proven", "/token:" + text(mint), "", compile(t, checked(mint))},
		{"evidence", "/token:" + text(mint), text(bob), evidence(t, compile(t, checked(mint)), fact)},
		{"evidence of the source", "/token:" + text(mint), "", evidence(t, compile(t, checked(mint)), own)},
		{"created here", "/token:" + text(mint), text(bob), compile(t, createATA(t, alice, bob, tokenProgram), checked(mint))},
		{"look-alike mint", "/token:" + text(carol), "", evidence(t, compile(t, checked(carol)), fact)},
		{"unchecked", "/token-account:" + text(source), "", compile(t, unchecked(source, destination, alice, 1))},
		{"unchecked, evidence", "/token:" + text(mint), text(bob), evidence(t, compile(t, unchecked(source, destination, alice, 1)), fact)},
		{"unchecked, evidence of the source", "/token:" + text(mint), "", evidence(t, compile(t, unchecked(source, destination, alice, 1)), own)},
		{"unchecked, created here", "/token:" + text(mint), text(bob), compile(t, unchecked(source, destination, alice, 1), createATA(t, alice, bob, tokenProgram))},
		{"account of the other program", "/token:" + text(mint), "", compile(t, createATA(t, alice, bob, token2022),
			TokenTransferChecked(tokenProgram, source, mint, ata(t, bob, token2022), alice, 1, 6))},
		{"unchecked, account of the other program", "/token-account:" + text(source), "", compile(t, createATA(t, alice, bob, token2022),
			unchecked(source, ata(t, bob, token2022), alice, 1))},
	} {
		r := decode(t, c.u)
		if len(r.Effects) != 1 || r.Effects[0].Asset.ID != string(mainnet)+c.asset || r.Effects[0].Owner != c.owner {
			t.Errorf("%s: %+v", c.name, r.Effects)
			continue
		}
		// A mint that nothing proves may be any.
		if unknown := strings.HasPrefix(c.asset, "/token-account:"); unknown != (len(r.Opaque) == 1 && r.Opaque[0].Code == "solana.unchecked-transfer") || !unknown && len(r.Opaque) != 0 {
			t.Errorf("%s: opaque %v", c.name, r.Opaque)
		}
		warned := slices.ContainsFunc(r.Warnings, func(w chain.Warning) bool { return w.Code == "solana.owner" })
		if noted := strings.Contains(r.Effects[0].Note, "not proven"); warned != (c.owner == "") || noted != warned {
			t.Errorf("%s: note %q, warnings %v", c.name, r.Effects[0].Note, r.Warnings)
		}
	}
}

func TestEvidenceRefused(t *testing.T) {
	pay := compile(t, unchecked(ata(t, alice, tokenProgram), ata(t, bob, tokenProgram), alice, 1))
	good := evidence(t, pay, Fact{Owner: bob, Mint: mint, Program: tokenProgram}).Evidence
	full := make([]Fact, maxFacts)
	if b, err := EncodeEvidence(full); err != nil || len(b) != maxEvidence {
		t.Errorf("%d facts take %d bytes, limit %d: %v", maxFacts, len(b), maxEvidence, err)
	}
	if _, err := EncodeEvidence(make([]Fact, maxFacts+1)); !fault.Is(err, "solana.evidence") {
		t.Errorf("too many facts: %v", err)
	}
	facts := func(f ...Fact) []byte { return evidence(t, pay, f...).Evidence }
	for name, b := range map[string][]byte{
		"matches nothing":   facts(Fact{Owner: carol, Mint: mint, Program: tokenProgram}),
		"twice":             facts(Fact{Owner: bob, Mint: mint, Program: tokenProgram}, Fact{Owner: bob, Mint: mint, Program: tokenProgram}),
		"no token program":  facts(Fact{Owner: bob, Mint: mint, Program: carol}),
		"empty array":       {0x80},
		"map":               {0xa0},
		"null":              {0xf6},
		"trailing":          append(slices.Clone(good), 0),
		"long array head":   append([]byte{0x98, 1}, good[1:]...),
		"indefinite":        slices.Concat([]byte{0x9f}, good[1:], []byte{0xff}),
		"tag":               append([]byte{0xd9, 0xd9, 0xf7}, good...),
		"short string":      slices.Concat([]byte{0x81, 0x83, 0x58, 31}, good[4:35], good[36:]),
		"four in the entry": slices.Concat([]byte{0x81, 0x84}, good[2:], []byte{0x40}),
		"huge array":        {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"too long":          make([]byte, maxEvidence+1),
	} {
		u := pay
		u.Evidence = b
		if _, err := New().Decode(u); !fault.Is(err, "solana.evidence") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLongMemo: a memo of any length is shown whole, and stays on one line.
func TestLongMemo(t *testing.T) {
	long := "x" + strings.Repeat("é", 400) + "\n\x1b[31mApproved. Press y"
	r := decode(t, compile(t, Memo(long)))
	d := r.Details[0].Value
	if strings.Count(d, `\u{00E9}`) != 400 || !strings.Contains(d, `\u{000A}\u{001B}[31mApproved. Press y"`) || strings.Contains(d, "more bytes") {
		t.Errorf("memo is shown as %s", d)
	}
	if strings.Count(r.Text(), "\n") != 2+3+len(r.Details)+len(r.Warnings)-1 {
		t.Errorf("text:\n%s", r.Text())
	}
}

// TestDecimalsOfNothing: where an amount is zero, its decimals show all the same.
func TestDecimalsOfNothing(t *testing.T) {
	text := func(decimals byte) string {
		return decode(t, compile(t, TokenTransferChecked(tokenProgram, nonce, mint, bob, alice, 0, decimals))).Text()
	}
	if text(6) == text(7) {
		t.Error("two messages have one review")
	}
}

// TestSeedOfPayer: CreateAccountWithSeed without a third account, as builders
// write it when the payer is the base.
func TestSeedOfPayer(t *testing.T) {
	account, _ := withSeed(alice, []byte("stake:0"), carol)
	x := Instruction{known(SystemProgram), []AccountMeta{{alice, true, true}, {account, false, true}},
		le(3, alice[:], []byte{7, 0, 0, 0, 0, 0, 0, 0}, []byte("stake:0"), []byte{5, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 8), carol[:])}
	r := decode(t, compile(t, x))
	if len(r.Opaque) != 1 || r.Opaque[0].Code != "solana.create-account" || len(r.Effects) != 1 || r.Effects[0].To != text(account) || r.Effects[0].Amount.Int64() != 5 {
		t.Errorf("review:\n%s", r.Text())
	}
	x.Data[44] ^= 1 // the seed
	if _, err := New().Decode(compile(t, x)); !fault.Is(err, "solana.seed") {
		t.Errorf("another seed: %v", err)
	}
	copy(x.Data[4:36], bob[:])
	if r := decode(t, compile(t, x)); len(r.Opaque) != 1 || !strings.Contains(r.Opaque[0].What, "from is another account") {
		t.Errorf("review of another base:\n%s", r.Text())
	}
}
