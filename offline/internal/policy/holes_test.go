package policy

import (
	"math/big"
	"strings"
	"testing"
)

// Thousands of transfers of nothing cannot burn more in fees than the rule for coins has.
func TestTokenFeesAreCounted(t *testing.T) {
	p, w := treasury(t)
	court := p.Court(w.Book, nil, Clock{})
	allowed := new(big.Int)
	var last Verdict
	for range 2000 {
		c := situation(t, w, "hot1", "0 USDT acme", "")
		if last = court.Judge(c); last.Allow {
			allowed.Add(allowed, c.Review.Fee.Amount)
		}
	}
	if three := units(t, "3", 18); last.Code != "policy.bundle" || !last.Later || allowed.Cmp(three) > 0 || allowed.Sign() == 0 {
		t.Errorf("%s of fees in one bundle; the last: %+v", allowed, last)
	}
}

// A call that nobody can explain needs the approvals of its rule, though it moves no
// coin that could be above anything; a payment below does not.
func TestCallsNeedApprovals(t *testing.T) {
	_, w := treasury(t)
	const text = `version = 1
name = "calls"
preset = "strict"

[quorum]
change = 1

[[operator]]
name = "alice"
key = "RWQBAQEBAQEBARERERERERERERERERERERERERERERERERERERERERER"
roles = ["approver", "policy"]

[[rule]]
name = "calls"
wallets = ["any"]
asset = "eip155:1"
to = ["USDT contract"]
transaction = "1 ETH"
calls = ["any"]
approvals = [{ above = "0.5 ETH", count = 1, role = "approver" }]
`
	p, err := Parse([]byte(text), w)
	if err != nil {
		t.Fatal(err)
	}
	call := situation(t, w, "hot1", "", "call=USDT contract:0x23b872dd")
	if v := p.Court(w.Book, nil, Clock{}).Judge(call); !v.Allow || len(v.Needs) != 1 || v.Needs[0].Count != 1 {
		t.Errorf("a call: %+v", v)
	}
	pay := situation(t, w, "hot1", "0.4 ETH USDT contract", "")
	if v := p.Court(w.Book, nil, Clock{}).Judge(pay); !v.Allow || len(v.Needs) != 0 {
		t.Errorf("a payment below: %+v", v)
	}
	delegate := situation(t, w, "hot1", "", "call=USDT contract:0x23b872dd:evm.delegatecall")
	compat, err := Parse([]byte(strings.Replace(text, "strict", "compat", 1)), w)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Policy{p, compat} {
		if v := p.Court(w.Book, nil, Clock{}).Judge(delegate); v.Allow || v.Code != "policy.opaque" {
			t.Errorf("a delegatecall under %s: %+v", p.Preset, v)
		}
	}
	if _, err := Parse([]byte(text+"[groups]\n0f105a47-7d9b-434e-8d7e-3af2c57a8c7e = [\"c01dc01d-7d9b-434e-8d7e-3af2c57a8c7e\"]\n"), w); err == nil {
		t.Error("a group has the name of a wallet")
	}
}

// What comes back to one of several wallets that sign is a payment by the rules, but
// makes no fee small: the share is of what goes to others.
func TestFeeIsNoShareOfWhatComesBack(t *testing.T) {
	_, w := treasury(t)
	strict, err := Preset("strict")
	if err != nil {
		t.Fatal(err)
	}
	c := situation(t, w, "hot1", "0.4 ETH acme; 100 ETH globex", "fee=0.05")
	c.Own = func(int) bool { return false }
	if v := strict.Court(w.Book, nil, Clock{}).Judge(c); !v.Allow {
		t.Fatalf("all of it goes to others: %+v", v)
	}
	c.Back = func(i int) bool { return i == 1 }
	if v := strict.Court(w.Book, nil, Clock{}).Judge(c); v.Code != "policy.fee-percent" {
		t.Errorf("an eighth of what is paid: %+v", v)
	}
}
