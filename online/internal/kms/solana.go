package kms

import (
	"bytes"

	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	"coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

// dummyBlockhash stands in every record that the SDK makes: base58
// 7WyEshBZcZwEbJsvSeGgCkSNMxxxFAym3x7Cuj6UjAUE. No block has it.
func dummyBlockhash() [32]byte {
	return [32]byte{
		0x60, 0xd3, 0x8e, 0x0d, 0xa2, 0x0d, 0xc5, 0x90, 0x0b, 0x7e, 0x90, 0x2c, 0x91, 0x8e, 0xae, 0x6a,
		0x95, 0xe2, 0xd9, 0x0a, 0xf1, 0x54, 0xb5, 0x3a, 0x42, 0x2f, 0x4a, 0xb2, 0x6b, 0x05, 0x0f, 0x4f,
	}
}

// solanaNative reads {"txData"}. A real blockhash or nonce value in the message
// stays; only the dummy is replaced.
func solanaNative(_ chain.Network, r record, look Lookup) ([]byte, error) {
	f, err := r.fields("txData", "mintPK")
	if err != nil {
		return nil, err
	}
	if f["mintPK"].Kind != strictjson.Absent {
		return nil, fault.New("kms.private-key",
			"keep the mint's key in the offline keystore and name its signature id; treat this key as leaked",
			"the record holds a private key in mintPK")
	}
	if err := want(f, "txData"); err != nil {
		return nil, err
	}
	message, ok := hexBytes(f["txData"])
	if !ok {
		return nil, malformed("txData is not hex")
	}
	same, err := solana.WithBlockhash(message, dummyBlockhash())
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(same, message) {
		return message, nil
	}
	if look.Blockhash == nil {
		return nil, incomplete("a recent blockhash: txData has the SDK's dummy")
	}
	return solana.WithBlockhash(message, *look.Blockhash)
}
