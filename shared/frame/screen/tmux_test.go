package screen

import (
	"context"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/term"

	"coldsign/shared/frame/qr"
)

const child = "COLDSIGN_SCREEN_CHILD"

// TestChild is no test: it is the program that runs in tmux.
func TestChild(t *testing.T) {
	if os.Getenv(child) == "" {
		t.Skip("not in tmux")
	}
	p := Player{
		In: os.Stdin, Out: os.Stdout, Version: 20, PerSecond: 5, Graphics: Graphics(os.Getenv),
		Size:   func() (int, int, error) { return term.GetSize(1) },
		Status: func(n, pass uint64) string { return "abandon ability able about" },
		Make: func(version int) (func(uint64) (qr.Matrix, error), uint64, int, error) {
			return func(n uint64) (qr.Matrix, error) {
				m, _ := symbol(t, version, int(n))
				return m, nil
			}, 12, version, nil
		},
	}
	if err := p.Play(context.Background()); err != nil {
		t.Fatal(err)
	}
	fmt.Println("the end")
}

// captured turns what tmux capture-pane -e -p -N printed into a screenshot.
func captured(t *testing.T, text string, columns, rows int) (*image.Gray, *vt) {
	t.Helper()
	v := newVT(t, columns, rows)
	v.newline = true
	v.write(strings.TrimSuffix(text, "\n"))
	return v.screenshot(9, 18, 1), v
}

// A real terminal that is not ours between the player and the picture: tmux keeps
// the cells and prints them in its own way. With COLDSIGN_SHOTS=DIR the pictures
// are kept, and with COLDSIGN_CAPTURE=FILE:COLUMNSxROWS one is made of any capture.
func TestTmux(t *testing.T) {
	if spec := os.Getenv("COLDSIGN_CAPTURE"); spec != "" {
		name, size, _ := strings.Cut(spec, ":")
		var columns, rows int
		fmt.Sscanf(size, "%dx%d", &columns, &rows)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		img, _ := captured(t, string(text), columns, rows)
		save(t, name+".png", img)
		return
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatal("tmux is not installed; run scripts/interop/install.sh")
	}
	socket := filepath.Join(t.TempDir(), "s")
	tmux := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("tmux", append([]string{"-S", socket, "-f", "/dev/null"}, args...)...)
		cmd.Env = append(os.Environ(), child+"=1", "LC_ALL=C.UTF-8")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmux("-u", "new-session", "-d", "-x", "120", "-y", "56", "sh")
	defer tmux("kill-server")
	until := func(want string, columns, rows int) (*image.Gray, *vt) {
		t.Helper()
		for late := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			text := tmux("capture-pane", "-e", "-p", "-N") // with the spaces at the ends
			if strings.Contains(text, want) {
				return captured(t, text, columns, rows)
			}
			if time.Now().After(late) {
				t.Fatalf("tmux does not show %q:\n%s", want, text)
			}
		}
	}
	tmux("send-keys", self+" -test.run=TestChild", "Enter")
	until("frame 1 of 12  5/s  version 20", 120, 56)
	tmux("send-keys", " ")
	until("space go on", 120, 56)
	for range 12 {
		tmux("send-keys", "Left")
	}
	check := func(version, n, columns, rows int) {
		t.Helper()
		img, _ := until(fmt.Sprintf("frame %d of 12  5/s  version %d", n+1, version), columns, rows)
		_, data := symbol(t, version, n)
		reads(t, img, data, "tmux")
		zbar(t, []*image.Gray{img}, data)
		if dir := os.Getenv("COLDSIGN_SHOTS"); dir != "" {
			save(t, filepath.Join(dir, fmt.Sprintf("tmux-v%d-%d.png", version, n)), img)
		}
	}
	check(20, 0, 120, 56)
	tmux("send-keys", "Right")
	check(20, 1, 120, 56)
	tmux("resize-window", "-x", "80", "-y", "24")
	check(5, 0, 80, 24)
	tmux("send-keys", "q")
	_, v := until("the end", 80, 24)
	for y := range v.rows {
		for _, c := range v.cells[y*v.columns:][:v.columns] {
			if c.back == 16 || c.back == 231 {
				t.Fatal("a code stays on the screen")
			}
		}
	}
}
