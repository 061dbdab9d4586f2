package review

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"testing"

	"coldsign/shared/bundle"
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
