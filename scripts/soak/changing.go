package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"coldsign/scripts/halves"
)

const (
	other = "passphrase-2" // the file of the passphrase that is not in force
	// slow is how many changes are made by the shipped program, with a KDF of a second
	// or two for each. More are made by one whose KDF is light.
	slow = 50
)

// changes are the system calls with which a change of passphrase or policy writes: the
// journal, its head, the link to the keystore as it was, the keystore, and what is said.
var changes = []struct {
	call string
	upTo int // the n-th
}{{"pwrite64", 1}, {"write", 5}, {"fsync", 5}, {"renameat", 2}, {"linkat", 1}, {"unlinkat", 2}}

// changed kills the offline half while its passphrase or its policy changes (K14):
// what is there afterwards opens, with the old one or with the new one.
func (d *driver) changed(ctx context.Context, times int) error {
	if err := os.WriteFile(d.Path(other), []byte("another staple, battery, horse and all of them correct\n"), 0o600); err != nil {
		return err
	}
	shipped := d.Programs.Offline
	defer func() { d.Programs.Offline = shipped }()
	preset := "strict"
	for i, met := 0, 0; met < times; i++ {
		if met == slow {
			light, err := halves.BuildLight(ctx, d.Dir)
			if err != nil {
				return err
			}
			d.Programs.Offline = light
		}
		call := changes[rand.IntN(len(changes))]
		next := preset
		change := func() error {
			_, err := d.Offline(ctx, "passphrase", "--new-passphrase-file", other)
			return err
		}
		if i%2 == 0 {
			next = []string{"strict", "compat"}[rand.IntN(2)]
			change = func() error { _, err := d.Offline(ctx, "policy", "set", "--preset", next); return err }
		}
		hit, err := d.killed(call.call, 1+rand.IntN(call.upTo), "", change)
		if err != nil {
			return err
		}
		if hit {
			met++
			d.met("K14")
		}
		if i%2 == 1 {
			if err := d.whichOpens(ctx); err != nil {
				return err
			}
		}
		var now struct{ Preset string }
		err = halves.Read(&now)(d.Offline(ctx, "policy", "show", "--json"))
		if err != nil || !slices.Contains([]string{preset, next}, now.Preset) || !hit && now.Preset != next {
			d.breakf("policy %q, was %s, to be %s, killed %v: %v", now.Preset, preset, next, hit, err)
		}
		preset = now.Preset
	}
	return nil
}

// whichOpens wants exactly one of the two passphrases to open the keystore, and puts
// it where commands look for it.
func (d *driver) whichOpens(ctx context.Context) error {
	opens := func() (bool, error) {
		_, err := d.Offline(ctx, "wallet", "list")
		if halves.CodeOf(err) == "keystore.passphrase" {
			return false, nil
		}
		return err == nil, err
	}
	first, err := opens()
	if err != nil {
		return err
	}
	if err := d.swap(); err != nil {
		return err
	}
	second, err := opens()
	if err != nil {
		return err
	}
	if first == second {
		d.breakf("of two passphrases, the first opens the keystore: %v, the other: %v", first, second)
		return fmt.Errorf("no passphrase, or both")
	}
	if first {
		err = d.swap()
	}
	if err == nil {
		err = d.Lighten("passphrase") // the next command need not stretch it
	}
	return err
}

// swap exchanges the files of the passphrases.
func (d *driver) swap() error {
	a, b := d.Path("passphrase"), d.Path(other)
	for _, names := range [][2]string{{a, a + ".x"}, {b, a}, {a + ".x", b}} {
		if err := os.Rename(names[0], names[1]); err != nil {
			return err
		}
	}
	return nil
}
