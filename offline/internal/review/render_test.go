package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

const goldens = "../../../testdata/review"

// goldenWrite writes what is printed beside the goldens, as NAME.new, to be read
// line by line before it takes a golden's place.
var goldenWrite = flag.Bool("golden", false, "write NAME.new")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(goldens, name)
	if *goldenWrite {
		if err := os.WriteFile(path+".new", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is another than\n%s", got, want)
	}
}

// screens are the reviews that have goldens.
func screens(t *testing.T) map[string]*Batch {
	signer, change := ref(t, btc, true, btcPath(0, 0)...), ref(t, btc, false, btcPath(1, 3)...)
	e, real := ref(t, eth, true, tethPth...), ref(t, ethReal, true, ethPath...)
	hostile := lamports(t, 5_000_000, ref(t, sol, true, solPath(t)...))
	hostile.Note = "rent\x1b[2J\x1b[1;1H\x1b]52;c;cm0=\x07\r\b\x7f\u009b31m \u202egnp.exe\u2066 \u200bp\u0430ypal\n" +
		"REQUEST 2 of 2  approved by policy\n  verdict   allowed\nBATCH DIGEST  abandon ability\nto sign, type: "
	opaque := ether(t, sepolia, friend, big.NewInt(1), []byte{0xde, 0xad, 0xbe, 0xef}, e)
	opaque.Note, opaque.Deadline = "refund", created+3600
	foreign := ether(t, ethMain, friend, big.NewInt(1), nil, e)
	foreign.ID[11] = 2
	return map[string]*Batch{
		"bitcoin-change.txt": explain(t, psbt(t, 100_000_000, []output{{Amount: 60_000_000, Script: stranger}, {Amount: 39_990_000, Script: pays(change.Key)}}, signer, change)),
		"ether.txt":          explain(t, ether(t, ethMain, friend, new(big.Int).Mul(big.NewInt(15), big.NewInt(1e17)), nil, real)),
		"erc20.txt":          explain(t, ether(t, ethMain, usdt, new(big.Int), transfer(t, friend, 250_000_000), real)),
		"solana.txt":         explain(t, lamports(t, 1_500_000_000, ref(t, sol, true, solPath(t)...))),
		"hostile-note.txt":   explain(t, hostile),
		"refused.txt":        explain(t, opaque, foreign),
	}
}

func TestGoldens(t *testing.T) {
	all := screens(t)
	for name, b := range all {
		var w bytes.Buffer
		if err := b.Print(&w); err != nil {
			t.Fatal(err)
		}
		golden(t, name, w.Bytes())
	}
	files, err := filepath.Glob(filepath.Join(goldens, "*.txt"))
	if err != nil || len(files) != len(all) || len(files) < 6 {
		t.Errorf("%d golden files, %d screens: %v", len(files), len(all), err)
	}
}

func TestJSONGolden(t *testing.T) {
	for name, b := range screens(t) {
		if name != "bitcoin-change.txt" && name != "refused.txt" {
			continue
		}
		doc, err := json.MarshalIndent(b.JSON(name == "refused.txt", "strict"), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(name, ".txt")+".json", append(doc, '\n'))
	}
}

func plainLines(t *testing.T, text []byte) {
	t.Helper()
	for i, c := range text {
		if c != '\n' && (c < 0x20 || c > 0x7e) {
			t.Fatalf("byte %d is 0x%02x: %q", i, c, text[max(0, i-40):min(len(text), i+40)])
		}
	}
}

// Hostile text of every kind, wherever it can stand: nothing but printable
// ASCII, and no line that the review did not begin itself.
func TestATT34ATT35ATT37NothingHostileIsPrinted(t *testing.T) {
	for _, evil := range []string{
		"\x1b[2J", "\x1b]8;;http://x\x07", "\r", "\b\b\b", "\u009b2J", "\x7f", "\x00", "\u202e", "\u2066", "\u200b", "p\u0430y", "a\u0301\u0301\u0301",
		"\xff\xfe", "\n", "\nBATCH DIGEST  abandon", "\r\n  verdict   allowed", "\u2028", "\t", strings.Repeat("\u202e", 2000), strings.Repeat("A", 4000),
	} {
		r := lamports(t, 5, ref(t, sol, true, solPath(t)...))
		b := explain(t, r)
		it := &b.Items[0]
		it.Request.Note, it.Request.Network = evil, chain.ID("solana:"+evil)
		it.Signers = []string{evil}
		it.Own[0] = evil
		it.Verdict.Code, it.Verdict.Rule, it.Verdict.Reason = evil, evil, evil
		it.Review.Kind, it.Review.Deadline.Text, it.Review.Fee.Rate = evil, evil, evil
		it.Review.Effects[0].To, it.Review.Effects[0].From, it.Review.Effects[0].Owner, it.Review.Effects[0].Note = evil, evil, evil, evil
		it.Review.Effects[0].Asset.Symbol = evil
		it.Review.Warnings = []chain.Warning{{Code: evil, Text: evil}}
		it.Review.Opaque = []chain.Opaque{{What: evil, Code: evil, Hex: evil}}
		it.Review.Details = []chain.Detail{{Name: evil, Value: evil}}
		it.Chain, it.Network.Name, it.Network.ID = evil, evil, chain.ID(evil)
		var lines int
		for _, allow := range []bool{true, false} {
			it.Verdict.Allow = allow
			var w bytes.Buffer
			if err := b.Print(&w); err != nil {
				t.Fatal(err)
			}
			plainLines(t, w.Bytes())
			lines = strings.Count(w.String(), "\nBATCH DIGEST")
			if lines != 1 {
				t.Errorf("%q: %d lines begin with BATCH DIGEST", evil, lines)
			}
			if got := it.Sign(); got.Status != bundle.Signed && !quote.Plain(got.Reason) {
				t.Errorf("%q: reason %q", evil, got.Reason)
			}
		}
		if got := it.Sign(); len(got.Reason) > bundle.MaxReason {
			t.Errorf("a reason of %d bytes", len(got.Reason))
		}
	}
}

