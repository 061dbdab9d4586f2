package bundle

import (
	"strings"
	"unicode/utf8"

	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

func (r Request) check() error {
	switch {
	case r.ID == ID{}:
		return badItem("the request has no id")
	case !validNetwork(r.Network):
		return badItem("%s is not a CAIP-2 network", quote.String(string(r.Network)))
	case len(r.Payload) == 0 || len(r.Payload) > MaxPayload:
		return badItem("the transaction has %d bytes, and 1 to %d are allowed", len(r.Payload), MaxPayload)
	case r.Deadline < 0 || r.Deadline > MaxTime:
		return badItem("the deadline is out of range")
	case len(r.Note) > MaxNote || !utf8.ValidString(r.Note):
		return badItem("the note is longer than %d bytes or is not UTF-8", MaxNote)
	case len(r.Requester) > MaxRequester || !quote.Plain(r.Requester):
		return badItem("the requester's name is longer than %d bytes or is not printable ASCII", MaxRequester)
	case len(r.Keys) == 0 || len(r.Keys) > MaxKeys:
		return badItem("it names %d keys, and 1 to %d are allowed", len(r.Keys), MaxKeys)
	case !r.Keys[0].Sign:
		return badItem("it names no signer, or not first")
	}
	for i, k := range r.Keys {
		if k.SignatureID == (SignatureID{}) || len(k.Path) > MaxPath {
			return badItem("key %d has no signature id or too long a path", i+1)
		}
		if err := checkChainKey(k.Curve, k.Key); err != nil {
			return err
		}
		if i > 0 && k.Sign && !r.Keys[i-1].Sign {
			return badItem("a signer stands after a key that does not sign")
		}
	}
	return nil
}

func (r Receipt) check() error {
	switch {
	case r.ID == ID{} || r.Digest == [32]byte{}:
		return badItem("the receipt does not name its request")
	case r.Status < Signed || r.Status > Deferred:
		return badItem("unknown status %d", r.Status)
	case r.Status == Signed && (len(r.Signatures) == 0 || len(r.Signatures) > MaxSignatures):
		return badItem("it has %d signatures, and 1 to %d are allowed", len(r.Signatures), MaxSignatures)
	case r.Status == Signed && (r.Code != "" || r.Reason != ""):
		return badItem("it is signed and gives a reason why not")
	case r.Status != Signed && len(r.Signatures) != 0:
		return badItem("it is refused and has signatures")
	case r.Status != Signed && !spelled(r.Code, 1, 64, lower+digits+".-"):
		return badItem("%s is not a code", quote.String(r.Code))
	case r.Waived&^(WaivedNetwork|WaivedSwap|WaivedClock) != 0:
		return badItem("it waives %#x, which is unknown", uint8(r.Waived))
	case len(r.Policy) > MaxPolicy || !quote.Plain(r.Policy):
		return badItem("the policy's name is longer than %d bytes or is not printable ASCII", MaxPolicy)
	case len(r.Reason) > MaxReason || !quote.Plain(r.Reason):
		return badItem("the reason is longer than %d bytes or is not printable ASCII", MaxReason)
	}
	for i, s := range r.Signatures {
		if len(s) != 64 && len(s) != 65 {
			return badItem("signature %d has %d bytes, not 64 or 65", i+1, len(s))
		}
	}
	return nil
}

func (w Wallet) check() error {
	switch {
	case w.SignatureID == SignatureID{}:
		return badItem("the wallet has no signature id")
	case !spelled(w.Chain, 1, 16, upper+digits+"_"):
		return badItem("%s is not the name of a chain", quote.String(w.Chain))
	case w.Curve != chain.Secp256k1 && w.Curve != chain.Ed25519:
		return badItem("unknown curve %d", w.Curve)
	case len(w.Key) == 0 && len(w.Keys) == 0:
		return badItem("the wallet has no key")
	case len(w.Keys) > MaxChildren:
		return badItem("it has %d keys, and %d is the most", len(w.Keys), MaxChildren)
	case len(w.ChainCode) != 0 && (len(w.ChainCode) != 32 || len(w.Key) == 0):
		return badItem("the chain code has %d bytes, not 32, or no key to go with", len(w.ChainCode))
	case len(w.Fingerprint) != 0 && len(w.Fingerprint) != 4:
		return badItem("the fingerprint has %d bytes, not 4", len(w.Fingerprint))
	case len(w.Path) > MaxPath:
		return badItem("the path has %d steps, and %d is the most", len(w.Path), MaxPath)
	}
	if len(w.Key) != 0 {
		if err := checkChainKey(w.Curve, w.Key); err != nil {
			return err
		}
	}
	for _, k := range w.Keys {
		if err := checkChainKey(w.Curve, k); err != nil {
			return err
		}
	}
	return nil
}

func (d Device) check() error {
	if d.Half != "online" && d.Half != "offline" {
		return badItem("%s is neither online nor offline", quote.String(d.Half))
	}
	return checkKey(d.Key[:])
}

func checkChainKey(c chain.Curve, key []byte) error {
	if _, err := chain.NewPublicKey(c, key); err != nil {
		return badItem("%s", quote.Line(err.Error()))
	}
	return nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// validNetwork reports whether id follows the grammar of CAIP-2.
func validNetwork(id chain.ID) bool {
	namespace, reference, ok := strings.Cut(string(id), ":")
	return ok && spelled(namespace, 3, 8, lower+digits+"-") && spelled(reference, 1, 32, lower+upper+digits+"-_")
}

// spelled reports whether s has least to most bytes, all of them in alphabet.
func spelled(s string, least, most int, alphabet string) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, alphabet) == ""
}
