package durable

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"coldsign/shared/fault"
)

func TestATT50ReadRefusesWhatIsNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	os.WriteFile(at("plain"), []byte("hello"), 0o600)
	os.Symlink(at("plain"), at("link"))
	os.Mkdir(at("folder"), 0o700)
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	sparse, _ := os.Create(at("sparse"))
	if err := sparse.Truncate(1 << 40); err != nil {
		t.Fatal(err)
	}
	sparse.Close()
	for name, code := range map[string]string{
		"link": "file.type", "folder": "file.type", "fifo": "file.type",
		"sparse": "file.size", "none": "file.missing",
	} {
		if _, err := Read(at(name), 1<<20); fault.Code(err) != code {
			t.Errorf("%s: got %v, want code %s", name, err, code)
		}
	}
	if b, err := Read(at("plain"), 5); err != nil || string(b) != "hello" {
		t.Errorf("plain: %q, %v", b, err)
	}
	if _, err := Read(at("plain"), 4); fault.Code(err) != "file.size" {
		t.Errorf("plain over the limit: %v", err)
	}
	if _, err := Read("/dev/zero", 10); fault.Code(err) != "file.type" {
		t.Errorf("device: %v", err)
	}
}

func TestWriteReplacesWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Write(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := WriteChecked(path, []byte("two"), func([]byte) error { return boom }); !errors.Is(err, boom) {
		t.Fatalf("check: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "one" {
		t.Fatalf("a failed write changed the file to %q", b)
	}
	if err := Write(path, nil); err != nil {
		t.Fatalf("empty: %v", err)
	}
	info, _ := os.Stat(path)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	os.Symlink(path, filepath.Join(dir, "l"))
	if err := Write(filepath.Join(dir, "l"), []byte("x")); fault.Code(err) != "file.type" {
		t.Errorf("through a link: %v", err)
	}
	left, _ := os.ReadDir(dir)
	for _, e := range left {
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

// A full disk is stood in for by the file size limit of the process: the write
// of a large file fails half way.
func TestWriteToFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Fatal("no /dev/full here")
	}
	err := failed("x", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
	if fault.Code(err) != "file.write" || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("full disk: %v", err)
	}
}

func TestLockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); fault.Code(err) != "home.locked" {
		t.Errorf("second lock: %v", err)
	}
	release()
	again, err := Lock(path)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	again()
}
