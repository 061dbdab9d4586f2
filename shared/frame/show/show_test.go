package show

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"coldsign/shared/fault"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/reader"
)

// numbered is a stream whose frame n says so.
func numbered(version int) Stream {
	var e qr.Encoder
	return func(n uint64) (qr.Matrix, error) { return e.Bytes(fmt.Appendf(nil, "frame %d", n), version, int(n%8)) }
}

// read gives what the reader sees in a picture.
func read(t *testing.T, img image.Image) map[string]bool {
	t.Helper()
	b := img.Bounds()
	p := &picture.Plane{Width: b.Dx(), Height: b.Dy(), Stride: b.Dx(), Pix: make([]byte, b.Dx()*b.Dy())}
	for y := range p.Height {
		for x := range p.Width {
			r, _, _, _ := img.At(x, y).RGBA()
			p.Pix[y*p.Stride+x] = byte(r >> 8)
		}
	}
	got := map[string]bool{}
	for _, s := range reader.Acquire(p) {
		got[string(s.Content())] = true
	}
	return got
}

func wants(t *testing.T, img image.Image, frames ...int) {
	t.Helper()
	got := read(t, img)
	for _, n := range frames {
		if !got[fmt.Sprintf("frame %d", n)] {
			t.Errorf("frame %d is not in the picture: %v", n, got)
		}
	}
	if len(got) != len(frames) {
		t.Errorf("%d codes are in the picture, not %d", len(got), len(frames))
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "frames")
	if err := Folder(dir, Layout{}, numbered(10), 3); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f, err := os.Open(filepath.Join(dir, fmt.Sprintf("frame-%04d.png", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		wants(t, img, i)
	}
	if err := Folder(dir, Layout{}, numbered(10), 1); !fault.Is(err, "show.exists") {
		t.Errorf("old frames stay: %v", err)
	}
	pattern := filepath.Join(t.TempDir(), "[a-c]*") // a folder may be called so
	for _, want := range []string{"", "show.exists"} {
		if err := Folder(pattern, Layout{}, numbered(10), 1); want == "" && err != nil || want != "" && !fault.Is(err, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := Folder(filepath.Join(dir, "frame-0001.png"), Layout{}, numbered(10), 1); !fault.Is(err, "file.read") {
		t.Errorf("a file for a folder: %v", err)
	}
	if err := Folder(filepath.Join(dir, "no", "such"), Layout{}, numbered(10), 1); !fault.Is(err, "file.write") {
		t.Errorf("%v", err)
	}
	if err := Folder(t.TempDir(), Layout{}, numbered(10), 10_000); !fault.Is(err, "show.size") {
		t.Errorf("%v", err)
	}
}

func TestGIF(t *testing.T) {
	b, err := GIF(Layout{Columns: 3, Rows: 2}, numbered(5), 2, 12)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gif.DecodeAll(bytes.NewReader(b))
	if err != nil || len(g.Image) != 2 || g.Delay[0] != 8 || g.LoopCount != 0 {
		t.Fatalf("%d pictures, %v: %v", len(g.Image), g.Delay, err)
	}
	wants(t, g.Image[0], 0, 1, 2, 3, 4, 5)
	wants(t, g.Image[1], 6, 7, 8, 9, 10, 11)
	again, _ := GIF(Layout{Columns: 3, Rows: 2}, numbered(5), 2, 12)
	if !bytes.Equal(b, again) {
		t.Error("the same stream gives other bytes")
	}
	for _, pictures := range []uint64{maxPictures, maxPictures + 1} { // too large, and too many
		for name, animation := range map[string]func(Layout, Stream, uint64, float64) ([]byte, error){"GIF": GIF, "APNG": APNG} {
			if _, err := animation(Layout{Columns: 5, Rows: 5}, numbered(40), pictures, 12); !fault.Is(err, "show.size") {
				t.Errorf("%s of %d pictures: %v", name, pictures, err)
			}
		}
	}
}

// A damaged stream ends whatever is made of it.
func TestStreamFails(t *testing.T) {
	bad := func(n uint64) (qr.Matrix, error) {
		if n == 7 {
			return qr.Matrix{}, io.ErrUnexpectedEOF
		}
		return numbered(3)(n)
	}
	_, g := GIF(Layout{}, bad, 9, 12)
	_, a := APNG(Layout{}, bad, 9, 12)
	_, h := Layout{}.HTML("", bad, 9, 12)
	_, p := PDF("", bad, 9)
	for i, err := range []error{g, a, h, p, Folder(t.TempDir(), Layout{}, bad, 9)} {
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// Codes of several sizes stand in places of one size, and a row may be short.
func TestPicture(t *testing.T) {
	var symbols []qr.Matrix
	for i, version := range []int{2, 7, 4} {
		m, err := numbered(version)(uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		symbols = append(symbols, m)
	}
	img := Picture(symbols, 2, 4)
	if side := 2 * (qr.Size(7) + 2*qr.QuietZone) * 4; img.Rect.Dx() != side || img.Rect.Dy() != side {
		t.Errorf("the picture is %v", img.Rect)
	}
	wants(t, img, 0, 1, 2)
	b, err := PNG(img)
	if err != nil || b[24] != 1 {
		t.Errorf("%d bits a pixel: %v", b[24], err)
	}
}

// Each picture of an APNG, cut out, is a PNG again.
func TestAPNG(t *testing.T) {
	b, err := APNG(Layout{}, numbered(12), 4, 12.5)
	if err != nil {
		t.Fatal(err)
	}
	if img, err := png.Decode(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	} else {
		wants(t, img, 0)
	}
	head, pictures, sequence := []byte(nil), map[int][]byte{}, uint32(0)
	shown := -1
	for at := 8; at < len(b); {
		n := int(binary.BigEndian.Uint32(b[at:]))
		kind, data := string(b[at+4:at+8]), b[at+8:at+8+n]
		switch kind {
		case "acTL":
			head = bytes.Clone(b[:at])
			if binary.BigEndian.Uint32(data) != 4 {
				t.Errorf("it counts %d pictures", binary.BigEndian.Uint32(data))
			}
		case "fcTL", "fdAT":
			if got := binary.BigEndian.Uint32(data); got != sequence {
				t.Errorf("sequence %d, want %d", got, sequence)
			}
			sequence++
			if kind == "fcTL" {
				shown++
				if num, den := binary.BigEndian.Uint16(data[20:]), binary.BigEndian.Uint16(data[22:]); num != 100 || den != 1250 {
					t.Errorf("a delay of %d/%d", num, den)
				}
			} else {
				pictures[shown] = append(pictures[shown], data[4:]...)
			}
		}
		at += 12 + n
	}
	for i := 1; i < 4; i++ {
		img, err := png.Decode(bytes.NewReader(chunk(chunk(bytes.Clone(head), "IDAT", pictures[i]), "IEND", nil)))
		if err != nil {
			t.Fatal(err)
		}
		wants(t, img, i)
	}
	if _, err := zlib.NewReader(bytes.NewReader(pictures[1])); err != nil {
		t.Error(err)
	}
}

// The page names its style and script by their hashes, allows nothing else, and
// holds the codes; a hostile title stays text.
func TestHTML(t *testing.T) {
	b, err := Layout{}.HTML(`</title><script>alert("1")</script>`, numbered(7), 3, 12)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for kind, text := range map[string]string{
		"style": regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)[1], "script": regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(page)[1],
	} {
		if !strings.Contains(page, kind+"-src 'sha256-"+hash(text)+"'") {
			t.Errorf("the policy does not name the %s", kind)
		}
	}
	if strings.Count(page, "<script") != 1 || strings.Contains(page, "http") && strings.Contains(page, "src=") {
		t.Error("there is more than one script, or something is loaded")
	}
	bits, err := base64.StdEncoding.DecodeString(regexp.MustCompile(`data-side="45" data-columns="1" data-rows="1" data-rate="12">([^<]*)<`).FindStringSubmatch(page)[1])
	if err != nil || len(bits) != 3*254 { // 45 times 45 bits each
		t.Fatalf("%d bytes of codes: %v", len(bits), err)
	}
	for n := range 3 {
		m := qr.Matrix{Size: 45}
		for i := range 45 * 45 {
			m.Dark = append(m.Dark, bits[n*254+i/8]>>(7-i%8)&1 != 0)
		}
		wants(t, Picture([]qr.Matrix{m}, 1, 4), n)
	}
	if b, err := (Layout{Columns: 3, Rows: 2}).HTML("", numbered(7), 3, 0.5); err != nil || !bytes.Contains(b, []byte(`data-columns="3" data-rows="2" data-rate="0.5">`)) {
		t.Errorf("the page knows nothing of the layout: %v", err)
	}
	if _, err := (Layout{}).HTML("", numbered(40), 1<<20, 12); !fault.Is(err, "show.size") {
		t.Errorf("%v", err)
	}
}

// The offsets of a PDF are right, and what its pages draw are the codes.
func TestPDF(t *testing.T) {
	b, err := PDF("a (title\\\n", numbered(20), 7)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	start, err := strconv.Atoi(regexp.MustCompile(`startxref\n(\d+)\n`).FindStringSubmatch(text)[1])
	if err != nil || !strings.HasPrefix(text[start:], "xref\n") {
		t.Fatal("startxref points elsewhere")
	}
	objects := regexp.MustCompile(`(\d{10}) 00000 n`).FindAllStringSubmatch(text[start:], -1)
	var pages strings.Builder
	for i, m := range objects {
		at, _ := strconv.Atoi(m[1])
		if !strings.HasPrefix(text[at:], fmt.Sprintf("%d 0 obj\n", i+1)) {
			t.Errorf("object %d is not at %d", i+1, at)
		}
		if head, body, ok := strings.Cut(text[at:], "\nstream\n"); ok && strings.HasPrefix(head[8:], "<</Filter") {
			length, _ := strconv.Atoi(regexp.MustCompile(`/Length (\d+)`).FindStringSubmatch(head)[1])
			r, err := zlib.NewReader(strings.NewReader(body[:length]))
			if err == nil {
				_, err = io.Copy(&pages, r)
			}
			if err != nil || !strings.HasPrefix(body[length:], "\nendstream") {
				t.Errorf("object %d: %v", i+1, err)
			}
		}
	}
	if len(objects) != 3+2*2 || !strings.Contains(text, "/Count 2/") {
		t.Errorf("%d objects", len(objects))
	}
	for _, want := range []string{`(7 of 7)`, `(a \(title\\?)`, "(sheet 2 of 2)"} {
		if !strings.Contains(pages.String(), want) {
			t.Errorf("no %q", want)
		}
	}
	for n, path := range regexp.MustCompile(`(?s) cm\n(.*?)f Q`).FindAllStringSubmatch(pages.String(), -1) {
		m := qr.Matrix{Size: qr.Size(20), Dark: make([]bool, qr.Size(20)*qr.Size(20))}
		for line := range strings.Lines(path[1]) {
			var x, y, width int
			fmt.Sscanf(line, "%d %d %d 1 re", &x, &y, &width)
			for k := range width {
				m.Dark[y*m.Size+x+k] = true
			}
		}
		wants(t, Picture([]qr.Matrix{m}, 1, 4), n)
	}
	if n := strings.Count(pages.String(), " cm\n"); n != 7 {
		t.Errorf("%d codes", n)
	}
	if again, _ := PDF("a (title\\\n", numbered(20), 7); !bytes.Equal(b, again) {
		t.Error("the same stream gives other bytes")
	}
	if _, err := PDF("", numbered(5), 1<<20); !fault.Is(err, "show.size") {
		t.Errorf("%v", err)
	}
}

func TestProfiles(t *testing.T) {
	for _, p := range Profiles() {
		got, err := ProfileByName(p.Name)
		if err != nil || got != p || p.PerSecond <= 0 || p.Version < 1 || p.Version > 40 || p.Columns*p.Rows < 1 {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, err := ProfileByName("x"); !fault.Is(err, "show.profile") || !strings.Contains(err.Error(), "keystone") {
		t.Errorf("%v", err)
	}
}