type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errors.New("full")
	}
	return len(b), nil
}

// A review that could not be shown whole says so: nobody approves half of it.
func TestPrintFails(t *testing.T) {
	b := explain(t, lamports(t, 5, ref(t, sol, true, solPath(t)...)))
	var whole bytes.Buffer
	if err := b.Print(&whole); err != nil {
		t.Fatal(err)
	}
	for room := range whole.Len() {
		if b.Print(&full{room}) == nil {
			t.Fatalf("shown in %d bytes of %d", room, whole.Len())
		}
	}
}

func TestATT33Groups(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "abcd": "abcd", "abcde": "abcd e",
		"0x348F8B29b01D9FB23c1Bd1bcE0fC1C4E44F1FA00": "0x 348F 8B29 b01D 9FB2 3c1B d1bc E0fC 1C4E 44F1 FA00",
		"0x": "0x ", "0X348F8B29": "0X34 8F8B 29",
		"bc1qjesugmy5wq9jejy3zz0llsaynvndrauwtwj4yl":   "bc1q jesu gmy5 wq9j ejy3 zz0l lsay nvnd rauw twj4 yl",
		"BJo25z6yW1fZPofStPeA4KXRJrKoKtmdqkFxXU6yG2oG": "BJo2 5z6y W1fZ PofS tPeA 4KXR JrKo Ktmd qkFx XU6y G2oG",
		"OP_RETURN, 3 bytes":                           "OP_RETURN, 3 bytes",
	} {
		got := Groups(in)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(in, " ", "") {
			t.Errorf("%q lost letters: %q", in, got)
		}
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		part, whole int64
		want        string
	}{
		{0, 1, "0.00 %"}, {1, 0, "-"}, {1, 100, "1.00 %"}, {1, 10_000, "0.01 %"}, {1, 10_001, "0.01 %"}, {1, 1e15, "0.01 %"},
		{10_001, 100_000, "10.01 %"}, {100_001, 1_000_000, "10.01 %"}, {1, 3, "33.34 %"}, {2, 3, "66.67 %"}, {1, 1, "100.00 %"}, {7, 2, "350.00 %"},
	} {
		if got := Percent(big.NewInt(c.part), big.NewInt(c.whole)); got != c.want {
			t.Errorf("%d of %d is %s, want %s", c.part, c.whole, got, c.want)
		}
	}
}

// A reason that was made fit stays as it is, so that a receipt made again from
// the journal has the same bytes.
func TestReasonIsStable(t *testing.T) {
	for _, s := range []string{"", "plain", strings.Repeat("x", 513), strings.Repeat("x", 1000), strings.Repeat("x", 1001), strings.Repeat(`"`, 600),
		strings.Repeat("\u202e", 400), "\x1b[2J", strings.Repeat("\xff", 5000)} {
		once := printable(s)
		if twice := printable(once); once != twice || !quote.Plain(once) || len(once) > maxReason {
			t.Errorf("%.20q: %q, then %q", s, once, twice)
		}
		if quote.Plain(s) && len(s) <= maxReason && once != s {
			t.Errorf("%q was changed to %q", s, once)
		}
	}
}

func TestWords(t *testing.T) {
	if got := Words([32]byte{}); got != strings.TrimSpace(strings.Repeat("abandon ", DigestWords)) {
		t.Errorf("%q", got)
	}
	// 88 bits: the 88th changes the words, the 89th does not.
	if Words([32]byte{10: 1}) == Words([32]byte{}) || Words([32]byte{11: 0x80}) != Words([32]byte{}) {
		t.Error("the words are not 88 bits of the digest")
	}
}

// TestRequester: who asked is shown as a claim, and cannot draw a line of its own.
func TestRequester(t *testing.T) {
	r := ether(t, sepolia, friend, big.NewInt(1), nil, ref(t, eth, true, tethPth...))
	r.Requester = "payroll"
	b := explain(t, r)
	var w bytes.Buffer
	if err := b.Print(&w); err != nil || !strings.Contains(w.String(), "\n  asked     by \"payroll\", says the online half\n") {
		t.Errorf("%v\n%s", err, w.String())
	}
	if got := b.JSON(false, "strict").Items[0].Requester; got != "payroll" {
		t.Errorf("JSON says %q", got)
	}
	b.Items[0].Request.Requester = "payroll\nBATCH DIGEST  abandon\x1b[2J"
	w.Reset()
	if err := b.Print(&w); err != nil || strings.Contains(w.String(), "\nBATCH DIGEST  abandon\n") || strings.Contains(w.String(), "\x1b") {
		t.Errorf("%v\n%s", err, w.String())
	}
}
