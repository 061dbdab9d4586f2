package dialect

import (
	"encoding/binary"
	"strconv"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin/descriptor"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
	"coldsign/shared/hd"
)

// IsOutput says, as an error, what is no wallet that a coordinator shows.
func IsOutput(m frame.Message) error {
	if m.Format == frame.UR && (m.Type == "crypto-output" || m.Type == "output-descriptor") {
		return nil
	}
	return fault.New("frame.kind", "show the codes of the wallet's output descriptor", "%s is no output descriptor", m)
}

// Descriptor gives the output descriptor of a UR as text, with its checksum. The codes
// vouch for their bytes, as a checksum does for a text. Where no key says how it goes
// on, the usual chains are meant.
func Descriptor(m frame.Message) (string, error) {
	if err := IsOutput(m); err != nil {
		return "", err
	}
	item, err := urtypes.Decode(m.Type, m.Data)
	if err != nil {
		return "", err
	}
	o, _ := item.(urtypes.Output)
	var b strings.Builder
	rest := o.Source
	for {
		before, after, more := strings.Cut(rest, "@")
		b.WriteString(before)
		if !more {
			break
		}
		digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
		i, err := strconv.Atoi(after[:digits])
		if err != nil || i >= len(o.Keys) {
			return "", fault.New("descriptor.malformed", "", "the output descriptor names a key that it does not have")
		}
		rest = after[digits:]
		text, err := keyText(o.Keys[i], strings.HasPrefix(rest, "/"))
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	sum, err := descriptor.Checksum(b.String())
	return b.String() + "#" + sum, err
}

// keyText writes a key as descriptors have it; followed when the text says itself how
// it goes on.
func keyText(item urtypes.Item, followed bool) (string, error) {
	k, ok := item.(urtypes.HDKey)
	if !ok || k.Private || k.Master || k.Origin == nil || len(k.Key) != 33 {
		return "", fault.New("descriptor.origin", "export it with the fingerprint and the path of every key", "a key of the output descriptor has no origin, or is no public key of a tree")
	}
	path, one := k.Origin.Indexes()
	if !one || len(path) == 0 {
		return "", fault.New("descriptor.origin", "", "the origin of a key leads to no single key")
	}
	key, err := chain.NewPublicKey(chain.Secp256k1, k.Key)
	if err != nil {
		return "", err
	}
	var parent, fp [4]byte
	binary.BigEndian.PutUint32(parent[:], k.Parent)
	binary.BigEndian.PutUint32(fp[:], k.Origin.Fingerprint)
	depth := uint8(len(path)) // limits.go of urtypes bounds it
	if k.Origin.Depth != nil {
		depth = *k.Origin.Depth
	}
	x, err := hd.NewPublic(key, k.ChainCode, depth, parent, path[len(path)-1])
	if err != nil {
		return "", err
	}
	testnet := k.Coin != nil && k.Coin.Network != 0 || k.Coin == nil && len(path) > 1 && path[1] == chain.Hardened+1
	text := "[" + descriptor.OriginString(fp, path) + "]" + x.Encode(testnet)
	switch {
	case followed && k.Children != nil:
		return "", fault.New("descriptor.malformed", "", "a key says twice how it goes on")
	case followed:
		return text, nil
	case k.Children == nil:
		return text + "/<0;1>/*", nil
	}
	for _, s := range k.Children.Steps {
		low, high := strconv.Itoa(int(s.Low)), strconv.Itoa(int(s.High))
		switch {
		case s.Hardened || s.HighHardened || s.Form == urtypes.Range && s.Low+1 != s.High:
			return "", fault.New("descriptor.chains", "", "a key goes on in a way that no wallet does here")
		case s.Form == urtypes.Index:
			text += "/" + low
		case s.Form == urtypes.Wildcard:
			text += "/*"
		default: // some write the two chains as a range
			text += "/<" + low + ";" + high + ">"
		}
	}
	return text, nil
}
