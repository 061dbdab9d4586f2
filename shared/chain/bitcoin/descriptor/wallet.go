package descriptor

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
)

// The chains of a wallet.
const (
	Receive = 0
	Change  = 1
)

// Wallet is a multisig wallet: a descriptor whose keys all have an origin and the
// chains <0;1>, and are held by different people as far as they can be told apart.
type Wallet struct {
	Descriptor
	Checked bool // the file names the first address, and it is that
}

// Read reads what a coordinator exports: one descriptor for both chains or one for
// each, a line each, and lines that begin with #; or a BSMS record (BIP-129).
func Read(file []byte) (Wallet, error) {
	if len(file) > MaxFile {
		return Wallet{}, fault.New("descriptor.limits", "", "a file of %d bytes, the most is %d", len(file), MaxFile)
	}
	var lines []string
	for line := range strings.Lines(string(file)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	if len(lines) > 0 && lines[0] == "BSMS 1.0" {
		return readBSMS(lines[1:])
	}
	if len(lines) == 0 || len(lines) > 3 {
		return Wallet{}, malformed("the file has %d descriptors: one for both chains, or one for each, is a wallet", len(lines))
	}
	var list []Descriptor
	for _, line := range lines {
		d, err := Parse(line)
		if err != nil {
			return Wallet{}, err
		}
		list = append(list, d)
	}
	return New(list...)
}

// readBSMS reads the lines of a BSMS record after the first. Its checksum may be
// missing, since it names the first address, which proves as much.
func readBSMS(lines []string) (Wallet, error) {
	if len(lines) != 3 || lines[1] != "/0/*,/1/*" {
		return Wallet{}, malformed("a BSMS record has a descriptor, the paths /0/*,/1/* and the first address")
	}
	body, sum, has := strings.Cut(lines[0], "#")
	if want, err := Checksum(body); err != nil || has && sum != want {
		return Wallet{}, fault.New("descriptor.checksum", "export it again; never mend it by hand", "the descriptor's checksum is wrong: something in it was changed")
	}
	body = strings.ReplaceAll(body, "/**", "/<0;1>/*")
	if len(body) > maxText {
		return Wallet{}, malformed("it is longer than %d characters", maxText)
	}
	d, err := parse(body)
	if err != nil {
		return Wallet{}, err
	}
	w, err := New(d)
	if err != nil {
		return Wallet{}, err
	}
	script, err := w.Script(Receive, 0)
	if err != nil {
		return Wallet{}, err
	}
	w.Checked = slices.ContainsFunc(bitcoin.NetworkTable(), func(n chain.Network) bool {
		a, ok := bitcoin.AddressFor(n.ID, script)
		return ok && n.Testnet == w.Testnet() && a == lines[2]
	})
	if !w.Checked {
		return Wallet{}, fault.New("descriptor.address", "export it again; somebody may have changed it", "the first address is not the one that the record names")
	}
	return w, nil
}

// New makes a wallet of descriptors that say the same: of both chains, or of each.
func New(list ...Descriptor) (Wallet, error) {
	var w Wallet
	seen := [3]bool{} // both, receive, change
	for i, d := range list {
		kind, err := chains(d)
		if err != nil {
			return w, err
		}
		seen[kind] = true
		d.Keys = slices.Clone(d.Keys)
		for j := range d.Keys {
			d.Keys[j].Steps = []Step{{Receive, Change}}
		}
		if i == 0 {
			w.Descriptor = d
		} else if d.body() != w.body() {
			return w, fault.New("descriptor.several", "give one wallet at a time", "the descriptors are not of one wallet")
		}
	}
	if !seen[0] && !(seen[1] && seen[2]) {
		return w, fault.New("descriptor.chains", "give the descriptor of the other chain too, or one with <0;1>", "the wallet has a receive or a change chain alone")
	}
	return w, w.distinct()
}

// chains tells for which chains a descriptor is: 0 both, 1 receive, 2 change.
func chains(d Descriptor) (int, error) {
	kind := -1
	for _, k := range d.Keys {
		if !k.Known || len(k.Origin) == 0 {
			return 0, fault.New("descriptor.origin", "export it with the fingerprint and the path of every key", "key %s has no origin", k.XPub)
		}
		this := -1
		if k.Ranged && len(k.Steps) == 1 {
			this = slices.IndexFunc([]Step{{Receive, Change}, {Receive}, {Change}}, func(s Step) bool { return slices.Equal(s, k.Steps[0]) })
		}
		if this < 0 || kind >= 0 && this != kind {
			return 0, fault.New("descriptor.chains", "make a wallet with the usual chains", "key %s is not followed by /<0;1>/*, or by /0/* and /1/* in two descriptors", k.XPub)
		}
		kind = this
	}
	return kind, nil
}

// distinct refuses keys that one person can hold: the same key, keys of one master
// key, and a key that derives from another or from the same parent. A file can hide
// the last two; nobody can hide the first.
func (w Wallet) distinct() error {
	for i, a := range w.Keys {
		for _, b := range w.Keys[:i] {
			why := ""
			switch zero := [4]byte{}; {
			case a.XPub.Key() == b.XPub.Key():
				why = "are the same"
			case a.Fingerprint == b.Fingerprint && a.Fingerprint != zero:
				why = "come from the same master key"
			case a.XPub.Parent() == b.XPub.Parent() && a.XPub.Parent() != zero:
				why = "come from the same parent key"
			case below(a, b) || below(b, a):
				why = "come from each other"
			default:
				continue
			}
			return fault.New("multisig.duplicate", "every cosigner makes a key of their own", "two cosigner keys %s: %s and %s", why, b.XPub, a.XPub)
		}
	}
	return nil
}

// below tells whether a is a child of b.
func below(a, b Key) bool {
	if a.XPub.Parent() == b.XPub.Fingerprint() {
		return true
	}
	child, err := b.XPub.Child(a.XPub.Index())
	return err == nil && child.Key() == a.XPub.Key()
}

// Testnet tells which kind of network the wallet is for.
func (w Wallet) Testnet() bool { return w.Keys[0].XPub.Testnet() }

// ID names the wallet: all descriptors that make the same scripts have the same, in
// whatever order a sorted one lists its keys, and wherever they say these come from.
func (w Wallet) ID() [32]byte {
	var keys [][]byte
	for _, k := range w.Keys {
		code := k.XPub.ChainCode()
		keys = append(keys, append(k.XPub.Key().Bytes(), code[:]...))
	}
	if w.Sorted {
		slices.SortFunc(keys, bytes.Compare)
	}
	form := func(b bool) byte {
		if b {
			return 1
		}
		return 0
	}
	h := sha256.New()
	h.Write([]byte("coldsign multisig wallet\x00"))
	h.Write([]byte{form(w.Nested), form(w.Sorted), form(w.Testnet()), byte(w.Threshold), byte(len(keys))})
	for _, k := range keys {
		h.Write(k)
	}
	return [32]byte(h.Sum(nil))
}

// SameKeys tells whether another wallet has the very same keys.
func (w Wallet) SameKeys(o Wallet) bool {
	if len(w.Keys) != len(o.Keys) {
		return false
	}
	return !slices.ContainsFunc(w.Keys, func(a Key) bool {
		return !slices.ContainsFunc(o.Keys, func(b Key) bool { return a.XPub.Key() == b.XPub.Key() })
	})
}
