package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	numbered  = regexp.MustCompile(` *([0-9]+) ([a-z]+)`)
	wordAsked = regexp.MustCompile(`word ([0-9]+), from the paper: $`)
	// What a share may put on the screen beside text: nothing else passes ends.
	drawn = regexp.MustCompile("\x1b\\[H\x1b\\[2J\x1b\\[3J|\x1b\\[[0-9;]*m|▀")
)

// over is ends for a screen that showed shares.
func (x *terminal) over(status int, code string) {
	x.t.Helper()
	for b := range x.more {
		x.screen = append(x.screen, b...)
	}
	x.screen = drawn.ReplaceAll(x.screen, nil)
	x.ends(status, code)
}

// share reads a share off the screen, up to the question behind it.
func (x *terminal) share(title string) (words []string) {
	x.t.Helper()
	x.reads(title)
	x.reads("apart from the others")
	from := x.seen
	x.reads("press Enter: ")
	list := numbered.FindAllStringSubmatch(string(x.screen[from:x.seen]), -1)
	words = make([]string, 33)
	for _, m := range list {
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 1 || n > len(words) || words[n-1] != "" {
			x.t.Fatalf("word %s is on the screen:\n%s", m[0], x.screen[from:])
		}
		words[n-1] = m[2]
	}
	if slices.Contains(words, "") {
		x.t.Fatalf("words are missing:\n%s", x.screen[from:])
	}
	x.types("\n")
	return words
}

// place reads which word is asked for.
func (x *terminal) place() int {
	x.t.Helper()
	x.reads(", from the paper: ")
	m := wordAsked.FindSubmatch(x.screen[:x.seen])
	if m == nil {
		x.t.Fatalf("no question:\n%s", x.screen)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n - 1
}

// cleared wants the screen, and what can be scrolled back to, emptied since a place.
func (x *terminal) cleared(from int) {
	x.t.Helper()
	if !bytes.Contains(x.screen[from:x.seen], []byte("\x1b[2J\x1b[3J")) {
		x.t.Errorf("the screen was not emptied:\n%q", x.screen[from:x.seen])
	}
}

// written does as a custodian does: writes a share down and types words back.
func (x *terminal) written(title string) string {
	words := x.share(title)
	var asked []int
	for range 3 {
		from := x.seen
		p := x.place()
		if len(asked) == 0 {
			x.cleared(from)
		}
		if slices.Contains(asked, p) {
			x.t.Errorf("word %d is asked for twice", p+1)
		}
		asked = append(asked, p)
		x.types(" " + strings.ToUpper(words[p]) + "\n")
	}
	return strings.Join(words, " ")
}

// The whole of a rehearsal at a terminal: three people, three papers, and two of them
// who restore.
func TestSharesOnTerminal(t *testing.T) {
	t.Parallel()
	dir, _ := prepared(t)
	x := at(t, dir, "backup", "--out", "s.age", "--shares", "2of3", "--share-qr")
	x.reads("passphrase: ")
	x.types(password + "\n")
	var papers []string
	for i := range 3 {
		papers = append(papers, x.written(fmt.Sprintf("SHARE %d of 3: set ", i+1)))
	}
	from := x.seen
	x.reads("fingerprint ")
	x.cleared(from)
	if bytes.Contains(x.screen[from:], []byte(strings.Fields(papers[2])[20])) {
		t.Error("a word is on the last screen")
	}
	if !bytes.Contains(x.screen, []byte("▀")) {
		t.Error("no code was shown")
	}
	x.over(0, "")

	wrong := strings.Fields(papers[0])
	wrong[7] = "coldsign"
	if err := os.Rename(filepath.Join(dir, "home"), filepath.Join(dir, "old")); err != nil {
		t.Fatal(err)
	}
	x = at(t, dir, "restore", "s.age", "--shares")
	x.reads("words of share 1, ")
	x.types(papers[0] + "\n")
	x.reads("share 1 of set ")
	x.reads("is good: 1 of 2 shares are here")
	for _, c := range []struct{ typed, says string }{
		{papers[0], "share 1 was given twice"},
		{strings.Join(wrong, " "), "word 8 is not on the list"},
		{strings.Join(wrong[:20], " "), "word 8 is not on the list"},
		{papers[1][:len(papers[1])/2], "not taken: "},
	} {
		x.reads("words of share 2, ")
		x.types(c.typed + "\n")
		x.reads(c.says)
	}
	x.types(papers[2] + "\n")
	x.reads("new passphrase: ")
	x.types("another horse battery\n")
	x.reads("new passphrase again: ")
	x.types("another horse battery\n")
	x.reads("restored ")
	x.reads("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
	x.over(0, "")
	if !exists(dir, "home/keystore.age") {
		t.Error("nothing was restored")
	}

	x = at(t, dir, "backup", "verify", "s.age", "--shares")
	x.reads("words of share 1, ")
	x.types(papers[1] + "\n")
	x.reads("words of share 2, ")
	x.types("\n")
	x.over(1, "share.few")
}

// Who does not type back what is on the screen has no share, and nobody has a backup.
func TestShareNotWrittenDown(t *testing.T) {
	for name, first := range map[string]string{"another word": "academic", "nothing": "", "a stop": "\x04"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _ := prepared(t)
			before, err := os.ReadFile(filepath.Join(dir, "home/keystore.age"))
			if err != nil {
				t.Fatal(err)
			}
			x := at(t, dir, "backup", "--out", "s.age", "--shares", "2of2")
			x.reads("passphrase: ")
			x.types(password + "\n")
			x.written("SHARE 1 of 2: set ")
			code := "share.unconfirmed"
			for range 3 {
				words := x.share("SHARE 2 of 2: set ")
				p := x.place()
				typed := first
				if typed == words[p] {
					typed = "acid"
				}
				if first == "\x04" {
					code = "console.terminal"
					x.types(typed)
					break
				}
				x.types(typed + "\n")
			}
			x.over(1, code)
			after, err := os.ReadFile(filepath.Join(dir, "home/keystore.age"))
			if err != nil || !bytes.Equal(before, after) || exists(dir, "s.age") {
				t.Errorf("there is a backup, or the keystore says so: %v", err)
			}
		})
	}
}

