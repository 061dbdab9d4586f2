package policy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"aead.dev/minisign"
)

var lineNumber = regexp.MustCompile(`line [0-9]+:`)

// small is a policy of one rule, with more at the top, in the rule, and behind it.
func small(version, top, rule, more string) string {
	return "version = " + version + "\nname = \"p\"\npreset = \"strict\"\n" + top +
		"[[rule]]\nname = \"r\"\nwallets = [\"any\"]\nasset = \"ETH mainnet\"\nto = [\"acme\"]\ntransaction = \"1 ETH\"\n" + rule + more
}

// people are operators of a role.
func people(t *testing.T, n int, roles ...string) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		seed := sha256.Sum256([]byte{byte(i)})
		key, _, err := minisign.GenerateKey(bytes.NewReader(seed[:]))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "[[operator]]\nname = \"o%d\"\nkey = %q\nroles = [\"policy\"%s]\n", i, key.String(), strings.Join(append([]string{""}, roles...), ", "))
	}
	return b.String()
}

func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Each bound is the last that is taken.
func TestATT78Bounds(t *testing.T) {
	_, w := treasury(t)
	const quorum = "[quorum]\nchange = 1\n"
	roles := func(n int) (list []string) {
		for i := range n - 1 {
			list = append(list, fmt.Sprintf("%q", "r"+strings.Repeat("x", i)))
		}
		return list
	}
	wallet := func(i int) string { return fmt.Sprintf("\"%08x-7d9b-434e-8d7e-3af2c57a8c7e\"", i) }
	wallets := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(wallet(i%1000) + ",")
		}
		return "[groups]\ng = [" + b.String() + "]\n"
	}
	ruleOf := func(i, n int) string {
		return fmt.Sprintf("[[rule]]\nname = \"w%d\"\nwallets = [%s]\nasset = \"ETH mainnet\"\nto = [\"acme\"]\ntransaction = \"1 ETH\"\n", i, strings.Repeat("\"g\",", n))
	}
	byRule := func(key string) func(value string) string {
		return func(value string) string { return small("1", "", key+" = "+value+"\n", "") }
	}
	percent, hours := byRule("fee_percent"), byRule("period = \"1 ETH\"\nhours")
	for name, c := range map[string]struct{ last, over string }{
		"version":      {small("9007199254740992", "", "", ""), small("9007199254740993", "", "", "")},
		"version 1":    {small("1", "", "", ""), small("0", "", "", "")},
		"name":         {strings.Replace(small("1", "", "", ""), `"p"`, `"`+strings.Repeat("n", maxName)+`"`, 1), strings.Replace(small("1", "", "", ""), `"p"`, `"`+strings.Repeat("n", maxName+1)+`"`, 1)},
		"rules":        {small("1", "", "", many(maxRules-1, "[[rule]]\nname = \"x%d\"\nwallets = [\"any\"]\nasset = \"any\"\nto = [\"any\"]\ntransaction = \"any\"\n")), small("1", "", "", many(maxRules, "[[rule]]\nname = \"x%d\"\nwallets = [\"any\"]\nasset = \"any\"\nto = [\"any\"]\ntransaction = \"any\"\n"))},
		"operators":    {small("1", "", "", quorum+people(t, maxWords)), small("1", "", "", quorum+people(t, maxWords+1))},
		"roles":        {small("1", "", "", quorum+people(t, 1, roles(maxWords)...)), small("1", "", "", quorum+people(t, 1, roles(maxWords+1)...))},
		"quorum":       {small("1", "", "", "[quorum]\nchange = 2\n"+people(t, 2)), small("1", "", "", "[quorum]\nchange = 3\n"+people(t, 2))},
		"no quorum":    {small("1", "", "", quorum+people(t, 1)), small("1", "", "", "[quorum]\nchange = 0\n"+people(t, 1))},
		"nobody":       {small("1", "", "", "[quorum]\nchange = 0\n"), small("1", "", "", quorum)},
		"wallets":      {small("1", wallets(1000), "", ruleOf(1, 50)+ruleOf(2, 50)), small("1", wallets(1000), "", ruleOf(1, 50)+ruleOf(2, 50)+strings.Replace(ruleOf(3, 1), "\"g\",", wallet(1), 1))},
		"destinations": {small("1", "", "", "") + "[[rule]]\nname = \"d\"\nwallets = [\"any\"]\nasset = \"any\"\ntransaction = \"any\"\nto = [" + strings.Repeat("\"acme\",", maxList) + "]\n", small("1", "", "", "") + "[[rule]]\nname = \"d\"\nwallets = [\"any\"]\nasset = \"any\"\ntransaction = \"any\"\nto = [" + strings.Repeat("\"acme\",", maxList+1) + "]\n"},
		"hours":        {hours("8784"), hours("8785")},
		"an hour":      {hours("1"), hours("0")},
		"percent":      {percent("100"), percent("101")},
		"no percent":   {percent("0"), "version = 1"},
		"approvals": {small("1", "", "approvals = ["+strings.Repeat("{count = 1, role = \"policy\"},", maxWords)+"]\n", quorum+people(t, 1)),
			small("1", "", "approvals = ["+strings.Repeat("{count = 1, role = \"policy\"},", maxWords+1)+"]\n", quorum+people(t, 1))},
		"calls":  {byRule("calls")("[" + strings.Repeat("\"any\",", maxList) + "]"), byRule("calls")("[" + strings.Repeat("\"any\",", maxList+1) + "]")},
		"method": {byRule("calls")(`["0x0011223344556677"]`), byRule("calls")(`["0x001122334455667788"]`)},
		"amount": {byRule("bundle")(`"115792089237316195423570985008687907853269984665640564039457584007913129639935 base units"`), byRule("bundle")(`"115792089237316195423570985008687907853269984665640564039457584007913129639936 base units"`)},
		"digits": {byRule("bundle")(`"0.` + strings.Repeat("0", 18) + ` ETH"`), byRule("bundle")(`"0.` + strings.Repeat("0", 19) + ` ETH"`)},
		"zeros":  {byRule("bundle")(`"0 ETH"`), byRule("bundle")(`"00 ETH"`)},
		"ten":    {byRule("bundle")(`"10 ETH"`), byRule("bundle")(`"010 ETH"`)},
		"long":   {small("1", "", "", "[[rule]]\nname = \"l\"\nwallets = [\"any\"]\nasset = \"any\"\nto = [\"any\"]\ntransaction = \"any\"\n"), byRule("bundle")(`"` + strings.Repeat("1", 101) + ` ETH"`)},
		"rate":   {byRule("max_fee_rate")(`"1 gwei"`), strings.Replace(byRule("max_fee_rate")(`"1 gwei"`), "ETH mainnet", "any", 1)},
		"tip":    {byRule("max_priority")(`"1 gwei"`), strings.Replace(byRule("max_priority")(`"1 gwei"`), "ETH mainnet", "any", 1)},
	} {
		if _, err := Parse([]byte(c.last), w); err != nil {
			t.Errorf("%s: the last: %v", name, err)
		}
		if _, err := Parse([]byte(c.over), w); err == nil || len(lineNumber.FindAllString(err.Error(), -1)) > 1 {
			t.Errorf("%s: one over: %v", name, err)
		}
	}
}

