// Package dialects holds tests of the two halves against other people's wallets:
// what asks and what answers is made and read by the reference libraries, and
// keys and signatures are judged by btcd, go-ethereum and crypto/ed25519. No node
// is needed. (Package foreign has the halves talk to each other.)
package dialects

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/scripts/halves"
	"coldsign/scripts/interop"
)

// world is what all tests share.
type world struct {
	paired *halves.Halves // both halves, and its server
	lonely *halves.Halves // an offline half that was never paired
	wallet map[*halves.Halves]map[string]halves.Wallet
	oracle *interop.Oracle
	asking sync.Mutex // the oracle answers one at a time
	files  int
	posts  int
	done   []string // rows of the table
	first  time.Time
}

var w *world // set once, by TestMain

func TestMain(m *testing.M) { os.Exit(all(m)) }

func all(m *testing.M) int {
	dir, err := os.MkdirTemp("", "coldsign-dialects-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	w = &world{first: time.Now()}
	if err := w.begin(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, "dialects:", err) // where the reference is missing, it names the script to run
		return 1
	}
	defer w.oracle.Close()
	defer w.paired.Kill()
	code := m.Run()
	if err := w.paired.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "dialects:", err)
		return 1
	}
	return code
}

func (w *world) begin(ctx context.Context, dir string) (err error) {
	if w.oracle, err = interop.Start(); err != nil {
		return err
	}
	programs, err := halves.BuildQuick(ctx, dir)
	if err != nil {
		return err
	}
	w.paired = &halves.Halves{Programs: programs, Dir: dir + "/paired"}
	w.lonely = &halves.Halves{Programs: programs, Dir: dir + "/lonely"}
	w.wallet = map[*halves.Halves]map[string]halves.Wallet{w.paired: {}, w.lonely: {}}
	init := func() error {
		if err := os.WriteFile(w.lonely.Path("passphrase"), []byte(halves.Passphrase+"\n"), 0o600); err != nil {
			return err
		}
		_, err := w.lonely.Offline(ctx, "init")
		return err
	}
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() {
		errs[0] = w.make(ctx, w.paired, func() error { return w.paired.Init(ctx) }, "BTC", "ETH")
	})
	wg.Go(func() { errs[1] = w.make(ctx, w.lonely, init, "BTC", "SOL") })
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	return errors.Join(w.paired.Configure(ctx), w.paired.Serve(ctx))
}

// make makes a home with a wallet for each of the chains.
func (w *world) make(ctx context.Context, h *halves.Halves, init func() error, chains ...string) (err error) {
	if err := os.Mkdir(h.Dir, 0o700); err != nil {
		return err
	}
	if err := init(); err != nil {
		return err
	}
	for _, chain := range chains {
		if w.wallet[h][chain], err = h.NewWallet(ctx, chain); err != nil {
			return err
		}
	}
	return h.Lighten("passphrase")
}

// ok is one row of the table: this type, this way, this library.
func (w *world) ok(kind, direction, library string) {
	row := fmt.Sprintf("%-24s %-34s %s: ok", kind, direction, library)
	if !slices.Contains(w.done, row) {
		w.done = append(w.done, row)
	}
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	return must(hex.DecodeString(s))(t)
}

