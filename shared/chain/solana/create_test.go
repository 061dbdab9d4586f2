package solana

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// seededAccount has alice pay for an account that bob's seed derives.
func seededAccount(t *testing.T, space uint64, owner address) (address, Instruction) {
	t.Helper()
	a, ok := withSeed(bob, []byte("s"), owner)
	if !ok {
		t.Fatal("no account derives")
	}
	data := le(3, bob[:], []byte{1, 0, 0, 0, 0, 0, 0, 0, 's', 9, 0, 0, 0, 0, 0, 0, 0}, binary.LittleEndian.AppendUint64(nil, space), owner[:])
	return a, Instruction{known(SystemProgram), []AccountMeta{{alice, true, true}, {a, false, true}, {bob, true, false}}, data}
}

// initialize makes each of the three forms for the account at nonce's key.
func initialize(form int, program, owner address) Instruction {
	x := initialize3(program, mint, owner)
	rent := AccountMeta{known(RentSysvar), false, false}
	switch form {
	case 1:
		return Instruction{program, append(x.Accounts, AccountMeta{owner, false, false}, rent), []byte{1}}
	case 2:
		return Instruction{program, append(x.Accounts, rent), append([]byte{16}, owner[:]...)}
	}
	return x
}

// TestCreate: a create is explained when the message shows who will control the
// account, and is opaque when that is left open.
func TestCreate(t *testing.T) {
	system, other := known(SystemProgram), carol
	stake := known("Stake11111111111111111111111111111111111111")
	with := func(x Instruction, change func(*Instruction)) Instruction {
		x.Accounts, x.Data = slices.Clone(x.Accounts), slices.Clone(x.Data)
		change(&x)
		return x
	}
	odd := with(initialize3(tokenProgram, mint, bob), func(x *Instruction) { x.Accounts = append(x.Accounts, AccountMeta{carol, false, false}) })
	const own = "" // its own key's
	type want struct {
		owner  string
		opaque []string // codes
	}
	explained := func(owner string) want { return want{owner, nil} }
	open := want{"", []string{"solana.create-account"}}
	for _, c := range []struct {
		name string
		want
		xs []Instruction
	}{
		{"system, empty", explained(own), []Instruction{createAccount(9, 0, system)}},
		{"system, empty, then a nonce", explained(own), []Instruction{createAccount(9, 0, system), initializeNonce(nonce, carol)}},
		{"system, 1 byte", open, []Instruction{createAccount(9, 1, system)}},
		{"system, 80 bytes", open, []Instruction{createAccount(9, 80, system)}},
		{"nonce", explained(text(bob)), createNonce()},
		{"nonce, of 79 bytes", open, []Instruction{createAccount(9, 79, system), initializeNonce(nonce, bob)}},
		{"nonce, of 81 bytes", open, []Instruction{createAccount(9, 81, system), initializeNonce(nonce, bob)}},
		{"nonce, initialised before", open, []Instruction{initializeNonce(nonce, bob), createAccount(9, 80, system)}},
		{"nonce, another initialised", open, []Instruction{createAccount(9, 80, system), initializeNonce(carol, bob)}},
		{"nonce, the first to initialise has it", explained(text(bob)), append(createNonce(), initializeNonce(nonce, carol))},
		{"nonce, initialised as a token account", open, []Instruction{createAccount(9, 80, system), initialize3(tokenProgram, mint, bob)}},
		{"token", open, []Instruction{createAccount(9, 165, tokenProgram)}},
		{"token, InitializeAccount", explained(text(bob)), []Instruction{createAccount(9, 165, tokenProgram), initialize(1, tokenProgram, bob)}},
		{"token, InitializeAccount2", explained(text(bob)), []Instruction{createAccount(9, 165, tokenProgram), initialize(2, tokenProgram, bob)}},
		{"token, InitializeAccount3", explained(text(bob)), []Instruction{createAccount(9, 165, tokenProgram), initialize(3, tokenProgram, bob)}},
		{"token, 164 bytes", open, []Instruction{createAccount(9, 164, tokenProgram), initialize(3, tokenProgram, bob)}},
		{"token, 166 bytes", open, []Instruction{createAccount(9, 166, tokenProgram), initialize(3, tokenProgram, bob)}},
		{"token, initialised before", open, []Instruction{initialize(3, tokenProgram, bob), createAccount(9, 165, tokenProgram)}},
		{"token, initialised by the other", open, []Instruction{createAccount(9, 165, tokenProgram), initialize(3, token2022, bob)}},
		{"token, initialised as a nonce", open, []Instruction{createAccount(9, 165, tokenProgram), initializeNonce(nonce, bob)}},
		{"token, initialised in a form unread", want{"", []string{"solana.create-account", "solana.instruction"}}, []Instruction{createAccount(9, 165, tokenProgram), odd}},
		{"token-2022", open, []Instruction{createAccount(9, 165, token2022)}},
		{"token-2022, 164 bytes", open, []Instruction{createAccount(9, 164, token2022), initialize(1, token2022, bob)}},
		{"token-2022, 165 bytes", explained(text(bob)), []Instruction{createAccount(9, 165, token2022), initialize(1, token2022, bob)}},
		{"token-2022, 170 bytes", explained(text(bob)), []Instruction{createAccount(9, 170, token2022), initialize(3, token2022, bob)}},
		{"token-2022, initialised by the other", open, []Instruction{createAccount(9, 165, token2022), initialize(3, tokenProgram, bob)}},
		{"mint", want{"", []string{"solana.create-account", "solana.instruction"}}, []Instruction{createAccount(9, 82, tokenProgram), dangerous(TokenProgram, 20)}},
		{"stake", open, []Instruction{createAccount(9, 200, stake)}},
		{"program of another", open, []Instruction{createAccount(9, 0, other)}},
		{"two, and one of them open", want{text(bob), []string{"solana.create-account"}}, append(createNonce(), with(createAccount(9, 80, system), func(x *Instruction) { x.Accounts[1].Key = carol }))},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := decode(t, compile(t, c.xs...))
			var codes []string
			for _, o := range r.Opaque {
				codes = append(codes, o.Code)
			}
			if !slices.Equal(codes, c.opaque) {
				t.Fatalf("opaque %v, want %v", r.Opaque, c.opaque)
			}
			i := slices.IndexFunc(r.Effects, func(e chain.Effect) bool { return e.Kind == chain.Create })
			if i < 0 || r.Effects[i].Owner != c.owner || r.Effects[i].To != text(nonce) {
				t.Errorf("effects %+v, want one with owner %q", r.Effects, c.owner)
			}
		})
	}
}