// What lacks at the top stands on no line, and what is wrong elsewhere on one.
func TestLinesOfErrors(t *testing.T) {
	good := string(read(t, "treasury.toml"))
	_, w := treasury(t)
	for _, gone := range []string{"version = 4", `name = "treasury"`, good[strings.Index(good, "[[rule]]"):]} {
		if _, err := Parse([]byte(strings.Replace(good, gone, "", 1)), w); err == nil || strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("without %.20q: %v", gone, err)
		}
	}
	const groups = "[groups]\ng = [\"00000000-7d9b-434e-8d7e-3af2c57a8c7e\"]\n"
	for _, c := range []struct{ text, at string }{
		{small("1", "[quorum]\nchange = 2\n"+people(t, 1), "", ""), "change"},
		{small("1", "[quorum]\nchange = 1\n"+people(t, maxWords+1), "", ""), "[[operator]]"},
		{small("1", "", "", strings.Replace(groups, "g = ", "any = ", 1)), "[groups]"},
		{small("1", "", "", strings.Replace(groups, "g = ", "00000000-7d9b-434e-8d7e-3af2c57a8c7e = ", 1)), "[groups]"},
		{small("1", "", "", strings.Replace(groups, "8c7e", "8c7", 1)), "[groups]"},
		{strings.Replace(small("1", "", "", ""), "strict", "lax", 1), "preset"},
		{strings.Replace(small("1", "", "", ""), `["acme"]`, `["acme", "any"]`, 1), "to = "},
	} {
		want := fmt.Sprintf("line %d: ", 1+strings.Count(c.text[:strings.Index(c.text, c.at)], "\n"))
		if _, err := Parse([]byte(c.text), w); err == nil || !strings.HasPrefix(err.Error(), want) || len(lineNumber.FindAllString(err.Error(), -1)) > 1 {
			t.Errorf("%v, not on %s", err, want)
		}
	}
}

