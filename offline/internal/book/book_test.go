package book

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"coldsign/offline/internal/document"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

func file(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../../testdata/policy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestBook(t *testing.T) {
	b, err := Parse([]byte(file(t, "book.toml")), registry.New().All())
	if err != nil || b.Version != 2 || len(b.Entries) != 6 || b.Tagged("customer") != 2 || b.Tagged("nobody") != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	e, ok := b.At("eip155:1", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")
	if n, named := b.Named("globex"); !ok || !named || e.Name != "globex" || n.Address != e.Address || e.Network != "eip155:1" {
		t.Errorf("%+v", e)
	}
	if _, ok := b.At("eip155:11155111", e.Address); ok {
		t.Error("an address is known on another network")
	}
	if _, ok := (*Book)(nil).At("eip155:1", e.Address); ok {
		t.Error("no book knows an address")
	}
}

// Each wrong entry is refused, with its line; the file itself is the legal neighbour.
func TestATT33ATT35ATT78BookRefuses(t *testing.T) {
	good := file(t, "book.toml")
	for name, c := range map[string]struct{ old, repl, code string }{
		"EIP-55, a letter in small":    {"17dc79C8", "17dc79c8", "evm.checksum"},
		"EIP-55, a digit changed":      {"0x70997970C5", "0x70997970C6", "evm.checksum"},
		"EIP-55, no checksum at all":   {"0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8", "document.syntax"},
		"all upper case":               {"0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x70997970C51812DC3A010C7D01B50E0D17DC79C8", "document.syntax"},
		"without 0x":                   {"0x70997970C5", "70997970C5", "evm.address"},
		"a character less":             {"17dc79C8", "17dc79C", "evm.address"},
		"bech32, a character changed":  {"xw7kv8f3t4", "xw7kv8f3t5", "bitcoin.address"},
		"bech32, mixed case":           {"bc1qw508d6", "bc1qw508D6", "bitcoin.address"},
		"bech32, all upper case":       {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "document.syntax"},
		"bech32 of a test network":     {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "bitcoin.address-network"},
		"bech32m for version 0":        {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "bitcoin.address"},
		"base58, too long":             {"BJo25z6yW1fZ", "BJo25z6yW1fZZ", "solana.address"},
		"another chain's address":      {"BJo25z6yW1fZPofStPeA4KXRJrKoKtmdqkFxXU6yG2oG", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "solana.address"},
		"an unknown network":           {"SOL mainnet", "SOL mainet", "document.syntax"},
		"a name twice":                 {"name = \"globex\"", "name = \"acme\"", "document.syntax"},
		"an address twice":             {"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "document.syntax"},
		"a name that is a rule's word": {"name = \"globex\"", "name = \"any\"", "document.syntax"},
		"a name that is a tag":         {"name = \"globex\"", "name = \"tag:x\"", "document.syntax"},
		"no name":                      {"name = \"globex\"", "", "document.syntax"},
		"a space around a name":        {"name = \"globex\"", "name = \"globex \"", "document.syntax"},
		"a long name":                  {"name = \"globex\"", "name = \"" + strings.Repeat("x", maxName+1) + "\"", "document.syntax"},
		"a Cyrillic letter":            {"name = \"acme\"", "name = \"\u0430cme\"", "document.syntax"},
		"a hidden character":           {"name = \"acme\"", "name = \"ac\u200bme\"", "document.syntax"},
		"a terminal escape":            {"name = \"acme\"", "name = \"\x1b[2Jacme\"", "document.syntax"},
		"an empty tag":                 {"\"europe\"", "\"\"", "document.syntax"},
		"an unknown key":               {"note =", "nota =", "document.syntax"},
		"no version":                   {"version = 2", "", "document.syntax"},
		"no title":                     {"name = \"addresses of the treasury\"", "", "document.syntax"},
		"another kind":                 {"address-book", "token-registry", "document.kind"},
		"a kind of its own":            {"address-book", "addresses", "document.kind"},
		"a long note":                  {"contract 4711", strings.Repeat("x", maxNote+1), "document.syntax"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%s: nothing to change", name)
		}
		bad := strings.Replace(good, c.old, c.repl, 1)
		_, err := Parse([]byte(bad), registry.New().All())
		if !fault.Is(err, c.code) || !quote.Plain(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
		if i := strings.Index(good, c.old); c.repl != "" && i > strings.Index(good, "[[entry]]") {
			if want := fmt.Sprintf("line %d: ", 1+strings.Count(good[:i], "\n")); err != nil && !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: %v, not on %s", name, err, want)
			}
		}
	}
	for n := range good[:len(good)-1] {
		if b, err := Parse([]byte(good[:n]), registry.New().All()); err == nil && len(b.Entries) == 6 && b.Entries[5].Address == "BJo25z6yW1fZPofStPeA4KXRJrKoKtmdqkFxXU6yG2oG" && n < len(good)-1 {
			t.Errorf("%d bytes of %d are the whole book", n, len(good))
		}
	}
	if _, err := Parse(make([]byte, MaxFile+1), nil); !fault.Is(err, "document.size") {
		t.Errorf("a file over the limit: %v", err)
	}
}

// What is signed as one kind of file is never taken as another; what was signed before
// files said what they are is taken as what is in it.
func TestKinds(t *testing.T) {
	chains := registry.New().All()
	books, tokens := file(t, "book.toml"), file(t, "tokens.toml")
	old := func(s, kind string) string { return strings.Replace(s, "kind = \""+kind+"\"\n", "", 1) }
	const empty = "version = 3\nname = \"x\"\n"
	for text, want := range map[string][2]string{
		books:                                 {"", "document.syntax"},
		tokens:                                {"document.syntax", ""},
		old(books, KindBook):                  {"", "document.syntax"},
		old(tokens, KindTokens):               {"document.syntax", ""},
		"kind = \"address-book\"\n" + empty:   {"", "document.kind"},
		"kind = \"token-registry\"\n" + empty: {"document.kind", ""},
		"kind = \"policy\"\n" + empty:         {"document.kind", "document.kind"},
		empty:                                 {"untold", "untold"},
	} {
		var got [2]string
		b, err := Parse([]byte(text), chains)
		if err == nil && document.Tells(b.Kind, KindBook, len(b.Entries)) != nil {
			got[0] = "untold"
		} else if err != nil {
			got[0] = fault.Code(err)
		}
		r, err := ParseTokens([]byte(text), chains)
		if err == nil && document.Tells(r.Kind, KindTokens, len(r.List)) != nil {
			got[1] = "untold"
		} else if err != nil {
			got[1] = fault.Code(err)
		}
		if got != want {
			t.Errorf("%.60q: %q, not %q", text, got, want)
		}
	}
}

// A contract that only looks like a known token is told, however it is spelled.
func TestATT33TokenLookAlike(t *testing.T) {
	r, err := ParseTokens([]byte(file(t, "tokens.toml")), registry.New().All())
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"0xdac17f958d2ee523a2206206994597c13d831ec7": "",
		"0xdAC17F958D2ee523a2206206994597C13D831ec7": "",

		"0xdac17f95000000000000000000000000" + "3d831ec7": "USDT", // first 8, last 8
		"0xDAC10000000000000000000000000000" + "00001eC7": "USDT",
		"0xdac20000000000000000000000000000" + "00001ec7": "",
		"": "",
	} {
		if x, ok := r.Alike("eip155:1", address); x.Symbol != want || ok != (want != "") {
			t.Errorf("%s is taken for %q", address, x.Symbol)
		}
	}
	if _, ok := r.Alike("eip155:11155111", "0xdac10000000000000000000000000000"+"00001ec7"); ok {
		t.Error("alike on another network")
	}
	if _, ok := (*Tokens)(nil).Alike("eip155:1", "0xdac17f958d2ee523a2206206994597c13d831ec8"); ok {
		t.Error("no registry knows a token")
	}
	// Two known ones that look alike are each themselves, and a contract with its checksum
	// is the entry of the book without.
	two, err := ParseTokens([]byte(file(t, "tokens.toml")+"[[token]]\nasset = \"eip155:1/erc20:0xdac1000000000000000000000000000000001ec7\"\nsymbol = \"TWO\"\ndecimals = 6\n"), registry.New().All())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := two.Alike("eip155:1", "0xdac1000000000000000000000000000000001ec7"); ok {
		t.Error("a known token is taken for another")
	}
	b, err := Parse([]byte(file(t, "book.toml")), registry.New().All())
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := b.At("eip155:1", "0xdac17f958d2ee523a2206206994597c13d831ec7"); !ok || e.Name != "USDT contract" {
		t.Errorf("%+v", e)
	}
	if _, ok := b.Alike("eip155:1", "0xdac17f958d2ee523a2206206994597c13d831ec7"); ok {
		t.Error("a contract only looks like itself")
	}
}

func TestATT12Tokens(t *testing.T) {
	chains := registry.New().All()
	good := file(t, "tokens.toml") + "\n[[token]]\nasset = \"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v\"\nsymbol = \"USDC\"\ndecimals = 6\n"
	r, err := ParseTokens([]byte(good), chains)
	if err != nil {
		t.Fatal(err)
	}
	const usdt = "eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7"
	if x, ok := r.At(usdt); !ok || x.Symbol != "USDT" || x.Decimals != 6 {
		t.Errorf("%+v", x)
	}
	if x, ok := r.Symbol("eip155:1", "USDT"); !ok || x.Asset != usdt {
		t.Errorf("%+v", x)
	}
	if _, ok := r.Symbol("eip155:1", "USDC"); ok {
		t.Error("USDC is known on another network than its own")
	}
	// An address one digit off is another token.
	if _, ok := r.At(usdt[:len(usdt)-1] + "8"); ok {
		t.Error("a token that is one digit off is known")
	}
	for name, c := range map[string]struct{ old, repl string }{
		"EIP-55":                      {"831ec7", "831eC7"},
		"another namespace":           {"/erc20:", "/erc721:"},
		"an unknown network":          {"eip155:1/", "eip155:2/"},
		"a network by its name":       {"eip155:1/", "ETH mainnet/"},
		"a token of bitcoin":          {"eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", "bip122:000000000019d6689c085ae165831e93/x:y"},
		"the coin itself":             {"eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", "eip155:1"},
		"the coin's symbol":           {"symbol = \"USDT\"", "symbol = \"ETH\""},
		"the coin's symbol in small":  {"symbol = \"USDT\"", "symbol = \"eth\""},
		"no symbol":                   {"symbol = \"USDT\"", ""},
		"a symbol with a space":       {"symbol = \"USDT\"", "symbol = \"US DT\""},
		"a long symbol":               {"symbol = \"USDT\"", "symbol = \"USDTUSDTUSDTUSDTX\""},
		"no decimals":                 {"decimals = 6", ""},
		"37 decimals":                 {"decimals = 6", "decimals = 37"},
		"negative decimals":           {"decimals = 6", "decimals = -1"},
		"decimals as text":            {"decimals = 6", "decimals = \"6\""},
		"a token twice":               {"[[token]]", "[[token]]\nasset = \"" + usdt + "\"\nsymbol = \"UST\"\ndecimals = 6\n[[token]]"},
		"a symbol twice on a network": {"[[token]]", "[[token]]\nasset = \"" + usdt[:len(usdt)-1] + "8\"\nsymbol = \"usdt\"\ndecimals = 6\n[[token]]"},
	} {
		bad := strings.Replace(good, c.old, c.repl, 1)
		if bad == good {
			t.Fatalf("%s: nothing to change", name)
		}
		if _, err := ParseTokens([]byte(bad), chains); err == nil || !quote.Plain(err.Error()) || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, spelled := range []string{strings.Replace(good, "0xdAC17F958D2ee523a2206206994597C13D831ec7", usdt[len("eip155:1/erc20:"):], 1), strings.Replace(good, "decimals = 6", "decimals = 0", 1), strings.Replace(good, "decimals = 6", "decimals = 36", 1)} {
		if _, err := ParseTokens([]byte(spelled), chains); err != nil {
			t.Error(err)
		}
	}
}

// What parses holds what it says, each address once and spelled as reviews spell it.
func FuzzParse(f *testing.F) {
	chains := registry.New().All()
	f.Add([]byte(file(f, "book.toml")))
	f.Add([]byte(file(f, "tokens.toml")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if b, err := Parse(raw, chains); err == nil {
			for _, e := range b.Entries {
				c, n, ok := Network(chains, e.Network)
				if spelled, err := c.Wallet.ParseAddress(n.ID, e.Address); !ok || err != nil || spelled != e.Address || !quote.Plain(e.Name+e.Note) {
					t.Fatalf("%+v: %v", e, err)
				}
				if at, ok := b.At(n.ID, e.Address); !ok || at.Name != e.Name {
					t.Fatalf("%+v is not found", e)
				}
			}
		} else if !quote.Plain(err.Error()) {
			t.Fatalf("%q", err)
		}
		if r, err := ParseTokens(raw, chains); err == nil {
			for _, x := range r.List {
				if at, ok := r.At(x.Asset); !ok || at != x {
					t.Fatalf("%+v is not found", x)
				}
			}
		} else if !quote.Plain(err.Error()) {
			t.Fatalf("%q", err)
		}
	})
}
