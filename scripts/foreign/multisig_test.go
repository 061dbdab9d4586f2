package foreign

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"coldsign/scripts/coordinator"
	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
	"coldsign/shared/frame/bbqr"
	"coldsign/shared/frame/ur"
	"coldsign/shared/frame/urtypes"
)

// cosigner is a machine with one key of the wallet.
type cosigner struct {
	*halves.Halves
	t   *testing.T
	ctx context.Context
	key string
}

func (c cosigner) run(args ...string) []byte {
	c.t.Helper()
	return must(c.Offline(c.ctx, args...))(c.t)
}

// sign has the machine review and sign what the flags name.
func (c cosigner) sign(asked, answer []string) {
	c.t.Helper()
	var r halves.Review
	if err := json.Unmarshal(c.run(append([]string{"review", "--network", "regtest", "--json"}, asked...)...), &r); err != nil {
		c.t.Fatal(err)
	}
	if r.Signable != 1 || len(r.Items) != 1 || r.Items[0].Effects[1].Change == "" || r.Items[0].Effects[0].Change != "" {
		c.t.Fatalf("review: %+v", r)
	}
	c.run(append(append([]string{"sign", "--network", "regtest", "--approve", r.Digest}, asked...), answer...)...)
}

// Two machines, each with one key, and a third key that nobody here has: a real node
// takes what any two sign, first and last, by file and by codes, and the change too.
func TestMultisigOnChain(t *testing.T) {
	node := rig.Btcd(t)
	btc := must(fund.NewBitcoin(node.URL, node.User, node.Password))(t)
	defer btc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	programs := must(halves.BuildQuick(ctx, t.TempDir()))(t)
	var machines []cosigner
	for range 2 {
		c := cosigner{Halves: &halves.Halves{Programs: programs, Dir: t.TempDir()}, t: t, ctx: ctx}
		ok(t, os.WriteFile(c.Path("passphrase"), []byte("correct horse battery staple, for rehearsals only\n"), 0o600))
		c.run("init")
		w := must(c.NewWallet(ctx, "BTC"))(t)
		c.key = strings.TrimSpace(string(c.run("multisig", "key", w.SignatureID)))
		machines = append(machines, c)
	}
	a, b := machines[0], machines[1]
	w := must(coordinator.New(2, b.key, must(coordinator.Stranger(77))(t), a.key))(t)
	text := must(w.Text())(t)
	for _, c := range machines {
		ok(t, os.WriteFile(c.Path("treasury.txt"), []byte(text+"\n"), 0o600))
		c.run("multisig", "enrol", "treasury.txt", "--name", "treasury")
	}
	var shown struct{ Receive, Change []string }
	ok(t, json.Unmarshal(a.run("multisig", "show", "treasury", "--network", "regtest", "--json"), &shown))
	coins := must(btc.Fund(20_000_000, shown.Receive[0]))(t)

	// The first payment: by file, then by UR.
	to := must(fund.NewBitcoinAddress())(t)
	back := coordinator.Output{Amount: 14_990_000, Script: script(t, shown.Change[0]), Claim: &w, Branch: 1}
	p := must(w.Spend(coins[0].Tx, coins[0].Index, 0, 0, coordinator.Output{Amount: 5_000_000, Script: script(t, to)}, back))(t)
	var raw bytes.Buffer
	ok(t, p.Serialize(&raw))
	ok(t, os.WriteFile(a.Path("ask.psbt"), raw.Bytes(), 0o600))
	a.sign([]string{"ask.psbt"}, []string{"--out", "a.psbt"})
	first := must(os.ReadFile(a.Path("a.psbt")))(t)
	ok(t, os.WriteFile(b.Path("ask.codes"), []byte(ur.Encode("crypto-psbt", must(urtypes.Encode("crypto-psbt", urtypes.PSBT(first)))(t))+"\n"), 0o600))
	b.sign([]string{"--scan", "ask.codes"}, []string{"--out", "b.psbt"})
	tx := must(coordinator.Combine(must(os.ReadFile(b.Path("b.psbt")))(t)))(t)
	ok(t, btc.Send(tx))
	if n, err := btc.Paid(tx.TxHash().String(), to, 5_000_000); err != nil || n != 1 {
		t.Fatalf("%d confirmations, %v", n, err)
	}

	// The second spends the change: both sign what the coordinator made, one by BBQr.
	back.Index, back.Amount, back.Script = 1, 9_980_000, script(t, shown.Change[1])
	p = must(w.Spend(tx, 1, 1, 0, coordinator.Output{Amount: 5_000_000, Script: script(t, to)}, back))(t)
	raw.Reset()
	ok(t, p.Serialize(&raw))
	ok(t, os.WriteFile(a.Path("next.psbt"), raw.Bytes(), 0o600))
	series := must(bbqr.Split(raw.Bytes(), 'P', bbqr.Options{}))(t)
	ok(t, os.WriteFile(b.Path("next.codes"), []byte(strings.Join(series.Parts, "\n")+"\n"), 0o600))
	b.sign([]string{"--scan", "next.codes"}, []string{"--out", "b2.psbt"})
	a.sign([]string{"next.psbt"}, []string{"--out", "a2.psbt"})
	tx = must(coordinator.Combine(must(os.ReadFile(a.Path("a2.psbt")))(t), must(os.ReadFile(b.Path("b2.psbt")))(t)))(t)
	ok(t, btc.Send(tx))
	if n, err := btc.Paid(tx.TxHash().String(), shown.Change[1], 9_980_000); err != nil || n != 1 {
		t.Fatalf("%d confirmations, %v", n, err)
	}
	one := must(os.ReadFile(a.Path("a2.psbt")))(t)
	if _, err := coordinator.Combine(one); err == nil {
		t.Error("one signature of two was enough")
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func script(t *testing.T, text string) []byte {
	t.Helper()
	return must(txscript.PayToAddrScript(must(address.DecodeAddress(text, &chaincfg.RegressionNetParams))(t)))(t)
}
