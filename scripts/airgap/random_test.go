package airgap

import (
	"encoding/json"
	"os"
	"testing"

	"coldsign/scripts/halves"
	"coldsign/scripts/tamper"
)

// A machine whose random source fails, lies or stands still makes no keys: each
// command says so and leaves nothing behind.
func TestATT63BadRandomSource(t *testing.T) {
	amd64(t)
	for _, fake := range []string{"getrandom=fail:EIO", "getrandom=fail:ENOSYS", "getrandom=short", "getrandom=constant", "getrandom=zero"} {
		for _, c := range []struct {
			name string
			args []string
			home bool
		}{
			{"init", []string{"init"}, false},
			{"wallet new", []string{"wallet", "new", "--chain", "ETH", "--testnet"}, true},
			{"selftest", []string{"selftest"}, false},
		} {
			t.Run(fake+" "+c.name, func(t *testing.T) {
				t.Parallel()
				if fake == "getrandom=constant" && os.Getuid() != 0 {
					t.Skip("only root may write into a process that forbids dumps")
				}
				dir, _ := fresh(t)
				if !c.home {
					if err := os.RemoveAll(dir + "/home"); err != nil {
						t.Fatal(err)
					}
				}
				f, err := tamper.ParseFake(fake)
				if err != nil {
					t.Fatal(err)
				}
				before := files(t, dir)
				r, said := attacked(t, offline(dir, c.args...), tamper.Plan{Fakes: []tamper.Fake{f}})
				if r.Faked == 0 {
					t.Fatalf("it never asked the kernel for randomness: %s", r)
				}
				refused(t, said, "entropy.source")
				unchanged(t, dir, before)
			})
		}
	}
}

// A source that dies later makes no wallet either. What libraries ask the kernel
// for after the key was made is not the key: then the wallet is a good one, and no
// two are the same.
func TestATT63RandomSourceThatDiesLater(t *testing.T) {
	amd64(t)
	made, dead := map[string]bool{}, 0
	for from := 2; ; from += 12 {
		dir, _ := fresh(t)
		before := files(t, dir)
		r, said := attacked(t, offline(dir, "wallet", "new", "--chain", "ETH", "--testnet", "--json"),
			tamper.Plan{Fakes: []tamper.Fake{{Call: "getrandom", Way: tamper.Zero, From: from}}})
		if r.Status != 0 {
			dead++
			refused(t, said, "entropy.source")
			unchanged(t, dir, before)
			continue
		}
		var w halves.Wallet
		if err := json.Unmarshal([]byte(said.out), &w); err != nil || made[w.Address] {
			t.Errorf("from call %d on: wallet %q was made before, or %v", from, w.Address, err)
		}
		made[w.Address] = true
		if r.Faked == 0 {
			t.Logf("%d calls of getrandom: dead at %d places, of which %d made no wallet", r.Calls["getrandom"], dead+len(made)-1, dead)
			break
		}
	}
	if dead == 0 {
		t.Error("a dead source was never noticed")
	}
}

// unchanged wants no file made or changed; an empty lock is none.
func unchanged(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	for name, text := range files(t, dir) {
		if was, ok := before[name]; was != text || !ok && text != "" {
			t.Errorf("%s was written", name)
		}
	}
}
