package keystore

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"coldsign/offline/internal/verify"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

// flips flips each bit of b, one at a time, and counts.
func flips(b []byte, f func(bit int)) (n int) {
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		f(bit)
		b[bit/8] ^= 1 << (bit % 8)
		n++
	}
	return n
}

// holds tells whether a signature answers r: what review asks before one leaves.
func holds(r chain.SignRequest, s chain.Signature) bool {
	if verify.Batched(r.Scheme) {
		return verify.All([]verify.Pair{{Request: r, Signature: s}})
	}
	if r.Scheme == chain.Schnorr {
		return bitcoin.VerifySchnorr(r.Key, r.Message, s.Bytes)
	}
	pub, err := schnorr.ParsePubKey(newSecp().output(r.Key.Bytes()[1:], r.Tweak))
	if err != nil {
		return false // no point of the curve
	}
	sig, err := schnorr.ParseSignature(s.Bytes)
	return err == nil && sig.Verify(r.Message, pub)
}

// request asks k for a signature of a digest.
func request(k *Key, scheme chain.Scheme) chain.SignRequest {
	m := sha256.Sum256([]byte("message"))
	r := chain.SignRequest{Key: k.Public(), Scheme: scheme, Message: m[:]}
	if scheme == chain.Taproot {
		r.Key = r.Key.Even()
	}
	return r
}

// memoryOf is the secret of a key as it is kept in memory.
func memoryOf(k *Key) []byte {
	if k.ec != nil {
		return unsafe.Slice((*byte)(unsafe.Pointer(k.ec)), unsafe.Sizeof(secp256k1.PrivateKey{}))
	}
	return k.seed
}

// ATT-62: a flipped bit of a secret in memory gives no signature that holds, and
// with the bit flipped back the key is as before.
func TestFlippedSecret(t *testing.T) {
	tried := 0
	for _, scheme := range []chain.Scheme{chain.ECDSA, chain.Taproot, chain.Schnorr, chain.EdDSA} {
		curve := chain.Secp256k1
		if scheme == chain.EdDSA {
			curve = chain.Ed25519
		}
		k := key(t, curve, hexKey)
		defer k.Close()
		r := request(k, scheme)
		right, err := k.Sign(r)
		if err != nil || !holds(r, right) {
			t.Fatalf("scheme %d: %v", scheme, err)
		}
		secret := memoryOf(k)
		if len(secret) != 32 {
			t.Fatalf("a secret of %d bytes", len(secret))
		}
		tried += flips(secret, func(bit int) {
			s, err := k.Sign(r)
			if err == nil && (bytes.Equal(s.Bytes, right.Bytes) || holds(r, s)) {
				t.Errorf("scheme %d: bit %d of the secret does not matter", scheme, bit)
			}
		})
		if again, err := k.Sign(r); err != nil || !bytes.Equal(again.Bytes, right.Bytes) {
			t.Errorf("scheme %d: another signature afterwards: %v", scheme, err)
		}
	}
	t.Logf("%d bits flipped", tried)
}

// ATT-62, TH-25: with a flipped bit of its public copy a key does not sign for its
// own name, and what it signs for the wrong name does not hold for that name; of
// Ed25519 and Schnorr, where two such signatures of one message would give the key
// away, for no name.
func TestFlippedPublic(t *testing.T) {
	tried, made := 0, 0
	for _, scheme := range []chain.Scheme{chain.ECDSA, chain.Taproot, chain.Schnorr, chain.EdDSA} {
		curve := chain.Secp256k1
		if scheme == chain.EdDSA {
			curve = chain.Ed25519
		}
		k := key(t, curve, hexKey)
		defer k.Close()
		right, public := request(k, scheme), k.public
		b := public.Bytes()
		tried += flips(b, func(bit int) {
			wrong, err := chain.NewPublicKey(curve, b)
			if err != nil {
				return // no form of a key
			}
			k.public = wrong
			defer func() { k.public = public }()
			asked := request(k, scheme)
			if asked.Key == right.Key {
				return // the y that Taproot does not look at
			}
			if s, err := k.Sign(right); !fault.Is(err, "sign.key") || len(s.Bytes) != 0 {
				t.Errorf("scheme %d, bit %d: signed for its name: %v", scheme, bit, err)
			}
			s, err := k.Sign(asked)
			if scheme == chain.EdDSA || scheme == chain.Schnorr {
				if made++; !fault.Is(err, "sign.key") || len(s.Bytes) != 0 {
					t.Errorf("scheme %d, bit %d: signed with a public half that is not its own: %v", scheme, bit, err)
				}
				return
			}
			if err != nil {
				t.Errorf("scheme %d, bit %d: %v", scheme, bit, err)
			}
			if made++; holds(asked, s) {
				t.Errorf("scheme %d, bit %d: what was signed for the wrong name holds", scheme, bit)
			}
		})
	}
	if made < 750 {
		t.Errorf("only %d signatures for wrong names", made)
	}
	t.Logf("%d bits flipped, %d signatures made and refused", tried, made)
}

