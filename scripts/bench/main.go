// Command bench measures the two halves side by side with the bare work of the
// same libraries, in one run, and prints a table. Machines are noisy: what counts
// are the ratios. It never fails because of a figure.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"coldsign/scripts/load"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/hd"
)

const passphrase = "a passphrase for a benchmark"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "coldsign-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o, err := newOffline(dir)
	if err != nil {
		return err
	}
	fmt.Printf("%d cores, %s\n\n", runtime.GOMAXPROCS(0), runtime.Version())
	if err := o.signing(); err != nil {
		return err
	}
	if err := o.hardening(); err != nil {
		return err
	}
	if err := moving(dir); err != nil {
		return err
	}
	if err := rules(); err != nil {
		return err
	}
	if err := batches(dir); err != nil {
		return err
	}
	if err := api(dir); err != nil {
		return err
	}
	return attacked(dir)
}

// attacked measures a healthy client while thousands of others attack the server.
func attacked(dir string) error {
	f, err := load.Run(context.Background(), "bin/coldsign-online", filepath.Join(dir, "attacked"), load.Whole())
	if err != nil {
		return err
	}
	fmt.Printf("a healthy client among %+v: %d requests, %d failed, median %v, p99 %v, most %v; %d idle held, server %d MiB\n",
		load.Whole(), f.Asked, f.Failed, f.Median, f.P99, f.Most, f.Held, f.RSS>>20)
	return nil
}

// offline is an offline home, with this program as its online half.
type offline struct {
	dir, home, pass string
	key             signer
	device          ed25519.PublicKey
	wallets         map[string]wallet
	sequence        uint64
	last            [32]byte
}

type wallet struct {
	SignatureID string `json:"signatureId"`
	PublicKey   string `json:"publicKey"`
	Chain       string `json:"chain"`
}

type signer struct{ ed25519.PrivateKey }

func (s signer) Public() ed25519.PublicKey { return s.PrivateKey.Public().(ed25519.PublicKey) }
func (s signer) Sign(m []byte) ([]byte, error) {
	return ed25519.Sign(s.PrivateKey, m), nil
}

// usage is what a run of the binary cost.
type usage struct {
	wall time.Duration
	cpu  time.Duration
	rss  int64 // KiB
}

func (o *offline) run(args ...string) ([]byte, usage, error) {
	args = append([]string{"--home", o.home, "--passphrase-file", o.pass, "--allow-network-interfaces"}, args...)
	cmd := exec.Command("bin/coldsign-offline", args...)
	start := time.Now()
	out, err := cmd.Output()
	u := usage{wall: time.Since(start)}
	if e, ok := err.(*exec.ExitError); ok {
		return out, u, fmt.Errorf("%v: %s", args[5:], e.Stderr)
	}
	if err != nil {
		return out, u, err
	}
	u.rss = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return out, u, nil
}

func newOffline(dir string) (*offline, error) {
	o := &offline{dir: dir, home: filepath.Join(dir, "offline"), pass: filepath.Join(dir, "pass"), wallets: map[string]wallet{}}
	if err := os.WriteFile(o.pass, []byte(passphrase+"\n"), 0o600); err != nil {
		return nil, err
	}
	if _, _, err := o.run("init"); err != nil {
		return nil, err
	}
	for _, name := range []string{"BTC", "ETH", "SOL"} {
		out, _, err := o.run("wallet", "new", "--chain", name, "--testnet", "--json")
		if err != nil {
			return nil, err
		}
		var w wallet
		if err := json.Unmarshal(out, &w); err != nil {
			return nil, err
		}
		o.wallets[name] = w
	}
	seed := sha256.Sum256([]byte("bench"))
	o.key = signer{ed25519.NewKeyFromSeed(seed[:])}
	return o, o.pair()
}

func (o *offline) pair() error {
	item, err := bundle.EncodeItem(bundle.Device{Key: [32]byte(o.key.Public()), Half: "online"})
	if err != nil {
		return err
	}
	raw, err := bundle.Seal(bundle.Header{Kind: bundle.Pairing}, [][]byte{item}, o.key)
	if err != nil {
		return err
	}
	in, out := filepath.Join(o.dir, "in.pair"), filepath.Join(o.dir, "out.pair")
	if err := os.WriteFile(in, raw, 0o600); err != nil {
		return err
	}
	if _, _, err := o.run("pair", "--out", out); err != nil {
		return err
	}
	theirs, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	_, dev, err := bundle.OpenPairing(theirs)
	if err != nil {
		return err
	}
	o.device = dev.Key[:]
	digest := bundle.PairingWords(o.key.Public(), o.device)
	_, _, err = o.run("pair", "--in", in, "--confirm", strings.Join(hd.Words(digest[:], 6), " "))
	return err
}

