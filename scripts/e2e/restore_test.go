package e2e

import (
	"os"
	"testing"

	"coldsign/scripts/halves"
)

// restore stops the server and puts the backup in the database's place.
func (w *world) restore(t *testing.T, backup string) {
	t.Helper()
	ok(t, w.Stop())
	for _, name := range []string{"", "-wal", "-shm", ".server"} {
		if err := os.Remove(w.Path("online/coldsign.db" + name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	must(w.Online(deadline(t), "restore", backup))(t)
}

// TestATT108BackupFromBeforeABroadcast: the online half is put back to before a
// payment was sent. The payment is found on its chain, nothing is asked for again,
// and nobody is paid twice.
func TestATT108BackupFromBeforeABroadcast(t *testing.T) {
	ctx := deadline(t)
	before := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t)
	p := payEVM(t, 0, 1e15)
	b, spend := payBitcoin(t, nil)
	_, answers, _ := w.cross(t, 2)
	ok(t, w.Stop())
	must(w.Import(ctx, answers))(t) // signed, and nobody broadcasts
	backup := w.file("backup")
	must(w.Online(ctx, "backup", "--out", backup))(t)
	ok(t, w.Serve(ctx))
	paid := w.settle(t, p.row.ID, b.row.ID)

	w.restore(t, backup)
	must(w.Online(ctx, "broadcast"))(t)
	ok(t, w.Pair(ctx, "--replace"))
	_, err := w.Export(ctx, w.file("requests"))
	refused(t, err, "export.empty")
	ok(t, w.Serve(ctx))
	again := w.settle(t, p.row.ID, b.row.ID)
	for _, id := range []string{p.row.ID, b.row.ID} {
		if again[id].TxID != paid[id].TxID {
			t.Errorf("paid as %s, and then as %s", paid[id].TxID, again[id].TxID)
		}
	}
	paidEVM(t, p, again[p.row.ID].TxID)
	paidBitcoin(t, b, spend, again[b.row.ID].TxID)
	if n := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t); n != before+1 {
		t.Errorf("%d transactions were sent", n-before)
	}
}

// TestATT108BackupFromBeforeTheExport: put back to before the offline half was even
// asked, the online half asks again, gets the same signatures, and finds the payments.
func TestATT108BackupFromBeforeTheExport(t *testing.T) {
	ctx := deadline(t)
	before := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t)
	p := payEVM(t, 0, 1e15)
	b, spend := payBitcoin(t, nil)
	backup := w.file("backup")
	must(w.Online(ctx, "backup", "--out", backup))(t)
	_, answers, _ := w.cross(t, 2)
	must(w.Import(ctx, answers))(t)
	paid := w.settle(t, p.row.ID, b.row.ID)

	w.restore(t, backup)
	ok(t, w.Pair(ctx, "--replace"))
	ok(t, w.Serve(ctx))
	_, answers, _ = w.cross(t, 2)
	if r := must(w.Import(ctx, answers))(t); r.Signed != 2 {
		t.Errorf("imported %+v", r)
	}
	again := w.settle(t, p.row.ID, b.row.ID)
	for _, row := range []halves.Row{paid[p.row.ID], paid[b.row.ID]} {
		if again[row.ID].TxID != row.TxID {
			t.Errorf("paid as %s, and then as %s", row.TxID, again[row.ID].TxID)
		}
	}
	paidEVM(t, p, again[p.row.ID].TxID)
	paidBitcoin(t, b, spend, again[b.row.ID].TxID)
	if n := must(w.eth.Nonce(ctx, w.wallet.eth.Address))(t); n != before+1 {
		t.Errorf("%d transactions were sent", n-before)
	}
}
