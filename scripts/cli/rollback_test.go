package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"coldsign/scripts/halves"
)

// ATT-68, ATT-108, with both programs: an older copy of the offline home is stopped by
// both, an older copy of the online database goes on, and so does the newest home.
func TestRollback(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	r := &rollback{Halves: &halves.Halves{Dir: t.TempDir()}, T: t, ctx: ctx}
	r.Programs = halves.Programs{Online: must(exec.LookPath("coldsign-online"))(t), Offline: must(exec.LookPath("coldsign-offline"))(t)}
	ok(t, r.Init(ctx))
	wallet := must(r.NewWallet(ctx, "ETH"))(t)
	ok(t, r.ShareKeys(ctx))
	ok(t, r.Configure(ctx))

	r.submit(wallet, 0)
	r.answered("1")
	must(r.Import(ctx, "answers-1"))(t)
	r.copy("offline", "older")

	// The database of before an import knows less. That is legal.
	r.submit(wallet, 1)
	r.answered("2")
	r.copy("online", "before")
	if i := must(r.Import(ctx, "answers-2"))(t); i.Signed != 1 || i.Repeat {
		t.Errorf("%+v", i)
	}
	r.move("online", "ahead")
	r.move("before", "online")
	if i := must(r.Import(ctx, "answers-2"))(t); i.Signed != 1 || i.Repeat {
		t.Errorf("into the older database: %+v", i)
	}

	// The offline half is put back. It sees that it was, in what it is to sign.
	r.submit(wallet, 2)
	must(r.Export(ctx, "requests-3"))(t)
	r.move("offline", "newest")
	r.move("older", "offline")
	_, err := r.Review(ctx, "requests-3")
	r.refused(err, "journal.rollback")
	_, err = r.Sign(ctx, "requests-3", "answers-3", "00")
	r.refused(err, "journal.rollback")
	if _, err := os.Stat(r.Path("answers-3")); err == nil {
		t.Error("something was signed")
	}

	// What it says all the same stops the online half, which loses nothing.
	must(r.NewWallet(ctx, "SOL"))(t)
	must(r.Offline(ctx, "keys", "export", "--out", "other-keys"))(t)
	_, err = r.Online(ctx, "keys", "import", "other-keys")
	r.refused(err, "import.rollback")
	_, err = r.Export(ctx, "requests-4")
	r.refused(err, "pair.stopped")
	_, err = r.Export(ctx, "requests-4", "--bundle", "3")
	r.refused(err, "pair.stopped")
	if i := must(r.Import(ctx, "answers-2"))(t); !i.Repeat || i.Signed != 1 {
		t.Errorf("%+v", i)
	}

	// The newest copy, paired once more, goes on where it was.
	r.move("offline", "older")
	r.move("newest", "offline")
	must(r.Offline(ctx, "pair", "--out", "offline.cbor"))(t)
	words := must(halves.Words(r.Online(ctx, "pair", "--in", "offline.cbor")))(t)
	must(r.Online(ctx, "pair", "--in", "offline.cbor", "--confirm", words))(t)
	if x := must(r.Export(ctx, "requests-4"))(t); !x.Repeat || !bytes.Equal(must(os.ReadFile(r.Path("requests-3")))(t), must(os.ReadFile(r.Path("requests-4")))(t)) {
		t.Errorf("%+v", x)
	}
	r.answer("requests-4", "answers-4")
	if i := must(r.Import(ctx, "answers-4"))(t); i.Signed != 1 || i.Repeat {
		t.Errorf("%+v", i)
	}

	// The older copy is refused once more, however often it is paired.
	_, err = r.Online(ctx, "keys", "import", "other-keys")
	r.refused(err, "import.rollback")
}

type rollback struct {
	*halves.Halves
	*testing.T
	ctx context.Context
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[V any](v V, err error) func(*testing.T) V {
	return func(t *testing.T) V {
		t.Helper()
		ok(t, err)
		return v
	}
}

func (r *rollback) refused(err error, code string) {
	r.Helper()
	if got := halves.CodeOf(err); got != code {
		r.Errorf("%v (%s), want %s", err, got, code)
	}
}

// submit asks for a payment through the API.
func (r *rollback) submit(w halves.Wallet, nonce int) {
	r.Helper()
	ok(r.T, r.Serve(r.ctx))
	_, err := r.Submit(r.ctx, fmt.Sprint("payment-", nonce), halves.Submission{Chain: "ETH", Network: "sepolia", Hashes: []string{w.SignatureID},
		Transaction: json.RawMessage(fmt.Sprintf(`{"type": "0x2", "to": "0x000000000000000000000000000000000000dEaD", "value": "100000000000000000",
			"nonce": %d, "gas": 21000, "maxFeePerGas": "30000000000", "maxPriorityFeePerGas": "1000000000"}`, nonce))})
	ok(r.T, err)
	ok(r.T, r.Stop())
}

// answered exports what is pending and has it signed.
func (r *rollback) answered(n string) {
	r.Helper()
	must(r.Export(r.ctx, "requests-"+n))(r.T)
	r.answer("requests-"+n, "answers-"+n)
}

func (r *rollback) answer(requests, answers string) {
	r.Helper()
	review := must(r.Review(r.ctx, requests))(r.T)
	if s := must(r.Sign(r.ctx, requests, answers, review.Digest))(r.T); s.Signed != 1 {
		r.Fatalf("%+v", s)
	}
}

// copy copies a home, which os.CopyFS makes readable for others.
func (r *rollback) copy(from, to string) {
	r.Helper()
	ok(r.T, os.CopyFS(r.Path(to), os.DirFS(r.Path(from))))
	ok(r.T, os.Chmod(r.Path(to), 0o700))
	ok(r.T, filepath.WalkDir(r.Path(to), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(name, 0o600)
	}))
}

func (r *rollback) move(from, to string) {
	r.Helper()
	ok(r.T, os.Rename(r.Path(from), r.Path(to)))
}
