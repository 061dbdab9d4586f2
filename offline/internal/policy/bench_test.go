package policy

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"coldsign/offline/internal/book"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
)

// large makes an address book of 100,000 entries, 1,000 rules and 10,000 cases. Half
// of the cases pay who is known, and the rules are found at the end of the list.
func large(t testing.TB) (books, rules []byte, cases func(w World) []Case) {
	t.Helper()
	var b, r strings.Builder
	b.WriteString("version = 1\nname = \"large\"\n")
	address := func(i int) string {
		return evm.Checksum([20]byte{1, byte(i >> 16), byte(i >> 8), byte(i), 18: byte(i), 19: byte(i >> 8)})
	}
	for i := range 100_000 {
		fmt.Fprintf(&b, "[[entry]]\nname = \"customer %d\"\nnetwork = \"eip155:1\"\naddress = \"%s\"\ntags = [\"t%d\"]\n", i, address(i), i%1000)
	}
	r.WriteString("version = 1\nname = \"large\"\npreset = \"strict\"\n")
	for i := range 1000 {
		fmt.Fprintf(&r, "[[rule]]\nname = \"rule %d\"\nwallets = [\"%s\"]\nasset = \"ETH mainnet\"\nto = [\"tag:t%d\"]\ntransaction = \"2 ETH\"\nperiod = \"1000000 ETH\"\nhours = 24\n", i, signers["hot1"], i)
	}
	return []byte(b.String()), []byte(r.String()), func(w World) []Case {
		_, n := find(t, w, "ETH")
		list := make([]Case, 10_000)
		for i := range list {
			list[i] = Case{Network: n, Wallets: []string{signers["hot1"]}, Review: chain.Review{
				Network: n.ID, Deadline: chain.Deadline{Kind: chain.UntilSpent}, Fee: chain.Fee{Asset: n.Asset, Amount: big.NewInt(1e14), Priority: new(big.Int)},
				Effects: []chain.Effect{{Kind: chain.Transfer, Asset: n.Asset, Amount: big.NewInt(1e18), To: address(i * 20)}}}}
		}
		return list
	}
}

func BenchmarkLarge(b *testing.B) {
	books, rules, cases := large(b)
	w := World{Chains: registry.New().All()}
	var p Policy
	b.Run("read the book", func(b *testing.B) {
		for b.Loop() {
			w.Book, _ = book.Parse(books, w.Chains)
		}
	})
	b.Run("read the rules", func(b *testing.B) {
		for b.Loop() {
			p, _ = Parse(rules, w)
		}
	})
	list := cases(w)
	b.Run("judge 10,000", func(b *testing.B) {
		for b.Loop() {
			court := p.Court(w.Book, nil, Clock{})
			allowed := 0
			for i := range list {
				if court.Judge(list[i]).Allow {
					allowed++
				}
			}
			if allowed != 5000 {
				b.Fatal(allowed)
			}
		}
	})
}
