package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"coldsign/offline/internal/keystore"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/hd"
)

// The keys of the tests, known to everyone.
const (
	password = "correct horse battery"
	hexKey   = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
	walletID = "0f105a47-7d9b-434e-8d7e-3af2c57a8c7e"
	friend   = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
	expired  = 1767225601 // 2026-01-01: every bundle of the tests was made a second before
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"coldsign-offline": main,
		"cutsign":          func() { os.Exit(cutSign()) },
		// offline is the same with the flags that every script would repeat.
		"offline": func() {
			args := append(os.Args[1:], "--passphrase-file", os.Getenv("PASSFILE"), "--allow-network-interfaces")
			os.Exit(start(args))
		},
		"online": func() {
			if err := standIn(os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		},
	})
}

// device is the other half's device key, of a number.
type device struct{ key ed25519.PrivateKey }

func newDevice(n byte) device {
	return device{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32))}
}
func (d device) Public() ed25519.PublicKey     { return d.key.Public().(ed25519.PublicKey) }
func (d device) Sign(m []byte) ([]byte, error) { return ed25519.Sign(d.key, m), nil }

func (d device) pairing(half string) ([]byte, error) { return d.marked(half, false) }

func (d device) marked(half string, rehearsal bool) ([]byte, error) {
	item, err := bundle.EncodeItem(bundle.Device{Key: [32]byte(d.Public()), Half: half})
	if err != nil {
		return nil, err
	}
	return bundle.Seal(bundle.Header{Kind: bundle.Pairing, Created: expired - 1, Rehearsal: rehearsal}, [][]byte{item}, d)
}

// order is what a bundle of requests is made of.
type order struct {
	from      device
	to        ed25519.PublicKey
	sequence  uint64
	previous  []byte // the bundle before
	expires   int64
	mark      bool            // of a rehearsal
	recipient bundle.DeviceID // instead of to's
	head      bundle.Head     // that the online half was told
	by        string          // who asked
	items     []string        // "N[:MILLIETHER[:DATA]]": request number N pays friend
}

