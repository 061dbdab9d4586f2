package policy

import (
	"bytes"
	"flag"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"coldsign/offline/internal/book"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

var goldenWrite = flag.Bool("golden", false, "write treasury.txt.new, to be read before it takes the golden's place")

// What "policy check" says of the example, as a person reads it.
func TestExplained(t *testing.T) {
	p, _ := treasury(t)
	got := []byte(strings.Join(p.Lines(), "\n") + "\n")
	if *goldenWrite {
		if err := os.WriteFile(tables+"treasury.txt.new", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, "treasury.txt"); !bytes.Equal(want, got) {
		t.Errorf("it says\n%s", got)
	}
	for _, line := range p.Lines() {
		if !quote.Plain(line) {
			t.Errorf("%q", line)
		}
	}
}

// Every malformed file is refused, and says where. The smallest legal neighbour is the
// file itself.
func TestATT77ATT78Malformed(t *testing.T) {
	good := string(read(t, "treasury.toml"))
	_, w := treasury(t)
	for name, c := range map[string]struct{ old, repl, says string }{
		"unknown rule key":          {"transaction = \"1.5 ETH\"", "transactoin = \"1.5 ETH\"", "not known"},
		"unknown key":               {"[quorum]", "hurry = true\n[quorum]", "not known"},
		"no version":                {"version = 4", "", "version"},
		"version 0":                 {"version = 4", "version = 0", "version"},
		"version as text":           {"version = 4", "version = \"4\"", "integer"},
		"negative version":          {"version = 4", "version = -4", "no sign"},
		"no name":                   {"name = \"treasury\"", "", "name"},
		"other preset":              {"preset = \"strict\"", "preset = \"lax\"", "preset"},
		"no quorum":                 {"change = 2", "", "1 to 2"},
		"quorum of 0":               {"change = 2", "change = 0", "1 to 2"},
		"quorum of 3":               {"change = 2", "change = 3", "1 to 2"},
		"an operator twice":         {"name = \"bob\"", "name = \"alice\"", "name of their own"},
		"an operator in other case": {"name = \"bob\"", "name = \"Alice\"", "name of their own"},
		"a key twice":               {"RWQCAgICAgICAiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIi", "RWQBAQEBAQEBARERERERERERERERERERERERERERERERERERERERERER", "one key"},
		"no key":                    {"RWQCAgICAgICAiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIi", "", "minisign"},
		"a short key":               {"RWQCAgICAgICAiIi", "RWQCAgICAgICAi", "minisign"},
		"another kind of key":       {"RWQCAgICAgICAiIi", "RXQCAgICAgICAiIi", "minisign"},
		"no role":                   {"roles = [\"approver\", \"treasurer\"]", "roles = []", "roles"},
		"a role twice":              {"\"approver\", \"treasurer\"", "\"approver\", \"approver\"", "twice"},
		"a role with a space":       {"\"treasurer\"]", "\"trea surer\"]", "no role"},
		"a group that is a name":    {"cold = [\"c01dc01d-7d9b-434e-8d7e-3af2c57a8c7e\"]", "cold = [\"hot\"]", "signature id"},
		"an empty group":            {"cold = [\"c01dc01d-7d9b-434e-8d7e-3af2c57a8c7e\"]", "cold = []", "no wallet"},
		"a group called any":        {"cold = [\"c01d", "any = [\"c01d", "cannot have"},
		"a rule twice":              {"name = \"stablecoins\"", "name = \"customers\"", "name of its own"},
		"a rule without a name":     {"name = \"stablecoins\"", "", "name of its own"},
		"a rule with a long name":   {"name = \"stablecoins\"", "name = \"" + strings.Repeat("x", maxName+1) + "\"", "name of its own"},
		"no wallets":                {"wallets = [\"cold\"]", "", "wallets"},
		"an unknown group":          {"wallets = [\"cold\"]", "wallets = [\"colt\"]", "neither a group"},
		"any among wallets":         {"wallets = [\"cold\"]", "wallets = [\"cold\", \"any\"]", "stands alone"},
		"no asset":                  {"asset = \"BTC mainnet\"", "", "asset"},
		"an unknown network":        {"asset = \"BTC mainnet\"", "asset = \"BTC mainet\"", "asset"},
		"an unknown token":          {"asset = \"USDT on ETH mainnet\"", "asset = \"USDC on ETH mainnet\"", "registry"},
		"no destination":            {"to = [\"acme bitcoin\"]", "", "to = "},
		"an unknown name":           {"to = [\"acme bitcoin\"]", "to = [\"acme bitcion\"]", "address book"},
		"an unknown tag":            {"\"tag:customer\", \"cold", "\"tag:costumer\", \"cold", "address book"},
		"a bare address":            {"to = [\"acme bitcoin\"]", "to = [\"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\"]", "address book"},
		"any among names":           {"to = [\"acme bitcoin\"]", "to = [\"acme bitcoin\", \"any\"]", "stands alone"},
		"any before names":          {"to = [\"acme bitcoin\"]", "to = [\"any\", \"acme bitcoin\"]", "stands alone"},
		"no limit":                  {"transaction = \"1000 USDT\"", "", "transaction"},
		"another symbol":            {"transaction = \"1000 USDT\"", "transaction = \"1000 ETH\"", "amount"},
		"symbol in small":           {"transaction = \"1000 USDT\"", "transaction = \"1000 usdt\"", "amount"},
		"a digit too much":          {"transaction = \"1000 USDT\"", "transaction = \"1000.0000001 USDT\"", "6 decimals"},
		"a sign":                    {"transaction = \"1000 USDT\"", "transaction = \"+1000 USDT\"", "exact"},
		"an exponent":               {"transaction = \"1000 USDT\"", "transaction = \"1e3 USDT\"", "exact"},
		"a separator":               {"transaction = \"1000 USDT\"", "transaction = \"1,000 USDT\"", "exact"},
		"a leading zero":            {"transaction = \"1000 USDT\"", "transaction = \"01000 USDT\"", "exact"},
		"a trailing point":          {"transaction = \"1000 USDT\"", "transaction = \"1000. USDT\"", "exact"},
		"no number":                 {"transaction = \"1000 USDT\"", "transaction = \" USDT\"", "exact"},
		"no unit":                   {"transaction = \"1000 USDT\"", "transaction = \"1000\"", "amount"},
		"a number, not text":        {"transaction = \"1000 USDT\"", "transaction = 1000", "string"},
		"2^256":                     {"transaction = \"1000 USDT\"", "transaction = \"115792089237316195423570985008687907853269984665640564039457584007913129639936 base units\"", "too large"},
		"an amount of anything":     {"transaction = \"any\"", "transaction = \"5 ETH\"", "amount"},
		"base units of anything":    {"transaction = \"any\"", "transaction = \"5 base units\"", "amount"},
		"a period without hours":    {"hours = 24", "", "goes with"},
		"hours without a period":    {"period = \"10 ETH\"", "", "goes with"},
		"no hours":                  {"hours = 24", "hours = 0", "goes with"},
		"many hours":                {"hours = 24", "hours = 8785", "goes with"},
		"nobody approves":           {"count = 3", "count = 0", "0 approvals"},
		"more than there are":       {"count = 3", "count = 4", "4 approvals"},
		"more of a role than there": {"count = 1, role = \"treasurer\"", "count = 2, role = \"treasurer\"", "2 approvals"},
		"an unknown role":           {"role = \"treasurer\"", "role = \"treasure\"", "0 operators"},
		"a fee in a token":          {"max_fee = \"0.5 ETH\"", "max_fee = \"0.5 USDT\"", "amount"},
		"101 per cent":              {"fee_percent = 5", "fee_percent = 101", "0 to 100"},
		"part of a per cent":        {"fee_percent = 5", "fee_percent = 5.5", "float"},
		"a rate in coins":           {"max_fee_rate = \"100 gwei\"", "max_fee_rate = \"100 ETH\"", "amount"},
		"a rate of solana":          {"until = [\"blockhash\"]", "max_fee_rate = \"1 lamport\"", "fee rate"},
		"calls to anywhere":         {"max_fee = \"0.5 ETH\"", "calls = [\"0x095ea7b3\"]", "named destinations"},
		"a call in words":           {"calls = [\"0x095ea7b3\"]", "calls = [\"approve\"]", "no method"},
		"a call of half a byte":     {"calls = [\"0x095ea7b3\"]", "calls = [\"0x095ea7b\"]", "no method"},
		"an empty call":             {"calls = [\"0x095ea7b3\"]", "calls = [\"0x\"]", "no method"},
		"a call in upper case":      {"calls = [\"0x095ea7b3\"]", "calls = [\"0x095EA7B3\"]", "no method"},
		"no deadline":               {"until = [\"blockhash\"]", "until = []", "until"},
		"an unknown deadline":       {"until = [\"blockhash\"]", "until = [\"tomorrow\"]", "until"},
		"another kind":              {"kind = \"policy\"", "kind = \"address-book\"", "is of kind"},
		"a kind in upper case":      {"kind = \"policy\"", "kind = \"Policy\"", "is of kind"},
		"an unknown requester":      {"requester = \"named\"", "requester = \"known\"", "requester is"},
		"no rule":                   {good[strings.Index(good, "[[rule]]"):], "", "0 rules"},
	} {
		if strings.Count(good, c.old) < 1 {
			t.Fatalf("%s: nothing to change", name)
		}
		p, err := Parse([]byte(strings.Replace(good, c.old, c.repl, 1)), w)
		if err == nil || p.rules != nil || !strings.Contains(err.Error(), c.says) || !quote.Plain(err.Error()) || len(lineNumber.FindAllString(err.Error(), -1)) > 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"transaction = \"1000.000000 USDT\"", "transaction = \"0 USDT\"", "transaction = \"1000000000 base units\"", "transaction = \"any\""} {
		if _, err := Parse([]byte(strings.Replace(good, "transaction = \"1000 USDT\"", text, 1)), w); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for old, repl := range map[string]string{"kind = \"policy\"\n": "", "requester = \"named\"": "requester = \"any\"", "\nrequester = \"named\"": ""} {
		if _, err := Parse([]byte(strings.Replace(good, old, repl, 1)), w); err != nil {
			t.Errorf("%q: %v", repl, err)
		}
	}
	_, err := Parse([]byte(strings.Replace(good, "to = [\"acme solana\"]", "to = [\"acme\u200b solana\"]", 1)), w)
	if !fault.Is(err, "document.syntax") {
		t.Error(err)
	}
	if want := fmt.Sprintf("line %d: ", 1+strings.Count(good[:strings.Index(good, "period = \"2500")], "\n")); true {
		if _, err := Parse([]byte(strings.Replace(good, "2500 USDT", "2500 USDC", 1)), w); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, not on %s", err, want)
		}
	}
}

// No truncation that loses a rule or an operator passes for the file, and no flipped
// bit changes it without a trace: what is in force is sealed by digest in the keystore;
// here what parses and is not the same has other rules to show.
func TestATT39ATT77Truncated(t *testing.T) {
	good := read(t, "treasury.toml")
	p, w := treasury(t)
	full := strings.Join(p.Lines(), "\n")
	for n := range good {
		if q, err := Parse(good[:n], w); err == nil && strings.Join(q.Lines(), "\n") == full && n < len(good)-1 {
			t.Errorf("%d bytes of %d are the whole policy", n, len(good))
		}
	}
}

func TestZeroRules(t *testing.T) {
	if v := (&Court{}).Judge(Case{}); v.Allow {
		t.Error("the zero case is allowed")
	}
	p, w := treasury(t)
	if v := p.Court(w.Book, nil, Clock{}).Judge(Case{Wallets: []string{signers["hot1"]}}); v.Allow {
		t.Error("a case without a network is allowed")
	}
	empty := Policy{rules: newRules(0)}
	if v := empty.Court(nil, nil, Clock{}).Judge(situation(t, w, "hot1", "0.4 ETH acme", "")); v.Allow || v.Code != "policy.no-rule" {
		t.Errorf("no rules: %+v", v)
	}
}

// What is unexplained stays so with a rule, and under compat passes only where a rule
// fits: the preset says what holds beside the rules, not instead of them.
func TestCompatBesideRules(t *testing.T) {
	_, w := treasury(t)
	p, err := Parse([]byte(strings.Replace(string(read(t, "treasury.toml")), `"strict"`, `"compat"`, 1)), w)
	if err != nil {
		t.Fatal(err)
	}
	for rest, want := range map[string]string{"call=acme:0x01020304": "", "opaque": "", "unproven": "", "call=stranger:0x01020304": "policy.no-rule"} {
		moves := ""
		if !strings.HasPrefix(rest, "call") {
			moves = "0.4 ETH acme"
		}
		if v := p.Court(w.Book, nil, Clock{}).Judge(situation(t, w, "hot1", moves, rest)); v.Code != want || v.Allow != (want == "") {
			t.Errorf("%s: %+v", rest, v)
		}
	}
}

// changed is the example with texts replaced, old and new in turn.
func changed(t *testing.T, w World, pairs ...string) Policy {
	t.Helper()
	text := string(read(t, "treasury.toml"))
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("nothing to change: %s", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	p, err := Parse([]byte(text), w)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The first line of compat, approvals that nobody can give in full, and that exclude
// nobody, are told; those of the example need not be.
func TestWarned(t *testing.T) {
	p, w := treasury(t)
	said := strings.Join(p.Lines(), "\n")
	if strings.Contains(said, "who asks") || strings.Contains(said, "can never be approved") {
		t.Error(said)
	}
	if first := changed(t, w, `"strict"`, `"compat"`).Lines()[0]; first != "WARNING: preset compat: claimed amounts and unexplained calls are signed where a rule fits" {
		t.Error(first)
	}
	said = strings.Join(changed(t, w, "\nrequester = \"named\"", "").Lines(), "\n")
	if strings.Count(said, "who asks need not be named, and then nobody is excluded") != 1 {
		t.Error(said)
	}
	// Three approvers of three, of whom one is the treasurer: four places, three people.
	said = strings.Join(changed(t, w, `{ count = 2, role = "approver" }, { count = 1, role`, `{ count = 3, role = "approver" }, { count = 1, role`).Lines(), "\n")
	if strings.Count(said, "the operators can fill 3 of 4 places") != 1 {
		t.Error(said)
	}
}

// A period that begins empty, since its rule has a new name or asset, is told, and so
// is one that ends. A limit, an order or a version that changes begins nothing.
func TestBegins(t *testing.T) {
	p, w := treasury(t)
	for _, c := range []struct {
		want string
		now  Policy
	}{
		{"", p},
		{"", changed(t, w, `period = "10 ETH"`, `period = "11 ETH"`, "version = 4", "version = 5", `bundle = "3 ETH"`, "")},
		{"begins empty: stablecoins; gone: customers", changed(t, w, `"customers"`, `"patrons"`, `period = "10 ETH"`, "", "hours = 24", "", `asset = "USDT on ETH mainnet"`, `asset = "ETH mainnet"`,
			"1000 USDT", "1 ETH", "2500 USDT", "2 ETH")},
		{"begins empty: patrons; gone: customers", changed(t, w, `"customers"`, `"patrons"`)},
		{"begins empty: bitcoin 2", changed(t, w, `name = "bitcoin"`, "name = \"bitcoin 2\"\nperiod = \"1 BTC\"\nhours = 1")},
		{"", changed(t, w, `name = "bitcoin"`, "name = \"bitcoin\"\nperiod = \"1 BTC\"\nhours = 1")},
		{"", changed(t, w, "name = \"to the vault\"\nwallets = [\"hot\"]\nasset = \"any\"\nto = [\"cold vault\"]\ntransaction = \"any\"",
			"name = \"to the vault\"\nwallets = [\"hot\"]\nasset = \"ETH mainnet\"\nto = [\"cold vault\"]\ntransaction = \"1 ETH\"\nperiod = \"2 ETH\"\nhours = 1")},
	} {
		var got []string
		for _, line := range c.now.Begins(p) {
			if !strings.HasPrefix(line, "WARNING: ") || !quote.Plain(line) {
				t.Errorf("%q", line)
			}
			if _, rest, ok := strings.Cut(line, "the period of rule "); ok {
				name, _, _ := strings.Cut(rest, " begins empty")
				got = append(got, "begins empty: "+name)
			} else if _, rest, ok := strings.Cut(line, "rule "); ok {
				name, _, _ := strings.Cut(rest, ", which")
				got = append(got, "gone: "+name)
			}
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%v, not %s", got, c.want)
		}
	}
	strict, _ := Preset("strict")
	if lines := append(p.Begins(strict), strict.Begins(p)...); len(lines) != 0 {
		t.Errorf("%v", lines)
	}
	// What was signed under a rule without a period counts once it has one.
	later := changed(t, w, `name = "bitcoin"`, "name = \"bitcoin\"\nperiod = \"0.6 BTC\"\nhours = 1")
	v := p.Court(w.Book, nil, Clock{}).Judge(situation(t, w, "other", "0.3 BTC acme bitcoin", ""))
	var past []Past
	for _, x := range v.Spends {
		past = append(past, Past{Spend: x, Time: 1000, Created: 1000})
	}
	for now, want := range map[int64]string{1000: "policy.period", 4599: "policy.period", 4600: ""} {
		if v := later.Court(w.Book, past, Clock{Now: now, Created: now}).Judge(situation(t, w, "other", "0.3 BTC acme bitcoin", "")); v.Code != want {
			t.Errorf("at %d: %+v", now, v)
		}
	}
}

// A rule that an earlier one always precedes is told.
func TestShadowed(t *testing.T) {
	_, w := treasury(t)
	text := strings.Replace(string(read(t, "treasury.toml")), "[[rule]]\nname = \"customers\"", `[[rule]]
name = "all"
wallets = ["any"]
asset = "any"
to = ["tag:customer"]
transaction = "any"

[[rule]]
name = "customers"`, 1)
	p, err := Parse([]byte(text), w)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(p.Lines(), "\n")
	if strings.Count(said, "never decides") != 1 || !strings.Contains(said, "2. customers") || !strings.Contains(said, "never decides, rule 1 fits") {
		t.Error(said)
	}
}

// The receipt's words stay within what a receipt can hold.
func TestByIsBounded(t *testing.T) {
	p, _ := treasury(t)
	var takes []taken
	for range 100 {
		takes = append(takes, taken{rule: 2, amount: new(big.Int), fee: new(big.Int)})
	}
	if by := (&Court{p: p}).by(takes); len(by) != maxBy || !strings.HasSuffix(by, "...") {
		t.Errorf("%d bytes: %s", len(by), by)
	}
	if by := (&Court{p: p}).by(takes[:1]); by != "treasury 4: to the vault" {
		t.Error(by)
	}
}

// What is exactly as long as a receipt can hold is not cut.
func TestByIsCutOnlyWhenTooLong(t *testing.T) {
	p, _ := treasury(t)
	for n := range 40 {
		p.Name = strings.Repeat("n", n+1)
		takes := make([]taken, 16)
		for i := range takes {
			takes[i].rule = 2
		}
		whole := len(p.Label()) + len(": ") + 16*len("to the vault") + 15*len(", ")
		if by := (&Court{p: p}).by(takes); len(by) != min(whole, maxBy) || strings.HasSuffix(by, "...") != (whole > maxBy) {
			t.Errorf("%d bytes of %d: %s", len(by), whole, by)
		}
	}
}

// Every rule leaves in the journal what it let leave, by asset and with the fee: it may
// have a period tomorrow.
func TestSpends(t *testing.T) {
	p, w := treasury(t)
	v := p.Court(w.Book, nil, Clock{}).Judge(situation(t, w, "hot1", "0.4 ETH acme; 1 XXX cold vault; 5 USDT acme", ""))
	if len(v.Spends) != 3 || v.Spends[1].Rule != "to the vault" || v.Spends[1].Asset != assets["XXX"].ID || v.Spends[1].Amount.String() != "1000000000000000000" || v.Spends[0].Rule != "customers" || v.Spends[0].Asset != "eip155:1" || v.Spends[0].Amount.String() != "402100000000000000" ||
		v.Spends[2].Rule != "stablecoins" || v.Spends[2].Asset != assets["USDT"].ID || v.Spends[2].Amount.String() != "5000000" {
		t.Errorf("%+v", v)
	}
	// A rule for any asset keeps each apart: narrowed to one, it goes on with that.
	v = p.Court(w.Book, nil, Clock{}).Judge(situation(t, w, "hot1", "3 ETH cold vault; 1 XXX cold vault; 5 USDT acme; 2 XXX cold vault", "fee=0.01"))
	got := ""
	for _, x := range v.Spends {
		got += fmt.Sprintln(x.Rule, x.Asset[strings.LastIndexByte(x.Asset, ':')+1:], x.Amount)
	}
	if want := "to the vault 1 3010000000000000000\nto the vault 0xdac17f958d2ee523a2206206994597c13d831ec8 3000000000000000000\nstablecoins 0xdac17f958d2ee523a2206206994597c13d831ec7 5000000\n"; got != want {
		t.Errorf("%s", got)
	}
}

// A preset judges as it did, puts off what is late, and nothing else.
func TestPresetCourt(t *testing.T) {
	_, w := treasury(t)
	p, _ := Preset("strict")
	for rest, want := range map[string]string{"": "", "late": "request.expired", "unproven": "policy.unproven", "unproven late": "policy.unproven"} {
		v := p.Court(w.Book, nil, Clock{}).Judge(situation(t, w, "other", "1 ETH stranger", rest))
		if v.Code != want || v.Allow != (want == "") || v.Later != (want == "request.expired") || v.By != "strict" || len(v.Spends) > 0 {
			t.Errorf("%q: %+v", rest, v)
		}
	}
}

// 130 rules: the words of the index join where they should.
func TestManyRules(t *testing.T) {
	_, w := treasury(t)
	var b strings.Builder
	b.WriteString("version = 1\nname = \"many\"\npreset = \"strict\"\n")
	const n = 130
	for i := range n {
		fmt.Fprintf(&b, "[[rule]]\nname = \"r%d\"\nwallets = [\"%08x-7d9b-434e-8d7e-3af2c57a8c7e\"]\nasset = \"ETH mainnet\"\nto = [\"acme\"]\ntransaction = \"%d ETH\"\n", i, i, i+1)
	}
	p, err := Parse([]byte(b.String()), w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		c := situation(t, w, "hot1", fmt.Sprintf("%d ETH acme", i+1), "")
		c.Wallets = []string{fmt.Sprintf("%08x-7d9b-434e-8d7e-3af2c57a8c7e", i)}
		if v := p.Court(w.Book, nil, Clock{}).Judge(c); !v.Allow || v.By != fmt.Sprintf("many 1: r%d", i) {
			t.Errorf("rule %d: %+v", i, v)
		}
		c.Wallets = append(c.Wallets, fmt.Sprintf("%08x-7d9b-434e-8d7e-3af2c57a8c7e", (i+1)%n))
		if v := p.Court(w.Book, nil, Clock{}).Judge(c); v.Code != "policy.no-rule" {
			t.Errorf("rule %d for two: %+v", i, v)
		}
	}
}

// What parses can be explained and judges without a panic; and nothing that it
// allows has a destination that no rule names.
func FuzzParse(f *testing.F) {
	_, w := treasury(f)
	good, _ := os.ReadFile(tables + "treasury.toml")
	f.Add(good)
	f.Add([]byte("version = 1\nname = 'x'\npreset = 'compat'\n[[rule]]\nname = 'a'\nwallets = ['any']\nasset = 'any'\nto = ['any']\ntransaction = 'any'\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := Parse(raw, w)
		if err != nil {
			if !quote.Plain(err.Error()) {
				t.Fatalf("%q", err)
			}
			return
		}
		for _, line := range p.Lines() {
			if !quote.Plain(line) {
				t.Fatalf("%q", line)
			}
		}
		c := situation(t, w, "hot1", "0.4 ETH stranger", "")
		if v := p.Court(w.Book, nil, Clock{}).Judge(c); v.Allow && !p.rules.any.to.has() {
			t.Fatalf("allowed by %s", v.By)
		}
	})
}

func (s set) has() bool {
	for _, w := range s {
		if w != 0 {
			return true
		}
	}
	return false
}

// An address that only looks like one of the book has no name, whatever wallet shows
// it by its ends.
func TestATT33LookAlike(t *testing.T) {
	_, w := treasury(t)
	for address, want := range map[string]string{
		"0x70997970C51812dc3A010C7d01b50e0d17dc79C8": "",
		"0x7099797000000000000000000000000017Dc79C8": "acme",
		"0x7099000000000000000000000000000000Dc79C8": "acme",
		"0x7098000000000000000000000000000000Dc79C8": "",
		"0x7099000000000000000000000000000000Dc79C9": "",
	} {
		e, ok := w.Book.Alike("eip155:1", address)
		if e.Name != want || ok != (want != "") {
			t.Errorf("%s is taken for %q", address, e.Name)
		}
	}
	if _, ok := w.Book.Alike("bip122:000000000019d6689c085ae165831e93", "bc1qw508xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx8f3t4"); !ok {
		t.Error("bech32: not taken for acme bitcoin")
	}
	if _, ok := w.Book.Alike("bip122:000000000019d6689c085ae165831e93", "bc1qxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx8f3t4"); ok {
		t.Error("bech32: what all addresses begin with makes them alike")
	}
	if _, ok := w.Book.Alike(chain.ID("eip155:11155111"), "0x7099000000000000000000000000000000Dc79C8"); ok {
		t.Error("alike on another network")
	}
	if _, ok := (*book.Book)(nil).Alike("eip155:1", "0x70"); ok {
		t.Error("the empty book knows somebody")
	}
}
