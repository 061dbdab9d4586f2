package descriptor

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

const mainnet = "bip122:000000000019d6689c085ae165831e93"

// account is a cosigner's account key, made by btcd from a seed.
func account(t testing.TB, seed byte, kind uint32, params *chaincfg.Params) (origin, xpub string) {
	t.Helper()
	k, err := hdkeychain.NewMaster(bytes.Repeat([]byte{seed}, 32), params)
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := k.ECPubKey()
	fp := address.Hash160(pub.SerializeCompressed())[:4]
	coin := params.HDCoinType
	for _, i := range []uint32{48, coin, 0, kind} {
		if k, err = k.Derive(i + hdkeychain.HardenedKeyStart); err != nil {
			t.Fatal(err)
		}
	}
	k, err = k.Neuter()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("[%x/48h/%dh/0h/%dh]", fp, coin, kind), k.String()
}

// key is a whole key expression.
func key(t testing.TB, seed byte) string {
	origin, xpub := account(t, seed, 2, &chaincfg.MainNetParams)
	return origin + xpub + "/<0;1>/*"
}

func summed(t testing.TB, body string) string {
	t.Helper()
	sum, err := Checksum(body)
	if err != nil {
		t.Fatal(err)
	}
	return body + "#" + sum
}

// sorted is the text of a 2-of-n wallet.
func sorted(t testing.TB, keys ...string) string {
	return summed(t, "wsh(sortedmulti(2,"+strings.Join(keys, ",")+"))")
}

// Scripts and addresses of random wallets are those that btcd makes.
func TestAgainstBtcd(t *testing.T) {
	rnd := rand.New(rand.NewChaCha8([32]byte{7}))
	for range 40 {
		n := 1 + rnd.IntN(maxKeys)
		m, isSorted, nested := 1+rnd.IntN(n), rnd.IntN(2) == 0, rnd.IntN(2) == 0
		branch, index := rnd.Uint32N(2), rnd.Uint32N(100_000)
		var texts []string
		var leaves []*address.AddressPubKey
		for i := range n {
			origin, xpub := account(t, byte(i+1), 2, &chaincfg.MainNetParams)
			texts = append(texts, origin+xpub+"/<0;1>/*")
			k, err := hdkeychain.NewKeyFromString(xpub)
			if err == nil {
				k, err = k.Derive(branch)
			}
			if err == nil {
				k, err = k.Derive(index)
			}
			if err != nil {
				t.Fatal(err)
			}
			pub, _ := k.ECPubKey()
			leaf, err := address.NewAddressPubKey(pub.SerializeCompressed(), &chaincfg.MainNetParams)
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leaf)
		}
		name := "multi"
		if isSorted {
			name = "sortedmulti"
			slices.SortFunc(leaves, func(a, b *address.AddressPubKey) int { return bytes.Compare(a.ScriptAddress(), b.ScriptAddress()) })
		}
		body := fmt.Sprintf("wsh(%s(%d,%s))", name, m, strings.Join(texts, ","))
		if nested {
			body = "sh(" + body + ")"
		}
		w, err := Read([]byte(summed(t, body)))
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		witness, err := txscript.MultiSigScript(leaves, m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.witness(int(branch), index)
		if err != nil || !bytes.Equal(got, witness) {
			t.Fatalf("%x, %v, btcd makes %x", got, err, witness)
		}
		script, err := w.Script(int(branch), index)
		if err != nil {
			t.Fatal(err)
		}
		_, addrs, _, err := txscript.ExtractPkScriptAddrs(script, &chaincfg.MainNetParams)
		ours, ok := bitcoin.AddressFor(mainnet, script)
		if err != nil || !ok || len(addrs) != 1 || addrs[0].String() != ours {
			t.Fatalf("address %s, btcd says %v", ours, addrs)
		}
		if w.String() != summed(t, body) {
			t.Fatalf("%s is written as %s", body, w)
		}
	}
}