func (o order) seal() ([]byte, error) {
	h := bundle.Header{Kind: bundle.Requests, Recipient: bundle.IDOf(o.to), Sequence: o.sequence, Created: expired - 1, Expires: o.expires, Head: o.head, Rehearsal: o.mark}
	if o.recipient != (bundle.DeviceID{}) {
		h.Recipient = o.recipient
	}
	if o.previous != nil {
		b, err := bundle.Open(o.previous, o.from.Public())
		if err != nil {
			return nil, err
		}
		h.Previous = b.Digest()
	}
	var items [][]byte
	for _, text := range o.items {
		r, err := request(text)
		if err != nil {
			return nil, err
		}
		r.Requester = o.by
		item, err := bundle.EncodeItem(r)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return bundle.Seal(h, items, o.from)
}

func request(text string) (r bundle.Request, err error) {
	number, rest, _ := strings.Cut(text, ":")
	amount, call, _ := strings.Cut(rest, ":")
	if amount == "" {
		amount = "500"
	}
	n, err := strconv.ParseUint(number, 10, 8)
	if err != nil {
		return r, err
	}
	milli, err := strconv.ParseInt(amount, 10, 32)
	if err != nil {
		return r, err
	}
	data, err := hex.DecodeString(call)
	if err != nil {
		return r, err
	}
	to, err := evm.ParseAddress(friend)
	if err != nil {
		return r, err
	}
	f := evm.Fields{Type: evm.Dynamic, ChainID: 11155111, Nonce: n, MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(30e9), GasLimit: 21_000,
		To: &to, Value: new(big.Int).Mul(big.NewInt(milli), big.NewInt(1e15)), Data: data}
	if r.Keys, err = signer(); err != nil {
		return r, err
	}
	r.ID, r.Network, r.Payload = bundle.ID{11: byte(n)}, "eip155:11155111", f.Encode()
	return r, nil
}

func signer() ([]bundle.KeyRef, error) {
	id, err := bundle.ParseSignatureID(walletID)
	if err != nil {
		return nil, err
	}
	secret, err := hex.DecodeString(hexKey)
	if err != nil {
		return nil, err
	}
	return []bundle.KeyRef{{SignatureID: id, Path: []uint32{}, Curve: chain.Secp256k1, Key: chaintest.Secp256k1Key(secret).Bytes(), Sign: true}}, nil
}

// standIn is the other half as scripts call it:
//
//	online pair OUT [DEVICE [HALF [mark]]]
//	online requests OUT SEQUENCE ITEM... [from=DEVICE] [prev=FILE] [expires=UNIX] [for=DEVICE] [by=NAME] [head=ANSWER] [mark=yes]
//	online words       the six words of its pairing with offline.cbor
//	online open FILE   what an answer says
//	online marked FILE whether it has the mark of a rehearsal
func standIn(args []string) error {
	raw, err := os.ReadFile("offline.cbor")
	if err != nil && args[0] != "pair" {
		return err
	}
	switch args[0] {
	case "pair":
		number, half := "9", "online"
		if len(args) > 2 {
			number = args[2]
		}
		if len(args) > 3 {
			half = args[3]
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		raw, err := newDevice(byte(n)).marked(half, len(args) > 4)
		return errors.Join(err, os.WriteFile(args[1], raw, 0o600))
	case "requests":
		return standInRequests(raw, args[1:])
	case "marked":
		_, dev, err := bundle.OpenPairing(raw)
		if err != nil {
			return err
		}
		answer, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		b, err := bundle.Open(answer, dev.Key[:])
		if err == nil {
			fmt.Println(b.Kind, b.Rehearsal)
		}
		return err
	}
	_, dev, err := bundle.OpenPairing(raw)
	if err != nil {
		return err
	}
	if args[0] == "words" {
		digest := bundle.PairingWords(dev.Key[:], newDevice(9).Public())
		fmt.Println(strings.Join(hd.Words(digest[:], 6), " "))
		return nil
	}
	answer, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	text, err := opened(answer, dev.Key[:])
	fmt.Print(text)
	return err
}

// opened tells an answer in words, one item a line.
func opened(raw []byte, from ed25519.PublicKey) (string, error) {
	b, err := bundle.Open(raw, from)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s %d of %d\n", b.Kind, b.Sequence, b.Len())
	if b.Head.Number > 0 {
		text += fmt.Sprintf("after entry %d %x\n", b.Head.Number, b.Head.Hash)
	}
	for i := range b.Len() {
		if b.Kind != bundle.Receipts {
			continue
		}
		r, err := b.Receipt(i)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf("%s %s %d %s", r.ID, r.Status, len(r.Signatures), r.Code)
		if r.Policy != "strict" && r.Policy != "compat" {
			text += " " + r.Policy
		}
		text += "\n"
	}
	return text, nil
}

func standInRequests(pairing []byte, args []string) error {
	_, dev, err := bundle.OpenPairing(pairing)
	if err != nil {
		return err
	}
	o := order{from: newDevice(9), to: dev.Key[:]}
	if o.sequence, err = strconv.ParseUint(args[1], 10, 63); err != nil {
		return err
	}
	for _, a := range args[2:] {
		name, value, named := strings.Cut(a, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "from":
			o.from = newDevice(byte(n))
		case "for":
			o.recipient = bundle.IDOf(newDevice(byte(n)).Public())
		case "expires":
			o.expires = n
		case "mark":
			o.mark = true
		case "by":
			o.by = value
		case "head":
			answer, err := os.ReadFile(value)
			if err != nil {
				return err
			}
			b, err := bundle.Open(answer, o.to)
			if err != nil {
				return err
			}
			o.head = b.Head
		case "prev":
			if o.previous, err = os.ReadFile(value); err != nil {
				return err
			}
		default:
			if named {
				return fmt.Errorf("unknown %q", name)
			}
			o.items = append(o.items, a)
		}
	}
	raw, err := o.seal()
	return errors.Join(err, os.WriteFile(args[0], raw, 0o600))
}

// homes are a home that is new, one with a wallet, and one that is paired too,
// made once by the program itself.
var homes = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "coldsign-homes")
	if err != nil {
		return "", err
	}
	for name, data := range map[string]string{"pass": password + "\n", "wrong": "correct horse batterx\n", "key": hexKey + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			return "", err
		}
	}
	pairing, err := newDevice(9).pairing("online")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "online.cbor"), pairing, 0o600); err != nil {
		return "", err
	}
	home := filepath.Join(dir, "home")
	do := func(in string, args ...string) error {
		f, err := os.Open(filepath.Join(dir, in))
		if err != nil {
			return err
		}
		defer f.Close()
		var out, words bytes.Buffer
		args = append(args, "--home", home, "--passphrase-file", filepath.Join(dir, "pass"), "--allow-network-interfaces")
		if code := run(args, f, &out, &words, os.Getenv, noWall); code != 0 {
			return fmt.Errorf("%v: %d %s", args, code, words.String())
		}
		return quicken(home)
	}
	for _, step := range []struct {
		name string // of a copy made before it
		in   string
		args []string
	}{
		{"", "pass", []string{"init"}},
		{"new", "key", []string{"wallet", "import", "--chain", "ETH", "--testnet", "--id", walletID}},
		{"unpaired", "pass", []string{"pair", "--out", filepath.Join(dir, "offline.cbor")}},
		{"", "pass", []string{"pair", "--in", filepath.Join(dir, "online.cbor"), "--confirm", "WORDS"}},
	} {
		if step.name != "" {
			if err := os.CopyFS(filepath.Join(dir, step.name), os.DirFS(home)); err != nil {
				return "", err
			}
		}
		if n := len(step.args); step.args[n-1] == "WORDS" {
			raw, err := os.ReadFile(filepath.Join(dir, "offline.cbor"))
			if err != nil {
				return "", err
			}
			_, dev, err := bundle.OpenPairing(raw)
			if err != nil {
				return "", err
			}
			digest := bundle.PairingWords(dev.Key[:], newDevice(9).Public())
			step.args[n-1] = strings.Join(hd.Words(digest[:], 6), " ")
		}
		if err := do(step.in, step.args...); err != nil {
			return "", err
		}
	}
	return dir, private(dir)
})

