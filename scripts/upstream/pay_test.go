package upstream

import (
	"net/http"
	"testing"
	"time"

	"coldsign/scripts/halves"
)

// Both use one installation: making one takes longer than all payments.
func TestAccount(t *testing.T) {
	w := newWorld(t)
	t.Run("paid once", w.paidOnce)
	t.Run("killed between steps", w.killed)
	t.Run("four eyes", w.fourEyes)
}

// What the account wants is paid once, however often it is listed.
func (w *world) paidOnce(t *testing.T) {
	btc, eth, more := w.listBitcoin(t), w.listEthereum(t), w.listEthereum(t)
	ok(t, w.Serve(deadline(t)))
	w.reaches(t, "pending", btc, eth, more)
	w.cross(t, 3)
	w.complete(t, btc, eth, more)
	if got := len(w.Broadcasts()); got != 3 {
		t.Errorf("%d broadcast calls for 3 payments", got)
	}
	w.Keep(true)
	before := len(w.Calls(http.MethodPost, "/v3/kms/pending/BTC"))
	for range 50 {
		var sum struct{ Listed, Taken, Refused, Held, Changed int }
		ok(t, halves.Read(&sum)(w.Online(deadline(t), "upstream", "poll", "--json")))
		if sum.Listed != 3 || sum.Taken+sum.Refused+sum.Held+sum.Changed != 0 {
			t.Fatalf("listed again: %+v", sum)
		}
	}
	if n := len(w.Calls(http.MethodPost, "/v3/kms/pending/BTC")) - before; n < 50 {
		t.Errorf("polled %d times", n)
	}
	if _, err := w.Online(deadline(t), "export", "--out", "again.cbor"); halves.CodeOf(err) != "export.empty" {
		t.Errorf("there is something to export: %v", err)
	}
	ok(t, w.Stop())
	if rows := w.rows(t); len(rows) != 3 || len(w.Broadcasts()) != 3 {
		t.Errorf("%d rows, %d broadcasts", len(rows), len(w.Broadcasts()))
	}
	w.complete(t, btc, eth, more)
}

// The power goes between each two steps, and while the account broadcasts.
func (w *world) killed(t *testing.T) {
	w.Keep(false)
	sent := len(w.Broadcasts())
	again := func() { w.Kill(); ok(t, w.Serve(deadline(t))) }
	list := []payment{w.listBitcoin(t), w.listEthereum(t)}
	ok(t, w.Serve(deadline(t)))
	w.reaches(t, "pending", list...)
	again()
	answers := w.sign(t, 2)
	again()
	// The account broadcasts, the server dies, and the reply is lost: the account's
	// row stays as it was.
	strike := w.Striker()
	lost := 0
	w.Says(func(rw http.ResponseWriter, r *http.Request, body string) bool {
		if lost == 2 || r.Method != http.MethodPost || !isBroadcast(r.URL.Path) {
			return false
		}
		if _, err := w.send(r.URL.Path, txDataOf(body)); err != nil {
			t.Errorf("broadcast: %v", err)
		}
		if lost++; lost == 1 {
			strike()
		}
		panic(http.ErrAbortHandler)
	})
	w.take(t, answers)
	for end := time.Now().Add(5 * time.Minute); len(w.Broadcasts()) == sent; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no broadcast")
		}
	}
	again()
	w.reaches(t, "broadcast complete", list...)
	again()
	w.complete(t, list...)
	again()
	w.take(t, answers) // the stick is read again
	w.complete(t, list...)
	if got := len(w.Calls(http.MethodPut, "/v3/kms/")); got < 1 {
		t.Errorf("the account was told of %d", got)
	}
}