// New passphrases are asked for twice, each by its name.
func TestNewPassphraseOnTerminal(t *testing.T) {
	t.Parallel()
	dir, _ := prepared(t)
	x := at(t, dir, "passphrase")
	x.reads("passphrase: ")
	x.types(password + "\n")
	x.reads("new passphrase: ")
	x.types("another horse battery\n")
	x.reads("new passphrase again: ")
	x.types("another horse batterx\n")
	x.ends(1, "keystore.passphrase")
	x = at(t, dir, "backup", "--out", "b.age", "--new-passphrase")
	x.reads("passphrase: ")
	x.types(password + "\n")
	x.reads("passphrase of the backup: ")
	x.types("another horse battery\n")
	x.reads("passphrase of the backup again: ")
	x.types("another horse battery\n")
	x.ends(0, "")
	x = at(t, dir, "backup", "verify", "b.age")
	x.reads("passphrase of the backup: ")
	x.types("another horse battery\n")
	x.reads("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
	x.ends(0, "")
}

// wiped ends the program by a signal, while it shows a secret: the screen is empty
// afterwards, and the terminal as it was.
func (x *terminal) wiped(end func()) {
	x.t.Helper()
	end()
	for b := range x.more {
		x.screen = append(x.screen, b...)
	}
	got := bytes.Clone(x.screen[x.seen:])
	x.over(1, "")
	if bytes.Count(got, []byte("\x1b[2J\x1b[3J")) == 0 || !bytes.HasSuffix(bytes.TrimSuffix(got, []byte("\r\n")), []byte("\x1b[H\x1b[2J\x1b[3J")) {
		x.t.Errorf("the last on the screen is %q", got)
	}
	modes, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	if modes.Lflag&unix.ECHO == 0 || modes.Cc[unix.VSUSP] != 0x1a || modes.Cc[unix.VQUIT] != 0x1c {
		x.t.Errorf("the terminal was left without echo or keys: %#x, %v", modes.Lflag, modes.Cc)
	}
}

// signalled are the ways to end a program that shows a secret.
func signalled(x *terminal) map[string]func() {
	send := func(s os.Signal) func() {
		return func() {
			if err := x.cmd.Process.Signal(s); err != nil {
				x.t.Error(err)
			}
		}
	}
	return map[string]func(){
		"Ctrl-C":                 func() { x.types("\x03") },
		"SIGTERM":                send(syscall.SIGTERM),
		"SIGHUP":                 send(syscall.SIGHUP),
		"Ctrl-Z Ctrl-\\, then C": func() { x.types("\x1a\x1c\x03") },
	}
}

// A signal that comes while a share is on the screen wipes it.
func TestShareWipedBySignal(t *testing.T) {
	for name := range signalled(nil) {
		for _, typing := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, typing %v", name, typing), func(t *testing.T) {
				t.Parallel()
				dir, _ := prepared(t)
				x := at(t, dir, "backup", "--out", "s.age", "--shares", "2of2")
				x.reads("passphrase: ")
				x.types(password + "\n")
				x.reads("SHARE 1 of 2: set ")
				x.reads("press Enter: ")
				if typing { // without echo
					x.types("\n")
					x.place()
				}
				x.wiped(signalled(x)[name])
				if exists(dir, "s.age") {
					t.Error("there is a backup")
				}
			})
		}
	}
}

// Shares that are typed in are wiped as well.
func TestTypedShareWipedBySignal(t *testing.T) {
	t.Parallel()
	dir, _ := prepared(t)
	if err := os.WriteFile(filepath.Join(dir, "s.age"), []byte("age"), 0o600); err != nil {
		t.Fatal(err)
	}
	x := at(t, dir, "backup", "verify", "s.age", "--shares")
	x.reads("words of share 1, ")
	x.types("academic acid acrobat")
	x.reads("acrobat")
	x.wiped(func() { x.types("\x03") })
}
