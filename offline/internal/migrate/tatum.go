package migrate

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"encoding/base64"
	"slices"
)

// saltedLen is the length of "Salted__" and the salt.
const saltedLen = 16

// Tatum reads the wallet.dat of tatum-kms and gives each wallet, in the file's order.
// It overwrites file.
//
// The file is what CryptoJS makes of JSON under a passphrase: base64 of "Salted__", 8
// bytes of salt, and AES-256-CBC with key and IV from one round of MD5. Nothing
// authenticates it. Errors wallet.passphrase and wallet.corrupt are told apart by
// whether anything of the plain text can be read. Whoever changes the file without
// the passphrase garbles at least 16 bytes at each place, which are then no JSON or
// no key; but whole blocks can be taken out, moved and put twice, and a wallet can be
// lost by that. Compare the number of wallets, and the addresses.
func Tatum(file, passphrase []byte, give func(Entry) error) error {
	defer clear(file)
	plain, err := decryptTatum(file, passphrase)
	if err != nil {
		return err
	}
	readable := legible(plain)
	body, padded := unpad(plain)
	if !padded && !readable {
		return wrongPassphrase()
	}
	all, ok := parse(body, maxEntries)
	switch {
	case (!padded || !ok) && !readable:
		return wrongPassphrase()
	case !padded || !ok:
		return corrupt("the passphrase is right, but the wallets cannot be read: the file was cut off or changed")
	case all.kind != object:
		return corrupt("the file holds something else than wallets of tatum-kms")
	}
	for i := range all.members {
		if err := give(tatumEntry(all.names[i], &all.members[i])); err != nil {
			return err
		}
	}
	return nil
}

// decryptTatum gives the plain text with its padding, in the place of the base64.
func decryptTatum(file, passphrase []byte) ([]byte, error) {
	if len(file) > MaxTatum {
		return nil, corrupt("a file of %d bytes is too large", len(file))
	}
	body := bytes.TrimSpace(file)
	n, err := base64.StdEncoding.Strict().Decode(body, body)
	body = body[:n]
	if err != nil || n < saltedLen+aes.BlockSize || n%aes.BlockSize != 0 || !bytes.HasPrefix(body, []byte("Salted__")) {
		return nil, corrupt("this is no wallet.dat of tatum-kms, or not all of it")
	}
	key := evpBytesToKey(passphrase, body[8:saltedLen])
	defer clear(key)
	block, err := aes.NewCipher(key[:32])
	if err != nil {
		return nil, err
	}
	body = body[saltedLen:]
	cipher.NewCBCDecrypter(block, key[32:]).CryptBlocks(body, body)
	return body, nil
}

// evpBytesToKey is OpenSSL's EVP_BytesToKey with MD5 and one round: 32 bytes of key
// and 16 of IV.
func evpBytesToKey(passphrase, salt []byte) (key []byte) {
	for range 3 {
		h := md5.New()
		h.Write(key[max(0, len(key)-md5.Size):])
		h.Write(passphrase)
		h.Write(salt)
		key = h.Sum(key)
	}
	return key
}

// unpad takes the padding of PKCS #7 away.
func unpad(b []byte) ([]byte, bool) {
	n := int(b[len(b)-1])
	if n == 0 || n > aes.BlockSize || bytes.Count(b[len(b)-n:], b[len(b)-1:]) != n {
		return nil, false
	}
	return b[:len(b)-n], true
}

// legible reports whether two neighbouring blocks are printable ASCII: a signature id
// alone has 36 such characters. Random bytes of 64 MiB have them once in 10^8 files.
func legible(b []byte) bool {
	run := 0
	for block := range slices.Chunk(b, aes.BlockSize) {
		if bytes.ContainsFunc(block, func(r rune) bool { return r < ' ' || r > '~' }) {
			run = 0
		} else if run++; run == 2 {
			return true
		}
	}
	return false
}

// tatumEntry reads a wallet. All shapes are flat: mnemonic and xpub, privateKey, or
// address and secret; and those of several versions at once. Members that are null
// are absent, unknown ones are passed over.
func tatumEntry(id []byte, v *value) Entry {
	e := Entry{ID: id}
	odd := func(what string) { e.Err = corrupt("its %s is not of the form that tatum-kms writes", what) }
	read := func(name string) []byte {
		m := v.member(name)
		if m.kind == text {
			return m.text
		}
		if m.kind != null {
			odd(name)
		}
		return nil
	}
	e.Words, e.Key = read("mnemonic"), read("privateKey")
	if secret := read("secret"); len(secret) > 0 {
		e.Key = secret
	}
	chain, xpub, address := read("chain"), read("xpub"), read("address")
	for _, name := range [][]byte{chain, xpub, address} {
		if len(name) > maxName {
			odd("chain, xpub or address")
			return e
		}
	}
	e.Chain, e.XPub, e.Address = string(chain), string(xpub), string(address)
	switch t := v.member("testnet"); {
	case t.kind == boolean:
		e.Testnet = string(t.text) == "true"
	case t.kind != null:
		odd("testnet")
	}
	if v.kind != object {
		odd("entry")
	}
	return e
}
