package create

import (
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"coldsign/online/internal/intake"
)

// FuzzDecimal compares with big.Rat what the documented form allows.
func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"1", "0.5", ".5", "1.", "+1", "", ".", "+", "1e5", "-1", "1.0000000", "0.0000001", "00012", "1_000", "٣", "0x1", strings.Repeat("9", 78)} {
		f.Add(s, uint8(6))
	}
	documented := regexp.MustCompile(`^[+]?((\d+(\.\d*)?)|(\.\d+))$`)
	f.Fuzz(func(t *testing.T, text string, decimals uint8) {
		d := int(decimals % 31)
		got, ok := Decimal(text, d)
		if !documented.MatchString(text) || len(text) > maxNumber {
			if ok {
				t.Fatalf("%q was read as %s", text, got)
			}
			return
		}
		want, is := new(big.Rat).SetString(strings.TrimPrefix(text, "+"))
		if !is {
			t.Fatalf("%q is documented, and no number", text)
		}
		want.Mul(want, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d)), nil)))
		exact := want.IsInt() && want.Num().BitLen() <= 256
		if ok != exact || ok && got.Cmp(want.Num()) != 0 {
			t.Fatalf("%q with %d decimals: %v, %v, want %s", text, d, got, ok, want)
		}
	})
}

// FuzzBody: whatever the body, what is wrong with it is said of fields, and no secret
// is repeated.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `{"a":{"b":"c"},"d":[{"e":1}],"f":"1.5","g":5,"h":true}`, `{"a":5}`, `{"d":[5]}`, `{"fromPrivateKey":"0x46"}`, `{"x":[[{"signatureId":"y"}]]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := Parse([]byte(text))
		if err == nil {
			err = b.secrets()
		}
		if err == nil {
			b.signatureIDs()
			b.Only("a", "d", "f", "g", "h").Need("a")
			if m := b.Member("a", "b"); m != nil {
				m.Text("b", 5)
			}
			for _, v := range b.Items("d", 2) {
				b.Item("d", v, "e").AmountNumber("e", 3)
			}
			b.Amount("f", 18)
			b.Index("g")
			b.Bool("h")
			Note(b, "f", "g")
			err = b.Err()
		}
		if err == nil {
			return
		}
		e, ok := errors.AsType[intake.FieldErrors](err)
		if !ok || len(e) == 0 {
			t.Fatalf("%v is not of a field", err)
		}
		for _, bad := range e {
			if bad.Property == "" && !strings.Contains(text, `""`) || bad.Code == "" || bad.Message == "" || len(bad.Value) > maxShown {
				t.Fatalf("%+v", bad)
			}
		}
	})
}

// TestSecrets: a private key at any depth is refused first and never repeated.
func TestSecrets(t *testing.T) {
	for body, property := range map[string]string{
		`{"fromPrivateKey":"k"}`:                           "fromPrivateKey",
		`{"fromUTXO":[{"privateKey":"k","txHash":"x"}]}`:   "privateKey",
		`{"a":{"mnemonic":"k"}}`:                           "mnemonic",
		`{"signatureId":"x","keyPair":[{"privateKey":1}]}`: "privateKey",
		`{"privateKey":null}`:                              "",
		`{"privatekey":"k"}`:                               "", // an unknown field, which is not repeated either
	} {
		f, err := Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		e, _ := errors.AsType[intake.FieldErrors](f.secrets())
		if property == "" && e != nil || property != "" && (len(e) != 1 || e[0].Property != property || e[0].Value != "") {
			t.Errorf("%s: %+v", body, e)
		}
	}
}

// TestNote cuts what is too long between characters.
func TestNote(t *testing.T) {
	f, err := Parse([]byte(`{"a":"x","b":"` + strings.Repeat("é", 200) + `","c":""}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := Note(f.Only("a", "b", "c"), "a", "b"); got != "a x, b "+strings.Repeat("é", 200) || f.Err() != nil {
		t.Errorf("%q, %v", got, f.Err())
	}
}