// ATT-62: the device key, in memory and its public copy: no signature comes out.
func TestFlippedDevice(t *testing.T) {
	d := quick(t).Device()
	right, err := d.Sign([]byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string) func(int) {
		return func(bit int) {
			if sig, err := d.Sign([]byte("message")); !fault.Is(err, "sign.verify") || sig != nil {
				t.Errorf("bit %d of the %s: %x, %v", bit, what, sig, err)
			}
		}
	}
	tried := flips(d.seed, refused("seed")) + flips(d.public, refused("public half"))
	if again, err := d.Sign([]byte("message")); err != nil || !bytes.Equal(again, right) || tried != 512 {
		t.Errorf("another signature after %d flips: %v", tried, err)
	}
}

// spoilt is a device in a machine that flips a bit of what it signs.
type spoilt struct {
	Device
	bit int
}

func (d spoilt) Sign(message []byte) ([]byte, error) {
	sig, err := d.Device.Sign(message)
	sig[d.bit/8] ^= 1 << (d.bit % 8)
	return sig, err
}

// ATT-62: no bundle leaves whose signature has a flipped bit.
func TestFlippedBundleSignature(t *testing.T) {
	ks := quick(t)
	w, err := ks.Wallet(imported(t, ks, "BTC", true, junk).ID)
	if err != nil {
		t.Fatal(err)
	}
	item, err := bundle.EncodeItem(w)
	if err != nil {
		t.Fatal(err)
	}
	h := bundle.Header{Kind: bundle.Keys, Recipient: bundle.DeviceID{1}, Sequence: 1, Created: now.Unix()}
	right, err := bundle.Seal(h, [][]byte{item}, ks.Device())
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * ed25519.SignatureSize {
		if raw, err := bundle.Seal(h, [][]byte{item}, spoilt{ks.Device(), bit}); !fault.Is(err, "bundle.signature") || raw != nil {
			t.Fatalf("bit %d: %d bytes, %v", bit, len(raw), err)
		}
	}
	if again, err := bundle.Seal(h, [][]byte{item}, ks.Device()); err != nil || !bytes.Equal(again, right) {
		t.Errorf("another bundle the second time: %v", err)
	}
}

