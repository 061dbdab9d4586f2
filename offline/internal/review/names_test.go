package review

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"coldsign/offline/internal/book"
	"coldsign/offline/internal/policy"
	"coldsign/shared/bundle"
	"coldsign/shared/chain/solana"
)

const mint = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"

// named is a reviewer under the operators' files.
func named(t testing.TB, rules string) *Reviewer {
	t.Helper()
	r := reviewer(t, "strict", nil)
	w := policy.World{Chains: reg.All()}
	var err error
	r.Book, err = book.Parse([]byte("version = 1\nname = \"b\"\n[[entry]]\nname = \"friend\"\nnetwork = \"ETH mainnet\"\naddress = \""+friend+"\"\n"), w.Chains)
	if err != nil {
		t.Fatal(err)
	}
	r.Tokens, err = book.ParseTokens([]byte("version = 1\nname = \"t\"\n[[token]]\nasset = \"eip155:1/erc20:"+usdt+"\"\nsymbol = \"USDT\"\ndecimals = 6\n"+
		"[[token]]\nasset = \""+string(solNetwork(t))+"/token:"+mint+"\"\nsymbol = \"USDC\"\ndecimals = 6\n"), w.Chains)
	if err != nil {
		t.Fatal(err)
	}
	if rules != "" {
		w.Book, w.Tokens = r.Book, r.Tokens
		if r.Policy, err = policy.Parse([]byte("version = 3\nname = \"p\"\npreset = \"strict\"\n"+rules), w); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func batch(t testing.TB, r *Reviewer, reqs ...bundle.Request) (*Batch, string) {
	t.Helper()
	b, err := r.Batch(carried(t, reqs...))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := b.Print(&text); err != nil {
		t.Fatal(err)
	}
	return b, text.String()
}

// An address that shares its ends with a known one is refused under every
// policy; the known one, and one that shares but one end, are not.
func TestATT33LookAlikeIsRefused(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	for to, refused := range map[string]bool{
		friend: false,
		"0x7099797000000000000000000000000017dc79c8": true, // first and last 8
		"0x70990000000000000000000000000000000079c8": true,
		"0x709900000000000000000000000000000000acab": false,
		"0x000000000000000000000000000000000dc79c80": false,
	} {
		b, text := batch(t, named(t, ""), ether(t, ethMain, to, big.NewInt(1e17), nil, real))
		v := b.Items[0].Verdict
		if v.Allow == refused || refused && (v.Code != "policy.warning" || !strings.Contains(text, "NOT friend: ")) {
			t.Errorf("%s: %+v", to, v)
		}
		if got := strings.Contains(text, `known   as "friend" in the address book`); got != (to == friend) {
			t.Errorf("%s: known %v", to, got)
		}
		if to != friend && strings.Contains(b.Items[0].Known[0], "friend") {
			t.Errorf("%s is known", to)
		}
	}
	// Without a book there is nothing to look like.
	if b := explain(t, ether(t, ethMain, "0x7099797000000000000000000000000017dc79c8", big.NewInt(1e17), nil, real)); !b.Items[0].Verdict.Allow {
		t.Errorf("%+v", b.Items[0].Verdict)
	}
}

// Symbol and decimals come from the registry alone, the base units and
// the whole id stand beside them; a message that asserts other decimals is refused.
func TestATT12ATT32TokensByTheRegistry(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	b, text := batch(t, named(t, ""), ether(t, ethMain, usdt, new(big.Int), transfer(t, friend, 250_000_000), real))
	if !b.Items[0].Verdict.Allow || !strings.Contains(text, "LEAVES    250 USDT (250000000 base units)") || !strings.Contains(text, "token   eip155:1/erc20:"+strings.ToLower(usdt)) {
		t.Error(text)
	}
	off := usdt[:len(usdt)-1] + "8"
	_, text = batch(t, named(t, ""), ether(t, ethMain, strings.ToLower(off), new(big.Int), transfer(t, friend, 250_000_000), real))
	if strings.Contains(text, "USDT") || !strings.Contains(text, "LEAVES    250000000 base units of eip155:1/erc20:"+strings.ToLower(off)) {
		t.Error(text)
	}
	for decimals, code := range map[byte]string{6: "", 9: "tokens.decimals"} {
		sender := ref(t, sol, true, solPath(t)...)
		x := solana.TokenTransferChecked(account(t, solana.TokenProgram), [32]byte{1}, account(t, mint), [32]byte{2}, [32]byte(sender.Key), 1_500_000, decimals)
		r := message(t, decimals, []bundle.KeyRef{sender}, x)
		b, text := batch(t, named(t, ""), r)
		if v := b.Items[0].Verdict; v.Code != code {
			t.Errorf("%d decimals: %+v\n%s", decimals, v, text)
		}
		if code == "" && !strings.Contains(text, "LEAVES    1.5 USDC (1500000 base units)") {
			t.Error(text)
		}
	}
}

const oneRule = `[[rule]]
name = "friends"
wallets = ["any"]
asset = "ETH mainnet"
to = ["friend"]
transaction = "2 ETH"
bundle = "3 ETH"
period = "5 ETH"
hours = 1
`

// Judged in wire order, whatever core explained what first; what is decided already
// is not judged and takes nothing.
func TestLimitsInWireOrder(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	var reqs []bundle.Request
	for i := range 200 {
		r := ether(t, ethMain, friend, big.NewInt(1e18), nil, real)
		r.ID[11] = byte(i)
		reqs = append(reqs, r)
	}
	b, _ := batch(t, named(t, oneRule), reqs...)
	for i := range b.Items {
		v := b.Items[i].Verdict
		if want := i < 2; v.Allow != want || !want && (v.Code != "policy.bundle" || !v.Later) || v.By != "p 3: friends" {
			t.Fatalf("%d: %+v", i, v)
		}
	}
	// 3 ETH less two fees of 0.0018 is what fits; the first was decided before.
	first, _ := batch(t, named(t, oneRule), reqs[:1]...)
	done := ledger{}
	d := first.Items[0]
	r := named(t, oneRule)
	r.Ledger = done
	dd := done[d.Request.ID]
	dd.ID, dd.Digest, dd.Status, dd.By = d.Request.ID, d.Digest, bundle.Signed, "p 2: friends"
	done[d.Request.ID] = dd
	b, _ = batch(t, r, reqs[:4]...)
	allowed := ""
	for i := range b.Items {
		allowed += fmt.Sprint(b.Items[i].Verdict.Allow, " ")
	}
	if allowed != "true true true false " || b.Items[0].Verdict.By != "p 2: friends" || len(b.Items[0].Verdict.Spends) != 0 {
		t.Errorf("%s %+v", allowed, b.Items[0].Verdict)
	}
	for i, receipt := range b.Sign(0) {
		if receipt.Policy != b.Items[i].Verdict.By || receipt.Policy == "" {
			t.Errorf("%d: %q", i, receipt.Policy)
		}
	}
}

// A wallet that no rule names signs nothing, whatever preset stands beside: default deny.
func TestATT01ATT03ATT25DefaultDeny(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	for name, r := range map[string]bundle.Request{
		"policy.no-rule": lamports(t, 5, ref(t, sol, true, solPath(t)...)),
		"policy.opaque":  ether(t, ethMain, friend, big.NewInt(1), unhex(t, "deadbeef"), real),
		"":               ether(t, ethMain, friend, big.NewInt(1e17), nil, real),
	} {
		b, text := batch(t, named(t, oneRule), r)
		if v := b.Items[0].Verdict; v.Code != name {
			t.Errorf("%q: %+v\n%s", name, v, text)
		}
	}
}