// quicken seals a keystore again at a work factor that costs nothing. The
// program writes only the real one, and reads both.
func quicken(home string) error {
	path := filepath.Join(home, keystore.File)
	plain, err := opens(path)
	if err != nil {
		return err
	}
	rec, err := age.NewScryptRecipient(password)
	if err != nil {
		return err
	}
	rec.SetWorkFactor(6)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, rec)
	if err != nil {
		return err
	}
	if _, err := w.Write(plain); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, sealed.Bytes(), 0o600)
}

// opens decrypts an age file with the passphrase of the tests, as anyone can.
func opens(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	id, err := age.NewScryptIdentity(password)
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(f, id)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// private makes every file 0600: os.CopyFS gives others the right to read.
func private(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(p, 0o600)
	})
}

// fresh copies the homes into dir.
func fresh(t interface{ Fatal(...any) }, dir string) {
	from, err := homes()
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(from))
	}
	if err == nil {
		err = private(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	migrate, err := filepath.Abs("../testdata/migrate") // files of other tools
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			fresh(e.T(), e.WorkDir)
			e.Setenv("COLDSIGN_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("PASSFILE", filepath.Join(e.WorkDir, "pass"))
			e.Setenv("MIGRATE", migrate)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"refuse": func(ts *testscript.TestScript, _ bool, args []string) { ends(ts, 1, args[0], args[1:]) },
			"usage":  func(ts *testscript.TestScript, _ bool, args []string) { ends(ts, 2, "usage", args) },
			"digest": digestOf,
			// keep NAME: what the last command printed, as $NAME.
			"keep":        kept,
			"coordinator": coordinate,
			// operators NAME...: NAME.key for the stock minisign, NAME.sealed for us, $NAME its public key.
			"operators": operatorKeys,
			// fake-age FILE: what the standard tool prints, given the passphrase.
			"fake-age": func(ts *testscript.TestScript, _ bool, args []string) {
				plain, err := opens(ts.MkAbs(args[0]))
				ts.Check(err)
				_, err = ts.Stdout().Write(plain)
				ts.Check(err)
			},
			// fill FILE...: puts the environment in the place of $NAME.
			"fill": fill,
			// quicken HOME: after a command that saved, so that those after it are quick.
			"quicken": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(quicken(ts.MkAbs(args[0]))) },
		},
	})
}

var errorLine = regexp.MustCompile(`^error: ([a-z0-9.-]+): [^\n]+\n$`)

// ends runs "offline" and wants an exit status and one line of error with a
// code: the interface that programs rely on.
func ends(ts *testscript.TestScript, status int, code string, args []string) {
	err := ts.Exec("offline", args...)
	words := ts.ReadFile("stderr")
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != status {
		ts.Fatalf("%v ended with %v, want status %d\n%s", args, err, status, words)
	}
	if m := errorLine.FindStringSubmatch(words); m == nil || m[1] != code {
		ts.Fatalf("%v said %q, want one line \"error: %s: ...\"", args, words, code)
	}
	for _, secret := range []string{password, "correct horse batterx", hexKey} {
		if strings.Contains(words+ts.ReadFile("stdout"), secret) {
			ts.Fatalf("%v printed a secret", args)
		}
	}
}

// digestOf puts the digest of a review --json on stdout into $DIGEST.
func digestOf(ts *testscript.TestScript, _ bool, _ []string) {
	m := regexp.MustCompile(`"digest":"([0-9a-f]{64})"`).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("no digest on standard output")
	}
	ts.Setenv("DIGEST", m[1])
}
