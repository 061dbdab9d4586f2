package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"coldsign/offline/internal/approve"
	"coldsign/offline/internal/journal"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

// overwriter changes a file in one of three ways: the same inode, another inode under
// the name, and through a mapping of the file.
func overwriter(t *testing.T, path string) func(way int, with []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(mapped); f.Close() })
	other := path + ".new"
	return func(way int, with []byte) {
		var err error
		switch way % 3 {
		case 0:
			_, err = f.WriteAt(with, 0)
		case 1:
			copy(mapped, with)
		case 2:
			if err = os.WriteFile(other, with, 0o600); err == nil {
				err = os.Rename(other, path)
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// TestATT51Races has a writer change the file all the while. In 1,000 races what comes
// out is an answer to the very bytes that were reviewed, or an error.
func TestATT51Races(t *testing.T) {
	s, dir := unlocked(t)
	seal := func(item string) []byte {
		raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{item}}.seal()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	good, evil := seal("1:500"), seal("1:900")
	if len(good) != len(evil) {
		t.Fatal("the two have different lengths")
	}
	in := filepath.Join(dir, "in.cbor")
	if err := os.WriteFile(in, good, 0o600); err != nil {
		t.Fatal(err)
	}
	write := overwriter(t, in)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				write(i/2, [][]byte{good, evil}[i%2])
			}
		}
	})
	count := map[string]int{}
	for range 1000 {
		m, err := s.opt.Receive(t.Context(), s.streams(), in, wanted)
		if err != nil { // torn while it was read
			count[fault.Code(err)]++
			continue
		}
		b, _, _, err := s.received(m)
		if err != nil {
			count[fault.Code(err)]++
			continue
		}
		batch, err := s.batch(b)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(batch.Text(0), "\n")
		receipts := batch.Sign(0)
		of := map[[32]byte]string{sha256.Sum256(good): "0.5 sepETH", sha256.Sum256(evil): "0.9 sepETH"}[b.Digest()]
		if of == "" || batch.Digest != b.Digest() || !strings.Contains(text, of) || receipts[0].Digest != sha256.Sum256(b.Item(0)) || receipts[0].Status != bundle.Signed {
			t.Fatalf("digest %x, receipt %+v, review\n%s", b.Digest(), receipts[0], text)
		}
		count[of]++
	}
	close(stop)
	wait.Wait()
	t.Log(count)
	if count["0.5 sepETH"] == 0 || count["0.9 sepETH"] == 0 {
		t.Errorf("the races were none: %v", count)
	}
	for code := range count {
		if !strings.HasPrefix(code, "bundle.") && !strings.HasSuffix(code, "sepETH") && code != "file.size" {
			t.Errorf("an error %q", code)
		}
	}
}

// cutSign is a process of its own: it signs in.cbor of a folder while no file can grow
// beyond so many bytes, as on a stick that is full, or pulled out, at that place.
func cutSign() int {
	var t cutting
	code := func() (code int) {
		defer func() {
			if recover() != nil {
				code = 2
			}
		}()
		n, err := strconv.ParseUint(os.Args[2], 10, 32)
		t.ok(err)
		s := t.session(os.Args[1])
		b, _, _, err := s.received(t.read(filepath.Join(os.Args[1], "in.cbor")))
		t.ok(err)
		batch, err := s.batch(b)
		t.ok(err)
		batch.Sign(0) // secret memory is a file too: this much of it is there now
		s.opt.Out = filepath.Join(os.Args[1], "a.cbor")
		t.ok(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}))
		if err := s.decide(b, batch, approve.About(batch.Digest)); err != nil {
			fmt.Fprintln(os.Stderr, fault.Code(err), err)
			return 1
		}
		return 0
	}()
	return code
}

type cutting struct{}

func (cutting) ok(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		panic(err)
	}
}

func (c cutting) session(dir string) *session {
	s, err := sessionOf(dir)
	c.ok(err)
	return s
}

func (c cutting) read(name string) frame.Message {
	raw, err := os.ReadFile(name)
	c.ok(err)
	m, err := frame.FromFile(raw)
	c.ok(err)
	return m
}

