package dialect

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
	"coldsign/shared/hd"
)

// IsKeys says, as an error, what has not the form of public keys.
func IsKeys(m frame.Message) error {
	const types = " crypto-account account-descriptor crypto-hdkey hdkey crypto-output output-descriptor crypto-multi-accounts "
	if m.Format == frame.UR && strings.Contains(types, " "+m.Type+" ") {
		return nil
	}
	return fault.New("frame.kind", "show the codes with the wallet's public keys", "%s holds no public keys", m)
}

// Wallets reads the public keys that another wallet shows when it pairs. What is
// of no chain here, and scripts of several keys, are left out; when nothing is
// left, it is foreign.keys. testnet says which networks the keys of Ethereum and
// Solana are for, whose paths do not tell.
func Wallets(m frame.Message, testnet bool) ([]bundle.Wallet, error) {
	if err := IsKeys(m); err != nil {
		return nil, err
	}
	item, err := urtypes.Decode(m.Type, m.Data)
	if err != nil {
		return nil, err
	}
	var keys []urtypes.HDKey
	var master uint32
	switch v := item.(type) {
	case urtypes.HDKey:
		keys = append(keys, v)
	case urtypes.Output:
		keys = single(v)
	case urtypes.Account:
		master = v.Fingerprint
		for _, o := range v.Outputs {
			keys = append(keys, single(o)...)
		}
	case urtypes.MultiAccounts:
		master, keys = v.Fingerprint, v.Keys
	}
	var list []bundle.Wallet
	for _, k := range keys {
		w, ok, err := walletOf(k, master, testnet)
		if err != nil {
			return nil, err
		}
		if ok && !slices.ContainsFunc(list, func(o bundle.Wallet) bool { return o.SignatureID == w.SignatureID }) {
			list = append(list, w)
		}
	}
	if len(list) == 0 {
		return nil, fault.New("foreign.keys", "show the keys of a Bitcoin, Ethereum or Solana account with a single key", "none of the %d keys is of use here", len(keys))
	}
	return list, nil
}

// single gives the key of a script with one, of a kind that we know.
func single(o urtypes.Output) []urtypes.HDKey {
	if len(o.Keys) != 1 || !slices.Contains([]string{"wpkh(@0)", "sh(wpkh(@0))", "pkh(@0)", "tr(@0)"}, o.Source) {
		return nil
	}
	if k, ok := o.Keys[0].(urtypes.HDKey); ok {
		return []urtypes.HDKey{k}
	}
	return nil
}

// walletOf makes a wallet of a key whose path says which chain it is for. An
// account key gives the wallet of its receive branch, /0, as our own wallets are.
func walletOf(k urtypes.HDKey, master uint32, testnet bool) (w bundle.Wallet, ok bool, err error) {
	if k.Private || k.Origin == nil {
		return w, false, nil
	}
	path, one := k.Origin.Indexes()
	if !one || len(path) < 3 || path[1]&chain.Hardened == 0 {
		return w, false, nil
	}
	if fp := k.Origin.Fingerprint; fp != 0 {
		master = fp
	}
	w.Fingerprint = binary.BigEndian.AppendUint32(nil, master)
	switch coin := path[1] &^ chain.Hardened; {
	case coin == 0 || coin == 1 && (k.Coin == nil || k.Coin.Coin != 60):
		w.Chain, w.Testnet = "BTC", coin == 1
	case coin == 60 || coin == 1:
		w.Chain, w.Testnet = "ETH", testnet
	case coin == 501:
		w.Chain, w.Testnet, w.Curve = "SOL", testnet, chain.Ed25519
		w.Key, w.Path = k.Key, path
		if len(k.Key) == 33 && k.Key[0] == 0 {
			w.Key = k.Key[1:]
		}
		return identify(w, len(w.Key) == 32)
	default:
		return w, false, nil
	}
	w.Curve = chain.Secp256k1
	if len(k.Key) != 33 || k.ChainCode == [32]byte{} || !isAccount(path) {
		return w, false, nil
	}
	key, err := chain.NewPublicKey(chain.Secp256k1, k.Key)
	if err != nil {
		return w, false, err
	}
	node, err := hd.NewPublic(key, k.ChainCode, uint8(len(path)), [4]byte{}, 0)
	if err == nil && len(path) == 3 {
		path = append(slices.Clone(path), 0)
		node, err = node.Child(0)
	}
	if err != nil {
		return w, false, err
	}
	code := node.ChainCode()
	w.Key, w.ChainCode, w.Path = node.Key().Bytes(), code[:], path
	return identify(w, true)
}

// isAccount tells the account of one signer (BIP-44 and its kin), or its receive
// branch, from what else has a chain code: a share of a multisig wallet (BIP-48),
// a change branch, one address.
func isAccount(path []uint32) bool {
	if len(path) > 4 || len(path) == 4 && path[3] != 0 || path[0]&path[2]&chain.Hardened == 0 {
		return false
	}
	return slices.Contains([]uint32{44, 49, 84, 86}, path[0]&^chain.Hardened)
}

// identify names a wallet by what it is, so that the same keys scanned again are
// the same wallet: a UUID of version 8 (RFC 9562) made of a SHA-256.
func identify(w bundle.Wallet, ok bool) (bundle.Wallet, bool, error) {
	h := sha256.New()
	h.Write([]byte("coldsign foreign wallet\x00" + w.Chain + "\x00"))
	if w.Testnet {
		h.Write([]byte{1})
	}
	h.Write(w.Fingerprint)
	for _, i := range w.Path {
		h.Write(binary.BigEndian.AppendUint32(nil, i))
	}
	h.Write(w.Key)
	w.SignatureID = bundle.SignatureID(h.Sum(nil)[:16])
	w.SignatureID[6] = 0x80 | w.SignatureID[6]&0x0f
	w.SignatureID[8] = 0x80 | w.SignatureID[8]&0x3f
	return w, ok, nil
}

// First gives the wallet's key with index 0, and whether it is derived.
func First(w bundle.Wallet) (chain.PublicKey, bool, error) {
	key, err := chain.NewPublicKey(w.Curve, w.Key)
	if err != nil || len(w.ChainCode) != 32 {
		return key, false, err
	}
	node, err := hd.NewPublic(key, [32]byte(w.ChainCode), uint8(len(w.Path)), [4]byte{}, 0)
	if err == nil {
		node, err = node.Child(0)
	}
	if err != nil {
		return key, true, err
	}
	return node.Key(), true, nil
}

// FormOf picks of a key's addresses the one that the purpose of its path means:
// BIP-84 the first, P2WPKH, then P2PKH for 44, P2SH-P2WPKH for 49, P2TR for 86.
func FormOf(path []uint32, addresses []string) string {
	at := map[uint32]int{44: 1, 49: 2, 86: 3}[path[0]&^chain.Hardened]
	if len(addresses) < 4 {
		at = 0
	}
	return addresses[at]
}
