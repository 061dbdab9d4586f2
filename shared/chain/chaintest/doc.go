// Package chaintest is the conformance suite that every codec passes, and the
// keys and signer that their tests share.
//
//	key := chaintest.Secp256k1Key(secret)
//	sign := chaintest.Signer(map[chain.PublicKey][]byte{key: secret})
//	chaintest.Run(t, codec, []chaintest.Case{{
//		Name: "payment", Unsigned: u, Sign: sign, Text: "testdata/payment.txt",
//	}})
package chaintest
