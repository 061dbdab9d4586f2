// Package descriptor reads the output descriptors of multisig wallets (BIP-380, 382,
// 383, 389), as coordinators write them:
//
//	w, err := descriptor.Read(file) // wsh(sortedmulti(2,[d34db33f/48h/0h/0h/2h]xpub.../<0;1>/*,...))#checksum
//	script, err := w.Script(0, 7)   // the eighth receive address
//
// What is read are claims of who wrote the file. Only extended public keys are
// taken, in P2WSH multisig, bare or in P2SH: what package bitcoin signs. There is one
// spelling that is written: h for hardened, and the two chains as <0;1>.
package descriptor

import (
	"encoding/hex"
	"slices"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// Descriptor is one expression. It never changes.
type Descriptor struct {
	Nested    bool // sh(wsh(...))
	Sorted    bool // the keys of each script are sorted (sortedmulti)
	Threshold int  // signatures
	Keys      []Key
}

// Key is one key expression.
type Key struct {
	Known       bool     // there is an origin
	Fingerprint [4]byte  // of the master key
	Origin      []uint32 // from there to XPub
	XPub        *hd.Public
	Steps       []Step // from XPub on
	Ranged      bool   // a child for each index follows
}

// Step is one level of normal derivation: a number, or several of which the first is
// for the first chain, and so on (BIP-389).
type Step []uint32

func malformed(format string, args ...any) error {
	return fault.New("descriptor.malformed", "export the wallet again", "the descriptor is malformed: "+format, args...)
}

// Parse reads one descriptor, whose checksum must be there and right.
func Parse(text string) (Descriptor, error) {
	if len(text) > maxText {
		return Descriptor{}, fault.New("descriptor.limits", "", "a descriptor of %d characters, the most is %d", len(text), maxText)
	}
	body, sum, ok := strings.Cut(text, "#")
	if !ok {
		return Descriptor{}, fault.New("descriptor.checksum", "export it with its checksum", "the descriptor has no checksum")
	}
	want, err := Checksum(body)
	if err != nil {
		return Descriptor{}, err
	}
	if sum != want {
		return Descriptor{}, fault.New("descriptor.checksum", "export it again; never mend it by hand", "the descriptor's checksum is wrong: something in it was changed")
	}
	return parse(body)
}

// parse reads an expression without its checksum.
func parse(s string) (d Descriptor, err error) {
	form := fault.New("descriptor.form", "make a wallet of the kind P2WSH", "only wsh(...) and sh(wsh(...)) of multi or sortedmulti are taken")
	s, d.Nested = inside(s, "sh")
	s, ok := inside(s, "wsh")
	if !ok {
		return d, form
	}
	args, ok := inside(s, "multi")
	if !ok {
		if args, d.Sorted = inside(s, "sortedmulti"); !d.Sorted {
			return d, form
		}
	}
	list := strings.Split(args, ",")
	if len(list)-1 > maxKeys {
		return d, fault.New("descriptor.limits", "", "%d keys, and the most is %d", len(list)-1, maxKeys)
	}
	n, ok := number(list[0])
	if !ok || n < 1 || int64(n) > int64(len(list)-1) {
		return d, malformed("it does not say how many of its %d keys must sign", len(list)-1)
	}
	d.Threshold = int(n)
	chains := 1
	for _, text := range list[1:] {
		k, err := parseKey(text)
		if err != nil {
			return d, err
		}
		for _, s := range k.Steps {
			if len(s) > 1 && chains > 1 && chains != len(s) {
				return d, malformed("its keys have different numbers of chains")
			}
			chains = max(chains, len(s))
		}
		d.Keys = append(d.Keys, k)
	}
	if slices.ContainsFunc(d.Keys, func(k Key) bool { return k.XPub.Testnet() != d.Keys[0].XPub.Testnet() }) {
		return d, fault.New("descriptor.network", "", "it has keys of main and of test networks")
	}
	return d, nil
}

// inside gives what stands in the brackets of a function; s itself if it is not that.
func inside(s, name string) (string, bool) {
	rest, ok := strings.CutPrefix(s, name+"(")
	if rest, closed := strings.CutSuffix(rest, ")"); ok && closed {
		return rest, true
	}
	return s, false
}

// parseKey reads [fingerprint/path]xpub/steps/*.
func parseKey(s string) (k Key, err error) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		origin, rest, ok := strings.Cut(rest, "]")
		if !ok {
			return k, malformed("the origin of a key is not closed")
		}
		if k.Fingerprint, k.Origin, err = parseOrigin(origin); err != nil {
			return k, err
		}
		k.Known, s = true, rest
	}
	parts := strings.Split(s, "/")
	if k.XPub, err = hd.ParsePublic(parts[0]); err != nil {
		return k, fault.New("descriptor.key", "export the public keys, whole; never write a private key into a file", "one of the keys is no xpub or tpub")
	}
	parts = parts[1:]
	if n := len(parts); n > 0 && parts[n-1] == "*" {
		k.Ranged, parts = true, parts[:n-1]
	}
	if len(parts) > maxSteps {
		return k, fault.New("descriptor.limits", "", "a key is followed by %d levels, and the most is %d", len(parts), maxSteps)
	}
	several := false
	for _, p := range parts {
		step, ok := parseStep(p)
		if !ok || len(step) > 1 && several {
			return k, malformed("what follows a key is no path of normal levels with at most one <0;1>")
		}
		several = several || len(step) > 1
		k.Steps = append(k.Steps, step)
	}
	return k, nil
}

