package review

import (
	"bytes"
	"slices"
	"testing"

	"coldsign/offline/internal/keystore"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/hd"
)

// ATT-62: whichever bit of a computed signature is wrong, in each way to sign, alone
// and checked together with others, nothing leaves. TestWrongSignature... look at
// some bits in batches of every shape.
func TestEveryBitOfASignature(t *testing.T) {
	ks := kinds(t)
	var reqs []bundle.Request
	for i, k := range ks {
		r := k.make(int64(i))
		r.ID = bundle.ID{0xf1, byte(i)}
		reqs = append(reqs, r)
	}
	b := explain(t, reqs...)
	right := b.Sign(0)
	for i := range b.Items {
		sealed(t, &b.Items[i], right[i])
	}
	tried := 0
	for i, k := range ks {
		it := &b.Items[i]
		for bit := range 8 * len(right[i].Signatures[0]) {
			mend, made := breakKey(it, k.key, bit, false)
			tried++
			withheld(t, it, it.Sign())
			if *made != 1 {
				t.Fatalf("%s: asked %d times", k.name, *made)
			}
			for j, r := range b.Sign(0) {
				if j == i {
					withheld(t, it, r)
				} else if r.Status != bundle.Signed || !slices.EqualFunc(r.Signatures, right[j].Signatures, bytes.Equal) {
					t.Errorf("%s beside bit %d of %s: %+v", ks[j].name, bit, k.name, r)
				}
			}
			mend()
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	if tried != 2*65*8+3*64*8 {
		t.Errorf("%d bits tried", tried)
	}
	t.Logf("%d bits flipped, all refused alone and in a batch", tried)
}

// worn is a signer whose secret has changed in memory after its public half was
// made.
type worn struct {
	public chain.PublicKey
	key    *keystore.Key
}

func (w worn) Sign(r chain.SignRequest) (chain.Signature, error) {
	asked := r.Key
	if r.Key = w.key.Public(); r.Scheme == chain.Taproot {
		r.Key = r.Key.Even()
	}
	s, err := w.key.Sign(r)
	s.Key = asked
	return s, err
}

// secretOf derives the secret of a key of the mnemonic that all wallets here have.
func secretOf(t *testing.T, r bundle.KeyRef) []byte {
	t.Helper()
	m, err := hd.ParseMnemonic([]byte("test test test test test test test test test test test junk"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := m.Seed(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Curve == chain.Ed25519 {
		secret, err := hd.DeriveEd25519(seed, r.Path)
		if err != nil {
			t.Fatal(err)
		}
		return secret[:]
	}
	k, err := hd.NewMaster(seed)
	if err == nil {
		k, err = k.Derive(r.Path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k.Secret()
}

// ATT-62: whichever bit of a secret is wrong, in each way to sign, nothing leaves.
// The keystore's tests flip the memory itself.
func TestEveryBitOfASecret(t *testing.T) {
	tried := 0
	for _, k := range kinds(t) {
		r := k.make(0)
		r.ID = bundle.ID{0xf2}
		b := explain(t, r)
		it := &b.Items[0]
		want := it.Sign()
		sealed(t, it, want)
		old, secret := it.signing, secretOf(t, r.Keys[0])
		for bit := -1; bit < 256; bit++ {
			wrong := bytes.Clone(secret)
			if bit >= 0 {
				wrong[bit/8] ^= 1 << (bit % 8)
			}
			w, err := keystore.NewKey(it.tx.ToSign()[0].Key.Curve(), wrong)
			if err != nil {
				t.Fatal(err)
			}
			it.signing = map[chain.PublicKey]signer{}
			for public := range old {
				it.signing[public] = worn{public, w}
			}
			if bit < 0 { // the secret as it is: what is tried is the flips
				sealed(t, it, b.Sign(0)[0])
				continue
			}
			withheld(t, it, it.Sign())
			withheld(t, it, b.Sign(0)[0])
			w.Close()
			tried++
		}
		it.signing = old
		if again := it.Sign(); !slices.EqualFunc(again.Signatures, want.Signatures, bytes.Equal) {
			t.Errorf("%s: another signature afterwards", k.name)
		}
	}
	t.Logf("%d wrong secrets, all refused alone and in a batch", tried)
}

// ATT-62: whichever bit of the public key that a request names is wrong, it is
// refused before anything is signed. Only which of two y it has may be wrong, since
// Taproot does not say: the keystore goes by its own key.
func TestEveryBitOfANamedKey(t *testing.T) {
	tried, y := 0, 0
	for _, k := range kinds(t) {
		good := k.make(0)
		good.ID = bundle.ID{0xf3}
		var bad []bundle.Request
		for bit := range 8 * len(good.Keys[0].Key) {
			r := good
			r.ID = bundle.ID{0xf3, byte(bit), byte(bit>>8) + 1}
			r.Keys = slices.Clone(good.Keys)
			r.Keys[0].Key = bytes.Clone(good.Keys[0].Key)
			r.Keys[0].Key[bit/8] ^= 1 << (bit % 8)
			if _, err := bundle.EncodeItem(r); err == nil { // else it cannot arrive
				bad = append(bad, r)
			}
			tried++
		}
		if len(bad) < 250 {
			t.Fatalf("%s: only %d arrive", k.name, len(bad))
		}
		b := explain(t, append(bad, good)...)
		receipts := b.Sign(0)
		for i, r := range receipts[:len(bad)] {
			if bytes.Equal(bad[i].Keys[0].Key[1:], good.Keys[0].Key[1:]) && len(good.Keys[0].Key) == 33 {
				y++
				if !slices.EqualFunc(r.Signatures, receipts[len(bad)].Signatures, bytes.Equal) {
					t.Errorf("%s, the other y: %+v", k.name, r)
				}
				continue
			}
			if r.Status != bundle.Refused || r.Code != "request.key" || len(r.Signatures) != 0 {
				t.Errorf("%s, key %x: %+v", k.name, bad[i].Keys[0].Key, r)
			}
		}
		sealed(t, &b.Items[len(bad)], receipts[len(bad)])
	}
	if y != 4 {
		t.Errorf("%d names with the other y", y)
	}
	t.Logf("%d wrong names, all refused but %d that say the other y", tried, y)
}

// ATT-60: the same bundle signed twice, read again and signed, and signed item by
// item gives the same bytes. The keystore's tests do so in another process.
func TestSameBundleSameBytes(t *testing.T) {
	ks := kinds(t)
	var reqs []bundle.Request
	for i := range 4 * len(ks) {
		r := ks[i%len(ks)].make(int64(i))
		r.ID = bundle.ID{0xf4, byte(i)}
		reqs = append(reqs, r)
	}
	sign := func(b *Batch) []byte {
		var items [][]byte
		for _, r := range b.Sign(0) {
			item, err := bundle.EncodeItem(r)
			if err != nil || r.Status != bundle.Signed {
				t.Fatalf("%+v: %v", r, err)
			}
			items = append(items, item)
		}
		h := bundle.Header{Kind: bundle.Receipts, Recipient: bundle.DeviceID{1}, Sequence: 1, Created: created, Answers: [32]byte(b.Digest)}
		raw, err := bundle.Seal(h, items, keys.Device())
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	first := explain(t, reqs...)
	want := sign(first)
	if !bytes.Equal(sign(first), want) || !bytes.Equal(sign(explain(t, reqs...)), want) {
		t.Error("signed twice, other bytes")
	}
	for i := range first.Items {
		one := first.Items[i].Sign()
		item, err := bundle.EncodeItem(one)
		if err != nil || !bytes.Contains(want, item) {
			t.Errorf("request %d alone: other bytes: %v", i, err)
		}
	}
}
