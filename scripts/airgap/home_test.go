package airgap

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/hd"
)

// What the prepared home holds. The key is a new one each time: nothing but this
// home can have it.
const (
	passphrase = "pelican stapler canary sixty-one"
	mnemonic   = "legal winner thank year wave sausage worth useful legal winner thank yellow"
	keyID      = "0f105a47-7d9b-434e-8d7e-3af2c57a8c7e"
)

// device is a stand-in for the online half.
type device struct{ key ed25519.PrivateKey }

func (d device) Public() ed25519.PublicKey     { return d.key.Public().(ed25519.PublicKey) }
func (d device) Sign(m []byte) ([]byte, error) { return ed25519.Sign(d.key, m), nil }

// template is a folder that is copied for each test: a home with a private key, a
// mnemonic and a paired online half, its passphrase in the file pass, and
// requests.cbor.
type template struct {
	dir    string
	key    []byte // the private key
	words  string // the first two of the requests' digest
	digest string
}

var prepared = sync.OnceValues(prepare)

func prepare() (*template, error) {
	dir, err := os.MkdirTemp(filepath.Dir(programs.Offline), "template-")
	if err != nil {
		return nil, err
	}
	p := &template{dir: dir, key: make([]byte, 32)}
	rand.Read(p.key)
	online := device{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))}
	item, err := bundle.EncodeItem(bundle.Device{Key: [32]byte(online.Public()), Half: "online"})
	if err != nil {
		return nil, err
	}
	pairing, err := bundle.Seal(bundle.Header{Kind: bundle.Pairing, Created: made}, [][]byte{item}, online)
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{"pass": []byte(passphrase + "\n"), "online.cbor": pairing} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	if err := p.fill(online); err != nil {
		return nil, err
	}
	return p, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
}

// made is when the stand-in made its bundles, in Unix seconds.
const made = 1767225600

// fill has the release binary make the home.
func (p *template) fill(online device) error {
	for _, step := range []struct {
		in   string
		args []string
	}{
		{"", []string{"init"}},
		{hex.EncodeToString(p.key), []string{"wallet", "import", "--chain", "ETH", "--testnet", "--id", keyID}},
		{mnemonic, []string{"wallet", "import", "--chain", "ETH", "--testnet"}},
		{"", []string{"pair", "--out", "offline.cbor"}},
	} {
		if err := p.do(step.in, step.args...); err != nil {
			return err
		}
	}
	raw, err := os.ReadFile(filepath.Join(p.dir, "offline.cbor"))
	if err != nil {
		return err
	}
	_, offline, err := bundle.OpenPairing(raw)
	if err != nil {
		return err
	}
	six := bundle.PairingWords(offline.Key[:], online.Public())
	if err := p.do("", "pair", "--in", "online.cbor", "--confirm", strings.Join(hd.Words(six[:], 6), " ")); err != nil {
		return err
	}
	if raw, err = p.requests(online, offline.Key[:]); err != nil {
		return err
	}
	b, err := bundle.Open(raw, online.Public())
	if err != nil {
		return err
	}
	digest := b.Digest()
	p.digest, p.words = hex.EncodeToString(digest[:]), strings.Join(hd.Words(digest[:], 2), " ")
	if err := os.WriteFile(filepath.Join(p.dir, "requests.cbor"), raw, 0o600); err != nil {
		return err
	}
	return p.do("", "review", "requests.cbor")
}

// do runs a command of the offline half, and makes its keystore quick to open.
func (p *template) do(in string, args ...string) error {
	cmd := offline(p.dir, args...)
	cmd.Stdin = strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%q: %w\n%s", args, err, out)
	}
	return quicken(filepath.Join(p.dir, "home", "keystore.age"))
}

// requests is a bundle with one payment of the private key.
func (p *template) requests(online device, to ed25519.PublicKey) ([]byte, error) {
	id, err := bundle.ParseSignatureID(keyID)
	if err != nil {
		return nil, err
	}
	payee, err := evm.ParseAddress("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
	if err != nil {
		return nil, err
	}
	f := evm.Fields{Type: evm.Dynamic, ChainID: 11155111, MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(30e9), GasLimit: 21_000, To: &payee, Value: big.NewInt(5e17)}
	item, err := bundle.EncodeItem(bundle.Request{
		ID: bundle.ID{11: 1}, Network: "eip155:11155111", Payload: f.Encode(),
		Keys: []bundle.KeyRef{{SignatureID: id, Path: []uint32{}, Curve: chain.Secp256k1, Key: chaintest.Secp256k1Key(p.key).Bytes(), Sign: true}},
	})
	if err != nil {
		return nil, err
	}
	return bundle.Seal(bundle.Header{Kind: bundle.Requests, Recipient: bundle.IDOf(to), Sequence: 1, Created: made}, [][]byte{item}, online)
}

// quicken seals a keystore again at a work factor that costs nothing. The program
// writes only the real one, and reads both.
func quicken(path string) error {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return err
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		return err
	}
	var plain, quick bytes.Buffer
	if _, err := plain.ReadFrom(r); err != nil {
		return err
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return err
	}
	to.SetWorkFactor(6)
	w, err := age.Encrypt(&quick, to)
	if err != nil {
		return err
	}
	if _, err := w.Write(plain.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, quick.Bytes(), 0o600)
}

// fresh copies the template into a new folder.
func fresh(t *testing.T) (dir string, p *template) {
	t.Helper()
	p, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: only its owner can walk there.
	if dir, err = os.MkdirTemp(filepath.Dir(programs.Offline), "home-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.CopyFS(dir, os.DirFS(p.dir)); err != nil {
		t.Fatal(err)
	}
	// os.CopyFS gives others the right to read.
	for path := range files(t, dir) {
		if err := os.Chmod(filepath.Join(dir, path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, p
}

// files gives the files below dir with what is in them.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// offline makes a command of the release binary in dir, on a machine that is no
// air-gapped one.
func offline(dir string, args ...string) *exec.Cmd {
	return bare(dir, append(args, "--home", "home", "--passphrase-file", "pass", "--allow-network-interfaces")...)
}

// bare gives no flag of its own.
func bare(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(programs.Offline, args...)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
	return cmd
}
