package main

import (
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/scripts/halves"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		base     int64
		decimals int
		want     string
	}{
		{5_000_000, 8, "0.05 X"}, {100_000_000, 8, "1 X"}, {1, 8, "0.00000001 X"}, {120_000_000_000, 9, "120 X"}, {0, 6, "0 X"},
	} {
		if got := units(big.NewInt(c.base), c.decimals, "X"); got != c.want {
			t.Errorf("%d: got %s, want %s", c.base, got, c.want)
		}
	}
}

func TestDigest(t *testing.T) {
	hex := strings.Repeat("a1", 32)
	if got, err := digest([]byte("BATCH DIGEST  a b\n              " + hex + "\n")); err != nil || got != hex {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "REPEAT", hex + "0", "x\n" + hex[1:]} {
		if got, err := digest([]byte(bad)); err == nil {
			t.Errorf("%q gives %q", bad, got)
		}
	}
}

func TestTable(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "table"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table(f, []payment{
		{chain: "BTC", amount: "1 X", to: "abc", row: halves.Row{TxID: strings.Repeat("f", 64), State: "complete", Confirmations: 3}},
		{chain: "SOL", amount: "0.25 Y", to: "d", row: halves.Row{State: "failed"}},
	})
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := "chain  amount  recipient  txid" + strings.Repeat(" ", 62) + "state     confirmations\n" +
		"BTC    1 X     abc        " + strings.Repeat("f", 64) + "  complete  3\n" +
		"SOL    0.25 Y  d          " + strings.Repeat(" ", 64) + "  failed    0\n"
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
