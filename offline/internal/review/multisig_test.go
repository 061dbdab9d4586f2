package review

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/multisig"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/bitcoin/descriptor"
	"coldsign/shared/hd"
)

// vault is a multisig wallet of a test: of the wallet btc and of strangers.
type vault struct {
	d    descriptor.Wallet
	text string
}

// cosigner is the key expression of a stranger, or of wallet btc for 0.
func cosigner(t testing.TB, seed byte, path ...uint32) string {
	t.Helper()
	if seed == 0 {
		p, err := keys.Public(btc)
		if err != nil {
			t.Fatal(err)
		}
		fp, err := p.Master()
		if err != nil {
			t.Fatal(err)
		}
		account, err := p.Account(path)
		if err != nil {
			t.Fatal(err)
		}
		return "[" + descriptor.OriginString(fp, path) + "]" + account.Encode(true) + "/<0;1>/*"
	}
	m, err := hd.NewMaster(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	account, err := m.Derive(path)
	if err != nil {
		t.Fatal(err)
	}
	return "[" + descriptor.OriginString(m.Fingerprint(), path) + "]" + account.Public().Encode(true) + "/<0;1>/*"
}

var bip48 = []uint32{48 | h, 1 | h, h, 2 | h}

func makeVault(t testing.TB, function string, cosigners ...string) vault {
	t.Helper()
	body := "wsh(" + function + "," + strings.Join(cosigners, ",") + "))"
	sum, err := descriptor.Checksum(body)
	if err != nil {
		t.Fatal(err)
	}
	d, err := descriptor.Read([]byte(body + "#" + sum))
	if err != nil {
		t.Fatal(err)
	}
	return vault{d, d.String()}
}

// witness is the script of a vault at a place, made here from its keys.
func (v vault) witness(t testing.TB, branch, index uint32) []byte {
	t.Helper()
	var list []chain.PublicKey
	for _, k := range v.d.Keys {
		p, err := k.XPub.Derive([]uint32{branch, index})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p.Key())
	}
	if v.d.Sorted {
		slices.SortFunc(list, func(a, b chain.PublicKey) int { return bytes.Compare(a.Bytes(), b.Bytes()) })
	}
	w, err := bitcoin.MultisigScript(v.d.Threshold, list)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (v vault) script(t testing.TB, branch, index uint32) []byte {
	return bitcoin.P2WSH(v.witness(t, branch, index), v.d.Nested)
}

// knows is the keystore with multisig wallets in it.
type knows struct {
	*keystore.Keystore
	list []keystore.Multisig
}

func (k knows) Multisigs() []keystore.Multisig { return k.list }

func enrolled(t testing.TB, vaults map[string]vault) *multisig.Enrolled {
	t.Helper()
	k := knows{Keystore: keys}
	for name, v := range vaults {
		w, err := multisig.Read([]byte(v.text), k)
		if err != nil {
			t.Fatal(err)
		}
		k.list = append(k.list, keystore.Multisig{Name: name, Descriptor: w.String(), Own: w.Own, Created: created})
	}
	e, err := multisig.Load(k)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// spend is a request that spends one coin guarded by a witness script.
func spend(t testing.TB, witness []byte, out []output, refs ...bundle.KeyRef) bundle.Request {
	t.Helper()
	in := coin(t, bitcoin.P2WSH(witness, false), 1_000_000)
	in.WitnessScript = witness
	payload, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, out)
	if err != nil {
		t.Fatal(err)
	}
	return bundle.Request{ID: bundle.ID{0xb7, 0xc0, 2}, Network: regtest, Keys: refs, Payload: payload}
}

func cosigning(t testing.TB, e *multisig.Enrolled, r bundle.Request) *Item {
	t.Helper()
	v := reviewer(t, "compat", nil) // which lets pass whatever a preset can
	v.Multisigs, v.Partial = e, true
	b, err := v.Batch(carried(t, r))
	if err != nil {
		t.Fatal(err)
	}
	return &b.Items[0]
}

func ours(t testing.TB, sign bool, tail ...uint32) bundle.KeyRef {
	return ref(t, btc, sign, slices.Concat(bip48, tail)...)
}

func leaves(amount uint64) output { return output{Amount: amount, Script: stranger} }

// ATT-22: what is signed is the wallet that was enrolled, with all of its keys and its
// threshold, at one index within reach. Whatever else has our key in it is refused.
func TestATT22MultisigInputs(t *testing.T) {
	us, a, b := cosigner(t, 0, bip48...), cosigner(t, 1, bip48...), cosigner(t, 2, bip48...)
	treasury := makeVault(t, "sortedmulti(2", us, a, b)
	plain := makeVault(t, "multi(2", us, a, cosigner(t, 5, bip48...))
	e := enrolled(t, map[string]vault{"treasury": treasury, "plain": plain})
	swapped := slices.Clone(plain.witness(t, 0, 3)) // the second and the third key change places
	copy(swapped[35:69], plain.witness(t, 0, 3)[69:103])
	copy(swapped[69:103], plain.witness(t, 0, 3)[35:69])
	mixed := slices.Clone(treasury.witness(t, 0, 3)) // a cosigner's key of another index
	other := treasury.witness(t, 0, 4)
	mine := ours(t, true, 0, 3)
	for i := 1; i < 103; i += 34 {
		if !bytes.Equal(mixed[i+1:i+34], mine.Key) {
			for j := 1; j < 103; j += 34 {
				if !bytes.Contains(other[j+1:j+34], ours(t, true, 0, 4).Key) {
					copy(mixed[i:i+34], other[j:j+34])
				}
			}
			break
		}
	}
	duplicate := slices.Clone(plain.witness(t, 0, 3))
	copy(duplicate[69:103], duplicate[35:69])
	for _, c := range []struct {
		name, code string
		witness    []byte
		ref        bundle.KeyRef
	}{
		{"the wallet", "", treasury.witness(t, 0, 3), mine},
		{"its change chain", "", treasury.witness(t, 1, 3), ours(t, true, 1, 3)},
		{"its last index in reach", "", treasury.witness(t, 0, keystore.MaxIndex), ours(t, true, 0, keystore.MaxIndex)},
		{"an index beyond", "multisig.unknown", treasury.witness(t, 0, keystore.MaxIndex+1), ours(t, true, 0, keystore.MaxIndex+1)},
		{"the highest index", "multisig.unknown", treasury.witness(t, 0, h-1), ours(t, true, 0, h-1)},
		{"a cosigner replaced", "multisig.unknown", makeVault(t, "sortedmulti(2", us, a, cosigner(t, 3, bip48...)).witness(t, 0, 3), mine},
		{"a cosigner left out", "multisig.unknown", makeVault(t, "sortedmulti(2", us, a).witness(t, 0, 3), mine},
		{"a cosigner more", "multisig.unknown", makeVault(t, "sortedmulti(2", us, a, b, cosigner(t, 3, bip48...)).witness(t, 0, 3), mine},
		{"a lower threshold", "multisig.unknown", makeVault(t, "sortedmulti(1", us, a, b).witness(t, 0, 3), mine},
		{"a higher threshold", "multisig.unknown", makeVault(t, "sortedmulti(3", us, a, b).witness(t, 0, 3), mine},
		{"a cosigner's other account", "multisig.unknown", makeVault(t, "sortedmulti(2", us, a, cosigner(t, 2, 48|h, 1|h, 1|h, 2|h)).witness(t, 0, 3), mine},
		{"a cosigner's other index", "multisig.unknown", mixed, mine},
		{"a cosigner twice", "psbt.input-type", duplicate, mine},
		{"our key absent", "psbt.signers", makeVault(t, "sortedmulti(2", a, b).witness(t, 0, 3), mine},
		{"our key of another index", "psbt.signers", treasury.witness(t, 0, 4), mine},
		{"keys in their order", "", plain.witness(t, 0, 3), mine},
		{"keys in another order", "multisig.unknown", swapped, mine},
		{"our other account", "multisig.unknown", makeVault(t, "sortedmulti(2", cosigner(t, 0, 48|h, 1|h, 1|h, 2|h), a, b).witness(t, 0, 3), ref(t, btc, true, 48|h, 1|h, 1|h, 2|h, 0, 3)},
		{"keys of the account for one", "multisig.unknown", makeVault(t, "sortedmulti(2", cosigner(t, 0, 84|h, 1|h, h), a, b).witness(t, 0, 3), ref(t, btc, true, 84|h, 1|h, h, 0, 3)},
	} {
		it := cosigning(t, e, spend(t, c.witness, []output{leaves(950_000)}, c.ref))
		if it.Verdict.Code != c.code || it.Verdict.Allow != (c.code == "") {
			t.Errorf("%s: %+v, want %q", c.name, it.Verdict, c.code)
		}
		r := it.Sign()
		if (r.Status == bundle.Signed) != (c.code == "") || len(r.Signatures) != map[bool]int{true: 1}[c.code == ""] {
			t.Errorf("%s: receipt %+v", c.name, r)
		}
		if c.code == "multisig.unknown" && (!it.Verdict.Later || r.Status != bundle.Deferred) {
			t.Errorf("%s: it is decided, though the wallet can be enrolled: %+v", c.name, r)
		}
	}
	// Nobody enrolled anything.
	if it := cosigning(t, nil, spend(t, treasury.witness(t, 0, 3), []output{leaves(950_000)}, mine)); it.Verdict.Code != "multisig.unknown" {
		t.Errorf("%+v", it.Verdict)
	}
	// Those who have our key for one signature alone get none.
	payload, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{coin(t, pays(mine.Key), 1_000_000)}, []output{leaves(950_000)})
	if err != nil {
		t.Fatal(err)
	}
	if it := cosigning(t, e, bundle.Request{ID: bundle.ID{3}, Network: regtest, Keys: []bundle.KeyRef{mine}, Payload: payload}); it.Verdict.Code != "multisig.key" || it.Sign().Status != bundle.Refused {
		t.Errorf("a coin of the cosigner key alone: %+v", it.Verdict)
	}
}

