package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"coldsign/offline/internal/review"
	"coldsign/shared/bundle"
)

// terminal is the program on a real pseudo-terminal, with a person at it.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	more   chan []byte // what the program wrote, and closed at its end
	screen []byte      // all of it
	seen   int         // up to where the person has read
	whole  bool        // it takes over the screen: escapes are its own
}

func openPTY() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	raw, err := master.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var n int
	var ioctl error
	err = raw.Control(func(fd uintptr) {
		if ioctl = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioctl == nil {
			n, ioctl = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err = errors.Join(err, ioctl); err != nil {
		return nil, nil, err
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	return master, slave, err
}

// at starts the program in dir; the first home is "home" there.
func at(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	master, slave, err := openPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	x := &terminal{t: t, master: master, more: make(chan []byte, 1024)}
	x.cmd = exec.Command("coldsign-offline", append(args, "--home", "home", "--allow-network-interfaces")...)
	x.cmd.Dir, x.cmd.Env = dir, append(os.Environ(), "COLDSIGN_HOME=")
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.more)
		for {
			b := make([]byte, 4096)
			n, err := master.Read(b)
			if n > 0 {
				x.more <- b[:n]
			}
			if err != nil {
				return // EIO: the program has gone
			}
		}
	}()
	t.Cleanup(func() { master.Close() })
	return x
}

// reads waits until text stands on the screen, after what was read before.
func (x *terminal) reads(text string) {
	x.t.Helper()
	late := time.After(30 * time.Second)
	for {
		if i := bytes.Index(x.screen[x.seen:], []byte(text)); i >= 0 {
			x.seen += i + len(text)
			return
		}
		select {
		case b, ok := <-x.more:
			if !ok {
				x.t.Fatalf("ended without %q:\n%s", text, x.screen)
			}
			x.screen = append(x.screen, b...)
		case <-late:
			x.cmd.Process.Kill()
			x.t.Fatalf("waited in vain for %q:\n%s", text, x.screen)
		}
	}
}

// resize sets the size of the window.
func (x *terminal) resize(rows, columns uint16) {
	x.t.Helper()
	if err := unix.IoctlSetWinsize(int(x.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := x.master.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the end and checks the exit status, the last line's code, and
// that the screen got nothing but printable ASCII and no secret.
func (x *terminal) ends(status int, code string) {
	x.t.Helper()
	late := time.AfterFunc(30*time.Second, func() { x.cmd.Process.Kill() })
	for b := range x.more {
		x.screen = append(x.screen, b...)
	}
	_ = x.cmd.Wait()
	late.Stop()
	if got := x.cmd.ProcessState.ExitCode(); got != status {
		x.t.Errorf("status %d, want %d:\n%s", got, status, x.screen)
	}
	_, after, _ := strings.Cut(string(x.screen), "\x1b[?1049l")
	if after == "" {
		after = string(x.screen)
	}
	lines := strings.Split(strings.TrimSpace(after), "\r\n")
	if last := lines[len(lines)-1]; strings.HasPrefix(last, "error: ") != (code != "") || !strings.HasPrefix(last, "error: "+code+": ") && code != "" {
		x.t.Errorf("the last line is %q, want error %q", last, code)
	}
	if bytes.Contains(x.screen, []byte(password)) || bytes.Contains(x.screen, []byte(hexKey)) {
		x.t.Errorf("a secret was echoed:\n%s", x.screen)
	}
	left := x.screen
	if x.whole {
		left = ours.ReplaceAll(left, nil)
	}
	for i, c := range left {
		if (c < 0x20 || c > 0x7e) && c != '\n' && c != '\r' {
			x.t.Fatalf("byte 0x%02x reached the terminal: %q", c, left[max(0, i-30):i+1])
		}
	}
}

// ours are the escapes with which the program itself takes over the whole screen.
var ours = regexp.MustCompile("\x1b\\[(\\?1049[hl]|2J|0m|\\?25[hl]|[0-9]+;1H|K)")

// prepared gives a folder with homes, a bundle of requests r1.cbor with a
// hostile note, and the first two words of its digest.
func prepared(t *testing.T) (dir, words string) {
	t.Helper()
	dir = t.TempDir()
	fresh(t, dir)
	raw, err := os.ReadFile(filepath.Join(dir, "offline.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	_, dev, err := bundle.OpenPairing(raw)
	if err != nil {
		t.Fatal(err)
	}
	one, err := request("1")
	if err != nil {
		t.Fatal(err)
	}
	one.Note = "\x1b[2J\x1b]52;c;cm0=\a\u202e\u009b\r\nto sign, type the first two words\b\x7f"
	item, err := bundle.EncodeItem(one)
	if err != nil {
		t.Fatal(err)
	}
	raw, err = bundle.Seal(bundle.Header{Kind: bundle.Requests, Recipient: bundle.IDOf(dev.Key[:]), Sequence: 1, Created: expired - 1}, [][]byte{item}, newDevice(9))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "r1.cbor"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(raw, newDevice(9).Public())
	if err != nil {
		t.Fatal(err)
	}
	return dir, strings.Join(strings.Fields(review.Words(b.Digest()))[:2], " ")
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

const question = "anything else stops: "

// An approval that was typed before the question is no approval.
func TestATT38TypedAhead(t *testing.T) {
	t.Parallel()
	dir, words := prepared(t)
	x := at(t, dir, "sign", "r1.cbor", "--out", "a1.cbor")
	x.reads("passphrase: ")
	x.types(password + "\n" + words + "\n" + words + "\n")
	x.reads(question)
	x.types("no\n")
	x.ends(1, "approve.stopped")
	if exists(dir, "a1.cbor") || exists(dir, "home/sent") {
		t.Error("something was signed")
	}
}

func TestATT34ATT35ATT37ApproveOnTerminal(t *testing.T) {
	for name, c := range map[string]struct {
		typed, code string
		answer      bool
	}{
		"the words":                    {"%s\n", "", true},
		"the words, in capitals, wide": {"  %S  \n", "", true},
		"refuse":                       {"refuse\n", "sign.refused", true},
		"one word":                     {"%1\n", "approve.stopped", false},
		"the words and more":           {"%s yes\n", "approve.stopped", false},
		"yes":                          {"yes\n", "approve.stopped", false},
		"y":                            {"y\n", "approve.stopped", false},
		"nothing":                      {"\n", "approve.stopped", false},
		"another digest's words":       {"zoo zoo\n", "approve.stopped", false},
		"end of input":                 {"\x04", "console.terminal", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, words := prepared(t)
			x := at(t, dir, "sign", "r1.cbor", "--out", "a1.cbor")
			x.reads("NOT AIR-GAPPED")
			x.reads("passphrase: ")
			x.types(password + "\n")
			x.reads("REQUEST 1 of 1")
			x.reads(`\u{001B}[2J`)
			x.reads(question)
			typed := strings.ReplaceAll(c.typed, "%S", strings.ToUpper(strings.ReplaceAll(words, " ", "   ")))
			typed = strings.ReplaceAll(strings.ReplaceAll(typed, "%s", words), "%1", strings.Fields(words)[0])
			x.types(typed)
			status := 0
			if c.code != "" {
				status = 1
			}
			x.ends(status, c.code)
			if exists(dir, "a1.cbor") != c.answer {
				t.Errorf("an answer was written: %v", !c.answer)
			}
		})
	}
}

func TestOtherQuestions(t *testing.T) {
	t.Run("wrong passphrase", func(t *testing.T) {
		t.Parallel()
		dir, _ := prepared(t)
		x := at(t, dir, "wallet", "list")
		x.reads("passphrase: ")
		x.types(password + "x\n")
		x.ends(1, "keystore.passphrase")
	})
	t.Run("two passphrases", func(t *testing.T) {
		t.Parallel()
		dir, _ := prepared(t)
		if err := os.RemoveAll(filepath.Join(dir, "home")); err != nil {
			t.Fatal(err)
		}
		x := at(t, dir, "init")
		x.reads("passphrase: ")
		x.types(password + "\n")
		x.reads("passphrase again: ")
		x.types(password + "?\n")
		x.ends(1, "keystore.passphrase")
		if exists(dir, "home/keystore.age") {
			t.Error("a keystore was made")
		}
	})
	t.Run("wallet import", func(t *testing.T) {
		t.Parallel()
		dir, _ := prepared(t)
		x := at(t, dir, "wallet", "import", "--chain", "ETH")
		x.reads("passphrase: ")
		x.types(password + "\n")
		x.reads("mnemonic or private key: ")
		x.types(hexKey + "\n")
		x.ends(0, "")
	})
	t.Run("wallet remove", func(t *testing.T) {
		t.Parallel()
		dir, _ := prepared(t)
		for _, typed := range []string{"yes", ""} {
			x := at(t, dir, "wallet", "remove", walletID)
			x.reads("passphrase: ")
			x.types(password + "\n")
			x.reads("type the signature id to remove it: ")
			x.types(typed + "\n")
			x.ends(1, "wallet.kept")
		}
		x := at(t, dir, "wallet", "remove", walletID)
		x.reads("passphrase: ")
		x.types(password + "\n")
		x.reads("type the signature id to remove it: ")
		x.types(walletID + "\n")
		x.ends(0, "")
	})
	t.Run("pair", func(t *testing.T) {
		t.Parallel()
		dir, _ := prepared(t)
		raw, err := newDevice(5).pairing("online")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "other.cbor"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, typed := range []string{"no", "y", "yes "} {
			x := at(t, dir, "pair", "--in", "other.cbor", "--replace")
			x.reads("passphrase: ")
			x.types(password + "\nyes\n") // typed ahead: does not count
			x.reads("type yes: ")
			x.types(typed + "\n")
			if typed == "yes " {
				x.ends(0, "")
			} else {
				x.ends(1, "pair.words")
			}
		}
	})
}