// TestCreateWithSeed: the same for an account without a key: one of the system
// program is its base's.
func TestCreateWithSeed(t *testing.T) {
	for _, c := range []struct {
		name    string
		program address
		space   uint64
		init    func(account address) Instruction
		owner   string
		opaque  bool
	}{
		{"system, empty", known(SystemProgram), 0, nil, text(bob), false},
		{"system, 80 bytes", known(SystemProgram), 80, nil, "", true},
		{"nonce", known(SystemProgram), 80, func(a address) Instruction { return initializeNonce(a, carol) }, text(carol), false},
		{"token", tokenProgram, 165, nil, "", true},
		{"token, initialised", tokenProgram, 165, func(a address) Instruction {
			x := initialize3(tokenProgram, mint, carol)
			x.Accounts[0].Key = a
			return x
		}, text(carol), false},
		{"stake", known("Stake11111111111111111111111111111111111111"), 200, nil, "", true},
	} {
		account, x := seededAccount(t, c.space, c.program)
		xs := []Instruction{x}
		if c.init != nil {
			xs = append(xs, c.init(account))
		}
		r := decode(t, compile(t, xs...))
		if len(r.Effects) != 1 || r.Effects[0].Owner != c.owner || r.Effects[0].To != text(account) {
			t.Errorf("%s: effects %+v", c.name, r.Effects)
		}
		if c.opaque != (len(r.Opaque) == 1 && r.Opaque[0].Code == "solana.create-account") || !c.opaque && len(r.Opaque) != 0 {
			t.Errorf("%s: opaque %v", c.name, r.Opaque)
		}
		for _, w := range r.Warnings {
			if w.Code == "solana.key-account" {
				t.Errorf("%s: an account without a key has one: %v", c.name, w)
			}
		}
	}
}

