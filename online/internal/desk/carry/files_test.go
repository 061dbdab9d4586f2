package carry

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"coldsign/shared/frame"
	"coldsign/shared/frame/qr"
	lines "coldsign/shared/frame/scan"
	"coldsign/shared/frame/show"
)

// cut gives one pass of a message.
func cut(t *testing.T, m frame.Message, shape frame.Shape) *frame.Stream {
	t.Helper()
	m, err := m.As(shape.Format)
	ok(t, err)
	s, err := frame.NewStream(m, shape)
	ok(t, err)
	return s
}

// A file may hold the codes of a message in place of the message: as lines, as a
// picture, as an animation. What is a part is kept, and the next file goes on.
func TestFiles(t *testing.T) {
	d := newDesk(t)
	m := frame.Message{Format: frame.Native, Data: d.pairing()}
	native, ur := cut(t, m, shapes[0]), cut(t, m, frame.Shape{Format: frame.UR, Version: 6})
	layout := show.Layout{Columns: 1, Rows: 1}
	film, err := show.GIF(layout, native.Frame, native.Pass, 5)
	ok(t, err)
	var typedNative, typedUR []string
	var stills [][]byte
	for n := range native.Pass {
		typedNative = append(typedNative, lines.FrameLine(native.Content(n)))
		code, err := native.Frame(n)
		ok(t, err)
		var b bytes.Buffer
		ok(t, png.Encode(&b, show.Picture([]qr.Matrix{code}, 1, 4)))
		stills = append(stills, b.Bytes())
	}
	for n := range ur.Pass / 2 {
		text, _ := ur.Text(n)
		typedUR = append(typedUR, text)
	}
	if len(stills) < 2 || len(typedUR) < 2 {
		t.Fatalf("%d and %d codes", len(stills), len(typedUR))
	}
	const path = "/in/file?kind=pairing"
	for name, raw := range map[string][]byte{
		"bundle": m.Data, "animation": film, "lines": []byte(strings.Join(typedNative, "\r\n") + "\r\n"), "UR": []byte(strings.Join(typedUR, "\n")),
	} {
		if seen := get[Seen](d, path, raw); seen.Whole == nil || seen.Whole.Bytes < len(m.Data) {
			t.Errorf("%s: %+v", name, seen)
		}
	}
	for name, list := range map[string][][]byte{"pictures": stills, "UR": {[]byte(typedUR[0] + "\n"), []byte(strings.Join(typedUR[1:], "\n"))}} {
		seen := get[Seen](d, path, list[0])
		if p := seen.Progress; seen.Whole != nil || p == nil || p.Have != 1 {
			t.Fatalf("%s: %+v", name, seen)
		}
		for _, raw := range list[1:] {
			seen = get[Seen](d, path+"&scan="+seen.Scan, raw)
		}
		if seen.Whole == nil {
			t.Errorf("%s: %+v", name, seen)
		}
		d.refused("carry.input", "/in/file?kind=keys&scan="+seen.Scan, stills[0])
	}
	var blank, wrong bytes.Buffer
	ok(t, png.Encode(&blank, image.NewGray(image.Rect(0, 0, 200, 200))))
	code, err := new(qr.Encoder).Text("https://example.org/", 4)
	ok(t, err)
	ok(t, png.Encode(&wrong, show.Picture([]qr.Matrix{code}, 1, 4)))
	d.refused("carry.picture", path, blank.Bytes())
	d.refused("picture.damaged", path, stills[0][:len(stills[0])/2])
	d.refused("carry.file", path, []byte{})
	huge := bytes.Clone(stills[0])
	binary.BigEndian.PutUint32(huge[16:], 9000) // what its header claims
	binary.BigEndian.PutUint32(huge[20:], 9000)
	d.refused("picture.size", path, huge)
	if seen := get[Seen](d, path, wrong.Bytes()); seen.Whole != nil || len(seen.Notes) != 1 || !strings.Contains(seen.Notes[0], "a web address") {
		t.Errorf("%+v", seen)
	}
	d.refused("carry.missing", path+"&scan=ffff", m.Data)
}

// Of each format only the pieces are shown that the other side lists, as it counts them.
func TestOnly(t *testing.T) {
	d := newDesk(t)
	for _, shape := range []frame.Shape{{Format: frame.Native, Version: 5}, {Format: frame.UR, Version: 6}, {Format: frame.BBQr, Version: 5}} {
		file, _ := d.call("/out/pairing/file", nil)
		s := cut(t, frame.Message{Format: frame.Native, Data: file}, shape)
		j := frame.NewJoiner(nil)
		first := j.Add(s.Content(0))
		if first.Message != nil || first.Progress.Need < 3 {
			t.Fatalf("%s: %+v", shape.Format, first)
		}
		missing := first.Progress.Missing()
		path := fmt.Sprintf("/out/pairing/codes?format=%s&version=%d&from=0&count=%d&only=", shape.Format, shape.Version, first.Progress.Need)
		body, status := d.call(path+missing, nil)
		if status != http.StatusOK {
			t.Fatalf("%s: %q: %d %s", shape.Format, missing, status, body)
		}
		pass := int(body[7])
		if pass != first.Progress.Need-1 {
			t.Errorf("%s: %q are %d codes", shape.Format, missing, pass)
		}
		for i := range pass { // they are the pieces behind the first, and fill the gap
			want, err := s.Frame(uint64(i + 1))
			ok(t, err)
			size := (len(want.Dark) + 7) / 8
			if bits := body[8+i*size:][:size]; shape.Format != frame.Native && !bytes.Equal(bits, appendBits(nil, want)) {
				t.Errorf("%s: code %d is another one", shape.Format, i)
			}
		}
		for _, list := range []string{"0-", "999", "2,2", "3,2", "x", "-1", "1-2-3", "2-1", "18446744073709551617", ",", "%C2%A0", "1-4294967295"} {
			d.refused("frame.list", path+list, nil)
		}
	}
}
