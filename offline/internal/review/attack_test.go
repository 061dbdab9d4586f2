package review

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/solana"
)

func account(t testing.TB, s string) [32]byte {
	t.Helper()
	a, err := solana.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// message makes a Solana request of the first key with the instructions.
func message(t testing.TB, n byte, refs []bundle.KeyRef, xs ...solana.Instruction) bundle.Request {
	t.Helper()
	m, err := solana.Compile([32]byte(refs[0].Key), [32]byte{n}, xs...)
	if err != nil {
		t.Fatal(err)
	}
	return bundle.Request{ID: bundle.ID{0x50, n}, Network: solNetwork(t), Keys: refs, Payload: m}
}

// What goes to an account that the transaction itself creates is never change,
// though its address be one of ours: whoever its program obeys can take it.
func TestCreatedAccountIsNoChange(t *testing.T) {
	p77, err := keys.Path(sol, 77)
	if err != nil {
		t.Fatal(err)
	}
	r0, r77 := ref(t, sol, true, solPath(t)...), ref(t, sol, true, p77...)
	us, made := [32]byte(r0.Key), [32]byte(r77.Key)
	evil := [32]byte(bytes.Repeat([]byte{0xee}, 32))
	system, token := account(t, solana.SystemProgram), account(t, solana.TokenProgram)
	create := func(amount, space uint64, owner [32]byte) solana.Instruction {
		d := binary.LittleEndian.AppendUint64([]byte{0, 0, 0, 0}, amount)
		d = append(binary.LittleEndian.AppendUint64(d, space), owner[:]...)
		return solana.Instruction{Program: system, Data: d, Accounts: []solana.AccountMeta{
			{Key: us, Signer: true, Writable: true}, {Key: made, Signer: true, Writable: true},
		}}
	}
	const hundred = 100_000_000_000
	for name, xs := range map[string][]solana.Instruction{
		"for a foreign program": {create(hundred, 0, evil)},
		"nonce account of another": {create(hundred, 80, system), {Program: system, Data: append([]byte{6, 0, 0, 0}, evil[:]...), Accounts: []solana.AccountMeta{
			{Key: made, Writable: true}, {Key: account(t, solana.RecentBlockhashes)}, {Key: account(t, solana.RentSysvar)},
		}}},
		"token account of another": {create(hundred, 165, token), {Program: token, Data: append([]byte{18}, evil[:]...), Accounts: []solana.AccountMeta{
			{Key: made, Writable: true}, {Key: account(t, "So11111111111111111111111111111111111111112")},
		}}},
		"never initialised":     {create(hundred, 165, token)},
		"created, then funded":  {create(1_000_000, 0, evil), solana.SystemTransfer(us, made, hundred)},
		"plain, but made today": {create(hundred, 0, system)},
	} {
		b := explain(t, message(t, 1, []bundle.KeyRef{r0, r77}, xs...))
		for i, own := range b.Items[0].Own {
			if own != "" {
				t.Errorf("%s: effect %d is shown as change of %s", name, i, own)
			}
		}
	}
	// the twin: a transfer to an account of ours that exists is change
	b := explain(t, message(t, 2, []bundle.KeyRef{r0, {SignatureID: sol, Path: p77, Curve: r77.Curve, Key: r77.Key}}, solana.SystemTransfer(us, made, hundred)))
	if !b.Items[0].Verdict.Allow || b.Items[0].Own[0] == "" {
		t.Errorf("a transfer to our own account: %+v %q", b.Items[0].Verdict, b.Items[0].Own)
	}
}

// One request must not be able to shrink the total of another.
func TestTotalsDistrustDecimals(t *testing.T) {
	r0 := ref(t, sol, true, solPath(t)...)
	us, dst := [32]byte(r0.Key), [32]byte(bytes.Repeat([]byte{0xee}, 32))
	mint, token := account(t, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), account(t, solana.TokenProgram)
	from, err := solana.ATA(us, token, mint)
	if err != nil {
		t.Fatal(err)
	}
	pay := func(n byte, amount uint64, decimals uint8) bundle.Request {
		return message(t, n, []bundle.KeyRef{r0}, solana.TokenTransferChecked(token, from, mint, dst, us, amount, decimals))
	}
	for _, b := range []*Batch{explain(t, pay(1, 1, 18), pay(2, 1e12, 6)), explain(t, pay(1, 1e12, 6), pay(2, 1, 18))} {
		for _, total := range b.Totals() {
			if total.Leaves.Sign() > 0 && (total.Asset.Decimals != -1 || total.Leaves.Cmp(big.NewInt(1e12+1)) != 0) {
				t.Errorf("total %v with %d decimals", total.Leaves, total.Asset.Decimals)
			}
		}
	}
}

// A fee for moving nothing is the whole payment of whoever gets the fee.
func TestFeeForNothing(t *testing.T) {
	b := explain(t, psbt(t, 5_000_000, []output{{Amount: 0, Script: []byte{0x6a, 1, 'x'}}}, ref(t, btc, true, btcPath(0, 0)...)))
	if v := b.Items[0].Verdict; v.Code != "policy.fee-percent" {
		t.Errorf("bitcoin: %+v", v)
	}
	f := evm.Fields{Type: evm.Dynamic, ChainID: 11155111, Nonce: 7, MaxPriority: big.NewInt(11000e9), MaxFee: big.NewInt(11000e9), GasLimit: 21_000, To: addr(t, friend)}
	b = explain(t, bundle.Request{ID: bundle.ID{1}, Network: sepolia, Keys: []bundle.KeyRef{ref(t, eth, true, tethPth...)}, Payload: f.Encode()})
	if v := b.Items[0].Verdict; v.Code != "policy.fee-percent" {
		t.Errorf("ethereum: %+v", v)
	}
	b = explain(t, message(t, 1, []bundle.KeyRef{ref(t, sol, true, solPath(t)...)},
		solana.ComputeUnitLimit(1_400_000), solana.ComputeUnitPrice(71_000_000), solana.Memo("hello")))
	if v := b.Items[0].Verdict; v.Code != "policy.fee-percent" {
		t.Errorf("solana: %+v", v)
	}
	b = explain(t, message(t, 2, []bundle.KeyRef{ref(t, sol, true, solPath(t)...)}, solana.Memo("hello")))
	if v := b.Items[0].Verdict; !v.Allow {
		t.Errorf("a plain memo: %+v", v)
	}
}

// Each warning that refuses does so on the request that earns it, under either
// preset, and its twin, which earns none, is signed.
func TestFatalWarnings(t *testing.T) {
	p77, err := keys.Path(sol, 77)
	if err != nil {
		t.Fatal(err)
	}
	const zero = "0x0000000000000000000000000000000000000000"
	e, r0, r77 := ref(t, eth, true, tethPth...), ref(t, sol, true, solPath(t)...), ref(t, sol, true, p77...)
	us, made, evil := [32]byte(r0.Key), [32]byte(r77.Key), [32]byte(bytes.Repeat([]byte{0xee}, 32))
	token := account(t, solana.TokenProgram)
	wei, none := big.NewInt(1e17), new(big.Int)
	// our second key as the token account of an owner
	open := func(n byte, owner [32]byte) bundle.Request {
		d := binary.LittleEndian.AppendUint64([]byte{0, 0, 0, 0}, 2_039_280)
		d = append(binary.LittleEndian.AppendUint64(d, 165), token[:]...)
		return message(t, n, []bundle.KeyRef{r0, r77},
			solana.Instruction{Program: account(t, solana.SystemProgram), Data: d, Accounts: []solana.AccountMeta{
				{Key: us, Signer: true, Writable: true}, {Key: made, Signer: true, Writable: true},
			}},
			solana.Instruction{Program: token, Data: append([]byte{18}, owner[:]...), Accounts: []solana.AccountMeta{
				{Key: made, Writable: true}, {Key: account(t, solana.NativeMint)},
			}})
	}
	for _, c := range []struct {
		name, code string
		bad, fine  bundle.Request
	}{
		{"ether to the zero address", "evm.zero-address", ether(t, sepolia, zero, wei, nil, e), ether(t, sepolia, friend, wei, nil, e)},
		{"tokens to the zero address", "evm.zero-address", ether(t, sepolia, usdt, none, transfer(t, zero, 5), e), ether(t, sepolia, usdt, none, transfer(t, friend, 5), e)},
		{"tokens to their contract", "evm.to-token", ether(t, sepolia, usdt, none, transfer(t, usdt, 5), e), ether(t, sepolia, friend, none, transfer(t, usdt, 5), e)},
		{"tokens of the zero address", "evm.zero-token", ether(t, sepolia, zero, none, transfer(t, friend, 5), e), ether(t, sepolia, usdt, none, transfer(t, friend, 5), e)},
		{"our key as another's account", "solana.key-account", open(1, evil), open(2, us)},
	} {
		for _, preset := range []string{"strict", "compat"} {
			c.fine.ID = bundle.ID{0xf1}
			b, err := reviewer(t, preset, nil).Batch(carried(t, c.bad, c.fine))
			if err != nil {
				t.Fatal(err)
			}
			bad, fine := b.Items[0].Verdict, b.Items[1].Verdict
			if bad.Allow || bad.Later || bad.Code != "policy.warning" || !strings.HasPrefix(bad.Reason, c.code+": ") {
				t.Errorf("%s under %s: %+v", c.name, preset, bad)
			}
			if !fine.Allow {
				t.Errorf("the twin of %s under %s: %+v", c.name, preset, fine)
			}
			r := b.Sign(0)
			if r[0].Status != bundle.Refused || len(r[0].Signatures) != 0 || r[0].Code != "policy.warning" || r[1].Status != bundle.Signed {
				t.Errorf("%s under %s: receipts %+v", c.name, preset, r)
			}
		}
	}
}

// Tokens that go to the associated token account of our own key are change, but
// only where evidence or the account's creation proves whose it is.
func TestTokenChange(t *testing.T) {
	p77, err := keys.Path(sol, 77)
	if err != nil {
		t.Fatal(err)
	}
	r0, r77 := ref(t, sol, true, solPath(t)...), ref(t, sol, false, p77...)
	us, ours, evil := [32]byte(r0.Key), [32]byte(r77.Key), [32]byte(bytes.Repeat([]byte{0xee}, 32))
	mint, token := account(t, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), account(t, solana.TokenProgram)
	ata := func(owner [32]byte) [32]byte {
		a, err := solana.ATA(owner, token, mint)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	both := []bundle.KeyRef{r0, r77}
	for _, c := range []struct {
		name   string
		to     [32]byte // whose associated account is paid
		refs   []bundle.KeyRef
		proof  [][32]byte // owners that the evidence names
		create bool
		own    string // path of the key that it comes back to
	}{
		{"evidence", ours, both, [][32]byte{ours}, false, chain.PathString(p77)},
		{"evidence of both ends", ours, both, [][32]byte{us, ours}, false, chain.PathString(p77)},
		{"created here", ours, both, nil, true, chain.PathString(p77)},
		{"back to the key that signs", us, both[:1], [][32]byte{us}, false, chain.PathString(solPath(t))},
		{"nothing proves it", ours, both, nil, false, ""},
		{"evidence of the source alone", ours, both, [][32]byte{us}, false, ""},
		{"our key is not named", ours, both[:1], [][32]byte{ours}, false, ""},
		{"another's, proven", evil, both, [][32]byte{evil}, false, ""},
		{"another's, created here", evil, both, nil, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var xs []solana.Instruction
			if c.create {
				x, err := solana.CreateATA(us, c.to, token, mint)
				if err != nil {
					t.Fatal(err)
				}
				xs = append(xs, x)
			}
			r := message(t, 1, c.refs, append(xs, solana.TokenTransferChecked(token, ata(us), mint, ata(c.to), us, 7_000_000, 6))...)
			var facts []solana.Fact
			for _, owner := range c.proof {
				facts = append(facts, solana.Fact{Owner: owner, Mint: mint, Program: token})
			}
			if r.Evidence, err = solana.EncodeEvidence(facts); err != nil {
				t.Fatal(err)
			}
			b := explain(t, r)
			it := &b.Items[0]
			if !it.Verdict.Allow {
				t.Fatalf("%+v", it.Verdict)
			}
			i := slices.IndexFunc(it.Review.Effects, func(e chain.Effect) bool {
				return strings.HasSuffix(e.Asset.ID, "/token:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
			})
			want := ""
			if c.own != "" {
				want = sol.String() + " " + c.own
			}
			if i < 0 || it.Own[i] != want {
				t.Fatalf("own %q of %+v, want %q", it.Own, it.Review.Effects, want)
			}
			leaves, back := int64(7_000_000), int64(0)
			if want != "" {
				leaves, back = back, leaves
			}
			for _, x := range b.Totals() {
				if x.Asset.ID == it.Review.Effects[i].Asset.ID && (x.Leaves.Int64() != leaves || x.Back.Int64() != back) {
					t.Errorf("total %+v", x)
				}
			}
		})
	}
}

// Who controls an account outweighs its address: what is at the address of our
// key and proven to obey another never comes back.
func TestOwnerOutweighsAddress(t *testing.T) {
	r0 := ref(t, sol, true, solPath(t)...)
	ch, _ := reg.ByName("SOL")
	k, err := keys.Key(sol, solPath(t))
	if err != nil {
		t.Fatal(err)
	}
	us := ch.Wallet.Addresses(solNetwork(t), k.Public(), true)[0]
	const them = "4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi"
	for _, c := range []struct {
		to, owner string
		own       bool
	}{
		{us, "", true}, {us, us, true}, {them, us, true},
		{us, them, false}, {them, "", false}, {them, them, false},
	} {
		v := reviewer(t, "strict", nil)
		v.Networks = retelling{func(e *chain.Effect) { e.To, e.Owner = c.to, c.owner }}
		b, err := v.Batch(carried(t, lamports(t, 5_000_000, r0)))
		if err != nil {
			t.Fatal(err)
		}
		it := &b.Items[0]
		if len(it.Own) != 1 || it.Review.Effects[0].To != c.to || (it.Own[0] != "") != c.own {
			t.Errorf("to %s, owner %q: own %q", c.to, c.owner, it.Own)
		}
	}
}

// retelling is the real networks, whose codecs tell other effects.
type retelling struct{ change func(*chain.Effect) }

func (n retelling) ByNetwork(id chain.ID) (chain.Chain, chain.Network, bool) {
	ch, network, ok := reg.ByNetwork(id)
	ch.Codec = retold{ch.Codec, n.change}
	return ch, network, ok
}

type retold struct {
	chain.Codec
	change func(*chain.Effect)
}

func (c retold) Decode(u chain.Unsigned) (chain.Tx, error) {
	tx, err := c.Codec.Decode(u)
	return retoldTx{tx, c.change}, err
}

type retoldTx struct {
	chain.Tx
	change func(*chain.Effect)
}

func (t retoldTx) Review() chain.Review {
	r := t.Tx.Review()
	for i := range r.Effects {
		t.change(&r.Effects[i])
	}
	return r
}
