package e2e

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/optics"
)

// light carries messages by display and camera alone. The camera is simulated.
type light struct {
	dir      string
	crossing int
	codes    int           // shown for one pass of each crossing
	film     time.Duration // of the camera, in virtual time
	spent    time.Duration // of the reading commands, in real time
}

// cast has show write frames, films them on a bad day (grade B, 720p, 30 % of the
// pictures lost, a hand that shakes), and has read look at the film.
func (l *light) cast(t *testing.T, show, read func(flag, name string) error) {
	t.Helper()
	l.crossing++
	frames := filepath.Join(l.dir, fmt.Sprintf("frames-%d", l.crossing))
	if err := show("--qr-dir", frames); err != nil {
		t.Fatal(err)
	}
	symbols, err := optics.ReadFrames(frames)
	ok(t, err)
	shown := func(i int) optics.Show { return optics.One(symbols[i%len(symbols)]) }
	const rate = 15
	count := 2*len(symbols) + 10
	camera := optics.NewCamera(optics.Film{
		Shown: shown, Count: count, ShownRate: rate, Scene: optics.GradeB.Scene(1280, 720, shown(0), uint64(l.crossing)),
		Drift: 4, Rate: 30, Readout: 0.8, Exposure: 8 * time.Millisecond, Phase: 0.37, Lost: 0.3, Seed: uint64(l.crossing),
	})
	film := filepath.Join(l.dir, fmt.Sprintf("film-%d.y4m", l.crossing))
	f, err := os.Create(film)
	if err != nil {
		t.Fatal(err)
	}
	if err := optics.WriteY4M(f, camera, 30, true); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := read("--scan-images", film); err != nil {
		t.Fatalf("crossing %d, %d codes: %v", l.crossing, len(symbols), err)
	}
	l.spent += time.Since(begun)
	l.codes += len(symbols)
	l.film += time.Duration(count) * time.Second / rate
}

// The whole ceremony by light alone: pairing, public keys, requests, receipts.
// No file crosses. The payments confirm on real chains.
func TestCeremonyByLight(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	dir := t.TempDir()
	o := &world{Halves: &halves.Halves{Programs: w.Programs, Dir: dir}, btc: w.btc, eth: w.eth, sol: w.sol, tap: w.tap, posts: 1000}
	outer := w
	w = o
	defer func() { w = outer }()
	l := &light{dir: dir}
	online := func(args ...string) func(string, string) error {
		return func(flag, name string) error { _, err := o.Online(ctx, append(args, flag, name)...); return err }
	}
	offline := func(args ...string) func(string, string) error {
		return func(flag, name string) error { _, err := o.Offline(ctx, append(args, flag, name)...); return err }
	}
	ok(t, os.WriteFile(o.Path("passphrase"), []byte("correct horse battery staple, for rehearsals only\n"), 0o600))
	must(o.Offline(ctx, "init"))(t)
	pair := func(show func(string, string) error, read func(args ...string) ([]byte, error)) {
		l.cast(t, show, func(flag, name string) error {
			words, err := halves.Words(read("pair", flag, name))
			if err == nil {
				_, err = read("pair", flag, name, "--confirm", words)
			}
			return err
		})
	}
	pair(online("pair"), func(args ...string) ([]byte, error) { return o.Offline(ctx, args...) })
	pair(offline("pair"), func(args ...string) ([]byte, error) { return o.Online(ctx, args...) })

	var err error
	o.wallet.btc, err = o.NewWallet(ctx, "BTC")
	ok(t, err)
	o.wallet.eth, err = o.NewWallet(ctx, "ETH")
	ok(t, err)
	o.wallet.sol, err = o.NewWallet(ctx, "SOL")
	ok(t, err)
	l.cast(t, offline("keys", "export"), online("keys", "import"))
	o.key, err = o.BitcoinKey(ctx, o.wallet.btc.SignatureID, "0")
	ok(t, err)
	o.back, err = o.BitcoinKey(ctx, o.wallet.btc.SignatureID, "1")
	ok(t, err)
	ok(t, o.eth.Fund(ctx, big.NewInt(1e18), o.wallet.eth.Address))
	ok(t, o.sol.Fund(ctx, 10_000_000_000, o.wallet.sol.Address))
	ok(t, o.Configure(ctx, outer.networks...))
	ok(t, o.Serve(ctx))
	defer o.Stop() //nolint:errcheck // the world's own server is checked

	btc, _ := payBitcoin(t, nil)
	list := []payment{btc, paySolana(t, &fund.Transfer{Amount: 1_000_000})}
	for n := range uint64(20) {
		list = append(list, payEVM(t, n, 1e15+int64(n)))
	}
	answers := filepath.Join(dir, "answers")
	l.cast(t, online("export"), func(flag, name string) error {
		var r halves.Review
		if err := halves.Read(&r)(o.Offline(ctx, "review", flag, name, "--json")); err != nil {
			return err
		}
		for _, p := range list {
			shown(t, r, p)
		}
		_, err := o.Offline(ctx, "sign", flag, name, "--qr-dir", answers, "--approve", r.Digest)
		return err
	})
	l.cast(t, func(flag, name string) error { return os.Rename(answers, name) }, online("import"))
	var ids []string
	for _, p := range list {
		ids = append(ids, p.row.ID)
	}
	w.settle(t, ids...)
	t.Logf("%d payments, %d crossings, %d codes, %.1f s of film at 720p with 30 %% of it lost (the camera is simulated), %.1f s of reading and deciding",
		len(list), l.crossing, l.codes, l.film.Seconds(), l.spent.Seconds())
}
