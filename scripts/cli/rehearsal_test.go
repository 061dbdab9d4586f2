package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"coldsign/scripts/halves"
)

// ceremony makes two homes, has a payment of 0.1 sepolia ETH asked for, reviewed and
// signed, and leaves the answer as answers-1.
func ceremony(t *testing.T, ctx context.Context, rehearsal bool) *rollback {
	t.Helper()
	r := &rollback{Halves: &halves.Halves{Dir: t.TempDir(), Rehearsal: rehearsal}, T: t, ctx: ctx}
	r.Programs = halves.Programs{Online: must(exec.LookPath("coldsign-online"))(t), Offline: must(exec.LookPath("coldsign-offline"))(t)}
	ok(t, r.Init(ctx))
	wallet := must(r.NewWallet(ctx, "ETH"))(t)
	ok(t, r.ShareKeys(ctx))
	ok(t, r.Configure(ctx))
	r.submit(wallet, 0)
	r.answered("1")
	return r
}

// The whole ceremony as a rehearsal and as a real one, with both programs: each goes
// through, and neither takes anything of the other.
func TestRehearsal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	practice, real := ceremony(t, ctx, true), ceremony(t, ctx, false)

	// What one half of the one wrote, for the other half of the other.
	for _, c := range []struct {
		from, to *rollback
	}{{practice, real}, {real, practice}} {
		take := func(file string) string {
			name := "foreign-" + file
			ok(t, os.WriteFile(c.to.Path(name), must(os.ReadFile(c.from.Path(file)))(t), 0o600))
			return name
		}
		keys, answers, requests := take("keys.cbor"), take("answers-1"), take("requests-1")
		before := must(c.to.Online(ctx, "pending", "--json"))(t)
		_, err := c.to.Online(ctx, "pair", "--in", take("offline.cbor"), "--replace")
		c.to.refused(err, "rehearsal.mark")
		_, err = c.to.Offline(ctx, "pair", "--in", take("online.cbor"), "--replace")
		c.to.refused(err, "rehearsal.mark")
		for _, args := range [][]string{{"keys", "import", keys}, {"import", answers}} { // of a device that is not paired
			_, err = c.to.Online(ctx, args...)
			c.to.refused(err, "bundle.sender")
		}
		_, err = c.to.Review(ctx, requests)
		c.to.refused(err, "bundle.sender")
		if after := must(c.to.Online(ctx, "pending", "--json"))(t); string(after) != string(before) {
			t.Errorf("the list was %s and is %s", before, after)
		}
	}

	// Each takes its own.
	for _, r := range []*rollback{practice, real} {
		if i := must(r.Import(ctx, "answers-1"))(t); i.Signed != 1 {
			t.Errorf("%+v", i)
		}
	}

	// A rehearsal has no main network, on either half.
	_, err := practice.Offline(ctx, "wallet", "new", "--chain", "ETH")
	practice.refused(err, "rehearsal.mainnet")
	config := filepath.Join(practice.Dir, "online", "config.toml")
	written := must(os.ReadFile(config))(t)
	mainnet := string(written) + "\n[[network]]\nchain = \"ETH\"\nnetwork = \"mainnet\"\nrpc = \"http://127.0.0.1:1\"\n"
	ok(t, os.WriteFile(config, []byte(mainnet), 0o600))
	_, err = practice.Online(ctx, "pending")
	practice.refused(err, "rehearsal.mainnet")
	ok(t, os.WriteFile(config, written, 0o600))
	must(practice.Online(ctx, "pending"))(t)

	// Nor does a real home become one, nor the other way.
	_, err = real.Online(ctx, "pending", "--rehearsal")
	real.refused(err, "rehearsal.mark")
	must(practice.Online(ctx, "pending", "--rehearsal"))(t)
}
