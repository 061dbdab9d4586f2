// Package urtypes reads and writes what uniform resources carry: the CBOR types
// of other wallets (BCR-2020-006 and the registry of Keystone).
//
//	v, err := urtypes.Decode("eth-sign-request", cbor)
//	request, ok := v.(urtypes.EthSignRequest)
//
//	cbor, err := urtypes.Encode("eth-signature", urtypes.EthSignature{...})
//
// The type of a UR alone says what is in it: tags of the registry collide. What
// is read is checked for its form only, and is a claim: nothing here knows what
// a transaction is, or whose key signs it. What is written is deterministic.
package urtypes

import (
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Item is one of the types below, each as a value.
type Item interface {
	// tree gives the content in terms of CBOR.
	tree(v version) any
}

// version tells the tags that nested content gets when it is written: those of
// deployed signers ("crypto-hdkey", 303) or those assigned later ("hdkey",
// 40303). Both are read.
type version uint64

const (
	v1 version = 0
	v2 version = 40000
)

// Tags of nested content, version 1.
const (
	tagUUID    = 37
	tagHDKey   = 303
	tagPath    = 304
	tagCoin    = 305
	tagECKey   = 306
	tagAddress = 307
	tagOutput  = 308
	tagEthReq  = 401
	tagEthSig  = 402
)

// kind is what a type of UR stands for.
type kind struct {
	version version
	read    func(r *reader, node any) Item
}

var kinds = map[string]kind{
	"bytes":                  {v1, func(r *reader, n any) Item { return Bytes(r.bytes("bytes", n)) }},
	"crypto-psbt":            {v1, func(r *reader, n any) Item { return PSBT(r.bytes("PSBT", n)) }},
	"psbt":                   {v2, func(r *reader, n any) Item { return PSBT(r.bytes("PSBT", n)) }},
	"crypto-hdkey":           {v1, func(r *reader, n any) Item { return r.hdKey(n) }},
	"hdkey":                  {v2, func(r *reader, n any) Item { return r.hdKey(n) }},
	"crypto-output":          {v1, func(r *reader, n any) Item { return r.output(n) }},
	"output-descriptor":      {v2, func(r *reader, n any) Item { return r.output(n) }},
	"crypto-account":         {v1, func(r *reader, n any) Item { return r.account(n) }},
	"account-descriptor":     {v2, func(r *reader, n any) Item { return r.account(n) }},
	"crypto-multi-accounts":  {v1, func(r *reader, n any) Item { return r.multiAccounts(n) }},
	"eth-sign-request":       {v1, func(r *reader, n any) Item { return r.ethSignRequest(n) }},
	"eth-signature":          {v1, func(r *reader, n any) Item { return r.ethSignature(n) }},
	"eth-batch-sign-request": {v1, func(r *reader, n any) Item { return r.ethBatchSignRequest(n) }},
	"eth-batch-signature":    {v1, func(r *reader, n any) Item { return r.ethBatchSignature(n) }},
	"sol-sign-request":       {v1, func(r *reader, n any) Item { return r.solSignRequest(n) }},
	"sol-signature":          {v1, func(r *reader, n any) Item { return r.solSignature(n) }},
}

// Bytes is content of no type: type "bytes".
type Bytes []byte

func (b Bytes) tree(version) any { return []byte(b) }

// PSBT is a transaction as in BIP-174: types "crypto-psbt" and "psbt".
type PSBT []byte

func (p PSBT) tree(version) any { return []byte(p) }

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  maxDepth,
		MaxArrayElements: MaxList,
		MaxMapPairs:      maxPairs,
		IndefLength:      cbor.IndefLengthForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode())
)

// must holds for options that are constants: a test that runs at all proves it.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Decode reads the content of a UR of a type in lower case. Codes of errors:
// urtype.unknown, urtype.content.
func Decode(name string, data []byte) (Item, error) {
	k, ok := kinds[name]
	if !ok {
		return nil, fault.New("urtype.unknown", "", "a UR of type %s is nothing that Coldsign reads", quote.String(name))
	}
	most := MaxItem
	if name == "bytes" || name == "psbt" || name == "crypto-psbt" {
		most = MaxBytes
	}
	r := &reader{}
	var node any
	if len(data) > most {
		r.fail("it has %d bytes, and %d is the most", len(data), most)
	} else if err := decMode.Unmarshal(data, &node); err != nil {
		r.fail("%s", quote.Line(err.Error()))
	}
	var item Item
	if r.err == nil {
		item = k.read(r, node)
	}
	if r.err != nil {
		return nil, fault.New("urtype.content", "", "the content of a UR of type %q is not what it must be: %w", name, r.err)
	}
	return item, nil
}

