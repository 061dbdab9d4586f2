package desk

import (
	"math/big"
	"strings"

	"coldsign/scripts/fund"
)

// facts are what a payment's page says of it.
const facts = `[...document.querySelectorAll("table.plain td.num, table.plain code, section:has(table.plain) dd")].map((e) => e.innerText)`

// forms make a payment of each kind of chain, of what real nodes say: what its page tells
// of it the offline half tells too.
func (w *world) forms() {
	w.Helper()
	ctx := w.Context()
	btc, err := w.Address(ctx, w.others["BTC"].SignatureID, "0", "regtest")
	ok(w, err)
	sol := w.others["SOL"]
	_, err = w.btc.Fund(3_000_000, btc.Address)
	ok(w, err)
	ok(w, w.sol.Fund(ctx, 5_000_000_000, sol.Address))
	nonce, _, err := w.sol.NonceAccount(ctx, sol.Address)
	ok(w, err)
	eth, err := fund.NewEVMAddress()
	ok(w, err)
	bitcoin, err := fund.NewBitcoinAddress()
	ok(w, err)
	ok(w, w.eth.Fund(ctx, big.NewInt(1e18), w.wallet.Address))
	var told []string
	made := func(amount string) {
		w.Helper()
		w.Wait("#timeline")
		if head := w.Text("h1"); head != amount {
			w.Errorf("the payment is of %q, not %q", head, amount)
		}
		var list []string
		if w.Eval(facts, &list); len(list) < 6 {
			w.Errorf("the page of %s has %q", amount, list)
		}
		told = append(told, list...)
		w.Clean()
	}
	for _, c := range []struct{ wallet, to, amount, nonce, want string }{
		{w.wallet.SignatureID, eth, "0.25", "", "0.25 devETH"},
		{w.others["BTC"].SignatureID, bitcoin, "0.0123", "", "0.0123 rBTC"},
		{sol.SignatureID, fund.NewSolanaAddress(), "1.5", nonce, "1.5 localSOL"},
	} {
		w.Goto(w.base + "/create")
		w.Choose("select[name=wallet]", c.wallet)
		w.Fill("input[name=to]", c.to)
		w.Fill("input[name=amount]", c.amount)
		if c.nonce != "" {
			w.Click("details:has(input[name=nonce]) summary")
			w.Fill("input[name=nonce]", c.nonce)
		}
		w.Click(`form[action="/desk/create"] button`)
		made(c.want)
	}
	w.Shot("made")
	w.raw(eth)
	made("2 devETH")
	_, err = w.Export(ctx, "forms.cbor")
	ok(w, err)
	out, err := w.Offline(ctx, "review", "forms.cbor")
	ok(w, err)
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") } // addresses are told in groups
	there := squeeze(string(out))
	for _, fact := range told {
		if !strings.Contains(there, squeeze(fact)) {
			w.Errorf("the page says %q, which the offline half does not:\n%s", fact, out)
		}
	}
}

// raw makes a payment of native bytes with a note that is an attack.
func (w *world) raw(to string) {
	w.Helper()
	call, err := w.eth.Pay(w.Context(), w.wallet.Address, to, w.made+1, big.NewInt(2e18)) // after that of the form
	ok(w, err)
	text, err := call.Hex()
	ok(w, err)
	w.Goto(w.base + "/create")
	w.Click("details:has(textarea) summary")
	w.Choose("select[name=chain]", "ETH")
	w.Fill(`form[action="/desk/create/raw"] input[name=network]`, network)
	w.Fill("input[name=hashes]", w.wallet.SignatureID)
	w.Fill("textarea[name=transaction]", text)
	const note = "\"><img src=x onerror=pwned=1>\u202egnp"
	w.Fill("input[name=note]", note)
	w.Click(`form[action="/desk/create/raw"] button`)
	w.Wait("#timeline")
	var pwned bool
	if w.Eval(`typeof pwned !== "undefined" || document.querySelectorAll("main img").length > 0`, &pwned); pwned {
		w.Error("a note ran, or is markup")
	}
	if text := w.Text("main"); !strings.Contains(text, `"><img src=x onerror=pwned=1>\u{202E}gnp`) {
		w.Errorf("the note is not told:\n%s", text)
	}
}
