package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"modernc.org/sqlite"

	"coldsign/online/internal/pending"
)

const crashVariable = "COLDSIGN_TEST_CRASH"

// TestMain runs the test binary again as the process that gets killed.
func TestMain(m *testing.M) {
	if point := os.Getenv(crashVariable); point != "" {
		crash(point, os.Args[1], os.Args[2])
		os.Exit(3) // it should have been killed
	}
	code := m.Run()
	if started.Load() {
		if s, err := server(); err == nil {
			s.Stop()
		}
	}
	os.Exit(code)
}

func kill() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // never goes on
}

// crash works on the database at path and kills its own process at the point. What
// leaves it goes to the file out.
func crash(point, path, out string) {
	ctx := context.Background()
	s, err := Open(ctx, path, fixed)
	must(err)
	idem := Idempotency{Key: "key"}
	raw := []byte("receipts")
	h, d := header(1, [32]byte{}, raw)
	switch point {
	case "row committed":
		_, err = s.Create(ctx, number(1), idem)
		must(err)
		kill()
	case "row not committed":
		must(s.write(ctx, func(t *tx) error {
			p := number(1)
			p.State, p.Digest, p.Created = pending.Pending, sha256.Sum256(p.Request), epoch
			must(t.insert(p))
			kill()
			return nil
		}))
	case "while sealing":
		s.Export(ctx, Selection{}, func(uint64, [32]byte, int64, []pending.Transaction) ([]byte, error) { kill(); return nil, nil })
	case "export not committed":
		must(s.write(ctx, func(t *tx) error {
			row, err := t.load(Any, number(1).ID)
			must(err)
			p, err := needPairing(t.ctx, t.sql)
			must(err)
			_, err = t.keepBundle(p.Epoch, "out", 1, sha256.Sum256(raw), raw)
			must(err)
			_, err = t.move(row, pending.Export, fill(pending.Export))
			must(err)
			kill()
			return nil
		}))
	case "export committed":
		sent, _, _, err := s.Export(ctx, Selection{}, seal)
		must(err)
		must(os.WriteFile(out, sent[:len(sent)/2], 0o600)) // half of it got out
		kill()
	case "import not committed", "import committed":
		_, err := s.Import(ctx, raw, h, d, func(x *ImportTx) error {
			row, _, err := x.Row(number(1).ID)
			must(err)
			must(x.Move(row, pending.Seal, fill(pending.Seal)))
			if point == "import not committed" {
				kill()
			}
			return nil
		})
		must(err)
		kill()
	case "intent committed":
		_, err := s.Move(ctx, number(1).ID, pending.Intend, nil)
		must(err)
		kill()
	case "foreign export committed":
		_, err := s.ExportForeign(ctx, number(1).ID)
		must(err)
		kill()
	case "foreign export not committed":
		must(s.write(ctx, func(t *tx) error {
			row, err := t.load(Any, number(1).ID)
			must(err)
			_, err = t.move(row, pending.Export, nil)
			must(err)
			kill()
			return nil
		}))
	case "foreign import not committed", "foreign import committed":
		must(s.ImportForeign(ctx, func(x *ImportTx) error {
			row, _, err := x.Row(number(1).ID)
			must(err)
			must(x.Move(row, pending.Seal, fill(pending.Seal)))
			_, err = x.Quarantine(Outcome{ID: number(2).ID, Code: "some.code"}, []byte("answer"))
			must(err)
			if point == "foreign import not committed" {
				kill()
			}
			return nil
		}))
		kill()
	case "assert committed":
		_, err := s.Assert(ctx, "a", number(1).ID, "0xabc")
		must(err)
		kill()
	case "half migrated":
		s.Close()
		must(sqlite.RegisterScalarFunction("die", 0, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) { kill(); return nil, nil }))
		_, err := open(ctx, path, fixed, append(migrations[:len(migrations):len(migrations)], "CREATE TABLE more (x TEXT) STRICT; SELECT die()"))
		must(err)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// dies runs the point in a process of its own until it is killed there.
func dies(t *testing.T, point, path string, to ...string) {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	cmd := exec.CommandContext(t.Context(), self, append([]string{path}, append(to, "")...)...)
	cmd.Env = append(os.Environ(), crashVariable+"="+point)
	out, err := cmd.CombinedOutput()
	if status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus); err == nil || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%s: the process was not killed there: %v\n%s", point, err, out)
	}
}

func TestKilled(t *testing.T) {
	if onBoth(t, TestKilled) {
		return
	}
	path := where(t)
	id := number(1).ID
	with := func(do func(s *Store)) {
		t.Helper()
		s, err := Open(t.Context(), path, fixed)
		ok(t, err)
		do(s)
		ok(t, s.Close())
	}
	state := func(want pending.State) {
		t.Helper()
		with(func(s *Store) {
			if p := get(t, s, id); p.State != want {
				t.Fatalf("the row is %s, want %s", p.State, want)
			}
		})
	}
	with(func(s *Store) { ok(t, s.SetPeer(t.Context(), peerKey(1), ownKey, false)) })

	dies(t, "row not committed", path)
	with(func(s *Store) {
		_, err := s.Get(t.Context(), Any, id)
		code(t, err, "kms.missing")
	})
	dies(t, "row committed", path) // K1
	with(func(s *Store) {
		existing, err := s.Create(t.Context(), number(2), Idempotency{Key: "key"})
		ok(t, err)
		if existing == nil || existing.ID != id {
			t.Fatal("the client's retry made another row")
		}
	})
	dies(t, "while sealing", path)
	state(pending.Pending)
	dies(t, "export not committed", path)
	state(pending.Pending)
	out := filepath.Join(t.TempDir(), "out")
	dies(t, "export committed", path, out) // K2, K3
	state(pending.Exported)
	with(func(s *Store) {
		half, err := os.ReadFile(out)
		ok(t, err)
		again, seq, repeat := export(t, s, Selection{})
		if seq != 1 || !repeat || !bytes.HasPrefix(again, half) || len(again) <= len(half) {
			t.Error("the repeat is not what half got out of")
		}
	})
	dies(t, "import not committed", path) // K6
	state(pending.Exported)
	dies(t, "import committed", path) // K7
	state(pending.Signed)
	with(func(s *Store) {
		raw := []byte("receipts")
		h, d := header(1, [32]byte{}, raw)
		repeat, err := s.Import(t.Context(), raw, h, d, func(*ImportTx) error { t.Error("applied twice"); return nil })
		ok(t, err)
		if !repeat {
			t.Error("not a repeat")
		}
		if due, err := s.Due(t.Context(), 1); err != nil || len(due) != 1 {
			t.Error("the signed row is not due")
		}
	})
	dies(t, "intent committed", path) // K8
	state(pending.Broadcasting)
}

func TestHalfMigrated(t *testing.T) { // K13
	path := filepath.Join(t.TempDir(), "kms.db")
	s := openAt(t, path)
	put(t, s, number(1))
	ok(t, s.Close())
	dies(t, "half migrated", path)
	get(t, openAt(t, path), number(1).ID)
}

func TestKilledAfterAssert(t *testing.T) { // K12
	if onBoth(t, TestKilledAfterAssert) {
		return
	}
	path := where(t)
	s := openAt(t, path)
	put(t, s, number(1))
	dies(t, "assert committed", path)
	p, err := s.Assert(t.Context(), "a", number(1).ID, "0xabc")
	ok(t, err)
	if p.State != pending.Complete || len(audits(t, s, p.ID)) != 2 {
		t.Error("the repeat did something")
	}
}