// ATT-62: a flipped bit of a wallet's secret gives no key, or another one, which no
// request names; a capital letter in a mnemonic gives the same one.
func TestFlippedEntry(t *testing.T) {
	tried, same, others := 0, 0, 0
	for _, c := range []struct{ chain, text string }{{"BTC", junk}, {"SOL", junk}, {"BTC", wifTest}, {"ETH", hexKey}, {"SOL", solKey}} {
		ks := quick(t)
		info := imported(t, ks, c.chain, true, c.text)
		path, err := ks.Path(info.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		public := func() (chain.PublicKey, error) {
			ks.cache.forget()
			k, err := ks.Key(info.ID, path)
			if err != nil {
				return chain.PublicKey{}, err
			}
			return k.Public(), nil
		}
		right, err := public()
		if err != nil {
			t.Fatal(err)
		}
		tried += flips(ks.c.Entries[0].Secret, func(bit int) {
			got, err := public()
			letter := info.Mnemonic && bit%8 == 5 // its case, which BIP-39 words do without
			switch {
			case err == nil && got == right && !letter:
				t.Errorf("%s %.4s...: bit %d does not matter", c.chain, c.text, bit)
			case err == nil && got == right:
				same++
			case err == nil:
				others++
			}
		})
		if again, err := public(); err != nil || again != right {
			t.Errorf("%s: another key afterwards: %v", c.chain, err)
		}
	}
	t.Logf("%d bits flipped: %d give another key, %d make a letter a capital, the rest give none", tried, others, same)
}

// ATT-62: the work factor of the file, the one byte that TestTruncatedOrFlipped
// leaves out: here it is a digit whose flips ask for little work.
func TestFlippedWorkFactor(t *testing.T) {
	ks := quick(t)
	imported(t, ks, "BTC", true, junk)
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	b := read(t, ks.path)
	at := bytes.Index(b, []byte(" 4\n")) + 1
	if at == 0 {
		t.Fatalf("no work factor of 4 in %q", b[:80])
	}
	flips(b[at:at+1], func(bit int) {
		if err := os.WriteFile(ks.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(filepath.Dir(ks.path), pass, ks.chains); !fault.Is(err, "keystore.format") && !fault.Is(err, "keystore.passphrase") {
			t.Errorf("work factor %q: %v", b[at], err)
		}
	})
}

const homeVariable = "COLDSIGN_TEST_HOME"

// answers signs with every wallet of a keystore in every scheme that it has, and
// seals a bundle of their public halves.
func answers(ks *Keystore) (string, error) {
	var text strings.Builder
	var items [][]byte
	for _, info := range ks.List() {
		path, err := ks.Path(info.ID, 0)
		if err != nil {
			return "", err
		}
		k, err := ks.Key(info.ID, path)
		if err != nil {
			return "", err
		}
		schemes := []chain.Scheme{chain.ECDSA, chain.Taproot, chain.Schnorr}
		if k.Public().Curve() == chain.Ed25519 {
			schemes = []chain.Scheme{chain.EdDSA}
		}
		for _, scheme := range schemes {
			r := request(k, scheme)
			s, err := k.Sign(r)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&text, "%s %d %x\n", k.Public(), scheme, s.Bytes)
			if scheme == chain.Taproot {
				r.Tweak = r.Message
				s, err = k.Sign(r)
				fmt.Fprintf(&text, "%s with a root %x\n", k.Public(), s.Bytes)
			}
			if err != nil {
				return "", err
			}
		}
		w, err := ks.Wallet(info.ID)
		if err != nil {
			return "", err
		}
		item, err := bundle.EncodeItem(w)
		if err != nil {
			return "", err
		}
		items = append(items, item)
	}
	h := bundle.Header{Kind: bundle.Keys, Recipient: bundle.DeviceID{1}, Sequence: 1, Created: now.Unix()}
	raw, err := bundle.Seal(h, items, ks.Device())
	fmt.Fprintf(&text, "bundle %x\n", raw)
	return text.String(), err
}

// ATT-60: the same requests get the same bytes twice, after opening the keystore
// again, and in another process.
func TestSameBytesInAnotherProcess(t *testing.T) {
	if home := os.Getenv(homeVariable); home != "" {
		text, err := elsewhere(home)
		fmt.Printf("%s%v\n", text, err)
		return
	}
	ks := quick(t)
	for _, c := range []struct{ chain, text string }{{"BTC", junk}, {"ETH", junk}, {"SOL", junk}, {"BTC", wifTest}, {"ETH", hexKey}, {"SOL", solKey}} {
		imported(t, ks, c.chain, true, c.text)
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	want, err := answers(ks)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(want, "\n"); n != 4*4+2+1 {
		t.Fatalf("%d signatures", n)
	}
	if again, err := answers(ks); err != nil || again != want {
		t.Errorf("the second time: %v\n%s", err, again)
	}
	if again, err := answers(reopen(t, ks)); err != nil || again != want {
		t.Errorf("opened again: %v\n%s", err, again)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestSameBytesInAnotherProcess$")
	cmd.Env = append(os.Environ(), homeVariable+"="+filepath.Dir(ks.path))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), want+"<nil>\n") {
		t.Errorf("another process: %v\n%s", err, out)
	}
}

func elsewhere(home string) (string, error) {
	ks, err := Open(home, pass, registry.New())
	if err != nil {
		return "", err
	}
	defer ks.Close()
	return answers(ks)
}