// send seals a bundle of n requests of each chain and has it signed.
func (o *offline) send(chains []string, n int) (usage, int, error) {
	items := make([][]byte, 0, n*len(chains))
	for _, name := range chains {
		w := o.wallets[name]
		for i := range n {
			r, err := request(w, i, uint32(o.sequence))
			if err != nil {
				return usage{}, 0, err
			}
			item, err := bundle.EncodeItem(r)
			if err != nil {
				return usage{}, 0, err
			}
			items = append(items, item)
		}
	}
	o.sequence++
	raw, err := bundle.Seal(bundle.Header{
		Kind: bundle.Requests, Recipient: bundle.IDOf(o.device), Sequence: o.sequence, Previous: o.last, Created: time.Now().Unix(),
	}, items, o.key)
	if err != nil {
		return usage{}, 0, err
	}
	o.last = sha256.Sum256(raw)
	in, out := filepath.Join(o.dir, "requests.cbor"), filepath.Join(o.dir, "answers.cbor")
	if err := os.WriteFile(in, raw, 0o600); err != nil {
		return usage{}, 0, err
	}
	// A person reads first: what is approved must have been shown.
	if _, _, err := o.run("review", in); err != nil {
		return usage{}, 0, err
	}
	_, u, err := o.run("sign", in, "--out", out, "--approve", hex.EncodeToString(o.last[:]))
	if err != nil {
		return u, 0, err
	}
	return u, len(raw), o.check(out, len(items))
}

// check holds the answer to n signatures: a fast refusal is not fast signing.
func (o *offline) check(path string, n int) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b, err := bundle.Open(raw, o.device)
	if err != nil {
		return err
	}
	if b.Len() != n {
		return fmt.Errorf("%d receipts for %d requests", b.Len(), n)
	}
	for i := range n {
		r, err := b.Receipt(i)
		if err != nil {
			return err
		}
		if r.Status != bundle.Signed {
			return fmt.Errorf("request %d was refused: %s %s", i, r.Code, r.Reason)
		}
	}
	return nil
}

func (o *offline) signing() error {
	const n = 10_000
	_, open, err := o.run("wallet", "list")
	if err != nil {
		return err
	}
	bare, verified := bareSignatures(n)
	fmt.Printf("%-56s %10s %12s %8s\n", "signing, file to file", "seconds", "a second", "ratio")
	row := func(what string, count int, d time.Duration) {
		fmt.Printf("%-56s %10.3f %12.0f %7.0f%%\n", what, d.Seconds(), float64(count)/d.Seconds(), 100*float64(bare)/float64(d)*float64(count)/float64(3*n))
	}
	row("bare signatures, same libraries, all cores", 3*n, bare)
	row("bare signatures, each verified", 3*n, verified)
	u, size, err := o.send([]string{"BTC", "ETH", "SOL"}, n)
	if err != nil {
		return err
	}
	row(fmt.Sprintf("sign 3 x 10,000 (%d MB), keystore opening included", size>>20), 3*n, u.wall)
	row("  keystore opening aside", 3*n, u.wall-open.wall)
	fmt.Printf("%-56s %10.3f\n", "opening the keystore", open.wall.Seconds())
	one, _, err := o.send([]string{"ETH"}, 1)
	if err != nil {
		return err
	}
	fmt.Printf("%-56s %10.3f\n", "one signature, keystore opening aside", (one.wall - open.wall).Seconds())
	fmt.Printf("\n%-56s %10s %12s\n", "memory", "RSS MiB", "KiB a request")
	base := one.rss
	for _, k := range []int{1_000, 3_333, 10_000} {
		u, _, err := o.send([]string{"BTC", "ETH", "SOL"}, k)
		if err != nil {
			return err
		}
		fmt.Printf("%-56s %10d %12.1f\n", fmt.Sprintf("sign %d requests", 3*k), u.rss>>10, float64(u.rss-base)/float64(3*k))
	}
	fmt.Println()
	return nil
}

// bareSignatures signs n digests with ECDSA twice over and n messages with
// Ed25519, on all cores, and says how long that takes bare and with each
// signature verified.
func bareSignatures(n int) (bare, verified time.Duration) {
	secret := sha256.Sum256([]byte("bare"))
	ec := secp256k1.PrivKeyFromBytes(secret[:])
	ed := ed25519.NewKeyFromSeed(secret[:])
	pub, edPub := ec.PubKey(), ed.Public().(ed25519.PublicKey)
	each := func(f func(i int)) time.Duration {
		var wg sync.WaitGroup
		start := time.Now()
		cores := runtime.GOMAXPROCS(0)
		for c := range cores {
			wg.Go(func() {
				for i := c; i < n; i += cores {
					f(i)
				}
			})
		}
		wg.Wait()
		return time.Since(start)
	}
	message := func(i int) [32]byte { return sha256.Sum256([]byte{byte(i), byte(i >> 8)}) }
	bare = each(func(i int) {
		m := message(i)
		ecdsa.SignCompact(ec, m[:], true)
		ecdsa.SignCompact(ec, m[:], true)
		ed25519.Sign(ed, m[:])
	})
	verified = each(func(i int) {
		m := message(i)
		for range 2 {
			if !ecdsa.Sign(ec, m[:]).Verify(m[:], pub) {
				panic("bad signature")
			}
		}
		if !ed25519.Verify(edPub, m[:], ed25519.Sign(ed, m[:])) {
			panic("bad signature")
		}
	})
	return bare, verified
}

func (w wallet) ref(path []uint32, curve chain.Curve) (bundle.KeyRef, chain.PublicKey, error) {
	id, err := bundle.ParseSignatureID(w.SignatureID)
	if err != nil {
		return bundle.KeyRef{}, chain.PublicKey{}, err
	}
	raw, err := hex.DecodeString(w.PublicKey)
	if err != nil {
		return bundle.KeyRef{}, chain.PublicKey{}, err
	}
	pub, err := chain.NewPublicKey(curve, raw)
	return bundle.KeyRef{SignatureID: id, Path: path, Curve: curve, Key: raw, Sign: true}, pub, err
}
