package keystore

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/btcsuite/btcd/address/v2/base58"
	"golang.org/x/sys/unix"

	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
)

// mask hides what is looked for, so that the search does not find itself.
const mask = 0x5a

// secretMemory says whether this kernel has memfd_secret(2).
func secretMemory() bool {
	fd, err := unix.MemfdSecret(unix.O_CLOEXEC)
	return err == nil && unix.Close(fd) == nil
}

func masked(b []byte) []byte {
	c := make([]byte, len(b))
	for i := range b {
		c[i] = b[i] ^ mask
	}
	return c
}

// scan reads all memory of this process that can be read and counts each masked
// needle. What cannot be read (memfd_secret, guards) counts nothing.
func scan(t *testing.T, needles map[string][]byte) map[string]int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	const step, overlap = 1 << 20, 256
	buf, err := unix.Mmap(-1, 0, step+overlap, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(buf)
	own := int64(uintptr(unsafe.Pointer(&buf[0])))
	found, read := map[string]int{}, int64(0)
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[v") { // vvar, vdso, vsyscall: the kernel's
			continue
		}
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if mode[0] != 'r' {
			continue
		}
		for at := from; at < to; at += step {
			size := min(to-at, step+overlap)
			if at < own+int64(len(buf)) && own < at+size {
				continue // this very buffer holds what was read last
			}
			n, err := mem.ReadAt(buf[:size], at)
			if n == 0 || err != nil && err != io.EOF {
				continue
			}
			read += int64(n)
			for i := range buf[:n] {
				buf[i] ^= mask
			}
			for name, needle := range needles {
				for b := buf[:n]; ; {
					i := bytes.Index(b, needle)
					if i < 0 || n == step+overlap && len(buf[:n])-len(b)+i >= step {
						break
					}
					found[name]++
					b = b[i+1:]
				}
			}
		}
	}
	if read < 1<<20 {
		t.Fatalf("only %d bytes of memory could be read", read)
	}
	return found
}

// forms gives the masked forms in which a secret might lie about.
func forms(name string, secret []byte) map[string][]byte {
	hexed := hex.EncodeToString(secret)
	return map[string][]byte{
		name + " raw": masked(secret), name + " hex": masked([]byte(hexed)), name + " HEX": masked([]byte(strings.ToUpper(hexed))),
		name + " base58": masked([]byte(base58.Encode(secret))), name + " base64": masked([]byte(base64.StdEncoding.EncodeToString(secret)))[:40],
	}
}

// rounds is how often everything is signed: more chances to leave something.
const rounds = 20

// TestNothingStaysInMemory (ATT-72): make, import, save, open, derive, sign, and look
// for the secrets in all of this process's memory: while the keystore is open and
// once it is locked.
func TestNothingStaysInMemory(t *testing.T) {
	needles := map[string][]byte{}
	ks := use(t, t.TempDir(), needles)
	if ks == nil {
		return
	}
	copies(t, "open", needles)
	ks.Close()
	copies(t, "locked", needles)
}

func copies(t *testing.T, when string, needles map[string][]byte) {
	memory.Collect()
	total := 0
	for name, n := range scan(t, needles) {
		t.Logf("%s: %3d x %s", when, n, name)
		total += n
	}
	t.Logf("%s: %d copies of %d forms; this build erases: %v", when, total, len(needles), memory.Erases)
	if memory.Erases && total != 0 && (when == "locked" || secretMemory()) {
		t.Errorf("%s: %d copies of secrets are in memory", when, total)
	}
}

