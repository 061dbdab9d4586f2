package urtypes

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// Output is an output descriptor: types "crypto-output" (BCR-2020-010) and
// "output-descriptor" (BCR-2023-010). Version 1 knows no text, but nested tags:
// it is read as the text that it stands for.
type Output struct {
	Source     string // "wsh(sortedmulti(2,@0,@1))", where @0 is Keys[0]
	Keys       []Item // HDKey, ECKey or Address
	Name, Note string // version 1 has none
}

// scripts are the functions of version 1, by their tags from 400 on.
var scripts = []string{"sh", "wsh", "pk", "pkh", "wpkh", "combo", "multi", "sortedmulti", "raw", "tr", "cosigner"}

const firstScript, multi, sortedMulti, raw = 400, 406, 407, 408

func (o Output) tree(v version) any {
	if v == v1 {
		return o.script(o.Source)
	}
	m := record{1: o.Source}.set(3, o.Name).set(4, o.Note)
	if len(o.Keys) > 0 {
		var keys []any
		for _, k := range o.Keys {
			keys = append(keys, cbor.Tag{Number: uint64(v) + tagOf(k), Content: k.tree(v)})
		}
		m[2] = keys
	}
	return m
}

// script writes a text with the tags of version 1. It gives nil, which is no
// output, for a text that has no such form.
func (o Output) script(source string) any {
	key := func(i int) any {
		return cbor.Tag{Number: tagOf(o.Keys[i]), Content: o.Keys[i].tree(v1)}
	}
	if len(o.Keys) == 1 && o.Name+o.Note == "" && source == keyText(o.Keys[0]) {
		return key(0)
	}
	name, inner, _ := strings.Cut(source, "(")
	inner, closed := strings.CutSuffix(inner, ")")
	for i, s := range scripts {
		tag := uint64(firstScript + i)
		if name != s || !closed || tag == raw || o.Name+o.Note != "" {
			continue
		}
		if tag != multi && tag != sortedMulti {
			return cbor.Tag{Number: tag, Content: o.script(inner)}
		}
		threshold, _, _ := strings.Cut(inner, ",")
		n, err := strconv.ParseUint(threshold, 10, 16)
		if err != nil || multiText(s, n, len(o.Keys)) != source {
			return nil
		}
		var keys []any
		for i := range o.Keys {
			keys = append(keys, key(i))
		}
		return cbor.Tag{Number: tag, Content: record{1: n, 2: keys}}
	}
	return nil
}

func multiText(name string, threshold uint64, keys int) string {
	s := fmt.Sprintf("%s(%d", name, threshold)
	for i := range keys {
		s += fmt.Sprintf(",@%d", i)
	}
	return s + ")"
}

// output reads either version, with its tag or without.
func (r *reader) output(node any) (o Output) {
	if t, ok := node.(cbor.Tag); ok && (t.Number == tagOutput || t.Number == uint64(v2)+tagOutput) {
		node = t.Content
	}
	if _, ok := node.(cbor.Tag); ok {
		o.Source = r.script(node, &o.Keys)
		return o
	}
	f := r.fields("output descriptor", node)
	o.Source = f.text(1, MaxSource)
	if o.Source == "" {
		r.fail("an output descriptor has no text")
	}
	if node := take[any](f, 2); node != nil {
		o.Keys = list(r, "the keys of an output descriptor", node, r.key)
	}
	o.Name, o.Note = f.text(3, MaxText), f.text(4, MaxText)
	f.end()
	return o
}

func (r *reader) script(node any, keys *[]Item) string {
	t, _ := node.(cbor.Tag)
	i := t.Number - firstScript
	switch {
	case t.Number == multi || t.Number == sortedMulti:
		f := r.fields("multisig script", t.Content)
		threshold := f.number(1, 1, 1<<16-1)
		*keys = list(r, "the keys of a multisig script", take[any](f, 2), r.key)
		f.end()
		return multiText(scripts[i], threshold, len(*keys))
	case i < uint64(len(scripts)) && t.Number != raw:
		return scripts[i] + "(" + r.script(t.Content, keys) + ")"
	}
	*keys = []Item{r.key(node)}
	return keyText((*keys)[0])
}

func keyText(key Item) string {
	if _, ok := key.(Address); ok {
		return "addr(@0)"
	}
	return "@0"
}
