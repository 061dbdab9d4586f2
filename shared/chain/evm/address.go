package evm

import (
	"encoding/hex"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"

	"github.com/btcsuite/btcd/address/v2/bech32"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/sha3"
)

func keccak(b []byte) (h [32]byte) {
	k := sha3.NewLegacyKeccak256()
	k.Write(b)
	k.Sum(h[:0])
	return h
}

// addressOf is the last 20 bytes of the keccak of the point's 64 bytes.
func addressOf(pub chain.PublicKey) (a [20]byte, ok bool) {
	if pub.Curve() != chain.Secp256k1 {
		return a, false
	}
	p, err := secp256k1.ParsePubKey(pub.Bytes())
	if err != nil {
		return a, false
	}
	h := keccak(p.SerializeUncompressed()[1:])
	copy(a[:], h[12:])
	return a, true
}

// Checksum spells an address as EIP-55 says: a letter is upper case where the
// keccak of the lower-case text has a digit of 8 or more.
func Checksum(a [20]byte) string {
	text := []byte(hex.EncodeToString(a[:]))
	h := keccak(text)
	for i, c := range text {
		if c >= 'a' && h[i/2]>>(4*(1-i%2))&8 != 0 {
			text[i] = c - 'a' + 'A'
		}
	}
	return "0x" + string(text)
}

// ParseAddress reads 0x and 40 hex digits. All lower and all upper case carry
// no checksum; mixed case must be EIP-55. Other forms (ICAP, ENS, bare hex) are
// refused. Errors: evm.address, evm.checksum.
func ParseAddress(s string) (a [20]byte, err error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || len(digits) != 40 {
		return a, notAddress(s)
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return a, notAddress(s)
	}
	copy(a[:], b)
	mixed := strings.ToLower(digits) != digits && strings.ToUpper(digits) != digits
	if mixed && Checksum(a) != s {
		return [20]byte{}, fault.New("evm.checksum", "copy the address again from its owner",
			"address %s fails its EIP-55 checksum", quote.String(s))
	}
	return a, nil
}

// one spells an address as Harmony does: bech32 (BIP-173) with the prefix one.
func one(a [20]byte) string {
	data, err := bech32.ConvertBits(a[:], 8, 5, true)
	if err != nil { // 20 bytes always convert
		return ""
	}
	text, err := bech32.Encode("one", data)
	if err != nil {
		return ""
	}
	return text
}

// parseOne reads one1 and what follows; upper case and other encodings of the same
// bytes are refused. Errors: evm.address, evm.checksum.
func parseOne(s string) (a [20]byte, err error) {
	if len(s) != len("one1")+32+6 || strings.ToLower(s) != s {
		return a, notAddress(s)
	}
	_, data, err := bech32.Decode(s)
	if err != nil {
		return a, fault.New("evm.checksum", "copy the address again from its owner", "address %s fails its bech32 checksum", quote.String(s))
	}
	b, err := bech32.ConvertBits(data, 5, 8, false)
	if err != nil || len(b) != 20 {
		return a, notAddress(s)
	}
	copy(a[:], b)
	if one(a) != s {
		return [20]byte{}, notAddress(s)
	}
	return a, nil
}

// notAddress repeats no more of s than an address has: it may be a private key.
func notAddress(s string) error {
	if len(s) > len("0x")+41 {
		s = "..."
	}
	return fault.New("evm.address", "give 0x and 40 hex digits", "not an address: %s", quote.String(s))
}
