package review

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
)

// faulty is a signer in a machine that flips one bit of each signature, counted
// from the first byte's lowest.
type faulty struct {
	signer
	bit   int
	first bool // only the first signature is wrong
	made  *int
}

func (f faulty) Sign(w chain.SignRequest) (chain.Signature, error) {
	s, err := f.signer.Sign(w)
	*f.made++
	if err == nil && (!f.first || *f.made == 1) {
		s.Bytes = slices.Clone(s.Bytes)
		s.Bytes[f.bit/8] ^= 1 << (f.bit % 8)
	}
	return s, err
}

// breakKey puts a faulty signer for one key of an item, and gives what mends it.
func breakKey(it *Item, key []byte, bit int, first bool) (mend func(), made *int) {
	old := it.signing
	made = new(int)
	it.signing = make(map[chain.PublicKey]signer, len(old))
	for k, s := range old {
		if bytes.HasSuffix(k.Bytes(), key) {
			s = faulty{s, bit, first, made}
		}
		it.signing[k] = s
	}
	return func() { it.signing = old }, made
}

// kind is one way to sign.
type kind struct {
	name string
	key  []byte                       // its encoding, or the end of it
	bits []int                        // of a signature, to be flipped
	make func(i int64) bundle.Request // without an id
}

// kinds are all ways to sign. ECDSA's last byte is v, of which one bit is in use.
func kinds(t testing.TB) []kind {
	t.Helper()
	s, e := ref(t, sol, true, solPath(t)...), ref(t, eth, true, tethPth...)
	c := ref(t, bch, true, 44|h, 145|h, 0|h, 0, 3)
	w, p := ref(t, btc, true, btcPath(0, 0)...), ref(t, btc, true, btcPath(0, 7)...)
	internal, err := btcec.ParsePubKey(p.Key)
	if err != nil {
		t.Fatal(err)
	}
	script := append([]byte{0x51, 32}, schnorr.SerializePubKey(txscript.ComputeTaprootKeyNoScript(internal))...)
	ecdsa := []int{0, 7, 100, 255, 256, 300, 511, 512}
	return []kind{
		{"EVM", e.Key, ecdsa, func(i int64) bundle.Request { return ether(t, sepolia, friend, big.NewInt(1e17+i), nil, e) }},
		{"P2WPKH", w.Key, ecdsa, func(i int64) bundle.Request {
			return psbt(t, 100_000+i, []output{{Amount: 99_000, Script: stranger}}, w)
		}},
		{"Solana", s.Key, []int{0, 7, 100, 255, 256, 300, 511}, func(i int64) bundle.Request { return lamports(t, uint64(1_000_000+i), s) }},
		{"Taproot", p.Key[1:], []int{0, 7, 100, 255, 256, 300, 511}, func(i int64) bundle.Request {
			in := coin(t, script, 100_000+i)
			in.InternalKey = p.Key[1:]
			payload, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, []output{{Amount: 99_000, Script: stranger}})
			if err != nil {
				t.Fatal(err)
			}
			return bundle.Request{Network: regtest, Keys: []bundle.KeyRef{p}, Payload: payload}
		}},
		{"Bitcoin Cash", c.Key, []int{0, 7, 100, 255, 256, 300, 511}, func(i int64) bundle.Request { return cash(t, 100_000+i, c) }},
	}
}

// cash is a request that spends one coin of a key of Bitcoin Cash.
func cash(t testing.TB, amount int64, key bundle.KeyRef) bundle.Request {
	t.Helper()
	in := coin(t, p2pkh(key.Key), amount)
	in.HashType = bitcoin.ForkID
	payload, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, []output{{Amount: 99_000, Script: p2pkh(make([]byte, 33))}})
	if err != nil {
		t.Fatal(err)
	}
	return bundle.Request{Network: cashTest, Keys: []bundle.KeyRef{key}, Payload: payload}
}

// p2pkh is the P2PKH script of a key.
func p2pkh(key []byte) []byte {
	return append(append([]byte{0x76, 0xa9, 20}, address.Hash160(key)...), 0x88, 0xac)
}

// sealed checks that an item's receipt is signed, and rightly: its codec takes
// the signatures.
func sealed(t *testing.T, it *Item, r bundle.Receipt) {
	t.Helper()
	wanted := it.tx.ToSign()
	if r.Status != bundle.Signed || r.Code != "" || r.ID != it.Request.ID || r.Digest != it.Digest || len(r.Signatures) != len(wanted) {
		t.Fatalf("not signed: %+v", r)
	}
	sigs := make([]chain.Signature, len(wanted))
	for i, w := range wanted {
		sigs[i] = chain.Signature{Key: w.Key, Scheme: w.Scheme, Bytes: r.Signatures[i]}
	}
	if _, err := it.tx.Seal(sigs); err != nil {
		t.Fatalf("a wrong signature left: %v", err)
	}
}

// withheld checks that an item's receipt shows nothing of a wrong signature.
func withheld(t *testing.T, it *Item, r bundle.Receipt) {
	t.Helper()
	if r.Status != bundle.Refused || r.Code != "sign.verify" || r.Reason == "" || len(r.Signatures) != 0 || r.ID != it.Request.ID || r.Digest != it.Digest {
		t.Errorf("a wrong signature: %+v", r)
	}
	if _, err := bundle.EncodeItem(r); err != nil {
		t.Errorf("the receipt cannot be sent: %v", err)
	}
}