// TestATT52CutAtEachOffset signs while writing fails at 100 places. Each is a clean error
// or the whole answer; afterwards the journal is sound, and the same bundle gives one
// answer, whatever was decided before the failure.
func TestATT52CutAtEachOffset(t *testing.T) {
	_, whole := unlocked(t)
	info, err := os.Stat(filepath.Join(whole, "home", journal.File))
	if err != nil {
		t.Fatal(err)
	}
	from, failed, signed := uint64(info.Size()), 0, 0
	const offsets = 100
	for i := range uint64(offsets) {
		s, dir := unlocked(t)
		raw, err := order{from: newDevice(9), to: s.ks.Device().Public(), sequence: 1, items: []string{"1"}}.seal()
		if err != nil {
			t.Fatal(err)
		}
		in := filepath.Join(dir, "in.cbor")
		if err := os.WriteFile(in, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		s.close()
		n := i * 5 // what is small: the answer, heads, temporary files
		if i >= offsets/2 {
			n = from + (i-offsets/2)*18 // the journal
		}
		var words bytes.Buffer
		cmd := exec.Command("cutsign", dir, strconv.FormatUint(n, 10))
		cmd.Stderr = &words
		err = cmd.Run()
		switch exit, ok := errors.AsType[*exec.ExitError](err); {
		case err == nil:
			signed++
		case !ok || exit.ExitCode() != 1 || !strings.HasPrefix(words.String(), "file.write ") && !strings.HasPrefix(words.String(), "journal.write "):
			t.Fatalf("at %d: %v, %s", n, err, words.String())
		default:
			failed++
			if _, e := os.Stat(filepath.Join(dir, "a.cbor")); e == nil {
				t.Fatalf("at %d: half an answer", n)
			}
		}
		answeredOnce(t, dir, n, raw)
	}
	t.Logf("%d failed, %d went through", failed, signed)
	if failed < offsets/2 || signed == 0 {
		t.Errorf("%d failed, %d went through", failed, signed)
	}
}

// answeredOnce signs what a process that was cut short may have decided.
func answeredOnce(t *testing.T, dir string, n uint64, raw []byte) {
	t.Helper()
	s := reopened(t, dir)
	b, entry, repeat, err := s.received(file(t, filepath.Join(dir, "in.cbor")))
	if err != nil {
		t.Fatalf("at %d: %v", n, err)
	}
	s.opt.Out = filepath.Join(dir, "b.cbor")
	if repeat {
		err = s.again(b, entry)
	} else {
		batch, e := s.batch(b)
		if e != nil {
			t.Fatalf("at %d: %v", n, e)
		}
		err = s.decide(b, batch, approve.About(batch.Digest))
	}
	if err != nil {
		t.Fatalf("at %d, once there is room: %v", n, err)
	}
	answer, err := os.ReadFile(s.opt.Out)
	if err != nil {
		t.Fatal(err)
	}
	a, err := bundle.Open(answer, s.ks.Device().Public())
	if err != nil || a.Answers != sha256.Sum256(raw) {
		t.Fatalf("at %d: %v", n, err)
	}
	s.close()
	last, decided := reopened(t, dir), 0
	for _, e := range last.j.Entries() {
		if e.Sign != nil {
			decided++
		}
	}
	last.close()
	if decided != 1 {
		t.Fatalf("at %d it was decided %d times", n, decided)
	}
}

// TestATT53ManyFiles has a stick with 100,000 files and 1,000 folders within each other:
// the named file alone is read, and a folder is looked through within seconds.
func TestATT53ManyFiles(t *testing.T) {
	dir := t.TempDir()
	fresh(t, dir)
	stick := filepath.Join(dir, "stick")
	if err := os.Mkdir(stick, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 100_000 {
		// A FIFO and /dev/zero would hold whoever opens them.
		name := filepath.Join(stick, fmt.Sprintf("%06d.cbor", i))
		var err error
		if i%1000 == 0 {
			err = syscall.Mkfifo(name, 0o600)
		} else if i%1000 == 1 {
			err = os.WriteFile(name, []byte("junk"), 0o600)
		} else {
			err = os.Symlink("/dev/zero", name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(t *testing.T, fd int, name string) int {
		t.Helper()
		if err := syscall.Mkdirat(fd, name, 0o700); err != nil {
			t.Fatal(err)
		}
		next, err := syscall.Openat(fd, name, syscall.O_DIRECTORY|syscall.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		syscall.Close(fd)
		return next
	}
	fd, err := syscall.Open(stick, syscall.O_DIRECTORY|syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		fd = at(t, fd, "deep")
	}
	syscall.Close(fd)

	run := func(args ...string) (string, error) {
		t.Helper()
		cmd := exec.Command("offline", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "COLDSIGN_HOME=home", "PASSFILE=pass")
		var words bytes.Buffer
		cmd.Stderr = &words
		begin := time.Now()
		err := cmd.Run()
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("%v took %v", args, d)
		}
		return words.String(), err
	}
	for _, c := range []struct {
		code string
		args []string
	}{
		{"share.few", []string{"backup", "verify", "home/keystore.age", "--shares-dir", "stick"}},
		{"", []string{"review", "--scan-images", "stick"}},
		{"file.type", []string{"review", "stick"}},
		{"file.type", []string{"review", "stick/000000.cbor"}},
		{"bundle.format", []string{"review", "stick/000001.cbor"}},
		{"file.type", []string{"review", "stick/000002.cbor"}},
		{"file.missing", []string{"review", "stick/nowhere.cbor"}},
	} {
		words, err := run(c.args...)
		m := errorLine.FindStringSubmatch(words)
		if _, ok := errors.AsType[*exec.ExitError](err); !ok || m == nil || c.code != "" && m[1] != c.code {
			t.Errorf("%v: %v, %q", c.args, err, words)
		}
		t.Logf("%v: %s", c.args, words)
	}
	// The neighbour: a bundle among them is read by its exact name.
	if words, err := run("pair", "--out", "stick/offline.cbor"); err != nil {
		t.Errorf("%v %s", err, words)
	}
}

// strike starts a command that makes a home, anew where it was faster, until it is killed
// as soon as there is a file of that name, and tells whether the home was whole by then.
func strike(t *testing.T, home, stage string, command func() *exec.Cmd) (whole bool) {
	t.Helper()
	const most, enough = 100, 10
	for try, struck := 0, 0; try < most && struck < enough; try++ {
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
		cmd := command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		there := false
		for over := false; !there && !over; {
			select {
			case <-ended:
				over = true
			default:
				found, _ := filepath.Glob(filepath.Join(home, stage))
				there = len(found) > 0
			}
		}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		<-ended
		if !there {
			continue
		}
		struck++
		_, err := os.Lstat(filepath.Join(home, unfinished))
		if whole = err != nil; !whole {
			return false
		}
	}
	if !whole {
		t.Fatalf("%s was never seen", stage)
	}
	return true
}

// TestATT69InitAndRestoreKilled kills an init and a restore as soon as each of their files
// is there. The next try makes a whole home of what was left, or says that there is one,
// which opens.
func TestATT69InitAndRestoreKilled(t *testing.T) {
	dir := t.TempDir()
	fresh(t, dir)
	home := filepath.Join(dir, "made")
	offline := func(args ...string) *exec.Cmd {
		cmd := exec.Command("offline", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "COLDSIGN_HOME=made", "PASSFILE=pass")
		return cmd
	}
	finished := 0
	for _, args := range [][]string{{"init"}, {"restore", "home/keystore.age"}} {
		stages := []string{unfinished, ".keystore.age.*.tmp", "keystore.age", "journal.head"}
		if args[0] == "init" {
			stages = stages[1:3]
		}
		for _, stage := range stages {
			whole := strike(t, home, stage, func() *exec.Cmd { return offline(args...) })
			words, err := offline(args...).CombinedOutput()
			if err != nil && (!whole || !bytes.Contains(words, []byte(".exists: "))) {
				t.Errorf("%v after a kill at %s: %v %s", args, stage, err, words)
			}
			if whole {
				finished++
			}
			if words, err := offline("wallet", "list").CombinedOutput(); err != nil || args[0] == "restore" && !bytes.Contains(words, []byte(walletID)) {
				t.Errorf("%v after a kill at %s: %v %s", args, stage, err, words)
			}
			left, err := filepath.Glob(filepath.Join(home, ".*.tmp"))
			if err != nil || len(left) > 0 {
				t.Errorf("%v after a kill at %s left %v", args, stage, left)
			}
		}
	}
	if finished > 3 {
		t.Errorf("%d of 6 were whole before they were killed", finished)
	}
}
