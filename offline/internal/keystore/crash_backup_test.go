package keystore

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"coldsign/shared/chain/registry"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

// changeForEver changes the passphrase to and fro, and says each change.
func changeForEver(home string) {
	ks, err := Open(home, pass, registry.New())
	if fault.Is(err, "keystore.passphrase") {
		ks, err = Open(home, otherPass, registry.New())
	}
	for err == nil {
		ks.factor = 4
		next := otherPass
		if bytes.Equal(ks.passphrase, otherPass) {
			next = pass
		}
		if err = ks.SetPassphrase(next); err == nil {
			_, err = fmt.Printf("%s\n", next)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

// restoreForEver restores home's backup into one folder of it after another.
func restoreForEver(home string) {
	sealed, err := durable.Read(filepath.Join(home, "backup"), maxFile)
	for n := 0; err == nil; n++ {
		to := filepath.Join(home, strconv.Itoa(n))
		if _, e := os.Lstat(to); !errors.Is(e, fs.ErrNotExist) {
			continue
		}
		var b *Keystore
		if b, err = OpenBackup(sealed, pass, registry.New()); err != nil {
			break
		}
		b.factor = 4
		if err = errors.Join(os.Mkdir(to, 0o700), b.Restore(to, otherPass)); err == nil {
			_, err = fmt.Println(n)
		}
		b.Close()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

// killed runs this test binary in a mode of TestMain, kills it soon after it has said
// its first line, and gives all that it said.
func killed(t *testing.T, mode, home string) (told []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env, cmd.Stderr = append(os.Environ(), crasher+mode+"="+home), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	if !scan.Scan() {
		t.Fatal("the child ended by itself")
	}
	time.AfterFunc(time.Duration(rand.IntN(8000))*time.Microsecond, func() { cmd.Process.Kill() })
	for ok := true; ok; ok = scan.Scan() {
		told = append(told, scan.Text())
	}
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != -1 {
		t.Fatal("the child was not killed")
	}
	return told
}

// ATT-69: killed at any moment of a change, the keystore opens with the passphrase
// that was told last or with the one that comes after it, and with one only.
func TestATT69KilledWhilePassphraseChanges(t *testing.T) {
	ks := filled(t)
	home := filepath.Dir(ks.path)
	opened := map[string]int{}
	for range kills() {
		last := killed(t, "_PASSPHRASE", home)
		for _, p := range [][]byte{pass, otherPass} {
			again, err := Open(home, p, registry.New())
			if fault.Is(err, "keystore.passphrase") {
				continue
			}
			if err != nil || !slices.Equal(again.List(), ks.List()) {
				t.Fatalf("after %q: %v", last[len(last)-1], err)
			}
			again.Close()
			opened[string(p)]++
		}
	}
	if opened[string(pass)]+opened[string(otherPass)] != kills() {
		t.Errorf("of %d times it opened %v", kills(), opened)
	}
}

// Killed at any moment of a restore, the backup is as it was, the new home holds a
// whole keystore or none, and what was told opens.
func TestATT69KilledWhileRestoring(t *testing.T) {
	ks := filled(t)
	home := t.TempDir()
	sealed, _, err := ks.Backup(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "backup"), sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for range kills() {
		for _, n := range killed(t, "_RESTORE", home) {
			told[n] = true
		}
	}
	if !bytes.Equal(read(t, filepath.Join(home, "backup")), sealed) {
		t.Error("the backup has changed")
	}
	want, err := ks.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	made, err := filepath.Glob(filepath.Join(home, "[0-9]*"))
	if err != nil || len(made) < len(told) || len(told) < 20 {
		t.Fatalf("%d homes, %d were told: %v", len(made), len(told), err)
	}
	for _, dir := range made {
		b, err := Open(dir, otherPass, registry.New())
		if fault.Is(err, "keystore.missing") && !told[filepath.Base(dir)] {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		if fp, err := b.Fingerprint(); err != nil || fp != want {
			t.Errorf("%s: %x, %v", dir, fp, err)
		}
		b.Close()
	}
}
