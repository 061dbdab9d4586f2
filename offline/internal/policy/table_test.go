package policy

import (
	"bufio"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"coldsign/offline/internal/book"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
)

const tables = "../../../testdata/policy/"

func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(tables + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// treasury is the example of POLICY.md.
func treasury(t testing.TB) (Policy, World) {
	t.Helper()
	w := World{Chains: registry.New().All()}
	var err error
	if w.Book, err = book.Parse(read(t, "book.toml"), w.Chains); err != nil {
		t.Fatal(err)
	}
	if w.Tokens, err = book.ParseTokens(read(t, "tokens.toml"), w.Chains); err != nil {
		t.Fatal(err)
	}
	p, err := Parse(read(t, "treasury.toml"), w)
	if err != nil {
		t.Fatal(err)
	}
	return p, w
}

var signers = map[string]string{
	"hot1": "0f105a47-7d9b-434e-8d7e-3af2c57a8c7e", "hot2": "0f105a47-7d9b-434e-8d7e-3af2c57a8c7f",
	"cold": "c01dc01d-7d9b-434e-8d7e-3af2c57a8c7e", "other": "0badc0de-7d9b-434e-8d7e-3af2c57a8c7e",
}

var assets = map[string]chain.Asset{
	"USDT": {ID: "eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7", Symbol: "USDT", Decimals: 6},
	"XXX":  {ID: "eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec8", Symbol: "XXX", Decimals: 18},
}

// units reads a number of the table.
func units(t testing.TB, text string, decimals int) *big.Int {
	t.Helper()
	whole, part, _ := strings.Cut(text, ".")
	n, ok := new(big.Int).SetString(whole+part+strings.Repeat("0", decimals-len(part)), 10)
	if !ok {
		t.Fatalf("not a number: %q", text)
	}
	return n
}

// find gives an asset and its network by the symbol.
func find(t testing.TB, w World, symbol string) (chain.Asset, chain.Network) {
	t.Helper()
	id := "eip155:1"
	a, token := assets[symbol]
	for _, c := range w.Chains {
		for _, n := range c.Networks {
			if token && string(n.ID) == id || n.Asset.Symbol == symbol {
				if !token {
					a = n.Asset
				}
				return a, n
			}
		}
	}
	t.Fatalf("no asset %q", symbol)
	return a, chain.Network{}
}

// where gives the address of a name; the book's address on another network than its
// own is an address that the book does not know.
func where(w World, name string) string {
	if e, ok := w.Book.Named(name); ok {
		return e.Address
	}
	return name
}

func number(t testing.TB, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// situation is a row of the table as a case.
func situation(t testing.TB, w World, wallets, moves, rest string) Case {
	t.Helper()
	_, n := find(t, w, "ETH")
	c := Case{Named: true}
	own := map[int]bool{}
	for _, m := range strings.Split(moves, ";") {
		if m = strings.TrimSpace(m); m == "" {
			continue
		}
		f := strings.SplitN(m, " ", 3)
		e := chain.Effect{Kind: chain.Transfer}
		e.Asset, n = find(t, w, f[1])
		e.Amount = units(t, f[0], e.Asset.Decimals)
		to, made := strings.CutSuffix(f[2], "+")
		if made {
			e.Kind = chain.Create
		}
		to, owner, _ := strings.Cut(to, "^")
		e.To, e.Owner = where(w, to), where(w, owner)
		own[len(c.Review.Effects)] = to == "~own"
		c.Review.Effects = append(c.Review.Effects, e)
	}
	c.Network, c.Own = n, func(i int) bool { return own[i] }
	for _, name := range strings.Fields(wallets) {
		c.Wallets = append(c.Wallets, signers[name])
	}
	r := &c.Review
	r.Network = n.ID
	r.Deadline = chain.Deadline{Kind: chain.UntilSpent, Text: "until spent"}
	fee, gas := "0.0021", "21000"
	switch n.Chain {
	case "BTC":
		fee, gas = "0.0001", "141"
	case "SOL":
		fee, gas, r.Deadline.Kind = "0.000005", "0", chain.ByBlockhash
	}
	r.Fee = chain.Fee{Asset: n.Asset, Priority: big.NewInt(3e9), Rate: "as told"}
	for _, o := range strings.Split(strings.ReplaceAll(strings.TrimSpace(rest), " call=", "\ncall="), "\n") {
		if strings.HasPrefix(o, "call=") {
			p := strings.SplitN(o[5:]+"::", ":", 4)
			code := p[2]
			if code == "" {
				code = "evm.call"
			}
			r.Opaque = append(r.Opaque, chain.Opaque{What: "a call", Code: code, To: where(w, p[0]), Method: p[1]})
			continue
		}
		for _, o := range strings.Fields(o) {
			key, value, _ := strings.Cut(o, "=")
			switch key {
			case "fee":
				fee = value
			case "gas":
				gas = value
			case "prio":
				r.Fee.Priority = units(t, value, 9)
			case "until":
				r.Deadline.Kind = map[string]chain.DeadlineKind{"spent": chain.UntilSpent, "never": chain.NeverExpires}[value]
			case "warn":
				r.Warnings = append(r.Warnings, chain.Warning{Code: value, Text: "look"})
			case "unproven":
				r.Unproven = true
			case "late":
				c.Late = true
			case "unnamed":
				c.Named = false
			case "opaque":
				r.Opaque = append(r.Opaque, chain.Opaque{What: "a script", Code: "bitcoin.script"})
			default:
				t.Fatalf("what is %q", o)
			}
		}
	}
	r.Fee.Amount, r.Fee.Units = units(t, fee, n.Asset.Decimals), uint64(number(t, gas))
	return c
}

// header reads a line that begins with ==.
func header(t testing.TB, w World, line string) (c Clock, past []Past) {
	t.Helper()
	c = Clock{Now: 1_000_000, Created: 1_000_000}
	for _, part := range strings.Split(strings.NewReplacer(" now=", "\nnow=", " created=", "\ncreated=", " past=", "\npast=").Replace(line), "\n")[1:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "now":
			c.Now = number(t, value)
		case "created":
			c.Created = number(t, value)
		default:
			rule, rest, _ := strings.Cut(value, ":")
			amount, when, _ := strings.Cut(rest, "@")
			n, symbol, _ := strings.Cut(amount, " ")
			mine, theirs, _ := strings.Cut(when, "/")
			a, _ := find(t, w, symbol)
			past = append(past, Past{Time: number(t, mine), Created: number(t, theirs), Spend: Spend{Rule: rule, Asset: a.ID, Amount: units(t, n, a.Decimals)}})
		}
	}
	return c, past
}

// The decision table, line by line.
func TestDecisions(t *testing.T) {
	p, w := treasury(t)
	file, err := os.Open(tables + "decisions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var clock Clock
	var past []Past
	var court *Court
	cases := 0
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case line == "" || line[0] == '#':
			continue
		case strings.HasPrefix(line, "=="):
			clock, past = header(t, w, line)
			continue
		}
		col := strings.Split(line, "|")
		if len(col) != 7 {
			t.Fatalf("line %d has %d columns", n, len(col))
		}
		for i := range col {
			col[i] = strings.TrimSpace(col[i])
		}
		if col[0][0] != '+' {
			court = p.Court(w.Book, past, clock)
		}
		v := court.Judge(situation(t, w, col[1], col[2], col[3]))
		got := v.Code
		if v.Allow {
			got += "allow"
		}
		if v.Later {
			got += " later"
		}
		by := "treasury 4"
		if col[5] != "" {
			by += ": " + col[5]
		}
		var needs []string
		for _, x := range v.Needs {
			needs = append(needs, fmt.Sprintf("%d %s", x.Count, x.Role))
		}
		if got != col[4] || v.By != by || v.Allow && strings.Join(needs, ", ") != col[6] {
			t.Errorf("line %d, %s: %s by %q, approvals %v (%s: %s)", n, col[0], got, v.By, needs, v.Rule, v.Reason)
		}
		cases++
	}
	if cases < 90 {
		t.Fatalf("only %d cases", cases)
	}
}
