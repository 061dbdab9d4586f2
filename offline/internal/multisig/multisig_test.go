package multisig

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"coldsign/offline/internal/keystore"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/bitcoin/descriptor"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

const h = chain.Hardened

var (
	keys            *keystore.Keystore
	main_, test, m2 = bundle.SignatureID{1}, bundle.SignatureID{2}, bundle.SignatureID{3}
)

func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "multisig")
	if err != nil {
		panic(err)
	}
	if keys, err = keystore.Create(home, []byte("correct horse battery"), registry.New()); err != nil {
		panic(err)
	}
	const about, junk = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about", "test test test test test test test test test test test junk"
	for _, w := range []struct {
		id      bundle.SignatureID
		testnet bool
		text    string
	}{{main_, false, about}, {test, true, about}, {m2, false, junk}} {
		if _, err := keys.Import(w.id, "BTC", w.testnet, []byte(w.text), time.Unix(1, 0)); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	os.RemoveAll(home)
	os.Exit(code)
}

var bip48 = []uint32{48 | h, h, h, 2 | h}

// part is what a key expression is made of.
type part struct {
	fp   [4]byte
	path []uint32
	xpub *hd.Public
	test bool
}

func (p part) String() string {
	return "[" + descriptor.OriginString(p.fp, p.path) + "]" + p.xpub.Encode(p.test) + "/<0;1>/*"
}

func ours(t testing.TB, id bundle.SignatureID, path ...uint32) part {
	t.Helper()
	p, err := keys.Public(id)
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
	return part{fp, path, account, id == test}
}

func stranger(t testing.TB, seed byte, path ...uint32) part {
	t.Helper()
	m, err := hd.NewMaster(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	account, err := m.Derive(path)
	if err != nil {
		t.Fatal(err)
	}
	return part{m.Fingerprint(), path, account.Public(), path[1] == 1|h}
}

func text(t testing.TB, threshold string, list ...part) []byte {
	t.Helper()
	body := "wsh(sortedmulti(" + threshold
	for _, p := range list {
		body += "," + p.String()
	}
	body += "))"
	sum, err := descriptor.Checksum(body)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(body + "#" + sum)
}

// ATT-22 at enrolment: our key is there, under its fingerprint and its path, or the
// wallet is refused.
func TestATT22Enrolment(t *testing.T) {
	us, a, b := ours(t, main_, bip48...), stranger(t, 1, bip48...), stranger(t, 2, bip48...)
	w, err := Read(text(t, "2", us, a, b), keys)
	if err != nil || len(w.Own) != 1 || w.Own[0] != (keystore.OwnKey{Place: 0, Wallet: main_}) || w.ID[6]>>4 != 8 || w.ID[8]>>6 != 2 {
		t.Fatalf("%+v, %v", w, err)
	}
	if us.fp != [4]byte{0x73, 0xc5, 0xda, 0x0a} {
		t.Errorf("fingerprint %x", us.fp)
	}
	change := func(p part, f func(*part)) part {
		f(&p)
		return p
	}
	deeper, err := hd.NewPublic(us.xpub.Key(), us.xpub.ChainCode(), 5, us.xpub.Parent(), us.xpub.Index())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, code string
		file       []byte
	}{
		{"no key of ours", "multisig.own-key", text(t, "2", a, b)},
		{"our key under a foreign fingerprint", "multisig.own-key", text(t, "2", change(us, func(p *part) { p.fp[3]++ }), a)},
		{"a foreign key under our fingerprint", "multisig.swapped", text(t, "2", change(b, func(p *part) { p.fp = us.fp }), a)},
		{"our key of another account", "multisig.swapped", text(t, "2", change(ours(t, main_, 48|h, h, 1|h, 2|h), func(p *part) { p.path = bip48 }), a)},
		{"our key, a path that says otherwise", "multisig.swapped", text(t, "2", change(us, func(p *part) { p.path = []uint32{48 | h, h, 1 | h, 2 | h} }), a)},
		{"our key, another depth", "multisig.swapped", text(t, "2", change(us, func(p *part) { p.xpub = deeper }), a)},
		{"our key at a path of no use", "multisig.path", text(t, "2", change(us, func(p *part) { p.path = []uint32{48 | h, h, h, 3 | h} }), a)},
		{"our key for a test network", "multisig.own-key", text(t, "2", change(us, func(p *part) { p.test = true; p.fp[0]++ }), stranger(t, 1, 48|h, 1|h, h, 2|h))},
		{"our main network's path with a test key", "multisig.path", text(t, "2", change(us, func(p *part) { p.test = true }), stranger(t, 1, 48|h, 1|h, h, 2|h))},
		{"our key twice", "multisig.duplicate", text(t, "2", us, us)},
		{"two accounts of ours", "multisig.duplicate", text(t, "2", us, ours(t, main_, 48|h, h, 1|h, 2|h))},
	} {
		if got, err := Read(c.file, keys); fault.Code(err) != c.code {
			t.Errorf("%s: %+v, %v, want %s", c.name, got.Own, err, c.code)
		}
	}
	for name, file := range map[string][]byte{
		"account for one": text(t, "2", ours(t, main_, 84|h, h, h), a),
		"nested's key":    text(t, "2", ours(t, main_, 48|h, h, h, 1|h), a),
		"two wallets":     text(t, "2", us, ours(t, m2, bip48...)),
		"test network":    text(t, "1", ours(t, test, 48|h, 1|h, h, 2|h), stranger(t, 1, 48|h, 1|h, h, 2|h)),
	} {
		if w, err := Read(file, keys); err != nil || len(w.Own) < 1 || name == "two wallets" && len(w.Own) != 2 {
			t.Errorf("%s: %+v, %v", name, w.Own, err)
		}
	}
}

