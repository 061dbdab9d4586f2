package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// moving measures what comes in thousands: the import of a wallet.dat, new wallets,
// and unlocking, in processor time. What the passphrase's KDF costs is left out.
func moving(dir string) error {
	o := &offline{dir: dir, home: filepath.Join(dir, "moved"), pass: filepath.Join(dir, "pass")}
	if _, _, err := o.run("init"); err != nil {
		return err
	}
	// One wallet more costs the KDF three times, as an import does.
	_, kdf, err := o.run("wallet", "new", "--chain", "ETH", "--testnet")
	if err != nil {
		return err
	}
	fmt.Printf("\nthousands of wallets, processor time without the passphrase's KDF (%.1f s for each)\n", kdf.cpu.Seconds())
	row := func(name string, u usage, bound string) {
		fmt.Printf("  %-44s %8.0f ms   %4d MiB   (bound: %s)\n", name, ms(u.cpu), u.rss>>10, bound)
	}
	_, u, err := o.run("wallet", "new", "--chain", "ETH", "--testnet", "--count", "1000")
	if err != nil {
		return err
	}
	u.cpu -= kdf.cpu
	row("wallet new --count 1000", u, "5 s")
	empty, err := o.unlocking()
	if err != nil {
		return err
	}
	for _, step := range []struct {
		from, to    int
		name, bound string
	}{{0, 25_001, "import of a wallet.dat of 25,001 keys", "10 s"}, {25_001, 100_000, "and of 74,999 more", "30 s"}} {
		file := filepath.Join(dir, "wallet.dat")
		if err := os.WriteFile(file, walletDat(step.from, step.to), 0o600); err != nil {
			return err
		}
		if _, u, err = o.run("wallet", "import", "--tatum", file, "--tatum-passphrase-file", o.pass); err != nil {
			return err
		}
		u.cpu -= kdf.cpu
		row(step.name, u, step.bound)
	}
	full, err := o.unlocking()
	if err != nil {
		return err
	}
	full.cpu -= empty.cpu
	row("unlock 100,000 keys more", full, "300 ms")
	return nil
}

// unlocking times a command that opens the keystore and looks at no wallet.
func (o *offline) unlocking() (u usage, err error) {
	if err := quicken(filepath.Join(o.home, "keystore.age"), o.pass); err != nil {
		return u, err
	}
	var times []time.Duration
	for range 9 {
		if _, u, err = o.run("policy", "show"); err != nil {
			return u, err
		}
		times = append(times, u.cpu)
	}
	slices.Sort(times)
	u.cpu = times[len(times)/2]
	return u, nil
}

// walletDat makes a wallet.dat with private keys of two numbers' range, under the
// passphrase of newOffline.
func walletDat(from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		key := sha256.Sum256(fmt.Append(nil, i))
		fmt.Fprintf(&b, `%c"%08x-0000-4000-8000-000000000000":{"privateKey":"0x%x","chain":"ETH","testnet":true}`, "{,"[min(i-from, 1)], i, key)
	}
	b.WriteByte('}')
	pad := aes.BlockSize - b.Len()%aes.BlockSize
	b.Write(bytes.Repeat([]byte{byte(pad)}, pad))
	const salt = "saltsalt"
	var key []byte
	for range 3 {
		sum := md5.Sum([]byte(string(key[max(0, len(key)-16):]) + passphrase + salt))
		key = append(key, sum[:]...)
	}
	block, err := aes.NewCipher(key[:32])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	cipher.NewCBCEncrypter(block, key[32:]).CryptBlocks(b.Bytes(), b.Bytes())
	return []byte(base64.StdEncoding.EncodeToString(append([]byte("Salted__"+salt), b.Bytes()...)))
}
