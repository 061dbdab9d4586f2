package urtypes

import (
	"bytes"
	"reflect"
	"testing"
)

// FuzzDecode: what is read can be written, and is read as the same again; what
// is written has one form. Only of outputs can more be read than written: those
// of version 2 that version 1 cannot say.
func FuzzDecode(f *testing.F) {
	for _, v := range published(f) {
		f.Add(v.Type, v.cbor(f))
	}
	for name, items := range examples() {
		for _, item := range items {
			raw, err := Encode(name, item)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(name, raw)
		}
	}
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		item, err := Decode(name, raw)
		if err != nil {
			return
		}
		again, err := Encode(name, item)
		if err != nil {
			if name != "crypto-output" && name != "crypto-account" {
				t.Fatalf("%+v: %v", item, err)
			}
			return
		}
		back, err := Decode(name, again)
		if err != nil || !reflect.DeepEqual(back, item) {
			t.Fatalf("%x is read as\n%+v, written as\n%x, and read as\n%+v %v", raw, item, again, back, err)
		}
		if third, err := Encode(name, back); err != nil || !bytes.Equal(third, again) {
			t.Fatalf("%x and %x %v", again, third, err)
		}
	})
}