// Nothing is kept of what moves nothing.
func TestNothingIsNoSpend(t *testing.T) {
	p, w := treasury(t)
	v := p.Court(w.Book, nil, Clock{}).Judge(situation(t, w, "hot1", "0 ETH cold vault; 0 USDT acme", "fee=0"))
	if !v.Allow || len(v.Spends) != 0 {
		t.Errorf("%+v", v)
	}
}

// A token that nobody has named is told by its id.
func TestUnknownTokenIsTold(t *testing.T) {
	_, w := treasury(t)
	const id = "eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec8"
	p, err := Parse([]byte(strings.NewReplacer("ETH mainnet", id, "1 ETH", "1 base units", "acme", "tag:europe").Replace(small("1", "", "", ""))), w)
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(p.Lines(), "\n"); !strings.Contains(said, "any wallet may send token "+id+" to whoever is tagged europe (1 in the book)") {
		t.Error(said)
	}
}

// A rule for a token that the registry knows speaks its symbol; for another, base units.
func TestAmountsOfTokens(t *testing.T) {
	_, w := treasury(t)
	for asset, want := range map[string]string{"\"USDT on ETH mainnet\"": "1 USDT", "\"eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec8\"": "1 base units"} {
		for _, amount := range []string{"1 USDT", "1 base units", "1 ETH"} {
			text := strings.Replace(small("1", "", "bundle = \""+amount+"\"\n", ""), "\"ETH mainnet\"", asset, 1)
			_, err := Parse([]byte(strings.Replace(text, "1 ETH\"\n", "1 base units\"\n", 1)), w)
			if ok := amount == want || amount == "1 base units"; (err == nil) != ok {
				t.Errorf("%s of %s: %v", amount, asset, err)
			} else if !ok && !strings.Contains(err.Error(), `a space and "`+strings.TrimPrefix(want, "1 ")+`"`) {
				t.Errorf("%s of %s: it does not say how: %v", amount, asset, err)
			}
		}
	}
}

// The limits are those of POLICY.md and of what a receipt holds: who writes a file
// relies on them.
func TestLimitsAreThoseOfTheSpec(t *testing.T) {
	for _, l := range [][2]int{{MaxFile, 1_048_576}, {maxRules, 1000}, {maxWallets, 100_000}, {maxList, 10_000}, {maxName, 48}, {maxHours, 8784}, {maxBits, 256},
		{maxVersion, 9_007_199_254_740_992}, {maxWords, 32}, {maxBy, 240}, {FeePercent, 10}} {
		if l[0] != l[1] {
			t.Errorf("%d, not %d", l[0], l[1])
		}
	}
}

// In a restored home the periods of the rules that have one are used up, and no others
// are told; a preset has none.
func TestUsedUp(t *testing.T) {
	p, w := treasury(t)
	past := p.UsedUp(1000)
	if len(past) != 2 || past[0].Rule != "customers" || past[1].Rule != "stablecoins" || past[0].Time != 1000 || past[0].Amount.Cmp(units(t, "10", 18)) != 0 {
		t.Errorf("%+v", past)
	}
	for now, want := range map[int64]string{1000: "policy.period", 1000 + 24*3600 - 1: "policy.period", 1000 + 24*3600: ""} {
		if v := p.Court(w.Book, past, Clock{Now: now}).Judge(situation(t, w, "hot1", "0.4 ETH acme", "")); v.Code != want {
			t.Errorf("at %d: %+v", now, v)
		}
	}
	strict, err := Preset("strict")
	if err != nil || strict.UsedUp(1000) != nil {
		t.Error("a preset has periods")
	}
}
