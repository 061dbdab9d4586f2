// Package durable reads files that a stranger may have prepared and writes
// files that must survive a power cut.
//
// A stick is hostile: what is named like a bundle may be a symbolic link, a
// FIFO that never answers, a device, a directory or a sparse file of a
// terabyte. Read refuses all of those without blocking. Write follows the order
// temporary file, fsync, read back and compare, rename, fsync folder: after a
// crash either the old bytes are there or the new ones, whole.
package durable

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"coldsign/shared/fault"
)

// Open opens a regular file for reading and tells its size. A path of "-" is not
// special here.
func Open(path string) (*os.File, int64, error) {
	// O_NONBLOCK: opening a FIFO must not wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		if errors.Is(err, syscall.ELOOP) {
			return nil, 0, fault.New("file.type", "give the file itself", "%q is a symbolic link", path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, 0, fault.New("file.missing", "check the name and that the medium is mounted", "no file %q", path)
		}
		return nil, 0, fault.New("file.read", "", "cannot open %q: %w", path, reason(err))
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fault.New("file.read", "", "cannot look at %q: %w", path, reason(err))
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, 0, fault.New("file.type", "give a regular file", "%q is no regular file", path)
	}
	return f, info.Size(), nil
}

// Read reads a regular file of at most max bytes, whole and once.
func Read(path string, max int64) ([]byte, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > max {
		return nil, fault.New("file.size", "", "%q holds %d bytes, more than the %d allowed", path, size, max)
	}
	return ReadAll(f, path, max, make([]byte, 0, size+1))
}

// ReadAll reads r to its end, at most max bytes, into b.
func ReadAll(r io.Reader, name string, max int64, b []byte) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	n, err := io.Copy(buf, io.LimitReader(r, max+1))
	if err != nil {
		return nil, fault.New("file.read", "", "cannot read %q: %w", name, reason(err))
	}
	if n > max {
		return nil, fault.New("file.size", "", "%q holds more than the %d bytes allowed", name, max)
	}
	return buf.Bytes(), nil
}

// ReadInput is Read for an operand of a command line: "-" means standard input.
func ReadInput(name string, stdin io.Reader, max int64) ([]byte, error) {
	if name == "-" {
		return ReadAll(stdin, "standard input", max, nil)
	}
	return Read(name, max)
}

// WriteOutput is Write for an operand of a command line: "-" means standard
// output.
func WriteOutput(name string, stdout io.Writer, data []byte) error {
	if name == "-" {
		_, err := stdout.Write(data)
		return err
	}
	return Write(name, data)
}

// Writable tells beforehand whether WriteOutput has a chance: what follows may be
// final.
func Writable(name string) error {
	if name == "-" {
		return nil
	}
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fault.New("file.type", "remove it or give another name", "%q is in the way and no regular file", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".coldsign.*.tmp")
	if err != nil {
		return failed(name, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 4096))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return failed(name, err)
	}
	return nil
}

// Write replaces path with data, mode 0600. Nothing is left behind when it
// fails. A symbolic link, folder or device in the way is refused.
func Write(path string, data []byte) error {
	return WriteChecked(path, data, nil)
}

// WriteChecked is Write with a last test of the bytes read back from the new
// file, before it takes the old one's place.
func WriteChecked(path string, data []byte, check func(readBack []byte) error) (err error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fault.New("file.type", "remove it or give another name", "%q is in the way and no regular file", path)
	}
	dir := filepath.Dir(path)
	var tag [8]byte
	if _, err := rand.Read(tag[:]); err != nil {
		return fault.New("entropy.source", "", "no randomness for a file name: %w", err)
	}
	tmp := filepath.Join(dir, "."+filepath.Base(path)+"."+hex.EncodeToString(tag[:])+".tmp")
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return failed(path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(tmp)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return failed(path, err)
	}
	if err = f.Sync(); err != nil {
		return failed(path, err)
	}
	back := make([]byte, len(data))
	if _, err = f.ReadAt(back, 0); err != nil && !(errors.Is(err, io.EOF) && len(data) == 0) {
		return failed(path, err)
	}
	if !bytes.Equal(back, data) {
		err = fault.New("file.write", "use another medium", "%q does not read back as written", path)
		return err
	}
	if check != nil {
		if err = check(back); err != nil {
			return err
		}
	}
	if err = f.Close(); err != nil {
		return failed(path, err)
	}
	if err = os.Rename(tmp, path); err != nil {
		return failed(path, err)
	}
	return SyncDir(dir)
}

// SyncDir makes a rename in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return failed(dir, err)
	}
	defer d.Close()
	// Some file systems of sticks cannot sync a folder and say EINVAL.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return failed(dir, err)
	}
	return nil
}

func failed(path string, err error) error {
	cure := ""
	if errors.Is(err, syscall.ENOSPC) {
		cure = "free some space or use another medium, then run the command again"
	}
	return fault.New("file.write", cure, "cannot write %q: %w", path, reason(err))
}

// reason drops the path that os puts into its errors: the message names it.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// Lock takes an exclusive lock on path, creating it, and gives the release. A
// lock held by another process is refused at once.
func Lock(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, failed(path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fault.New("home.locked", "wait for it to end", "another coldsign process uses %q", filepath.Dir(path))
	}
	return func() { f.Close() }, nil
}