// Each spelling of one wallet is one wallet: hardened as ' or h, two descriptors or
// one, keys in another order; and each other wallet is another.
func TestSameWallet(t *testing.T) {
	a, b, c := key(t, 1), key(t, 2), key(t, 3)
	text := sorted(t, a, b, c)
	w, err := Read([]byte(text))
	if err != nil || w.String() != text {
		t.Fatal(w, err)
	}
	body, _, _ := strings.Cut(text, "#")
	chain := func(n string) string { return summed(t, strings.ReplaceAll(body, "<0;1>", n)) }
	marks := strings.NewReplacer("/48h", "/48'", "/0h", "/0'", "/2h", "/2'")
	for name, same := range map[string]string{
		"apostrophes": summed(t, marks.Replace(body)),
		"two":         chain("0") + "\n" + chain("1"),
		"Sparrow":     "# Receive and change descriptor (BIP389):\n" + text + "\r\n\n# Receive descriptor (Bitcoin Core):\n" + chain("0") + "\n# Change descriptor (Bitcoin Core):\n" + chain("1") + "\n",
		"order":       sorted(t, c, a, b),
	} {
		got, err := Read([]byte(same))
		if err != nil || got.ID() != w.ID() || !got.SameKeys(w) {
			t.Errorf("%s: %v\n%s", name, err, same)
		}
	}
	for name, other := range map[string]string{
		"threshold": strings.Replace(body, "multi(2", "multi(1", 1), "unsorted": strings.Replace(body, "sortedmulti", "multi", 1),
		"nested": "sh(" + body + ")", "fewer": "wsh(sortedmulti(2," + a + "," + b + "))", "another": "wsh(sortedmulti(2," + a + "," + b + "," + key(t, 4) + "))",
	} {
		got, err := Read([]byte(summed(t, other)))
		if err != nil || got.ID() == w.ID() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ATT-22: what is no wallet of different people is refused; what stands beside each
// case is the smallest change that is taken.
func TestATT22Refused(t *testing.T) {
	a, b, c := key(t, 1), key(t, 2), key(t, 3)
	_, xa := account(t, 1, 2, &chaincfg.MainNetParams)
	_, xb := account(t, 2, 2, &chaincfg.MainNetParams)
	_, nestedA := account(t, 1, 1, &chaincfg.MainNetParams)
	_, test := account(t, 2, 2, &chaincfg.TestNet3Params)
	pub, err := hd.ParsePublic(xa)
	if err != nil {
		t.Fatal(err)
	}
	child, err := pub.Child(0)
	if err != nil {
		t.Fatal(err)
	}
	code := pub.ChainCode()
	code[0] ^= 1
	recoded, err := hd.NewPublic(pub.Key(), code, 4, [4]byte{9, 9, 9, 9}, 1<<31)
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := hd.NewPublic(child.Key(), child.ChainCode(), 5, [4]byte{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	bKey, err := hd.ParsePublic(xb)
	if err != nil {
		t.Fatal(err)
	}
	hardened, err := hd.NewPublic(bKey.Key(), bKey.ChainCode(), 5, pub.Fingerprint(), 1<<31)
	if err != nil {
		t.Fatal(err)
	}
	const tail, elsewhere = "/<0;1>/*", "[11111111/48h/0h/0h/2h]"
	many := func(n int) (keys []string) {
		for i := range n {
			keys = append(keys, key(t, byte(i+1)))
		}
		return keys
	}
	for _, c := range []struct{ name, code, bad, good string }{
		{"duplicate", "multisig.duplicate", sorted(t, a, a), sorted(t, a, b)},
		{"duplicate under another name", "multisig.duplicate", sorted(t, a, elsewhere+xa+tail), sorted(t, a, elsewhere+xb+tail)},
		{"duplicate with another chain code", "multisig.duplicate", sorted(t, a, elsewhere+recoded.Encode(false)+tail), sorted(t, a, b)},
		{"same master", "multisig.duplicate", sorted(t, a, a[:10]+b[10:]), sorted(t, a, b)},
		{"same parent", "multisig.duplicate", sorted(t, a, elsewhere+nestedA+tail), sorted(t, a, elsewhere+xb+tail)},
		{"child", "multisig.duplicate", sorted(t, a, elsewhere+child.Encode(false)+tail), sorted(t, b, elsewhere+child.Encode(false)+tail)},
		{"child without a parent", "multisig.duplicate", sorted(t, a, elsewhere+orphan.Encode(false)+tail), sorted(t, b, elsewhere+orphan.Encode(false)+tail)},
		{"child first", "multisig.duplicate", sorted(t, elsewhere+orphan.Encode(false)+tail, a), sorted(t, elsewhere+orphan.Encode(false)+tail, b)},
		{"hardened child", "multisig.duplicate", sorted(t, a, elsewhere+hardened.Encode(false)+tail), sorted(t, c, elsewhere+hardened.Encode(false)+tail)},
		{"threshold 0", "descriptor.malformed", summed(t, "wsh(sortedmulti(0,"+a+","+b+"))"), summed(t, "wsh(sortedmulti(1,"+a+","+b+"))")},
		{"threshold above", "descriptor.malformed", summed(t, "wsh(sortedmulti(3,"+a+","+b+"))"), summed(t, "wsh(sortedmulti(2,"+a+","+b+"))")},
		{"threshold padded", "descriptor.malformed", summed(t, "wsh(sortedmulti(02,"+a+","+b+"))"), sorted(t, a, b)},
		{"no keys", "descriptor.malformed", summed(t, "wsh(sortedmulti(2))"), sorted(t, a, b)},
		{"16 keys", "descriptor.limits", sorted(t, many(16)...), sorted(t, many(15)...)},
		{"no origin", "descriptor.origin", sorted(t, a, b[strings.Index(b, "]")+1:]), sorted(t, a, b)},
		{"no path", "descriptor.origin", sorted(t, a, "[11111111]"+xb+tail), sorted(t, a, "[11111111/0]"+xb+tail)},
		{"deep path", "descriptor.malformed", sorted(t, a, "[11111111"+strings.Repeat("/0", 11)+"]"+xb+tail), sorted(t, a, "[11111111"+strings.Repeat("/0", 10)+"]"+xb+tail)},
		{"no chains", "descriptor.chains", sorted(t, a, b[:len(b)-len(tail)]+"/*"), sorted(t, a, b)},
		{"other chains", "descriptor.chains", sorted(t, strings.Replace(a, "<0;1>", "<2;3>", 1), b), sorted(t, a, b)},
		{"swapped chains", "descriptor.chains", sorted(t, strings.Replace(a, "<0;1>", "<1;0>", 1), b), sorted(t, a, b)},
		{"deeper", "descriptor.chains", sorted(t, strings.Replace(a, "<0;1>", "<0;1>/0", 1), b), sorted(t, a, b)},
		{"mixed chains", "descriptor.chains", sorted(t, strings.Replace(a, "<0;1>", "0", 1), strings.Replace(b, "<0;1>", "1", 1)), sorted(t, a, b)},
		{"one chain and both", "descriptor.chains", sorted(t, strings.Replace(a, "<0;1>", "0", 1), b), sorted(t, a, b)},
		{"chains twice in a key", "descriptor.malformed", sorted(t, strings.Replace(a, "<0;1>", "<0;1>/<2;3>", 1), b), sorted(t, a, b)},
		{"a chain twice", "descriptor.malformed", sorted(t, strings.Replace(a, "<0;1>", "<0;0>", 1), b), sorted(t, a, b)},
		{"different numbers of chains", "descriptor.malformed", sorted(t, strings.Replace(a, "<0;1>", "<0;1;2>", 1), b), sorted(t, a, b)},
		{"receive alone", "descriptor.chains", strings.TrimSpace(half(t, "0", a, b)), half(t, "0", a, b) + half(t, "1", a, b)},
		{"another's change", "descriptor.several", half(t, "0", a, b) + half(t, "1", a, c), half(t, "0", a, c) + half(t, "1", a, c)},
		{"hardened steps", "descriptor.malformed", sorted(t, strings.Replace(a, "<0;1>", "<0h;1h>", 1), b), sorted(t, a, b)},
		{"networks", "descriptor.network", sorted(t, a, elsewhere+test+tail), sorted(t, a, b)},
		{"private", "descriptor.key", sorted(t, a, "[11111111/48h]xprv9s21ZrQH143K31xYSDQpPDxsXRTUcvj2iNHm5NUtrGiGG5e2DtALGdso3pGz6ssrdK4PFmM8NSpSBHNqPqm55Qn3LqFtT2emdEXVYsCzC2U"+tail), sorted(t, a, b)},
		{"other forms", "descriptor.form", summed(t, "sh(sortedmulti(2,"+a+","+b+"))"), summed(t, "sh(wsh(sortedmulti(2,"+a+","+b+")))")},
		{"checksum", "descriptor.checksum", strings.Replace(sorted(t, a, b), "sortedmulti(2", "sortedmulti(1", 1), sorted(t, a, b)},
		{"no checksum", "descriptor.checksum", strings.Split(sorted(t, a, b), "#")[0], sorted(t, a, b)},
		{"after the checksum", "descriptor.checksum", sorted(t, a, b) + "x", sorted(t, a, b)},
		{"characters", "descriptor.malformed", strings.Replace(sorted(t, a, b), "/<", "\u200b/<", 1), sorted(t, a, b)},
		{"spaces", "descriptor.key", summed(t, "wsh(sortedmulti(2, "+a+","+b+"))"), sorted(t, a, b)},
		{"large", "descriptor.limits", sorted(t, a, b) + strings.Repeat("\n", MaxFile), sorted(t, a, b) + strings.Repeat("\n", 1000)},
		{"long", "descriptor.limits", sorted(t, a, b) + strings.Repeat("x", maxText), sorted(t, a, b)},
		{"empty", "descriptor.malformed", "# nothing\n", "# something\n" + sorted(t, a, b)},
	} {
		if w, err := Read([]byte(c.bad)); fault.Code(err) != c.code {
			t.Errorf("%s: %v, want %s: %s", c.name, err, c.code, w.Descriptor)
		}
		if _, err := Read([]byte(c.good)); err != nil {
			t.Errorf("%s: the legal one: %v", c.name, err)
		}
	}
}

// half is the descriptor of one chain alone, on a line.
func half(t *testing.T, chain string, keys ...string) string {
	return sorted(t, strings.Split(strings.ReplaceAll(strings.Join(keys, ","), "<0;1>", chain), ",")...) + "\n"
}

// A record's checksum may be missing, not wrong.
func TestBSMSChecksum(t *testing.T) {
	for _, r := range records(t) {
		lines := strings.Split(r, "\n")
		if len(lines) < 4 || lines[2] != "/0/*,/1/*" {
			continue
		}
		lines[1] = summed(t, lines[1])
		if _, err := Read([]byte(strings.Join(lines, "\n"))); err != nil {
			t.Error(err)
		}
		lines[1] = lines[1][:len(lines[1])-1] + "b"
		if _, err := Read([]byte(strings.Join(lines, "\n"))); fault.Code(err) != "descriptor.checksum" {
			t.Error(err)
		}
	}
}

// What is read is written in one spelling, which is read as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(sorted(f, key(f, 1), key(f, 2))))
	f.Add([]byte(summed(f, "sh(wsh(multi(1,"+key(f, 1)+","+key(f, 2)+","+key(f, 3)+")))")))
	for _, r := range records(f) {
		f.Add([]byte(r))
	}
	for _, v := range vectors(f, "0389") {
		f.Add([]byte(v.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := Parse(string(b)); err == nil {
			if again, err := Parse(d.String()); err != nil || again.String() != d.String() {
				t.Fatalf("%s is read as %s, %v", d, again, err)
			}
		}
		w, err := Read(b)
		if err != nil {
			return
		}
		again, err := Read([]byte(w.String()))
		if err != nil || again.String() != w.String() || again.ID() != w.ID() {
			t.Fatalf("%s is read as %s, %v", w, again, err)
		}
		for _, branch := range []int{Receive, Change} {
			x, err := w.Script(branch, 5)
			y, err2 := again.Script(branch, 5)
			if err != nil || err2 != nil || hex.EncodeToString(x) != hex.EncodeToString(y) {
				t.Fatalf("%x, %x, %v, %v", x, y, err, err2)
			}
		}
	})
}