// ATT-17 and ATT-18 with several keys: change is what derives from the wallet that
// pays, all of its keys, at an index within reach. Everything else leaves.
func TestATT17MultisigChange(t *testing.T) {
	us, a, b := cosigner(t, 0, bip48...), cosigner(t, 1, bip48...), cosigner(t, 2, bip48...)
	treasury, spare := makeVault(t, "sortedmulti(2", us, a, b), makeVault(t, "sortedmulti(1", us, cosigner(t, 4, bip48...))
	e := enrolled(t, map[string]vault{"treasury": treasury, "spare": spare})
	signs := ours(t, true, 0, 3)
	single := ref(t, btc, false, 84|h, 1|h, h, 1, 4)
	for _, c := range []struct {
		name   string
		script []byte
		claim  bundle.KeyRef
		own    bool
	}{
		{"change", treasury.script(t, 1, 4), ours(t, false, 1, 4), true},
		{"back to where it came from", treasury.script(t, 0, 3), ours(t, false, 1, 4), true},
		{"to the receive chain", treasury.script(t, 0, 9), ours(t, false, 0, 9), true},
		{"last index in reach", treasury.script(t, 1, keystore.MaxIndex), ours(t, false, 1, keystore.MaxIndex), true},
		{"an index beyond", treasury.script(t, 1, keystore.MaxIndex+1), ours(t, false, 1, keystore.MaxIndex+1), false},
		{"a gap of a million", treasury.script(t, 1, 1_000_000), ours(t, false, 1, 1_000_000), false},
		{"the highest index", treasury.script(t, 1, h-1), ours(t, false, 1, h-1), false},
		{"our path, a foreign script", makeVault(t, "sortedmulti(2", a, b).script(t, 1, 4), ours(t, false, 1, 4), false},
		{"our path, a cosigner replaced", makeVault(t, "sortedmulti(2", us, a, cosigner(t, 3, bip48...)).script(t, 1, 4), ours(t, false, 1, 4), false},
		{"our path, a lower threshold", makeVault(t, "sortedmulti(1", us, a, b).script(t, 1, 4), ours(t, false, 1, 4), false},
		{"the wrong path", treasury.script(t, 1, 4), ours(t, false, 1, 5), false},
		{"our other multisig wallet", spare.script(t, 1, 4), ours(t, false, 1, 4), false},
		{"our key of it, alone", pays(ours(t, false, 1, 4).Key), ours(t, false, 1, 4), false},
		{"our wallet for one", pays(single.Key), single, false},
	} {
		it := cosigning(t, e, spend(t, treasury.witness(t, 0, 3), []output{leaves(100_000), {Amount: 890_000, Script: c.script}}, signs, c.claim))
		if !it.Verdict.Allow || it.Own[0] != "" || (it.Own[1] != "") != c.own {
			t.Errorf("%s: %+v, own %q", c.name, it.Verdict, it.Own)
		}
		if c.own && !strings.Contains(it.Own[1], "multisig wallet treasury") {
			t.Errorf("%s: %q", c.name, it.Own[1])
		}
	}
	// What a wallet for one pays to a multisig wallet leaves.
	from := ref(t, btc, true, 84|h, 1|h, h, 0, 3)
	it := cosigning(t, e, psbt(t, 1_000_000, []output{{Amount: 890_000, Script: treasury.script(t, 1, 4)}, {Amount: 100_000, Script: pays(single.Key)}}, from, ours(t, false, 1, 4), single))
	if !it.Verdict.Allow || it.Own[0] != "" || it.Own[1] == "" {
		t.Errorf("from one to several: %+v, own %q", it.Verdict, it.Own)
	}
}

