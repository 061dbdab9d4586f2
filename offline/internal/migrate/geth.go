package migrate

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"

	"golang.org/x/crypto/scrypt"
	"golang.org/x/crypto/sha3"

	"coldsign/offline/internal/memory"
	"coldsign/shared/fault"
)

// Geth reads a keystore of geth, version 3: a private key under a passphrase, by
// scrypt or PBKDF2, AES-128-CTR and a MAC. It overwrites file.
//
// The MAC does not cover the counter that encryption starts from, so a file whose
// counter was changed gives another key under the right passphrase. That shows by
// the address alone, which the caller compares; where there is none, people must. A
// wrong passphrase cannot be told from a damaged file.
func Geth(file, passphrase []byte, give func(Entry) error) error {
	defer clear(file)
	if len(file) > MaxFile {
		return corrupt("a keystore of %d bytes is too large", len(file))
	}
	all, ok := parse(file, maxMembers)
	if !ok || all.kind != object {
		return corrupt("this is no keystore of geth")
	}
	if v, ok := all.member("version").number(3); !ok || v != 3 {
		return fault.New("wallet.version", "write it again with a newer tool", "the keystore is not of version 3")
	}
	address := string(bytes.TrimPrefix(all.member("address").text, []byte("0x")))
	if raw, err := hex.DecodeString(address); err != nil || len(raw) != 20 && all.member("address").kind != null {
		return corrupt("the keystore's address is none")
	} else if address != "" {
		address = "0x" + address
	}
	box, key, err := openBox(all)
	if err != nil {
		return err
	}
	derived, err := key(passphrase)
	if err != nil {
		return err
	}
	defer clear(derived)
	mac := sha3.NewLegacyKeccak256()
	mac.Write(derived[16:32])
	mac.Write(box.sealed)
	if subtle.ConstantTimeCompare(mac.Sum(nil), box.mac) != 1 {
		return wrongPassphrase()
	}
	block, err := aes.NewCipher(derived[:16])
	if err != nil {
		return err
	}
	var secret [32]byte // old versions of geth left leading zeros away
	defer clear(secret[:])
	cipher.NewCTR(block, box.iv).XORKeyStream(secret[32-len(box.sealed):], box.sealed)
	text := hex.AppendEncode(nil, secret[:])
	defer clear(text)
	return give(Entry{Key: text, Address: address})
}

// box is what a keystore holds.
type box struct{ sealed, iv, mac []byte }

// kdf derives the box's key from a passphrase.
type kdf func(passphrase []byte) ([]byte, error)

// openBox reads the member "crypto", which some tools write "Crypto".
func openBox(all *value) (b box, key kdf, err error) {
	c := all.member("crypto")
	if other := all.member("Crypto"); c.kind == null {
		c = other
	} else if other.kind != null {
		return b, nil, corrupt("the keystore holds two keys")
	}
	if string(c.member("cipher").text) != "aes-128-ctr" {
		return b, nil, fault.New("wallet.cipher", "", "the keystore's cipher is not aes-128-ctr")
	}
	for _, f := range []struct {
		to       *[]byte
		from     *value
		min, max int
	}{{&b.sealed, c.member("ciphertext"), 1, 32}, {&b.iv, c.member("cipherparams").member("iv"), aes.BlockSize, aes.BlockSize}, {&b.mac, c.member("mac"), 32, 32}} {
		if *f.to, err = hex.DecodeString(string(f.from.text)); err != nil || len(*f.to) < f.min || len(*f.to) > f.max {
			return b, nil, corrupt("the keystore's key, counter or MAC is not of its length")
		}
	}
	key, err = kdfOf(string(c.member("kdf").text), c.member("kdfparams"))
	return b, key, err
}

// kdfOf reads a KDF and bounds what it may cost, before anything is allocated.
func kdfOf(name string, params *value) (kdf, error) {
	bad := fault.New("wallet.kdf", "write it again with geth's own cost", "the keystore's KDF is unknown, or asks for too much or too little")
	salt, err := hex.DecodeString(string(params.member("salt").text))
	size, ok := params.member("dklen").number(maxKey)
	if err != nil || !ok || size < 32 || len(salt) == 0 || len(salt) > maxSalt {
		return nil, bad
	}
	switch name {
	case "scrypt":
		n, okN := params.member("n").number(maxScrypt / 128)
		r, okR := params.member("r").number(maxParts)
		p, okP := params.member("p").number(maxParts)
		if !okN || !okR || !okP || n < 2 || n&(n-1) != 0 || r == 0 || p == 0 || n*r > maxScrypt/128 || p*r > maxScrypt/128 || n*r*p > maxWork {
			return nil, bad
		}
		return func(passphrase []byte) ([]byte, error) {
			return scrypt.Key(passphrase, salt, int(n), int(r), int(p), int(size))
		}, nil
	case "pbkdf2":
		c, ok := params.member("c").number(maxRounds)
		if !ok || c == 0 || string(params.member("prf").text) != "hmac-sha256" {
			return nil, bad
		}
		return func(passphrase []byte) ([]byte, error) {
			return pbkdf2.Key(sha256.New, memory.Text(passphrase), salt, int(c), int(size))
		}, nil
	}
	return nil, bad
}

// Solana reads a keypair as Solana's command line writes it: an array of 64 numbers,
// the seed and the public key. Whether they belong together is for the chain's
// ParseKey to say. It overwrites file.
func Solana(file []byte, give func(Entry) error) error {
	defer clear(file)
	if len(file) > MaxFile {
		return corrupt("a keypair of %d bytes is too large", len(file))
	}
	all, ok := parse(file, 64)
	if !ok || all.kind != array || len(all.members) != 64 {
		return corrupt("this is no keypair of Solana: an array of 64 numbers")
	}
	var pair [64]byte
	defer clear(pair[:])
	for i := range all.members {
		n, ok := all.members[i].number(255)
		if !ok {
			return corrupt("number %d of the keypair is not one of 0 to 255", i+1)
		}
		pair[i] = byte(n)
	}
	secret := hex.AppendEncode(nil, pair[:])
	defer clear(secret)
	return give(Entry{Key: secret})
}