// refused wants a command to have ended with status 1 and the code, in one line.
func refused(t *testing.T, what string, err error, code string) {
	t.Helper()
	f, is := errors.AsType[*halves.Failure](err)
	if !is || f.Status != 1 || f.Code() != code || strings.Contains(f.Words, "\n") {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// file is a new name on the medium.
func (w *world) file() string {
	w.files++
	return fmt.Sprintf("codes-%d", w.files)
}

func (w *world) ask(t *testing.T, q interop.Question, result any) {
	t.Helper()
	w.asking.Lock()
	defer w.asking.Unlock()
	ok(t, w.oracle.Ask(q, result))
}

// value is what oracle.mjs takes and gives.
type value = map[string]any

// write has the reference make an item and cut it into parts, and puts the parts
// into a file as a scanner types them.
func (w *world) write(t *testing.T, h *halves.Halves, kind string, v any) (file string) {
	t.Helper()
	var cbor string
	w.ask(t, interop.Question{"do": "make", "type": kind, "value": v}, &cbor)
	var parts []string
	w.ask(t, interop.Question{"do": "frames", "type": kind, "cbor": cbor, "max": 150, "first": 0, "count": max(1, (len(cbor)/2+149)/150)}, &parts)
	return w.lines(t, h, parts...)
}

func (w *world) lines(t *testing.T, h *halves.Halves, lines ...string) (file string) {
	t.Helper()
	file = w.file()
	ok(t, os.WriteFile(h.Path(file), []byte(strings.Join(lines, "\r\n")+"\r\n"), 0o600))
	return file
}

func contents(t *testing.T, h *halves.Halves, file string) string {
	t.Helper()
	return string(must(os.ReadFile(h.Path(file)))(t))
}

// read has the reference put the codes of a file together and read them.
func (w *world) read(t *testing.T, h *halves.Halves, file, kind string, into any) {
	t.Helper()
	var got struct{ Type, CBOR string }
	w.ask(t, interop.Question{"do": "collect", "parts": strings.Fields(contents(t, h, file))}, &got)
	if got.Type != kind {
		t.Fatalf("the codes are of type %q, not %q", got.Type, kind)
	}
	w.ask(t, interop.Question{"do": "read", "type": kind, "cbor": got.CBOR}, into)
}

// step is an index and whether it is hardened.
type step [2]any

type keyPath struct {
	Steps       []step `json:"steps"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

const hard = 1 << 31

func pathOf(fingerprint string, path ...uint32) keyPath {
	p := keyPath{Fingerprint: fingerprint}
	for _, i := range path {
		p.Steps = append(p.Steps, step{i &^ hard, i >= hard})
	}
	return p
}

func (p keyPath) indexes(t *testing.T) (path []uint32) {
	t.Helper()
	for _, s := range p.Steps {
		n, is := s[0].(float64)
		if !is {
			t.Fatalf("path %v", p)
		}
		i := uint32(n)
		if s[1] == true {
			i |= hard
		}
		path = append(path, i)
	}
	return path
}

// hdKey is a key as the reference says it.
type hdKey struct {
	Key       string   `json:"key"`
	ChainCode string   `json:"chainCode,omitempty"`
	Origin    *keyPath `json:"origin,omitempty"`
	Children  *keyPath `json:"children,omitempty"`
	Name      string   `json:"name,omitempty"`
	Note      string   `json:"note,omitempty"`
}

type outputOf struct {
	Scripts []string `json:"scripts"`
	Keys    []hdKey  `json:"keys"`
}

type account struct {
	Fingerprint string     `json:"fingerprint"`
	Outputs     []outputOf `json:"outputs"`
}

type multiAccounts struct {
	Fingerprint string  `json:"fingerprint"`
	Keys        []hdKey `json:"keys"`
	Device      string  `json:"device,omitempty"`
}

func decode(t *testing.T, b []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
}

// The table for people, after all other tests: this file is the last. A whole run
// must have every type.
func TestTable(t *testing.T) {
	slices.Sort(w.done)
	t.Logf("in %.0f s:\n%s", time.Since(w.first).Seconds(), strings.Join(w.done, "\n"))
	if flag.Lookup("test.run").Value.String() != "" {
		return
	}
	for kind, ways := range map[string]int{
		"crypto-account": 2, "crypto-hdkey": 2, "crypto-multi-accounts": 2, "crypto-psbt": 4, "BBQr": 5, "base64": 3,
		"eth-sign-request": 2, "eth-signature": 2, "eth-batch-sign-request": 2, "eth-batch-signature": 2, "sol-sign-request": 2, "sol-signature": 2,
	} {
		n := 0
		for _, row := range w.done {
			if strings.Fields(row)[0] == kind {
				n++
			}
		}
		if n < ways {
			t.Errorf("%s: %d of %d", kind, n, ways)
		}
	}
}