// Encode writes the content of a UR of a type. It writes nothing that Decode
// would not read.
func Encode(name string, item Item) ([]byte, error) {
	data, err := encMode.Marshal(item.tree(kinds[name].version))
	if err != nil {
		return nil, fault.New("urtype.content", "", "%w", err)
	}
	again, err := Decode(name, data)
	if err != nil {
		return nil, err
	}
	if reflect.TypeOf(again) != reflect.TypeOf(item) {
		return nil, fault.New("urtype.content", "", "a UR of type %q does not carry %T", name, item)
	}
	return data, nil
}

// reader keeps the first thing that was wrong, and from then on reads nothing of
// use.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) bytes(what string, node any) []byte {
	b, ok := node.([]byte)
	if !ok {
		r.fail("a %s is no byte string", what)
	}
	return b
}

// untag takes one of the tags off a node. Without the tag it is no such thing.
func (r *reader) untag(what string, node any, tag uint64) any {
	t, ok := node.(cbor.Tag)
	if !ok || t.Number != tag && t.Number != uint64(v2)+tag {
		r.fail("a %s has not the tag %d", what, tag)
	}
	return t.Content
}

// list reads an array, each of its elements with f.
func list[T any](r *reader, what string, node any, f func(node any) T) (all []T) {
	elements, ok := node.([]any)
	if !ok || len(elements) == 0 {
		r.fail("%s are no list, or none", what)
	}
	for _, e := range elements {
		if r.err == nil {
			all = append(all, f(e))
		}
	}
	return all
}

// fields are those of a map that have not been read yet.
type fields struct {
	*reader
	what string
	rest map[any]any
}

func (r *reader) fields(what string, node any) fields {
	m, ok := node.(map[any]any)
	if !ok {
		r.fail("a %s is no map", what)
	}
	return fields{r, what, m}
}

// take reads a field, or gives its zero value if there is none.
func take[T any](f fields, key uint64) (v T) {
	node, ok := f.rest[key]
	if !ok {
		return v
	}
	delete(f.rest, key)
	if v, ok = node.(T); !ok {
		f.fail("field %d of a %s is not what it must be", key, f.what)
	}
	return v
}

// optional reads a field with read, if it is there.
func optional[T any](f fields, key uint64, read func(node any) T) *T {
	node := take[any](f, key)
	if node == nil {
		return nil
	}
	v := read(node)
	return &v
}

func (f fields) number(key, least, most uint64) uint64 {
	n := take[uint64](f, key)
	if n < least || n > most {
		f.fail("field %d of a %s is missing, or not %d to %d", key, f.what, least, most)
	}
	return n
}

func (f fields) sized(key uint64, least, most int) []byte {
	b := take[[]byte](f, key)
	if len(b) < least || len(b) > most {
		f.fail("field %d of a %s is missing, or has not %d to %d bytes", key, f.what, least, most)
	}
	return b
}

func (f fields) text(key uint64, most int) string {
	s := take[string](f, key)
	if len(s) > most {
		f.fail("field %d of a %s is longer than %d bytes", key, f.what, most)
	}
	return s
}

// fixed reads a byte string that fills v, or leaves v as it is if there is none.
func (f fields) fixed(key uint64, v []byte) {
	if _, ok := f.rest[key]; ok {
		copy(v, f.sized(key, len(v), len(v)))
	}
}

// requestID reads a UUID.
func (f fields) requestID() (id UUID) {
	if node := take[any](f, 1); node != nil {
		if b := f.bytes("UUID", f.untag("UUID", node, tagUUID)); copy(id[:], b) != len(b) || len(b) != len(id) {
			f.fail("a UUID has %d bytes", len(b))
		}
	}
	return id
}

// end refuses what nobody has read: it could change what the rest means.
func (f fields) end() {
	if len(f.rest) > 0 {
		f.fail("a %s has fields that it cannot have", f.what)
	}
}

// UUID names a request, so that its signature can name it. Zero is none.
type UUID [16]byte

// record is a map to be written. Zero values are left out.
type record map[uint64]any

func (m record) set(key uint64, v any) record {
	if node := reflect.ValueOf(v); !node.IsZero() {
		m[key] = v
	}
	return m
}

func (m record) requestID(id UUID) record {
	if id != (UUID{}) {
		m[1] = cbor.Tag{Number: tagUUID, Content: id[:]}
	}
	return m
}

// trees tags each of several items.
func trees[T Item](v version, tag uint64, items []T) []any {
	all := []any{}
	for _, item := range items {
		all = append(all, cbor.Tag{Number: tag, Content: item.tree(v)})
	}
	return all
}