func parseStep(s string) (step Step, ok bool) {
	inner, tuple := strings.CutPrefix(s, "<")
	if tuple {
		if inner, ok = strings.CutSuffix(inner, ">"); !ok || !strings.Contains(inner, ";") || len(inner) > 100 {
			return nil, false
		}
	}
	for part := range strings.SplitSeq(inner, ";") {
		n, ok := number(part)
		if !ok || slices.Contains(step, n) || len(step) > 0 && !tuple {
			return nil, false
		}
		step = append(step, n)
	}
	return step, true
}

func parseOrigin(s string) (fp [4]byte, path []uint32, err error) {
	head, _, _ := strings.Cut(s, "/")
	b, err := hex.DecodeString(head)
	if err != nil || len(b) != 4 {
		return fp, nil, malformed("a fingerprint is 8 hex digits")
	}
	if path, err = hd.ParsePath("m" + s[len(head):]); err != nil || len(path) > maxOrigin {
		return fp, nil, malformed("the path of a key's origin is none, or longer than %d levels", maxOrigin)
	}
	return [4]byte(b), path, nil
}

// number reads a normal index in its one spelling.
func number(s string) (uint32, bool) {
	path, err := hd.ParsePath("m/" + s)
	if err != nil || len(path) != 1 || path[0] >= chain.Hardened {
		return 0, false
	}
	return path[0], true
}

// String writes the descriptor with its checksum: what Parse gives back the same.
func (d Descriptor) String() string {
	body := d.body()
	sum, err := Checksum(body)
	if err != nil {
		return "" // cannot be: every character written is in the set
	}
	return body + "#" + sum
}

func (d Descriptor) body() string {
	s := "multi("
	if d.Sorted {
		s = "sortedmulti("
	}
	s += decimal(uint32(d.Threshold))
	for _, k := range d.Keys {
		s += "," + k.String()
	}
	s = "wsh(" + s + "))"
	if d.Nested {
		s = "sh(" + s + ")"
	}
	return s
}

// String writes a key expression.
func (k Key) String() string {
	s := ""
	if k.Known {
		s = "[" + OriginString(k.Fingerprint, k.Origin) + "]"
	}
	s += k.XPub.String()
	for _, step := range k.Steps {
		var parts []string
		for _, n := range step {
			parts = append(parts, decimal(n))
		}
		if len(parts) > 1 {
			s += "/<" + strings.Join(parts, ";") + ">"
		} else {
			s += "/" + parts[0]
		}
	}
	if k.Ranged {
		s += "/*"
	}
	return s
}

// at derives the key of a chain and an index.
func (k Key) at(branch int, index uint32) (chain.PublicKey, error) {
	p := k.XPub
	steps := k.Steps
	if k.Ranged {
		steps = append(slices.Clone(steps), Step{index})
	}
	for _, s := range steps {
		n := s[0]
		if len(s) > 1 && branch < len(s) {
			n = s[branch]
		}
		var err error
		if p, err = p.Child(n); err != nil {
			return chain.PublicKey{}, err
		}
	}
	return p.Key(), nil
}

// witness gives the witness script of a chain and an index.
func (d Descriptor) witness(branch int, index uint32) ([]byte, error) {
	keys := make([]chain.PublicKey, len(d.Keys))
	for i, k := range d.Keys {
		var err error
		if keys[i], err = k.at(branch, index); err != nil {
			return nil, err
		}
	}
	if d.Sorted {
		slices.SortFunc(keys, func(a, b chain.PublicKey) int { return strings.Compare(a.String(), b.String()) })
	}
	return bitcoin.MultisigScript(d.Threshold, keys)
}

// Script gives the output script of a chain (0: the first) and an index.
func (d Descriptor) Script(branch int, index uint32) ([]byte, error) {
	w, err := d.witness(branch, index)
	if err != nil {
		return nil, err
	}
	return bitcoin.P2WSH(w, d.Nested), nil
}
