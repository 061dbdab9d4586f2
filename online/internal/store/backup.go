package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Backup writes a copy of the database to a new file while servers work on. The
// copy is of one moment, is read back and checked before it has its name, and is no
// installation until Restore or Adopt makes it one.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.path == "" {
		return fault.New("store.backup", "use pg_dump or the server's own backups", "a database server is not copied as a file")
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fault.New("file.exists", "give it a new name", "there is something at %s", quote.Line(path))
	}
	return s.duplicate(ctx, path, func(temp string) error {
		copied, err := open(ctx, temp, s.now, migrations)
		if err != nil {
			return err
		}
		return copied.Close()
	})
}

// duplicate copies the database to path, which it replaces, once check has found the
// copy good under another name.
func (s *Store) duplicate(ctx context.Context, path string, check func(temp string) error) error {
	temp := fmt.Sprintf("%s.%s.tmp", path, NewID())
	defer remove(temp)
	if err := create(temp); err != nil {
		return err
	}
	if _, err := s.db.ExecContext(ctx, "VACUUM INTO ?", temp); err != nil {
		return s.fail(err)
	}
	if check != nil {
		if err := check(temp); err != nil {
			return err
		}
	}
	return settleFile(temp, path)
}

// remove removes a database that was not finished, and what SQLite keeps beside it.
func remove(path string) {
	for _, beside := range []string{"", "-wal", "-shm", "-journal"} {
		os.Remove(path + beside)
	}
}

// settleFile flushes a finished file and gives it its name.
func settleFile(temp, path string) error {
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fault.New("store.write", "free space on the disk or make it writable; nothing was changed", "cannot keep a copy of the database: %s", quote.Line(err.Error()))
	}
	return nil
}

// Restore makes a database of a backup, where there is none. Nothing is known of what
// happened since the backup was made, so the new one is paired with nobody: what
// was exported and not answered becomes pending again at the next pairing, marked as
// perhaps signed, and its sequences begin anew. The offline half gives what it signed
// before the same signatures, which are one payment on chain.
func Restore(ctx context.Context, backup, path string, now func() time.Time) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fault.New("store.open", "", "cannot find the database: %w", err)
	}
	if _, err := os.Lstat(abs); !errors.Is(err, fs.ErrNotExist) {
		return fault.New("store.exists", "move it away first, with its -wal and .server files: nothing is ever overwritten", "there is a database at %s", quote.Line(path))
	}
	temp := fmt.Sprintf("%s.%s.tmp", abs, NewID())
	defer remove(temp)
	if err := copyRegular(backup, temp); err != nil {
		return err
	}
	s, err := open(ctx, temp, now, migrations)
	if err != nil {
		return err
	}
	s.bar, s.settled = nil, false // the copy takes the place of the original
	err = s.write(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM pairing"); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM installation"); err != nil {
			return err
		}
		if err := t.doubt(); err != nil {
			return err
		}
		return t.audit("restore", bundle.ID{}, "", "", "")
	})
	if err == nil {
		err = s.checkpoint(ctx)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	return settleFile(temp, abs)
}

// doubt marks the pending rows that a hot signer may have paid since the copy was
// made, and would pay again by another transaction that does not conflict: those with a
// recent blockhash. No hot signer is heard about them any more; a person cancels each
// once he has looked whether it was paid.
func (t *tx) doubt() error {
	_, err := t.exec("UPDATE transactions SET maybe_signed = 1 WHERE state = 'pending' AND signer = '' AND " + recent)
	return err
}

// copyRegular copies a regular file to a new one that only its owner reads.
func copyRegular(from, to string) error {
	in, err := os.OpenFile(from, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fault.New("file.read", "check the name", "cannot read the backup %s", quote.Line(from))
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return fault.New("file.read", "name a file", "%s is not a file", quote.Line(from))
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return fault.New("store.write", "free space on the disk or make it writable; nothing was changed", "cannot copy the backup: %s", quote.Line(err.Error()))
	}
	return nil
}

// OpenDamaged opens a file that Open refuses as store.corrupt, for reading alone: every
// change is refused with that fault. What is read may be wrong or not be there.
func OpenDamaged(ctx context.Context, path string, now func() time.Time, why error) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.New("store.open", "", "cannot find the database: %w", err)
	}
	s, err := connect(abs, "ro", now)
	if err != nil {
		return nil, err
	}
	s.settled, s.bar = true, why
	if _, err := s.version(ctx, s.db, len(migrations)); err != nil {
		s.db.Close()
		return nil, why
	}
	return s, nil
}

// Damaged says why the database is read and not changed; nil, that it is sound.
func (s *Store) Damaged() error {
	if fault.Is(s.bar, "store.corrupt") {
		return s.bar
	}
	return nil
}