// TestCreateNames: an open create names its program, its size and the signers.
func TestCreateNames(t *testing.T) {
	r := decode(t, compile(t, createAccount(9, 165, tokenProgram)))
	want := "instruction 1, System CreateAccount (an account of 165 bytes of program " + TokenProgram + " (Token): who will control it is not known), with the signature of " +
		text(alice) + ", with the signature of " + text(nonce)
	if len(r.Opaque) != 1 || r.Opaque[0].What != want || !strings.HasPrefix(r.Opaque[0].Hex, "02020001340000000009") {
		t.Errorf("opaque %q, want %q", r.Opaque, want)
	}
}

// TestCreateThenPay: what goes to a new account goes to who controls it, and to
// nobody who controls only an account that was there before.
func TestCreateThenPay(t *testing.T) {
	pay := SystemTransfer(alice, nonce, 100)
	created := []Instruction{createAccount(9, 165, tokenProgram), initialize(3, tokenProgram, carol)}
	for _, c := range []struct {
		name  string
		owner string
		xs    []Instruction
	}{
		{"after", text(carol), append(slices.Clone(created), pay)},
		{"between", text(carol), []Instruction{created[0], pay, created[1]}},
		{"not created here", "", []Instruction{pay, created[1]}},
		{"a nonce account that was there", "", []Instruction{pay, initializeNonce(nonce, carol)}},
		{"its own key's", "", []Instruction{createAccount(9, 0, known(SystemProgram)), pay}},
		{"empty, then another's", text(carol), []Instruction{createAccount(0, 0, known(SystemProgram)), created[0], created[1], pay}},
	} {
		r := decode(t, compile(t, c.xs...))
		if len(r.Opaque) != 0 || len(r.Effects) == 0 {
			t.Errorf("%s: review:\n%s", c.name, r.Text())
		}
		for _, e := range r.Effects {
			if e.Owner != c.owner {
				t.Errorf("%s: owner %q of %+v, want %q", c.name, e.Owner, e, c.owner)
			}
		}
	}
}

// TestInitializeAlone: to initialise an account that was there before moves
// nothing and gives nothing of the signers away.
func TestInitializeAlone(t *testing.T) {
	for _, x := range []Instruction{initializeNonce(nonce, bob), initialize(1, tokenProgram, bob), initialize(2, token2022, bob), initialize(3, tokenProgram, bob)} {
		r := decode(t, compile(t, x))
		if len(r.Opaque) != 0 || len(r.Effects) != 0 || len(r.Warnings) != 1 || r.Warnings[0].Code != "solana.fee-payer-only" {
			t.Errorf("review:\n%s", r.Text())
		}
	}
}

// TestWrappedSOL: its name and its decimals are the chain's, whoever says what.
func TestWrappedSOL(t *testing.T) {
	native := known(NativeMint)
	to, err := ATA(bob, tokenProgram, native)
	if err != nil {
		t.Fatal(err)
	}
	want := chain.Asset{ID: string(mainnet) + "/token:" + NativeMint, Symbol: "wSOL", Decimals: 9}
	fact := Fact{Owner: bob, Mint: native, Program: tokenProgram}
	for name, u := range map[string]chain.Unsigned{
		"checked":           compile(t, TokenTransferChecked(tokenProgram, nonce, native, to, alice, 1, 9)),
		"unchecked, proven": evidence(t, compile(t, unchecked(nonce, to, alice, 1)), fact),
	} {
		if r := decode(t, u); len(r.Opaque) != 0 || len(r.Effects) != 1 || r.Effects[0].Asset != want {
			t.Errorf("%s: review:\n%s", name, r.Text())
		}
	}
	for decimals := range 256 {
		_, err := New().Decode(compile(t, TokenTransferChecked(tokenProgram, nonce, native, to, alice, 1, uint8(decimals))))
		if decimals != 9 && !fault.Is(err, "solana.decimals") || decimals == 9 && err != nil {
			t.Errorf("%d decimals: %v", decimals, err)
		}
	}
	if e := decode(t, compile(t, TokenTransferChecked(tokenProgram, nonce, mint, to, alice, 1, 9))).Effects[0]; e.Asset.Symbol != "" {
		t.Errorf("another mint is called %s", e.Asset.Symbol)
	}
}
