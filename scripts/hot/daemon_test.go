package hot

import (
	"os"
	"strings"
	"testing"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	return must(os.ReadFile(name))(t)
}

// TestDaemon: payments of three chains on their nodes, made by a hot signer, beside
// one that the offline half gets instead.
func TestDaemon(t *testing.T) {
	w := newWorld(t)
	ids := []string{w.submitBitcoin(t), w.submitEthereum(t, "0"), w.submitEthereum(t, "1"), w.submitSolana(t)}
	// What was exported is not the daemon's any more, and it is told so.
	cold := w.submitEthereum(t, "2")
	must(w.Export(t.Context(), "requests.cbor", "--id", cold))(t)
	answers := w.round(t)
	for _, id := range ids {
		if !strings.HasPrefix(answers[id], `{"txId":"`) {
			t.Errorf("%s: %s", id, answers[id])
		}
	}
	if !strings.Contains(answers[cold], `"errorCode":"kms.exported"`) {
		t.Errorf("the exported one: %s", answers[cold])
	}
	// What a node has left the list: another round hands in nothing of it.
	for id, a := range w.round(t) {
		if id != cold {
			t.Errorf("%s is handed in again: %s", id, a)
		}
	}
	w.complete(t, ids...)
	if row := must(w.Get(t.Context(), cold))(t); row.State != "exported" || row.TxID != "" {
		t.Errorf("the exported one is %s %s", row.State, row.TxID)
	}
	if n := must(w.eth.Nonce(t.Context(), ethAddress))(t); n != 2 {
		t.Errorf("the account made %d payments", n)
	}
	ok(t, w.Stop())
}

// complete mines until the rows are complete, each with the transaction that the
// signer made.
func (w *world) complete(t *testing.T, ids ...string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	ok(t, fund.Wait(t.Context(), "payments to be complete", func() (bool, error) {
		if time.Now().After(deadline) {
			t.Fatal("the payments do not become complete")
		}
		if err := w.btc.Mine(1); err != nil {
			return false, err
		}
		if err := w.eth.Mine(t.Context(), 1); err != nil {
			return false, err
		}
		for _, id := range ids {
			var row halves.Row
			row, err := w.Get(t.Context(), id)
			if err != nil || row.State != "complete" {
				return false, err
			}
			if row.Bundle != 0 || row.TxID == "" {
				t.Fatalf("%+v", row)
			}
		}
		return true, nil
	}))
}
