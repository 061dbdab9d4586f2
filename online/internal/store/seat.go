package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// A file has one server at a time, and a copy of it has none. From its first
// server on, the database and the file beside it (<database>.server) hold the same
// random token, and the server holds two locks: one on that file, and one on this
// machine that is named after the token, which copies have too. A home that was
// moved whole has both files, so it is at home wherever it is. A database that was
// copied without the file beside it, or from under a running server, is read but
// not changed until Adopt.

const askTime = time.Second // for a server on this machine to say which file it has

// mark is the token of an installation.
type mark [16]byte

// lockName is the name of its lock among the sockets of this machine. Who knows it
// does not know the token.
func (t mark) lockName() string {
	sum := sha256.Sum256(append([]byte("coldsign-online "), t[:]...))
	return "@coldsign-online/" + hex.EncodeToString(sum[:16])
}

func (s *Store) sideFile() string { return s.path + ".server" }

// remembered gives the token in the database, if there is one, and where the
// database was moved to.
func remembered(ctx context.Context, q querier) (t mark, known bool, moved string, err error) {
	var b []byte
	err = q.QueryRowContext(ctx, "SELECT token, moved FROM installation").Scan(&b, &moved)
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, "", nil
	}
	copy(t[:], b)
	return t, err == nil, moved, err
}

// place tells why the database must not be changed where it is, or nil.
func (s *Store) place(ctx context.Context) (bar, err error) {
	t, known, moved, err := remembered(ctx, s.db)
	if err != nil || !known {
		return nil, s.fail(err)
	}
	if moved != "" {
		return errMoved(moved), nil
	}
	if raw, _ := os.ReadFile(s.sideFile()); strings.TrimSpace(string(raw)) != hex.EncodeToString(t[:]) {
		return fault.New("store.copied", "work with the original; if this is to take its place, stop that one for good and run: coldsign-online adopt",
			"the database %s was copied from its place", quote.Line(s.path)), nil
	}
	if other, ok := ask(t); ok && other != s.inode() {
		return fault.New("store.copied", "work with the original; if this is to take its place, stop that one for good", "the database %s is a copy of one that is being served on this machine", quote.Line(s.path)), nil
	}
	return nil, nil
}

func errMoved(to string) error {
	return fault.New("store.moved", "use that one; if it was never used, run: coldsign-online adopt --moved", "the database was moved to %s", quote.Line(to))
}

// barred refuses changes of a database that is not to be changed here.
func (s *Store) barred(t *tx) error {
	if s.path == "" || !s.settled {
		return nil
	}
	if s.bar != nil {
		return s.bar
	}
	var moved string
	err := t.row("SELECT moved FROM installation").Scan(&moved) // it may have been moved since it was opened
	if errors.Is(err, sql.ErrNoRows) || err == nil && moved == "" {
		return nil
	}
	if err != nil {
		return err
	}
	return errMoved(moved)
}

// Serve makes this process the one server of the database until release is called.
// A file that another process serves, or of which a copy is served on this
// machine, is store.served. PostgreSQL has any number of servers.
func (s *Store) Serve(ctx context.Context) (release func(), err error) {
	if s.path == "" {
		return func() {}, nil
	}
	if s.bar != nil {
		return nil, s.bar
	}
	return s.seat(ctx)
}

// seat takes both locks, and makes the token when there is none.
func (s *Store) seat(ctx context.Context) (release func(), err error) {
	if err := local(s.path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(s.sideFile(), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fault.New("store.write", "check that the folder can be written", "cannot open the file beside the database: %s", quote.Line(err.Error()))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, served("a server runs on the database")
	}
	t, known, _, err := remembered(ctx, s.db)
	if err == nil && !known {
		t, err = s.settle(ctx, f)
	}
	if err != nil {
		f.Close()
		return nil, s.fail(err)
	}
	l, err := net.Listen("unix", t.lockName())
	if err != nil {
		f.Close()
		return nil, served("a server on this machine runs on a copy of the database")
	}
	go answer(l, s.inode())
	return func() { l.Close(); f.Close() }, nil
}

func served(what string) error {
	return fault.New("store.served", "stop that one first; several servers need PostgreSQL", "%s", what)
}

// settle gives the database a new token, first in the file beside it.
func (s *Store) settle(ctx context.Context, f *os.File) (t mark, err error) {
	rand.Read(t[:])
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(hex.EncodeToString(t[:])+"\n"), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return t, fault.New("store.write", "free space on the disk or make it writable; nothing was changed", "cannot write beside the database: %s", quote.Line(err.Error()))
	}
	s.bar = nil
	return t, s.write(ctx, func(x *tx) error {
		if _, err := x.exec("INSERT INTO installation (one, token, since) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE SET token = excluded.token, since = excluded.since",
			t[:], x.at.UnixMilli()); err != nil {
			return err
		}
		return x.audit("installation", bundle.ID{}, "", "", "")
	})
}

// Adopt makes the database that is here the installation: a copy that is to take
// the place of the original, a backup that was brought back, or, with moved, one
// whose move to PostgreSQL is undone. It reports whether there was anything to do.
func (s *Store) Adopt(ctx context.Context, moved bool) (done bool, err error) {
	if s.path == "" {
		return false, fault.New("store.adopt", "", "a database server has no place that it can be copied from")
	}
	t, known, to, err := remembered(ctx, s.db)
	if err != nil {
		return false, s.fail(err)
	}
	switch {
	case to != "" && !moved:
		return false, errMoved(to)
	case s.bar == nil:
		return false, nil
	}
	if other, ok := ask(t); known && ok && other != s.inode() {
		return false, served("the original is being served on this machine")
	}
	f, err := os.OpenFile(s.sideFile(), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return false, fault.New("store.write", "check that the folder can be written", "cannot open the file beside the database: %s", quote.Line(err.Error()))
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return false, served("a server runs on the database")
	}
	s.bar, s.settled = nil, false
	defer func() { s.settled = true }()
	if err := s.write(ctx, func(x *tx) error {
		if _, err := x.exec("UPDATE installation SET moved = ''"); err != nil {
			return err
		}
		if to == "" { // else nothing was changed since
			if err := x.doubt(); err != nil {
				return err
			}
		}
		return x.audit("adopt", bundle.ID{}, "", "", to)
	}); err != nil {
		return false, err
	}
	_, err = s.settle(ctx, f)
	return err == nil, err
}

// inode names the file for other processes of this machine.
func (s *Store) inode() string {
	info, err := os.Stat(s.path)
	if err != nil {
		return ""
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	}
	return ""
}

// answer tells whoever asks which file is served, until the lock is given up.
func answer(l net.Listener, inode string) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(askTime) // out of files, say: the lock stands all the same
			continue
		}
		c.SetDeadline(time.Now().Add(askTime))
		io.WriteString(c, inode)
		c.Close()
	}
}

// ask gives what the server with the token says that it serves, if one runs on
// this machine.
func ask(t mark) (inode string, ok bool) {
	c, err := net.DialTimeout("unix", t.lockName(), askTime)
	if err != nil {
		return "", false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(askTime))
	raw, err := io.ReadAll(io.LimitReader(c, 64))
	return string(raw), err == nil && len(raw) > 0
}

// local refuses a file on another machine's disk: its locks are not to be relied on.
func local(path string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return fault.New("store.open", "", "cannot look at the disk of the database: %s", quote.Line(err.Error()))
	}
	switch uint32(fs.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC:
		return fault.New("store.share", "put it on a local disk, or use PostgreSQL", "the database is on a network share")
	}
	return nil
}
