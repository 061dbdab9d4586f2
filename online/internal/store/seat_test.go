package store

import (
	"os"
	"path/filepath"
	"testing"

	"coldsign/online/internal/pending"
)

// serves makes the store a server until the test, or release, ends.
func serves(t *testing.T, s *Store) (release func()) {
	t.Helper()
	release, err := s.Serve(t.Context())
	ok(t, err)
	t.Cleanup(release)
	return release
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	ok(t, err)
	ok(t, os.WriteFile(to, raw, 0o600))
}

// copyHome copies a folder whole, as cp -a does.
func copyHome(t *testing.T, from string) (to string) {
	t.Helper()
	to = t.TempDir()
	ok(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

func TestATT103OneServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	first, second := openAt(t, path), openAt(t, path)
	release := serves(t, first)
	_, err := second.Serve(t.Context())
	code(t, err, "store.served")
	link := filepath.Join(t.TempDir(), "kms.db")
	ok(t, os.Symlink(path, link))
	_, err = openAt(t, link).Serve(t.Context())
	code(t, err, "store.served")
	// Whoever does not serve works beside the server.
	put(t, openAt(t, path), number(1))
	put(t, first, number(2))
	ok(t, os.Remove(path+".server")) // the other lock holds
	_, err = openAt(t, path).Serve(t.Context())
	code(t, err, "store.copied")
	ok(t, os.WriteFile(path+".server", nil, 0o600))
	release()
	third := openAt(t, path)
	_, err = third.Serve(t.Context())
	code(t, err, "store.copied")
	done, err := third.Adopt(t.Context(), false)
	ok(t, err)
	if !done {
		t.Error("nothing was adopted")
	}
	serves(t, third)()
	serves(t, openAt(t, path))
}

func TestATT103Copies(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "kms.db")
	s := openAt(t, path)
	p := put(t, s, number(1))
	release := serves(t, s)
	ok(t, s.checkpoint(t.Context()))

	// The whole home, while the original is being served.
	twin := openAt(t, filepath.Join(copyHome(t, home), "kms.db"))
	_, err := twin.Serve(t.Context())
	code(t, err, "store.copied")
	_, err = twin.Cancel(t.Context(), "a", p.ID)
	code(t, err, "store.copied")
	if get(t, twin, p.ID).State != pending.Pending {
		t.Error("a copy was changed")
	}
	_, err = twin.Adopt(t.Context(), false)
	code(t, err, "store.served")

	// The file alone, served or not.
	alone := filepath.Join(t.TempDir(), "restored.db")
	copyFile(t, path, alone)
	for range 2 {
		c := openAt(t, alone)
		_, err = c.Serve(t.Context())
		code(t, err, "store.copied")
		_, err = c.Create(t.Context(), number(2), Idempotency{})
		code(t, err, "store.copied")
		release()
	}
	// A backup that is brought back takes one step, which is written down.
	c := openAt(t, alone)
	done, err := c.Adopt(as(t, "operator"), false)
	ok(t, err)
	if list := audits(t, c, [12]byte{}); !done || list[len(list)-2].Action != "adopt" || list[len(list)-2].Actor != "operator" {
		t.Errorf("adopted %v; the audit is %+v", done, list)
	}
	done, err = c.Adopt(t.Context(), false)
	ok(t, err)
	if done {
		t.Error("adopted twice")
	}
	put(t, c, number(2))
	serves(t, c)
	// It is another installation now: both may run.
	serves(t, openAt(t, path))
}

// A home that was moved, or copied when nothing ran, is at home.
func TestATT103MovedHome(t *testing.T) {
	home := t.TempDir()
	s := openAt(t, filepath.Join(home, "kms.db"))
	put(t, s, number(1))
	serves(t, s)()
	ok(t, s.Close())
	moved := filepath.Join(t.TempDir(), "elsewhere")
	copied := copyHome(t, home)
	ok(t, os.Rename(home, moved))
	m := openAt(t, filepath.Join(moved, "kms.db"))
	release := serves(t, m)
	put(t, m, number(2))
	twin := openAt(t, filepath.Join(copied, "kms.db"))
	_, err := twin.Serve(t.Context())
	code(t, err, "store.copied")
	release()
	c := openAt(t, filepath.Join(copied, "kms.db"))
	put(t, c, number(2))
	serves(t, c)
	// The one that was opened before that is refused all the same.
	_, err = m.Serve(t.Context())
	code(t, err, "store.served")
}
