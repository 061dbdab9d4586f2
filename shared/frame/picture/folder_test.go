package picture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"coldsign/shared/fault"
)

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Names are sorted as people count.
func TestNatural(t *testing.T) {
	want := []string{"a", "a1", "a01", "a2", "a10", "a10b", "a10b2", "a10b10", "b", "img_9.png", "img_10.png"}
	for i, a := range want {
		for _, b := range want[i+1:] {
			if x, y := natural(a), natural(b); x > y || x == y && a == b {
				t.Errorf("%q comes after %q", a, b)
			}
		}
	}
	dir := t.TempDir()
	for i := range 12 {
		put(t, filepath.Join(dir, fmt.Sprintf("frame%d.pgm", i)), fmt.Appendf(nil, "P5 1 1 255\n%c", i))
	}
	put(t, filepath.Join(dir, ".hidden.pgm"), []byte("P5 1 1 255\nx"))
	src, closer, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	planes, losses := all(t, src)
	if len(planes) != 12 || len(losses) != 0 {
		t.Fatalf("%d pictures, %v", len(planes), losses)
	}
	for i, p := range planes {
		if int(p.Pix[0]) != i || p.Time != time.Duration(i)*interval {
			t.Errorf("picture %d is %d at %v", i, p.Pix[0], p.Time)
		}
	}
}

// ATT-50, ATT-53: what a hostile stick holds neither hangs nor is followed, and
// the pictures beside it are read.
func TestHostileFolder(t *testing.T) {
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret.pgm")
	at := func(name string) string { return filepath.Join(dir, name) }
	good := []byte("P5 2 1 255\nab")
	put(t, secret, good)
	want := map[string]string{
		"directory.png": "file.type", "fifo.png": "file.type", "socket.png": "file.type",
		"link.png": "file.type", "loop.png": "file.type", "dangling.png": "file.type",
		"empty.png": "picture.format", "text.png": "picture.format", "sparse.png": "picture.format",
		"sparse-png.png": "picture.damaged", "sparse.jpg": "picture.size", "sparse.y4m": "picture.damaged",
		"sparse.gif": "picture.damaged", "damaged.png": "picture.damaged", "nul\nname\x1b[2J.png": "picture.format",
	}
	for name, start := range map[string]string{
		"empty.png": "", "text.png": "hello", "sparse.png": "", "sparse-png.png": string(read(t, "wedge-grey8.png")[:60]),
		"sparse.jpg": "\xff\xd8\xff\xda\x00\x02", "sparse.y4m": "YUV4MPEG2 W2 H2 Cmono\nFRAME\nabcd",
		"sparse.gif":           "GIF89a\x02\x00\x02\x00\x00\x00\x00",
		"damaged.png":          string(read(t, "wedge-grey8.png")[:100]),
		"nul\nname\x1b[2J.png": "x", "good1.png": string(good), "good2": string(good),
	} {
		put(t, at(name), []byte(start))
		if strings.HasPrefix(name, "sparse") {
			if err := os.Truncate(at(name), 1<<40); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(os.Mkdir(at("directory.png"), 0o700), syscall.Mkfifo(at("fifo.png"), 0o600),
		syscall.Mknod(at("socket.png"), syscall.S_IFSOCK|0o600, 0), os.Symlink(secret, at("link.png")),
		os.Symlink("loop.png", at("loop.png")), os.Symlink("nothing", at("dangling.png"))); err != nil {
		t.Fatal(err)
	}
	src, closer, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	planes, losses := all(t, src)
	if len(planes) != 3 { // two good files, and the first picture of sparse.y4m
		t.Errorf("%d pictures", len(planes))
	}
	var got []string
	for _, err := range losses {
		if !IsLost(err) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%v", err)
		}
		for name, code := range want {
			if strings.Contains(err.Error(), fmt.Sprintf("%q", at(name))) {
				got = append(got, name)
				if fault.Code(err) != code {
					t.Errorf("%q: %v, want %s", name, err, code)
				}
			}
		}
	}
	if slices.Sort(got); len(got) != len(want) || len(losses) != len(want) {
		t.Errorf("%d losses, of %q; want %d", len(losses), got, len(want))
	}
	for name, code := range want {
		switch name {
		case "directory.png": // an operand may be a folder
			continue
		case "socket.png": // the kernel does not even open it
			code = "file.read"
		}
		src, closer, err := Open(at(name), nil)
		for err == nil {
			_, err = src.Next()
		}
		if closer != nil {
			closer.Close()
		}
		if fault.Code(err) != code {
			t.Errorf("operand %q: %v, want %s", name, err, code)
		}
	}
	os.Symlink(dir, at("folder"))
	for name, code := range map[string]string{at("folder"): "file.type", "/dev/zero": "file.type", at("none"): "file.missing"} {
		if _, _, err := Open(name, nil); fault.Code(err) != code {
			t.Errorf("operand %q: %v, want %s", name, err, code)
		}
	}
}

// A file that becomes a FIFO or a folder after its folder was listed does not hang
// and is not entered either.
func TestFolderChangesUnderneath(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.pgm"), filepath.Join(dir, "b.pgm")
	put(t, a, []byte("P5 1 1 255\nx"))
	put(t, b, []byte("P5 1 1 255\nx"))
	src, _, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(a), syscall.Mkfifo(a, 0o600), os.Remove(b), os.Mkdir(b, 0o700)); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(b, "inner.pgm"), []byte("P5 1 1 255\nx"))
	for range 2 {
		if _, err := src.Next(); fault.Code(err) != "file.type" || !IsLost(err) {
			t.Errorf("%v", err)
		}
	}
	if _, err := src.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

// cpu is the time that this process has used: other tests may run beside it.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// ATT-53: 100,000 files, none of them a picture, take less than five seconds; more
// are refused.
func TestFolderOfManyFiles(t *testing.T) {
	dir := t.TempDir()
	first := filepath.Join(dir, "0")
	put(t, first, []byte("no picture"))
	for i := 1; i < MaxFiles; i++ { // hard links: fast to make
		if i%30000 == 0 {
			first = filepath.Join(dir, fmt.Sprint(i))
			put(t, first, []byte("no picture"))
			continue
		}
		if err := os.Link(first, filepath.Join(dir, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	start := cpu(t)
	src, closer, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	n := 0
	for ; !errors.Is(err, io.EOF); n++ {
		if _, err = src.Next(); fault.Code(err) != "picture.format" && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	limit := 5 * time.Second
	if b, _ := debug.ReadBuildInfo(); slices.Contains(b.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		limit *= 10 // the race detector slows all
	}
	if d := cpu(t) - start; n-1 != MaxFiles || d > limit {
		t.Errorf("%d files in %v", n-1, d)
	} else {
		t.Logf("%d files in %v", n-1, d)
	}
	put(t, filepath.Join(dir, "more"), nil)
	if _, _, err := Open(dir, nil); fault.Code(err) != "picture.folder" {
		t.Errorf("%v", err)
	}
}
