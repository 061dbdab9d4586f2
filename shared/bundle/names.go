package bundle

import (
	"encoding/hex"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// String gives 24 lower-case hex characters.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads the 24 lower-case hex characters of a pending transaction's id.
func ParseID(s string) (ID, error) {
	var id ID
	if !parseHex(id[:], s) {
		return ID{}, fault.New("id.format", "see the list for the ids", "%s is not the id of a pending transaction: 24 lower-case hex characters", quote.String(s))
	}
	return id, nil
}

// String gives the UUID in lower case: "8-4-4-4-12".
func (id SignatureID) String() string {
	h := hex.EncodeToString(id[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// ParseSignatureID reads a UUID in lower or upper case, with its hyphens.
func ParseSignatureID(s string) (SignatureID, error) {
	var id SignatureID
	lower := strings.ToLower(s)
	if !parseHex(id[:], strings.ReplaceAll(lower, "-", "")) || id.String() != lower || id == (SignatureID{}) {
		return SignatureID{}, fault.New("signatureid.format", "", "%s is not a signature id: a UUID", quote.String(s))
	}
	return id, nil
}

func parseHex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) || strings.Trim(s, digits+"abcdef") != "" {
		return false
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}

// Unsigned is the request as a codec reads it: both halves build it here, so
// that they cannot differ.
func (r Request) Unsigned() (chain.Unsigned, error) {
	u := chain.Unsigned{Network: r.Network, Payload: r.Payload, Evidence: r.Evidence}
	for _, k := range r.Keys {
		if !k.Sign {
			continue
		}
		key, err := chain.NewPublicKey(k.Curve, k.Key)
		if err != nil {
			return chain.Unsigned{}, err
		}
		u.Signers = append(u.Signers, key)
	}
	return u, nil
}