// use is what a process does with secrets. None of them is a variable of the test.
func use(t *testing.T, home string, needles map[string][]byte) (open *Keystore) {
	memory.Do(func() {
		pass := []byte("canary " + strings.ToLower("PASSPHRASE") + " of this test")
		key := bytes.Repeat([]byte{0xc7, 0x1e, 0x93, 0x2b}, 8)
		key[5]++
		for name, f := range forms("key", key) {
			needles[name] = f
		}
		needles["passphrase"] = masked(pass)
		words := []byte(strings.ReplaceAll(junk, "test ", "zoo ")[:len("zoo ")*11] + "wrong")
		needles["words"] = masked(words)
		extra := []byte("canary " + strings.ToLower("OF BIP-39") + " beside the words")
		needles["passphrase of BIP-39"] = masked(extra)
		ks, err := empty(filepath.Join(home, File), pass, registry.New())
		if err != nil {
			t.Error(err)
			return
		}
		ks.factor = 4
		ks.c = &contents{Version: 1, Preset: "strict", Device: bytes.Repeat([]byte{0xd5, 0x11}, 16), Peer: []byte{}, Entries: []entry{}}
		needles["device raw"] = masked(ks.c.Device)
		if err := ks.ready(); err != nil {
			t.Error(err)
			return
		}
		for name, text := range map[string][]byte{"ETH": []byte(hex.EncodeToString(key)), "SOL": []byte(base58.Encode(append(bytes.Clone(key), seedPublic(key)...))), "BTC": words} {
			var id bundle.SignatureID
			if id, err = NewSignatureID(); err == nil {
				if name != "BTC" {
					_, err = ks.Import(id, name, true, text, time.Unix(1, 0))
				} else {
					_, err = ks.ImportWith(extra, id, name, true, text, time.Unix(1, 0))
				}
			}
			clear(text)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
		}
		if err := ks.Save(); err != nil {
			t.Error(err)
		}
		ks.Close()
		if ks, err = Open(home, pass, registry.New()); err != nil {
			t.Error(err)
			return
		}
		clear(pass)
		clear(key)
		clear(extra)
		sign(t, ks)
		open = ks
	})
	return open
}

func seedPublic(seed []byte) []byte { return ed25519.NewKeyFromSeed(seed)[32:] }

func sign(t *testing.T, ks *Keystore) {
	for range rounds {
		for _, info := range ks.List() {
			path, err := ks.Path(info.ID, 0)
			if err != nil {
				t.Error(err)
				return
			}
			k, err := ks.Key(info.ID, path)
			if err != nil {
				t.Error(err)
				return
			}
			r := chain.SignRequest{Key: k.Public(), Scheme: chain.ECDSA, Message: make([]byte, 32)}
			if info.Chain == "SOL" {
				r.Scheme = chain.EdDSA
			}
			if _, err := k.Sign(r); err != nil {
				t.Error(err)
			}
			if info.Chain == "BTC" {
				r.Scheme = chain.Schnorr
				if _, err := k.Sign(r); err != nil {
					t.Error(err)
				}
				r.Scheme, r.Key = chain.Taproot, r.Key.Even()
				if _, err := k.Sign(r); err != nil {
					t.Error(err)
				}
			}
		}
		if _, err := ks.Device().Sign([]byte("m")); err != nil {
			t.Error(err)
		}
	}
}

// TestScanFinds is the control: what is kept on purpose is found, in each form.
func TestScanFinds(t *testing.T) {
	secret := bytes.Repeat([]byte{0xab, 0x12, 0x9f, 0x77}, 8)
	needles := forms("kept", secret)
	kept := [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(strings.ToUpper(hex.EncodeToString(secret))), []byte(base58.Encode(secret)), []byte(base64.StdEncoding.EncodeToString(secret))}
	counts := scan(t, needles)
	for name := range needles {
		if counts[name] == 0 {
			t.Errorf("%s is in memory and was not found", name)
		}
	}
	runtime.KeepAlive(kept)
	// What the arena holds is found where it is locked only, and not in memfd_secret.
	a, err := memory.NewArena()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	in, err := a.Bytes(32)
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		in[i] = byte(i)*7 + 0x31
	}
	n := scan(t, map[string][]byte{"arena": masked(in)})["arena"]
	t.Logf("the arena's own bytes: %d readable copies, out of the kernel's reach: %v", n, secretMemory())
	if n > 1 || n > 0 && secretMemory() {
		t.Errorf("%d copies of what only the arena holds", n)
	}
}
