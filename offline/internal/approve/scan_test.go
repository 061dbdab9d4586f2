package approve

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"coldsign/offline/internal/memory"
	"coldsign/shared/hd"
)

// mask hides what is looked for, so that the search does not find itself.
const mask = 0x5a

func masked(b []byte) []byte {
	c := make([]byte, len(b))
	for i := range b {
		c[i] = b[i] ^ mask
	}
	return c
}

// finds counts a masked needle in all memory of this process that can be read.
func finds(t *testing.T, needle []byte) (n int) {
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
	const step, overlap = 1 << 20, 128
	buf, err := unix.Mmap(-1, 0, step+overlap, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(buf)
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode[0] != 'r' || strings.Contains(line, "[v") {
			continue
		}
		for at := from; at < to; at += step {
			k, _ := mem.ReadAt(buf[:min(to-at, step+overlap)], at)
			for i := range buf[:k] {
				buf[i] ^= mask
			}
			n += bytes.Count(buf[:k], needle)
			clear(buf)
		}
	}
	return n
}

// TestNothingStays: neither an operator's key nor the passphrase is in memory after
// an approval was signed.
func TestNothingStays(t *testing.T) {
	if !memory.Erases {
		t.Skip("this build does not erase: GOEXPERIMENT=runtimesecret")
	}
	arena, err := memory.NewArena()
	if err != nil {
		t.Fatal(err)
	}
	passphrase, err := arena.Copy([]byte(pass))
	if err != nil {
		t.Fatal(err)
	}
	var seed, file []byte
	var word []byte
	memory.Do(func() {
		random := make([]byte, 32+24)
		if _, err := hd.NewSource().Read(random); err != nil {
			t.Error(err)
		}
		copy(passphrase, base64.StdEncoding.EncodeToString(random[32:]))
		secret := secretOf(t, random[:32])
		file = bytes.Clone(sealed(t, secret, string(passphrase)))
		seed, word = masked(random[:32]), masked(passphrase)
		clear(random)
	})
	text := about().Text()
	for range 20 {
		if _, _, err := Sign(file, passphrase, text, now); err != nil {
			t.Fatal(err)
		}
	}
	// A control: a copy in plain memory is found.
	control := masked(word)
	if n := finds(t, word); n == 0 {
		t.Fatal("the search finds nothing at all")
	}
	clear(control)
	arena.Close()
	memory.Collect()
	debug.FreeOSMemory()
	for name, needle := range map[string][]byte{"seed": seed, "passphrase": word} {
		if n := finds(t, needle); n > 0 {
			t.Errorf("the %s is in memory %d times", name, n)
		}
	}
}