// A wallet in P2SH is a wallet too; and one with our key of BIP-44, which the paired
// half's requests can name, when the other signatures are there already.
func TestMultisigForms(t *testing.T) {
	body := "sh(wsh(multi(1," + cosigner(t, 0, 48|h, 1|h, h, 1|h) + "," + cosigner(t, 1, bip48...) + ")))"
	sum, err := descriptor.Checksum(body)
	if err != nil {
		t.Fatal(err)
	}
	d, err := descriptor.Read([]byte(body + "#" + sum))
	if err != nil {
		t.Fatal(err)
	}
	nested, kms := vault{d, d.String()}, makeVault(t, "sortedmulti(1", cosigner(t, 0, 44|h, 1|h, h), cosigner(t, 1, bip48...))
	e := enrolled(t, map[string]vault{"nested": nested, "kms": kms})
	in := coin(t, nested.script(t, 0, 3), 1_000_000)
	in.WitnessScript, in.RedeemScript = nested.witness(t, 0, 3), bitcoin.P2WSH(nested.witness(t, 0, 3), false)
	payload, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, []output{leaves(500_000), {Amount: 490_000, Script: nested.script(t, 1, 3)}})
	if err != nil {
		t.Fatal(err)
	}
	at := func(sign bool, branch uint32) bundle.KeyRef { return ref(t, btc, sign, 48|h, 1|h, h, 1|h, branch, 3) }
	it := cosigning(t, e, bundle.Request{ID: bundle.ID{1}, Network: regtest, Keys: []bundle.KeyRef{at(true, 0), at(false, 1)}, Payload: payload})
	if !it.Verdict.Allow || it.Own[1] == "" || it.Sign().Status != bundle.Signed {
		t.Errorf("nested: %+v, own %q", it.Verdict, it.Own)
	}
	v := reviewer(t, "strict", nil)
	v.Multisigs = e
	b, err := v.Batch(carried(t, spend(t, kms.witness(t, 0, 5), []output{leaves(500_000), {Amount: 490_000, Script: kms.script(t, 0, 6)}}, ref(t, btc, true, btcPath(0, 5)...), ref(t, btc, false, btcPath(0, 6)...))))
	if err != nil || !b.Items[0].Verdict.Allow || b.Items[0].Own[1] == "" {
		t.Errorf("of the paired half: %+v, %v", b.Items[0].Verdict, err)
	}
	// It asks for whole transactions: what others must still sign is not for us yet.
	two := makeVault(t, "sortedmulti(2", cosigner(t, 0, 44|h, 1|h, h), cosigner(t, 1, bip48...))
	v.Multisigs = enrolled(t, map[string]vault{"two": two})
	b, err = v.Batch(carried(t, spend(t, two.witness(t, 0, 5), []output{leaves(950_000)}, ref(t, btc, true, btcPath(0, 5)...))))
	if err != nil || b.Items[0].Verdict.Code != "psbt.signers" {
		t.Errorf("of the paired half, others missing: %+v, %v", b.Items[0].Verdict, err)
	}
}

