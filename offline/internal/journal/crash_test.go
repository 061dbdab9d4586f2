package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"coldsign/shared/bundle"
)

// crasher names the home that a child process appends to until it is killed.
const crasher = "COLDSIGN_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if home := os.Getenv(crasher); home != "" {
		appendForEver(home)
	}
	os.Exit(m.Run())
}

// appendForEver says each number only once Append has returned.
func appendForEver(home string) {
	j, err := Open(home, newDevice(1).Public())
	for err == nil {
		var e Entry
		n, _ := j.Head()
		d := decided(1, bundle.Signed)
		d.ID = bundle.ID{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 1}
		if e, err = j.Append(newDevice(1), signing(n, byte(n), d)); err == nil {
			_, err = fmt.Println(e.Number)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

// Whatever a killed process had said is in the journal, and the journal opens.
func TestKilled(t *testing.T) {
	home, _ := create(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	said, kills := uint64(1), 0
	for range 25 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), crasher+"="+home)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(out)
		// Let it say a few, then kill it within the time that an entry takes.
		for range 1 + rand.IntN(4) {
			if !scan.Scan() {
				t.Fatal("the child ended by itself")
			}
		}
		time.AfterFunc(time.Duration(rand.IntN(4000))*time.Microsecond, func() { cmd.Process.Kill() })
		for ok := true; ok; ok = scan.Scan() {
			if said, err = strconv.ParseUint(scan.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); ok && exit.ExitCode() == -1 {
			kills++
		} else {
			t.Fatal("the child was not killed")
		}
		j, err := Open(home, newDevice(1).Public())
		if err != nil {
			t.Fatalf("after kill %d: %v", kills, err)
		}
		if n, _ := j.Head(); n < said || n > said+1 {
			t.Fatalf("after kill %d: %d entries, the child had said %d", kills, n, said)
		}
		for _, e := range j.Entries()[1:] {
			if d, ok := j.Bound(e.Sign.Decisions[0].ID); !ok || d.Status != bundle.Signed {
				t.Fatalf("entry %d binds nothing", e.Number)
			}
		}
	}
	if kills < 20 || said < 40 {
		t.Errorf("only %d kills and %d entries", kills, said)
	}
	left, err := fs.Glob(os.DirFS(home), ".*.tmp")
	if err != nil || len(left) > kills {
		t.Errorf("%d temporary files after %d kills: %v", len(left), kills, err)
	}
}