// A signature with one wrong bit never leaves, whichever bit it is: it can give
// the private key away.
func TestWrongSignatureAlone(t *testing.T) {
	for _, k := range kinds(t) {
		t.Run(k.name, func(t *testing.T) {
			r := k.make(0)
			r.ID = bundle.ID{0xfa}
			b := explain(t, r)
			it := &b.Items[0]
			sealed(t, it, b.Sign(0)[0])
			for _, bit := range k.bits {
				mend, made := breakKey(it, k.key, bit, false)
				withheld(t, it, b.Sign(0)[0])
				withheld(t, it, it.Sign())
				mend()
				if *made == 0 {
					t.Fatal("the faulty signer was not asked")
				}
			}
			sealed(t, it, b.Sign(0)[0])
		})
	}
}

// Among many, one wrong signature costs its own request alone, wherever in the
// batch it is.
func TestWrongSignatureAmongMany(t *testing.T) {
	ks := kinds(t)
	const n = 64
	var reqs []bundle.Request
	for i := range n {
		r := ks[i%len(ks)].make(int64(i))
		r.ID = bundle.ID{0xfb, byte(i)}
		reqs = append(reqs, r)
	}
	b := explain(t, reqs...)
	right := b.Sign(0)
	for i := range b.Items {
		sealed(t, &b.Items[i], right[i])
	}
	// the first, some in the midst and the last of each kind; then two at once
	for i, victims := range [][]int{{0}, {1}, {2}, {3}, {24}, {33}, {42}, {31}, {60}, {61}, {62}, {63}, {4, 8}, {5, 9}, {6, 10}, {0, 62}, {12, 13, 14, 15}} {
		var mends []func()
		for _, v := range victims {
			k := ks[v%len(ks)]
			mend, _ := breakKey(&b.Items[v], k.key, k.bits[i%len(k.bits)], false)
			mends = append(mends, mend)
		}
		for j, r := range b.Sign(0) {
			if slices.Contains(victims, j) {
				withheld(t, &b.Items[j], r)
				continue
			}
			sealed(t, &b.Items[j], r)
			if !slices.EqualFunc(r.Signatures, right[j].Signatures, bytes.Equal) {
				t.Errorf("request %d beside %v: other signatures than before", j, victims)
			}
		}
		for _, mend := range mends {
			mend()
		}
	}
}

// Every chunk of a large batch is checked, and its edges are.
func TestWrongSignatureInEveryChunk(t *testing.T) {
	k := kinds(t)[2]
	var reqs []bundle.Request
	for i := range together + 2 {
		r := k.make(int64(i))
		r.ID = bundle.ID{0xfc, byte(i >> 8), byte(i)}
		reqs = append(reqs, r)
	}
	b := explain(t, reqs...)
	for _, v := range []int{0, together - 1, together, together + 1} {
		mend, _ := breakKey(&b.Items[v], k.key, 300, false)
		for j, r := range b.Sign(0) {
			if j == v {
				withheld(t, &b.Items[j], r)
			} else if r.Status != bundle.Signed || r.ID != reqs[j].ID || len(r.Signatures) != 1 {
				t.Fatalf("request %d beside %d: %+v", j, v, r)
			}
		}
		mend()
	}
}

// Of two inputs one signature is wrong: neither leaves.
func TestOneOfTwoWrong(t *testing.T) {
	refs := []bundle.KeyRef{ref(t, btc, true, btcPath(0, 0)...), ref(t, btc, true, btcPath(0, 1)...)}
	in := []bitcoin.Input{coin(t, pays(refs[0].Key), 60_000), coin(t, pays(refs[1].Key), 60_000)}
	payload, err := bitcoin.BuildPSBT(2, 0, in, []output{{Amount: 118_000, Script: stranger}})
	if err != nil {
		t.Fatal(err)
	}
	b := explain(t, bundle.Request{ID: bundle.ID{0xfd}, Network: regtest, Keys: refs, Payload: payload})
	it := &b.Items[0]
	sealed(t, it, b.Sign(0)[0])
	for _, r := range refs {
		mend, _ := breakKey(it, r.Key, 300, false)
		withheld(t, it, b.Sign(0)[0])
		withheld(t, it, it.Sign())
		mend()
	}
}

// A bit that flips once is found too. Where signatures are checked together the
// second try is right; else there is no second try.
func TestWrongOnce(t *testing.T) {
	for _, k := range kinds(t) {
		r := k.make(0)
		r.ID = bundle.ID{0xfe}
		b := explain(t, r)
		it := &b.Items[0]
		want := it.Sign()
		breakKey(it, k.key, 300, true)
		got := b.Sign(0)[0]
		if k.name == "Taproot" || k.name == "Bitcoin Cash" {
			withheld(t, it, got)
			continue
		}
		sealed(t, it, got)
		if !slices.EqualFunc(got.Signatures, want.Signatures, bytes.Equal) {
			t.Errorf("%s: another signature than without the fault", k.name)
		}
	}
}
