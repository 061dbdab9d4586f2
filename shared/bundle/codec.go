package bundle

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// The CBOR modes of items. What they let through that is not canonical, the
// comparison in decode finds.
var (
	enc = must(encOptions().EncMode())
	dec = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:   maxDepth,
		MaxArrayElements:  max(MaxChildren, MaxKeys, MaxSignatures),
		MaxMapPairs:       maxPairs,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		NaN:               cbor.NaNDecodeForbidden,
		Inf:               cbor.InfDecodeForbidden,
	}.DecMode())
)

func encOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty // so that no list has two forms
	o.TagsMd = cbor.TagsForbidden
	return o
}

// must holds for options that are constants: a test that runs at all proves it.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// item is a type that a bundle can hold.
type item interface{ check() error }

// EncodeItem encodes a Request, Receipt, Wallet or Device by the rules that
// decoding checks. Errors have the code bundle.item.
func EncodeItem(v any) ([]byte, error) {
	switch v.(type) {
	case Request, Receipt, Wallet, Device:
	default:
		return nil, badItem("%T is no item of a bundle", v)
	}
	if err := v.(item).check(); err != nil {
		return nil, err
	}
	raw, err := enc.Marshal(v)
	if err != nil {
		return nil, badItem("it cannot be encoded: %s", quote.Line(err.Error()))
	}
	if err := sizeItem(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// decode reads the one encoding of an item.
func decode[T item](raw []byte) (T, error) {
	var v, zero T
	if err := sizeItem(raw); err != nil {
		return zero, err
	}
	if err := dec.Unmarshal(raw, &v); err != nil {
		return zero, badItem("%s", quote.Line(err.Error()))
	}
	if err := v.check(); err != nil {
		return zero, err
	}
	again, err := enc.Marshal(v)
	if err != nil || !bytes.Equal(again, raw) {
		return zero, badItem("it is not in canonical form")
	}
	return v, nil
}

func sizeItem(raw []byte) error {
	if len(raw) > MaxItem {
		return badItem("it has %d bytes, and %d is the most", len(raw), MaxItem)
	}
	return nil
}

func at[T item](b *Bundle, i int, kind Kind) (T, error) {
	var zero T
	if b.Kind != kind {
		return zero, fault.New("bundle.kind", "", "this is a %s bundle, not a %s bundle", b.Kind, kind)
	}
	v, err := decode[T](b.items[i])
	if err != nil {
		return zero, fault.New("bundle.item", "export it again, and if that fails too, use the same version on both machines",
			"item %d of %d: %w", i+1, len(b.items), err)
	}
	return v, nil
}

// Request reads item i, and gives the digest that its receipt must name.
func (b *Bundle) Request(i int) (Request, [32]byte, error) {
	v, err := at[Request](b, i, Requests)
	if err != nil {
		return Request{}, [32]byte{}, err
	}
	return v, sha256.Sum256(b.items[i]), nil
}

func badItem(format string, args ...any) error {
	return fault.New("bundle.item", "", "not a valid item: %s", fmt.Sprintf(format, args...))
}