// Policies name the wallet whose coins are spent: the multisig wallet, not the wallet
// that has one of its keys.
func TestMultisigSpends(t *testing.T) {
	treasury := makeVault(t, "sortedmulti(2", cosigner(t, 0, bip48...), cosigner(t, 1, bip48...), cosigner(t, 2, bip48...))
	e := enrolled(t, map[string]vault{"treasury": treasury})
	id := e.List()[0].ID.String()
	signs, single := ours(t, true, 0, 3), ref(t, btc, true, 84|h, 1|h, h, 0, 3)
	it := cosigning(t, e, spend(t, treasury.witness(t, 0, 3), []output{leaves(950_000)}, signs))
	if !slices.Equal(it.spends, []string{id}) || !strings.Contains(it.Signers[0], "for "+id+" (multisig wallet treasury) 0/3") {
		t.Errorf("%v, %v", it.spends, it.Signers)
	}
	// Coins of both: both are named, and nothing is change.
	witness := treasury.witness(t, 0, 3)
	shared, alone := coin(t, bitcoin.P2WSH(witness, false), 1_000_000), coin(t, pays(single.Key), 1_000_000)
	shared.WitnessScript = witness
	payload, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{shared, alone}, []output{leaves(950_000), {Amount: 1_000_000, Script: treasury.script(t, 1, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	it = cosigning(t, e, bundle.Request{ID: bundle.ID{4}, Network: regtest, Keys: []bundle.KeyRef{signs, single, ours(t, false, 1, 1)}, Payload: payload})
	if !slices.Equal(it.spends, []string{id, btc.String()}) || it.Own[1] != "" || it.back[1] == "" {
		t.Errorf("%v, own %q, back %q: %+v", it.spends, it.Own, it.back, it.Verdict)
	}
}
