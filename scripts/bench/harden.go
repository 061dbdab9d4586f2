package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
)

// starts is how often each of the two programs is started.
const starts = 60

// hardening compares the start of the shipped program with that of one from which
// the wall, the power-on test and erasing were cut out for this purpose. A command
// that opens a keystore and lists it is timed, with a passphrase that costs nothing
// to try.
func (o *offline) hardening() error {
	bare, err := o.bare()
	if err != nil {
		return err
	}
	if err := quicken(filepath.Join(o.home, "keystore.age"), o.pass); err != nil {
		return err
	}
	programs := map[string]string{"hardened": "bin/coldsign-offline", "bare": bare}
	times := map[string][]time.Duration{}
	for range starts {
		for name, program := range programs {
			cmd := exec.Command(program, "--home", o.home, "--passphrase-file", o.pass, "--allow-network-interfaces", "wallet", "list")
			begin := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", name, err, out)
			}
			times[name] = append(times[name], time.Since(begin))
		}
	}
	fmt.Printf("\nstart, unlock, list three wallets: %d runs each, in turn\n", starts)
	for _, name := range []string{"bare", "hardened"} {
		slices.Sort(times[name])
		info, err := os.Stat(programs[name])
		if err != nil {
			return err
		}
		fmt.Printf("  %-9s median %5.1f ms   p90 %5.1f ms   %d bytes\n", name, ms(times[name][starts/2]), ms(times[name][starts*9/10]), info.Size())
	}
	fmt.Printf("  hardening costs %.1f ms at the median (bound: 30)\n", ms(times["hardened"][starts/2]-times["bare"][starts/2]))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// bare builds the offline half with functions cut short. Go's -overlay takes the
// place of files for this one build; no flag of the program does the same.
func (o *offline) bare() (string, error) {
	replace := map[string]string{}
	for _, cut := range []struct{ file, signature, instead string }{
		{"offline/internal/harden/start_linux.go", "func Start() (stderr *os.File, err error) {", "return os.Stderr, nil"},
		{"offline/internal/harden/wall_linux.go", "func Wall(access []Access) error {", "return nil"},
		{"offline/internal/selftest/selftest.go", "func PowerOn(chains Chains, source io.Reader) error {", "return nil"},
		{"offline/internal/memory/do_plain.go", "func Collect() {", "return;"},
	} {
		text, err := os.ReadFile(cut.file)
		if err != nil {
			return "", err
		}
		short := strings.Replace(string(text), cut.signature, cut.signature+" "+cut.instead+"\n", 1)
		if short == string(text) {
			return "", fmt.Errorf("%s has no %q", cut.file, cut.signature)
		}
		there, err := filepath.Abs(cut.file)
		if err != nil {
			return "", err
		}
		replace[there] = filepath.Join(o.dir, strings.ReplaceAll(cut.file, "/", "_"))
		if err := os.WriteFile(replace[there], []byte(short), 0o600); err != nil {
			return "", err
		}
	}
	doc, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay, out := filepath.Join(o.dir, "overlay.json"), filepath.Join(o.dir, "bare")
	if err := os.WriteFile(overlay, doc, 0o600); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", "-overlay", overlay, "-o", out, "./offline")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return out, nil
}

// quicken seals a keystore again so that trying a passphrase costs nothing.
func quicken(path, passFile string) error {
	pass, err := os.ReadFile(passFile)
	if err != nil {
		return err
	}
	word := strings.TrimSpace(string(pass))
	sealed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	id, err := age.NewScryptIdentity(word)
	if err != nil {
		return err
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		return err
	}
	rec, err := age.NewScryptRecipient(word)
	if err != nil {
		return err
	}
	rec.SetWorkFactor(1)
	var again bytes.Buffer
	w, err := age.Encrypt(&again, rec)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, again.Bytes(), 0o600)
}
