package urtypes

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"coldsign/shared/frame/ur"
)

type vector struct{ Type, CBOR, UR, Source string }

func published(t testing.TB) (all []vector) {
	for file, least := range map[string]int{"keystone.json": 22, "bcr.json": 13} {
		b, err := os.ReadFile("../../../testdata/urtypes/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var some []vector
		if err := json.Unmarshal(b, &some); err != nil || len(some) < least {
			t.Fatalf("%s: %d vectors, %v", file, len(some), err)
		}
		all = append(all, some...)
	}
	return all
}

func (v vector) cbor(t testing.TB) []byte {
	b, err := hex.DecodeString(v.CBOR)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// other gives a type whose content is of the same kind, in the other version.
var other = map[string]string{"crypto-psbt": "psbt", "crypto-hdkey": "hdkey", "crypto-account": "account-descriptor", "crypto-output": "output-descriptor", "psbt": "crypto-psbt", "hdkey": "crypto-hdkey"}

// deployed gives what signers write where the publication has more: outputs
// without their own tag, and nothing for a key that is not private.
func (v vector) deployed(raw []byte) []byte {
	switch v.Type {
	case "crypto-account":
		return bytes.ReplaceAll(raw, []byte("\xd9\x01\x34"), nil)
	case "output-descriptor":
		return bytes.TrimPrefix(raw, []byte("\xd9\x9d\x74"))
	case "crypto-multi-accounts":
		return bytes.ReplaceAll(raw, []byte("\xd9\x01\x2f\xa4\x02\xf4"), []byte("\xd9\x01\x2f\xa3"))
	}
	return raw
}

// What is written for a published item is that item to the byte.
func TestPublished(t *testing.T) {
	equal := 0
	for _, v := range published(t) {
		raw := v.cbor(t)
		item, err := Decode(v.Type, raw)
		if err != nil {
			t.Errorf("%s of %s: %v", v.Type, v.Source, err)
			continue
		}
		again, err := Encode(v.Type, item)
		if err != nil {
			t.Errorf("%s of %s: %v", v.Type, v.Source, err)
			continue
		}
		if want := v.deployed(raw); !bytes.Equal(again, want) {
			t.Errorf("%s of %s is written as\n%x, want\n%x", v.Type, v.Source, again, want)
		}
		if bytes.Equal(again, raw) {
			equal++
		}
		if back, err := Decode(v.Type, again); err != nil || !reflect.DeepEqual(back, item) {
			t.Errorf("%s of %s: %+v %v", v.Type, v.Source, back, err)
		}
		if v.UR != "" && bytes.Equal(again, raw) && ur.Encode(v.Type, again) != strings.ToUpper(v.UR) {
			t.Errorf("%s of %s: %s, want %s", v.Type, v.Source, ur.Encode(v.Type, again), v.UR)
		}
		if name := other[v.Type]; name != "" {
			moved, err := Encode(name, item)
			if err != nil {
				t.Errorf("as %s: %v", name, err)
			} else if back, err := Decode(name, moved); err != nil || !reflect.DeepEqual(back, item) {
				t.Errorf("as %s: %+v %v", name, back, err)
			}
		}
	}
	if equal != 29 {
		t.Errorf("%d items are written as they were published", equal)
	}
}