// knows is the keystore with multisig wallets in it.
type knows struct {
	*keystore.Keystore
	list []keystore.Multisig
}

func (k knows) Multisigs() []keystore.Multisig { return k.list }

// A name and a wallet are enrolled once; another threshold is another wallet, and needs
// another name.
func TestATT22Names(t *testing.T) {
	us, a, b := ours(t, main_, bip48...), stranger(t, 1, bip48...), stranger(t, 2, bip48...)
	w, err := Read(text(t, "2", us, a, b), keys)
	if err != nil {
		t.Fatal(err)
	}
	k := knows{keys, []keystore.Multisig{{Name: "treasury", Descriptor: w.String(), Own: w.Own, Created: 1}}}
	e, err := Load(k)
	if err != nil {
		t.Fatal(err)
	}
	same, err := Read(text(t, "2", b, us, a), keys)
	if err != nil || same.ID != w.ID {
		t.Fatal("the order of sorted keys makes another wallet", err)
	}
	lower, err := Read(text(t, "1", us, a, b), keys)
	if err != nil || lower.ID == w.ID {
		t.Fatal(err)
	}
	for _, c := range []struct {
		w          Wallet
		name, code string
	}{
		{same, "other", "multisig.enrolled"}, {same, "treasury", "multisig.enrolled"}, {lower, "treasury", "multisig.name"}, {lower, "Treasury", "multisig.name"},
		{lower, "", "multisig.name"}, {lower, "a b", "multisig.name"}, {lower, "tr\u00e9sor", "multisig.name"}, {lower, "...", "multisig.name"},
		{lower, strings.Repeat("x", 41), "multisig.name"}, {lower, strings.Repeat("x", 40), ""}, {lower, "treasury-1of3", ""},
	} {
		if err := e.Free(c.w, c.name); fault.Code(err) != c.code && (err != nil || c.code != "") {
			t.Errorf("%q: %v, want %q", c.name, err, c.code)
		}
	}
	if _, err := e.Find("treasury"); err != nil {
		t.Error(err)
	}
	if _, err := e.Find("other"); !fault.Is(err, "multisig.missing") {
		t.Error(err)
	}
	k.list[0].Descriptor = strings.Replace(k.list[0].Descriptor, "sortedmulti(2", "sortedmulti(1", 1)
	if _, err := Load(k); !fault.Is(err, "keystore.format") {
		t.Errorf("a changed descriptor: %v", err)
	}
}

// Each address that is told derives from all keys; the other kind of network has none.
func TestAt(t *testing.T) {
	us, a := ours(t, main_, bip48...), stranger(t, 1, bip48...)
	w, err := Read(text(t, "2", us, a), keys)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Load(knows{keys, []keystore.Multisig{{Name: "treasury", Descriptor: w.String(), Own: w.Own, Created: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	at := func(id bundle.SignatureID, n chain.Network, tail ...uint32) []Place {
		return e.At(id, append(bip48[:4:4], tail...), n)
	}
	mainnet, regtest := bitcoin.NetworkTable()[0], bitcoin.NetworkTable()[4]
	script, err := w.Script(1, 9)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := bitcoin.AddressFor(mainnet.ID, script)
	if got := at(main_, mainnet, 1, 9); len(got) != 1 || got[0].Address != want || got[0].Wallet != w.ID || got[0].String() != w.ID.String()+" (multisig wallet treasury) 1/9" {
		t.Errorf("%+v, want %s", got, want)
	}
	for name, got := range map[string][]Place{
		"network": at(main_, regtest, 1, 9), "wallet": at(m2, mainnet, 1, 9), "chain": at(main_, mainnet, 2, 9), "index": at(main_, mainnet, 1, keystore.MaxIndex+1),
		"depth": at(main_, mainnet, 1), "deeper": at(main_, mainnet, 1, 9, 0), "account": e.At(main_, []uint32{48 | h, h, 1 | h, 2 | h, 1, 9}, mainnet),
		"nothing enrolled": (*Enrolled)(nil).At(main_, append(bip48[:4:4], 1, 9), mainnet),
	} {
		if len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
