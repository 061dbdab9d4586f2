package hd

import (
	"bytes"
	"strings"
	"testing"

	"coldsign/shared/chain"

	"golang.org/x/text/unicode/norm"
)

func FuzzParsePublic(f *testing.F) {
	var v bip32File
	load(f, "hd/bip32.json", &v)
	for _, s := range v.Valid {
		for _, c := range s.Chains {
			f.Add(c.Pub)
		}
	}
	for _, s := range v.Invalid {
		f.Add(s.Key)
	}
	f.Add(master(f, testSeed).Public().Encode(true))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePublic(text)
		if err != nil {
			if text != "" && len(text) > 20 && strings.Contains(err.Error(), text) {
				t.Fatal("the error shows the key")
			}
			return
		}
		if p.String() != text {
			t.Fatalf("%q encodes as %q", text, p)
		}
		if _, err := p.Child(1); err != nil && p.Depth() < 255 {
			t.Fatal(err)
		}
	})
}

func FuzzParsePrivate(f *testing.F) {
	var v bip32File
	load(f, "hd/bip32.json", &v)
	for _, s := range v.Valid {
		for _, c := range s.Chains {
			f.Add(c.Prv)
		}
	}
	for _, s := range v.Invalid {
		f.Add(s.Key)
	}
	f.Add(master(f, testSeed).Encode(true))
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParsePrivate(text)
		if err != nil {
			return
		}
		if k.Encode(k.Testnet()) != text {
			t.Fatalf("%q encodes as another text", text)
		}
		if p, err := ParsePublic(k.Public().String()); err != nil || *p != *k.Public() {
			t.Fatal(err)
		}
	})
}

// FuzzSerialized mends the checksum of 78 bytes, to reach the checks behind it.
func FuzzSerialized(f *testing.F) {
	k := derive(f, master(f, testSeed), "m/3'/4")
	for _, s := range []string{k.Encode(false), k.Encode(true), k.Public().Encode(false), k.Public().Encode(true)} {
		f.Add(decodeRaw(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) != rawLen {
			return
		}
		text := encodeRaw(raw)
		p, perr := ParsePublic(text)
		k, kerr := ParsePrivate(text)
		switch {
		case perr == nil && kerr == nil:
			t.Fatal("both private and public")
		case perr == nil && p.String() != text, kerr == nil && k.Encode(k.Testnet()) != text:
			t.Fatalf("%x encodes otherwise", raw)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"m", "m/0", "m/44'/0'/0'/0/7", "m/1h/2147483647h", "m/01", "m/4294967296", "/", "m//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := ParsePath(text)
		if err != nil {
			return
		}
		if got := chain.PathString(path); got != strings.ReplaceAll(text, "h", "'") {
			t.Fatalf("%q is %q", text, got)
		}
	})
}

func FuzzParseMnemonic(f *testing.F) {
	var v struct{ English [][4]string }
	load(f, "hd/bip39.json", &v)
	for _, e := range v.English {
		f.Add([]byte(e[1]))
	}
	f.Add([]byte(strings.ToUpper(junk)))
	var japanese []struct{ Mnemonic string }
	load(f, "hd/bip39-japanese.json", &japanese)
	for _, v := range japanese {
		f.Add([]byte(v.Mnemonic))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		m, err := ParseMnemonic(text)
		if !bytes.Equal(text, before) {
			t.Fatal("the text was changed")
		}
		if err != nil {
			return
		}
		canonical := strings.Join(strings.Fields(strings.ToLower(norm.NFKD.String(string(text)))), " ")
		if string(m.Text()) != canonical {
			t.Fatalf("%q is %q", text, m.Text())
		}
		if again, err := ParseMnemonic(m.Text()); err != nil || *again != *m {
			t.Fatal(err)
		}
		if again, err := NewMnemonic(m.Entropy()); err != nil || m.list == 0 && *again != *m {
			t.Fatal(err)
		}
	})
}

func FuzzEntropy(f *testing.F) {
	f.Add(append(sum(1), sum(2)...), rolls(50, 1))
	f.Add(make([]byte, 64), "")
	f.Fuzz(func(t *testing.T, random []byte, dice string) {
		b, err := Entropy(bytes.NewReader(random), dice)
		if (err == nil) != (len(b) == 32) {
			t.Fatalf("%x, %v", b, err)
		}
	})
}
