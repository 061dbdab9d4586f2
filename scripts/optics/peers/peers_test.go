package peers

import (
	"testing"

	"coldsign/scripts/optics"
	"coldsign/shared/frame/picture"
)

// Every reader gives exactly the bytes of an easy picture, and nothing for a
// picture of something else.
func TestReadersGiveBackTheBytes(t *testing.T) {
	var pictures []Picture
	for _, p := range optics.Sweeps(1)[0].Points {
		if c := p.Cases[0]; p.Value == 5 {
			pictures = append(pictures, Picture{c.Picture(), c.Payload}, Picture{c.Previous(), []byte("other bytes than it holds")})
		}
	}
	grey := &picture.Plane{Width: 640, Height: 480, Stride: 640, Pix: make([]byte, 640*480)}
	pictures = append(pictures, Picture{grey, []byte("nothing")})
	check := func(t *testing.T, s Score) {
		t.Helper()
		if len(s.Read) != 3 || !s.Read[0] || s.Read[1] || s.Read[2] {
			t.Errorf("read %v", s.Read)
		}
	}
	t.Run("gozxing", func(t *testing.T) { check(t, GoZXing(pictures)) })
	for _, tool := range []Tool{ZBar(), ZXing()} {
		t.Run(tool.Name, func(t *testing.T) {
			if tool.Missing() {
				t.Fatalf("%s is not installed; run scripts/interop/install.sh", tool.Command)
			}
			s, err := tool.Score(pictures, true)
			if err != nil {
				t.Fatal(err)
			}
			check(t, s)
			if s.Wrong != len(pictures[0].Payload) {
				t.Errorf("%d bytes came out beside those wanted, and the second picture holds %d", s.Wrong, len(pictures[0].Payload))
			}
		})
	}
}
